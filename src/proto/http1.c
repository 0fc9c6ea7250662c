/* The connection's states.  Every event ends in http1_advance(), which takes step after step until one of them has to
 * wait for the socket, the exchange or the clock. */
#include <assert.h>
#include <string.h>
#include <sys/epoll.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "status.h"

#include "head_guard.h"
#include "http1_conn.h"

#define HTTP1_MAGIC 0x68747431u
#define READ_BYTES ((size_t)4096)
#define STEPS_PER_TURN 64		/* records of 16 KiB: under a millisecond */
#define LINGER_US (5 * SECOND_US)
#define LINGER_BYTES (UINT64_C(16) << 20)	/* well above any body that is taken whole, so that whoever is refused reads why */

static void http1_advance(struct http1_conn *c);

/* ---- timers ---- */

static void http1_timer(struct http1_conn *c, unsigned seconds)
{
	loop_timer_stop(c->env->exchanges.loop, &c->timer);
	if (seconds)	/* 0: this limit is off */
		loop_timer_set(c->env->exchanges.loop, &c->timer, seconds * SECOND_US);
}

static void http1_no_timer(struct http1_conn *c)
{
	loop_timer_stop(c->env->exchanges.loop, &c->timer);
}

static void http1_body_timer(struct http1_conn *c)
{
	c->window_bytes = 0;
	http1_timer(c, c->env->limits->body_rate_s);
}

/* ---- closing ---- */

/* Whoever calls this returns to the loop at once; memory goes in the next turn, when no event can name it. */
static void http1_close(struct http1_conn *c)
{
	struct exchange *x = c->x;

	if (c->state == HTTP1_CLOSED)
		return;
	c->state = HTTP1_CLOSED;
	c->x = NULL;
	if (x)
		exchange_gone(x);
	http1_no_timer(c);
	chan_close(&c->chan);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->env->conn_count--;
	c->env->closed(c->env->arg, c->net_key);
	if (!c->posted) {
		c->posted = true;
		loop_post(c->env->exchanges.loop, &c->post);
	}
}

static void http1_free(struct http1_conn *c)
{
	assert(c->magic == HTTP1_MAGIC);
	c->magic = 0;
	buf_free(&c->in);
	buf_free(&c->out);
	mem_free(c);
}

static void http1_again(void *arg)
{
	struct http1_conn *c = arg;

	c->posted = false;
	if (c->state == HTTP1_CLOSED)
		http1_free(c);
	else
		http1_advance(c);
}

static void http1_linger(struct http1_conn *c)
{
	c->state = HTTP1_LINGER;
	c->drained = 0;
	chan_finish(&c->chan);
	loop_timer_set(c->env->exchanges.loop, &c->timer, LINGER_US);
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
	st = chan_read(&c->chan, buf_reserve(&c->in, READ_BYTES), READ_BYTES, &n);
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

static bool http1_step_handshake(struct http1_conn *c)
{
	switch (chan_handshake(&c->chan)) {
	case PLI_OK:
		c->peer.tls = chan_tls_name(&c->chan);
		c->peer.alpn = "http/1.1";
		c->state = HTTP1_HEAD;
		http1_timer(c, c->env->limits->head_s);
		return true;
	case PLI_AGAIN:
		return false;
	default:
		http1_close(c);
		return false;
	}
}

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
	st = chan_read(&c->chan, p, cap, n_r);
	return st == PLI_OK && *n_r == 0 ? PLI_IO : st;
}

/* Sends what lies in out.  True when it is empty. */
static bool http1_flush(struct http1_conn *c)
{
	while (c->out_off < c->out.n) {
		size_t n = 0;
		enum pli_status st = chan_write(&c->chan, c->out.p + c->out_off, c->out.n - c->out_off, &n);

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
		chan_finish(&c->chan);
		http1_close(c);
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
		http1_linger(c);
	} else if (c->last) {
		chan_finish(&c->chan);
		http1_close(c);
	} else if (c->body_left) {
		c->state = HTTP1_DRAIN;
		loop_timer_set(c->env->exchanges.loop, &c->timer, LINGER_US);
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
	st = chan_write(&c->chan, p, n, &sent);
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

static bool http1_step_linger(struct http1_conn *c)
{
	size_t n = 0;
	enum pli_status st = chan_discard(&c->chan, (size_t)256 * 1024, &n);

	c->drained += n;
	if (st != PLI_AGAIN || c->drained > LINGER_BYTES)
		http1_close(c);
	return c->state != HTTP1_CLOSED && n > 0;
}

static bool http1_step(struct http1_conn *c)
{
	switch (c->state) {
	case HTTP1_HANDSHAKE:
		return http1_step_handshake(c);
	case HTTP1_HEAD:
		return http1_step_head(c);
	case HTTP1_BODY:
		return http1_step_body(c);
	case HTTP1_SEND:
		return http1_step_send(c);
	case HTTP1_DRAIN:
		return http1_step_drain(c);
	case HTTP1_LINGER:
		return http1_step_linger(c);
	case HTTP1_WAIT:
	case HTTP1_CLOSED:
		break;
	}
	return false;
}

static void http1_advance(struct http1_conn *c)
{
	for (int i = 0; i < STEPS_PER_TURN; i++)
		if (!http1_step(c))
			return;
	/* Others have their turn first. */
	if (!c->posted && c->state != HTTP1_CLOSED) {
		c->posted = true;
		loop_post(c->env->exchanges.loop, &c->post);
	}
}

/* ---- what happens ---- */

void http1_changed(void *wire)
{
	struct http1_conn *c = wire;

	assert(c->magic == HTTP1_MAGIC && c->x);
	if (c->state == HTTP1_WAIT || c->state == HTTP1_BODY)
		http1_follow(c);
	http1_advance(c);
}

static void http1_socket_ready(void *arg, uint32_t events)
{
	struct http1_conn *c = arg;

	assert(c->magic == HTTP1_MAGIC);
	if (c->state == HTTP1_CLOSED)
		return;
	chan_ready(&c->chan, events);
	/* Reset, or shut in both directions: nobody reads an answer any more.  What still lies in the socket of an
	 * upload is read first: it may be progress that is worth keeping. */
	if ((events & (EPOLLERR | EPOLLHUP)) && (c->state == HTTP1_WAIT || c->state == HTTP1_SEND)) {
		http1_close(c);
		return;
	}
	http1_advance(c);
}

static void http1_timeout(void *arg)
{
	struct http1_conn *c = arg;
	const struct http_limits *limits = c->env->limits;

	switch (c->state) {
	case HTTP1_HEAD:
		if (http1_buffered(c) == 0)
			break;
		http1_head_fault(c, 408, "the request head took too long");
		http1_advance(c);
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
		http1_advance(c);
		return;
	default:
		break;
	}
	http1_close(c);
}

void http1_open(struct http1_env *env, int fd, struct ssl_ctx_st *ctx, const struct http_peer *peer, uint64_t net_key)
{
	struct http1_conn *c = mem_alloc(sizeof(*c));
	struct err err;

	*c = (struct http1_conn){ .magic = HTTP1_MAGIC, .env = env, .peer = *peer, .net_key = net_key };
	buf_init_secret(&c->in);
	buf_init_secret(&c->out);
	c->watch = (struct loop_watch){ .fd = fd, .fn = http1_socket_ready, .arg = c };
	c->timer = (struct timer){ .fn = http1_timeout, .arg = c };
	c->post = (struct loop_post){ .fn = http1_again, .arg = c };
	c->next = env->conns;
	c->prev = &env->conns;
	if (c->next)
		c->next->prev = &c->next;
	env->conns = c;
	env->conn_count++;
	if (chan_open(&c->chan, fd, ctx) != PLI_OK ||
	    loop_watch_add(env->exchanges.loop, &c->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &err) != PLI_OK) {
		http1_close(c);
		return;
	}
	http1_timer(c, env->limits->handshake_s);
	http1_advance(c);
}

void http1_stop_idle(struct http1_env *env)
{
	struct http1_conn *c = env->conns, *next;

	for (; c; c = next) {
		next = c->next;
		if (c->state == HTTP1_HANDSHAKE || c->state == HTTP1_LINGER ||
		    (c->state == HTTP1_HEAD && http1_buffered(c) == 0)) {
			if (c->state == HTTP1_HEAD)
				chan_finish(&c->chan);
			http1_close(c);
		}
	}
}

void http1_stop_all(struct http1_env *env)
{
	while (env->conns)
		http1_close(env->conns);
}
