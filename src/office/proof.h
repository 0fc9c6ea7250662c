/* The proof of one letter, for office/ only: the sender's (n = 0) or recipient n's. */
#ifndef PLI_PROOF_H
#define PLI_PROOF_H

#include <stdbool.h>

#include "status.h"

struct buf;
struct office;
struct pool;
struct uuid;

/* Waits at most 2 s for a head over everything committed before the call.  to_handover: nothing after the recipient's first opening. */
MUST enum pli_status proof_make(struct office *office, struct pool *pool, const struct uuid *entity, const struct uuid *letter, unsigned n,
				bool to_handover, struct buf *out, struct err *err);

#endif
