/* What tells a mail of ours: whose signature it bears, over what, and a head that our log has signed. */
#include "cert_testing.h"

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "pool.h"
#include "text.h"
#include "head_line.h"
#include "checkpoint.h"
#include "note_key.h"

#include "mail_check.h"

static const char CONTENT[] = "Content-Type: text/plain; charset=utf-8\r\n\r\nBonjour\r\n";

struct world {
	struct testing_dir dir, other;
	struct buf root, other_root;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	testing_dir_make(&w->dir, 1);
	testing_dir_make(&w->other, 1);
	w->root = testing_get(w->dir.public_dir, "root.pem");
	w->other_root = testing_get(w->other.public_dir, "root.pem");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	buf_free(&w->root);
	buf_free(&w->other_root);
	testing_dir_drop(&w->dir);
	testing_dir_drop(&w->other);
	free(w);
	return 0;
}

static X509 *certificate_of(int dir_fd, const char *name)
{
	struct buf pem = testing_get(dir_fd, name);
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	assert_non_null(x);
	BIO_free(bio);
	buf_free(&pem);
	return x;
}

static EVP_PKEY *key_of(int dir_fd, const char *name)
{
	struct buf pem = testing_get(dir_fd, name);
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	assert_non_null(key);
	BIO_free(bio);
	buf_free(&pem);
	return key;
}

/* By the key of that name in dir (its certificate lies in keys/ or public/), and by a second one when there is one. */
static void sign(struct testing_dir *dir, const char *name, const char *second, unsigned flags, struct buf *out)
{
	char file[32];
	BIO *in = BIO_new_mem_buf(CONTENT, sizeof(CONTENT) - 1);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, in, CMS_PARTIAL | CMS_BINARY | flags);
	uint8_t *der = NULL;
	int n;

	assert_non_null(cms);
	for (const char *by = name; by; by = by == name ? second : NULL) {
		X509 *x;
		EVP_PKEY *key;

		snprintf(file, sizeof(file), "%s.pem", by);
		x = certificate_of(strcmp(by, "mail") == 0 ? dir->keys : dir->public_dir, file);
		snprintf(file, sizeof(file), "%s.key", by);
		key = key_of(dir->keys, file);
		assert_non_null(CMS_add1_signer(cms, x, key, EVP_sha256(), CMS_BINARY | (flags & CMS_NOCERTS)));
		X509_free(x);
		EVP_PKEY_free(key);
	}
	assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY | flags), 1);
	n = i2d_CMS_ContentInfo(cms, &der);
	assert_true(n > 0);
	buf_reset(out);
	buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
}

/* From memory of just that size, so that a sanitizer sees a byte too many. */
static enum pli_status signature(const char *root, const char *content, size_t n, const struct buf *p7s)
{
	char *words = malloc(n ? n : 1);
	uint8_t *der = malloc(p7s->n ? p7s->n : 1);
	struct err err = { 0 };
	enum pli_status st;

	memcpy(words, content, n);
	if (p7s->n)
		memcpy(der, p7s->p, p7s->n);
	st = mail_check_signature(root, words, n, der, p7s->n, &err);
	assert_int_equal(st == PLI_OK, err.text[0] == '\0');
	free(words);
	free(der);
	return st;
}

static void whose_signature(void **state)
{
	struct world *w = *state;
	AUTO_BUF p7s = { 0 };

	sign(&w->dir, "mail", NULL, CMS_DETACHED, &p7s);
	assert_int_equal(signature(w->root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_OK);
	assert_int_equal(signature(w->root.p, CONTENT, sizeof(CONTENT) - 2, &p7s), PLI_CONFLICT);
	assert_int_equal(signature(w->root.p, "x", 1, &p7s), PLI_CONFLICT);
	assert_int_equal(signature(w->root.p, "", 0, &p7s), PLI_CONFLICT);
	assert_int_equal(signature(w->other_root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_DENIED);
	assert_int_equal(signature("no certificate", CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_IO);
	/* Of the same house, for another purpose; of another house. */
	sign(&w->dir, "tsa", NULL, CMS_DETACHED, &p7s);
	assert_int_equal(signature(w->root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_DENIED);
	sign(&w->other, "mail", NULL, CMS_DETACHED, &p7s);
	assert_int_equal(signature(w->root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_DENIED);
}

static void no_such_signature(void **state)
{
	struct world *w = *state;
	AUTO_BUF p7s = { 0 };
	size_t n;

	assert_int_equal(signature(w->root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_INPUT);
	sign(&w->dir, "mail", NULL, 0, &p7s);	/* the content inside */
	assert_int_equal(signature(w->root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_INPUT);
	sign(&w->dir, "mail", "seal", CMS_DETACHED, &p7s);
	assert_int_equal(signature(w->root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_INPUT);
	/* No certificate came along: nobody can say whose it is. */
	sign(&w->dir, "mail", NULL, CMS_DETACHED | CMS_NOCERTS, &p7s);
	assert_int_not_equal(signature(w->root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_OK);
	sign(&w->dir, "mail", NULL, CMS_DETACHED, &p7s);
	n = p7s.n;
	buf_ch(&p7s, 'x');
	assert_int_equal(signature(w->root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_INPUT);
	for (p7s.n = 0; p7s.n < n; p7s.n++)
		assert_int_equal(signature(w->root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_INPUT);
}

/* Whatever bit is another: never is a content taken that was not signed so, and what is still taken is so for certificates' sake alone. */
static void every_bit(void **state)
{
	struct world *w = *state;
	AUTO_BUF p7s = { 0 };

	sign(&w->dir, "mail", NULL, CMS_DETACHED, &p7s);
	for (size_t i = 0; i < p7s.n; i += 3) {
		p7s.p[i] = (char)(p7s.p[i] ^ 1 << i % 8);
		assert_int_not_equal(signature(w->root.p, "x", 1, &p7s), PLI_OK);
		assert_int_not_equal(signature(w->other_root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_OK);
		p7s.p[i] = (char)(p7s.p[i] ^ 1 << i % 8);
	}
	assert_int_equal(signature(w->root.p, CONTENT, sizeof(CONTENT) - 1, &p7s), PLI_OK);
}

static void same_signer(void **state)
{
	struct world *w = *state;
	AUTO_BUF a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };

	sign(&w->dir, "mail", NULL, CMS_DETACHED, &a);
	sign(&w->dir, "mail", NULL, CMS_DETACHED, &b);
	sign(&w->dir, "tsa", NULL, CMS_DETACHED, &c);
	sign(&w->other, "mail", NULL, CMS_DETACHED, &d);
	assert_true(mail_check_same_signer(a.p, a.n, b.p, b.n));
	assert_false(mail_check_same_signer(a.p, a.n, c.p, c.n));
	assert_false(mail_check_same_signer(a.p, a.n, d.p, d.n));
	assert_false(mail_check_same_signer(a.p, a.n, "", 0));
	assert_false(mail_check_same_signer("", 0, "", 0));
	assert_false(mail_check_same_signer(a.p, a.n - 1, a.p, a.n - 1));
	sign(&w->dir, "mail", NULL, CMS_DETACHED | CMS_NOCERTS, &d);
	assert_false(mail_check_same_signer(d.p, d.n, d.p, d.n));
}

/* The head of so many entries as a mail's line, signed by the log of dir. */
static void line_of(struct testing_dir *dir, const char *origin, uint64_t size, bool with_signature, struct buf *out)
{
	struct head_line line = { .size = size, .has_signature = with_signature };
	EVP_PKEY *key = key_of(dir->keys, "log.key");
	AUTO_BUF text = { 0 };
	uint8_t public_key[32];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t n = 32, sig_n = 64;

	snprintf(line.origin, sizeof(line.origin), "%s", origin);
	memset(line.root, (int)size, 32);
	checkpoint_text_write(origin, size, line.root, &text);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, public_key, &n), 1);
	checkpoint_key_id(origin, public_key, line.signature);
	assert_true(EVP_DigestSignInit(md, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestSign(md, line.signature + 4, &sig_n, (const uint8_t *)text.p, text.n) == 1);
	buf_reset(out);
	head_line_write(&line, with_signature, out);
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
}

static bool head(const struct buf *line, const char *keys, uint64_t *size_r)
{
	AUTO_POOL pool = pool_new();
	char *exact = malloc(line->n ? line->n : 1);
	uint8_t root[32] = { 0 };
	bool ok;

	memcpy(exact, line->p, line->n);
	ok = mail_check_head(pool, exact, line->n, keys, size_r, root);
	if (ok)
		assert_int_equal(root[31], (int)(uint8_t)*size_r);
	free(exact);
	return ok;
}

static void heads(void **state)
{
	struct world *w = *state;
	struct buf key = testing_get(w->dir.public_dir, "log.pub"), foreign = testing_get(w->other.public_dir, "log.pub");
	AUTO_BUF line = { 0 }, both = { 0 };
	uint64_t size = 0;

	buf_fmt(&both, "%s%s", foreign.p, key.p);
	line_of(&w->dir, TESTING_ORIGIN, 7, true, &line);
	assert_true(head(&line, key.p, &size));
	assert_int_equal(size, 7);
	/* One of today and one of before. */
	size = 0;
	assert_true(head(&line, both.p, &size));
	assert_int_equal(size, 7);
	assert_false(head(&line, foreign.p, &size));
	assert_false(head(&line, "", &size));
	/* Each character but the blanks between its words and what reads the same. */
	for (size_t i = 0; i < line.n; i++) {
		char was = line.p[i];

		if (was == ' ')
			continue;
		line.p[i] = was == 'A' ? 'B' : 'A';
		assert_false(head(&line, both.p, &size));
		line.p[i] = was;
	}
	line.n--;
	assert_false(head(&line, both.p, &size));
	line_of(&w->dir, TESTING_ORIGIN, 7, false, &line);
	assert_false(head(&line, both.p, &size));
	buf_reset(&line);
	assert_false(head(&line, both.p, &size));
	buf_free(&key);
	buf_free(&foreign);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whose_signature),
		cmocka_unit_test(no_such_signature),
		cmocka_unit_test(every_bit),
		cmocka_unit_test(same_signer),
		cmocka_unit_test(heads),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
