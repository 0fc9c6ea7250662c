/* The wheel: a timer due at tick n hangs in slot n mod 512, whatever its round.
 * next_tick is a lower bound, so that a loop with far timers sleeps long; it is made exact, to one
 * round, each time the wheel has run. */
#include <stddef.h>

#include "timer_wheel.h"

#define TICK_US INT64_C(100000)

void timer_wheel_init(struct timer_wheel *w, int64_t now_us)
{
	*w = (struct timer_wheel){ .tick = now_us / TICK_US, .next_tick = INT64_MAX };
}

static void timer_link(struct timer **head, struct timer *t)
{
	t->next = *head;
	t->prev = head;
	if (t->next)
		t->next->prev = &t->next;
	*head = t;
}

static void timer_unlink(struct timer *t)
{
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = NULL;
	t->prev = NULL;
}

void timer_wheel_set(struct timer_wheel *w, struct timer *t, int64_t due_us)
{
	int64_t tick = (due_us + TICK_US - 1) / TICK_US;

	timer_wheel_stop(w, t);
	if (tick <= w->tick)
		tick = w->tick + 1;
	t->due_tick = tick;
	timer_link(&w->slot[tick % TIMER_WHEEL_SLOTS], t);
	w->count++;
	if (tick < w->next_tick)
		w->next_tick = tick;
}

void timer_wheel_stop(struct timer_wheel *w, struct timer *t)
{
	if (!t->prev)
		return;
	timer_unlink(t);
	w->count--;
}

/* Moves what is due in one slot to the list of those that fire now. */
static void timer_wheel_collect(struct timer **slot, int64_t tick, struct timer **due)
{
	struct timer *t = *slot;

	while (t) {
		struct timer *next = t->next;

		if (t->due_tick <= tick) {
			timer_unlink(t);
			timer_link(due, t);
		}
		t = next;
	}
}

static int64_t timer_wheel_bound(const struct timer_wheel *w)
{
	if (w->count == 0)
		return INT64_MAX;
	for (int64_t k = 1; k <= TIMER_WHEEL_SLOTS; k++)
		if (w->slot[(w->tick + k) % TIMER_WHEEL_SLOTS])
			return w->tick + k;
	return w->tick + TIMER_WHEEL_SLOTS;
}

void timer_wheel_run(struct timer_wheel *w, int64_t now_us)
{
	int64_t now = now_us / TICK_US;
	struct timer *due = NULL;

	if (now <= w->tick)
		return;
	if (now < w->next_tick) {
		w->tick = now;
		return;
	}
	for (int64_t tick = w->tick + 1; tick <= now && tick <= w->tick + TIMER_WHEEL_SLOTS; tick++)
		timer_wheel_collect(&w->slot[tick % TIMER_WHEEL_SLOTS], now, &due);
	w->tick = now;
	/* A callback may stop or set again a timer that still waits in this list. */
	while (due) {
		struct timer *t = due;

		timer_unlink(t);
		w->count--;
		t->fn(t->arg);
	}
	w->next_tick = timer_wheel_bound(w);
}

int timer_wheel_wait_ms(const struct timer_wheel *w, int64_t now_us)
{
	int64_t wait_us;

	if (w->count == 0)
		return -1;
	wait_us = w->next_tick * TICK_US - now_us;
	if (wait_us <= 0)
		return 0;
	if (wait_us > 3600 * INT64_C(1000000))
		return 3600 * 1000;
	return (int)((wait_us + 999) / 1000);
}
