/* See errand.h. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "log.h"
#include "pool.h"

#include "errand.h"

#define PATIENCE_S 60

/* Lies on its caller's stack. */
struct errand {
	struct errand *next;
	uint64_t number;
	enum job_whom whom;
	const char *url, *media;
	const void *body;
	size_t n;
	bool sent, done;
	struct errand_answer *answer;
	pthread_cond_t cond;
};

struct errands {
	pthread_mutex_t lock;
	struct errand *first;
	uint64_t last_number;
	bool stop;
	void (*due)(void *arg);
	void *arg;
};

struct errands *errands_new(void)
{
	struct errands *e = mem_alloc(sizeof(*e));

	pthread_mutex_init(&e->lock, NULL);
	return e;
}

void errands_free(struct errands *e)
{
	if (!e)
		return;
	pthread_mutex_destroy(&e->lock);
	mem_free(e);
}

void errands_on_due(struct errands *e, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&e->lock);
	e->due = fn;
	e->arg = arg;
	pthread_mutex_unlock(&e->lock);
}

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

/* Under lock. */
static void take_out(struct errands *e, const struct errand *gone)
{
	struct errand **at = &e->first;

	while (*at && *at != gone)
		at = &(*at)->next;
	if (*at)
		*at = gone->next;
}

enum pli_status errand_run(struct errands *e, enum job_whom whom, const char *url, const char *media, const void *body, size_t n,
			   struct errand_answer *answer_r, struct err *err)
{
	struct errand mine = { .whom = whom, .url = url, .media = media ? media : "", .body = body, .n = n, .answer = answer_r };
	struct timespec until;

	*answer_r = (struct errand_answer){ 0 };
	cond_init(&mine.cond);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&e->lock);
	mine.number = ++e->last_number;
	mine.next = e->first;
	e->first = &mine;
	if (e->due)
		e->due(e->arg);
	while (!mine.done && !e->stop && pthread_cond_timedwait(&mine.cond, &e->lock, &until) != ETIMEDOUT)
		;
	take_out(e, &mine);
	pthread_mutex_unlock(&e->lock);
	pthread_cond_destroy(&mine.cond);
	return mine.done ? PLI_OK : err_set(err, PLI_BUSY, "the courier does not answer");
}

void errands_stop(struct errands *e)
{
	pthread_mutex_lock(&e->lock);
	e->stop = true;
	for (struct errand *one = e->first; one; one = one->next)
		pthread_cond_signal(&one->cond);
	pthread_mutex_unlock(&e->lock);
}

void errands_write(struct errands *e, bool again, struct buf *out)
{
	struct err err;

	pthread_mutex_lock(&e->lock);
	for (struct errand *one = e->first; one; one = one->next) {
		struct job job = { .type = JOB_FETCH, .number = one->number, .whom = one->whom, .mail = one->body, .mail_n = one->n };

		if (one->done || (one->sent && !again))
			continue;
		snprintf(job.url, sizeof(job.url), "%s", one->url);
		snprintf(job.media, sizeof(job.media), "%s", one->media);
		one->sent = true;
		if (job_write(out, &job, &err) != PLI_OK)
			log_error("errand.write", "%s", err.text);
	}
	pthread_mutex_unlock(&e->lock);
}

void errands_answered(struct errands *e, const struct job *job)
{
	pthread_mutex_lock(&e->lock);
	for (struct errand *one = e->first; one; one = one->next) {
		if (one->number != job->number || one->done)
			continue;
		one->answer->code = job->code;
		snprintf(one->answer->media, sizeof(one->answer->media), "%s", job->media);
		snprintf(one->answer->why, sizeof(one->answer->why), "%.127s", job->reply);
		buf_add(&one->answer->body, job->mail, job->mail_n);
		one->done = true;
		pthread_cond_signal(&one->cond);
	}
	pthread_mutex_unlock(&e->lock);
}
