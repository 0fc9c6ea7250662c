/* What a stranger checks with openssl: certificates, checkpoint, token, seal; and that nothing changed passes. */
#include "cert_testing.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <time.h>

#include "clock.h"
#include "keyring.h"
#include "text.h"
#include "checkpoint.h"
#include "seal.h"
#include "token.h"
#include "tree.h"

struct fixture {
	struct testing_dir dir;
	struct buf root, seal, tsa, log_pub;
	uint8_t log_public[32], log_secret[64];
	struct buf note, token, p7s;
};

static const char manifest[] = "<asic>\nsome lines\n</asic>\n";

static void get_log_key(struct fixture *f)
{
	struct buf pem = testing_get(f->dir.keys, "log.key");
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	size_t n = 32;

	assert_int_equal(EVP_PKEY_get_raw_private_key(key, f->log_secret, &n), 1);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, f->log_secret + 32, &n), 1);
	EVP_PKEY_free(key);
	BIO_free(bio);
	buf_free(&pem);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct buf key;
	struct token_maker *maker;
	struct sealer *sealer;
	uint8_t root[32] = { 7, 8, 9 };
	struct err err = { 0 };

	testing_dir_make(&f->dir, 1);
	f->root = testing_get(f->dir.public_dir, "root.pem");
	f->seal = testing_get(f->dir.public_dir, "seal.pem");
	f->tsa = testing_get(f->dir.public_dir, "tsa.pem");
	f->log_pub = testing_get(f->dir.public_dir, "log.pub");
	assert_int_equal(checkpoint_public_key(f->log_pub.p, f->log_pub.n, f->log_public, &err), PLI_OK);
	get_log_key(f);
	assert_memory_equal(f->log_public, f->log_secret + 32, 32);
	checkpoint_write(TESTING_ORIGIN, 2034, root, f->log_secret, &f->note);

	key = testing_get(f->dir.keys, "tsa.key");
	assert_int_equal(token_maker_new(f->tsa.p, key.p, &maker, &err), PLI_OK);
	assert_int_equal(token_make(maker, f->note.p, f->note.n, clock_now_us() / SECOND_US * SECOND_US + 123456, &f->token, &err), PLI_OK);
	token_maker_free(maker);
	assert_int_equal(token_maker_new(f->seal.p, key.p, &maker, &err), PLI_INPUT);
	buf_free(&key);

	key = testing_get(f->dir.keys, "seal.key");
	assert_int_equal(sealer_new(f->seal.p, key.p, &sealer, &err), PLI_OK);
	assert_int_equal(seal_make(sealer, manifest, strlen(manifest), &f->p7s, &err), PLI_OK);
	sealer_free(sealer);
	buf_free(&key);

	testing_put(f->dir.fd, "root.pem", f->root.p, f->root.n);
	testing_put(f->dir.fd, "tsa.pem", f->tsa.p, f->tsa.n);
	testing_put(f->dir.fd, "checkpoint.txt", f->note.p, f->note.n);
	testing_put(f->dir.fd, "checkpoint.tst", f->token.p, f->token.n);
	testing_put(f->dir.fd, "manifest.xml", manifest, strlen(manifest));
	testing_put(f->dir.fd, "signature.p7s", f->p7s.p, f->p7s.n);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	testing_dir_drop(&f->dir);
	buf_free(&f->root);
	buf_free(&f->seal);
	buf_free(&f->tsa);
	buf_free(&f->log_pub);
	buf_free(&f->note);
	buf_free(&f->token);
	buf_free(&f->p7s);
	free(f);
	return 0;
}

static void openssl_agrees(void **state)
{
	struct fixture *f = *state;
	struct checkpoint c;
	uint8_t blob[68];
	size_t blob_n;
	const char *base64;
	struct err err;

	assert_int_equal(TESTING_RUN(&f->dir, "openssl", "ts", "-verify", "-in", "checkpoint.tst", "-token_in", "-data", "checkpoint.txt",
				     "-CAfile", "root.pem", "-untrusted", "tsa.pem"), 0);
	assert_int_equal(TESTING_RUN(&f->dir, "openssl", "ts", "-verify", "-in", "checkpoint.tst", "-token_in", "-data", "manifest.xml",
				     "-CAfile", "root.pem", "-untrusted", "tsa.pem"), 1);
	assert_int_equal(TESTING_RUN(&f->dir, "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "signature.p7s",
				     "-content", "manifest.xml", "-CAfile", "root.pem", "-purpose", "any", "-out", "/dev/null"), 0);
	assert_int_not_equal(TESTING_RUN(&f->dir, "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "signature.p7s",
					 "-content", "checkpoint.txt", "-CAfile", "root.pem", "-purpose", "any", "-out", "/dev/null"), 0);
	/* The note's signature over its text, by the published key. */
	assert_int_equal(checkpoint_parse(f->note.p, f->note.n, &c, &err), PLI_OK);
	base64 = strrchr(f->note.p, ' ') + 1;
	assert_true(base64_decode(blob, &blob_n, base64, strlen(base64) - 1));
	testing_put(f->dir.fd, "text", f->note.p, c.signed_bytes);
	testing_put(f->dir.fd, "sig", blob + 4, 64);
	testing_put(f->dir.fd, "log.pub", f->log_pub.p, f->log_pub.n);
	assert_int_equal(TESTING_RUN(&f->dir, "openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "log.pub", "-rawin", "-in", "text",
				     "-sigfile", "sig"), 0);
}

static void checkpoint_bytes(void **state)
{
	struct fixture *f = *state;
	struct checkpoint c;
	struct err err;

	assert_int_equal(checkpoint_verify(f->note.p, f->note.n, TESTING_ORIGIN, f->log_public, &c, &err), PLI_OK);
	assert_int_equal(c.size, 2034);
	assert_int_equal(c.root[2], 9);
	assert_string_equal(c.origin, TESTING_ORIGIN);
	assert_int_equal(checkpoint_verify(f->note.p, f->note.n, "other/j/1", f->log_public, &c, &err), PLI_CONFLICT);
	for (size_t at = 0; at < f->note.n; at++) {
		char was = f->note.p[at];

		assert_int_not_equal(checkpoint_verify(f->note.p, at, NULL, f->log_public, &c, &err), PLI_OK);
		for (unsigned x = 1; x < 256; x += 6) {
			f->note.p[at] = (char)(was ^ (char)x);
			assert_int_not_equal(checkpoint_verify(f->note.p, f->note.n, NULL, f->log_public, &c, &err), PLI_OK);
		}
		f->note.p[at] = was;
	}
}

/* The example of the signed-note specification: name, key and id. */
static void key_id_is_the_specified(void **state)
{
	uint8_t key[36], id[4];
	char hex[9];
	size_t n;

	(void)state;
	/* sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8 */
	assert_true(base64_decode(key, &n, "Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8", 44));
	assert_int_equal(n, 33);
	assert_int_equal(key[0], 1);
	checkpoint_key_id("sum.golang.org", key + 1, id);
	assert_string_equal(hex_encode(hex, id, 4), "033de0ae");
}

static void more_signatures(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF note = { 0 };
	struct checkpoint c;
	struct err err;

	buf_add(&note, f->note.p, f->note.n);
	buf_str(&note, "\xe2\x80\x94 witness.example AAAAAAEC\n");
	assert_int_equal(checkpoint_verify(note.p, note.n, TESTING_ORIGIN, f->log_public, &c, &err), PLI_OK);
	assert_int_equal(c.signatures, 2);
	buf_str(&note, "not a signature\n");
	assert_int_equal(checkpoint_verify(note.p, note.n, TESTING_ORIGIN, f->log_public, &c, &err), PLI_INPUT);
}

/* The second token of a maker and all after it are made of the one before. */
static void many_tokens(void **state)
{
	static const int64_t ms[] = { 123, 0, 120, 100, 7, 999, 1 };
	struct fixture *f = *state;
	struct buf key = testing_get(f->dir.keys, "tsa.key");
	struct token_maker *maker;
	struct token_verifier *v;
	struct token_info info, before = { 0 };
	struct err err = { 0 };

	assert_int_equal(token_maker_new(f->tsa.p, key.p, &maker, &err), PLI_OK);
	assert_int_equal(token_verifier_new(f->root.p, f->tsa.p, &v, &err), PLI_OK);
	for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
		AUTO_BUF token = { 0 };
		int64_t t_us = clock_now_us() / SECOND_US * SECOND_US + ms[i] * 1000;

		assert_int_equal(token_make(maker, f->note.p, f->note.n - i, t_us, &token, &err), PLI_OK);
		assert_int_equal(token_verify(v, token.p, token.n, f->note.p, f->note.n - i, &info, &err), PLI_OK);
		assert_true(info.gen_time_us == t_us);
		assert_string_equal(info.policy, TOKEN_POLICY);
		assert_false(info.serial_n == before.serial_n && memcmp(info.serial, before.serial, info.serial_n) == 0);
		if (i)
			assert_int_equal(token_verify(v, token.p, token.n, f->note.p, f->note.n - i + 1, &info, &err), PLI_CONFLICT);
		before = info;
		testing_put(f->dir.fd, "many.tst", token.p, token.n);
		testing_put(f->dir.fd, "many.txt", f->note.p, f->note.n - i);
		assert_int_equal(TESTING_RUN(&f->dir, "openssl", "ts", "-verify", "-in", "many.tst", "-token_in", "-data", "many.txt",
					     "-CAfile", "root.pem", "-untrusted", "tsa.pem"), 0);
	}
	token_verifier_free(v);
	token_maker_free(maker);
	buf_free(&key);
}

static void token_bytes(void **state)
{
	struct fixture *f = *state;
	struct token_verifier *v;
	struct token_info info;
	struct err err;

	assert_int_equal(token_verifier_new(f->root.p, f->tsa.p, &v, &err), PLI_OK);
	assert_int_equal(token_verify(v, f->token.p, f->token.n, f->note.p, f->note.n, &info, &err), PLI_OK);
	assert_int_equal(info.gen_time_us % SECOND_US, 123000);
	assert_string_equal(info.policy, TOKEN_POLICY);
	assert_int_equal(token_verify(v, f->token.p, f->token.n, f->note.p, f->note.n - 1, &info, &err), PLI_CONFLICT);
	for (size_t at = 0; at < f->token.n; at++) {
		assert_int_not_equal(token_verify(v, f->token.p, at, f->note.p, f->note.n, &info, &err), PLI_OK);
		for (unsigned x = 1; x < 256; x <<= 1) {
			f->token.p[at] ^= (char)x;
			if (token_verify(v, f->token.p, f->token.n, f->note.p, f->note.n, &info, &err) == PLI_OK)
				fail_msg("byte %zu ^ %u passes", at, x);
			f->token.p[at] ^= (char)x;
		}
	}
	token_verifier_free(v);
	assert_int_equal(token_verifier_new(f->root.p, f->seal.p, &v, &err), PLI_OK);
	assert_int_equal(token_verify(v, f->token.p, f->token.n, f->note.p, f->note.n, &info, &err), PLI_CONFLICT);
	token_verifier_free(v);
}

static void seal_bytes(void **state)
{
	struct fixture *f = *state;
	struct err err;
	size_t n = strlen(manifest);

	assert_int_equal(seal_verify(f->p7s.p, f->p7s.n, manifest, n, f->root.p, f->seal.p, 0, &err), PLI_OK);
	assert_int_equal(seal_verify(f->p7s.p, f->p7s.n, manifest, n - 1, f->root.p, f->seal.p, 0, &err), PLI_CONFLICT);
	assert_int_equal(seal_verify(f->p7s.p, f->p7s.n, manifest, n, f->root.p, f->tsa.p, 0, &err), PLI_CONFLICT);
	assert_int_equal(seal_verify(f->p7s.p, f->p7s.n, manifest, n, f->root.p, f->seal.p, clock_now_us() + 365 * 40 * DAY_US, &err),
			 PLI_CONFLICT);
	for (size_t at = 0; at < f->p7s.n; at++)
		for (unsigned x = 1; x < 256; x <<= 1) {
			f->p7s.p[at] ^= (char)x;
			if (seal_verify(f->p7s.p, f->p7s.n, manifest, n, f->root.p, f->seal.p, 0, &err) == PLI_OK)
				fail_msg("byte %zu ^ %u passes", at, x);
			f->p7s.p[at] ^= (char)x;
		}
}

static void nothing_is_overwritten(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	uint8_t a[32], b[32];
	struct stat st;

	assert_int_equal(keygen_init(f->dir.keys, f->dir.public_dir, f->dir.journal, TESTING_ORIGIN, "a@b.example", &err), PLI_CONFLICT);
	assert_int_equal(fstatat(f->dir.keys, "log.key", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(keygen_fingerprint(f->root.p, a, &err), PLI_OK);
	assert_int_equal(keygen_fingerprint(f->log_pub.p, b, &err), PLI_OK);
	assert_memory_not_equal(a, b, 32);
	assert_int_equal(keygen_fingerprint("nothing", b, &err), PLI_INPUT);
}

/* An instance from before there was a second signer. */
static void operator_later(void **state)
{
	struct testing_dir d;
	struct err err = { 0 };
	struct stat st;
	struct buf before, after, before_key;
	unsigned count;

	(void)state;
	testing_dir_make(&d, 1);
	assert_int_equal(keygen_operator(d.keys, d.public_dir, TESTING_ORIGIN, &err), PLI_OK);
	before = testing_get(d.public_dir, "operator.pem");
	/* Half of it gone, as after a crash; then all of it. */
	assert_int_equal(unlinkat(d.public_dir, "operator.pem", 0), 0);
	assert_int_equal(keygen_operator(d.keys, d.public_dir, TESTING_ORIGIN, &err), PLI_OK);
	after = testing_get(d.public_dir, "operator.pem");
	assert_string_equal(before.p, after.p);
	buf_free(&after);
	assert_int_equal(unlinkat(d.public_dir, "operator.pem", 0), 0);
	assert_int_equal(unlinkat(d.keys, "operator.pem", 0), 0);
	assert_int_equal(keygen_operator(d.keys, d.public_dir, TESTING_ORIGIN, &err), PLI_OK);
	after = testing_get(d.public_dir, "operator.pem");
	assert_string_not_equal(before.p, after.p);
	assert_int_equal(fstatat(d.keys, "operator.key", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* A change of the key was broken off after its certificate had come in place: nothing is made, the keeper finishes it. */
	assert_int_equal(renameat(d.keys, "operator.key", d.keys, "next-operator.key"), 0);
	assert_int_equal(keygen_operator(d.keys, d.public_dir, TESTING_ORIGIN, &err), PLI_OK);
	assert_int_not_equal(fstatat(d.keys, "operator.key", &st, 0), 0);
	/* In a token likewise. */
	assert_int_equal(renameat(d.keys, "next-operator.key", d.keys, "next-operator.token"), 0);
	assert_int_equal(keygen_operator(d.keys, d.public_dir, TESTING_ORIGIN, &err), PLI_OK);
	assert_int_equal(renameat(d.keys, "next-operator.token", d.keys, "operator.token"), 0);
	assert_int_equal(keygen_operator(d.keys, d.public_dir, TESTING_ORIGIN, &err), PLI_OK);
	assert_int_not_equal(fstatat(d.keys, "operator.key", &st, 0), 0);
	assert_int_equal(renameat(d.keys, "operator.token", d.keys, "operator.key"), 0);
	/* The root's key is under a pass phrase: then that is said, and nothing made. */
	before_key = testing_get(d.keys, "root.key");
	assert_int_equal(unlinkat(d.keys, "operator.key", 0), 0);
	assert_int_equal(unlinkat(d.keys, "operator.pem", 0), 0);
	assert_int_equal(unlinkat(d.public_dir, "operator.pem", 0), 0);
	assert_int_equal(keyring_protect(d.keys, "a pass phrase long enough", &count, &err), PLI_OK);
	assert_int_equal(keygen_operator(d.keys, d.public_dir, TESTING_ORIGIN, &err), PLI_DENIED);
	assert_non_null(strstr(err.text, "pass phrase"));
	assert_int_not_equal(fstatat(d.keys, "operator.key", &st, 0), 0);
	testing_put(d.keys, "root.key", before_key.p, before_key.n);
	assert_int_equal(keygen_operator(d.keys, d.public_dir, TESTING_ORIGIN, &err), PLI_OK);
	buf_free(&before_key);
	/* The root's key is elsewhere. */
	assert_int_equal(unlinkat(d.public_dir, "operator.pem", 0), 0);
	assert_int_equal(unlinkat(d.keys, "operator.key", 0), 0);
	assert_int_equal(unlinkat(d.keys, "root.key", 0), 0);
	assert_int_equal(keygen_operator(d.keys, d.public_dir, TESTING_ORIGIN, &err), PLI_ABSENT);
	assert_non_null(strstr(err.hint, "root.key"));
	buf_free(&before);
	buf_free(&after);
	testing_dir_drop(&d);
}

static void tls_pair(void **state)
{
	static const char *const hosts[] = { "localhost", "pli.example", "192.0.2.9", "2001:db8::1" };
	struct fixture *f = *state;
	struct err err = { 0 };

	for (size_t i = 0; i < 4; i++) {
		struct testing_dir d;
		int tls;

		testing_dir_make(&d, 0);
		tls = testing_mkdir(&d, "tls");
		if (keygen_tls(d.keys, tls, hosts[i], &err) != PLI_OK)
			fail_msg("%s: %s", hosts[i], err.text);
		close(tls);
		assert_int_equal(TESTING_RUN(&d, "openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "tls/ca.pem", i < 2 ? "-verify_hostname" : "-verify_ip",
					     hosts[i], "tls/cert.pem"), 0);
		assert_int_equal(TESTING_RUN(&d, "openssl", "verify", "-CAfile", "tls/ca.pem", "-verify_ip", "127.0.0.1", "tls/cert.pem"), 0);
		assert_int_not_equal(TESTING_RUN(&d, "openssl", "verify", "-CAfile", "tls/ca.pem", "-verify_hostname", "other.example", "tls/cert.pem"), 0);
		testing_dir_drop(&d);
	}
	assert_int_equal(keygen_tls(f->dir.keys, f->dir.public_dir, "a,DNS:b", &err), PLI_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openssl_agrees), cmocka_unit_test(checkpoint_bytes), cmocka_unit_test(key_id_is_the_specified),
		cmocka_unit_test(more_signatures), cmocka_unit_test(token_bytes), cmocka_unit_test(many_tokens), cmocka_unit_test(seal_bytes),
		cmocka_unit_test(nothing_is_overwritten), cmocka_unit_test(operator_later), cmocka_unit_test(tls_pair),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
