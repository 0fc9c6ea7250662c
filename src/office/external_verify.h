/* Every token of an authority outside that lies in the database, held against its head. */
#ifndef PLI_EXTERNAL_VERIFY_H
#define PLI_EXTERNAL_VERIFY_H

#include <stdint.h>

#include "status.h"

struct db_conn;

struct external_sum {
	uint64_t tokens;
	uint64_t covered;	/* entries under the newest one */
	uint64_t rootless;	/* of tokens: their authority's root is none of roots_pem */
};
/* After journal_verify, in its snapshot: each token is over the head of its size, by the certificate that its chain begins with, and says the time
 * that its row says.  roots_pem: those of [tsa] ca_file, or NULL: then none is rootless; authorities may have changed since, so that is for
 * the operator to judge.  PLI_CONFLICT: bad_r is the number of the last entry under the head of the first token that is wrong or incomplete. */
MUST enum pli_status external_verify(struct db_conn *conn, const char *roots_pem, struct external_sum *sum_r, uint64_t *bad_r, struct err *err);

#endif
