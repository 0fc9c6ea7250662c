#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "pool.h"

#include "job.h"
#include "outbox.h"

#include "courier_main.h"

#define JOBS_AT_ONCE 64
#define READ_BYTES 65536

struct courier {
	const struct courier_config *config;
	int link;			/* -1: none */
	struct buf in;			/* bytes of the link, at most one frame and a read */
};

enum pli_status courier_prepare(struct err *err)
{
	struct addrinfo *found = NULL;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, PLI_BUG, "libcurl does not start");
	/* Loads the name service modules and the resolver's configuration; the answer does not matter. */
	if (getaddrinfo("localhost", NULL, NULL, &found) == 0)
		freeaddrinfo(found);
	return PLI_OK;
}

static void drop_link(struct courier *c)
{
	if (c->link >= 0)
		close(c->link);
	c->link = -1;
	buf_reset(&c->in);
}

/* A packet with a descriptor; false when the parent has closed the line. */
static bool bare_control(const struct courier *c, int *link_fd_r)
{
	char packet[64];
	struct iovec iov = { packet, sizeof(packet) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} anc = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = anc.bytes,
			      .msg_controllen = sizeof(anc.bytes) };
	ssize_t n = recvmsg(c->config->control_fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(link_fd_r, CMSG_DATA(h), sizeof(int));
	return true;
}

/* PLI_GONE when the parent has closed the line. */
static enum pli_status take_control(struct courier *c, struct err *err)
{
	int fd = -1;

	if (!(c->config->control ? c->config->control(c->config->control_arg, &fd) : bare_control(c, &fd)))
		return err_set(err, PLI_GONE, "the parent is gone");
	if (fd >= 0) {
		drop_link(c);
		c->link = fd;
	}
	return PLI_OK;
}

static enum pli_status send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return PLI_GONE;
		p += done;
		n -= (size_t)done;
	}
	return PLI_OK;
}

/* Answers jobs[0..count); a link that has gone meanwhile is no fault: front asks again. */
static enum pli_status answer_all(struct courier *c, struct job *jobs, size_t count, struct err *err)
{
	AUTO_BUF out = { 0 };

	for (size_t i = 0; i < count; i++) {
		jobs[i].type = JOB_ANSWER;
		enum pli_status st = job_write(&out, &jobs[i], err);
		if (st != PLI_OK)
			return st;
	}
	if (send_all(c->link, out.p, out.n) != PLI_OK)
		drop_link(c);
	return PLI_OK;
}

/* Does every whole frame that has come, in batches. */
static enum pli_status do_jobs(struct courier *c, struct err *err)
{
	struct job *jobs = mem_alloc(JOBS_AT_ONCE * sizeof(*jobs));
	enum pli_status st = PLI_OK;
	size_t at = 0, count, used;

	do {
		for (count = 0; count < JOBS_AT_ONCE; count++, at += used) {
			st = job_read(c->in.p + at, c->in.n - at, &jobs[count], &used, err);
			if (st != PLI_OK || jobs[count].type != JOB_OUTBOX)
				break;
		}
		if (count == JOBS_AT_ONCE)
			st = PLI_OK;
		else if (st == PLI_OK || st == PLI_INPUT)
			st = err_set(err, PLI_BUG, "front sent a frame that is no job");
		if (count > 0 && (st == PLI_OK || st == PLI_AGAIN)) {
			enum pli_status done = outbox_write(c->config->outbox_dir_fd, jobs, count, err);
			if (done == PLI_OK)
				done = answer_all(c, jobs, count, err);
			if (done != PLI_OK)
				st = done;
		}
	} while (st == PLI_OK && c->link >= 0);
	if (c->link >= 0 && at > 0)
		buf_shift(&c->in, at);
	mem_free(jobs);
	return st == PLI_AGAIN ? PLI_OK : st;
}

static enum pli_status take_link(struct courier *c, struct err *err)
{
	void *room = buf_reserve(&c->in, READ_BYTES);
	ssize_t n = recv(c->link, room, READ_BYTES, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return PLI_OK;
	if (n <= 0) {
		drop_link(c);
		return PLI_OK;
	}
	c->in.n += (size_t)n;
	return do_jobs(c, err);
}

enum pli_status courier_serve(const struct courier_config *config, struct err *err)
{
	struct courier c = { .config = config, .link = -1 };
	enum pli_status st = PLI_OK;

	buf_init_secret(&c.in);		/* mails hold links */
	while (st == PLI_OK) {
		struct pollfd fds[2] = { { config->control_fd, POLLIN, 0 }, { c.link, POLLIN, 0 } };
		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			st = err_errno(err, "poll");
			break;
		}
		/* First what has been asked, then a newer link. */
		if (fds[1].revents)
			st = take_link(&c, err);
		if (st == PLI_OK && fds[0].revents)
			st = take_control(&c, err);
	}
	drop_link(&c);
	buf_free(&c.in);
	return st == PLI_GONE ? PLI_OK : st;
}
