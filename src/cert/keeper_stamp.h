/* Timestamps for clients of the time-stamping authority, as a service of the keeper's: one thread of its own, so that neither wraps nor
 * heads wait for it.  It reads each request itself (tsa_query.h) and signs nothing but a digest, a nonce and the time. */
#ifndef PLI_KEEPER_STAMP_H
#define PLI_KEEPER_STAMP_H

#include <stdint.h>

#include "status.h"

struct keeper_link;
struct keeper_request;
struct keeper_stamp;
struct keyring;
struct signatures;

MUST enum pli_status keeper_stamp_new(const struct keyring *ring, struct keeper_link *link, struct signatures *signatures,
				      struct keeper_stamp **stamp_r, struct err *err);
void keeper_stamp_free(struct keeper_stamp *stamp);
/* STAMP; copied; answered on the link. */
void keeper_stamp_push(struct keeper_stamp *stamp, uint64_t generation, const struct keeper_request *request);
/* The time-stamping key was changed: what is asked from here on is signed by the new one. */
void keeper_stamp_rekey(struct keeper_stamp *stamp);

#endif
