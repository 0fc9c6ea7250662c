#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "child.h"

#include "reload_ask.h"

#define PATIENCE_S 30

void reload_ask_init(struct reload_ask *ask)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&ask->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&ask->answered, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

/* One at a time: the parent tells the outcome of a reload that began after it was asked, and of that one alone. */
enum pli_status reload_ask_wait(void *arg, struct err *err)
{
	struct reload_ask *ask = arg;
	struct timespec until;
	enum pli_status st = PLI_OK;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&ask->lock);
	if (ask->asked != ask->done) {
		pthread_mutex_unlock(&ask->lock);
		return err_set(err, PLI_BUSY, "another reload is under way");
	}
	st = control_send(CHILD_FD_CONTROL, CONTROL_RELOAD, NULL, -1, err);
	if (st == PLI_OK)
		ask->asked++;
	while (st == PLI_OK && ask->done != ask->asked)
		if (pthread_cond_timedwait(&ask->answered, &ask->lock, &until) == ETIMEDOUT)
			st = err_set(err, PLI_BUSY, "no answer yet; the log will say what came of it");
	if (st == PLI_OK && ask->outcome[0])
		st = err_field(err, PLI_CONFLICT, "not-reloaded", "", "%.280s; nothing was changed", ask->outcome);
	pthread_mutex_unlock(&ask->lock);
	return st;
}

void reload_ask_answer(struct reload_ask *ask, const char *outcome)
{
	pthread_mutex_lock(&ask->lock);
	ask->done = ask->asked;
	snprintf(ask->outcome, sizeof(ask->outcome), "%s", outcome);
	pthread_cond_broadcast(&ask->answered);
	pthread_mutex_unlock(&ask->lock);
}
