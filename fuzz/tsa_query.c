/* Requests of time-stamping clients: DER from outside, read by front and again by the keeper. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/ts.h>

#include "buf.h"

#include "tsa_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What we take OpenSSL, which makes the first token of each shape from the request itself, reads as the same. */
static void same_as_openssl(const uint8_t *data, size_t size, const struct tsa_query *query)
{
	const uint8_t *p = data, *q = query->nonce;
	TS_REQ *req = d2i_TS_REQ(NULL, &p, (long)size);
	ASN1_INTEGER *nonce = q ? d2i_ASN1_INTEGER(NULL, &q, (long)query->nonce_n) : NULL;
	ASN1_OCTET_STRING *imprint;

	assert(req && p == data + size && TS_REQ_get_version(req) == 1);
	imprint = TS_MSG_IMPRINT_get_msg(TS_REQ_get_msg_imprint(req));
	assert((size_t)ASN1_STRING_length(imprint) == query->imprint_n &&
	       memcmp(ASN1_STRING_get0_data(imprint), query->imprint, query->imprint_n) == 0);
	assert(!!TS_REQ_get_cert_req(req) == query->cert_req);
	assert(!q == !TS_REQ_get_nonce(req) && (!q || (nonce && ASN1_INTEGER_cmp(nonce, TS_REQ_get_nonce(req)) == 0)));
	assert(TS_REQ_get_ext_count(req) == 0);
	ASN1_INTEGER_free(nonce);
	TS_REQ_free(req);
	ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsa_query query;
	const char *text;
	enum tsa_failure failure = tsa_query_parse(data, size, &query, &text);

	if (failure == TSA_NO_FAILURE) {
		assert(!text && query.imprint >= data && query.imprint + query.imprint_n <= data + size);
		assert(!query.nonce || (query.nonce >= data && query.nonce + query.nonce_n <= data + size));
		same_as_openssl(data, size, &query);
	} else {
		AUTO_BUF reply = { 0 };
		const uint8_t *p;
		TS_RESP *resp;

		assert(text && *text);
		tsa_reply_rejected(failure, text, &reply);
		p = (const uint8_t *)reply.p;
		resp = d2i_TS_RESP(NULL, &p, (long)reply.n);
		assert(resp && p == (const uint8_t *)reply.p + reply.n && !TS_RESP_get_token(resp));
		assert(ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(resp))) == TS_STATUS_REJECTION);
		assert(ASN1_BIT_STRING_get_bit(TS_STATUS_INFO_get0_failure_info(TS_RESP_get_status_info(resp)), (int)failure));
		TS_RESP_free(resp);
	}
	return 0;
}
