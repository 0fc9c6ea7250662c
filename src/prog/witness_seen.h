/* What a witness has seen of our journal, when it refuses to sign: the newest head that it holds, and what that shows.  A head counts only if
 * our own log has signed it, so that no witness can stop a server by a lie. */
#ifndef PLI_WITNESS_SEEN_H
#define PLI_WITNESS_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct errands;
struct front;

/* GET of URL/checkpoint/ORIGIN.  *behind_r: it is signed by a key of our log, and our journal does not hold it: it has *size_r entries, of
 * which ours lacks some or has others.  PLI_BUSY: the witness does not say.  Blocks. */
MUST enum pli_status witness_seen(const struct front *front, struct errands *errands, const char *url, bool *behind_r, uint64_t *size_r,
				  struct err *err);

#endif
