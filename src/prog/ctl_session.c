#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "ctl.h"
#include "host.h"
#include "host_backup.h"
#include "instance.h"
#include "listener.h"

#include "ctl_session.h"

#define CONNECT_MS 10000	/* a server that is just starting */

struct ctl_session {
	struct pool *pool;
	struct instance instance;
	struct host *host;	/* NULL: the server runs by itself */
};

extern char **environ;

static enum pli_status start_own(struct ctl_session *s, struct err *err)
{
	const struct host_options options = { .serve = false };

	/* The processes' log would only be in the way of the answer. */
	if (!str_eq(s->instance.settings.log_level, "debug"))
		s->instance.settings.log_level = "warn";
	log_init("pli", str_eq(s->instance.settings.log_level, "debug") ? LOG_DEBUG_LEVEL : LOG_WARN_LEVEL);
	return host_start(&s->instance, &options, &s->host, NULL, err);
}

enum pli_status ctl_session_open(struct pool *pool, const char *dir, struct ctl_session **session_r, struct err *err)
{
	struct ctl_session *s = POOL_NEW(pool, struct ctl_session);
	enum pli_status st = instance_open(pool, dir, environ, &s->instance, err);

	if (st != PLI_OK)
		return st;
	s->pool = pool;
	st = instance_lock(&s->instance, err);
	if (st == PLI_OK)
		st = start_own(s, err);
	else if (st == PLI_BUSY)
		st = PLI_OK;		/* it is running */
	if (st != PLI_OK) {
		instance_close(&s->instance);
		return st;
	}
	*session_r = s;
	return PLI_OK;
}

int ctl_session_newest_backup(const struct ctl_session *session)
{
	const char *pattern = session->instance.settings.selfproof_backup;
	char why[256];

	return session->host && pattern ? host_backup_open(pattern, why, sizeof(why)) : -1;
}

void ctl_session_close(struct ctl_session *session)
{
	if (!session)
		return;
	host_stop(session->host);
	instance_close(&session->instance);
}

static enum pli_status connect_ctl(struct ctl_session *s, int *fd_r, struct err *err)
{
	int64_t until = clock_mono_us() + CONNECT_MS * INT64_C(1000);
	enum pli_status st;

	for (;;) {
		st = listener_connect_unix(s->instance.folder_fd[FOLDER_RUN], "ctl", fd_r, err);
		if (st != PLI_BUSY || clock_mono_us() > until)
			return st;
		usleep(50000);
	}
}

static enum pli_status send_all(int fd, const char *p, size_t n, struct err *err)
{
	while (n > 0) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return err_errno(err, "run/ctl");
		p += done;
		n -= (size_t)done;
	}
	return PLI_OK;
}

/* One answer line; *last_r when it was the end. */
static enum pli_status take_line(struct ctl_session *s, const char *line, size_t n, ctl_session_row_fn *row, void *arg,
				 struct json_read **result_r, bool *last_r, struct err *err)
{
	struct ctl_answer answer;
	enum pli_status st = ctl_answer_read(s->pool, line, n, &answer, err);

	if (st != PLI_OK)
		return st;
	*last_r = answer.last;
	if (!answer.last)
		return row ? row(arg, answer.body, answer.row_json, err) : PLI_OK;
	if (result_r)
		*result_r = answer.body;
	if (answer.status != PLI_OK && err)
		*err = answer.err;
	return answer.status;
}

static enum pli_status take_answers(struct ctl_session *s, int fd, ctl_session_row_fn *row, void *arg,
				    struct json_read **result_r, struct err *err)
{
	AUTO_BUF in = { .secret = 1 };
	bool last = false;
	enum pli_status st = PLI_OK;

	while (!last && st == PLI_OK) {
		char *end = in.n ? memchr(in.p, '\n', in.n) : NULL;
		if (end) {
			size_t n = (size_t)(end - in.p);
			st = take_line(s, in.p, n, row, arg, result_r, &last, err);
			buf_shift(&in, n + 1);
			continue;
		}
		ssize_t n = recv(fd, buf_reserve(&in, 16384), 16384, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || in.n > CTL_ANSWER_MAX)
			return err_set(err, PLI_UNCERTAIN, "the server ended before it had answered");
		in.n += (size_t)n;
	}
	return st;
}

/* The first byte, and the descriptor with it. */
static enum pli_status send_fd(int fd, int given_fd, const char *p, struct err *err)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &given_fd, sizeof(int));
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == 1 ? PLI_OK : err_errno(err, "run/ctl");
}

enum pli_status ctl_session_call(struct ctl_session *session, const char *verb, const char *args_json, ctl_session_row_fn *row,
			     void *arg, struct json_read **result_r, struct err *err)
{
	return ctl_session_call_fd(session, verb, args_json, -1, row, arg, result_r, err);
}

enum pli_status ctl_session_call_fd(struct ctl_session *session, const char *verb, const char *args_json, int given_fd,
				    ctl_session_row_fn *row, void *arg, struct json_read **result_r, struct err *err)
{
	AUTO_BUF request = { .secret = 1 };
	int fd;
	enum pli_status st = connect_ctl(session, &fd, err);

	if (result_r)
		*result_r = NULL;
	if (st != PLI_OK)
		return st;
	ctl_request_write(&request, verb, args_json);
	if (given_fd >= 0)
		st = send_fd(fd, given_fd, request.p, err);
	if (st == PLI_OK)
		st = send_all(fd, request.p + (given_fd >= 0), request.n - (given_fd >= 0), err);
	if (st == PLI_OK)
		st = take_answers(session, fd, row, arg, result_r, err);
	close(fd);
	return st;
}
