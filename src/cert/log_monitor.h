/* A log followed from outside: its newest head and its hash tiles (C2SP tlog-tiles) are fetched and everything is recomputed, without a word
 * from whoever runs it.  What was seen is remembered, so that next time a log that was set back or rewritten is found out.
 *
 * State, a text:
 *   pli-log-state@v1
 *   LEVEL HASH             right edge of the tree seen: the hash (base64) of each complete subtree of 2^LEVEL leaves, lowest first
 *   (empty line)
 *   the checkpoint seen, as it was served */
#ifndef PLI_LOG_MONITOR_H
#define PLI_LOG_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "checkpoint.h"
#include "status.h"
#include "tree.h"

/* Appends what is served at PATH below the log's prefix ("checkpoint", "tile/0/000"), at most max bytes.  PLI_ABSENT: there is none. */
typedef enum pli_status log_fetch_fn(void *arg, const char *path, size_t max, struct buf *out, struct err *err);

/* A head that somebody has kept: is it one of this log? */
struct log_claim {
	uint64_t size;
	uint8_t root[32];
	const char *source;		/* for messages */
	bool checked;
};

struct log_state {
	struct tree tree;		/* size 0: nothing seen yet */
	struct buf note;
};
MUST enum pli_status log_state_parse(const char *text, size_t n, struct log_state *state_r, struct err *err);
void log_state_write(const struct log_state *state, struct buf *out);

struct log_monitor {
	const struct note_key *key;	/* of the log */
	const struct note_key *witnesses;	/* at least one must have signed the head, when there are any */
	unsigned witness_count;
	log_fetch_fn *fetch;
	/* Claims, in any order; sorted here.  With them the whole log is read. */
	struct log_claim *claims;
	unsigned claim_count;
	void (*say)(void *arg, const char *line);	/* one line a finding that is good */
	void *arg;
};
/* state: what was seen last (size 0: nothing), then what is seen now.  PLI_CONFLICT: the log is not what it was, or does not agree with
 * itself, with err's text saying what; state is then unchanged.  PLI_ABSENT, PLI_BUSY: something could not be fetched. */
MUST enum pli_status log_monitor_run(const struct log_monitor *monitor, struct log_state *state, struct err *err);

/* The same for claims alone, over leaves that come one after the other: next gives up to cap leaves, 0 at the end. */
typedef enum pli_status log_leaves_fn(void *arg, uint64_t first, size_t cap, uint8_t (*leaves_r)[32], size_t *count_r, struct err *err);
MUST enum pli_status log_claims_check(struct log_claim *claims, unsigned count, log_leaves_fn *next, void *arg, struct tree *tree_r,
				      struct err *err);

#endif
