/* One journal row in words: a JSON object of the API, or the ten cells of a spreadsheet.  For office/ only.
 *
 * What a row of the document chain (or one without a letter) shows comes from its own sealed sheet, what a recipient's row
 * shows from letter and recipient.  Sentences: locale keys "event.<name>"; %1 is the recipient's address, the letter's
 * number, the user or the entity, %2 a file name or a count, as the table in journal_line.c says. */
#ifndef PLI_JOURNAL_LINE_H
#define PLI_JOURNAL_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

#include "letter_journal.h"

struct buf;
struct db_conn;
struct jsonw;
struct office;
struct uuid;

struct journal_lines;
/* conn: where the rows are read, borrowed until free.  lang: fr | en, of sentences, types, states.  csv: the head line is
 * written at once to out, which may be NULL when rows are only shown. */
struct journal_lines *journal_lines_new(struct office *office, struct db_conn *conn, const struct uuid *entity, const char *lang,
					bool csv, struct buf *out);
/* The row with that seq: to w (an open array), or as a line of the table when w is NULL. */
MUST enum pli_status journal_lines_add(struct journal_lines *lines, struct jsonw *w, uint64_t seq, struct err *err);
/* The row with that seq, to fn. */
MUST enum pli_status journal_lines_show(struct journal_lines *lines, uint64_t seq, letter_journal_fn *fn, void *arg, struct err *err);
void journal_lines_free(struct journal_lines *lines);

#endif
