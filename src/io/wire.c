#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "chan.h"

#include "wire.h"

#define READ_BYTES 16384

struct wire {
	struct chan chan;	/* its ssl is NULL when plain */
	bool tls;
	struct buf in;		/* read, from `at` on not used up; may hold passwords */
	size_t at;
};

enum pli_status wire_open(int fd, struct ssl_ctx_st *ctx, struct wire **wire_r, struct err *err)
{
	struct wire *w = mem_alloc(sizeof(*w));

	buf_init_secret(&w->in);
	w->tls = ctx != NULL;
	if (!ctx) {
		w->chan.fd = fd;
	} else if (chan_open(&w->chan, fd, ctx) != PLI_OK) {
		mem_free(w);
		return err_set(err, PLI_IO, "no TLS for a connection");
	}
	*wire_r = w;
	return PLI_OK;
}

void wire_close(struct wire *wire)
{
	if (!wire)
		return;
	if (wire->tls)
		chan_finish(&wire->chan);
	else
		shutdown(wire->chan.fd, SHUT_WR);
	chan_close(&wire->chan);
	buf_free(&wire->in);
	mem_free(wire);
}

void wire_cut(struct wire *wire)
{
	shutdown(wire->chan.fd, SHUT_RDWR);
}

/* Waits until the socket has news in the wanted direction. */
static enum pli_status wait_for(struct wire *w, short events, int64_t deadline_us, struct err *err)
{
	for (;;) {
		struct pollfd p = { w->chan.fd, events, 0 };
		int64_t left_us = deadline_us - clock_mono_us();
		int n;

		if (left_us <= 0)
			return err_set(err, PLI_AGAIN, "the peer was too slow");
		n = poll(&p, 1, (int)(left_us / 1000 < 3600000 ? left_us / 1000 + 1 : 3600000));
		if (n < 0 && errno != EINTR)
			return err_errno(err, "poll");
		if (n > 0) {
			if (w->tls)
				chan_ready(&w->chan, (p.revents & POLLIN ? EPOLLIN : 0u) |
						(p.revents & (POLLHUP | POLLERR) ? EPOLLHUP : 0u));
			return PLI_OK;
		}
	}
}

static enum pli_status gone(struct err *err)
{
	return err_set(err, PLI_GONE, "the peer has left");
}

/* What TLS waits for: it may want to write in order to read. */
static short tls_wants(const struct wire *w)
{
	return SSL_want_write(w->chan.ssl) ? POLLOUT : POLLIN;
}

enum pli_status wire_handshake(struct wire *wire, int64_t deadline_us, struct err *err)
{
	if (!wire->tls)
		return PLI_OK;
	for (;;) {
		enum pli_status st = chan_handshake(&wire->chan);

		if (st == PLI_AGAIN)
			st = wait_for(wire, tls_wants(wire), deadline_us, err);
		else if (st != PLI_OK)
			return err_set(err, PLI_IO, "the TLS handshake failed");
		else
			return PLI_OK;
		if (st != PLI_OK)
			return st;
	}
}

static enum pli_status read_some(struct wire *w, void *room, size_t cap, size_t *n_r)
{
	ssize_t n;

	if (w->tls)
		return chan_read(&w->chan, room, cap, n_r);
	do {
		n = recv(w->chan.fd, room, cap, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? PLI_AGAIN : PLI_IO;
	*n_r = (size_t)n;
	return PLI_OK;
}

static enum pli_status read_more(struct wire *w, int64_t deadline_us, struct err *err)
{
	if (w->at) {
		buf_shift(&w->in, w->at);
		w->at = 0;
	}
	for (;;) {
		void *room = buf_reserve(&w->in, READ_BYTES);
		size_t n = 0;
		enum pli_status st = read_some(w, room, READ_BYTES, &n);

		if (st == PLI_OK) {
			w->in.n += n;
			return n ? PLI_OK : gone(err);
		}
		if (st != PLI_AGAIN)
			return gone(err);
		st = wait_for(w, w->tls ? tls_wants(w) : POLLIN, deadline_us, err);
		if (st != PLI_OK)
			return st;
	}
}

enum pli_status wire_fill(struct wire *wire, int64_t deadline_us, const char **p_r, size_t *n_r, struct err *err)
{
	if (!wire_pending(wire)) {
		enum pli_status st = read_more(wire, deadline_us, err);

		if (st != PLI_OK)
			return st;
	}
	*p_r = wire->in.p + wire->at;
	*n_r = wire->in.n - wire->at;
	return PLI_OK;
}

void wire_use(struct wire *wire, size_t n)
{
	wire->at += n;
	if (wire->at == wire->in.n) {
		buf_reset(&wire->in);
		wire->at = 0;
	}
}

bool wire_pending(const struct wire *wire)
{
	return wire->at < wire->in.n;
}

enum pli_status wire_send(struct wire *wire, const void *p, size_t n, int64_t deadline_us, struct err *err)
{
	const char *at = p;

	while (n > 0) {
		size_t done = 0;
		enum pli_status st;

		if (wire->tls) {
			st = chan_write(&wire->chan, at, n, &done);
		} else {
			ssize_t sent = send(wire->chan.fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
			st = sent >= 0 ? PLI_OK : errno == EAGAIN || errno == EINTR ? PLI_AGAIN : PLI_IO;
			done = sent > 0 ? (size_t)sent : 0;
		}
		if (st == PLI_AGAIN) {
			st = wait_for(wire, wire->tls ? tls_wants(wire) : POLLOUT, deadline_us, err);
			if (st != PLI_OK)
				return st;
		} else if (st != PLI_OK) {
			return gone(err);
		}
		at += done;
		n -= done;
	}
	return PLI_OK;
}

/* Length of the line at the beginning of p without its end; -1: not whole yet, -2: a CR or LF stands alone. */
static long line_length(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n')
			return -2;
		if (p[i] != '\r')
			continue;
		if (i + 1 == n)
			return -1;
		return p[i + 1] == '\n' ? (long)i : -2;
	}
	return -1;
}

enum pli_status wire_line(struct wire *wire, size_t max, int64_t deadline_us, struct buf *line, struct err *err)
{
	for (;;) {
		size_t have = wire->in.n - wire->at;
		long n = have ? line_length(wire->in.p + wire->at, have) : -1;
		enum pli_status st;

		if (n == -2)
			return err_set(err, PLI_INPUT, "a CR or LF stands alone");
		if (n >= 0 ? (size_t)n + 2 > max : have >= max)
			return err_set(err, PLI_LIMIT, "the line is too long");
		if (n >= 0) {
			buf_add(line, wire->in.p + wire->at, (size_t)n);
			wire_use(wire, (size_t)n + 2);
			return PLI_OK;
		}
		st = read_more(wire, deadline_us, err);
		if (st != PLI_OK)
			return st;
	}
}

const char *wire_tls_name(const struct wire *wire)
{
	return wire->tls ? chan_tls_name(&wire->chan) : NULL;
}
