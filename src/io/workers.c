/* Worker threads: one lock, a FIFO of jobs, a stack of idle threads.
 *
 * A job for an idle thread is put into that thread's own slot and its semaphore posted after the lock is released: the
 * thread wakes with its job and needs no lock.  The structs of threads that left are kept for the next ones, so that a
 * late post never meets freed memory. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "pool.h"
#include "status.h"

#include "workers.h"

struct worker {
	struct workers *ws;
	struct worker *next;	/* in the idle or the vacant stack */
	struct worker *all_next;
	sem_t wake;		/* posted once for each time it is taken off the idle stack by another */
	_Atomic(struct work *) job;	/* handed over by the submitter; NULL: stop */
	bool idle;
};

struct workers {
	struct workers_config config;
	pthread_mutex_t lock;
	pthread_cond_t last_left;
	struct work *first, **last;
	struct worker *idle;
	struct worker *vacant;	/* without a thread */
	struct worker *all;
	unsigned threads;
	unsigned calls;
	bool stopping;
};

/* A job of workers_call(). */
struct worker_call {
	struct work work;
	struct workers *ws;
	void (*fn)(void *arg);
	void *arg;
};

static struct work *workers_pop(struct workers *ws)
{
	struct work *w = ws->first;

	if (w) {
		ws->first = w->next;
		if (!ws->first)
			ws->last = &ws->first;
	}
	return w;
}

static struct worker *workers_pop_idle(struct workers *ws)
{
	struct worker *w = ws->idle;

	if (w) {
		ws->idle = w->next;
		w->idle = false;
	}
	return w;
}

/* With the lock held: the thread of me is about to end. */
static void worker_leave(struct workers *ws, struct worker *me)
{
	me->next = ws->vacant;
	ws->vacant = me;
	if (--ws->threads == 0)
		pthread_cond_signal(&ws->last_left);
}

/* Takes me out of the idle stack, if it is still there and not one of those that stay. */
static bool worker_may_leave(struct workers *ws, struct worker *me)
{
	struct worker **p = &ws->idle;

	if (!me->idle || ws->threads <= ws->config.threads_keep)
		return false;
	while (*p != me)
		p = &(*p)->next;
	*p = me->next;
	me->idle = false;
	return true;
}

/* Waits for a job; NULL: the thread must end, worker_leave() has been done. */
static struct work *worker_sleep(struct workers *ws, struct worker *me)
{
	struct timespec until;
	struct work *w;
	bool left;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ws->config.idle_ms / 1000;
	until.tv_nsec += (long)(ws->config.idle_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (sem_clockwait(&me->wake, CLOCK_MONOTONIC, &until) != 0) {
		if (errno == EINTR)
			continue;
		pthread_mutex_lock(&ws->lock);
		left = worker_may_leave(ws, me);
		if (left)
			worker_leave(ws, me);
		pthread_mutex_unlock(&ws->lock);
		if (left)
			return NULL;
		/* One of those that stay, or a job is on its way. */
		while (sem_wait(&me->wake) != 0)
			;
		break;
	}
	w = atomic_load_explicit(&me->job, memory_order_acquire);
	if (w)
		return w;
	pthread_mutex_lock(&ws->lock);
	worker_leave(ws, me);
	pthread_mutex_unlock(&ws->lock);
	return NULL;
}

static struct work *worker_next_job(struct workers *ws, struct worker *me)
{
	struct work *w;
	bool leave;

	pthread_mutex_lock(&ws->lock);
	w = workers_pop(ws);
	leave = !w && ws->stopping;
	if (leave) {
		worker_leave(ws, me);
	} else if (!w) {
		atomic_store_explicit(&me->job, NULL, memory_order_relaxed);
		me->idle = true;
		me->next = ws->idle;
		ws->idle = me;
	}
	pthread_mutex_unlock(&ws->lock);
	if (w || leave)
		return w;
	return worker_sleep(ws, me);
}

static void *worker_main(void *arg)
{
	struct worker *me = arg;
	struct workers *ws = me->ws;
	struct work *w;

	while ((w = worker_next_job(ws, me)))
		w->fn(w->arg);
	return NULL;
}

static struct worker *workers_vacant(struct workers *ws)
{
	struct worker *w = ws->vacant;

	if (w) {
		ws->vacant = w->next;
		return w;
	}
	w = mem_alloc(sizeof(*w));
	w->ws = ws;
	sem_init(&w->wake, 0, 0);
	w->all_next = ws->all;
	ws->all = w;
	return w;
}

/* With the lock held.  Returns an errno. */
static int workers_spawn(struct workers *ws)
{
	struct worker *w = workers_vacant(ws);
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t id;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, ws->config.stack_bytes);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&id, &attr, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (rc == 0) {
		ws->threads++;
	} else {
		w->next = ws->vacant;
		ws->vacant = w;
	}
	return rc;
}

enum pli_status workers_new(const struct workers_config *config, struct workers **workers_r, struct err *err)
{
	struct workers *ws = mem_alloc(sizeof(*ws));
	int rc;

	assert(config->threads_max > 0 && config->threads_keep > 0);
	ws->config = *config;
	ws->last = &ws->first;
	pthread_mutex_init(&ws->lock, NULL);
	pthread_cond_init(&ws->last_left, NULL);
	pthread_mutex_lock(&ws->lock);
	rc = workers_spawn(ws);
	pthread_mutex_unlock(&ws->lock);
	if (rc != 0) {
		workers_free(ws);
		return err_set(err, PLI_IO, "a worker thread cannot be started (error %d)", rc);
	}
	*workers_r = ws;
	return PLI_OK;
}

void workers_free(struct workers *ws)
{
	struct worker *w;

	if (!ws)
		return;
	pthread_mutex_lock(&ws->lock);
	ws->stopping = true;
	while ((w = workers_pop_idle(ws)))
		sem_post(&w->wake);
	while (ws->threads > 0)
		pthread_cond_wait(&ws->last_left, &ws->lock);
	assert(!ws->first);
	pthread_mutex_unlock(&ws->lock);
	while ((w = ws->all)) {
		ws->all = w->all_next;
		sem_destroy(&w->wake);
		mem_free(w);
	}
	pthread_cond_destroy(&ws->last_left);
	pthread_mutex_destroy(&ws->lock);
	mem_free(ws);
}

void workers_submit(struct workers *ws, struct work *w)
{
	struct worker *idle;

	w->next = NULL;
	pthread_mutex_lock(&ws->lock);
	idle = workers_pop_idle(ws);
	if (idle) {
		atomic_store_explicit(&idle->job, w, memory_order_release);
	} else {
		*ws->last = w;
		ws->last = &w->next;
		/* Without a new thread the job waits for one of those there are. */
		if (ws->threads < ws->config.threads_max)
			(void)workers_spawn(ws);
	}
	pthread_mutex_unlock(&ws->lock);
	if (idle)
		sem_post(&idle->wake);
}

static void worker_call_run(void *arg)
{
	struct worker_call *call = arg;
	struct workers *ws = call->ws;

	call->fn(call->arg);
	mem_free(call);
	pthread_mutex_lock(&ws->lock);
	ws->calls--;
	pthread_mutex_unlock(&ws->lock);
}

bool workers_call(struct workers *ws, void (*fn)(void *arg), void *arg)
{
	struct worker_call *call;
	bool room;

	pthread_mutex_lock(&ws->lock);
	room = ws->calls < ws->config.queue_max && !ws->stopping;
	if (room)
		ws->calls++;
	pthread_mutex_unlock(&ws->lock);
	if (!room)
		return false;
	call = mem_alloc(sizeof(*call));
	*call = (struct worker_call){ .work = { .fn = worker_call_run, .arg = call }, .ws = ws, .fn = fn, .arg = arg };
	workers_submit(ws, &call->work);
	return true;
}

unsigned workers_threads(struct workers *ws)
{
	unsigned n;

	pthread_mutex_lock(&ws->lock);
	n = ws->threads;
	pthread_mutex_unlock(&ws->lock);
	return n;
}
