/* Requests of time-stamping clients: what OpenSSL writes is read, each fault has the failure that RFC 3161 names, no bit of a request
 * is read past its end; and the answers are what OpenSSL reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/objects.h>
#include <openssl/ts.h>

#include "buf.h"

#include "token.h"

#include "tsa_query.h"

static const uint8_t IMPRINT[64] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

struct wish {
	const EVP_MD *md;
	int imprint_n;
	const char *policy;
	int nonce_n;		/* bytes of it; 0: none */
	bool cert, extension;
	long version;
};

static void request_make(const struct wish *w, struct buf *out)
{
	TS_REQ *req = TS_REQ_new();
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *algor = X509_ALGOR_new();
	ASN1_OBJECT *policy = w->policy ? OBJ_txt2obj(w->policy, 1) : NULL;
	ASN1_INTEGER *nonce = w->nonce_n ? ASN1_INTEGER_new() : NULL;
	uint8_t digits[64], *der = NULL;
	int n;

	memset(digits, 0x55, sizeof(digits));
	X509_ALGOR_set_md(algor, w->md);
	assert_true(TS_REQ_set_version(req, w->version ? w->version : 1) && TS_MSG_IMPRINT_set_algo(imprint, algor));
	assert_true(TS_MSG_IMPRINT_set_msg(imprint, (unsigned char *)(uintptr_t)IMPRINT, w->imprint_n) && TS_REQ_set_msg_imprint(req, imprint));
	assert_true(TS_REQ_set_cert_req(req, w->cert));
	if (policy)
		assert_true(TS_REQ_set_policy_id(req, policy));
	if (nonce)
		assert_true(ASN1_STRING_set(nonce, digits, w->nonce_n) && TS_REQ_set_nonce(req, nonce));
	if (w->extension) {
		X509_EXTENSION *e = X509_EXTENSION_create_by_NID(NULL, NID_subject_key_identifier, 0, imprint ? TS_MSG_IMPRINT_get_msg(imprint) : NULL);

		assert_non_null(e);
		assert_true(TS_REQ_add_ext(req, e, -1));
		X509_EXTENSION_free(e);
	}
	n = i2d_TS_REQ(req, &der);
	assert_true(n > 0);
	buf_reset(out);
	buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	ASN1_INTEGER_free(nonce);
	ASN1_OBJECT_free(policy);
	X509_ALGOR_free(algor);
	TS_MSG_IMPRINT_free(imprint);
	TS_REQ_free(req);
}

/* Read from memory of just that size, so that a sanitizer sees a byte too many. */
static enum tsa_failure parse(const void *p, size_t n, struct tsa_query *query_r)
{
	uint8_t *exact = malloc(n ? n : 1);
	const char *text = NULL;
	enum tsa_failure failure;

	memcpy(exact, p, n);
	failure = tsa_query_parse(exact, n, query_r, &text);
	assert_int_equal(failure == TSA_NO_FAILURE, text == NULL);
	if (failure == TSA_NO_FAILURE) {
		assert_memory_equal(query_r->imprint, IMPRINT, 1);
		query_r->imprint = query_r->nonce = NULL;
	}
	free(exact);
	return failure;
}

static void what_is_asked(void **state)
{
	static const struct {
		struct wish wish;
		enum tsa_failure failure;
	} cases[] = {
		{ { .imprint_n = 32, .nonce_n = 8 }, TSA_NO_FAILURE },
		{ { .imprint_n = 32, .cert = true }, TSA_NO_FAILURE },
		{ { .imprint_n = 32, .nonce_n = TSA_NONCE_MAX_BYTES, .policy = TOKEN_POLICY, .cert = true }, TSA_NO_FAILURE },
		{ { .imprint_n = 32, .nonce_n = TSA_NONCE_MAX_BYTES + 1 }, TSA_BAD_REQUEST },
		{ { .imprint_n = 32, .version = 2 }, TSA_BAD_REQUEST },
		{ { .imprint_n = 31 }, TSA_BAD_DATA_FORMAT },
		{ { .imprint_n = 33 }, TSA_BAD_DATA_FORMAT },
		{ { .imprint_n = 32, .policy = "1.2.3.4" }, TSA_UNACCEPTED_POLICY },
		{ { .imprint_n = 32, .policy = TOKEN_POLICY ".1" }, TSA_UNACCEPTED_POLICY },
		{ { .imprint_n = 32, .extension = true }, TSA_UNACCEPTED_EXTENSION },
	};
	AUTO_BUF der = { 0 };
	struct tsa_query q;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wish w = cases[i].wish;

		w.md = EVP_sha256();
		request_make(&w, &der);
		assert_int_equal(parse(der.p, der.n, &q), cases[i].failure);
		if (cases[i].failure == TSA_NO_FAILURE) {
			assert_int_equal(q.digest, TSA_SHA256);
			assert_int_equal(q.cert_req, w.cert);
			assert_int_equal(q.nonce_n, w.nonce_n ? w.nonce_n + 2 : 0);
		}
	}
}

static void digests(void **state)
{
	const struct {
		const EVP_MD *md;
		int n;
		enum tsa_failure failure;
	} cases[] = {
		{ EVP_sha256(), 32, TSA_NO_FAILURE }, { EVP_sha384(), 48, TSA_NO_FAILURE }, { EVP_sha512(), 64, TSA_NO_FAILURE },
		{ EVP_sha1(), 20, TSA_BAD_ALG }, { EVP_md5(), 16, TSA_BAD_ALG }, { EVP_sha3_256(), 32, TSA_BAD_ALG },
		{ EVP_sha512(), 32, TSA_BAD_DATA_FORMAT },
	};
	AUTO_BUF der = { 0 };
	struct tsa_query q;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		request_make(&(struct wish){ .md = cases[i].md, .imprint_n = cases[i].n }, &der);
		assert_int_equal(parse(der.p, der.n, &q), cases[i].failure);
	}
}

/* Cut anywhere, anything behind it, any byte another: a failure or a request, and never a byte too far. */
static void every_fault(void **state)
{
	AUTO_BUF der = { 0 };
	struct tsa_query q;

	(void)state;
	request_make(&(struct wish){ .md = EVP_sha256(), .imprint_n = 32, .nonce_n = 8, .cert = true }, &der);
	for (size_t n = 0; n < der.n; n++)
		assert_int_equal(parse(der.p, n, &q), TSA_BAD_DATA_FORMAT);
	buf_ch(&der, 'x');
	assert_int_equal(parse(der.p, der.n, &q), TSA_BAD_DATA_FORMAT);
	der.n--;
	for (size_t at = 0; at < 22; at++)
		for (unsigned v = 1; v < 256; v++) {
			der.p[at] ^= (char)v;
			(void)parse(der.p, der.n, &q);
			der.p[at] ^= (char)v;
		}
	/* More than any request has. */
	for (size_t i = 0; i <= TSA_QUERY_MAX_BYTES; i++)
		buf_ch(&der, 0);
	assert_int_equal(parse(der.p, der.n, &q), TSA_BAD_DATA_FORMAT);
}

static void refusals(void **state)
{
	static const enum tsa_failure failures[] = { TSA_BAD_ALG, TSA_BAD_REQUEST, TSA_BAD_DATA_FORMAT, TSA_UNACCEPTED_POLICY, TSA_UNACCEPTED_EXTENSION };

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		AUTO_BUF reply = { 0 };
		const uint8_t *p;
		TS_RESP *resp;
		uint8_t *again = NULL;
		int n;

		tsa_reply_rejected(failures[i], "Not like that.", &reply);
		p = (const uint8_t *)reply.p;
		resp = d2i_TS_RESP(NULL, &p, (long)reply.n);
		assert_non_null(resp);
		assert_int_equal(ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(resp))), TS_STATUS_REJECTION);
		for (int bit = 0; bit < 26; bit++)
			assert_int_equal(ASN1_BIT_STRING_get_bit(TS_STATUS_INFO_get0_failure_info(TS_RESP_get_status_info(resp)), bit), bit == (int)failures[i]);
		n = i2d_TS_RESP(resp, &again);
		assert_int_equal(n, reply.n);
		assert_memory_equal(again, reply.p, reply.n);
		OPENSSL_free(again);
		TS_RESP_free(resp);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked), cmocka_unit_test(digests), cmocka_unit_test(every_fault), cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
