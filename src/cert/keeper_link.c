/* See keeper_link.h. */
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper_link.h"

#define READ_BYTES (64u << 10)

void keeper_link_init(struct keeper_link *link, int fd)
{
	*link = (struct keeper_link){ .fd = fd, .generation = 1 };
	pthread_mutex_init(&link->lock, NULL);
	buf_init_secret(&link->in);
}

void keeper_link_fini(struct keeper_link *link)
{
	keeper_link_renew(link, -1);
	pthread_mutex_destroy(&link->lock);
}

void keeper_link_renew(struct keeper_link *link, int fd)
{
	pthread_mutex_lock(&link->lock);
	if (link->fd >= 0)
		close(link->fd);
	link->fd = fd;
	link->generation++;
	pthread_mutex_unlock(&link->lock);
	buf_free(&link->in);
	buf_init_secret(&link->in);
}

void keeper_link_send(struct keeper_link *link, uint64_t generation, const void *p, size_t n)
{
	const char *s = p;

	pthread_mutex_lock(&link->lock);
	while (n && link->fd >= 0 && link->generation == generation) {
		ssize_t put = send(link->fd, s, n, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			/* Front is gone; the reader will see the end. */
			shutdown(link->fd, SHUT_RDWR);
			break;
		}
		s += put;
		n -= (size_t)put;
	}
	pthread_mutex_unlock(&link->lock);
}

bool keeper_link_read(struct keeper_link *link)
{
	ssize_t got;

	do
		got = recv(link->fd, buf_reserve(&link->in, READ_BYTES), READ_BYTES, 0);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return false;
	link->in.n += (size_t)got;
	return true;
}
