/* For tests of the HTTP engine: an app with one path per behaviour of the engine.
 *
 * What the app saw is counted in `seen`; tests wait on those counts, never on the clock. */
#ifndef PLI_HTTP_TESTAPP_H
#define PLI_HTTP_TESTAPP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "status.h"
#include "stream.h"

#include "http.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
#define BIG_BYTES (SANITIZED ? UINT64_C(20) << 20 : UINT64_C(200) << 20)
#define SEEN_WAIT_S 60

/* ---- what the app saw ---- */

struct seen {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	int planned, handled, done, aborted, broken, waiting;
	bool gate_open;		/* /block goes on */
	struct http_exchange *held;	/* by /later/held, until later_answer(); one at a time */
	uint64_t broken_bytes;	/* that the sink had when it broke */
	uint64_t last_sent;
	uint64_t last_received;
};

static struct seen seen = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };

static inline void seen_add(int *counter)
{
	pthread_mutex_lock(&seen.lock);
	(*counter)++;
	pthread_cond_broadcast(&seen.moved);
	pthread_mutex_unlock(&seen.lock);
}

static inline int seen_get(const int *counter)
{
	int n;

	pthread_mutex_lock(&seen.lock);
	n = *counter;
	pthread_mutex_unlock(&seen.lock);
	return n;
}

/* Waits until *counter is at least n; fails the test after a long while. */
static inline void seen_wait(const int *counter, int n)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SEEN_WAIT_S;
	pthread_mutex_lock(&seen.lock);
	while (*counter < n && rc == 0)
		rc = pthread_cond_timedwait(&seen.moved, &seen.lock, &until);
	pthread_mutex_unlock(&seen.lock);
	assert_int_equal(rc, 0);
}

static inline void gate_set(bool open)
{
	pthread_mutex_lock(&seen.lock);
	seen.gate_open = open;
	pthread_cond_broadcast(&seen.moved);
	pthread_mutex_unlock(&seen.lock);
}

/* ---- streams of the app ---- */

/* The byte at an offset of every generated body. */
static inline uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) + (at >> 16));
}

struct test_source {
	struct istream is;
	uint64_t at, end, fail_at;
};

static inline enum pli_status test_source_read(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	struct test_source *s = (struct test_source *)is;
	size_t n = s->end - s->at < cap ? (size_t)(s->end - s->at) : cap;

	if (s->at + n > s->fail_at)
		return err_set(err, PLI_IO, "the source fails as asked");
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = pattern(s->at + i);
	s->at += n;
	*n_r = n;
	return PLI_OK;
}

static inline void test_source_close(struct istream *is)
{
	mem_free(is);
}

/* Of each 3 MiB the first has to be waited for. */
static inline enum pli_status test_source_read_now(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	struct test_source *s = (struct test_source *)is;

	return (s->at >> 20) % 3 == 0 ? PLI_AGAIN : test_source_read(is, buf, cap, n_r, err);
}

static const struct istream_ops test_source_ops = { "test", test_source_read, test_source_close, test_source_read_now };

static inline struct istream *test_source_new(uint64_t length, uint64_t fail_at)
{
	struct test_source *s = mem_alloc(sizeof(*s));

	*s = (struct test_source){ { &test_source_ops }, 0, length, fail_at };
	return &s->is;
}

struct test_sink {
	struct ostream os;
	uint64_t at, fail_at;
	bool slow, gate, wrong, finished;
};

static inline enum pli_status test_sink_write(struct ostream *os, const void *p, size_t n, struct err *err)
{
	struct test_sink *s = (struct test_sink *)os;
	struct timespec nap = { 0, 2000000 };

	pthread_mutex_lock(&seen.lock);
	while (s->gate && !seen.gate_open)
		pthread_cond_wait(&seen.moved, &seen.lock);
	pthread_mutex_unlock(&seen.lock);
	if (s->at + n > s->fail_at)
		return err_set(err, PLI_FULL, "the sink is full as asked");
	for (size_t i = 0; i < n; i++)
		if (((const uint8_t *)p)[i] != pattern(s->at + i))
			s->wrong = true;
	s->at += n;
	if (s->slow)
		nanosleep(&nap, NULL);	/* this is what a slow disk is */
	return PLI_OK;
}

static inline enum pli_status test_sink_finish(struct ostream *os, struct err *err)
{
	(void)err;
	((struct test_sink *)os)->finished = true;
	return PLI_OK;
}

static inline void test_sink_close(struct ostream *os)
{
	mem_free(os);
}

static const struct ostream_ops test_sink_ops = { "test", test_sink_write, test_sink_finish, test_sink_close };

/* ---- the app ---- */

static inline bool path_is(const struct http_exchange *x, const char *path)
{
	return strcmp(x->req.path, path) == 0;
}

static inline void app_plan(void *app, struct http_exchange *x, struct http_plan *plan_r)
{
	(void)app;
	seen_add(&seen.planned);
	plan_r->body_max = 1 << 20;
	if (path_is(x, "/echo")) {
		plan_r->body = HTTP_BODY_BUFFERED;
	} else if (strncmp(x->req.path, "/sink", 5) == 0) {
		plan_r->body = HTTP_BODY_SINK;
		plan_r->body_max = UINT64_C(1) << 40;
	} else if (path_is(x, "/refused")) {
		plan_r->refused = true;
		x->res.status = 403;
		http_header(&x->res, "Content-Type", "text/plain");
		buf_str(&x->res.body, "refused");
	}
}

static inline enum pli_status app_sink_open(void *app, struct http_exchange *x, struct ostream **sink_r, struct err *err)
{
	struct test_sink *s;

	(void)app;
	if (path_is(x, "/sink/denied"))
		return err_set(err, PLI_CONFLICT, "no sink here");
	s = mem_alloc(sizeof(*s));
	*s = (struct test_sink){ .os = { &test_sink_ops }, .fail_at = UINT64_MAX };
	s->slow = path_is(x, "/sink/slow");
	s->gate = path_is(x, "/sink/gate");
	if (path_is(x, "/sink/full"))
		s->fail_at = 300000;
	*sink_r = &s->os;
	return PLI_OK;
}

static inline void app_sink_broken(void *app, struct http_exchange *x)
{
	(void)app;
	pthread_mutex_lock(&seen.lock);
	seen.broken_bytes = ((struct test_sink *)x->sink)->at;
	pthread_mutex_unlock(&seen.lock);
	seen_add(&seen.broken);
}

static inline void app_answer_sink(struct http_exchange *x)
{
	struct test_sink *s = (struct test_sink *)x->sink;
	struct err err;

	if (x->sink_failed) {
		x->res.status = x->sink_err.status == PLI_FULL ? 507 : 409;
		buf_str(&x->res.body, x->sink_err.text);
		return;
	}
	x->res.status = ostream_finish(x->sink, &err) == PLI_OK ? 201 : 500;
	buf_fmt(&x->res.body, "%llu %s", (unsigned long long)s->at, s->wrong ? "wrong" : "right");
}

static inline bool app_handle(void *app, struct http_exchange *x)
{
	(void)app;
	seen_add(&seen.handled);
	x->res.status = 200;
	http_header(&x->res, "Content-Type", "text/plain");
	if (strncmp(x->req.path, "/sink", 5) == 0) {
		app_answer_sink(x);
	} else if (path_is(x, "/echo")) {
		buf_add(&x->res.body, x->body.p, x->body.n);
	} else if (path_is(x, "/peer")) {
		buf_fmt(&x->res.body, "%s %s %s %s", x->req.peer.ip, x->req.peer.net, x->req.peer.tls,
			x->req.peer.alpn);
	} else if (path_is(x, "/request")) {
		const char *value = http_field(&x->req, "x-test");

		buf_fmt(&x->res.body, "%s|%s|%s|%s", x->req.host, x->req.path, x->req.query, value ? value : "-");
	} else if (path_is(x, "/cookie") || path_is(x, "/host")) {
		const char *value = http_field(&x->req, x->req.path + 1);

		buf_str(&x->res.body, value ? value : "-");
	} else if (path_is(x, "/source") || path_is(x, "/source/broken") || path_is(x, "/source/late") || path_is(x, "/source/none")) {
		x->res.source_bytes = strtoull(x->req.query, NULL, 10);
		x->res.source = test_source_new(x->res.source_bytes, path_is(x, "/source")	     ? UINT64_MAX :
								     path_is(x, "/source/broken") ? 700000 :
								     path_is(x, "/source/late")   ? 5700000 :	/* while the loop reads it */
												    0);
	} else if (path_is(x, "/block")) {
		pthread_mutex_lock(&seen.lock);
		seen.waiting++;
		pthread_cond_broadcast(&seen.moved);
		while (!seen.gate_open)
			pthread_cond_wait(&seen.moved, &seen.lock);
		pthread_mutex_unlock(&seen.lock);
		buf_str(&x->res.body, "opened");
	} else if (path_is(x, "/empty")) {
		x->res.status = 204;
	} else if (path_is(x, "/big")) {
		for (uint64_t i = 0; i < 300000; i++)
			buf_ch(&x->res.body, (char)pattern(i));
	} else if (path_is(x, "/close")) {
		x->res.close = true;
		buf_str(&x->res.body, "bye");
	} else if (path_is(x, "/later/held")) {
		pthread_mutex_lock(&seen.lock);
		seen.held = x;
		seen.waiting++;
		pthread_cond_broadcast(&seen.moved);
		pthread_mutex_unlock(&seen.lock);
		return false;
	} else if (strncmp(x->req.path, "/later", 6) == 0) {
		http_answer_ready(x);	/* the loop may answer before we have returned */
		return false;
	} else {
		buf_str(&x->res.body, "hello");
	}
	return true;
}

static inline void later_answer(void)
{
	struct http_exchange *x;

	pthread_mutex_lock(&seen.lock);
	x = seen.held;
	seen.held = NULL;
	pthread_mutex_unlock(&seen.lock);
	http_answer_ready(x);
}

static inline bool app_go_on(void *app, struct http_exchange *x, bool may_block)
{
	(void)app;
	if (path_is(x, "/later/worker") && !may_block)
		return false;
	buf_str(&x->res.body, may_block ? "later, by a worker" : "later");
	return true;
}

static inline void app_done(void *app, struct http_exchange *x)
{
	(void)app;
	pthread_mutex_lock(&seen.lock);
	seen.last_sent = x->sent_bytes;
	seen.last_received = x->body_bytes;
	pthread_mutex_unlock(&seen.lock);
	if (x->aborted)
		seen_add(&seen.aborted);
	seen_add(&seen.done);
}

static inline void app_fault(void *app, int status, const char *target, const char *detail, struct http_response *res)
{
	(void)app;
	http_header(res, "Content-Type", "text/plain");
	buf_fmt(&res->body, "fault %d %s: %s", status, target ? target : "-", detail ? detail : "-");
}

static inline bool app_host_known(void *app, const char *host)
{
	(void)app;
	return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0;
}

static const struct http_app test_app __attribute__((unused)) = {
	.plan = app_plan,
	.sink_open = app_sink_open,
	.sink_broken = app_sink_broken,
	.handle = app_handle,
	.go_on = app_go_on,
	.done = app_done,
	.fault = app_fault,
	.host_known = app_host_known,
};

#endif
