#include <stdio.h>
#include <unistd.h>

#include "clock.h"

#include "progress.h"

#define WIDTH 30
#define EVERY_US 100000

void progress_begin(struct progress *p, const char *name, uint64_t total, uint64_t done)
{
	*p = (struct progress){ .name = name, .total = total, .started_at = done, .started_us = clock_mono_us(),
				.on = isatty(STDERR_FILENO) == 1 };
	progress_show(p, done);
}

static void show(const struct progress *p, uint64_t done, int64_t now)
{
	double seconds = (double)(now - p->started_us) / (double)SECOND_US;
	double rate = seconds > 0.2 ? (double)(done - p->started_at) / seconds : 0;
	unsigned filled = p->total ? (unsigned)((double)done / (double)p->total * WIDTH) : WIDTH;
	char bar[WIDTH + 1];

	for (unsigned i = 0; i < WIDTH; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[WIDTH] = '\0';
	fprintf(stderr, "\r%-24.24s [%s] %3.0f %%  %7.*f %s/s", p->name, bar, p->total ? 100.0 * (double)done / (double)p->total : 100.0,
		p->unit ? 0 : 1, p->unit ? rate : rate / 1e6, p->unit ? p->unit : "MB");
	if (rate > 0 && done < p->total)
		fprintf(stderr, "  %5.0f s left ", (double)(p->total - done) / rate);
	else
		fprintf(stderr, "               ");
}

void progress_show(struct progress *p, uint64_t done)
{
	int64_t now;

	if (!p->on)
		return;
	now = clock_mono_us();
	if (now - p->shown_us < EVERY_US && done < p->total)
		return;
	p->shown_us = now;
	show(p, done, now);
}

void progress_end(struct progress *p)
{
	if (!p->on)
		return;
	show(p, p->total, clock_mono_us());
	fputc('\n', stderr);
}
