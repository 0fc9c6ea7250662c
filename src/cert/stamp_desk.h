/* Where front's threads ask the keeper for timestamps: those that come while it signs go to it together, in one frame. */
#ifndef PLI_STAMP_DESK_H
#define PLI_STAMP_DESK_H

#include <stddef.h>

#include "status.h"

struct buf;
struct keeper;
struct stamp_desk;

struct stamp_desk *stamp_desk_new(struct keeper *keeper);	/* borrowed */
void stamp_desk_free(struct stamp_desk *desk);	/* nobody asks any more; NULL is allowed */
/* Appends the answer (TimeStampResp) to a request that tsa_query_parse has taken.  Thread-safe; blocks until the keeper has answered.
 * PLI_BUSY: it is away, or more is asked of it than it signs in a while. */
MUST enum pli_status stamp_desk_ask(struct stamp_desk *desk, const void *query, size_t n, struct buf *reply_out, struct err *err);

#endif
