/* Letters from archives, for archive_*.c and letter.c only. */
#ifndef PLI_ARCHIVE_OWN_H
#define PLI_ARCHIVE_OWN_H

#include "letter_own.h"

struct bundle_facts;

/* Where the letter came from, sealed under the entity's metadata key. */
#define ARCHIVE_PLACE(e, l) (&(struct meta_place){ "archive", (e), (l), 0 })
/* Order of its texts: the log's name and the letter's number there, its state there, SHA-256 of the list that named it and key of its proofs (hex). */
enum { ARCHIVE_LOG, ARCHIVE_NUMBER, ARCHIVE_STATE, ARCHIVE_LIST, ARCHIVE_KEY, ARCHIVE_TEXTS };

/* Times and states of letter and recipients, from the entries of the sender's proof, in their order. */
void archive_state(struct pool *pool, const struct bundle_facts *facts, struct letter *letter);

#endif
