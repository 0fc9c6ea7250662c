/* Front's side of the link to a witness's keeper: blocking, several threads, one request at a time. */
#ifndef PLI_WITNESS_LINK_H
#define PLI_WITNESS_LINK_H

#include <stddef.h>

#include "status.h"
#include "witness_frame.h"

struct witness_answer;
struct witness_link;

struct witness_link *witness_link_new(void);
void witness_link_free(struct witness_link *link);
/* A (new) socket to the keeper; takes fd.  Any thread. */
void witness_link_renew(struct witness_link *link, int fd);
/* Waits at most ten seconds.  PLI_BUSY: the keeper is away or does not answer. */
MUST enum pli_status witness_link_ask(struct witness_link *link, enum witness_kind kind, const void *p, size_t n,
				      struct witness_answer *answer_r, struct err *err);

#endif
