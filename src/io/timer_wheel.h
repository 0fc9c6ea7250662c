/* Many coarse timers that are set again far more often than they fire: a hashed wheel of 512 slots,
 * 100 ms each.  Setting and stopping cost a few pointers.  A timer fires at most 100 ms late.
 * Used by one thread (a loop's own). */
#ifndef PLI_TIMER_WHEEL_H
#define PLI_TIMER_WHEEL_H

#include <stdint.h>

#define TIMER_WHEEL_SLOTS 512

/* Embedded in its owner; all zero but fn and arg before the first use. */
struct timer {
	struct timer *next;
	struct timer **prev;	/* NULL: not set */
	int64_t due_tick;
	void (*fn)(void *arg);
	void *arg;
};

struct timer_wheel {
	struct timer *slot[TIMER_WHEEL_SLOTS];
	int64_t tick;		/* all timers up to this tick have fired */
	int64_t next_tick;	/* no timer is due before this one */
	unsigned count;
};

void timer_wheel_init(struct timer_wheel *w, int64_t now_us);
/* (Re)sets t to fire at due_us of the monotonic clock, in the next turn at the earliest. */
void timer_wheel_set(struct timer_wheel *w, struct timer *t, int64_t due_us);
/* Harmless when t is not set. */
void timer_wheel_stop(struct timer_wheel *w, struct timer *t);
/* Fires what is due; callbacks may set and stop any timer. */
void timer_wheel_run(struct timer_wheel *w, int64_t now_us);
/* Milliseconds until timer_wheel_run may have something to do; -1 when no timer is set. */
int timer_wheel_wait_ms(const struct timer_wheel *w, int64_t now_us);

#endif
