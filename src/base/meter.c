#include "meter.h"

const int64_t meter_bounds_us[METER_BUCKETS] = {
	500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000, 30000000,
};

void meter_add(struct meter *meter, int64_t us)
{
	unsigned i = 0;

	if (us < 0)
		us = 0;
	while (i < METER_BUCKETS && us > meter_bounds_us[i])
		i++;
	atomic_fetch_add_explicit(&meter->counts[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&meter->sum_us, (uint64_t)us, memory_order_relaxed);
}
