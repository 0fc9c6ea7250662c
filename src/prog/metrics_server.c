#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"

#include "metrics_request.h"

#include "metrics_server.h"

#define HEAD_MAX 8192
#define PATIENCE_US (3 * SECOND_US)	/* for a head to come, and for the page to be taken */

struct metrics_server {
	int listen_fd, stop_fd;
	metrics_page *page;
	void *arg;
	pthread_t thread;
};

/* False when the time is over, the peer is gone, or the server stops. */
static bool wait_for(struct metrics_server *s, int fd, short events, int64_t until_us)
{
	struct pollfd fds[2] = { { fd, events, 0 }, { s->stop_fd, POLLIN, 0 } };
	int64_t left_ms = (until_us - clock_mono_us()) / 1000;

	if (left_ms <= 0)
		return false;
	return poll(fds, 2, (int)left_ms) > 0 && !fds[1].revents;
}

/* Up to the empty line. */
static bool read_head(struct metrics_server *s, int fd, struct buf *head, int64_t until_us)
{
	while (!head->n || !strstr(head->p, "\r\n\r\n")) {
		ssize_t n;
		if (head->n >= HEAD_MAX || !wait_for(s, fd, POLLIN, until_us))
			return false;
		n = recv(fd, buf_reserve(head, 1025), 1024, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return false;
		head->n += (size_t)n;
		head->p[head->n] = '\0';
	}
	return true;
}

static void send_all(struct metrics_server *s, int fd, const struct buf *out, int64_t until_us)
{
	size_t at = 0;

	while (at < out->n && wait_for(s, fd, POLLOUT, until_us)) {
		ssize_t n = send(fd, out->p + at, out->n - at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return;
		at += (size_t)n;
	}
}

static void answer(struct metrics_server *s, const char *head, struct buf *out)
{
	static const char type_open[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";
	static const char type_text[] = "text/plain; version=0.0.4; charset=utf-8";
	static const char *const status[] = { [METRICS_PAGE] = "200 OK", [METRICS_ABSENT] = "404 Not Found",
					      [METRICS_METHOD] = "405 Method Not Allowed" };
	struct metrics_request r = metrics_request_parse(head);
	bool page = r.what == METRICS_PAGE;
	AUTO_BUF body = { 0 };

	if (page)
		s->page(s->arg, &body, r.open);
	else
		buf_str(&body, "GET /metrics is all there is.\n");
	buf_fmt(out, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n%s\r\n",
		status[r.what], page ? r.open ? type_open : type_text : "text/plain; charset=utf-8", body.n,
		r.what == METRICS_METHOD ? "Allow: GET, HEAD\r\n" : "");
	if (!r.head_only)
		buf_add(out, body.p, body.n);
}

static void serve(struct metrics_server *s, int fd)
{
	AUTO_BUF head = { 0 };
	AUTO_BUF out = { 0 };

	if (!read_head(s, fd, &head, clock_mono_us() + PATIENCE_US))
		return;
	answer(s, head.p, &out);
	send_all(s, fd, &out, clock_mono_us() + PATIENCE_US);
	(void)shutdown(fd, SHUT_WR);
}

static void *server_thread(void *arg)
{
	struct metrics_server *s = arg;
	struct pollfd fds[2] = { { s->listen_fd, POLLIN, 0 }, { s->stop_fd, POLLIN, 0 } };

	for (;;) {
		int fd;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			break;
		fd = fds[0].revents ? accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
		if (fd < 0)
			continue;
		serve(s, fd);
		close(fd);
	}
	return NULL;
}

enum pli_status metrics_server_start(int listen_fd, metrics_page *page, void *arg, struct metrics_server **server_r, struct err *err)
{
	struct metrics_server *s = mem_alloc(sizeof(*s));

	*s = (struct metrics_server){ .listen_fd = listen_fd, .stop_fd = eventfd(0, EFD_CLOEXEC), .page = page, .arg = arg };
	if (s->stop_fd < 0 || pthread_create(&s->thread, NULL, server_thread, s) != 0) {
		enum pli_status st = err_errno(err, "metrics");
		if (s->stop_fd >= 0)
			close(s->stop_fd);
		close(listen_fd);
		mem_free(s);
		return st;
	}
	*server_r = s;
	return PLI_OK;
}

void metrics_server_stop(struct metrics_server *server)
{
	if (!server)
		return;
	if (eventfd_write(server->stop_fd, 1) != 0)
		log_warn("metrics.stop", "%s", strerror(errno));
	pthread_join(server->thread, NULL);
	close(server->stop_fd);
	close(server->listen_fd);
	mem_free(server);
}
