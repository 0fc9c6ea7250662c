/* A head in memory: signed and stamped, not yet durable, so that it counts for nothing. */
#ifndef PLI_HEAD_DRAFT_H
#define PLI_HEAD_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "status.h"

struct keeper_signers;
struct signatures;
struct tree;

struct head_draft {		/* zeroed: none */
	uint64_t size;			/* 0: none */
	uint8_t root[32];
	int64_t gen_time_us, made_us;	/* the token's time; when, by the monotonic clock */
	struct buf checkpoint, token;
};
/* The head of that tree in place of what was in draft: checkpoint by the log's keys, token over it, at a time not before not_before_us.  Counts the
 * signatures.  After a failure draft is none. */
MUST enum pli_status head_draft_sign(struct head_draft *draft, struct keeper_signers *signers, const char *origin, struct signatures *signatures,
				     const struct tree *tree, int64_t not_before_us, struct err *err);
/* May it stand for that head?  Not when it is old: its time is to be that of the head. */
bool head_draft_is(const struct head_draft *draft, uint64_t size, const uint8_t root[32]);
void head_draft_drop(struct head_draft *draft);

#endif
