/* The verdict on a deposit: a pure function of facts, so that it can be replayed from what was recorded.
 *
 * Two questions, in this order: do the rules accept this letter, and do the attributes of those concerned reach the level
 * that is asked.  The effective level is the least of the levels involved. */
#ifndef PLI_VERDICT_H
#define PLI_VERDICT_H

#include <stdint.h>

enum verdict { VERDICT_ACCEPT, VERDICT_HOLD, VERDICT_REFUSE };

struct verdict_facts {
	const char *class_;		/* simple | registered */
	unsigned recipients, parts;
	uint64_t bytes;			/* message and parts */
	int sender_level, recipient_level;	/* 0..4, as established before the deposit */
	int level_asked;		/* of the letter's class; 0 = none */
};
struct verdict_result {
	enum verdict verdict;
	int level;			/* effective */
	const char *reason;		/* slug, static: "accepted", "level-too-low" */
};
void verdict_give(const struct verdict_facts *facts, struct verdict_result *result_r);

#endif
