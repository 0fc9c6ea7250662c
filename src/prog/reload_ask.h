/* An operator's verb in front that waits until the parent has read settings and certificate anew. */
#ifndef PLI_RELOAD_ASK_H
#define PLI_RELOAD_ASK_H

#include <pthread.h>

#include "control.h"
#include "status.h"

struct reload_ask {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	unsigned asked, done;		/* the parent answers in order */
	char outcome[CONTROL_TEXT_MAX + 1];	/* of the last: "" or why not */
};
void reload_ask_init(struct reload_ask *ask);
/* arg: a struct reload_ask.  PLI_CONFLICT with the parent's words when nothing was changed; PLI_BUSY after 30 s without an answer. */
MUST enum pli_status reload_ask_wait(void *arg, struct err *err);
/* On the thread that reads the control line. */
void reload_ask_answer(struct reload_ask *ask, const char *outcome);

#endif
