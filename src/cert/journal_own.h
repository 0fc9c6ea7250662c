/* The journal's inner parts, shared by journal.c (numbering, under the writer), journal_open.c (opening, closing) and journal_sync.c (the keeper's
 * answers, the thread). */
#ifndef PLI_JOURNAL_OWN_H
#define PLI_JOURNAL_OWN_H

#include <pthread.h>
#include <stdatomic.h>

#include "db.h"

#include "journal_chain.h"
#include "keeper.h"
#include "tiles.h"
#include "tree.h"

#include "journal.h"

#define JOURNAL_ANSWER_US (10 * SECOND_US)	/* how long a commit group waits for the keeper */

/* A commit group whose answers wait for the keeper. */
struct journal_group {
	struct journal_group *next;
	struct db_group *group;
	uint64_t end;			/* size of the journal with it */
	int64_t deadline_us;
	struct tree tree;		/* after it */
};

/* A head that is to be written into the database. */
struct journal_saved_head {
	struct journal_saved_head *next;
	uint64_t size;
	uint8_t root[32];
	int64_t gen_time_us, since_us;
	size_t checkpoint_n, token_n;
	uint8_t data[];			/* checkpoint, token */
};

struct journal {
	struct db *db;
	struct keeper *keeper;
	const char *origin, *zone;
	pthread_t thread;
	bool started;
	atomic_uint_fast64_t events[JOURNAL_EVENTS_MAX];	/* committed since the start, in the order of event_table() */

	/* Writer thread only: committed state, and the group being numbered. */
	uint64_t next_seq;
	int64_t last_t_us;
	struct tree tree;
	struct journal_chain chain;
	struct {
		size_t count;
		int64_t t_us;
		struct tree tree;
		uint8_t (*leaves)[32];		/* in the group's pool */
		uint64_t heads_to;		/* heads up to this size were written with it; 0: none */
		uint64_t ahead;			/* number of the append that announced it to the keeper; 0: none */
	} plan;

	pthread_mutex_t lock;			/* of all below */
	pthread_cond_t changed;			/* heads have come or are stored */
	pthread_cond_t work;			/* for the thread, when it sleeps or is to hurry */
	bool asleep;				/* the thread has nothing to look after */
	uint64_t size;				/* entries committed */
	struct journal_head head;		/* newest durable */
	struct tree head_tree;			/* the tree at that head; size 0 when it is not known */
	struct journal_group *groups, **groups_last;
	struct journal_saved_head *heads, **heads_last;	/* shortened by the writer thread only */
	uint64_t heads_known, heads_stored;	/* sizes of the newest head seen, and in the database */
	bool behind;				/* the keeper lacks entries or we lack heads: the thread brings both level */
	int64_t retry_us;			/* when next to try that */
	int64_t store_retry_us;			/* when next to try to store heads, after a failure */
	bool hurry;				/* somebody waits for heads in the database */
	struct err hold;			/* status not PLI_OK: the keeper refuses now (full, older tree); nothing is accepted until it does not */
	struct err held;			/* status not PLI_OK: journal_hold says why nothing is accepted */
	bool stopping;
	struct err broken;			/* status not PLI_OK: the keeper's tree is not ours; nothing is accepted */

	/* Readers of proofs. */
	pthread_mutex_t tiles_lock;
	struct tiles tiles;
};

/* Hooks of the database's writer (db.h), on its thread: numbers the entries of a group in its transaction and announces their leaves to the keeper;
 * takes note that it is committed, and tells the keeper so. */
enum pli_status journal_number(void *arg, struct db_tx *tx, void **items, size_t count, struct err *err);
void journal_committed(void *arg, struct db_group *group, void **items, size_t count);
/* Any thread: the keeper's answer to an append; arg is the journal. */
void journal_answered(void *arg, enum pli_status status, const struct keeper_head *head, const struct err *err);
/* Makes keeper and database level: fetches heads, sends entries.  Blocks.  PLI_CONFLICT: they do not belong together. */
MUST enum pli_status journal_level(struct journal *j, struct err *err);
/* Inside a write, on the writer thread: the waiting heads, and the tree's state; unless all, only when it is time for them.  *to_r: size of
 * the last one, 0 if none. */
MUST enum pli_status journal_store_heads(struct journal *j, struct db_tx *tx, bool all, uint64_t *to_r, struct err *err);
/* After its commit. */
void journal_heads_stored(struct journal *j, uint64_t to);
/* Under lock: there is something for the thread to look after. */
static inline void journal_wake(struct journal *j)
{
	if (j->asleep)
		pthread_cond_signal(&j->work);
}
/* The thread's body. */
void *journal_run(void *arg);
/* Leaves from the database. */
MUST enum pli_status journal_leaves(struct db_conn *conn, uint64_t first, size_t count, uint8_t (*leaves_r)[32], struct err *err);

#endif
