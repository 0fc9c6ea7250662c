/* The time-stamping authority (RFC 3161) as a service to people with an account: an answer to a client's request. */
#ifndef PLI_TIMESTAMP_H
#define PLI_TIMESTAMP_H

#include <stddef.h>

#include "status.h"

struct buf;
struct office;
struct principal;

/* Appends a TimeStampResp in DER: granted, or a rejection that says what is wrong with the request, which is an answer too.  PLI_DENIED:
 * his role has no timestamps; PLI_BUSY: the keeper is away or has too much to do.  Blocks. */
MUST enum pli_status timestamp_answer(struct office *office, const struct principal *who, const void *query, size_t n,
				      struct buf *reply_out, struct err *err);

#endif
