/* A thread that goes round: does what it is there for, waits, and again, until it is told to stop. */
#ifndef PLI_ROUNDS_H
#define PLI_ROUNDS_H

#include "status.h"

struct rounds;

/* fn(arg) at once, and again so many milliseconds after each of its ends, never twice at a time.  what: for the words when there is no thread,
 * "to ask witnesses". */
MUST enum pli_status rounds_start(unsigned every_ms, void (*fn)(void *arg), void *arg, const char *what, struct rounds **rounds_r, struct err *err);
/* Waits for a round under way; afterwards there is none.  NULL is allowed. */
void rounds_stop(struct rounds *rounds);

#endif
