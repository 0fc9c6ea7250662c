/* Laying out a proof: a column of headings, paragraphs, facts and tables that flows over A4 pages. */
#ifndef PLI_RECEIPT_SHEET_H
#define PLI_RECEIPT_SHEET_H

#include <stddef.h>
#include <stdint.h>

#include "pdf.h"

#define SHEET_LEFT 62.0
#define SHEET_RIGHT (PDF_WIDTH - 62.0)
#define SHEET_BOTTOM (PDF_HEIGHT - 66.0)

struct sheet {
	struct pdf *pdf;
	struct pool *pool;
	double y;		/* base line of what came last */
	const char *running;	/* stands at the head of every page but the first */
};

extern const uint32_t SHEET_INK, SHEET_QUIET, SHEET_RULE, SHEET_WAX;

/* A page, with its head. */
void sheet_page(struct sheet *sheet);
/* At least so much room below; otherwise the next page. */
void sheet_room(struct sheet *sheet, double height);
/* Text in a column from x on, broken into lines; y moves to its last base line. */
void sheet_lines(struct sheet *sheet, const struct pdf_style *style, double x, double width, double leading, const char *text);
/* with: height that must stand on the same page below it. */
void sheet_heading(struct sheet *sheet, const char *text, double with);
/* A label and its value beside it; nothing for an empty value.  quiet: a second line under it, or NULL. */
void sheet_fact(struct sheet *sheet, const char *label, const char *value, const char *quiet);
/* One of a list of sentences. */
void sheet_point(struct sheet *sheet, const char *text);

#endif
