/* The threads on which whatever may block runs: handlers, disks, crypto of streams.
 *
 * Threads are made on demand up to a maximum and leave again when they have been idle for a while.  The one that
 * became idle last is woken first, so that a quiet server keeps few threads and warm caches. */
#ifndef PLI_WORKERS_H
#define PLI_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct workers;

/* One job; embedded in its owner, which sets fn and arg and may submit it again once fn has begun. */
struct work {
	struct work *next;
	void (*fn)(void *arg);
	void *arg;
};

struct workers_config {
	unsigned threads_max;		/* at least 1 */
	unsigned threads_keep;		/* idle ones that stay, at least 1; the others leave after idle_ms */
	unsigned idle_ms;
	size_t stack_bytes;		/* of each thread */
	unsigned queue_max;		/* jobs of workers_call() under way or waiting */
};

/* Starts the first thread.  PLI_OK, PLI_IO. */
MUST enum pli_status workers_new(const struct workers_config *config, struct workers **workers_r, struct err *err);
/* Runs what is queued, waits for every thread, frees. NULL is allowed. */
void workers_free(struct workers *ws);

/* Never fails and never blocks: who embeds a job waits for it, which bounds the queue by the number of owners. */
void workers_submit(struct workers *ws, struct work *w);
/* fn(arg) once, for callers without a job of their own.  False when queue_max such calls are under way. */
bool workers_call(struct workers *ws, void (*fn)(void *arg), void *arg);

/* Threads that live now; for tests and figures. */
unsigned workers_threads(struct workers *ws);

#endif
