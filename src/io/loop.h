/* One thread's event loop: epoll, timers, and messages from other threads.
 *
 * A turn is: wait for events, call the watchers, then what was posted, then the timers.  Nothing called from a
 * loop may block.  Everything but loop_post() is for the loop's own thread (or before loop_run()). */
#ifndef PLI_LOOP_H
#define PLI_LOOP_H

#include <stdint.h>

#include "status.h"
#include "timer_wheel.h"

struct loop;

/* One watched descriptor; embedded in its owner, which sets fd, fn and arg. */
struct loop_watch {
	int fd;
	void (*fn)(void *arg, uint32_t events);	/* EPOLLIN, ... */
	void *arg;
};

/* A message to a loop; embedded in its owner, which sets fn and arg.  It may not be posted again before it has run. */
struct loop_post {
	struct loop_post *next;
	void (*fn)(void *arg);
	void *arg;
};

/* PLI_OK, PLI_IO. */
MUST enum pli_status loop_new(struct loop **loop_r, struct err *err);
/* Whoever has posted may still be on his way out of loop_post(): waited for. */
void loop_free(struct loop *loop);

/* Events are epoll's, with EPOLLET and EPOLLEXCLUSIVE as the caller likes.  Closing the descriptor ends the watch. */
MUST enum pli_status loop_watch_add(struct loop *loop, struct loop_watch *watch, uint32_t events, struct err *err);
void loop_watch_remove(struct loop *loop, struct loop_watch *watch);

/* From any thread: fn(arg) runs on the loop's thread, in the order of posting, after the events at hand.  Costs no
 * system call while the loop is awake. */
void loop_post(struct loop *loop, struct loop_post *post);

void loop_timer_set(struct loop *loop, struct timer *t, int64_t in_us);
void loop_timer_stop(struct loop *loop, struct timer *t);

/* Monotonic time at which this turn began. */
int64_t loop_now_us(const struct loop *loop);

/* Returns after loop_quit(), which is for the loop's own thread, when nothing posted is left. */
void loop_run(struct loop *loop);
void loop_quit(struct loop *loop);

#endif
