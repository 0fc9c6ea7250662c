/* How often something may be done: so many a second on average, so many at once.  One thread at a time. */
#ifndef PLI_RATE_H
#define PLI_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
	unsigned per_minute, burst;
	/* own */
	int64_t empty_us;	/* monotonic: when all that was taken has come back */
};
/* Takes count (at most burst) at now_us (monotonic); false: not now, and nothing is taken. */
static inline bool rate_take(struct rate *r, unsigned count, int64_t now_us)
{
	int64_t each_us = INT64_C(60000000) / r->per_minute, from_us = r->empty_us > now_us ? r->empty_us : now_us;

	if (from_us + count * each_us - now_us > r->burst * each_us)
		return false;
	r->empty_us = from_us + count * each_us;
	return true;
}

#endif
