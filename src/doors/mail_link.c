#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "stream.h"

#include "mail_link.h"

#define TURN_S 60		/* longest wait for the messages before */
#define LINE_S 5		/* for a successor of a process that ended */
#define PATIENCE_MS 40000	/* without a sign */
#define READ_BYTES 131072

struct mail_link {
	void (*broken)(void *arg);
	void *arg;
	int fd;				/* of whoever has the turn, as `in` is; -1: none */
	struct buf in;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t came;
	bool busy;			/* somebody has the turn: one message at a time */
	int next;			/* a newer line, not yet taken; -1: none */
};

struct mail_link *mail_link_new(void (*broken)(void *arg), void *arg)
{
	struct mail_link *l = mem_alloc(sizeof(*l));
	pthread_condattr_t attr;

	*l = (struct mail_link){ .broken = broken, .arg = arg, .fd = -1, .next = -1 };
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->came, &attr);
	pthread_condattr_destroy(&attr);
	buf_init_secret(&l->in);
	return l;
}

void mail_link_free(struct mail_link *link)
{
	if (!link)
		return;
	if (link->fd >= 0)
		close(link->fd);
	if (link->next >= 0)
		close(link->next);
	buf_free(&link->in);
	pthread_cond_destroy(&link->came);
	pthread_mutex_destroy(&link->lock);
	mem_free(link);
}

void mail_link_set(struct mail_link *link, int fd)
{
	pthread_mutex_lock(&link->lock);
	if (link->next >= 0)
		close(link->next);
	link->next = fd;
	pthread_cond_broadcast(&link->came);
	pthread_mutex_unlock(&link->lock);
}

static struct timespec in_seconds(int s)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += s;
	return t;
}

static enum pli_status turn_take(struct mail_link *l, struct err *err)
{
	struct timespec until = in_seconds(TURN_S);
	bool taken;

	pthread_mutex_lock(&l->lock);
	while (l->busy && pthread_cond_timedwait(&l->came, &l->lock, &until) != ETIMEDOUT)
		;
	taken = !l->busy;
	l->busy = true;
	pthread_mutex_unlock(&l->lock);
	return taken ? PLI_OK : err_set(err, PLI_BUSY, "Too many mails are being read just now.");
}

static void turn_give(struct mail_link *l)
{
	pthread_mutex_lock(&l->lock);
	l->busy = false;
	pthread_cond_broadcast(&l->came);
	pthread_mutex_unlock(&l->lock);
}

static void drop(struct mail_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	buf_reset(&l->in);
}

/* The newest line there is; waits a little for one. */
static enum pli_status line_take(struct mail_link *l, struct err *err)
{
	struct timespec until = in_seconds(LINE_S);

	pthread_mutex_lock(&l->lock);
	while (l->next < 0 && l->fd < 0 && pthread_cond_timedwait(&l->came, &l->lock, &until) != ETIMEDOUT)
		;
	if (l->next >= 0) {
		drop(l);
		l->fd = l->next;
		l->next = -1;
	}
	pthread_mutex_unlock(&l->lock);
	return l->fd >= 0 ? PLI_OK : err_set(err, PLI_BUSY, "The reader of mails is not there just now.");
}

/* ---- bytes ---- */

static enum pli_status lost(struct err *err)
{
	return err_set(err, PLI_BUSY, "The reader of mails went away in the middle.");
}

static enum pli_status wait_for(struct mail_link *l, short events, struct err *err)
{
	struct pollfd p = { l->fd, events, 0 };
	int n;

	do {
		n = poll(&p, 1, PATIENCE_MS);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return PLI_OK;
	l->broken(l->arg);
	return lost(err);
}

static enum pli_status send_all(struct mail_link *l, const char *p, size_t n, struct err *err)
{
	while (n > 0) {
		ssize_t done = send(l->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		enum pli_status st = PLI_OK;

		if (done < 0 && errno == EAGAIN)
			st = wait_for(l, POLLOUT, err);
		else if (done < 0 && errno != EINTR)
			return lost(err);
		if (st != PLI_OK)
			return st;
		p += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return PLI_OK;
}

static enum pli_status receive_some(struct mail_link *l, struct err *err)
{
	for (;;) {
		ssize_t n = recv(l->fd, buf_reserve(&l->in, READ_BYTES), READ_BYTES, MSG_DONTWAIT);
		enum pli_status st = PLI_OK;

		if (n > 0) {
			l->in.n += (size_t)n;
			return PLI_OK;
		}
		if (n < 0 && errno == EAGAIN)
			st = wait_for(l, POLLIN, err);
		else if (n == 0 || errno != EINTR)
			return lost(err);
		if (st != PLI_OK)
			return st;
	}
}

/* ---- a message there ---- */

static enum pli_status give(struct mail_link *l, enum mail_kind kind, struct istream *message, uint64_t size, struct err *err)
{
	AUTO_BUF out, room = { 0 };
	char *piece = buf_reserve(&room, MAIL_FRAME_BYTES_MAX);
	enum pli_status st;
	size_t n = 1;

	buf_init_secret(&out);
	st = mail_frame_write(&out, &(struct mail_frame){ .type = MAIL_OPEN, .kind = kind, .size = size }, err);
	while (st == PLI_OK && n > 0) {
		st = istream_read(message, piece, MAIL_FRAME_BYTES_MAX, &n, err);
		if (st == PLI_OK && n > 0)
			st = mail_frame_write(&out, &(struct mail_frame){ .type = MAIL_DATA, .value = { piece, n } }, err);
		if (st == PLI_OK && n == 0)
			st = mail_frame_write(&out, &(struct mail_frame){ .type = MAIL_END }, err);
		if (st == PLI_OK)
			st = send_all(l, out.p, out.n, err);
		buf_reset(&out);
	}
	mem_wipe(piece, MAIL_FRAME_BYTES_MAX);
	return st;
}

/* ---- and the answer back ---- */

struct answer {
	mail_link_fn *fn;
	void *arg;
	bool in_part, over;
	enum pli_status st;		/* of fn, or REFUSED */
	struct err why;
};

/* Is the frame one of an answer, and in its place? */
static bool in_order(struct answer *a, const struct mail_frame *f)
{
	switch (f->type) {
	case MAIL_BYTES:
		return a->in_part;
	case MAIL_PART_END:
		if (!a->in_part)
			return false;
		a->in_part = false;
		return true;
	case MAIL_PART:
		if (a->in_part)
			return false;
		a->in_part = true;
		return true;
	case MAIL_FIELD:
	case MAIL_REPORT:
	case MAIL_DONE:
		return !a->in_part;
	case MAIL_REFUSED:	/* also in the middle of an attachment */
		return true;
	default:
		return false;
	}
}

static void answer_take(struct answer *a, const struct mail_frame *f)
{
	if (f->type == MAIL_DONE || f->type == MAIL_REFUSED)
		a->over = true;
	if (a->st != PLI_OK || f->type == MAIL_DONE)
		return;
	if (f->type == MAIL_REFUSED)
		a->st = err_field(&a->why, PLI_INVALID, "message-structure", "", "%.*s", (int)f->value.n, f->value.p);
	else
		a->st = a->fn(a->arg, f, &a->why);
}

static enum pli_status answer_read(struct mail_link *l, struct answer *a, struct err *err)
{
	while (!a->over) {
		size_t at = 0, used;
		enum pli_status st = PLI_OK;

		while (!a->over) {
			struct mail_frame frame;

			st = mail_frame_read(l->in.p + at, l->in.n - at, &frame, &used, err);
			if (st != PLI_OK)
				break;
			at += used;
			if (!in_order(a, &frame))
				st = PLI_INPUT;
			else
				answer_take(a, &frame);
			if (st != PLI_OK)
				break;
		}
		if (at)
			buf_shift(&l->in, at);
		/* Bytes behind the end are of no message that we asked about. */
		if (st == PLI_INPUT || (a->over && l->in.n)) {
			l->broken(l->arg);
			return lost(err);
		}
		if (!a->over) {
			st = receive_some(l, err);
			if (st != PLI_OK)
				return st;
		}
	}
	return PLI_OK;
}

enum pli_status mail_link_read(struct mail_link *link, enum mail_kind kind, struct istream *message, uint64_t size,
			       mail_link_fn *fn, void *arg, struct err *err)
{
	struct answer a = { .fn = fn, .arg = arg, .st = PLI_OK };
	enum pli_status st = turn_take(link, err);

	if (st != PLI_OK)
		return st;
	st = line_take(link, err);
	if (st == PLI_OK)
		st = give(link, kind, message, size, err);
	if (st == PLI_OK)
		st = answer_read(link, &a, err);
	/* Whatever it was: what comes later is not of the next message.  A reader that lives gets a new line when it is ended. */
	if (st != PLI_OK && link->fd >= 0) {
		if (st != PLI_BUSY)
			link->broken(link->arg);
		drop(link);
	}
	turn_give(link);
	if (st == PLI_OK && a.st != PLI_OK) {
		if (err)
			*err = a.why;
		return a.st;
	}
	return st;
}
