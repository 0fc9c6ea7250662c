/* Tokens of a time-stamping authority outside the service over heads of the journal: asked for, checked before they are kept, and checked
 * again by whoever verifies a proof.  One covers every entry under its head.  What authorities send is read as in renewal_token.h. */
#ifndef PLI_EXTERNAL_TOKEN_H
#define PLI_EXTERNAL_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;

/* A request for a token over SHA-256(data), certificates wanted; policy: an object identifier in digits, or NULL.  nonce_r is to be found
 * in the answer. */
MUST enum pli_status external_token_request(const void *data, size_t n, const char *policy, uint64_t *nonce_r, struct buf *der_out,
					    struct err *err);
/* The authority's answer: granted, about this request, under that policy, by an authority under one of roots_pem, its time not more than
 * five minutes from now_us.  Gives the bare token, its authority's certificates (PEM, the root last), and its time.  PLI_CONFLICT with
 * what is wrong; PLI_INPUT: no answer in the sense of RFC 3161, or the roots cannot be read. */
MUST enum pli_status external_token_answer(const void *der, size_t der_n, uint64_t nonce, const void *data, size_t n, const char *policy,
					   const char *roots_pem, int64_t now_us, struct buf *token_out, struct buf *pem_out,
					   int64_t *time_us_r, struct err *err);
/* A token as the one before gave it: over data, by the first certificate of chain_pem, which led to the last at the token's own time.
 * PLI_CONFLICT with what is wrong. */
MUST enum pli_status external_token_check(const void *der, size_t der_n, const void *data, size_t n, const char *chain_pem,
					  int64_t *time_us_r, struct err *err);

#endif
