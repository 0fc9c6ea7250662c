/* The states before and after the wire; the wire's own steps lie between them. */
#include <assert.h>
#include <sys/epoll.h>

#include "clock.h"
#include "pool.h"
#include "status.h"

#include "http_peers.h"
#include "proxy_header.h"

#include "http_conn.h"

#define CONN_MAGIC 0x636f6e6eu
#define STEPS_PER_TURN 16		/* of a record that comes, or four that leave: under a millisecond */
#define LINGER_US (5 * SECOND_US)
#define LINGER_BYTES (UINT64_C(16) << 20)	/* well above any body that is taken whole, so that whoever is refused reads why */

struct proxy_reader {
	uint8_t p[PROXY_HEADER_MAX];
	size_t n;
	size_t wanted;
};

void http_conn_timer(struct http_conn *conn, unsigned seconds)
{
	loop_timer_stop(conn->env->exchanges.loop, &conn->timer);
	if (seconds)	/* 0: this limit is off */
		loop_timer_set(conn->env->exchanges.loop, &conn->timer, seconds * SECOND_US);
}

const char *http_env_date(struct http_env *env)
{
	int64_t second = clock_now_us() / SECOND_US;

	if (second != env->date_second) {
		env->date_second = second;
		http_date_format(env->date, second * SECOND_US);
	}
	return env->date;
}

/* ---- closing ---- */

void http_conn_later(struct http_conn *conn)
{
	if (!conn->posted) {
		conn->posted = true;
		loop_post(conn->env->exchanges.loop, &conn->post);
	}
}

void http_conn_close(struct http_conn *conn)
{
	enum http_conn_state was = conn->state;

	if (was == HTTP_CONN_CLOSED)
		return;
	conn->state = HTTP_CONN_CLOSED;
	if (was == HTTP_CONN_WIRE)
		conn->wire->closed(conn->w);
	http_conn_timer(conn, 0);
	chan_close(&conn->chan);
	*conn->prev = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	conn->env->conn_count--;
	conn->env->closed(conn->env->arg, conn->net_key);
	http_conn_later(conn);
}

static void http_conn_free(struct http_conn *conn)
{
	assert(conn->magic == CONN_MAGIC);
	conn->magic = 0;
	if (conn->w)
		conn->wire->free(conn->w);
	mem_free(conn->proxy);
	mem_free(conn);
}

void http_conn_finish(struct http_conn *conn)
{
	chan_finish(&conn->chan);
	http_conn_close(conn);
}

void http_conn_linger(struct http_conn *conn)
{
	conn->state = HTTP_CONN_LINGER;
	conn->wire->closed(conn->w);
	conn->drained = 0;
	chan_finish(&conn->chan);
	loop_timer_set(conn->env->exchanges.loop, &conn->timer, LINGER_US);
}

static bool http_conn_step_linger(struct http_conn *conn)
{
	size_t n = 0;
	enum pli_status st = chan_discard(&conn->chan, (size_t)256 * 1024, &n);

	conn->drained += n;
	if (st != PLI_AGAIN || conn->drained > LINGER_BYTES)
		http_conn_close(conn);
	return n > 0;
}

/* ---- before the wire ---- */

/* The client, as the front names it, takes the front's place. */
static bool http_conn_rename(struct http_conn *conn, const struct proxy_header *h)
{
	struct http_peer peer = conn->peer;
	uint64_t key;

	if (h->local)	/* the front speaks for itself: a health check */
		return true;
	key = http_peer_name(&h->source, &peer);
	if (!conn->env->renamed(conn->env->arg, conn->net_key, key))
		return false;
	conn->net_key = key;
	conn->peer = peer;
	return true;
}

static bool http_conn_step_proxy(struct http_conn *conn)
{
	struct proxy_reader *r = conn->proxy;
	struct proxy_header h;
	size_t n = 0;
	enum pli_status st = chan_plain_read(&conn->chan, r->p + r->n, r->wanted - r->n, &n);

	if (st == PLI_AGAIN)
		return false;
	r->n += n;
	if (st == PLI_OK && r->n == PROXY_HEADER_FIXED) {
		r->wanted = proxy_header_length(r->p);
		if (r->wanted == 0)
			st = PLI_IO;
	}
	if (st != PLI_OK || n == 0) {
		http_conn_close(conn);
		return false;
	}
	if (r->n < r->wanted)
		return true;
	if (!proxy_header_parse(r->p, r->n, &h) || !http_conn_rename(conn, &h)) {
		http_conn_close(conn);
		return false;
	}
	mem_free(r);
	conn->proxy = NULL;
	conn->state = HTTP_CONN_HANDSHAKE;
	return true;
}

static bool http_conn_step_handshake(struct http_conn *conn)
{
	switch (chan_handshake(&conn->chan)) {
	case PLI_OK:
		conn->wire = chan_speaks(&conn->chan, http2_wire.alpn) ? &http2_wire : &http1_wire;
		conn->peer.tls = chan_tls_name(&conn->chan);
		conn->peer.alpn = conn->wire->alpn;
		conn->state = HTTP_CONN_WIRE;
		conn->w = conn->wire->open(conn);
		return true;
	case PLI_AGAIN:
		return false;
	default:
		http_conn_close(conn);
		return false;
	}
}

static bool http_conn_step(struct http_conn *conn)
{
	switch (conn->state) {
	case HTTP_CONN_PROXY:
		return http_conn_step_proxy(conn);
	case HTTP_CONN_HANDSHAKE:
		return http_conn_step_handshake(conn);
	case HTTP_CONN_WIRE:
		return conn->wire->step(conn->w) || conn->state == HTTP_CONN_LINGER;
	case HTTP_CONN_LINGER:
		return http_conn_step_linger(conn);
	case HTTP_CONN_CLOSED:
		break;
	}
	return false;
}

void http_conn_advance(struct http_conn *conn)
{
	for (int i = 0; i < STEPS_PER_TURN; i++)
		if (!http_conn_step(conn))
			return;
	/* Others have their turn first. */
	if (conn->state != HTTP_CONN_CLOSED)
		http_conn_later(conn);
}

/* ---- what happens ---- */

static void http_conn_again(void *arg)
{
	struct http_conn *conn = arg;

	conn->posted = false;
	if (conn->state == HTTP_CONN_CLOSED)
		http_conn_free(conn);
	else
		http_conn_advance(conn);
}

static void http_conn_ready(void *arg, uint32_t events)
{
	struct http_conn *conn = arg;

	assert(conn->magic == CONN_MAGIC);
	if (conn->state == HTTP_CONN_CLOSED)
		return;
	chan_ready(&conn->chan, events);
	if ((events & (EPOLLERR | EPOLLHUP)) && conn->state == HTTP_CONN_WIRE && conn->wire->hung_up(conn->w)) {
		http_conn_close(conn);
		return;
	}
	http_conn_advance(conn);
}

static void http_conn_timeout(void *arg)
{
	struct http_conn *conn = arg;

	if (conn->state == HTTP_CONN_WIRE) {
		conn->wire->timeout(conn->w);
		http_conn_advance(conn);
	} else {
		http_conn_close(conn);
	}
}

static void http_conn_expect_proxy(struct http_conn *conn)
{
	conn->proxy = mem_alloc(sizeof(*conn->proxy));
	conn->proxy->wanted = PROXY_HEADER_FIXED;
	conn->state = HTTP_CONN_PROXY;
}

void http_conn_open(struct http_env *env, int fd, struct ssl_ctx_st *ctx, const struct http_peer *peer, uint64_t net_key,
		    bool proxied)
{
	struct http_conn *conn = mem_alloc(sizeof(*conn));
	struct err err;

	*conn = (struct http_conn){ .magic = CONN_MAGIC, .env = env, .peer = *peer, .net_key = net_key,
				    .state = HTTP_CONN_HANDSHAKE };
	conn->watch = (struct loop_watch){ .fd = fd, .fn = http_conn_ready, .arg = conn };
	conn->timer = (struct timer){ .fn = http_conn_timeout, .arg = conn };
	conn->post = (struct loop_post){ .fn = http_conn_again, .arg = conn };
	if (proxied)
		http_conn_expect_proxy(conn);
	conn->next = env->conns;
	conn->prev = &env->conns;
	if (conn->next)
		conn->next->prev = &conn->next;
	env->conns = conn;
	env->conn_count++;
	if (chan_open(&conn->chan, fd, ctx) != PLI_OK ||
	    loop_watch_add(env->exchanges.loop, &conn->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &err) != PLI_OK) {
		http_conn_close(conn);
		return;
	}
	http_conn_timer(conn, env->limits->handshake_s);
	http_conn_advance(conn);
}

void http_conn_stop_idle(struct http_env *env)
{
	struct http_conn *conn = env->conns, *next;

	for (; conn; conn = next) {
		next = conn->next;
		if (conn->state == HTTP_CONN_WIRE)
			conn->wire->stop(conn->w);
		else
			http_conn_close(conn);
	}
}

void http_conn_stop_all(struct http_env *env)
{
	while (env->conns)
		http_conn_close(env->conns);
}
