/* A proof with the letter itself beside it: `pli proof get --documents`. */
#ifndef PLI_PROOF_DOCUMENTS_H
#define PLI_PROOF_DOCUMENTS_H

#include "status.h"

struct buf;
struct client;
struct pool;

/* Fetches message and parts of the letter and puts them into the proof's container as documents/…, which its seal does not cover and its list of
 * contents binds (doc/proof.md); what comes out verifies.  PLI_DENIED, PLI_GONE as the server says; PLI_INVALID: the proof withholds the contents;
 * PLI_LIMIT: more than fits such a file.  Blocks. */
MUST enum pli_status proof_documents_add(struct pool *pool, struct client *client, const char *id, struct buf *bundle, struct err *err);

#endif
