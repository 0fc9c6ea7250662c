#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"

#include "wire.h"
#include "workers.h"

#include "http_peers.h"
#include "tls_context.h"
#include "tls_tickets.h"

#include "smtp_own.h"

#include "smtp_server.h"

#define SESSIONS_MAX 256		/* threads */
#define SESSIONS_PER_NET_MAX 32
#define LMTP_SESSIONS_MAX 32
#define STACK_BYTES ((size_t)256 * 1024)
#define GUARD_SLOTS 1024
#define GUARD_FAILURES 20		/* wrong tokens from one net … */
#define GUARD_US (600 * SECOND_US)	/* … in this time: then none is looked at until it is over */
#define PAUSE_US 200000

/* Of one net (several that fall together count as one). */
struct guard_slot {
	uint64_t net_key;
	int64_t since_us;
	unsigned failures;
};

struct connection {
	struct smtp_server *server;
	struct smtp_session session;
	struct connection *next, **prev;
};

struct smtp_server {
	struct smtp_house house;
	int fds[2];			/* submission, LMTP; -1: none */
	int wake_fd;
	pthread_t thread;
	bool has_thread;
	atomic_bool stop;
	struct tls_tickets *tickets;
	struct workers *workers;
	struct http_peers *peers;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t ended;
	SSL_CTX *ctx;
	struct connection *connections;
	unsigned lmtp_count;
	struct guard_slot guard[GUARD_SLOTS];
};

/* ---- tokens that were wrong ---- */

static bool guard(void *arg, uint64_t net_key, bool failed)
{
	struct smtp_server *s = arg;
	struct guard_slot *slot = &s->guard[(net_key * UINT64_C(0x9e3779b97f4a7c15)) >> 54];
	int64_t now = clock_mono_us();
	bool shut;

	pthread_mutex_lock(&s->lock);
	if (slot->net_key != net_key || now - slot->since_us > GUARD_US) {
		/* Another net's count goes only when it is over, or when this one has something to count. */
		if (failed)
			*slot = (struct guard_slot){ .net_key = net_key, .since_us = now };
	}
	if (failed && slot->net_key == net_key)
		slot->failures++;
	shut = slot->net_key == net_key && now - slot->since_us <= GUARD_US && slot->failures >= GUARD_FAILURES;
	pthread_mutex_unlock(&s->lock);
	return shut;
}

static bool stopping(void *arg)
{
	return atomic_load(&((struct smtp_server *)arg)->stop);
}

/* ---- connections ---- */

static void connection_add(struct connection *c)
{
	struct smtp_server *s = c->server;

	pthread_mutex_lock(&s->lock);
	c->next = s->connections;
	c->prev = &s->connections;
	if (c->next)
		c->next->prev = &c->next;
	s->connections = c;
	s->lmtp_count += c->session.lmtp;
	pthread_mutex_unlock(&s->lock);
}

static void connection_end(struct connection *c)
{
	struct smtp_server *s = c->server;

	pthread_mutex_lock(&s->lock);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->lmtp_count -= c->session.lmtp;
	pthread_cond_signal(&s->ended);
	pthread_mutex_unlock(&s->lock);
	http_peers_leave(s->peers, c->session.net_key);
	wire_close(c->session.wire);
	mem_free(c);
}

static void connection_run(void *arg)
{
	struct connection *c = arg;

	smtp_session_run(&c->session);
	connection_end(c);
}

static bool lmtp_room(struct smtp_server *s)
{
	bool room;

	pthread_mutex_lock(&s->lock);
	room = s->lmtp_count < LMTP_SESSIONS_MAX;
	pthread_mutex_unlock(&s->lock);
	return room;
}

static SSL_CTX *ctx_of(struct smtp_server *s)
{
	SSL_CTX *ctx;

	pthread_mutex_lock(&s->lock);
	ctx = s->ctx;
	SSL_CTX_up_ref(ctx);
	pthread_mutex_unlock(&s->lock);
	return ctx;
}

/* Takes fd.  One too many is closed without a word: a word would need TLS. */
static void connection_new(struct smtp_server *s, int fd, bool lmtp, const struct sockaddr_storage *addr)
{
	struct connection *c = mem_alloc(sizeof(*c));
	struct smtp_session *session = &c->session;
	SSL_CTX *ctx = lmtp ? NULL : ctx_of(s);
	struct err err;

	c->server = s;
	session->house = &s->house;
	session->lmtp = lmtp;
	session->guard = guard;
	session->stopping = stopping;
	session->guard_arg = s;
	session->net_key = http_peer_name(addr, &session->peer);
	/* The local mail server counts apart: however many connections there are, bounces come in. */
	if (lmtp)
		session->net_key = UINT64_MAX;
	if ((lmtp && !lmtp_room(s)) || !http_peers_enter(s->peers, session->net_key)) {
		close(fd);
		mem_free(c);
	} else if (wire_open(fd, ctx, &session->wire, &err) != PLI_OK) {
		http_peers_leave(s->peers, session->net_key);
		mem_free(c);
	} else {
		connection_add(c);
		if (!workers_call(s->workers, connection_run, c))
			connection_end(c);
	}
	SSL_CTX_free(ctx);
}

/* ---- the thread that accepts ---- */

/* False: no descriptors are left for now. */
static bool accept_one(struct smtp_server *s, bool lmtp)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t n = sizeof(addr);
	int fd = accept4(s->fds[lmtp], (struct sockaddr *)&addr, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		connection_new(s, fd, lmtp, &addr);
	return fd >= 0 || (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM);
}

static void *accept_thread(void *arg)
{
	struct smtp_server *s = arg;

	while (!atomic_load(&s->stop)) {
		struct pollfd fds[3] = { { s->wake_fd, POLLIN, 0 }, { s->fds[0], POLLIN, 0 }, { s->fds[1], POLLIN, 0 } };
		bool fine = true;

		if (poll(fds, 3, -1) < 0 || fds[0].revents)
			continue;
		for (int i = 0; i < 2; i++)
			if (fds[1 + i].revents)
				fine = accept_one(s, i == 1) && fine;
		if (!fine)	/* until some connections have ended, or the stop */
			(void)poll(fds, 1, PAUSE_US / 1000);
	}
	return NULL;
}

/* ---- start and stop ---- */

/* Whoever asks for another protocol was led here under the name of a web server (ALPACA): refused in the handshake. */
static int no_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned in_n, void *arg)
{
	(void)ssl;
	(void)out;
	(void)out_n;
	(void)in;
	(void)in_n;
	(void)arg;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

enum pli_status smtp_server_certificate_prepare(struct smtp_server *server, const char *cert_pem, const char *key_pem,
						struct ssl_ctx_st **ctx_r, struct err *err)
{
	enum pli_status st = tls_context_new(cert_pem, key_pem, server->tickets, false, ctx_r, err);

	if (st == PLI_OK)
		SSL_CTX_set_alpn_select_cb(*ctx_r, no_alpn, NULL);
	return st;
}

void smtp_server_certificate_use(struct smtp_server *server, struct ssl_ctx_st *ctx)
{
	SSL_CTX *before;

	if (!ctx)
		return;
	pthread_mutex_lock(&server->lock);
	before = server->ctx;
	server->ctx = ctx;
	pthread_mutex_unlock(&server->lock);
	SSL_CTX_free(before);
}

static enum pli_status start(struct smtp_server *s, const struct smtp_server_config *config, struct err *err)
{
	const struct workers_config workers = { .threads_max = SESSIONS_MAX + LMTP_SESSIONS_MAX, .threads_keep = 1, .idle_ms = 10000,
						.stack_bytes = STACK_BYTES, .queue_max = SESSIONS_MAX + LMTP_SESSIONS_MAX };
	enum pli_status st = workers_new(&workers, &s->workers, err);

	if (st == PLI_OK && s->fds[0] >= 0)
		st = smtp_server_certificate_prepare(s, config->cert_pem, config->key_pem, &s->ctx, err);
	if (st != PLI_OK)
		return st;
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake_fd < 0)
		return err_errno(err, "eventfd");
	if (pthread_create(&s->thread, NULL, accept_thread, s) != 0)
		return err_set(err, PLI_IO, "no thread for mail connections");
	s->has_thread = true;
	return PLI_OK;
}

enum pli_status smtp_server_start(const struct smtp_server_config *config, struct smtp_server **server_r, struct err *err)
{
	struct smtp_server *s = mem_alloc(sizeof(*s));
	enum pli_status st;

	s->house = (struct smtp_house){ .office = config->office, .directory = config->directory, .settings = config->settings,
					.host = config->host, .mail = config->mail };
	s->fds[0] = config->submission_fd;
	s->fds[1] = config->lmtp_fd;
	s->wake_fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->ended, NULL);
	s->tickets = tls_tickets_new();
	s->peers = http_peers_new(SESSIONS_PER_NET_MAX, SESSIONS_MAX);
	st = start(s, config, err);
	if (st != PLI_OK) {
		smtp_server_stop(s, 0);
		return st;
	}
	*server_r = s;
	return PLI_OK;
}

/* Those whose message is not under way, or (all) every one. */
static void cut(struct smtp_server *s, bool all)
{
	for (struct connection *c = s->connections; c; c = c->next)
		if (all || !atomic_load(&c->session.busy))
			wire_cut(c->session.wire);
}

static void connections_stop(struct smtp_server *s, unsigned grace_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += grace_ms / 1000;
	pthread_mutex_lock(&s->lock);
	cut(s, false);
	while (s->connections && pthread_cond_timedwait(&s->ended, &s->lock, &until) != ETIMEDOUT)
		cut(s, false);
	cut(s, true);
	pthread_mutex_unlock(&s->lock);
}

void smtp_server_stop(struct smtp_server *server, unsigned grace_ms)
{
	const uint64_t one = 1;

	if (!server)
		return;
	atomic_store(&server->stop, true);
	if (server->has_thread) {
		if (write(server->wake_fd, &one, sizeof(one)) < 0)
			log_warn("smtp.stop", "the accepting thread is not told");
		pthread_join(server->thread, NULL);
	}
	connections_stop(server, grace_ms);
	workers_free(server->workers);
	if (server->wake_fd >= 0)
		close(server->wake_fd);
	http_peers_free(server->peers);
	SSL_CTX_free(server->ctx);
	tls_tickets_free(server->tickets);
	pthread_cond_destroy(&server->ended);
	pthread_mutex_destroy(&server->lock);
	mem_free(server);
}
