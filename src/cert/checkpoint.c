/* Checkpoints: writing, strict reading, verifying; the form is in checkpoint.h. */
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"

#include "checkpoint.h"

#define DASH "\xe2\x80\x94 "		/* em dash and a space begin a signature line */
#define SIGNATURES_MAX 16
#define BLOB_MAX_BYTES 256

void checkpoint_key_id(const char *name, const uint8_t public_key[32], uint8_t id_r[4])
{
	AUTO_BUF b = { 0 };
	uint8_t digest[32];

	buf_str(&b, name);
	buf_add(&b, "\n\1", 2);
	buf_add(&b, public_key, 32);
	cipher_sha256(b.p, b.n, digest);
	memcpy(id_r, digest, 4);
}

void checkpoint_write(const char *origin, uint64_t size, const uint8_t root[32], const uint8_t secret[64], struct buf *out)
{
	size_t start = out->n;
	uint8_t blob[4 + 64];
	char base64[96];

	buf_fmt(out, "%s\n%" PRIu64 "\n%s\n", origin, size, base64_encode(base64, root, 32));
	checkpoint_key_id(origin, secret + 32, blob);
	crypto_sign_detached(blob + 4, NULL, (const uint8_t *)out->p + start, out->n - start, secret);
	buf_fmt(out, "\n" DASH "%s %s\n", origin, base64_encode(base64, blob, sizeof(blob)));
}

/* The next line without its newline; false when there is none. */
static bool line(const char **p, const char *end, const char **s_r, size_t *n_r)
{
	const char *nl = memchr(*p, '\n', (size_t)(end - *p));

	if (!nl)
		return false;
	*s_r = *p;
	*n_r = (size_t)(nl - *p);
	*p = nl + 1;
	return true;
}

/* A key's name: no space, no plus sign, no control character (signed-note). */
static bool name_valid(const char *s, size_t n)
{
	return n && n <= CHECKPOINT_ORIGIN_MAX && text_is_line(s, n) && !memchr(s, ' ', n) && !memchr(s, '+', n);
}

static bool size_parse(const char *s, size_t n, uint64_t *size_r)
{
	uint64_t v = 0;

	if (!n || n > 18 || (*s == '0' && n > 1))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*size_r = v;
	return true;
}

struct signature {
	const char *name;
	size_t name_n;
	uint8_t blob[BLOB_MAX_BYTES];
	size_t blob_n;
};

static bool signature_parse(const char *s, size_t n, struct signature *signature_r)
{
	const char *space;
	size_t dash_n = strlen(DASH), base64_n;

	if (n <= dash_n || memcmp(s, DASH, dash_n) != 0)
		return false;
	s += dash_n;
	n -= dash_n;
	space = memchr(s, ' ', n);
	if (!space)
		return false;
	signature_r->name = s;
	signature_r->name_n = (size_t)(space - s);
	base64_n = n - signature_r->name_n - 1;
	return name_valid(s, signature_r->name_n) && base64_n <= BLOB_MAX_BYTES / 3 * 4 &&
	       base64_decode(signature_r->blob, &signature_r->blob_n, space + 1, base64_n) && signature_r->blob_n > 4;
}

/* signatures_r (SIGNATURES_MAX of them) may be NULL. */
static bool parse(const char *text, size_t n, struct checkpoint *c, struct signature *signatures_r)
{
	const char *p = text, *end = text + n, *s;
	struct signature one;
	uint8_t root[36];
	size_t len;

	memset(c, 0, sizeof(*c));
	if (n > CHECKPOINT_MAX_BYTES || !line(&p, end, &s, &len) || !name_valid(s, len))
		return false;
	memcpy(c->origin, s, len);
	if (!line(&p, end, &s, &len) || !size_parse(s, len, &c->size))
		return false;
	if (!line(&p, end, &s, &len) || len != 44 || !base64_decode(root, &len, s, 44) || len != 32)
		return false;
	memcpy(c->root, root, 32);
	c->signed_bytes = (size_t)(p - text);
	if (!line(&p, end, &s, &len) || len)
		return false;
	while (p < end) {
		if (c->signatures == SIGNATURES_MAX || !line(&p, end, &s, &len) || !signature_parse(s, len, &one))
			return false;
		if (signatures_r)
			signatures_r[c->signatures] = one;
		c->signatures++;
	}
	return c->signatures > 0;
}

enum pli_status checkpoint_parse(const char *text, size_t n, struct checkpoint *checkpoint_r, struct err *err)
{
	struct checkpoint c;

	if (!parse(text, n, &c, NULL))
		return err_set(err, PLI_INPUT, "checkpoint is malformed");
	*checkpoint_r = c;
	return PLI_OK;
}

enum pli_status checkpoint_verify(const char *text, size_t n, const char *origin, const uint8_t public_key[32],
				  struct checkpoint *checkpoint_r, struct err *err)
{
	struct signature signatures[SIGNATURES_MAX];
	unsigned ours = 0;
	struct checkpoint c;
	uint8_t id[4];

	if (!parse(text, n, &c, signatures))
		return err_set(err, PLI_INPUT, "checkpoint is malformed");
	if (origin && !str_eq(c.origin, origin))
		return err_set(err, PLI_CONFLICT, "checkpoint is of the log '%s', not of '%s'", c.origin, origin);
	checkpoint_key_id(c.origin, public_key, id);
	for (unsigned i = 0; i < c.signatures; i++) {
		const struct signature *s = &signatures[i];

		if (s->name_n != strlen(c.origin) || memcmp(s->name, c.origin, s->name_n) != 0 || memcmp(s->blob, id, 4) != 0)
			continue;
		if (s->blob_n != 68 || crypto_sign_verify_detached(s->blob + 4, (const uint8_t *)text, c.signed_bytes, public_key) != 0)
			return err_set(err, PLI_CONFLICT, "signature of the checkpoint does not hold");
		ours++;
	}
	if (ours != 1)
		return err_set(err, PLI_CONFLICT, "checkpoint is not signed by the log's key");
	*checkpoint_r = c;
	return PLI_OK;
}

enum pli_status checkpoint_public_key(const char *pem, size_t n, uint8_t public_key_r[32], struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem, n > INT32_MAX ? 0 : (int)n);
	EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	size_t len = 32;
	bool ok = key && EVP_PKEY_is_a(key, "ED25519") && EVP_PKEY_get_raw_public_key(key, public_key_r, &len) == 1 && len == 32;

	EVP_PKEY_free(key);
	BIO_free(bio);
	if (!ok)
		ERR_clear_error();
	return ok ? PLI_OK : err_set(err, PLI_INPUT, "not a PEM Ed25519 public key");
}
