/* See tsa_query.h. */
#include <string.h>

#include "buf.h"

#include "tsa_query.h"

#define DER_BOOLEAN 0x01
#define DER_INTEGER 0x02
#define DER_BITS 0x03
#define DER_OCTETS 0x04
#define DER_NULL 0x05
#define DER_OID 0x06
#define DER_UTF8 0x0c
#define DER_SEQUENCE 0x30
#define DER_EXTENSIONS 0xa0
#define STATUS_REJECTED 2

/* TOKEN_POLICY; the unit test compares the two. */
static const uint8_t POLICY[] = { 0x69, 0x82, 0x87, 0xc8, 0xe8, 0xa7, 0xe9, 0x99, 0xf2, 0x8e,
				  0xef, 0xa0, 0x88, 0xea, 0xe4, 0xdb, 0x8f, 0xd6, 0xe8, 0x7e };

static const struct {
	uint8_t oid[9];
	uint8_t bytes;
} digests[TSA_DIGESTS] = {
	[TSA_SHA256] = { { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01 }, 32 },
	[TSA_SHA384] = { { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 }, 48 },
	[TSA_SHA512] = { { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03 }, 64 },
};

/* ---- reading ---- */

struct der {
	const uint8_t *p;
	size_t n;
};

/* The next element when it has that tag, in a definite, shortest length; *whole_r (or NULL): with its head. */
static bool take(struct der *in, uint8_t tag, struct der *content_r, struct der *whole_r)
{
	size_t head = 2, length;

	if (in->n < 2 || in->p[0] != tag)
		return false;
	length = in->p[1];
	if (length == 0x81 || length == 0x82) {
		head = length == 0x81 ? 3 : 4;
		if (in->n < head)
			return false;
		length = head == 3 ? in->p[2] : (size_t)in->p[2] << 8 | in->p[3];
		if (length < (head == 3 ? 0x80 : 0x100))
			return false;
	} else if (length >= 0x80) {
		return false;
	}
	if (in->n - head < length)
		return false;
	*content_r = (struct der){ in->p + head, length };
	if (whole_r)
		*whole_r = (struct der){ in->p, head + length };
	in->p += head + length;
	in->n -= head + length;
	return true;
}

static bool next_is(const struct der *in, uint8_t tag)
{
	return in->n && in->p[0] == tag;
}

/* The shortest form (X.690 section 8.3.2). */
static bool integer_shortest(const struct der *v)
{
	return v->n == 1 || (v->n > 1 && !(v->p[0] == 0x00 && v->p[1] < 0x80) && !(v->p[0] == 0xff && v->p[1] >= 0x80));
}

static enum tsa_failure failed(enum tsa_failure failure, const char *text, const char **text_r)
{
	*text_r = text;
	return failure;
}

static enum tsa_failure bad_format(const char **text_r)
{
	return failed(TSA_BAD_DATA_FORMAT, "This is no TimeStampReq in DER.", text_r);
}

/* AlgorithmIdentifier, without parameters or with NULL for them. */
static bool algorithm_parse(struct der algorithm, enum tsa_digest *digest_r, bool *known_r)
{
	struct der oid, none;

	*known_r = false;
	if (!take(&algorithm, DER_OID, &oid, NULL) || !oid.n)
		return false;
	for (int i = 0; i < TSA_DIGESTS; i++)
		if (oid.n == sizeof(digests[i].oid) && memcmp(oid.p, digests[i].oid, oid.n) == 0) {
			*digest_r = (enum tsa_digest)i;
			*known_r = true;
		}
	if (!*known_r)
		return true;	/* its parameters are nobody's business */
	if (algorithm.n && (!take(&algorithm, DER_NULL, &none, NULL) || none.n))
		*known_r = false;
	return !algorithm.n || !*known_r;
}

/* What may stand behind the imprint, each at most once, in this order. */
struct options {
	struct der policy, nonce, cert_req, extensions;
	bool has_policy, has_cert_req, has_extensions;
};

static bool options_parse(struct der *in, struct options *o)
{
	struct der value, whole;

	*o = (struct options){ 0 };
	if (next_is(in, DER_OID)) {
		o->has_policy = true;
		if (!take(in, DER_OID, &o->policy, NULL) || !o->policy.n)
			return false;
	}
	if (next_is(in, DER_INTEGER)) {
		if (!take(in, DER_INTEGER, &value, &whole) || !integer_shortest(&value))
			return false;
		o->nonce = whole;
	}
	if (next_is(in, DER_BOOLEAN)) {
		/* DEFAULT FALSE is not written in DER, but some clients do. */
		o->has_cert_req = true;
		if (!take(in, DER_BOOLEAN, &o->cert_req, NULL) || o->cert_req.n != 1 || (o->cert_req.p[0] && o->cert_req.p[0] != 0xff))
			return false;
	}
	if (next_is(in, DER_EXTENSIONS)) {
		o->has_extensions = true;
		if (!take(in, DER_EXTENSIONS, &o->extensions, NULL))
			return false;
	}
	return !in->n;
}

enum tsa_failure tsa_query_parse(const void *der, size_t n, struct tsa_query *query_r, const char **text_r)
{
	struct der in = { der, n }, body, version, imprint, algorithm, digest;
	struct options o;
	struct tsa_query q = { 0 };
	bool known;

	if (n > TSA_QUERY_MAX_BYTES)
		return failed(TSA_BAD_DATA_FORMAT, "The request is longer than any that is answered here.", text_r);
	if (!take(&in, DER_SEQUENCE, &body, NULL) || in.n || !take(&body, DER_INTEGER, &version, NULL) || !integer_shortest(&version) ||
	    !take(&body, DER_SEQUENCE, &imprint, NULL) || !take(&imprint, DER_SEQUENCE, &algorithm, NULL) ||
	    !take(&imprint, DER_OCTETS, &digest, NULL) || imprint.n || !algorithm_parse(algorithm, &q.digest, &known) ||
	    !options_parse(&body, &o))
		return bad_format(text_r);
	if (version.n != 1 || version.p[0] != 1)
		return failed(TSA_BAD_REQUEST, "Only version 1 of requests is known.", text_r);
	if (!known)
		return failed(TSA_BAD_ALG, "Digests taken here: SHA-256, SHA-384, SHA-512.", text_r);
	if (digest.n != digests[q.digest].bytes)
		return failed(TSA_BAD_DATA_FORMAT, "The imprint is not as long as its digest.", text_r);
	if (o.nonce.n > TSA_NONCE_MAX_BYTES + 2)
		return failed(TSA_BAD_REQUEST, "The nonce is too long.", text_r);
	if (o.has_policy && (o.policy.n != sizeof(POLICY) || memcmp(o.policy.p, POLICY, sizeof(POLICY)) != 0))
		return failed(TSA_UNACCEPTED_POLICY, "There are no tokens under that policy here.", text_r);
	if (o.has_extensions)
		return failed(TSA_UNACCEPTED_EXTENSION, "No extension is known.", text_r);
	q.imprint = digest.p;
	q.imprint_n = digest.n;
	q.nonce = o.nonce.n ? o.nonce.p : NULL;
	q.nonce_n = o.nonce.n;
	q.cert_req = o.has_cert_req && o.cert_req.p[0];
	*query_r = q;
	*text_r = NULL;
	return TSA_NO_FAILURE;
}

/* ---- answering ---- */

static void head_write(struct buf *out, uint8_t tag, size_t n)
{
	buf_u8(out, tag);
	if (n >= 0x100) {
		buf_u8(out, 0x82);
		buf_u16(out, (uint16_t)n);
	} else if (n >= 0x80) {
		buf_u8(out, 0x81);
		buf_u8(out, (uint8_t)n);
	} else {
		buf_u8(out, (uint8_t)n);
	}
}

static void element_write(struct buf *out, uint8_t tag, const struct buf *content)
{
	head_write(out, tag, content->n);
	buf_add(out, content->p, content->n);
}

void tsa_reply_granted(const void *token, size_t n, struct buf *out)
{
	static const uint8_t granted[] = { DER_SEQUENCE, 3, DER_INTEGER, 1, 0 };

	head_write(out, DER_SEQUENCE, sizeof(granted) + n);
	buf_add(out, granted, sizeof(granted));
	buf_add(out, token, n);
}

void tsa_reply_rejected(enum tsa_failure failure, const char *text, struct buf *out)
{
	unsigned bit = (unsigned)failure;
	AUTO_BUF status = { 0 }, texts = { 0 }, whole = { 0 };

	head_write(&texts, DER_UTF8, strlen(text));
	buf_str(&texts, text);
	buf_u8(&status, DER_INTEGER);
	buf_u8(&status, 1);
	buf_u8(&status, STATUS_REJECTED);
	element_write(&status, DER_SEQUENCE, &texts);
	/* A list of named bits ends with the last that is set (X.690 section 11.2.2). */
	head_write(&status, DER_BITS, 2 + bit / 8);
	buf_u8(&status, (uint8_t)(7 - bit % 8));
	for (unsigned i = 0; i < bit / 8; i++)
		buf_u8(&status, 0);
	buf_u8(&status, (uint8_t)(0x80 >> bit % 8));
	element_write(&whole, DER_SEQUENCE, &status);
	element_write(out, DER_SEQUENCE, &whole);
}
