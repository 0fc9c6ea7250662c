/* See selfproof_run.h. */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "settings.h"

#include "selfproof.h"

#include "front.h"
#include "front_verify.h"
#include "selfproof_backup.h"

#include "selfproof_run.h"

#define MANNERS 15			/* of nice(1): who deposits a letter goes first */

struct work {
	struct front *front;
	int backup_fd;
	struct selfproof *run;
};

static void journal_prove(const struct work *w)
{
	struct front_verified sum;
	struct err err = { 0 };
	enum pli_status st = front_verify(w->front, &sum, &err);

	w->run->size = st == PLI_OK ? (int64_t)sum.size : 0;
	if (sum.external.tokens)
		selfproof_note(w->run, "journal", st, &err, "all %" PRIu64 " entries verify, and %" PRIu64 " tokens of the authority outside", sum.size,
			       sum.external.tokens);
	else
		selfproof_note(w->run, "journal", st, &err, "all %" PRIu64 " entries verify", sum.size);
}

/* The one given, or the newest where pli.conf says that they lie; without either there is nothing to prove. */
static void backup_prove(const struct work *w)
{
	struct err err = { 0 };
	uint64_t size = 0;
	int fd = w->backup_fd, own_fd = -1;
	enum pli_status st = PLI_OK;

	if (fd < 0 && !w->front->settings->selfproof_backup)
		return;
	if (fd < 0 && !w->front->newest_backup) {
		st = err_set(&err, PLI_ABSENT, "no backup matches [selfproof] backup");
	} else if (fd < 0) {
		st = w->front->newest_backup(w->front->backup_arg, &own_fd, &err);
		fd = own_fd;
	}
	if (st == PLI_OK)
		st = selfproof_backup(w->front, fd, &size, &err);
	if (own_fd >= 0)
		close(own_fd);
	w->run->backup = st == PLI_OK ? (int64_t)size : -1;
	selfproof_note(w->run, "backup", st, &err, "the backup restores: %" PRIu64 " entries, which today's journal continues", size);
}

/* A thread of its own, as its manners are for life. */
static void *work_thread(void *arg)
{
	const struct work *w = arg;

	if (setpriority(PRIO_PROCESS, 0, MANNERS) != 0)
		log_debug("selfproof.nice", "not granted");
	selfproof_letter(w->front->office, w->run);
	selfproof_letters(w->front->office, w->run);
	journal_prove(w);
	backup_prove(w);
	return NULL;
}

static enum pli_status run_all(struct work *w, struct err *err)
{
	pthread_t thread;
	int64_t begun_us = clock_mono_us();

	*w->run = (struct selfproof){ .at_us = clock_now_us(), .backup = -1 };
	if (pthread_create(&thread, NULL, work_thread, w) != 0)
		return err_set(err, PLI_BUSY, "no thread for the proof of itself");
	pthread_join(thread, NULL);
	w->run->took_us = clock_mono_us() - begun_us;
	return selfproof_finish(w->front->office, w->run, err);
}

enum pli_status selfproof_run(struct front *front, int backup_fd, struct selfproof *run_r, struct err *err)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	struct work w = { front, backup_fd, run_r };
	enum pli_status st;

	if (pthread_mutex_trylock(&one) != 0)
		return err_set(err, PLI_BUSY, "a proof of itself is under way");
	st = run_all(&w, err);
	pthread_mutex_unlock(&one);
	return st;
}
