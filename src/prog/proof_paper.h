/* What `pli proof verify --paper` says of the text of a proof's bar codes. */
#ifndef PLI_PROOF_PAPER_H
#define PLI_PROOF_PAPER_H

#include <stddef.h>

#include "status.h"

struct pool;

/* One line a fact on standard output, all of them bound by the signed head of the journal. */
MUST enum pli_status proof_paper_say(struct pool *pool, const char *text, size_t n, const char *log_pub_pem, struct err *err);

#endif
