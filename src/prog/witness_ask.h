/* Front's part in being witnessed: a thread that has the courier show our newest head to each witness of the settings and keeps what they
 * sign (office/cosignature.h).  A new head is shown at once when nothing was for a while, else once every_s; a witness that is
 * away is asked again with growing pauses.  Letters wait for this once: at the start nothing is written until a witness has said that our
 * journal is the newest it knows, ten seconds at most; and not at all on a journal that a witness has shown to be an older copy. */
#ifndef PLI_WITNESS_ASK_H
#define PLI_WITNESS_ASK_H


#include "status.h"

struct errands;
struct front;
struct witness_ask;

/* PLI_INPUT: a key in [witness] ask is none.  *ask_r NULL: nobody is to be asked. */
MUST enum pli_status witness_ask_start(struct front *front, struct errands *errands, struct witness_ask **ask_r, struct err *err);
/* errands_stop must have been called.  NULL is allowed. */
void witness_ask_stop(struct witness_ask *ask);

#endif
