/* Requests of time-stamping clients and the answers to them (RFC 3161 section 2.4): DER from outside, read by a parser of our own that
 * knows no more of it than what is signed, and the frame around a token, or around a refusal. */
#ifndef PLI_TSA_QUERY_H
#define PLI_TSA_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define TSA_QUERY_MAX_BYTES 512
#define TSA_NONCE_MAX_BYTES 32

enum tsa_digest { TSA_SHA256, TSA_SHA384, TSA_SHA512, TSA_DIGESTS };

/* PKIFailureInfo, by its bit. */
enum tsa_failure {
	TSA_NO_FAILURE = -1,
	TSA_BAD_ALG = 0,
	TSA_BAD_REQUEST = 2,
	TSA_BAD_DATA_FORMAT = 5,
	TSA_UNACCEPTED_POLICY = 15,
	TSA_UNACCEPTED_EXTENSION = 16,
};

struct tsa_query {
	enum tsa_digest digest;
	const uint8_t *imprint;		/* borrowed, as all that follows; imprint_n bytes, as the digest has */
	size_t imprint_n;
	const uint8_t *nonce;		/* the whole INTEGER, DER; NULL: none */
	size_t nonce_n;
	bool cert_req;
};
/* The failure that RFC 3161 has for what is wrong with it; *text_r: in English, static. */
enum tsa_failure tsa_query_parse(const void *der, size_t n, struct tsa_query *query_r, const char **text_r);

/* TimeStampResp: granted, around a token; or a rejection. */
void tsa_reply_granted(const void *token, size_t n, struct buf *out);
void tsa_reply_rejected(enum tsa_failure failure, const char *text, struct buf *out);

#endif
