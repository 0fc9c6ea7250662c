/* Tokens of other people's time-stamping authorities (RFC 3161), for renewal.c: read more freely than the service's own, checked no less. */
#ifndef PLI_RENEWAL_TOKEN_H
#define PLI_RENEWAL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* The token is over these bytes, by the first certificate of chain_pem, which leads to its last, both at the token's own time and at
 * at_us; that last one is one of roots_pem, unless NULL.  PLI_CONFLICT with what is wrong; PLI_INPUT: roots_pem cannot be read. */
MUST enum pli_status renewal_token_check(const void *der, size_t der_n, const void *data, size_t n, const char *chain_pem,
					 const char *roots_pem, int64_t at_us, int64_t *time_us_r, struct err *err);
/* The last certificate is one of roots_pem. */
bool renewal_token_root_given(const char *chain_pem, const char *roots_pem);
/* SHA-256 of the last certificate; "" when there is none. */
void renewal_token_root(const char *chain_pem, char hex_r[65]);

#endif
