/* What the keeper signs besides heads: texts that certify.h knows, read and held against its own tree before a key touches them. */
#ifndef PLI_KEEPER_TEXTS_H
#define PLI_KEEPER_TEXTS_H

#include <stddef.h>

#include "status.h"

struct buf;
struct head_store;
struct keeper_signers;
struct signatures;

/* Appends the signatures over p[0..n), and for a receipt the token over them; counts what it signs.  PLI_INPUT: no such text; PLI_CONFLICT: what it
 * names is not in the tree. */
MUST enum pli_status keeper_texts_sign(struct head_store *store, struct keeper_signers *signers, struct signatures *signatures, const void *p, size_t n,
				       struct buf *p7s_out, struct buf *token_out, struct err *err);

#endif
