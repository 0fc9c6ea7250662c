/* The states of HTTP/1 on one connection, and their timers. */
#include <assert.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "status.h"

#include "head_guard.h"
#include "http1_conn.h"

#define HTTP1_MAGIC 0x68747431u
#define READ_BYTES ((size_t)4096)
#define DRAIN_S 5

/* ---- timers ---- */

static void http1_timer(struct http1_conn *c, unsigned seconds)
{
	http_conn_timer(c->conn, seconds);
}

static void http1_no_timer(struct http1_conn *c)
{
	http_conn_timer(c->conn, 0);
}

static void http1_body_timer(struct http1_conn *c)
{
	c->window_bytes = 0;
	http1_timer(c, c->env->limits->body_rate_s);
}

/* ---- beginning and end ---- */

static void *http1_open(struct http_conn *conn)
{
	struct http1_conn *c = mem_alloc(sizeof(*c));

	*c = (struct http1_conn){ .magic = HTTP1_MAGIC, .conn = conn, .env = conn->env };
	buf_init_secret(&c->in);
	buf_init_secret(&c->out);
	http1_timer(c, c->env->limits->head_s);
	return c;
}

static void http1_closed(void *w)
{
	struct http1_conn *c = w;
	struct exchange *x = c->x;

	c->state = HTTP1_CLOSED;
	c->x = NULL;
	if (x)
		exchange_gone(x);
}

static void http1_free(void *w)
{
	struct http1_conn *c = w;

	assert(c->magic == HTTP1_MAGIC);
	c->magic = 0;
	buf_free(&c->in);
	buf_free(&c->out);
	mem_free(c);
}

static void http1_close(struct http1_conn *c)
{
	http_conn_close(c->conn);
}

static bool http1_hung_up(void *w)
{
	const struct http1_conn *c = w;

	/* Nobody reads an answer any more.  What still lies in the socket of an upload is read first: it may be progress
	 * that is worth keeping. */
	return c->state == HTTP1_WAIT || c->state == HTTP1_SEND;
}

/* ---- reading ---- */

static size_t http1_buffered(const struct http1_conn *c)
{
	return c->in.n - c->in_off;
}

/* Drops what was used; an idle connection keeps no buffer. */
static void http1_compact(struct http1_conn *c)
{
	if (c->in_off == c->in.n) {
		buf_free(&c->in);
	} else if (c->in_off) {
		size_t rest = http1_buffered(c);

		memmove(c->in.p, c->in.p + c->in_off, rest);
		mem_wipe(c->in.p + rest, c->in_off);
		c->in.n = rest;
		c->in.p[rest] = '\0';
	}
	c->in_off = 0;
}

/* Reads once into c->in.  False: wait, or the connection is closed. */
static bool http1_fill(struct http1_conn *c)
{
	size_t n = 0;
	enum pli_status st;

	http1_compact(c);
	st = chan_read(&c->conn->chan, buf_reserve(&c->in, READ_BYTES), READ_BYTES, &n);
	if (st == PLI_AGAIN) {
		if (c->in.n == 0)
			buf_free(&c->in);
		return false;
	}
	if (st != PLI_OK || n == 0) {
		http1_close(c);
		return false;
	}
	c->in.n += n;
	c->in.p[c->in.n] = '\0';
	return true;
}

/* ---- steps: true when another one may follow ---- */

/* The exchange decides what comes next. */
static void http1_follow(struct http1_conn *c)
{
	switch (exchange_state(c->x)) {
	case EXCHANGE_BODY:
		c->state = HTTP1_BODY;
		break;
	case EXCHANGE_WORK:
		c->state = HTTP1_WAIT;
		http1_no_timer(c);
		break;
	case EXCHANGE_RESPONSE:
		http1_response_begin(c);
		http1_timer(c, c->env->limits->stall_s);
		break;
	}
}

static void http1_head_fault(struct http1_conn *c, int status, const char *detail)
{
	http1_response_fault(c, status, NULL, detail);
	http1_timer(c, c->env->limits->stall_s);
}

static bool http1_step_head(struct http1_conn *c)
{
	size_t n = http1_buffered(c), most = c->env->limits->head_bytes;
	long len = n ? head_guard_end(c->in.p + c->in_off, n, &c->in_line) : 0;

	if (len < 0) {
		http1_head_fault(c, 400, "lines must end in CR LF, and no CR, LF or NUL may stand elsewhere");
		return true;
	}
	if ((size_t)len > most || (len == 0 && n >= most)) {
		if (c->in_line == 0)
			http1_head_fault(c, 414, "the request line is too long");
		else
			http1_head_fault(c, 431, "the request head is too long");
		return true;
	}
	if (len == 0) {
		if (!http1_fill(c))
			return false;
		if (n == 0 && c->served)	/* the first byte of a head ends idling */
			http1_timer(c, c->env->limits->head_s);
		return true;
	}
	http1_request_begin(c, (size_t)len);
	if (!c->x) {
		http1_timer(c, c->env->limits->stall_s);
		return true;
	}
	http1_follow(c);
	if (c->state == HTTP1_BODY) {
		c->paused = false;
		http1_body_timer(c);
	}
	return true;
}

/* Takes body bytes from what was read ahead, else from TLS.  PLI_OK with *n_r > 0. */
static enum pli_status http1_body_bytes(struct http1_conn *c, uint8_t *p, size_t cap, size_t *n_r)
{
	size_t n = http1_buffered(c);
	enum pli_status st;

	if (n) {
		n = n < cap ? n : cap;
		memcpy(p, c->in.p + c->in_off, n);
		c->in_off += n;
		*n_r = n;
		return PLI_OK;
	}
	if (c->in.p)
		http1_compact(c);
	st = chan_read(&c->conn->chan, p, cap, n_r);
	return st == PLI_OK && *n_r == 0 ? PLI_IO : st;
}

/* Sends what lies in out.  True when it is empty. */
static bool http1_flush(struct http1_conn *c)
{
	while (c->out_off < c->out.n) {
		size_t n = 0;
		enum pli_status st = chan_write(&c->conn->chan, c->out.p + c->out_off, c->out.n - c->out_off, &n);

		if (st == PLI_AGAIN)
			return false;
		if (st != PLI_OK) {
			http1_close(c);
			return false;
		}
		c->out_off += n;
		if (c->state == HTTP1_SEND)
			http1_timer(c, c->env->limits->stall_s);
	}
	buf_free(&c->out);
	c->out_off = 0;
	return true;
}

static bool http1_step_body(struct http1_conn *c)
{
	uint8_t *p = NULL;
	size_t room, n = 0;
	enum pli_status st;

	if (c->expects && exchange_body_accepted(c->x))
		http1_response_continue(c);
	if (!http1_flush(c))
		return false;
	room = exchange_body_room(c->x, &p);
	if (room == 0) {
		c->paused = true;
		http1_no_timer(c);
		return false;
	}
	if (c->paused) {
		c->paused = false;
		http1_body_timer(c);
	}
	st = http1_body_bytes(c, p, room < c->body_left ? room : (size_t)c->body_left, &n);
	if (st == PLI_AGAIN) {
		exchange_body_idle(c->x, c->expects);
		return false;
	}
	if (st != PLI_OK) {
		http1_close(c);
		return false;
	}
	c->expects = false;
	c->body_left -= n;
	c->window_bytes += n;
	exchange_body_add(c->x, n);
	http1_follow(c);
	return true;
}

static void http1_await_head(struct http1_conn *c)
{
	if (c->env->stopping && http1_buffered(c) == 0) {
		http_conn_finish(c->conn);
		return;
	}
	c->state = HTTP1_HEAD;
	http1_timer(c, http1_buffered(c) ? c->env->limits->head_s : c->env->limits->idle_s);
}

/* The answer is out. */
static void http1_answered(struct http1_conn *c)
{
	struct exchange *x = c->x;

	c->x = NULL;
	c->served = true;
	if (x)
		exchange_complete(x);
	if (c->faulty || (c->last && (c->body_left || http1_buffered(c)))) {
		http_conn_linger(c->conn);
	} else if (c->last) {
		http_conn_finish(c->conn);
	} else if (c->body_left) {
		c->state = HTTP1_DRAIN;
		http1_timer(c, DRAIN_S);
	} else {
		http1_await_head(c);
	}
}

static bool http1_step_send(struct http1_conn *c)
{
	const uint8_t *p = NULL;
	size_t n, sent = 0;
	enum pli_status st;

	if (!http1_flush(c))
		return false;
	if (!c->x) {
		http1_answered(c);
		return c->state != HTTP1_CLOSED;
	}
	n = c->out_inline;
	c->out_inline = 0;
	if (n)
		exchange_out_sent(c->x, n);
	if (exchange_out_complete(c->x)) {
		http1_answered(c);
		return c->state != HTTP1_CLOSED;
	}
	n = exchange_out(c->x, &p);
	if (n == 0) {
		http1_no_timer(c);
		if (exchange_out_failed(c->x))
			http1_close(c);
		return false;
	}
	st = chan_write(&c->conn->chan, p, n, &sent);
	if (st == PLI_AGAIN)
		return false;
	if (st != PLI_OK) {
		http1_close(c);
		return false;
	}
	exchange_out_sent(c->x, sent);
	http1_timer(c, c->env->limits->stall_s);
	return true;
}

static bool http1_step_drain(struct http1_conn *c)
{
	uint8_t junk[4096];
	size_t n = 0;
	enum pli_status st;

	st = http1_body_bytes(c, junk, c->body_left < sizeof(junk) ? (size_t)c->body_left : sizeof(junk), &n);
	mem_wipe(junk, n);
	if (st == PLI_AGAIN)
		return false;
	if (st != PLI_OK) {
		http1_close(c);
		return false;
	}
	c->body_left -= n;
	if (c->body_left == 0)
		http1_await_head(c);
	return c->state != HTTP1_CLOSED;
}

static bool http1_step(void *w)
{
	struct http1_conn *c = w;

	switch (c->state) {
	case HTTP1_HEAD:
		return http1_step_head(c);
	case HTTP1_BODY:
		return http1_step_body(c);
	case HTTP1_SEND:
		return http1_step_send(c);
	case HTTP1_DRAIN:
		return http1_step_drain(c);
	case HTTP1_WAIT:
	case HTTP1_CLOSED:
		break;
	}
	return false;
}

/* ---- what happens ---- */

void http1_changed(void *wire)
{
	struct http1_conn *c = wire;

	assert(c->magic == HTTP1_MAGIC && c->x);
	if (c->state == HTTP1_WAIT || c->state == HTTP1_BODY)
		http1_follow(c);
	http_conn_advance(c->conn);
}

static void http1_timeout(void *w)
{
	struct http1_conn *c = w;
	const struct http_limits *limits = c->env->limits;

	switch (c->state) {
	case HTTP1_HEAD:
		if (http1_buffered(c) == 0)
			break;
		http1_head_fault(c, 408, "the request head took too long");
		return;
	case HTTP1_BODY:
		if (c->window_bytes >= (uint64_t)limits->body_rate_bytes * limits->body_rate_s) {
			http1_body_timer(c);
			return;
		}
		c->last = true;
		c->faulty = true;
		exchange_fault(c->x, 408, "the body came too slowly");
		http1_follow(c);
		return;
	default:
		break;
	}
	http1_close(c);
}

static void http1_stop(void *w)
{
	struct http1_conn *c = w;

	if (c->state == HTTP1_HEAD && http1_buffered(c) == 0)
		http_conn_finish(c->conn);
}

const struct http_wire http1_wire = {
	.alpn = "http/1.1",
	.open = http1_open,
	.step = http1_step,
	.timeout = http1_timeout,
	.hung_up = http1_hung_up,
	.stop = http1_stop,
	.closed = http1_closed,
	.free = http1_free,
};
