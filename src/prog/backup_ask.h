/* Front asks the parent for the newest backup, which lies where front cannot reach. */
#ifndef PLI_BACKUP_ASK_H
#define PLI_BACKUP_ASK_H

#include <pthread.h>

#include "control.h"
#include "status.h"

struct backup_ask {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	unsigned asked, done;		/* the parent answers in order */
	int fd;				/* of the last answer, until somebody takes it; -1: none */
	char why[CONTROL_TEXT_MAX + 1];	/* "": there is one */
};
void backup_ask_init(struct backup_ask *ask);
/* arg: a struct backup_ask; *fd_r is the caller's.  PLI_ABSENT with the parent's words; PLI_BUSY: another asks, or no answer came. */
MUST enum pli_status backup_ask_wait(void *arg, int *fd_r, struct err *err);
/* On the thread that reads the control line; takes fd. */
void backup_ask_answer(struct backup_ask *ask, const char *why, int fd);

#endif
