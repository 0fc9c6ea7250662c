/* When notices make way for deposits: a sender waits for his answer, a notice for nobody.  While letters come in faster than
 * YIELD_LETTERS_S, notices wait until that is over, each for YIELD_MOST_US at most; then all that wait leave, whatever comes in.  Below that
 * rate nothing waits.  Pure: times are monotonic and given. */
#ifndef PLI_YIELD_H
#define PLI_YIELD_H

#include <stdbool.h>
#include <stdint.h>

#define YIELD_LETTERS_S 400
#define YIELD_MOST_US (5 * INT64_C(1000000))
#define YIELD_LOOK_US 50000		/* how often the rate is taken */

struct yield {
	uint64_t came;			/* when the rate was last taken */
	int64_t looked_us;
	bool busy;
	int64_t since_us;		/* since when the oldest one waits; 0: none does */
};

/* Some notices are due and came letters have come in since the start: true when they must wait now. */
bool yield_must(struct yield *y, uint64_t came, int64_t now_us);
/* Nothing is left that waits. */
void yield_done(struct yield *y);

#endif
