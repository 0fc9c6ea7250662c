/* The writer: one thread that runs everybody's write functions, commits once for all of them, and answers.
 *
 * A group is what has queued up while the group before was being written, at most GROUP_MAX functions.  Each group costs
 * the same few flushes and signatures however many it holds; so, while groups before it have not been released, it waits
 * until it holds as many functions as they do, for GATHER_US at most.  A lone writer never waits.
 * The way of a group: BEGIN; each function; the finish hook over the surviving late items; COMMIT; answers, but for
 * functions with late items, which the committed hook's owner answers by db_group_release.
 *
 * A function that fails must leave no trace.  Savepoints do that, but make the engine keep a copy of every page that each
 * function touches.  So the group first runs without them; when a function fails after it has changed something, the
 * whole group is rolled back and run again with a savepoint each.  Write functions may be run again by contract. */
#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "pool.h"

#include "db_engine.h"

#define GROUP_MAX 256
#define IDLE_S 2
#define GATHER_US 5000

struct job {
	db_write_fn *fn;
	void *arg;
	struct err *err;
	enum pli_status status;
	bool late;		/* has late items: answered by db_group_release */
	struct job *next;
	void (*answer)(void *arg, enum pli_status status);	/* NULL: somebody waits for `done` */
	void *answer_arg;
	sem_t done;
};

struct db_group {
	struct db_writer *writer;
	struct pool *pool;
	struct job *jobs;	/* those with late items */
	unsigned job_count;
	void **items;
	size_t item_count;
};

struct db_writer {
	struct db *db;
	struct db_conn *conn;
	struct db_hooks hooks;		/* under lock */
	struct db_hooks group_hooks;	/* of the group being run: the thread's own */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t queued;		/* or stopping */
	pthread_cond_t released;
	struct job *first, **last;
	bool waiting, stopping, in_finish;
	bool running;			/* a group was taken, and the next one not asked for */
	unsigned asked;			/* for groups */
	unsigned queue_length, wanted;	/* waiting ends when the queue is that long */
	unsigned settles, settled;	/* asked for, done */
	struct err settled_err;		/* the last one's status and text */
	size_t outstanding;		/* groups not yet released */
	unsigned outstanding_jobs;	/* functions in them */
	/* Late items of the group being run. */
	void **items;
	size_t item_count, item_cap;
};

/* ------------------------------------------------------------------ answers */

static void job_answer(struct job *job)
{
	if (!job->answer) {
		/* The job lives on the caller's stack: it is gone after this. */
		sem_post(&job->done);
		return;
	}
	job->answer(job->answer_arg, job->status);
	mem_free(job);
}

static void job_fail(struct job *job, enum pli_status status, const struct err *err)
{
	job->status = status;
	if (job->err && err)
		*job->err = *err;
}

static void group_free(struct db_group *group)
{
	pool_free(group->pool);
	mem_free(group->items);
	mem_free(group);
}

/* With the lock held: how many must have queued up for a group to begin now. */
static unsigned jobs_wanted(const struct db_writer *w)
{
	return w->outstanding_jobs < GROUP_MAX ? w->outstanding_jobs : GROUP_MAX;
}

void db_group_release(struct db_group *group, enum pli_status status, const struct err *err)
{
	struct db_writer *w = group->writer;
	struct job *job = group->jobs, *next;
	unsigned count = group->job_count;

	for (; job; job = next) {
		next = job->next;
		if (status != PLI_OK)
			job_fail(job, status, err);
		job_answer(job);
	}
	group_free(group);
	pthread_mutex_lock(&w->lock);
	w->outstanding--;
	w->outstanding_jobs -= count;
	if (w->waiting && w->queue_length && w->queue_length >= jobs_wanted(w))
		pthread_cond_signal(&w->queued);
	pthread_cond_signal(&w->released);
	pthread_mutex_unlock(&w->lock);
}

/* ------------------------------------------------------------------ a group */

void db_tx_late(struct db_tx *tx, void *item)
{
	struct db_writer *w = tx->writer;

	assert(!w->in_finish);
	if (w->item_count == w->item_cap) {
		w->item_cap = w->item_cap ? w->item_cap * 2 : 64;
		w->items = mem_grow(w->items, w->item_cap * sizeof(*w->items));
	}
	w->items[w->item_count++] = item;
}

enum outcome {
	GROUP_RUN,	/* every function has run; failed ones left no trace */
	GROUP_AGAIN,	/* rolled back: to be run again with savepoints */
	GROUP_LOST,	/* the engine lost the transaction: err says why */
};

static void back_out(struct db_writer *w)
{
	struct err ignored;

	w->item_count = 0;
	if (w->conn->engine->in_transaction(w->conn))
		(void)!w->conn->engine->step(w->conn, DB_ROLLBACK, &ignored);
}

/* One function.  guard: inside a savepoint. */
static enum outcome job_run(struct db_writer *w, struct db_tx *tx, struct job *job, bool guard, struct err *err)
{
	const struct db_engine *engine = w->conn->engine;
	size_t items_before = w->item_count;
	int64_t changes_before = engine->changes(w->conn);

	if (guard && engine->step(w->conn, DB_SAVE, err) != PLI_OK)
		return GROUP_LOST;
	if (job->err)
		memset(job->err, 0, sizeof(*job->err));
	job->status = job->fn(tx, job->arg, job->err ? job->err : err);
	job->late = w->item_count > items_before;
	if (w->conn->fault != PLI_OK || !engine->in_transaction(w->conn)) {
		*err = job->err ? *job->err : *err;
		return GROUP_LOST;
	}
	if (job->status == PLI_OK)
		return guard && engine->step(w->conn, DB_KEEP, err) != PLI_OK ? GROUP_LOST : GROUP_RUN;
	job->late = false;
	w->item_count = items_before;
	if (guard)
		return engine->step(w->conn, DB_BACK, err) != PLI_OK ? GROUP_LOST : GROUP_RUN;
	return engine->changes(w->conn) != changes_before ? GROUP_AGAIN : GROUP_RUN;
}

/* BEGIN, all functions, finish hook, COMMIT.  *committing_r: the fault came with the commit itself. */
static enum outcome group_try(struct db_writer *w, struct db_tx *tx, struct job *jobs, bool guard, bool *committing_r,
			      struct err *err)
{
	const struct db_engine *engine = w->conn->engine;

	w->conn->fault = PLI_OK;
	w->item_count = 0;
	*committing_r = false;
	if (engine->step(w->conn, DB_BEGIN, err) != PLI_OK)
		return GROUP_LOST;
	for (struct job *job = jobs; job; job = job->next) {
		enum outcome outcome = job_run(w, tx, job, guard, err);

		if (outcome != GROUP_RUN)
			return outcome;
	}
	if (w->item_count && w->group_hooks.finish) {
		enum pli_status status;

		w->in_finish = true;
		status = w->group_hooks.finish(w->group_hooks.arg, tx, w->items, w->item_count, err);
		w->in_finish = false;
		if (status != PLI_OK) {
			err->status = status;
			return GROUP_LOST;
		}
	}
	*committing_r = true;
	return engine->step(w->conn, DB_COMMIT, err) == PLI_OK ? GROUP_RUN : GROUP_LOST;
}

/* Everything of the group is undone.  A flush that failed in the commit may yet have reached the disk. */
static void group_lost(struct db_writer *w, struct job *jobs, bool committing, struct err *err)
{
	enum pli_status status = err->status == PLI_OK ? PLI_IO : err->status;
	bool broken = w->conn->fault == PLI_IO;
	struct job *next;

	if (w->conn->fault == PLI_FULL)
		status = PLI_FULL;
	if (!err->text[0])
		err_set(err, status, "the group of writes was given up");
	back_out(w);
	if (broken) {
		status = committing ? PLI_UNCERTAIN : PLI_IO;
		db_fault(w->db, err);
	}
	err->status = status;
	for (; jobs; jobs = next) {
		next = jobs->next;
		/* Those that had failed for a reason of their own keep it. */
		if (jobs->status == PLI_OK || jobs->status == PLI_IO || jobs->status == PLI_FULL)
			job_fail(jobs, status, err);
		job_answer(jobs);
	}
}

/* Committed: answer those without late items, hand the others over. */
static void group_done(struct db_writer *w, struct db_group *group, struct job *jobs)
{
	struct job **late = &group->jobs;
	struct job *job = jobs, *next;

	for (; job; job = next) {
		next = job->next;
		job->next = NULL;
		if (job->late && w->group_hooks.committed) {
			*late = job;
			late = &job->next;
			group->job_count++;
		} else {
			job_answer(job);
		}
	}
	if (!group->jobs) {
		group_free(group);
		return;
	}
	/* The items go with the group; the next group gets an array of its own. */
	group->items = w->items;
	group->item_count = w->item_count;
	w->items = NULL;
	w->item_count = w->item_cap = 0;
	pthread_mutex_lock(&w->lock);
	w->outstanding++;
	w->outstanding_jobs += group->job_count;
	pthread_mutex_unlock(&w->lock);
	w->group_hooks.committed(w->group_hooks.arg, group, group->items, group->item_count);
}

static void group_run(struct db_writer *w, struct job *jobs)
{
	struct db_group *group = mem_alloc(sizeof(*group));
	struct db_tx tx = { .conn = w->conn, .writer = w };
	struct err err = { 0 };
	enum outcome outcome;
	bool committing;

	group->writer = w;
	group->pool = tx.pool = pool_new();
	for (struct job *job = jobs; job; job = job->next)
		job->status = PLI_OK;
	committing = false;
	outcome = db_healthy(w->db, &err) == PLI_OK ? group_try(w, &tx, jobs, false, &committing, &err) : GROUP_LOST;
	if (outcome == GROUP_AGAIN) {
		back_out(w);
		outcome = group_try(w, &tx, jobs, true, &committing, &err);
	}
	if (outcome == GROUP_RUN) {
		group_done(w, group, jobs);
	} else {
		group_lost(w, jobs, committing, &err);
		group_free(group);
	}
}

/* ------------------------------------------------------------------ the thread */

static struct timespec in_us(int64_t us)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	us += t.tv_nsec / 1000;
	t.tv_sec += us / 1000000;
	t.tv_nsec = us % 1000000 * 1000;
	return t;
}

/* With the lock held: until so many are there. */
static void jobs_gather(struct db_writer *w)
{
	struct timespec until;
	int code = 0;

	if (w->queue_length >= jobs_wanted(w))
		return;
	until = in_us(GATHER_US);
	while (w->queue_length < (w->wanted = jobs_wanted(w)) && !w->stopping && code != ETIMEDOUT) {
		w->waiting = true;
		code = pthread_cond_timedwait(&w->queued, &w->lock, &until);
		w->waiting = false;
	}
}

/* The next group, or NULL when stopping.  *idle_r: nothing came for a while. */
static struct job *jobs_take(struct db_writer *w, bool may_idle, bool *idle_r)
{
	struct timespec until = in_us(IDLE_S * 1000000);
	struct job *jobs, **end;
	int code = 0;

	*idle_r = false;
	pthread_mutex_lock(&w->lock);
	w->running = false;
	w->asked++;
	pthread_cond_broadcast(&w->released);
	while (!w->first && !w->stopping && code != ETIMEDOUT && w->settled == w->settles) {
		w->wanted = 1;
		w->waiting = true;
		code = may_idle ? pthread_cond_timedwait(&w->queued, &w->lock, &until) :
				  pthread_cond_wait(&w->queued, &w->lock);
		w->waiting = false;
	}
	*idle_r = !w->first && code == ETIMEDOUT;
	if (w->first)
		jobs_gather(w);
	jobs = w->first;
	end = &w->first;
	for (int i = 0; *end && i < GROUP_MAX; i++) {
		end = &(*end)->next;
		w->queue_length--;
	}
	w->first = *end;
	*end = NULL;
	if (jobs && !w->first)
		w->last = &w->first;
	w->running = jobs != NULL;
	w->group_hooks = w->hooks;
	pthread_mutex_unlock(&w->lock);
	return jobs;
}

static void upkeep(struct db_writer *w, bool idle)
{
	const struct db_engine *engine = w->conn->engine;
	struct err err = { 0 };

	if ((idle ? engine->idle : engine->upkeep)(w->conn, &err) != PLI_OK && w->conn->fault == PLI_IO)
		db_fault(w->db, &err);
	if (idle) {
		db_trim_readers(w->db);
		malloc_trim(0);	/* what the busy time took goes back to the system */
	}
}

/* Between two groups; true when somebody had asked for it. */
static bool settle(struct db_writer *w)
{
	struct err err = { 0 };
	unsigned asked;

	pthread_mutex_lock(&w->lock);
	asked = w->settles;
	pthread_mutex_unlock(&w->lock);
	if (asked == w->settled)	/* this thread alone changes it */
		return false;
	err.status = w->conn->engine->settle(w->conn, &err);
	if (w->conn->fault == PLI_IO)
		db_fault(w->db, &err);
	w->conn->fault = PLI_OK;
	pthread_mutex_lock(&w->lock);
	w->settled = asked;
	w->settled_err = err;
	pthread_cond_broadcast(&w->released);
	pthread_mutex_unlock(&w->lock);
	return true;
}

static void *writer_main(void *arg)
{
	struct db_writer *w = arg;
	bool written = false, idle, stop = false;

	pthread_setname_np(pthread_self(), "pli-writer");
	while (!stop) {
		struct job *jobs = jobs_take(w, written, &idle);

		if (jobs) {
			group_run(w, jobs);
			upkeep(w, false);
			written = true;
		} else if (idle) {
			upkeep(w, true);
			written = false;
		} else {
			stop = !settle(w);
			continue;
		}
		(void)settle(w);
	}
	return NULL;
}

enum pli_status db_writer_new(struct db *db, struct db_conn *conn, struct db_writer **writer_r, struct err *err)
{
	struct db_writer *w = mem_alloc(sizeof(*w));
	pthread_condattr_t monotonic;
	sigset_t all, before;
	int code;

	w->db = db;
	w->conn = conn;
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->queued, &monotonic);
	pthread_cond_init(&w->released, NULL);
	pthread_condattr_destroy(&monotonic);
	/* Signals are for the threads that asked for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&w->thread, NULL, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code) {
		pthread_cond_destroy(&w->released);
		pthread_cond_destroy(&w->queued);
		pthread_mutex_destroy(&w->lock);
		mem_free(w);
		errno = code;
		return err_errno(err, "writer thread");
	}
	*writer_r = w;
	return PLI_OK;
}

void db_writer_free(struct db_writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->queued);
	pthread_cond_broadcast(&w->released);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_mutex_lock(&w->lock);
	while (w->outstanding)
		pthread_cond_wait(&w->released, &w->lock);
	pthread_mutex_unlock(&w->lock);
	w->conn->engine->close(w->conn);
	pthread_cond_destroy(&w->released);
	pthread_cond_destroy(&w->queued);
	pthread_mutex_destroy(&w->lock);
	mem_free(w->items);
	mem_free(w);
}

enum pli_status db_writer_settle(struct db_writer *w, struct err *err)
{
	enum pli_status status = PLI_OK;
	unsigned mine;

	pthread_mutex_lock(&w->lock);
	mine = ++w->settles;
	pthread_cond_signal(&w->queued);
	while ((int)(w->settled - mine) < 0 && !w->stopping)
		pthread_cond_wait(&w->released, &w->lock);
	if ((int)(w->settled - mine) < 0)
		status = err_set(err, PLI_BUSY, "the server is stopping");
	else if ((status = w->settled_err.status) != PLI_OK && err)
		*err = w->settled_err;
	pthread_mutex_unlock(&w->lock);
	return status;
}

unsigned db_writer_queued(struct db_writer *w)
{
	unsigned n;

	pthread_mutex_lock(&w->lock);
	n = w->queue_length;
	pthread_mutex_unlock(&w->lock);
	return n;
}

void db_writer_hooks(struct db_writer *w, const struct db_hooks *hooks)
{
	assert(!pthread_equal(pthread_self(), w->thread));
	pthread_mutex_lock(&w->lock);
	w->hooks = *hooks;
	for (unsigned before = w->asked; w->running && w->asked == before; )
		pthread_cond_wait(&w->released, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

/* Once it is queued, the job may have been answered. */
static enum pli_status job_queue(struct db_writer *w, struct job *job, struct err *err)
{
	bool stopping;

	assert(!pthread_equal(pthread_self(), w->thread));
	pthread_mutex_lock(&w->lock);
	stopping = w->stopping;
	if (!stopping) {
		*w->last = job;
		w->last = &job->next;
		w->queue_length++;
		if (w->waiting && w->queue_length >= w->wanted)
			pthread_cond_signal(&w->queued);
	}
	pthread_mutex_unlock(&w->lock);
	return stopping ? err_set(err, PLI_BUSY, "the server is stopping") : PLI_OK;
}

enum pli_status db_writer_write(struct db_writer *w, db_write_fn *fn, void *arg, struct err *err)
{
	struct job job = { .fn = fn, .arg = arg, .err = err };
	enum pli_status status;

	sem_init(&job.done, 0, 0);
	status = job_queue(w, &job, err);
	while (status == PLI_OK && sem_wait(&job.done) != 0)
		assert(errno == EINTR);
	sem_destroy(&job.done);
	return status == PLI_OK ? job.status : status;
}

enum pli_status db_writer_write_later(struct db_writer *w, db_write_fn *fn, void *arg, void (*done)(void *done_arg, enum pli_status status),
				      void *done_arg, struct err *err)
{
	struct job *job = mem_alloc(sizeof(*job));
	enum pli_status status;

	*job = (struct job){ .fn = fn, .arg = arg, .err = err, .answer = done, .answer_arg = done_arg };
	status = job_queue(w, job, err);
	if (status != PLI_OK)
		mem_free(job);
	return status;
}
