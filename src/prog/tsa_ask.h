/* Front's part in being stamped from outside: a thread that has the courier show the newest head to the time-stamping authority of the
 * settings, every every_s while there are new entries, and keeps its tokens (office/external_time.h).  While it is away it is asked again
 * with growing pauses, entries wait, and one token covers them all when it is back; who minds the service is told
 * when they have waited long (office/alert.h). */
#ifndef PLI_TSA_ASK_H
#define PLI_TSA_ASK_H

#include "status.h"

struct errands;
struct front;
struct tsa_ask;

/* Before the first letter can come: whether it was away when the server stopped. */
MUST enum pli_status tsa_ask_prepare(const struct front *front, struct err *err);
/* *ask_r NULL: nobody is to be asked. */
MUST enum pli_status tsa_ask_start(const struct front *front, struct errands *errands, struct tsa_ask **ask_r, struct err *err);
/* errands_stop must have been called.  NULL is allowed. */
void tsa_ask_stop(struct tsa_ask *ask);

#endif
