/* Between leasing a notice and settling it; for notice*.c only. */
#ifndef PLI_NOTICE_OWN_H
#define PLI_NOTICE_OWN_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"
#include "uuid.h"

struct db_tx;
struct notice_result;
struct office;
struct pool;

/* What a lease has read that does not change any more, so that settling need not read it again.  In the pool of the lease. */
struct notice_facts {
	struct uuid letter, recipient, owner;
	unsigned n, send;
	unsigned recipients;		/* of the letter */
	bool first, hidden;
	const char *shown;		/* of a first notice: what the letter's own entries show */
};

/* Member d of an entry of a notice, in pool. */
const char *notice_words(struct pool *pool, const struct notice_result *result, unsigned send);

/* A notice with facts that the relay took, in two steps: its entries, made on any thread, and the rows of the transaction.  pool lives
 * until db_write returns. */
struct notice_sent;
MUST enum pli_status notice_sent_prepare(struct office *office, struct pool *pool, const struct notice_result *result,
					 struct notice_sent **sent_r, struct err *err);
/* *open_r: the document may be sent by it, which is for the caller to see (letters with several recipients). */
MUST enum pli_status notice_sent_apply(struct notice_sent *sent, struct db_tx *tx, bool *open_r, struct err *err);

#endif
