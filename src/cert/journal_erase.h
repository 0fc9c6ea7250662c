/* Entries whose evidence has had its time: text and what they show go, leaf and columns that name nobody stay, so that the tree and every
 * other proof stand as before.  A `purged` entry says which: d.seqs = "12-15,19" (leaf indexes), h.rows = SHA-256 over what is left of
 * them, line by line, so that nobody writes another past for them. */
#ifndef PLI_JOURNAL_ERASE_H
#define PLI_JOURNAL_ERASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct buf;
struct db_conn;
struct db_tx;
struct journal;
struct journal_actor;
struct journal_row;

/* All entries of a letter's chains, in the transaction that erases the letter.  None: nothing happens. */
MUST enum pli_status journal_erase(struct journal *journal, struct db_tx *tx, const struct journal_actor *by, const struct uuid *entity,
				   const struct uuid *letter, struct err *err);

/* For those who read them again: the line of one row. */
void journal_erase_line(const struct journal_row *row, struct buf *out);
/* The next range of "12-15,19"; false at the end, or (*bad_r) where it is not in this form: ascending, without overlaps. */
struct journal_erase_scan {
	const char *p;
	uint64_t next;		/* least that may follow */
	bool bad;
};
bool journal_erase_next(struct journal_erase_scan *scan, uint64_t *first_r, uint64_t *last_r);

#endif
