/* Durations counted in buckets: written by any thread without a lock, read for the metrics page.  Zeroed memory is an empty one. */
#ifndef PLI_METER_H
#define PLI_METER_H

#include <stdatomic.h>
#include <stdint.h>

#define METER_BUCKETS 14

struct meter {
	atomic_uint_fast64_t counts[METER_BUCKETS + 1];	/* the last: longer than all bounds */
	atomic_uint_fast64_t sum_us;
};
/* Upper bounds of the buckets, microseconds, rising: 0.5 ms to 30 s. */
extern const int64_t meter_bounds_us[METER_BUCKETS];

void meter_add(struct meter *meter, int64_t us);

#endif
