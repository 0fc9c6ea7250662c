/* The loop on epoll.
 *
 * Posts are a stack that any thread pushes on without a lock; the loop takes it whole and turns it round.  The
 * eventfd is written only when the loop sleeps: the poster pushes, then swaps `sleeping` to 0 and wakes if it was 1;
 * the loop sets `sleeping`, then looks at the stack once more, then waits.  Both orders are sequentially
 * consistent, so one of the two always sees the other. */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "pool.h"
#include "status.h"

#include "loop.h"

#define LOOP_EVENTS 128

struct loop {
	int epoll_fd;
	int wake_fd;
	bool quit;
	int64_t now_us;
	struct timer_wheel timers;
	_Atomic(struct loop_post *) posts;
	atomic_int sleeping;
	atomic_int posting;	/* threads inside loop_post() */
};

static enum pli_status loop_open_fds(struct loop *loop, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return err_errno(err, "epoll_create1");
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd < 0)
		return err_errno(err, "eventfd");
	/* data.ptr NULL marks the wake-up; edge-triggered, so that its count need never be read. */
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &ev) < 0)
		return err_errno(err, "epoll_ctl");
	return PLI_OK;
}

enum pli_status loop_new(struct loop **loop_r, struct err *err)
{
	struct loop *loop = mem_alloc(sizeof(*loop));
	enum pli_status st;

	loop->epoll_fd = -1;
	loop->wake_fd = -1;
	loop->now_us = clock_mono_us();
	timer_wheel_init(&loop->timers, loop->now_us);
	st = loop_open_fds(loop, err);
	if (st != PLI_OK) {
		loop_free(loop);
		return st;
	}
	*loop_r = loop;
	return PLI_OK;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	/* What was posted may have run, and ended the loop, before its poster is out. */
	while (atomic_load(&loop->posting))
		sched_yield();
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	mem_free(loop);
}

enum pli_status loop_watch_add(struct loop *loop, struct loop_watch *watch, uint32_t events, struct err *err)
{
	struct epoll_event ev = { .events = events, .data.ptr = watch };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &ev) < 0)
		return err_errno(err, "epoll_ctl");
	return PLI_OK;
}

void loop_watch_remove(struct loop *loop, struct loop_watch *watch)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

void loop_post(struct loop *loop, struct loop_post *post)
{
	struct loop_post *head;
	uint64_t one = 1;

	atomic_fetch_add(&loop->posting, 1);
	head = atomic_load_explicit(&loop->posts, memory_order_relaxed);
	do {
		post->next = head;
	} while (!atomic_compare_exchange_weak(&loop->posts, &head, post));
	if (atomic_exchange(&loop->sleeping, 0) && write(loop->wake_fd, &one, sizeof(one)) < 0) {
		/* Only EAGAIN is possible, at a count of 2^64 - 2: then a wake-up is under way. */
	}
	atomic_fetch_sub(&loop->posting, 1);
}

static void loop_run_posts(struct loop *loop)
{
	struct loop_post *taken = atomic_exchange(&loop->posts, NULL);
	struct loop_post *first = NULL;

	while (taken) {
		struct loop_post *next = taken->next;

		taken->next = first;
		first = taken;
		taken = next;
	}
	while (first) {
		struct loop_post *next = first->next;

		first->fn(first->arg);
		first = next;
	}
}

void loop_timer_set(struct loop *loop, struct timer *t, int64_t in_us)
{
	timer_wheel_set(&loop->timers, t, loop->now_us + in_us);
}

void loop_timer_stop(struct loop *loop, struct timer *t)
{
	timer_wheel_stop(&loop->timers, t);
}

int64_t loop_now_us(const struct loop *loop)
{
	return loop->now_us;
}

void loop_quit(struct loop *loop)
{
	loop->quit = true;
}

static int loop_wait(struct loop *loop, struct epoll_event *evs)
{
	int n, timeout_ms;

	atomic_store(&loop->sleeping, 1);
	timeout_ms = atomic_load(&loop->posts) ? 0 : timer_wheel_wait_ms(&loop->timers, clock_mono_us());
	n = epoll_wait(loop->epoll_fd, evs, LOOP_EVENTS, timeout_ms);
	atomic_store(&loop->sleeping, 0);
	return n;
}

void loop_run(struct loop *loop)
{
	struct epoll_event evs[LOOP_EVENTS];

	while (!loop->quit) {
		int n = loop_wait(loop, evs);

		loop->now_us = clock_mono_us();
		for (int i = 0; i < n; i++) {
			struct loop_watch *watch = evs[i].data.ptr;

			if (watch)
				watch->fn(watch->arg, evs[i].events);
		}
		loop_run_posts(loop);
		timer_wheel_run(&loop->timers, loop->now_us);
	}
	/* What was posted on the way out (memory to be freed) must not be lost. */
	while (atomic_load(&loop->posts))
		loop_run_posts(loop);
}
