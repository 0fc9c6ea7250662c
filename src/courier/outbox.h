/* The outbox: one file per caught mail, renamed into place, names sort by time.  Files of a batch become durable together. */
#ifndef PLI_OUTBOX_H
#define PLI_OUTBOX_H

#include <stddef.h>

#include "status.h"

struct job;

/* Writes jobs[0..count) of type OUTBOX as DIR/NAME and fills outcome and reply of each; repeats overwrite.  Blocks until they
 * are durable.  A full disk is an outcome (try again); a broken one is PLI_IO. */
MUST enum pli_status outbox_write(int dir_fd, struct job *jobs, size_t count, struct err *err);

#endif
