/* See yield.h. */
#include "yield.h"

#define SECOND_US INT64_C(1000000)

bool yield_must(struct yield *y, uint64_t came, int64_t now_us)
{
	int64_t span_us = now_us - y->looked_us;

	if (span_us >= YIELD_LOOK_US) {
		/* After a long silence the few of the last moment are no rate. */
		y->busy = (int64_t)(came - y->came) * SECOND_US > YIELD_LETTERS_S * span_us;
		y->came = came;
		y->looked_us = now_us;
	}
	if (!y->since_us)
		y->since_us = now_us;
	return y->busy && now_us - y->since_us < YIELD_MOST_US;
}

void yield_done(struct yield *y)
{
	y->since_us = 0;
}
