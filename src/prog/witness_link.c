/* See witness_link.h. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "witness.h"

#include "witness_link.h"

#define PATIENCE_US (10 * SECOND_US)

struct witness_link {
	pthread_mutex_t asking;		/* one request at a time */
	struct buf in;
	uint64_t last_id;
	int fd;				/* of whoever asks; -1: none */
	pthread_mutex_t lock;		/* of new_fd */
	int new_fd;			/* -1: none has come */
};

struct witness_link *witness_link_new(void)
{
	struct witness_link *l = mem_alloc(sizeof(*l));

	pthread_mutex_init(&l->asking, NULL);
	pthread_mutex_init(&l->lock, NULL);
	l->fd = l->new_fd = -1;
	return l;
}

static void drop(struct witness_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	buf_reset(&l->in);
}

void witness_link_free(struct witness_link *l)
{
	if (!l)
		return;
	drop(l);
	if (l->new_fd >= 0)
		close(l->new_fd);
	buf_free(&l->in);
	pthread_mutex_destroy(&l->asking);
	pthread_mutex_destroy(&l->lock);
	mem_free(l);
}

void witness_link_renew(struct witness_link *l, int fd)
{
	pthread_mutex_lock(&l->lock);
	if (l->new_fd >= 0)
		close(l->new_fd);
	l->new_fd = fd;
	pthread_mutex_unlock(&l->lock);
}

static void take_new(struct witness_link *l)
{
	int fd;

	pthread_mutex_lock(&l->lock);
	fd = l->new_fd;
	l->new_fd = -1;
	pthread_mutex_unlock(&l->lock);
	if (fd < 0)
		return;
	drop(l);
	l->fd = fd;
}

/* The answer with that id; those before it came too late for their callers.  False: none in time, or the link is broken. */
static bool wait_answer(struct witness_link *l, uint64_t id, struct witness_answer *a)
{
	static const char *const types[] = { "text/plain; charset=utf-8", "text/x.tlog.size" };
	int64_t until = clock_mono_us() + PATIENCE_US, left;
	struct witness_frame f;
	size_t used;

	for (;;) {
		struct pollfd fds = { .fd = l->fd, .events = POLLIN };
		ssize_t got;

		while (witness_frame_reply(l->in.p, l->in.n, &f, &used) && used) {
			bool ours = f.id == id;

			if (ours) {
				a->code = f.code;
				a->type = types[f.type == 1];
				buf_add(&a->body, f.p, f.n);
			}
			buf_shift(&l->in, used);
			if (ours)
				return true;
		}
		left = until - clock_mono_us();
		if (left <= 0)
			return false;
		if (poll(&fds, 1, (int)(left / 1000) + 1) < 0 && errno != EINTR)
			return false;
		got = recv(l->fd, buf_reserve(&l->in, WITNESS_FRAME_MAX), WITNESS_FRAME_MAX, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
			drop(l);
			return false;
		}
		l->in.n += got > 0 ? (size_t)got : 0;
	}
}

enum pli_status witness_link_ask(struct witness_link *l, enum witness_kind kind, const void *p, size_t n, struct witness_answer *answer_r,
				 struct err *err)
{
	AUTO_BUF frame = { 0 };
	bool done = false;

	pthread_mutex_lock(&l->asking);
	take_new(l);
	if (l->fd >= 0) {
		witness_frame_ask(&frame, ++l->last_id, kind, p, n);
		done = witness_frame_send(l->fd, frame.p, frame.n) && wait_answer(l, l->last_id, answer_r);
	}
	pthread_mutex_unlock(&l->asking);
	if (done)
		return PLI_OK;
	err_set(err, PLI_BUSY, "The witness's keeper does not answer.");
	if (err)
		err->retry_after_s = 2;
	return PLI_BUSY;
}
