/* See backup_ask.h. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "child.h"

#include "backup_ask.h"

#define PATIENCE_S 30

void backup_ask_init(struct backup_ask *ask)
{
	pthread_condattr_t monotonic;

	ask->fd = -1;
	pthread_mutex_init(&ask->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&ask->answered, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

enum pli_status backup_ask_wait(void *arg, int *fd_r, struct err *err)
{
	struct backup_ask *ask = arg;
	struct timespec until;
	enum pli_status st = PLI_OK;

	*fd_r = -1;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&ask->lock);
	if (ask->asked != ask->done)
		st = err_set(err, PLI_BUSY, "another is waiting for the backup");
	if (st == PLI_OK)
		st = control_send(CHILD_FD_CONTROL, CONTROL_BACKUP_ASK, NULL, -1, err);
	if (st == PLI_OK)
		ask->asked++;
	while (st == PLI_OK && ask->done != ask->asked)
		if (pthread_cond_timedwait(&ask->answered, &ask->lock, &until) == ETIMEDOUT)
			st = err_set(err, PLI_BUSY, "the parent does not give the backup");
	if (st == PLI_OK && ask->fd < 0)
		st = err_set(err, PLI_ABSENT, "%.280s", ask->why);
	if (st == PLI_OK) {
		*fd_r = ask->fd;
		ask->fd = -1;
	}
	pthread_mutex_unlock(&ask->lock);
	return st;
}

void backup_ask_answer(struct backup_ask *ask, const char *why, int fd)
{
	pthread_mutex_lock(&ask->lock);
	if (ask->fd >= 0)
		close(ask->fd);
	ask->fd = fd;
	ask->done = ask->asked;
	snprintf(ask->why, sizeof(ask->why), "%s", why);
	pthread_cond_broadcast(&ask->answered);
	pthread_mutex_unlock(&ask->lock);
}
