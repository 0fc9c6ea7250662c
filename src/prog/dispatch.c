#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "job.h"

#include "keeper.h"

#include "errand.h"
#include "notice_sign.h"
#include "yield.h"

#include "dispatch.h"

#define BATCH 128			/* leased at once */
#define DISPATCH_MAX (4 * BATCH)
#define SETTLE_MAX 64			/* in one transaction: deposits of the same group wait for it */
#define GATHER_US (25 * 1000)		/* between leases, and for answers, while there is much to do */
#define NAP_FROM 16			/* with so many answers to come they are fetched every NAP_MS */
#define NAP_MS 5
#define POLL_MS 1000			/* a lost wake-up costs this much */
#define READ_BYTES 65536
#define SEND_BYTES 65536		/* of frames that leave together */
#define RETRY_MS 1000			/* after an error of the database or keeper */
#define REST_MOST_US (15 * SECOND_US)	/* between trials while the relay is away */
#define STOP_US (2 * SECOND_US)
#define STOP_POLL_MS 50

/* One notice at the courier.  A batch's notices share its pool. */
struct batch {
	struct pool *pool;
	unsigned open;			/* not settled yet */
};
struct flight {
	uint64_t number;		/* of the job; 0: free */
	struct batch *batch;
	struct notice_job *job;
	bool answered;
	enum job_outcome outcome;
	char reply[JOB_REPLY_MAX + 1], peer[JOB_PEER_MAX + 1], tls[JOB_TLS_MAX + 1];
};

struct dispatch {
	struct dispatch_config config;
	pthread_t thread;
	int wake_fd;			/* eventfd: due, link or stop */
	atomic_bool due, stop, paused;
	atomic_uint_fast64_t came;	/* how often notices became due */
	atomic_uint_fast64_t results[DISPATCH_RESULTS];	/* in the order of the outcomes of struct notice_result */
	atomic_int new_link;		/* -1: none */
	/* of the thread alone; times are monotonic */
	int link;
	struct buf in, out;
	struct flight flights[DISPATCH_MAX];
	unsigned free[DISPATCH_MAX], landed[DISPATCH_MAX];	/* places: free ones, and those answered in the order of the answers */
	unsigned flying, answered;
	uint64_t next_number;		/* of a job, times DISPATCH_MAX; its place is added */
	int64_t not_before_us;		/* pause after an error */
	int64_t looked_us, leased_us;	/* the last lease; the last that found some */
	bool full;			/* and found as many as were asked for */
	struct yield yield;
	int64_t answered_us;		/* the first answer that is not settled */
	bool lost;			/* a lease failed half way: some notices are leased by nobody */
	unsigned away;			/* rests since the relay was last there */
	int64_t rest_until_us;		/* no lease before, when away > 0 */
};

static void wake(struct dispatch *d)
{
	uint64_t one = 1;

	if (write(d->wake_fd, &one, sizeof(one)) < 0)
		log_debug("dispatch.wake", "already awake");
}

static void notices_due(void *arg)
{
	struct dispatch *d = arg;

	atomic_fetch_add_explicit(&d->came, 1, memory_order_relaxed);
	if (!atomic_exchange(&d->due, true))
		wake(d);
}

/* ------------------------------------------------------------------ to the courier */

static void drop_link(struct dispatch *d)
{
	if (d->link >= 0)
		close(d->link);
	d->link = -1;
	buf_reset(&d->in);
	buf_reset(&d->out);
}

static void send_jobs(struct dispatch *d)
{
	size_t at = 0;

	while (at < d->out.n && d->link >= 0) {
		ssize_t n = send(d->link, d->out.p + at, d->out.n - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			drop_link(d);	/* the next courier gets all that has no answer */
		else
			at += (size_t)n;
	}
	buf_reset(&d->out);	/* wipes */
}

/* Leaves with those that follow, by send_jobs(). */
static void queue_job(struct dispatch *d, const struct flight *f)
{
	struct job job = { .type = d->config.relay ? JOB_MAIL : JOB_OUTBOX, .number = f->number, .mail = f->job->mail,
			   .mail_n = f->job->mail_n };
	struct err err;

	if (d->link < 0)
		return;
	if (d->config.relay) {
		snprintf(job.from, sizeof(job.from), "%s", f->job->from);
		snprintf(job.to, sizeof(job.to), "%s", f->job->to);
	} else {
		snprintf(job.name, sizeof(job.name), "%s", f->job->file_name);
	}
	if (job_write(&d->out, &job, &err) != PLI_OK)
		log_error("dispatch.job", "%s", err.text);
	if (d->out.n >= SEND_BYTES)
		send_jobs(d);
}

static void mark_answered(struct dispatch *d, struct flight *f)
{
	f->answered = true;
	if (d->answered == 0)
		d->answered_us = clock_mono_us();
	d->landed[d->answered++] = (unsigned)(f - d->flights);
}

/* A demonstration shows what a refusal looks like. */
static bool nobody_there(const struct dispatch *d, const char *to)
{
	static const char NEVER[] = ".invalid";
	size_t n = strlen(to);

	return d->config.demo && !d->config.relay && n >= strlen(NEVER) && str_ieq(to + n - strlen(NEVER), NEVER);
}

static void launch(struct dispatch *d, struct batch *batch, struct notice_job *job)
{
	unsigned place = d->free[DISPATCH_MAX - ++d->flying];
	struct flight *f = &d->flights[place];

	*f = (struct flight){ .number = ++d->next_number * DISPATCH_MAX + place, .batch = batch, .job = job };
	batch->open++;
	if (job->own) {
		f->outcome = JOB_DONE;
		snprintf(f->reply, sizeof(f->reply), "250 2.0.0 A letter to ourselves: kept here");
		mark_answered(d, f);
		return;
	}
	if (!nobody_there(d, job->to)) {
		queue_job(d, f);
		return;
	}
	f->outcome = JOB_REFUSED;
	snprintf(f->reply, sizeof(f->reply), "550 5.1.2 There is no mail server for this name");
	mark_answered(d, f);
}

static void pause_after(struct dispatch *d, const char *what, const struct err *err)
{
	log_warn("dispatch.pause", "%s: %s", what, err->text);
	d->not_before_us = clock_mono_us() + RETRY_MS * INT64_C(1000);
}

static bool signs(const struct settings *s)
{
	return s->mail_sign || !str_eq(s->mail_dkim, "off");
}

/* Mails about alerts go first, and unsigned rather than not at all: it may be the keeper that they are about. */
static enum pli_status lease_jobs(struct dispatch *d, bool alerts, struct pool *pool, unsigned most, struct notice_job *jobs,
				  unsigned *count_r, struct err *err)
{
	enum pli_status st = alerts ? notice_lease_alerts(d->config.office, pool, d->config.render, d->config.render_arg, most, jobs, count_r, err)
				    : notice_lease(d->config.office, pool, d->config.render, d->config.render_arg, most, jobs, count_r, err);

	if (st == PLI_OK && alerts && *count_r && signs(d->config.settings) && !keeper_linked(d->config.keeper))
		st = err_set(err, PLI_BUSY, "the keeper gives no sign of life");
	if (st == PLI_OK)
		st = notice_sign(d->config.keeper, d->config.settings, pool, jobs, *count_r, err);
	if (st == PLI_OK || !alerts || !*count_r)
		return st;
	log_warn("dispatch.unsigned", "mails about an alert leave without a signature: %s", err->text);
	return PLI_OK;
}

static void lease_batch(struct dispatch *d, bool alerts)
{
	struct batch *batch = mem_alloc(sizeof(*batch));
	struct notice_job *jobs;
	unsigned most = d->away ? 1 : BATCH, count = 0;
	struct err err = { 0 };
	enum pli_status st;

	d->looked_us = clock_mono_us();
	atomic_store(&d->due, false);
	batch->pool = pool_new_secret();	/* mails hold links */
	jobs = POOL_ARRAY(batch->pool, struct notice_job, BATCH);
	st = lease_jobs(d, alerts, batch->pool, most, jobs, &count, &err);
	if (st != PLI_OK) {
		pause_after(d, "notices could not be made", &err);
		d->lost = true;
		atomic_store(&d->due, true);
	}
	for (unsigned i = 0; st == PLI_OK && i < count; i++)
		launch(d, batch, &jobs[i]);
	send_jobs(d);
	if (count)
		d->leased_us = clock_mono_us();
	d->full = st == PLI_OK && count == most;
	if (d->full)
		atomic_store(&d->due, true);
	else if (!alerts)
		yield_done(&d->yield);
	if (batch->open == 0) {
		pool_free(batch->pool);
		mem_free(batch);
	}
}

/* ------------------------------------------------------------------ from the courier */

static void take_answer(struct dispatch *d, const struct job *job)
{
	struct flight *f = &d->flights[job->number % DISPATCH_MAX];

	if (f->number != job->number || f->answered)
		return;
	f->outcome = job->outcome;
	memcpy(f->reply, job->reply, sizeof(f->reply));
	memcpy(f->peer, job->peer, sizeof(f->peer));
	memcpy(f->tls, job->tls, sizeof(f->tls));
	mark_answered(d, f);
}

/* False when there is nothing more to be read now. */
static bool take_answers(struct dispatch *d)
{
	ssize_t n = recv(d->link, buf_reserve(&d->in, READ_BYTES), READ_BYTES, MSG_DONTWAIT);
	enum pli_status st = PLI_OK;
	struct job job;
	size_t at = 0, used;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		drop_link(d);
		return false;
	}
	d->in.n += (size_t)n;
	while ((st = job_read(d->in.p + at, d->in.n - at, &job, &used, NULL)) == PLI_OK) {
		at += used;
		if (job.type == JOB_ANSWER)
			take_answer(d, &job);
		else if (job.type == JOB_FETCHED && d->config.errands)
			errands_answered(d->config.errands, &job);
	}
	buf_shift(&d->in, at);
	if (st != PLI_AGAIN) {
		log_error("dispatch.link", "the courier answered what is no frame");
		drop_link(d);
	}
	return d->link >= 0;
}

/* What the courier before has said still counts. */
static void take_new_link(struct dispatch *d)
{
	int fd = atomic_exchange(&d->new_link, -1);

	if (fd < 0)
		return;
	while (d->link >= 0 && take_answers(d))
		;
	drop_link(d);
	d->link = fd;
	for (int i = 0; i < DISPATCH_MAX; i++)
		if (d->flights[i].number && !d->flights[i].answered)
			queue_job(d, &d->flights[i]);
	if (d->config.errands)
		errands_write(d->config.errands, true, &d->out);
	send_jobs(d);
}

static void errands_due(void *arg)
{
	wake(arg);
}

static void send_errands(struct dispatch *d)
{
	if (!d->config.errands || d->link < 0)
		return;
	errands_write(d->config.errands, false, &d->out);
	send_jobs(d);
}

/* The flight's place is free again. */
static void land(struct dispatch *d, struct flight *f)
{
	struct batch *batch = f->batch;

	f->number = 0;
	f->answered = false;
	d->free[DISPATCH_MAX - d->flying--] = (unsigned)(f - d->flights);
	if (--batch->open == 0) {
		pool_free(batch->pool);
		mem_free(batch);
	}
}

/* What the answers tell of the relay itself. */
static void judge_relay(struct dispatch *d)
{
	bool there = false, away = false;
	const char *words = "";

	for (unsigned i = 0; i < d->answered; i++) {
		const struct flight *f = &d->flights[d->landed[i]];

		if (f->outcome == JOB_AWAY)
			words = f->reply;
		there = there || f->outcome != JOB_AWAY;
		away = away || f->outcome == JOB_AWAY;
	}
	if (there && d->away > 0)
		log_info("relay.back", "the relay takes mail again");
	if (there && d->away > 0)
		atomic_store(&d->due, true);
	if (there)
		d->away = 0;
	if (!away)
		return;
	/* Answers of one break come one after the other: they count once. */
	if (d->away == 0 || clock_mono_us() >= d->rest_until_us) {
		int64_t rest_us = SECOND_US << (d->away < 6 ? d->away : 6);

		if (d->away++ == 0)
			log_warn("relay.away", "notices wait: %s", words);
		d->rest_until_us = clock_mono_us() + (rest_us < REST_MOST_US ? rest_us : REST_MOST_US);
	}
}

/* When a notice that met no relay is due again: as soon as the rest is over. */
static int64_t after_rest_us(const struct dispatch *d)
{
	int64_t left = d->rest_until_us - clock_mono_us();

	return clock_now_us() + (left > 0 ? left : 0);
}

static void result_fill(const struct dispatch *d, const struct flight *f, struct notice_result *result_r)
{
	static const int outcomes[] = {
		[JOB_DONE] = NOTICE_SENT, [JOB_REFUSED] = NOTICE_FAILED, [JOB_AGAIN] = NOTICE_RETRY, [JOB_AWAY] = NOTICE_AWAY,
		[JOB_DOUBT] = NOTICE_DOUBT,
	};

	*result_r = (struct notice_result){ .entity = f->job->entity, .notice = f->job->notice, .reply = f->reply, .peer = f->peer,
					    .tls = f->tls, .message_id = f->job->message_id, .facts = f->job->facts };
	result_r->outcome = outcomes[f->outcome];
	if (f->outcome == JOB_AWAY)
		result_r->retry_us = after_rest_us(d);
}

/* One transaction for the first SETTLE_MAX; after an error they stay answered and are settled later. */
static void settle(struct dispatch *d)
{
	struct notice_result results[SETTLE_MAX];
	unsigned count = d->answered < SETTLE_MAX ? d->answered : SETTLE_MAX;
	struct err err = { 0 };

	judge_relay(d);
	if (count == 0)
		return;
	for (unsigned i = 0; i < count; i++)
		result_fill(d, &d->flights[d->landed[i]], &results[i]);
	if (notice_settle(d->config.office, results, count, &err) != PLI_OK) {
		pause_after(d, "notices could not be settled", &err);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		atomic_fetch_add_explicit(&d->results[results[i].outcome], 1, memory_order_relaxed);
		land(d, &d->flights[d->landed[i]]);
	}
	d->answered -= count;
	memmove(d->landed, d->landed + count, d->answered * sizeof(*d->landed));
}

/* ------------------------------------------------------------------ the thread */

/* Many answers come one by one: they are fetched together. */
static void wait_something(struct dispatch *d, int timeout_ms)
{
	bool nap = d->link >= 0 && d->flying - d->answered >= NAP_FROM;
	struct pollfd fds[2] = { { d->wake_fd, POLLIN, 0 }, { nap ? -1 : d->link, POLLIN, 0 } };
	uint64_t count;

	if (poll(fds, 2, nap && timeout_ms > NAP_MS ? NAP_MS : timeout_ms) < 0 && errno != EINTR)
		log_error("dispatch.poll", "%s", strerror(errno));
	if ((fds[0].revents & POLLIN) && read(d->wake_fd, &count, sizeof(count)) < 0)
		log_debug("dispatch.wake", "spurious");
	if (nap || fds[1].revents)
		take_answers(d);
}

/* With none under way all leases are void: those lost to an error need not run out first. */
static void recover_lost(struct dispatch *d)
{
	struct err err;

	if (!d->lost || d->flying > 0)
		return;
	if (notice_reset(d->config.office, &err) == PLI_OK)
		d->lost = false;
	else
		pause_after(d, "leases could not be cleared", &err);
}

/* Room for a batch, somebody to send it to, and no rest.  While the relay is away: one at a time. */
static bool may_lease(struct dispatch *d)
{
	if (atomic_load(&d->paused) || d->link < 0 || atomic_load(&d->stop))
		return false;
	if (d->away > 0)
		return d->flying == 0 && clock_mono_us() >= d->rest_until_us;
	return d->flying + BATCH <= DISPATCH_MAX;
}

static int until_ms(int64_t then_us)
{
	int64_t left = then_us - clock_mono_us();

	return left > 0 ? (int)((left + 999) / 1000) : 0;
}

/* Each lease and each settling costs a turn of the writer, each settling a head of the keeper's too: while notices follow each other
 * closely they gather first.  The first one after a pause never waits, and neither does the last answer. */
static int lease_wait_ms(struct dispatch *d)
{
	if (d->away > 0 && d->flying == 0 && clock_mono_us() < d->rest_until_us)
		return until_ms(d->rest_until_us);
	if (!may_lease(d))
		return POLL_MS;
	if (!atomic_load(&d->due))
		return until_ms(d->looked_us + POLL_MS * INT64_C(1000));
	if (!d->away && yield_must(&d->yield, atomic_load_explicit(&d->came, memory_order_relaxed), clock_mono_us()))
		return YIELD_LOOK_US / 1000;
	return d->full ? 0 : until_ms(d->leased_us + GATHER_US);
}

static int settle_wait_ms(const struct dispatch *d)
{
	if (d->answered >= SETTLE_MAX || d->answered == d->flying || atomic_load(&d->stop))
		return 0;
	return until_ms(d->answered_us + GATHER_US);
}

/* Until there is something to do that nobody wakes us for. */
static int wait_ms(struct dispatch *d, bool paused)
{
	int ms = paused ? RETRY_MS / 4 : lease_wait_ms(d);

	if (!paused && d->answered > 0 && settle_wait_ms(d) < ms)
		ms = settle_wait_ms(d);
	return ms < POLL_MS ? ms : POLL_MS;
}

static void *dispatch_thread(void *arg)
{
	struct dispatch *d = arg;
	int64_t end_us = 0;

	/* At a stop: what has left is waited for, so that it is not sent twice. */
	while (!end_us || (d->flying > 0 && clock_mono_us() < end_us)) {
		bool paused = clock_mono_us() < d->not_before_us;
		int ms;

		take_new_link(d);
		send_errands(d);
		if (!paused && d->answered > 0 && settle_wait_ms(d) == 0)
			settle(d);
		if (!paused && may_lease(d) && lease_wait_ms(d) == 0) {
			recover_lost(d);
			lease_batch(d, true);
			if (may_lease(d))
				lease_batch(d, false);
		}
		ms = wait_ms(d, paused);
		wait_something(d, end_us && ms > STOP_POLL_MS ? STOP_POLL_MS : ms);
		if (!end_us && atomic_load(&d->stop))
			end_us = clock_mono_us() + STOP_US;
	}
	while (d->answered > 0 && clock_mono_us() >= d->not_before_us)
		settle(d);
	return NULL;
}

enum pli_status dispatch_start(const struct dispatch_config *config, struct dispatch **dispatch_r, struct err *err)
{
	struct dispatch *d = mem_alloc(sizeof(*d));

	d->config = *config;
	d->link = -1;
	atomic_init(&d->new_link, -1);
	atomic_init(&d->due, true);
	atomic_init(&d->paused, config->paused);
	buf_init(&d->in);
	buf_init_secret(&d->out);	/* mails hold links */
	for (unsigned i = 0; i < DISPATCH_MAX; i++)
		d->free[i] = i;
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->wake_fd < 0 || pthread_create(&d->thread, NULL, dispatch_thread, d) != 0) {
		enum pli_status st = err_errno(err, "notice dispatcher");
		mem_free(d);
		return st;
	}
	notice_on_due(config->office, notices_due, d);
	if (config->errands)
		errands_on_due(config->errands, errands_due, d);
	*dispatch_r = d;
	return PLI_OK;
}

void dispatch_link(struct dispatch *dispatch, int fd)
{
	int old = atomic_exchange(&dispatch->new_link, fd);

	if (old >= 0)
		close(old);
	atomic_store(&dispatch->due, true);
	wake(dispatch);
}

void dispatch_pause(struct dispatch *dispatch, bool paused)
{
	atomic_store(&dispatch->paused, paused);
	atomic_store(&dispatch->due, true);
	wake(dispatch);
}

const char *const dispatch_result_names[DISPATCH_RESULTS] = {
	[NOTICE_SENT] = "sent", [NOTICE_FAILED] = "failed", [NOTICE_RETRY] = "deferred", [NOTICE_AWAY] = "unreachable",
	[NOTICE_DOUBT] = "uncertain",
};

void dispatch_results(struct dispatch *dispatch, uint64_t counts_r[DISPATCH_RESULTS])
{
	for (int i = 0; i < DISPATCH_RESULTS; i++)
		counts_r[i] = atomic_load_explicit(&dispatch->results[i], memory_order_relaxed);
}

void dispatch_stop(struct dispatch *d)
{
	if (!d)
		return;
	notice_on_due(d->config.office, NULL, NULL);
	if (d->config.errands)
		errands_on_due(d->config.errands, NULL, NULL);
	atomic_store(&d->stop, true);
	wake(d);
	pthread_join(d->thread, NULL);
	for (int i = 0; i < DISPATCH_MAX; i++) {
		struct flight *f = &d->flights[i];
		if (f->number)
			land(d, f);
	}
	drop_link(d);
	close(d->wake_fd);
	buf_free(&d->in);
	buf_free(&d->out);
	mem_free(d);
}
