/* Idempotency (A17): the same request under the same Idempotency-Key is done once and answered the same twice.
 *
 * The scope of a key is (account, route).  A key under way is held in memory, a finished one in a row that the request's own
 * transaction writes with the answer, sealed.  The fingerprint is an HMAC over what was parsed, so that a repeat that says
 * something else under the same key is told so. */
#ifndef PLI_ONCE_H
#define PLI_ONCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct buf;
struct db_tx;
struct office;
struct pool;
struct principal;

struct once {
	bool used;				/* there is a key, and it is taken until once_end */
	uint8_t key_mac[32], fingerprint[32];
	struct uuid account;
	const char *route;			/* outlives the request */
};
struct once_request {
	const char *key;			/* as given; NULL: none, everything below does nothing */
	const char *route;			/* with the letter, where the route names one */
	const void *content;			/* what was asked, canonical; may be secret */
	size_t content_n;
	bool patient;				/* waits for the same key under way (at most 10 s) and takes its answer */
};
/* Asked before anything that time may change (an expiry, a limit): a repeat gets the answer of then.  Blocks (database; up to 5 s
 * for the proof of what the first attempt committed).
 * PLI_OK: go on; or, with *replayed_r, letter_r and body_out are those of the first time.  PLI_INVALID: the key's form (type
 * "bad-idempotency-key"), or another content ("idempotency-mismatch").  PLI_CONFLICT: still under way, retry_after.
 * PLI_UNCERTAIN: done, not yet proven. */
MUST enum pli_status once_begin(struct office *office, const struct principal *who, struct pool *pool,
				const struct once_request *request, struct once *once_r, bool *replayed_r,
				struct uuid *letter_r, struct buf *body_out, struct err *err);
/* The request is over, well or badly; does nothing when no key is taken. */
void once_end(struct office *office, struct once *once);
/* Inside the request's transaction: keeps the answer, if there is a key.  body_n 0: the answer says nothing of its own. */
MUST enum pli_status once_keep(struct db_tx *tx, const struct once *once, const struct principal *who, const struct uuid *letter,
			       const void *body, size_t body_n, int64_t now_us, struct err *err);

#endif
