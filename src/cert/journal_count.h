/* Counters of the journal: how many entries of each event, by entity, account and day, kept in the transaction that writes the entries.
 *
 * A commit group adds to each of its counters once, however many letters it holds.  Days are those of the instance's zone. */
#ifndef PLI_JOURNAL_COUNT_H
#define PLI_JOURNAL_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct db_conn;
struct pool;

/* What one entry adds to. */
struct journal_count {
	bool counted;			/* false: an entry of no entity */
	struct uuid entity, owner;	/* owner: depositor of the letter; all zero: none */
	const char *event;		/* a name of the event table */
	bool hidden;			/* of a hidden copy's chain */
	uint64_t bytes;
};
/* counts: all entries of one day; changed: equal ones are joined.  Inside a write. */
MUST enum pli_status journal_count_add(struct db_conn *conn, struct pool *pool, struct journal_count *counts, size_t count, int64_t day,
				       struct err *err);

#endif
