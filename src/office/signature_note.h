/* Once a day the keeper's own sums of what it has signed become an entry: `keeper.signed`. */
#ifndef PLI_SIGNATURE_NOTE_H
#define PLI_SIGNATURE_NOTE_H

#include <stdint.h>

#include "status.h"

struct office;

/* From the housekeeping; writes nothing when today's entry is there, or on the instance's first day. */
MUST enum pli_status signature_note(struct office *office, int64_t now_us, struct err *err);

#endif
