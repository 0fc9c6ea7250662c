/* CSV (RFC 4180) for spreadsheets: UTF-8 with BOM, CRLF, and no cell that a spreadsheet would run. */
#ifndef PLI_CSV_H
#define PLI_CSV_H

#include <stdbool.h>
#include <stdint.h>

struct buf;

struct csv {
	struct buf *out;
	char separator;
	bool row_begun;
};

/* Writes the BOM.  separator: ';' (French) or ',' (English). */
void csv_begin(struct csv *csv, struct buf *out, char separator);
/* A cell of text (NULL = empty).  Text that begins with = + - @ TAB CR LF (also in full width, also behind
 * spaces) gets a leading apostrophe; separators of either kind, quotes and line ends are quoted. */
void csv_cell(struct csv *csv, const char *text);
void csv_int(struct csv *csv, int64_t v);
void csv_row_end(struct csv *csv);

#endif
