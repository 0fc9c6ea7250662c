#include <stdlib.h>
#include <time.h>

#include "load.h"

#include "latency.h"

int64_t latency_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void latency_add(struct latency *l, int64_t us)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 4096;
		l->us = realloc(l->us, l->cap * sizeof(*l->us));
		if (!l->us)
			load_die("out of memory");
	}
	l->us[l->n++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void latency_join(struct latency *to, const struct latency *from)
{
	for (size_t i = 0; i < from->n; i++)
		latency_add(to, from->us[i]);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

double latency_ms(struct latency *l, unsigned permille)
{
	size_t at = l->n * permille / 1000;

	if (!l->n)
		return 0;
	qsort(l->us, l->n, sizeof(*l->us), by_value);
	return l->us[at < l->n ? at : l->n - 1] / 1e3;
}

void latency_free(struct latency *l)
{
	free(l->us);
	*l = (struct latency){ 0 };
}
