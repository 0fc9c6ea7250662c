/* Tokens of a time-stamping authority outside over the journal's heads: which head is to be stamped, what is asked, what came, and since
 * when entries wait.  Whoever can reach the authority carries questions and answers (prog/tsa_ask.h); the queue is the database's, so
 * that a restart forgets nothing.  A token covers every entry under its head. */
#ifndef PLI_EXTERNAL_TIME_H
#define PLI_EXTERNAL_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct db_conn;
struct office;
struct pool;

struct external_state {
	uint64_t covered;		/* entries under the newest head that was stamped */
	int64_t covered_us;		/* its token's time; 0: none yet */
	bool waiting;
	uint64_t size;			/* of the head that waits */
	int64_t since_us;		/* when the first entry that waits became due */
	unsigned tries;			/* that failed */
};
MUST enum pli_status external_state(struct office *office, struct external_state *state_r, struct err *err);
/* Puts the newest head into the queue's one place, since now when it was empty; the newest that witnesses have signed when that is not
 * older than lag_us, so that a proof has both.  waiting false: there is nothing new. */
MUST enum pli_status external_queue(struct office *office, int64_t now_us, int64_t lag_us, struct external_state *state_r, struct err *err);

/* A request for the head that waits. */
MUST enum pli_status external_request(struct office *office, uint64_t size, uint64_t *nonce_r, struct buf *der_out, struct err *err);
/* The authority's answer to it: checked whole, then kept; the queue's place is empty again.
 * PLI_CONFLICT, PLI_INPUT: what is wrong with it; nothing is kept. */
MUST enum pli_status external_add(struct office *office, uint64_t size, uint64_t nonce, const char *roots_pem, const void *der, size_t n,
				  struct err *err);
/* A try failed. */
MUST enum pli_status external_failed(struct office *office, struct err *err);

/* Deposits of registered letters are refused while the authority is away, where the settings say so.  Set by who asks it. */
void external_block(struct office *office, bool blocked);
/* PLI_BUSY while it is so. */
MUST enum pli_status external_check(struct office *office, struct err *err);

/* The token over the head of that size and its authority's certificates, in pool; NULLs: there is none. */
struct external_token {
	const void *token;
	size_t token_n;
	const char *chain_pem;
	int64_t time_us;
};
MUST enum pli_status external_token_get(struct db_conn *conn, struct pool *pool, uint64_t size, struct external_token *token_r,
					struct err *err);
/* The first such token over a head that covers the entry: its time, 0 when there is none yet. */
MUST enum pli_status external_covering(struct db_conn *conn, uint64_t seq, int64_t *time_us_r, struct err *err);

#endif
