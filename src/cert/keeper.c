/* The front's side of the link to the keeper; see keeper.h.
 *
 * Callers put whole frames into one buffer; who finds nobody writing becomes the writer and sends until the buffer is empty, so that
 * many small requests go out in few system calls.  Nobody waits for room in the link: what it does not take at once is sent by the
 * reader when it does.  The reader is one thread: it reads the answers, finds the call by its id, and asks for a sign of life once
 * a second. */
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
#include "meter.h"
#include "pool.h"

#include "keeper_frame.h"
#include "keeper_own.h"

#include "keeper.h"

#define CALL_US (10 * SECOND_US)
#define RELINK_US SECOND_US		/* how long a call waits for a keeper that is being renewed */
#define BEAT_MS 1000			/* how often a sign of life is asked for, and appends are looked at that nobody answered */
#define LATE_US (2 * SECOND_US)		/* without one the keeper counts as not there */
#define HUNG_US (8 * SECOND_US)		/* without one it is reported; less than CALL_US, so that a front that gives up has said why */
#define BUCKETS 256
#define READ_BYTES (64u << 10)
#define KEPT_BYTES (256u << 10)

struct keeper {
	int wake_fd;
	atomic_uint_fast64_t next_id;
	pthread_t reader;
	bool started;
	pthread_condattr_t monotonic;
	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t changed;		/* linked, or nobody writes any more */
	int fd;				/* -1: no link.  Closed by the reader only, when nobody writes */
	int new_fd;
	bool writing, stopping;
	bool blocked;			/* the link is full: the reader goes on when it is not */
	unsigned appends;		/* under way */
	bool telling;			/* the reader has taken appends out and tells those who wait for them */
	struct buf out, sending;	/* sending: the writer's alone while there is one */
	size_t sent;			/* of sending */
	struct keeper_call *calls[BUCKETS];
	uint64_t beat_id;		/* of the sign of life under way; 0: none */
	int64_t beat_us, next_beat_us, report_us;
	keeper_hung_fn *hung;
	void *hung_arg;
	/* Reader only. */
	struct buf in;
	/* Any thread. */
	struct meter asked, appended;
};

/* ---- the table of calls; under lock ---- */

static void call_add(struct keeper *k, struct keeper_call *call)
{
	struct keeper_call **bucket = &k->calls[call->id % BUCKETS];

	call->began_us = clock_mono_us();
	call->next = *bucket;
	*bucket = call;
	k->appends += call->append_done != NULL;
}

/* Where the call hangs, or where the bucket ends. */
static struct keeper_call **call_at(struct keeper *k, uint64_t id)
{
	struct keeper_call **at = &k->calls[id % BUCKETS];

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static void call_unhang(struct keeper *k, struct keeper_call **at)
{
	k->appends -= (*at)->append_done != NULL;
	*at = (*at)->next;
}

static struct keeper_call *call_take(struct keeper *k, uint64_t id)
{
	struct keeper_call **at = call_at(k, id), *call = *at;

	if (call)
		call_unhang(k, at);
	return call;
}

typedef bool call_is(const struct keeper_call *call, const void *arg);

static bool call_any(const struct keeper_call *call, const void *arg)
{
	(void)call;
	(void)arg;
	return true;
}

static bool call_late(const struct keeper_call *call, const void *now_us)
{
	return call->append_done && call->deadline_us <= *(const int64_t *)now_us;
}

static bool call_tells(const struct keeper_call *call, const void *arg)
{
	return call->append_done && call->arg == arg;
}

/* Takes out those calls. */
static struct keeper_call *calls_take(struct keeper *k, call_is *is, const void *arg)
{
	struct keeper_call *taken = NULL, *call;

	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct keeper_call **at = &k->calls[i]; (call = *at); ) {
			if (!is(call, arg)) {
				at = &call->next;
				continue;
			}
			call_unhang(k, at);
			call->next = taken;
			taken = call;
		}
	return taken;
}

/* ---- sending ---- */

/* The next bytes to send, if any; under lock, by the writer. */
static bool sending_next(struct keeper *k)
{
	struct buf swap = k->sending;

	if (k->sent < k->sending.n)
		return true;
	buf_reset(&swap);		/* wipes */
	if (swap.cap > KEPT_BYTES) {
		buf_free(&swap);
		buf_init_secret(&swap);
	}
	k->sending = k->out;
	k->out = swap;
	k->sent = 0;
	return k->sending.n > 0;
}

/* False when the link takes no more now. */
static bool send_some(struct keeper *k, int fd)
{
	while (k->sent < k->sending.n) {
		ssize_t put = send(fd, k->sending.p + k->sent, k->sending.n - k->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			return false;
		if (put < 0) {
			shutdown(fd, SHUT_RDWR);	/* the reader sees the end and fails the calls */
			k->sent = k->sending.n;
			break;
		}
		k->sent += (size_t)put;
	}
	return true;
}

/* Sends what is queued as far as the link takes it.  Never waits.  Under lock, which is given up meanwhile. */
static void write_out(struct keeper *k)
{
	k->writing = true;
	k->blocked = false;
	while (!k->blocked && k->fd >= 0 && sending_next(k)) {
		int fd = k->fd;
		bool full;

		pthread_mutex_unlock(&k->lock);
		full = !send_some(k, fd);
		pthread_mutex_lock(&k->lock);
		k->blocked = full;
	}
	k->writing = false;
	pthread_cond_broadcast(&k->changed);
	if (k->blocked)
		eventfd_write(k->wake_fd, 1);
}

static void enqueue(struct keeper *k, const struct buf *frames)
{
	buf_add(&k->out, frames->p, frames->n);
	if (!k->writing && !k->blocked)
		write_out(k);
}

static struct timespec at_time(int64_t mono_us)
{
	return (struct timespec){ .tv_sec = mono_us / SECOND_US, .tv_nsec = mono_us % SECOND_US * 1000 };
}

static enum pli_status unreachable(struct err *err)
{
	err_set(err, PLI_BUSY, "the keeper of the keys does not answer");
	if (err)
		err->retry_after_s = 2;
	return PLI_BUSY;
}

enum pli_status keeper_exchange(struct keeper *k, struct keeper_call *call, const struct buf *frames, struct err *err)
{
	struct timespec until = at_time(clock_mono_us() + RELINK_US);
	int rc = 0;

	buf_init_secret(&call->body);
	pthread_cond_init(&call->answered, &k->monotonic);
	pthread_mutex_lock(&k->lock);
	while (k->fd < 0 && !k->stopping && rc == 0)
		rc = pthread_cond_timedwait(&k->changed, &k->lock, &until);
	if (k->fd < 0 || k->stopping) {
		call->status = unreachable(&call->err);
	} else {
		call_add(k, call);
		enqueue(k, frames);
		until = at_time(clock_mono_us() + (call->patience_us ? call->patience_us : CALL_US));
		for (rc = 0; !call->done && rc == 0; )
			rc = pthread_cond_timedwait(&call->answered, &k->lock, &until);
		if (!call->done) {
			call_take(k, call->id);
			call->status = unreachable(&call->err);
		}
	}
	pthread_mutex_unlock(&k->lock);
	pthread_cond_destroy(&call->answered);
	if (call->status != PLI_OK && err)
		*err = call->err;
	return call->status;
}

/* ---- the reader ---- */

/* Nobody is being told any more: keeper_append_forget_all goes on. */
static void told(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	k->telling = false;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
}

static void give_up(struct keeper *k, struct keeper_call *call)
{
	struct keeper_call *next;

	if (!call)
		return;
	for (; call; call = next) {
		struct err err = { 0 };

		next = call->next;
		err_set(&err, PLI_UNCERTAIN, "the keeper of the keys has not answered in time");
		call->append_done(call->arg, PLI_UNCERTAIN, NULL, &err);
		mem_free(call);
	}
	told(k);
}

/* The link is down: every call is over.  Blocking ones are told under the lock, appends without it. */
static void fail_all(struct keeper *k)
{
	struct keeper_call *taken, *next, *appends = NULL;

	pthread_mutex_lock(&k->lock);
	taken = calls_take(k, call_any, NULL);
	for (; taken; taken = next) {
		next = taken->next;
		if (taken->append_done) {
			taken->next = appends;
			appends = taken;
			continue;
		}
		taken->status = unreachable(&taken->err);
		taken->done = true;
		pthread_cond_signal(&taken->answered);
	}
	k->telling = appends != NULL;
	pthread_mutex_unlock(&k->lock);
	give_up(k, appends);
}

/* Status and text of an answer; c stands behind them. */
static enum pli_status answer_status(struct cursor *c, struct err *err)
{
	enum pli_status status = (enum pli_status)cursor_u8(c);
	const uint8_t *text, *hint;
	size_t text_n, hint_n;

	memset(err, 0, sizeof(*err));
	if (c->bad || status >= PLI_STATUS_COUNT)
		return err_set(err, PLI_BUG, "the keeper's answer is malformed");
	if (status == PLI_OK)
		return PLI_OK;
	text = cursor_blob(c, &text_n);
	hint = cursor_blob(c, &hint_n);
	err_set(err, status, "%.*s", text ? (int)text_n : 0, text ? (const char *)text : "");
	if (hint && hint_n)
		err_hint(err, "%.*s", (int)hint_n, (const char *)hint);
	err->retry_after_s = cursor_u32(c);
	return status;
}

static void append_answered(struct keeper *k, struct keeper_call *call, struct cursor *c)
{
	struct keeper_head head;
	struct err err;
	enum pli_status status = answer_status(c, &err);

	if (status == PLI_OK && !keeper_frame_head_parse(c, &head))
		status = err_set(&err, PLI_BUG, "the keeper's answer is malformed");
	call->append_done(call->arg, status, status == PLI_OK ? &head : NULL, &err);
	mem_free(call);
	told(k);
}

static void answered(struct keeper *k, const struct keeper_frame *frame)
{
	struct keeper_call *call;
	struct cursor c;

	cursor_init(&c, frame->body, frame->body_n);
	pthread_mutex_lock(&k->lock);
	if (k->beat_id == frame->id)
		k->beat_id = 0;
	call = call_take(k, frame->id);
	if (call)
		meter_add(call->append_done ? &k->appended : &k->asked, clock_mono_us() - call->began_us);
	if (call && !call->append_done) {
		call->status = answer_status(&c, &call->err);
		if ((frame->verb & 0x7f) != call->verb)
			call->status = err_set(&call->err, PLI_BUG, "the keeper's answer is to another question");
		call->count = frame->count;
		call->flags = frame->flags;
		buf_add(&call->body, c.p, c.n);
		call->done = true;
		pthread_cond_signal(&call->answered);
		call = NULL;
	}
	k->telling = call != NULL;
	pthread_mutex_unlock(&k->lock);
	/* Nobody waits any more for an answer that came too late. */
	if (call)
		append_answered(k, call, &c);
}

static bool read_answers(struct keeper *k)
{
	struct keeper_frame frame;
	size_t at = 0, used;
	ssize_t got;

	do
		got = recv(k->fd, buf_reserve(&k->in, READ_BYTES), READ_BYTES, 0);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return false;
	k->in.n += (size_t)got;
	for (;;) {
		if (keeper_frame_next((const uint8_t *)k->in.p + at, k->in.n - at, &frame, &used, NULL) != PLI_OK)
			return false;
		if (!used)
			break;
		answered(k, &frame);
		at += used;
	}
	if (at == k->in.n)
		buf_reset(&k->in);	/* wipes */
	else
		buf_shift(&k->in, at);
	if (!k->in.n && k->in.cap > KEPT_BYTES) {
		buf_free(&k->in);
		buf_init_secret(&k->in);
	}
	return true;
}

/* The link has ended, or a new one is here: whatever was under way on the old one is over. */
static void drop_link(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	if (k->fd >= 0) {
		while (k->writing)
			pthread_cond_wait(&k->changed, &k->lock);
		close(k->fd);
		k->fd = -1;
	}
	buf_reset(&k->out);
	buf_reset(&k->sending);
	k->sent = 0;
	k->blocked = false;
	k->beat_id = 0;
	k->next_beat_us = 0;
	pthread_mutex_unlock(&k->lock);
	buf_reset(&k->in);
	fail_all(k);
}

/* False when the client is being freed. */
static bool woken(struct keeper *k)
{
	eventfd_t ignored;
	int fd;
	bool stopping;

	eventfd_read(k->wake_fd, &ignored);
	pthread_mutex_lock(&k->lock);
	fd = k->new_fd;
	k->new_fd = -1;
	stopping = k->stopping;
	pthread_mutex_unlock(&k->lock);
	if (fd >= 0 || stopping)
		drop_link(k);
	if (fd >= 0) {
		pthread_mutex_lock(&k->lock);
		k->fd = fd;
		pthread_cond_broadcast(&k->changed);
		pthread_mutex_unlock(&k->lock);
	}
	return !stopping;
}

/* Asks for a sign of life, or reports that none came. */
static void beat(struct keeper *k)
{
	AUTO_BUF frame = { 0 };
	int64_t now_us = clock_mono_us();
	keeper_hung_fn *hung = NULL;
	void *arg;

	pthread_mutex_lock(&k->lock);
	arg = k->hung_arg;
	if (k->fd >= 0 && k->beat_id && now_us >= k->report_us) {
		hung = k->hung;
		k->report_us = now_us + HUNG_US;
	} else if (k->fd >= 0 && !k->beat_id && now_us >= k->next_beat_us) {
		k->beat_id = keeper_call_id(k);
		k->beat_us = now_us;
		k->next_beat_us = now_us + BEAT_MS * INT64_C(1000);
		k->report_us = now_us + HUNG_US;
		keeper_frame_end(&frame, keeper_frame_begin(&frame, KEEPER_STATUS, k->beat_id), 0, 0);
		enqueue(k, &frame);
	}
	pthread_mutex_unlock(&k->lock);
	if (hung)
		hung(arg);
}

/* The appends that nobody answered are given up; what the link did not take goes on; true when it waits for room. */
static bool look(struct keeper *k, bool writable)
{
	struct keeper_call *late = NULL;
	int64_t now_us = clock_mono_us();
	bool blocked;

	pthread_mutex_lock(&k->lock);
	if (k->appends)
		late = calls_take(k, call_late, &now_us);
	k->telling = late != NULL;
	if (writable && k->blocked && !k->writing)
		write_out(k);
	blocked = k->blocked;
	pthread_mutex_unlock(&k->lock);
	give_up(k, late);
	return blocked;
}

static void *run(void *arg)
{
	struct keeper *k = arg;
	bool blocked = false;

	for (;;) {
		short events = blocked ? POLLIN | POLLOUT : POLLIN;
		struct pollfd fds[2] = { { .fd = k->wake_fd, .events = POLLIN }, { .fd = k->fd, .events = events } };
		bool writable;

		beat(k);
		if (poll(fds, 2, BEAT_MS) < 0 && errno != EINTR)
			return NULL;
		writable = fds[1].revents & POLLOUT;
		if (fds[1].revents & ~POLLOUT && !read_answers(k)) {
			drop_link(k);
			writable = false;
		}
		if (fds[0].revents && !woken(k))
			return NULL;
		blocked = look(k, writable);
	}
}

/* ---- life ---- */

enum pli_status keeper_new(int fd, struct keeper **keeper_r, struct err *err)
{
	struct keeper *k = mem_alloc(sizeof(*k));

	k->fd = fd;
	k->new_fd = -1;
	atomic_init(&k->next_id, 1);
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&k->monotonic);
	pthread_condattr_setclock(&k->monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&k->changed, &k->monotonic);
	buf_init_secret(&k->out);
	buf_init_secret(&k->sending);
	buf_init_secret(&k->in);
	k->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->wake_fd >= 0)
		k->started = pthread_create(&k->reader, NULL, run, k) == 0;
	if (!k->started) {
		keeper_free(k);
		return err_set(err, PLI_BUG, "the keeper's reader cannot be started");
	}
	*keeper_r = k;
	return PLI_OK;
}

void keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	pthread_mutex_lock(&keeper->lock);
	keeper->stopping = true;
	pthread_cond_broadcast(&keeper->changed);
	pthread_mutex_unlock(&keeper->lock);
	if (keeper->started) {
		eventfd_write(keeper->wake_fd, 1);
		pthread_join(keeper->reader, NULL);
	}
	if (keeper->fd >= 0)
		close(keeper->fd);
	if (keeper->new_fd >= 0)
		close(keeper->new_fd);
	if (keeper->wake_fd >= 0)
		close(keeper->wake_fd);
	buf_free(&keeper->out);
	buf_free(&keeper->sending);
	buf_free(&keeper->in);
	pthread_cond_destroy(&keeper->changed);
	pthread_condattr_destroy(&keeper->monotonic);
	pthread_mutex_destroy(&keeper->lock);
	mem_free(keeper);
}

void keeper_relink(struct keeper *keeper, int fd)
{
	pthread_mutex_lock(&keeper->lock);
	if (keeper->new_fd >= 0)
		close(keeper->new_fd);
	keeper->new_fd = fd;
	/* Nothing more goes to the old one; its reader notices. */
	if (keeper->fd >= 0)
		shutdown(keeper->fd, SHUT_RDWR);
	pthread_mutex_unlock(&keeper->lock);
	eventfd_write(keeper->wake_fd, 1);
}

void keeper_watch(struct keeper *keeper, keeper_hung_fn *hung, void *arg)
{
	pthread_mutex_lock(&keeper->lock);
	keeper->hung = hung;
	keeper->hung_arg = arg;
	pthread_mutex_unlock(&keeper->lock);
}

bool keeper_linked(struct keeper *keeper)
{
	bool linked;

	pthread_mutex_lock(&keeper->lock);
	linked = keeper->fd >= 0 && !(keeper->beat_id && clock_mono_us() - keeper->beat_us > LATE_US);
	pthread_mutex_unlock(&keeper->lock);
	return linked;
}

uint64_t keeper_call_id(struct keeper *keeper)
{
	return atomic_fetch_add(&keeper->next_id, 1);
}

void keeper_post(struct keeper *keeper, struct keeper_call *call, const struct buf *frames)
{
	struct err err = { 0 };

	if (!call->deadline_us)
		call->deadline_us = clock_mono_us() + CALL_US;
	pthread_mutex_lock(&keeper->lock);
	if (keeper->fd >= 0 && !keeper->stopping) {
		call_add(keeper, call);
		enqueue(keeper, frames);
		pthread_mutex_unlock(&keeper->lock);
		return;
	}
	pthread_mutex_unlock(&keeper->lock);
	unreachable(&err);
	call->append_done(call->arg, PLI_BUSY, NULL, &err);
	mem_free(call);
}

bool keeper_go_on(struct keeper *keeper, uint64_t id, const struct buf *frame)
{
	struct keeper_call *call = NULL;

	pthread_mutex_lock(&keeper->lock);
	if (keeper->fd >= 0)
		call = *call_at(keeper, id);
	if (call) {
		call->began_us = clock_mono_us();
		call->deadline_us = call->began_us + CALL_US;
		enqueue(keeper, frame);
	}
	pthread_mutex_unlock(&keeper->lock);
	return call != NULL;
}

void keeper_append_forget(struct keeper *keeper, uint64_t id)
{
	struct keeper_call *call;

	pthread_mutex_lock(&keeper->lock);
	call = call_take(keeper, id);
	pthread_mutex_unlock(&keeper->lock);
	mem_free(call);
}

void keeper_append_forget_all(struct keeper *keeper, const void *arg)
{
	struct keeper_call *taken, *call;

	pthread_mutex_lock(&keeper->lock);
	taken = calls_take(keeper, call_tells, arg);
	while (keeper->telling)
		pthread_cond_wait(&keeper->changed, &keeper->lock);
	pthread_mutex_unlock(&keeper->lock);
	while ((call = taken)) {
		taken = call->next;
		mem_free(call);
	}
}

void keeper_meters(struct keeper *keeper, struct meter **asked_r, struct meter **appended_r)
{
	*asked_r = &keeper->asked;
	*appended_r = &keeper->appended;
}
