/* The server: loop threads that accept, one worker pool, the TLS context that new connections get.
 *
 * Every loop watches every listening socket with EPOLLEXCLUSIVE; a connection stays with the loop that accepted it.
 * No socket is made and none connected after the start: a confined process may serve. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cidr.h"
#include "clock.h"
#include "pool.h"
#include "status.h"
#include "loop.h"
#include "workers.h"

#include "http_conn.h"
#include "http_peers.h"
#include "tls_context.h"
#include "tls_tickets.h"

#include "http.h"

#define LISTENERS_MAX 16
#define ACCEPTS_PER_EVENT 16
#define ACCEPT_PAUSE_US (SECOND_US / 5)		/* without descriptors: let some connections end */
#define FDS_KEPT 128u				/* for files and databases of the app */
#define STACK_BYTES ((size_t)256 * 1024)
#define CALLS_MAX 1024u

struct http_loop;

struct http_listener {
	struct http_loop *owner;
	struct loop_watch watch;
	struct timer retry;
};

struct http_loop {
	struct http_server *server;
	struct loop *loop;
	pthread_t thread;
	bool running;
	struct http_env env;
	struct http_listener listeners[LISTENERS_MAX];
	bool listening;
	struct loop_post stop;
	struct timer stop_timer;	/* looks whether all is done */
	int64_t stop_at_us;
};

struct http_server {
	struct http_app app;
	struct http_limits limits;
	struct workers *workers;
	struct http_peers *peers;
	pthread_mutex_t ctx_lock;
	SSL_CTX *ctx;
	struct tls_tickets *tickets;
	bool http2;
	struct cidr proxy_from[HTTP_FRONTS_MAX];
	size_t proxy_count;
	int listen_fds[LISTENERS_MAX];
	int listen_count;
	unsigned loop_count;
	struct http_loop *loops;
	unsigned grace_ms;
};

/* ---- accepting ---- */

static void http_conn_closed(void *arg, uint64_t net_key)
{
	struct http_loop *l = arg;

	http_peers_leave(l->server->peers, net_key);
}

static bool http_conn_renamed(void *arg, uint64_t old_key, uint64_t new_key)
{
	struct http_loop *l = arg;

	return http_peers_move(l->server->peers, old_key, new_key);
}

static void http_accept_one(struct http_loop *l, int fd, const struct sockaddr_storage *addr)
{
	struct http_server *server = l->server;
	struct http_peer peer = { .tls = "", .alpn = "" };
	bool proxied = cidr_holds(server->proxy_from, server->proxy_count, addr);
	uint64_t key = http_peer_name(addr, &peer);
	SSL_CTX *ctx;

	if (proxied)	/* its clients are counted, each in its net, when they are named */
		key = HTTP_PEERS_FRONT;
	if (!http_peers_enter(server->peers, key)) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&server->ctx_lock);
	ctx = server->ctx;
	SSL_CTX_up_ref(ctx);
	pthread_mutex_unlock(&server->ctx_lock);
	http_conn_open(&l->env, fd, ctx, &peer, key, proxied);	/* owns fd from here */
	SSL_CTX_free(ctx);
}

static void http_listener_pause(struct http_listener *listener)
{
	loop_watch_remove(listener->owner->loop, &listener->watch);
	loop_timer_set(listener->owner->loop, &listener->retry, ACCEPT_PAUSE_US);
}

static void http_listener_ready(void *arg, uint32_t events)
{
	struct http_listener *listener = arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_EVENT && listener->owner->listening; i++) {
		struct sockaddr_storage addr = { 0 };
		socklen_t len = sizeof(addr);
		int fd = accept4(listener->watch.fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			http_accept_one(listener->owner, fd, &addr);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			http_listener_pause(listener);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

static void http_listener_retry(void *arg)
{
	struct http_listener *listener = arg;
	struct err err;

	if (listener->owner->listening &&
	    loop_watch_add(listener->owner->loop, &listener->watch, EPOLLIN | EPOLLEXCLUSIVE, &err) != PLI_OK)
		loop_timer_set(listener->owner->loop, &listener->retry, ACCEPT_PAUSE_US);
}

static enum pli_status http_loop_listen(struct http_loop *l, struct err *err)
{
	for (int i = 0; i < l->server->listen_count; i++) {
		struct http_listener *listener = &l->listeners[i];
		enum pli_status st;

		listener->owner = l;
		listener->watch = (struct loop_watch){ .fd = l->server->listen_fds[i], .fn = http_listener_ready,
						       .arg = listener };
		listener->retry = (struct timer){ .fn = http_listener_retry, .arg = listener };
		st = loop_watch_add(l->loop, &listener->watch, EPOLLIN | EPOLLEXCLUSIVE, err);
		if (st != PLI_OK)
			return st;
	}
	l->listening = true;
	return PLI_OK;
}

static void http_loop_unlisten(struct http_loop *l)
{
	if (!l->listening)
		return;
	l->listening = false;
	for (int i = 0; i < l->server->listen_count; i++) {
		loop_watch_remove(l->loop, &l->listeners[i].watch);
		loop_timer_stop(l->loop, &l->listeners[i].retry);
	}
}

/* ---- stopping, on each loop's own thread ---- */

static void http_loop_stop_check(void *arg)
{
	struct http_loop *l = arg;

	if (l->env.conn_count > 0 && loop_now_us(l->loop) >= l->stop_at_us)
		http_conn_stop_all(&l->env);
	/* Exchanges whose jobs are still out must come back here first. */
	if (l->env.conn_count == 0 && l->env.exchanges.live == 0)
		loop_quit(l->loop);
	else
		loop_timer_set(l->loop, &l->stop_timer, SECOND_US / 20);
}

static void http_loop_stop(void *arg)
{
	struct http_loop *l = arg;

	http_loop_unlisten(l);
	l->env.stopping = true;
	l->stop_at_us = loop_now_us(l->loop) + (int64_t)l->server->grace_ms * 1000;
	http_conn_stop_idle(&l->env);
	http_loop_stop_check(l);
}

/* ---- starting ---- */

static void *http_loop_main(void *arg)
{
	struct http_loop *l = arg;

	loop_run(l->loop);
	return NULL;
}

static enum pli_status http_loop_start(struct http_server *server, struct http_loop *l, struct err *err)
{
	sigset_t all, old;
	enum pli_status st;
	int rc;

	l->server = server;
	st = loop_new(&l->loop, err);
	if (st != PLI_OK)
		return st;
	l->env = (struct http_env){
		.exchanges = { .loop = l->loop, .workers = server->workers, .app = &server->app },
		.limits = &server->limits,
		.closed = http_conn_closed,
		.renamed = http_conn_renamed,
		.arg = l,
	};
	l->stop = (struct loop_post){ .fn = http_loop_stop, .arg = l };
	l->stop_timer = (struct timer){ .fn = http_loop_stop_check, .arg = l };
	st = http_loop_listen(l, err);
	if (st != PLI_OK)
		return st;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&l->thread, NULL, http_loop_main, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return err_set(err, PLI_IO, "a loop thread cannot be started (error %d)", rc);
	l->running = true;
	return PLI_OK;
}

static unsigned http_loop_default(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		return 1;
	return cores > 4 ? 4 : (unsigned)cores;
}

/* The descriptors that the process may have, less some for everything else. */
static unsigned http_connections_max(unsigned wanted)
{
	struct rlimit rl;
	unsigned most = 0;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur != RLIM_INFINITY)
		most = rl.rlim_cur > 2 * FDS_KEPT ? (unsigned)rl.rlim_cur - FDS_KEPT : (unsigned)rl.rlim_cur / 2;
	if (wanted && (most == 0 || wanted < most))
		return wanted;
	return most;
}

static void http_server_free(struct http_server *server)
{
	/* Workers may still post to a loop: loops are freed after them. */
	workers_free(server->workers);
	for (unsigned i = 0; i < server->loop_count; i++)
		loop_free(server->loops[i].loop);
	http_peers_free(server->peers);
	SSL_CTX_free(server->ctx);
	tls_tickets_free(server->tickets);
	pthread_mutex_destroy(&server->ctx_lock);
	mem_free(server->loops);
	mem_free(server);
}

/* Accepted sockets inherit these.  An answer leaves at once; and little waits unsent in the kernel, so that a slow reader
 * shows as slow progress, not as none until megabytes have drained. */
static void http_listener_tune(int fd)
{
	int on = 1, unsent_bytes = 262144;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof(unsent_bytes));
}

static enum pli_status http_server_listeners(struct http_server *server, const struct http_server_config *config,
					     struct err *err)
{
	if (config->listen_count > LISTENERS_MAX)
		return err_set(err, PLI_INPUT, "more than %d listening sockets", LISTENERS_MAX);
	server->listen_count = config->listen_count;
	for (int i = 0; i < config->listen_count; i++) {
		int fd = config->listen_fds[i], flags = fcntl(fd, F_GETFL);

		if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
			return err_errno(err, "listening socket");
		http_listener_tune(fd);
		server->listen_fds[i] = fd;
	}
	return PLI_OK;
}

enum pli_status http_server_start(const struct http_server_config *config, const struct http_app *app,
				  struct http_server **server_r, struct err *err)
{
	struct http_server *server = mem_alloc(sizeof(*server));
	struct workers_config workers = {
		.threads_max = config->workers_max ? config->workers_max : 1,
		.threads_keep = 4,
		.idle_ms = 10000,
		.stack_bytes = STACK_BYTES,
		.queue_max = CALLS_MAX,
	};
	unsigned loops = config->loops ? config->loops : http_loop_default();
	enum pli_status st;

	server->app = *app;
	server->limits = config->limits;
	if (server->limits.head_bytes == 0)
		server->limits.head_bytes = 16384;
	server->http2 = config->http2;
	server->proxy_count = config->proxy_count < HTTP_FRONTS_MAX ? config->proxy_count : HTTP_FRONTS_MAX;
	if (server->proxy_count)
		memcpy(server->proxy_from, config->proxy_from, server->proxy_count * sizeof(*server->proxy_from));
	pthread_mutex_init(&server->ctx_lock, NULL);
	server->tickets = tls_tickets_new();
	server->peers = http_peers_new(config->limits.connections_per_net,
				       http_connections_max(config->limits.connections));
	st = http_server_listeners(server, config, err);
	if (st == PLI_OK)
		st = tls_context_new(config->cert_pem, config->key_pem, server->tickets, server->http2, &server->ctx, err);
	if (st == PLI_OK)
		st = workers_new(&workers, &server->workers, err);
	if (st == PLI_OK)
		server->loops = mem_alloc(loops * sizeof(*server->loops));
	for (unsigned i = 0; st == PLI_OK && i < loops; i++) {
		server->loop_count++;
		st = http_loop_start(server, &server->loops[i], err);
	}
	if (st != PLI_OK) {
		http_server_stop(server, 0);
		return st;
	}
	*server_r = server;
	return PLI_OK;
}

enum pli_status http_server_certificate_prepare(struct http_server *server, const char *cert_pem, const char *key_pem,
						struct ssl_ctx_st **ctx_r, struct err *err)
{
	return tls_context_new(cert_pem, key_pem, server->tickets, server->http2, ctx_r, err);
}

void http_server_certificate_use(struct http_server *server, struct ssl_ctx_st *ctx)
{
	SSL_CTX *old;

	pthread_mutex_lock(&server->ctx_lock);
	old = server->ctx;
	server->ctx = ctx;
	pthread_mutex_unlock(&server->ctx_lock);
	SSL_CTX_free(old);	/* connections hold their own reference */
}

enum pli_status http_server_certificate(struct http_server *server, const char *cert_pem, const char *key_pem,
					struct err *err)
{
	SSL_CTX *ctx;
	enum pli_status st = http_server_certificate_prepare(server, cert_pem, key_pem, &ctx, err);

	if (st == PLI_OK)
		http_server_certificate_use(server, ctx);
	return st;
}

/* Loops read each value once where they need it: a store that is never seen half is enough. */
void http_server_limits(struct http_server *server, const struct http_limits *limits)
{
	struct http_limits *now = &server->limits;

	__atomic_store_n(&now->handshake_s, limits->handshake_s, __ATOMIC_RELAXED);
	__atomic_store_n(&now->head_s, limits->head_s, __ATOMIC_RELAXED);
	__atomic_store_n(&now->idle_s, limits->idle_s, __ATOMIC_RELAXED);
	__atomic_store_n(&now->stall_s, limits->stall_s, __ATOMIC_RELAXED);
	__atomic_store_n(&now->body_rate_bytes, limits->body_rate_bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&now->body_rate_s, limits->body_rate_s, __ATOMIC_RELAXED);
	http_peers_limit(server->peers, limits->connections_per_net);
}

void http_server_stop(struct http_server *server, unsigned grace_ms)
{
	if (!server)
		return;
	server->grace_ms = grace_ms;
	for (unsigned i = 0; i < server->loop_count; i++)
		if (server->loops[i].running)
			loop_post(server->loops[i].loop, &server->loops[i].stop);
	for (unsigned i = 0; i < server->loop_count; i++)
		if (server->loops[i].running)
			pthread_join(server->loops[i].thread, NULL);
	http_server_free(server);
}

bool http_server_submit(struct http_server *server, void (*fn)(void *arg), void *arg)
{
	return workers_call(server->workers, fn, arg);
}

void http_server_load(struct http_server *server, struct http_server_load *load_r)
{
	*load_r = (struct http_server_load){ .connections = http_peers_count(server->peers) };
}
