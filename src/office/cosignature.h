/* Cosignatures of witnesses over our journal's heads: asked for by whoever can reach them, checked and kept here, shown with the heads. */
#ifndef PLI_COSIGNATURE_H
#define PLI_COSIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct db_conn;
struct note_key;
struct office;

/* Size of the newest head that this witness has signed; 0: none. */
MUST enum pli_status cosignature_newest(struct office *office, const struct note_key *witness, uint64_t *size_r, struct err *err);
/* The body of add-checkpoint for the newest head, *size_r, with the proof that it follows from the `old` first entries.
 * PLI_RANGE: we have not so many; PLI_BUSY: there is no head yet. */
MUST enum pli_status cosignature_request(struct office *office, uint64_t old, uint64_t *size_r, struct buf *body, struct err *err);
/* What the witness answered to it: its line is looked for, checked and stored.  PLI_CONFLICT: it does not hold, or is not there. */
MUST enum pli_status cosignature_add(struct office *office, const struct note_key *witness, uint64_t size, const char *answer, size_t n,
				     struct err *err);
/* Appends the lines of all witnesses over the head of that size, in the order of their keys. */
MUST enum pli_status cosignature_lines(struct db_conn *conn, uint64_t size, struct buf *out, struct err *err);
/* The keys to those lines, one a line in the same order. */
MUST enum pli_status cosignature_keys(struct db_conn *conn, uint64_t size, struct buf *out, struct err *err);
/* A journal entry about a witness: event "witness.away" or "witness.back"; name of the witness. */
MUST enum pli_status cosignature_note(struct office *office, const char *event, const char *witness, struct err *err);

#endif
