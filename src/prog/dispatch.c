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
#include "text.h"

#include "job.h"

#include "notice_sign.h"

#include "dispatch.h"

#define BATCH 64
#define DISPATCH_MAX (4 * BATCH)
#define POLL_MS 1000			/* a lost wake-up costs this much */
#define READ_BYTES 16384
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
	atomic_uint_fast64_t results[DISPATCH_RESULTS];	/* in the order of the outcomes of struct notice_result */
	atomic_int new_link;		/* -1: none */
	/* of the thread alone */
	int link;
	struct buf in;
	struct flight flights[DISPATCH_MAX];
	unsigned flying, answered;
	uint64_t next_number;
	int64_t not_before_us;		/* monotonic: pause after an error */
	bool lost;			/* a lease failed half way: some notices are leased by nobody */
	unsigned away;			/* rests since the relay was last there */
	int64_t rest_until_us;		/* monotonic: no lease before, when away > 0 */
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
}

static void send_job(struct dispatch *d, const struct flight *f)
{
	struct job job = { .type = d->config.relay ? JOB_MAIL : JOB_OUTBOX, .number = f->number, .mail = f->job->mail,
			   .mail_n = f->job->mail_n };
	struct err err;
	AUTO_BUF out = { .secret = 1 };
	size_t at = 0;

	if (d->link < 0)
		return;
	if (d->config.relay) {
		snprintf(job.from, sizeof(job.from), "%s", f->job->from);
		snprintf(job.to, sizeof(job.to), "%s", f->job->to);
	} else {
		snprintf(job.name, sizeof(job.name), "%s", f->job->file_name);
	}
	if (job_write(&out, &job, &err) != PLI_OK) {
		log_error("dispatch.job", "%s", err.text);
		return;
	}
	while (at < out.n && d->link >= 0) {
		ssize_t n = send(d->link, out.p + at, out.n - at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			drop_link(d);	/* the next courier gets all that has no answer */
		else
			at += (size_t)n;
	}
}

static void take_new_link(struct dispatch *d)
{
	int fd = atomic_exchange(&d->new_link, -1);

	if (fd < 0)
		return;
	drop_link(d);
	d->link = fd;
	for (int i = 0; i < DISPATCH_MAX; i++)
		if (d->flights[i].number && !d->flights[i].answered)
			send_job(d, &d->flights[i]);
}

static struct flight *free_flight(struct dispatch *d)
{
	for (int i = 0; i < DISPATCH_MAX; i++)
		if (d->flights[i].number == 0)
			return &d->flights[i];
	return NULL;
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
	struct flight *f = free_flight(d);

	*f = (struct flight){ .number = ++d->next_number, .batch = batch, .job = job };
	batch->open++;
	d->flying++;
	if (!nobody_there(d, job->to)) {
		send_job(d, f);
		return;
	}
	f->answered = true;
	f->outcome = JOB_REFUSED;
	snprintf(f->reply, sizeof(f->reply), "550 5.1.2 There is no mail server for this name");
	d->answered++;
}

static void pause_after(struct dispatch *d, const char *what, const struct err *err)
{
	log_warn("dispatch.pause", "%s: %s", what, err->text);
	d->not_before_us = clock_mono_us() + RETRY_MS * INT64_C(1000);
}

/* False when there was nothing to lease. */
static bool lease_batch(struct dispatch *d)
{
	struct batch *batch = mem_alloc(sizeof(*batch));
	struct notice_job *jobs;
	unsigned count = 0;
	struct err err = { 0 };
	enum pli_status st;

	batch->pool = pool_new_secret();	/* mails hold links */
	jobs = POOL_ARRAY(batch->pool, struct notice_job, BATCH);
	st = notice_lease(d->config.office, batch->pool, d->config.render, d->config.render_arg, d->away ? 1 : BATCH, jobs, &count,
			  &err);
	if (st == PLI_OK)
		st = notice_sign(d->config.keeper, d->config.settings, batch->pool, jobs, count, &err);
	if (st != PLI_OK) {
		pause_after(d, "notices could not be made", &err);
		d->lost = true;
	}
	for (unsigned i = 0; st == PLI_OK && i < count; i++)
		launch(d, batch, &jobs[i]);
	if (batch->open == 0) {
		pool_free(batch->pool);
		mem_free(batch);
	}
	return st == PLI_OK && count > 0;
}

/* ------------------------------------------------------------------ from the courier */

static void take_answer(struct dispatch *d, const struct job *job)
{
	for (int i = 0; i < DISPATCH_MAX; i++) {
		struct flight *f = &d->flights[i];
		if (f->number != job->number || f->answered)
			continue;
		f->answered = true;
		f->outcome = job->outcome;
		memcpy(f->reply, job->reply, sizeof(f->reply));
		memcpy(f->peer, job->peer, sizeof(f->peer));
		memcpy(f->tls, job->tls, sizeof(f->tls));
		d->answered++;
		return;
	}
}

static void take_answers(struct dispatch *d)
{
	ssize_t n = recv(d->link, buf_reserve(&d->in, READ_BYTES), READ_BYTES, MSG_DONTWAIT);
	enum pli_status st = PLI_OK;
	struct job job;
	size_t at = 0, used;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop_link(d);
		return;
	}
	d->in.n += (size_t)n;
	while ((st = job_read(d->in.p + at, d->in.n - at, &job, &used, NULL)) == PLI_OK) {
		at += used;
		if (job.type == JOB_ANSWER)
			take_answer(d, &job);
	}
	buf_shift(&d->in, at);
	if (st != PLI_AGAIN) {
		log_error("dispatch.link", "the courier answered what is no frame");
		drop_link(d);
	}
}

static void land(struct dispatch *d, struct flight *f)
{
	struct batch *batch = f->batch;

	f->number = 0;
	f->answered = false;
	d->flying--;
	d->answered--;
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

	for (int i = 0; i < DISPATCH_MAX; i++) {
		const struct flight *f = &d->flights[i];
		if (!f->number || !f->answered)
			continue;
		if (f->outcome == JOB_AWAY)
			words = f->reply;
		there = there || f->outcome != JOB_AWAY;
		away = away || f->outcome == JOB_AWAY;
	}
	if (there && d->away > 0)
		log_info("relay.back", "the relay takes mail again");
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
					    .tls = f->tls, .message_id = f->job->message_id };
	result_r->outcome = outcomes[f->outcome];
	if (f->outcome == JOB_AWAY)
		result_r->retry_us = after_rest_us(d);
}

/* One transaction for all that was answered; after an error they stay answered and are settled later. */
static void settle(struct dispatch *d)
{
	struct notice_result results[DISPATCH_MAX];
	struct flight *settled[DISPATCH_MAX];
	unsigned count = 0;
	struct err err = { 0 };

	judge_relay(d);
	for (int i = 0; i < DISPATCH_MAX; i++) {
		struct flight *f = &d->flights[i];
		if (!f->number || !f->answered)
			continue;
		settled[count] = f;
		result_fill(d, f, &results[count++]);
	}
	if (count == 0)
		return;
	if (notice_settle(d->config.office, results, count, &err) != PLI_OK) {
		pause_after(d, "notices could not be settled", &err);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		atomic_fetch_add_explicit(&d->results[results[i].outcome], 1, memory_order_relaxed);
		land(d, settled[i]);
	}
}

/* ------------------------------------------------------------------ the thread */

static void wait_something(struct dispatch *d, int timeout_ms)
{
	struct pollfd fds[2] = { { d->wake_fd, POLLIN, 0 }, { d->link, POLLIN, 0 } };
	uint64_t count;

	if (poll(fds, 2, timeout_ms) < 0 && errno != EINTR)
		log_error("dispatch.poll", "%s", strerror(errno));
	if ((fds[0].revents & POLLIN) && read(d->wake_fd, &count, sizeof(count)) < 0)
		log_debug("dispatch.wake", "spurious");
	if (fds[1].revents)
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

static void *dispatch_thread(void *arg)
{
	struct dispatch *d = arg;
	int64_t end_us = 0;
	bool more = true;

	/* At a stop: what has left is waited for, so that it is not sent twice. */
	while (!end_us || (d->flying > 0 && clock_mono_us() < end_us)) {
		bool wait = clock_mono_us() < d->not_before_us;
		take_new_link(d);
		if (!wait && d->answered > 0)
			settle(d);
		if (!wait && may_lease(d)) {
			atomic_store(&d->due, false);
			recover_lost(d);
			more = lease_batch(d);
		} else {
			more = false;
		}
		wait_something(d, more || (d->answered > 0 && !wait) ? 0 : end_us ? STOP_POLL_MS : wait ? RETRY_MS / 4 : POLL_MS);
		if (!end_us && atomic_load(&d->stop))
			end_us = clock_mono_us() + STOP_US;
	}
	if (d->answered > 0)
		settle(d);
	return NULL;
}

enum pli_status dispatch_start(const struct dispatch_config *config, struct dispatch **dispatch_r, struct err *err)
{
	struct dispatch *d = mem_alloc(sizeof(*d));

	d->config = *config;
	d->link = -1;
	atomic_init(&d->new_link, -1);
	atomic_init(&d->paused, config->paused);
	buf_init(&d->in);
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->wake_fd < 0 || pthread_create(&d->thread, NULL, dispatch_thread, d) != 0) {
		enum pli_status st = err_errno(err, "notice dispatcher");
		mem_free(d);
		return st;
	}
	notice_on_due(config->office, notices_due, d);
	*dispatch_r = d;
	return PLI_OK;
}

void dispatch_link(struct dispatch *dispatch, int fd)
{
	int old = atomic_exchange(&dispatch->new_link, fd);

	if (old >= 0)
		close(old);
	wake(dispatch);
}

void dispatch_pause(struct dispatch *dispatch, bool paused)
{
	atomic_store(&dispatch->paused, paused);
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
	atomic_store(&d->stop, true);
	wake(d);
	pthread_join(d->thread, NULL);
	for (int i = 0; i < DISPATCH_MAX; i++) {
		struct flight *f = &d->flights[i];
		if (!f->number)
			continue;
		d->answered += f->answered ? 0 : 1;
		land(d, f);
	}
	drop_link(d);
	close(d->wake_fd);
	buf_free(&d->in);
	mem_free(d);
}
