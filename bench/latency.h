/* Times of single operations, and what one says about them. */
#ifndef PLI_BENCH_LATENCY_H
#define PLI_BENCH_LATENCY_H

#include <stddef.h>
#include <stdint.h>

struct latency {
	uint32_t *us;
	size_t n, cap;
};

int64_t latency_now_us(void);		/* monotonic */
void latency_add(struct latency *l, int64_t us);
void latency_join(struct latency *to, const struct latency *from);
/* Sorts; the time that `permille` of 1000 operations do not exceed, in milliseconds; 0 when there are none. */
double latency_ms(struct latency *l, unsigned permille);
void latency_free(struct latency *l);

#endif
