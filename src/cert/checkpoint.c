/* Checkpoints: writing, strict reading, verifying; the form is in checkpoint.h. */
#include <assert.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "pem.h"

#include "checkpoint.h"

#define DASH "\xe2\x80\x94 "		/* em dash and a space begin a signature line */
#define SIGNATURE_MAX_BYTES 6144	/* key id and signature: those after quantum computers take nearly 5 kB */

void checkpoint_key_id(const char *name, const uint8_t public_key[32], uint8_t id_r[4])
{
	struct note_key key;

	note_key_init(&key, name, NOTE_KEY_LOG, public_key);
	memcpy(id_r, key.id, 4);
}

void checkpoint_write(const char *origin, uint64_t size, const uint8_t root[32], const uint8_t secret[64], struct buf *out)
{
	size_t start = out->n;
	uint8_t signature[64];

	checkpoint_text_write(origin, size, root, out);
	crypto_sign_detached(signature, NULL, (const uint8_t *)out->p + start, out->n - start, secret);
	buf_ch(out, '\n');
	checkpoint_line_write(origin, secret + 32, signature, out);
}

void checkpoint_text_write(const char *origin, uint64_t size, const uint8_t root[32], struct buf *out)
{
	char base64[96];

	buf_fmt(out, "%s\n%" PRIu64 "\n%s\n", origin, size, base64_encode(base64, root, 32));
}

void checkpoint_line_write(const char *origin, const uint8_t public_key[32], const uint8_t signature[64], struct buf *out)
{
	uint8_t blob[4 + 64];
	char base64[96];

	checkpoint_key_id(origin, public_key, blob);
	memcpy(blob + 4, signature, 64);
	buf_fmt(out, DASH "%s %s\n", origin, base64_encode(base64, blob, sizeof(blob)));
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

/* One signature line; borrowed. */
struct signature {
	const char *name, *base64;
	size_t name_n, base64_n;
	uint8_t id[4];
};

static bool signature_parse(const char *s, size_t n, struct signature *signature_r)
{
	uint8_t blob[SIGNATURE_MAX_BYTES + 3];
	const char *space;
	size_t dash_n = strlen(DASH), blob_n;

	if (n <= dash_n || memcmp(s, DASH, dash_n) != 0)
		return false;
	s += dash_n;
	n -= dash_n;
	space = memchr(s, ' ', n);
	if (!space)
		return false;
	*signature_r = (struct signature){ .name = s, .name_n = (size_t)(space - s), .base64 = space + 1 };
	signature_r->base64_n = n - signature_r->name_n - 1;
	if (!note_name_valid(s, signature_r->name_n) || signature_r->base64_n > SIGNATURE_MAX_BYTES / 3 * 4 ||
	    !base64_decode(blob, &blob_n, signature_r->base64, signature_r->base64_n) || blob_n <= 4)
		return false;
	memcpy(signature_r->id, blob, 4);
	return true;
}

static bool text_parse(const char **p, const char *text, const char *end, bool extensions, struct checkpoint *c)
{
	const char *s;
	uint8_t root[36];
	size_t len;

	if (!line(p, end, &s, &len) || !note_name_valid(s, len))
		return false;
	memcpy(c->origin, s, len);
	if (!line(p, end, &s, &len) || !size_parse(s, len, &c->size))
		return false;
	if (!line(p, end, &s, &len) || len != 44 || !base64_decode(root, &len, s, 44) || len != 32)
		return false;
	memcpy(c->root, root, 32);
	for (;;) {
		c->signed_bytes = (size_t)(*p - text);
		if (!line(p, end, &s, &len))
			return false;
		if (!len)
			return true;
		if (!extensions || !text_is_line(s, len))
			return false;
		c->extensions++;
	}
}

/* signatures_r (CHECKPOINT_LINES_MAX of them) may be NULL. */
static bool parse(const char *text, size_t n, bool extensions, struct checkpoint *c, struct signature *signatures_r)
{
	const char *p = text, *end = text + n, *s;
	struct signature one;
	bool own = true;
	size_t len;

	memset(c, 0, sizeof(*c));
	if (n > CHECKPOINT_MAX_BYTES || !text_parse(&p, text, end, extensions, c))
		return false;
	c->own_bytes = (size_t)(p - text);
	while (p < end) {
		if (c->signatures == CHECKPOINT_LINES_MAX || !line(&p, end, &s, &len) || !signature_parse(s, len, &one))
			return false;
		own = own && one.name_n == strlen(c->origin) && memcmp(one.name, c->origin, one.name_n) == 0;
		if (own)
			c->own_bytes = (size_t)(p - text);
		if (signatures_r)
			signatures_r[c->signatures] = one;
		c->signatures++;
	}
	return c->signatures > 0;
}

static enum pli_status parsed(const char *text, size_t n, bool extensions, struct checkpoint *checkpoint_r, struct err *err)
{
	struct checkpoint c;

	if (!parse(text, n, extensions, &c, NULL))
		return err_set(err, PLI_INPUT, "checkpoint is malformed");
	*checkpoint_r = c;
	return PLI_OK;
}

enum pli_status checkpoint_parse(const char *text, size_t n, struct checkpoint *checkpoint_r, struct err *err)
{
	return parsed(text, n, false, checkpoint_r, err);
}

enum pli_status checkpoint_read(const char *text, size_t n, struct checkpoint *checkpoint_r, struct err *err)
{
	return parsed(text, n, true, checkpoint_r, err);
}

/* What a witness signs. */
static void cosigned_text(const char *text, size_t n, uint64_t time_s, struct buf *out)
{
	buf_fmt(out, "cosignature/v1\ntime %" PRIu64 "\n", time_s);
	buf_add(out, text, n);
}

static bool signature_holds(const struct signature *s, const char *text, size_t signed_bytes, const struct note_key *key, uint64_t *time_s_r)
{
	uint8_t blob[SIGNATURE_MAX_BYTES + 3];
	AUTO_BUF cosigned = { 0 };
	struct cursor c;
	size_t n = 0;

	*time_s_r = 0;
	if (!base64_decode(blob, &n, s->base64, s->base64_n))
		return false;
	if (key->type == NOTE_KEY_LOG)
		return n == 4 + 64 && crypto_sign_verify_detached(blob + 4, (const uint8_t *)text, signed_bytes, key->public_key) == 0;
	if (n != 4 + 8 + 64)
		return false;
	cursor_init(&c, blob + 4, 8);
	*time_s_r = cursor_u64(&c);
	cosigned_text(text, signed_bytes, *time_s_r, &cosigned);
	return *time_s_r <= INT64_MAX &&
	       crypto_sign_verify_detached(blob + 12, (const uint8_t *)cosigned.p, cosigned.n, key->public_key) == 0;
}

/* Exactly one line by that key, and it holds. */
static enum pli_status one_holds(const char *text, const struct checkpoint *c, const struct signature *signatures, const struct note_key *key,
				 uint64_t *time_s_r, struct err *err)
{
	unsigned found = 0;

	for (unsigned i = 0; i < c->signatures; i++) {
		const struct signature *s = &signatures[i];

		if (s->name_n != strlen(key->name) || memcmp(s->name, key->name, s->name_n) != 0 || memcmp(s->id, key->id, 4) != 0)
			continue;
		if (!signature_holds(s, text, c->signed_bytes, key, time_s_r))
			return err_set(err, PLI_CONFLICT, key->type == NOTE_KEY_LOG ? "signature of the checkpoint does not hold" :
								"the cosignature of %.80s does not hold", key->name);
		found++;
	}
	if (found > 1)
		return err_set(err, PLI_CONFLICT, "checkpoint is signed twice by %.80s", key->name);
	return found ? PLI_OK : err_set(err, PLI_ABSENT, "checkpoint is not signed by %.80s", key->name);
}

enum pli_status checkpoint_verify(const char *text, size_t n, const char *origin, const uint8_t public_key[32],
				  struct checkpoint *checkpoint_r, struct err *err)
{
	struct signature signatures[CHECKPOINT_LINES_MAX];
	enum pli_status status;
	struct note_key key;
	struct checkpoint c;
	uint64_t time_s;

	if (!parse(text, n, false, &c, signatures))
		return err_set(err, PLI_INPUT, "checkpoint is malformed");
	if (origin && !str_eq(c.origin, origin))
		return err_set(err, PLI_CONFLICT, "checkpoint is of the log '%s', not of '%s'", c.origin, origin);
	note_key_init(&key, c.origin, NOTE_KEY_LOG, public_key);
	status = one_holds(text, &c, signatures, &key, &time_s, err);
	if (status == PLI_ABSENT)
		return err_set(err, PLI_CONFLICT, "checkpoint is not signed by the log's key");
	if (status == PLI_OK)
		*checkpoint_r = c;
	return status;
}

void checkpoint_cosign(const char *text, size_t signed_bytes, const char *name, const uint8_t secret[64], uint64_t time_s, struct buf *out)
{
	AUTO_BUF cosigned = { 0 }, blob = { 0 };
	uint8_t signature[64];
	struct note_key key;
	char base64[112];

	note_key_init(&key, name, NOTE_KEY_WITNESS, secret + 32);
	cosigned_text(text, signed_bytes, time_s, &cosigned);
	crypto_sign_detached(signature, NULL, (const uint8_t *)cosigned.p, cosigned.n, secret);
	buf_add(&blob, key.id, 4);
	buf_u64(&blob, time_s);
	buf_add(&blob, signature, 64);
	buf_fmt(out, DASH "%s %s\n", name, base64_encode(base64, blob.p, blob.n));
}

enum pli_status checkpoint_signed_by(const char *text, size_t n, const struct note_key *key, uint64_t *time_s_r, struct err *err)
{
	struct signature signatures[CHECKPOINT_LINES_MAX];
	struct checkpoint c;

	*time_s_r = 0;
	if (!parse(text, n, true, &c, signatures))
		return err_set(err, PLI_INPUT, "checkpoint is malformed");
	return one_holds(text, &c, signatures, key, time_s_r, err);
}

const char *checkpoint_line(const char *text, size_t n, const struct checkpoint *checkpoint, unsigned i, size_t *line_n_r)
{
	const char *p = text + checkpoint->signed_bytes + 1, *end = text + n, *s = p;
	size_t len = 0;

	assert(i < checkpoint->signatures);
	for (unsigned k = 0; k <= i; k++)
		(void)line(&p, end, &s, &len);
	*line_n_r = len + 1;
	return s;
}

enum pli_status checkpoint_public_key(const char *pem, size_t n, uint8_t public_key_r[32], struct err *err)
{
	AUTO_BUF der = { 0 };
	bool ok = pem_der(pem, n, PEM_STRING_PUBLIC, &der) && pem_is_ed25519(der.p, der.n, public_key_r);

	return ok ? PLI_OK : err_set(err, PLI_INPUT, "not a PEM Ed25519 public key");
}
