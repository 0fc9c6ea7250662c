#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "pool.h"
#include "text.h"

#include "ctl.h"

#include "ctl_server.h"

#define CALLS_MAX 8
#define PATIENCE_S 30			/* for a request to arrive, and for an answer to be taken */
#define FLUSH_BYTES 32768

struct ctl_server {
	int listen_fd, stop_fd;
	const struct ctl_verb *verbs;
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t less;
	unsigned calls;
	bool stopping;
};

struct call_start {
	struct ctl_server *server;
	int fd;
};

static void flush(struct ctl_call *call)
{
	size_t at = 0;

	while (at < call->out.n) {
		ssize_t n = send(call->fd, call->out.p + at, call->out.n - at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;		/* nobody reads any more: the verb goes on, its answer is dropped */
		at += (size_t)n;
	}
	buf_reset(&call->out);
}

void ctl_call_row(struct ctl_call *call, const char *row_json)
{
	ctl_row_write(&call->out, row_json);
	if (call->out.n > FLUSH_BYTES)
		flush(call);
}

/* As recv; a descriptor that comes along is kept (the last one). */
static ssize_t receive(int fd, void *p, size_t n, int *given_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = p, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };
	ssize_t got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int))) {
		if (*given_fd >= 0)
			close(*given_fd);
		memcpy(given_fd, CMSG_DATA(c), sizeof(int));
	}
	return got;
}

static enum pli_status read_line(int fd, struct buf *line, int *given_fd, struct err *err)
{
	while (!memchr(line->n ? line->p : "", '\n', line->n)) {
		ssize_t n;
		if (line->n >= CTL_REQUEST_MAX)
			return err_set(err, PLI_LIMIT, "the request is too long");
		n = receive(fd, buf_reserve(line, 4096), 4096, given_fd);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(err, PLI_INPUT, "no whole request came");
		line->n += (size_t)n;
	}
	line->n = (size_t)((char *)memchr(line->p, '\n', line->n) - line->p);
	return PLI_OK;
}

static bool peer_trusted(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static enum pli_status run_verb(struct ctl_server *server, struct ctl_call *call, const struct buf *line, struct err *err)
{
	struct ctl_request request;
	enum pli_status st = ctl_request_read(call->pool, line->p, line->n, &request, err);

	if (st != PLI_OK)
		return st;
	call->args = request.args;
	for (const struct ctl_verb *v = server->verbs; v->name; v++)
		if (str_eq(v->name, request.verb))
			return v->run(server->arg, call, err);
	return err_set(err, PLI_METHOD, "the server knows no verb '%.60s'", request.verb);
}

static void serve_call(struct ctl_server *server, int fd)
{
	AUTO_POOL pool = pool_new_secret();	/* arguments may be passwords */
	struct ctl_call call = { .pool = pool, .fd = fd, .given_fd = -1, .result = { .secret = 1 }, .out = { .secret = 1 } };
	struct err err = { 0 };
	AUTO_BUF line = { .secret = 1 };
	enum pli_status st;

	st = read_line(fd, &line, &call.given_fd, &err);
	if (st == PLI_OK)
		st = run_verb(server, &call, &line, &err);
	ctl_end_write(&call.out, st, &err, call.result.n ? call.result.p : NULL);
	flush(&call);
	if (call.given_fd >= 0)
		close(call.given_fd);
	buf_free(&call.result);
	buf_free(&call.out);
}

static void *call_thread(void *arg)
{
	struct call_start start = *(struct call_start *)arg;
	struct timeval patience = { PATIENCE_S, 0 };

	mem_free(arg);
	(void)setsockopt(start.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(start.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	serve_call(start.server, start.fd);
	close(start.fd);
	pthread_mutex_lock(&start.server->lock);
	start.server->calls--;
	pthread_cond_broadcast(&start.server->less);
	pthread_mutex_unlock(&start.server->lock);
	return NULL;
}

static void take_call(struct ctl_server *server)
{
	int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct call_start *start;
	pthread_attr_t detached;
	pthread_t thread;

	if (fd < 0)
		return;
	if (!peer_trusted(fd)) {
		log_warn("ctl.refused", "a connection of another user was refused");
		close(fd);
		return;
	}
	start = mem_alloc(sizeof(*start));
	*start = (struct call_start){ server, fd };
	pthread_mutex_lock(&server->lock);
	while (server->calls >= CALLS_MAX && !server->stopping)
		pthread_cond_wait(&server->less, &server->lock);
	if (server->stopping) {
		pthread_mutex_unlock(&server->lock);
		mem_free(start);
		close(fd);
		return;
	}
	server->calls++;
	pthread_mutex_unlock(&server->lock);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &detached, call_thread, start) != 0) {
		log_warn("ctl.refused", "no thread for a control connection");
		mem_free(start);
		close(fd);
		pthread_mutex_lock(&server->lock);
		server->calls--;
		pthread_mutex_unlock(&server->lock);
	}
	pthread_attr_destroy(&detached);
}

static void *accept_thread(void *arg)
{
	struct ctl_server *server = arg;
	struct pollfd fds[2] = { { server->listen_fd, POLLIN, 0 }, { server->stop_fd, POLLIN, 0 } };

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			break;
		if (fds[0].revents)
			take_call(server);
	}
	return NULL;
}

enum pli_status ctl_server_start(int listen_fd, const struct ctl_verb *verbs, void *arg,
				 struct ctl_server **server_r, struct err *err)
{
	struct ctl_server *server = mem_alloc(sizeof(*server));
	pthread_condattr_t monotonic;

	server->listen_fd = listen_fd;
	server->verbs = verbs;
	server->arg = arg;
	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&server->less, &monotonic);
	pthread_condattr_destroy(&monotonic);
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (server->stop_fd < 0 || pthread_create(&server->thread, NULL, accept_thread, server) != 0) {
		enum pli_status st = err_errno(err, "control socket");
		mem_free(server);
		return st;
	}
	*server_r = server;
	return PLI_OK;
}

bool ctl_server_stop(struct ctl_server *server, unsigned wait_ms)
{
	uint64_t one = 1;
	struct timespec until;
	bool idle;

	if (!server)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	pthread_cond_broadcast(&server->less);
	pthread_mutex_unlock(&server->lock);
	if (write(server->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(server->thread, NULL);
	pthread_mutex_lock(&server->lock);
	while (server->calls > 0 && pthread_cond_timedwait(&server->less, &server->lock, &until) != ETIMEDOUT)
		;
	idle = server->calls == 0;
	pthread_mutex_unlock(&server->lock);
	if (!idle)
		return false;
	close(server->stop_fd);
	pthread_cond_destroy(&server->less);
	pthread_mutex_destroy(&server->lock);
	mem_free(server);
	return true;
}
