/* See rounds.h. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "pool.h"

#include "rounds.h"

struct rounds {
	void (*fn)(void *arg);
	void *arg;
	unsigned every_ms;
	pthread_t thread;
	pthread_mutex_t lock;	/* of what follows */
	pthread_cond_t stop_cond;
	bool stop;
};

static struct timespec after(unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000L;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

static void *run(void *arg)
{
	struct rounds *r = arg;
	struct timespec next;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		pthread_mutex_unlock(&r->lock);
		r->fn(r->arg);
		next = after(r->every_ms);
		pthread_mutex_lock(&r->lock);
		while (!r->stop && pthread_cond_timedwait(&r->stop_cond, &r->lock, &next) != ETIMEDOUT)
			;
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void drop(struct rounds *r)
{
	pthread_cond_destroy(&r->stop_cond);
	pthread_mutex_destroy(&r->lock);
	mem_free(r);
}

enum pli_status rounds_start(unsigned every_ms, void (*fn)(void *arg), void *arg, const char *what, struct rounds **rounds_r, struct err *err)
{
	struct rounds *r = mem_alloc(sizeof(*r));
	pthread_condattr_t monotonic;

	*r = (struct rounds){ .fn = fn, .arg = arg, .every_ms = every_ms };
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->stop_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&r->thread, NULL, run, r) != 0) {
		drop(r);
		return err_set(err, PLI_IO, "no thread %s", what);
	}
	*rounds_r = r;
	return PLI_OK;
}

void rounds_stop(struct rounds *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->stop_cond);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	drop(r);
}
