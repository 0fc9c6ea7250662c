/* The wire HTTP/2: socket to library and back, the connection's timers, its end. */
#include <assert.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "clock.h"
#include "pool.h"
#include "status.h"

#include "http2_conn.h"

#define HTTP2_MAGIC 0x68747432u
#define READ_BYTES ((size_t)16384)

enum http2_outcome { HTTP2_AGAIN, HTTP2_MORE, HTTP2_ENDED };

/* ---- beginning and end ---- */

static void http2_stalled(void *arg)
{
	struct http2_conn *c = arg;

	http_conn_close(c->conn);
}

static void *http2_open(struct http_conn *conn)
{
	struct http2_conn *c = mem_alloc(sizeof(*c));

	*c = (struct http2_conn){ .magic = HTTP2_MAGIC, .conn = conn, .env = conn->env };
	buf_init_secret(&c->out);
	c->stall = (struct timer){ .fn = http2_stalled, .arg = c };
	c->session = http2_session_new(c);
	c->awaits = HTTP2_AWAITS_GREETING;
	http_conn_timer(conn, c->env->limits->head_s);
	return c;
}

static void http2_closed(void *w)
{
	struct http2_conn *c = w;

	loop_timer_stop(c->env->exchanges.loop, &c->stall);
	while (c->streams)
		http2_stream_drop(c->streams);
}

static void http2_free(void *w)
{
	struct http2_conn *c = w;

	assert(c->magic == HTTP2_MAGIC);
	c->magic = 0;
	nghttp2_session_del(c->session);
	buf_free(&c->out);
	mem_free(c);
}

void http2_leave(struct http2_conn *c)
{
	static const uint8_t mark[8] = "leaving";

	if (c->leaving)
		return;
	c->leaving = true;
	nghttp2_submit_shutdown_notice(c->session);
	nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, mark);
}

static void http2_say_end(struct http2_conn *c, uint32_t code)
{
	nghttp2_session_terminate_session(c->session, code);
}

/* ---- reading ---- */

/* At most one TLS record. */
static enum http2_outcome http2_read(struct http2_conn *c)
{
	uint8_t in[READ_BYTES];
	size_t n = 0;
	ssize_t used;
	enum pli_status st = chan_read(&c->conn->chan, in, sizeof(in), &n);

	if (st == PLI_AGAIN) {
		http2_streams_fed(c);
		return HTTP2_AGAIN;
	}
	if (st != PLI_OK || n == 0) {
		http_conn_close(c->conn);
		return HTTP2_ENDED;
	}
	used = nghttp2_session_mem_recv(c->session, in, n);
	mem_wipe(in, n);
	if (used < 0 && used != NGHTTP2_ERR_FLOODED) {
		http_conn_close(c->conn);	/* it does not speak HTTP/2 */
		return HTTP2_ENDED;
	}
	if (used < 0 || c->flooded)
		http2_say_end(c, NGHTTP2_ENHANCE_YOUR_CALM);
	return HTTP2_MORE;
}

/* ---- writing ---- */

static enum http2_outcome http2_blocked(struct http2_conn *c, bool moved)
{
	unsigned stall_s = c->env->limits->stall_s;

	if (stall_s && (moved || !c->stall.prev))
		loop_timer_set(c->env->exchanges.loop, &c->stall, stall_s * SECOND_US);
	return HTTP2_AGAIN;
}

/* HTTP2_MORE: all that was given is with TLS. */
static enum http2_outcome http2_flush(struct http2_conn *c)
{
	size_t before = c->out_off;

	while (c->out_off < c->out.n) {
		size_t k = 0;
		enum pli_status st = chan_write(&c->conn->chan, c->out.p + c->out_off, c->out.n - c->out_off, &k);

		if (st == PLI_AGAIN)
			return http2_blocked(c, c->out_off > before);
		if (st != PLI_OK) {
			http_conn_close(c->conn);
			return HTTP2_ENDED;
		}
		c->out_off += k;
	}
	/* What comes next is written over it; when nothing does, all of it is wiped. */
	c->out.n = 0;
	c->out_off = 0;
	loop_timer_stop(c->env->exchanges.loop, &c->stall);
	http2_answers_sent(c);
	return HTTP2_MORE;
}

/* Frames of the library's, until out is worth a write.  The bodies' bytes it does not see: http2_answer_put() puts them there. */
static enum http2_outcome http2_fill(struct http2_conn *c)
{
	const uint8_t *p = NULL;
	ssize_t n = 1;

	c->full = false;
	while (n > 0 && !c->full) {
		n = nghttp2_session_mem_send(c->session, &p);
		if (n > 0)
			buf_add(&c->out, p, (size_t)n);
		c->full |= c->out.n >= HTTP2_OUT_BYTES;
	}
	if (n < 0) {
		http_conn_close(c->conn);
		return HTTP2_ENDED;
	}
	return HTTP2_MORE;
}

/* HTTP2_AGAIN: the socket is full, or there is nothing more to say. */
static enum http2_outcome http2_write(struct http2_conn *c)
{
	enum http2_outcome outcome = c->out.n ? HTTP2_MORE : http2_fill(c);

	if (outcome == HTTP2_MORE && c->out.n == 0 && !c->unsent) {
		if (!c->sending)
			buf_free(&c->out);
		return HTTP2_AGAIN;
	}
	return outcome == HTTP2_MORE ? http2_flush(c) : outcome;
}

/* ---- steps and timers ---- */

/* Sets the one timer of the reading side for what the connection waits for. */
static void http2_await(struct http2_conn *c)
{
	const struct http_limits *limits = c->env->limits;
	enum http2_awaits awaits = c->head_id     ? HTTP2_AWAITS_HEAD
				   : !c->greeted  ? HTTP2_AWAITS_GREETING
				   : c->streams   ? HTTP2_AWAITS_NOTHING
						  : HTTP2_AWAITS_REQUEST;

	if (awaits == c->awaits && c->head_id == c->awaits_id)
		return;
	c->awaits = awaits;
	c->awaits_id = c->head_id;
	http_conn_timer(c->conn, awaits == HTTP2_AWAITS_NOTHING ? 0 : awaits == HTTP2_AWAITS_REQUEST ? limits->idle_s : limits->head_s);
}

static bool http2_is_over(struct http2_conn *c)
{
	return c->out.n == 0 && !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session);
}

static bool http2_step(void *w)
{
	struct http2_conn *c = w;
	enum http2_outcome in, out;

	if (!c->session) {
		http_conn_close(c->conn);
		return false;
	}
	in = http2_read(c);
	if (in == HTTP2_ENDED)
		return false;
	out = http2_write(c);
	if (out == HTTP2_ENDED)
		return false;
	if (http2_is_over(c)) {
		if (c->silent)
			http_conn_finish(c->conn);
		else
			http_conn_linger(c->conn);
		return false;
	}
	http2_await(c);
	if (c->leaving && !c->streams && !c->left) {
		c->left = true;
		http2_say_end(c, NGHTTP2_NO_ERROR);
		return true;
	}
	return in == HTTP2_MORE || out == HTTP2_MORE;
}

static void http2_timeout(void *w)
{
	struct http2_conn *c = w;

	c->silent = !c->streams;
	http2_say_end(c, c->awaits == HTTP2_AWAITS_REQUEST ? NGHTTP2_NO_ERROR : NGHTTP2_ENHANCE_YOUR_CALM);
}

static bool http2_hung_up(void *w)
{
	(void)w;
	return false;	/* reading finds the end, behind what may still be progress of an upload */
}

static void http2_stop(void *w)
{
	struct http2_conn *c = w;

	if (c->streams) {
		http2_leave(c);
	} else {
		c->silent = true;
		http2_say_end(c, NGHTTP2_NO_ERROR);
	}
	http_conn_advance(c->conn);
}

const struct http_wire http2_wire = {
	.alpn = "h2",
	.open = http2_open,
	.step = http2_step,
	.timeout = http2_timeout,
	.hung_up = http2_hung_up,
	.stop = http2_stop,
	.closed = http2_closed,
	.free = http2_free,
};
