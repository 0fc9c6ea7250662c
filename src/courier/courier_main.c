#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "pool.h"

#include "fetch.h"
#include "job.h"
#include "outbox.h"
#include "relay.h"

#include "courier_main.h"

#define JOBS_AT_ONCE 64
#define READ_BYTES 65536
#define END_MS 1500		/* for transactions under way at a stop */

struct courier {
	struct courier_config config;
	struct relay *relay;		/* NULL: none */
	struct fetch *fetch;
	struct buf in;			/* bytes of the link, at most one frame and a read */
	pthread_mutex_t lock;		/* of what follows, and of writing to the link */
	int link;			/* -1: none; set by the main thread alone */
	uint64_t generation;		/* of the link: what was asked over an older one is not answered */
};

static enum pli_status prepare(struct err *err)
{
	static const char *const modules[] = {
		"libnss_resolve.so.2", "libnss_myhostname.so.2", "libnss_mymachines.so.2", "libnss_mdns4_minimal.so.2",
		"libnss_mdns4.so.2", "libnss_mdns_minimal.so.2", "libnss_mdns.so.2",
	};
	struct addrinfo *found = NULL;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, PLI_BUG, "libcurl does not start");
	/* Later no code can be loaded: the modules that nsswitch.conf of a usual system names for hosts, as far as they are there. */
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		/* cppcheck-suppress leakReturnValNotUsed ; kept for the process's life */
		if (!dlopen(modules[i], RTLD_NOW))
			(void)dlerror();
	/* Reads the resolver's configuration; the answer does not matter. */
	if (getaddrinfo("localhost", NULL, NULL, &found) == 0)
		freeaddrinfo(found);
	return PLI_OK;
}

/* Main thread. */
static void set_link(struct courier *c, int fd)
{
	pthread_mutex_lock(&c->lock);
	if (c->link >= 0)
		close(c->link);
	c->link = fd;
	c->generation++;
	pthread_mutex_unlock(&c->lock);
	buf_reset(&c->in);
	/* Whoever asked is gone; the next one asks again for what has no answer. */
	if (c->relay)
		relay_forget(c->relay);
	if (c->fetch)
		fetch_forget(c->fetch);
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
	ssize_t n = recvmsg(c->config.control_fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
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

	if (!(c->config.control ? c->config.control(c->config.control_arg, &fd) : bare_control(c, &fd)))
		return err_set(err, PLI_GONE, "the parent is gone");
	if (fd >= 0)
		set_link(c, fd);
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

/* To the link of that generation, if it is still there; one that has gone is no fault: front asks again.  Any thread. */
static void send_answers(struct courier *c, uint64_t generation, const struct buf *out)
{
	pthread_mutex_lock(&c->lock);
	/* Its end shows to the main thread when it reads. */
	if (c->link >= 0 && c->generation == generation && send_all(c->link, out->p, out->n) != PLI_OK)
		(void)shutdown(c->link, SHUT_RDWR);
	pthread_mutex_unlock(&c->lock);
}

static enum pli_status answer_all(struct courier *c, struct job *jobs, size_t count, struct err *err)
{
	AUTO_BUF out = { 0 };

	for (size_t i = 0; i < count; i++) {
		jobs[i].type = JOB_ANSWER;
		enum pli_status st = job_write(&out, &jobs[i], err);
		if (st != PLI_OK)
			return st;
	}
	send_answers(c, c->generation, &out);
	return PLI_OK;
}

/* On a thread of the relay's, or of fetch's. */
static void job_answered(void *arg, uint64_t tag, const struct job *answer)
{
	AUTO_BUF out = { 0 };
	struct err err;

	if (job_write(&out, answer, &err) == PLI_OK)
		send_answers(arg, tag, &out);
	else
		log_error("courier.answer", "%s", err.text);
}

static enum pli_status no_relay(struct courier *c, struct job *job, struct err *err)
{
	job->outcome = JOB_AWAY;
	snprintf(job->reply, sizeof(job->reply), "no relay is configured");
	return answer_all(c, job, 1, err);
}

/* Writes what has gathered for the outbox. */
static enum pli_status flush_outbox(struct courier *c, struct job *jobs, size_t *count, struct err *err)
{
	enum pli_status st = PLI_OK;

	if (*count > 0)
		st = outbox_write(c->config.outbox_dir_fd, jobs, *count, err);
	if (st == PLI_OK && *count > 0)
		st = answer_all(c, jobs, *count, err);
	*count = 0;
	return st;
}

/* Does every whole frame that has come; those for the outbox in batches. */
static enum pli_status do_jobs(struct courier *c, struct err *err)
{
	struct job *jobs = mem_alloc(JOBS_AT_ONCE * sizeof(*jobs));
	enum pli_status st = PLI_OK;
	size_t at = 0, count = 0, used;

	while (st == PLI_OK && (st = job_read(c->in.p + at, c->in.n - at, &jobs[count], &used, err)) == PLI_OK) {
		at += used;
		if (jobs[count].type == JOB_OUTBOX)
			count++;
		else if (jobs[count].type == JOB_FETCH)
			fetch_push(c->fetch, c->generation, &jobs[count]);
		else if (jobs[count].type != JOB_MAIL)
			st = PLI_INPUT;
		else if (c->relay)
			relay_push(c->relay, c->generation, &jobs[count]);
		else
			st = no_relay(c, &jobs[count], err);
		if (st == PLI_OK && count == JOBS_AT_ONCE)
			st = flush_outbox(c, jobs, &count, err);
	}
	if (st == PLI_AGAIN)
		st = flush_outbox(c, jobs, &count, err);
	else if (st == PLI_INPUT)
		st = err_set(err, PLI_BUG, "front sent a frame that is no job");
	buf_shift(&c->in, at);
	mem_free(jobs);
	return st;
}

static enum pli_status take_link(struct courier *c, struct err *err)
{
	void *room = buf_reserve(&c->in, READ_BYTES);
	ssize_t n = recv(c->link, room, READ_BYTES, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return PLI_OK;
	if (n <= 0) {
		set_link(c, -1);
		return PLI_OK;
	}
	c->in.n += (size_t)n;
	return do_jobs(c, err);
}

enum pli_status courier_new(const struct courier_config *config, struct courier **courier_r, struct err *err)
{
	struct courier *c = mem_alloc(sizeof(*c));
	enum pli_status st = prepare(err);

	c->config = *config;
	c->link = -1;
	pthread_mutex_init(&c->lock, NULL);
	buf_init_secret(&c->in);	/* mails hold links */
	if (st == PLI_OK && config->relay)
		st = relay_new(config->relay, job_answered, c, &c->relay, err);
	if (st == PLI_OK)
		st = fetch_new(c->config.peers, job_answered, c, &c->fetch, err);
	if (st == PLI_OK)
		*courier_r = c;
	else
		mem_free(c);
	return st;
}

enum pli_status courier_serve(struct courier *c, struct err *err)
{
	enum pli_status st = PLI_OK;

	while (st == PLI_OK) {
		struct pollfd fds[2] = { { c->config.control_fd, POLLIN, 0 }, { c->link, POLLIN, 0 } };
		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			st = err_errno(err, "poll");
			break;
		}
		/* First what has been asked, then a newer link. */
		if (fds[1].revents)
			st = take_link(c, err);
		if (st == PLI_OK && fds[0].revents)
			st = take_control(c, err);
	}
	return st == PLI_GONE ? PLI_OK : st;
}

bool courier_end(struct courier *c)
{
	bool fetched = fetch_end(c->fetch, END_MS);

	if (fetched)
		c->fetch = NULL;
	if (!relay_end(c->relay, END_MS) || !fetched)
		return false;
	c->relay = NULL;
	set_link(c, -1);
	buf_free(&c->in);
	pthread_mutex_destroy(&c->lock);
	mem_free(c);
	return true;
}
