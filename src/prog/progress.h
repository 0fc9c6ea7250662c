/* A progress bar on the terminal of standard error; silent when that is none. */
#ifndef PLI_PROGRESS_H
#define PLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *name, *unit;	/* unit NULL: bytes */
	uint64_t total;
	uint64_t started_at;		/* bytes that were there before */
	int64_t started_us, shown_us;	/* monotonic */
	bool on;
};

void progress_begin(struct progress *p, const char *name, uint64_t total, uint64_t done);
void progress_show(struct progress *p, uint64_t done);
void progress_end(struct progress *p);

#endif
