/* A stream from its head to its end: the request in, the exchange driven.  Its answer is http2_answer.c. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "clock.h"
#include "pool.h"
#include "status.h"

#include "http2_conn.h"

#define STREAM_MAGIC 0x68327374u

static void stream_changed(void *wire);
static void stream_timeout(void *arg);

/* ---- timers ---- */

void http2_stream_timer(struct http2_stream *s, unsigned seconds)
{
	loop_timer_stop(s->c->env->exchanges.loop, &s->timer);
	if (seconds)	/* 0: this limit is off */
		loop_timer_set(s->c->env->exchanges.loop, &s->timer, seconds * SECOND_US);
}

static void stream_body_timer(struct http2_stream *s)
{
	s->window_bytes = 0;
	http2_stream_timer(s, s->c->env->limits->body_rate_s);
}

/* ---- birth and end ---- */

struct http2_stream *http2_stream_new(struct http2_conn *c, int32_t id)
{
	struct http2_stream *s;
	struct pool *pool;

	if (c->stream_count >= HTTP2_STREAMS_MAX)
		return NULL;
	s = mem_alloc(sizeof(*s));
	*s = (struct http2_stream){ .magic = STREAM_MAGIC, .state = HTTP2_HEAD, .c = c, .id = id };
	buf_init_secret(&s->pending);
	s->timer = (struct timer){ .fn = stream_timeout, .arg = s };
	s->x = exchange_new(&c->env->exchanges, stream_changed, s);
	pool = exchange_public(s->x)->pool;
	s->head = POOL_NEW(pool, struct http2_head);
	http2_head_init(s->head, pool, c->env->limits->head_bytes);
	s->next = c->streams;
	s->prev = &c->streams;
	if (s->next)
		s->next->prev = &s->next;
	c->streams = s;
	c->stream_count++;
	nghttp2_session_set_stream_user_data(c->session, id, s);
	return s;
}

static void stream_unlist(struct http2_stream *s)
{
	struct http2_stream **p;

	for (p = &s->c->fed; s->is_fed && *p; p = &(*p)->next_fed) {
		if (*p == s) {
			*p = s->next_fed;
			break;
		}
	}
	for (p = &s->c->unsent; s->is_unsent && *p; p = &(*p)->next_unsent) {
		if (*p == s) {
			*p = s->next_unsent;
			break;
		}
	}
	s->is_fed = s->is_unsent = false;
}

/* Keeps nothing but its place among the streams. */
static void stream_strip(struct http2_stream *s)
{
	stream_unlist(s);
	http2_stream_timer(s, 0);
	if (s->head)
		http2_head_free(s->head);
	s->head = NULL;
	buf_free(&s->pending);
	if (s->large)
		s->c->large_count--;
	s->large = false;
	if (!s->closed)
		nghttp2_session_set_stream_user_data(s->c->session, s->id, NULL);
	s->closed = true;
}

static void stream_free(struct http2_stream *s)
{
	assert(s->magic == STREAM_MAGIC && !s->x);
	stream_strip(s);
	assert(s->state != HTTP2_SEND || s->c->sending > 0);
	if (s->state == HTTP2_SEND)
		s->c->sending--;
	s->magic = 0;
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->c->stream_count--;
	mem_free(s);
}

/* Lets go of an exchange that is not through.  False: a job is still out. */
static bool stream_give_up(struct http2_stream *s)
{
	struct exchange *x = s->x;
	bool begun = s->state > HTTP2_COLLECT;

	if (s->state == HTTP2_BODY && s->pending.n)
		exchange_body_rest(x, &s->pending, s->pending_off);
	stream_strip(s);	/* before the pool goes */
	if (begun && exchange_cancel(x)) {
		if (s->state == HTTP2_SEND)
			s->c->sending--;
		s->state = HTTP2_GONE;
		return false;
	}
	if (!begun)
		exchange_drop(x);
	s->x = NULL;
	return true;
}

void http2_stream_closed(struct http2_stream *s)
{
	nghttp2_session_set_stream_user_data(s->c->session, s->id, NULL);
	s->closed = true;
	if (s->ended)		/* well ended: when it is written, it is complete */
		return;
	if (stream_give_up(s))
		stream_free(s);
}

void http2_stream_drop(struct http2_stream *s)
{
	if (s->state == HTTP2_GONE || !stream_give_up(s)) {
		exchange_gone(s->x);
		s->x = NULL;
	}
	stream_free(s);
}

/* The answer is with TLS. */
void http2_stream_complete(struct http2_stream *s)
{
	struct http2_conn *c = s->c;
	struct exchange *x = s->x;

	if (exchange_public(x)->res.close)
		http2_leave(c);
	if (!s->closed && !s->remote_ended)	/* nobody will read the rest of the body: RFC 9113 section 8.1 */
		nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
	stream_strip(s);
	s->x = NULL;
	exchange_complete(x);
	stream_free(s);
}

/* ---- the request ---- */

/* The exchange decides what comes next. */
static void stream_follow(struct http2_stream *s)
{
	switch (exchange_state(s->x)) {
	case EXCHANGE_BODY:
		if (s->expects && exchange_body_accepted(s->x))
			http2_answer_continue(s);
		s->state = HTTP2_BODY;
		return;
	case EXCHANGE_WORK:
		s->state = HTTP2_WAIT;
		http2_stream_timer(s, 0);
		return;
	case EXCHANGE_RESPONSE:
		http2_answer_begin(s);
		return;
	}
}

static void stream_fed(struct http2_stream *s)
{
	if (s->is_fed)
		return;
	s->is_fed = true;
	s->next_fed = s->c->fed;
	s->c->fed = s;
}

void http2_streams_fed(struct http2_conn *c)
{
	struct http2_stream *s;

	while ((s = c->fed)) {
		c->fed = s->next_fed;
		s->is_fed = false;
		if (s->state == HTTP2_BODY && s->pending.n == 0)
			exchange_body_idle(s->x, s->expects);
	}
}

static void stream_refuse(struct http2_stream *s, int status, const char *detail)
{
	exchange_refuse(s->x, status, detail);
	stream_follow(s);
}

/* The request is whole but for its body, whose length is known. */
static void stream_ask(struct http2_stream *s, uint64_t length)
{
	struct http_exchange *pub = exchange_public(s->x);
	struct http2_conn *c = s->c;

	pub->req.content_length = length;
	pub->req.has_body = length > 0;
	pub->req.peer = c->conn->peer;
	if (c->large_count < HTTP2_LARGE_STREAMS) {
		s->large = true;
		c->large_count++;
	} else {
		exchange_thrifty(s->x);
	}
	exchange_begin(s->x);
	stream_follow(s);
	if (s->state != HTTP2_BODY)
		return;
	if (s->large && length > HTTP2_WINDOW_BYTES && !s->remote_ended)
		nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, s->id, HTTP2_LARGE_WINDOW_BYTES);
	stream_body_timer(s);
	stream_fed(s);
}

/* One rule for the head's own faults and for what the app does not want to hear of. */
static int stream_judge(struct http2_stream *s, struct err *err)
{
	const struct http_app *app = s->c->env->exchanges.app;
	struct http_request *req = &exchange_public(s->x)->req;
	int status = http2_head_finish(s->head, req, err);

	if (status == 0 && !app->host_known(app->app, req->host)) {
		status = 421;
		(void)err_set(err, PLI_INPUT, "this name is not served here");
	}
	return status;
}

void http2_stream_begin(struct http2_stream *s)
{
	bool has_length = s->head->has_length;
	uint64_t length = s->head->content_length;
	struct err err = { 0 };
	int status = stream_judge(s, &err);

	s->expects = s->head->expects_continue && !s->remote_ended;
	http2_head_free(s->head);
	s->head = NULL;
	if (status) {
		stream_refuse(s, status, pool_str(exchange_public(s->x)->pool, err.text));
	} else if (has_length || s->remote_ended) {
		if (length == 0)
			s->expects = false;
		stream_ask(s, length);
	} else {
		s->state = HTTP2_COLLECT;
		if (s->expects)		/* there is no one to ask, and little to lose */
			http2_answer_continue(s);
		stream_body_timer(s);
	}
}

/* The stream's window opens again by what was taken. */
static void stream_consume(struct http2_stream *s, size_t n)
{
	if (n && !s->closed)
		nghttp2_session_consume_stream(s->c->session, s->id, n);
}

/* Gives body bytes to the exchange as it has room; returns how many it took. */
static size_t stream_give(struct http2_stream *s, const uint8_t *p, size_t n)
{
	size_t done = 0;

	while (done < n && s->state == HTTP2_BODY) {
		uint8_t *to = NULL;
		size_t room = exchange_body_room(s->x, &to);

		if (room == 0)
			break;
		if (room > n - done)
			room = n - done;
		memcpy(to, p + done, room);
		done += room;
		s->window_bytes += room;
		exchange_body_add(s->x, room);
		stream_follow(s);
	}
	return done;
}

static void stream_drop_pending(struct http2_stream *s)
{
	stream_consume(s, s->pending.n - s->pending_off);
	buf_free(&s->pending);
	s->pending_off = 0;
}

static void stream_pause(struct http2_stream *s, bool paused)
{
	if (s->paused == paused)
		return;
	s->paused = paused;
	if (paused)
		http2_stream_timer(s, 0);
	else
		stream_body_timer(s);
}

static void stream_collect(struct http2_stream *s, const uint8_t *p, size_t n)
{
	if (s->pending.n + n > HTTP2_COLLECT_BYTES) {
		stream_consume(s, n);
		stream_refuse(s, 411, "a body of this size needs a Content-Length");
		stream_drop_pending(s);
		return;
	}
	s->window_bytes += n;
	buf_add(&s->pending, p, n);
}

/* What waits goes on as far as there is room. */
static void stream_give_pending(struct http2_stream *s)
{
	size_t n = 0;

	if (s->pending.n)
		n = stream_give(s, (const uint8_t *)s->pending.p + s->pending_off, s->pending.n - s->pending_off);
	s->pending_off += n;
	stream_consume(s, n);
	if (s->state != HTTP2_BODY || s->pending_off == s->pending.n)
		stream_drop_pending(s);
	if (s->state == HTTP2_BODY) {
		stream_pause(s, s->pending.n > 0);
		stream_fed(s);
	}
}

void http2_stream_data(struct http2_stream *s, const uint8_t *p, size_t n)
{
	size_t done = 0;

	if (s->state == HTTP2_COLLECT) {
		stream_collect(s, p, n);
		return;
	}
	if (s->state == HTTP2_BODY) {
		s->expects = false;
		if (s->pending.n == 0)
			done = stream_give(s, p, n);
		stream_fed(s);
	}
	if (s->state != HTTP2_BODY) {	/* nobody wants the rest */
		stream_consume(s, n);
		return;
	}
	stream_consume(s, done);
	if (done < n) {
		if (s->pending_off > s->pending.n / 2) {	/* seldom enough that moving costs little */
			buf_shift(&s->pending, s->pending_off);
			s->pending_off = 0;
		}
		buf_add(&s->pending, p + done, n - done);
		stream_pause(s, true);
	}
}

void http2_stream_data_end(struct http2_stream *s)
{
	s->remote_ended = true;
	if (s->state != HTTP2_COLLECT)
		return;
	s->expects = false;
	stream_ask(s, s->pending.n);
	stream_give_pending(s);
}

/* ---- what happens ---- */

/* The exchange has news. */
static void stream_changed(void *wire)
{
	struct http2_stream *s = wire;
	struct http_conn *conn = s->c->conn;

	assert(s->magic == STREAM_MAGIC);
	switch (s->state) {
	case HTTP2_GONE:
		s->x = NULL;
		stream_free(s);
		break;
	case HTTP2_BODY:
	case HTTP2_WAIT:
		stream_follow(s);
		if (s->state == HTTP2_BODY)
			stream_give_pending(s);
		else
			stream_drop_pending(s);
		break;
	case HTTP2_SEND:
		http2_answer_resume(s);
		break;
	case HTTP2_HEAD:
	case HTTP2_COLLECT:
		break;
	}
	http_conn_later(conn);	/* several answers leave together */
}

static void stream_timeout(void *arg)
{
	struct http2_stream *s = arg;
	const struct http_limits *limits = s->c->env->limits;
	bool slow = s->window_bytes < (uint64_t)limits->body_rate_bytes * limits->body_rate_s;

	if (s->state == HTTP2_SEND) {
		nghttp2_submit_rst_stream(s->c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
	} else if (!slow) {
		stream_body_timer(s);
	} else if (s->state == HTTP2_COLLECT) {
		stream_refuse(s, 408, "the body came too slowly");
		stream_drop_pending(s);
	} else if (s->state == HTTP2_BODY) {
		exchange_fault(s->x, 408, "the body came too slowly");
		stream_follow(s);
	}
	http_conn_later(s->c->conn);
}
