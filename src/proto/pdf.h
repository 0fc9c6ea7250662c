/* Writing a PDF 1.7 document of the form PDF/A-3b (ISO 19005-3): A4 pages with text, rules, boxes and bar codes, embedded type, files
 * attached, and a place for one signature that covers all the rest (ETSI EN 319 142-1).
 *
 * Lengths are points (1/72 inch), the origin is the upper left corner, y grows downwards and is a text's base line.  Texts are UTF-8 and may
 * come from outside: characters that the face lacks, and controls, are shown as U+FFFD and kept for copying (ActualText). */
#ifndef PLI_PDF_H
#define PLI_PDF_H

#include <stddef.h>
#include <stdint.h>

#include "pdf_font.h"

struct buf;
struct pool;
struct pdf;

#define PDF_WIDTH 595.28
#define PDF_HEIGHT 841.89
/* Room for a signature: bytes of DER. */
#define PDF_SIGNATURE_MAX 8192

struct pdf_info {
	const char *title, *author, *lang;	/* lang "fr" */
	int64_t t_us;				/* made at */
	uint8_t id[16];				/* of the document */
};
struct pdf_style {
	enum pdf_face face;
	double size;
	uint32_t colour;			/* 0xRRGGBB */
};

struct pdf *pdf_new(struct pool *pool, const struct pdf_info *info);
/* A new page, which is then drawn on; its number from 0. */
unsigned pdf_page_add(struct pdf *pdf);
/* Goes back to a page. */
void pdf_page_turn(struct pdf *pdf, unsigned page);
unsigned pdf_page_count(const struct pdf *pdf);

double pdf_text_width(const struct pdf *pdf, const struct pdf_style *style, const char *text, size_t n);
/* Bytes of text that fit into width, ending after a space where there is one; at least one character. */
size_t pdf_text_fit(const struct pdf *pdf, const struct pdf_style *style, const char *text, size_t n, double width);
void pdf_text(struct pdf *pdf, const struct pdf_style *style, double x, double y, const char *text, size_t n);
void pdf_box(struct pdf *pdf, double x, double y, double width, double height, uint32_t colour);
/* An outline given as pairs of cubic curves around (x, y), in units of `scale`: 'M', 'L', 'C', 'Z' and numbers, y downwards. */
void pdf_shape(struct pdf *pdf, double x, double y, double scale, const char *path, uint32_t colour, double stroke);
/* A square code of width × width modules (dark where not 0), without its quiet zone. */
void pdf_modules(struct pdf *pdf, double x, double y, double side, const uint8_t *modules, unsigned width);

/* bytes are borrowed until pdf_write.  name is ASCII. */
void pdf_attach(struct pdf *pdf, const char *name, const char *type, const char *description, const void *bytes, size_t n);

/* The document, with a hole for the signature: over[0] and over[1] are the two ranges {offset, length} that it signs. */
struct pdf_ranges {
	size_t over[2][2];
};
void pdf_write(struct pdf *pdf, const char *reason, struct buf *out, struct pdf_ranges *ranges_r);
/* Puts the signature (DER) into the hole. */
void pdf_sign(struct buf *document, const struct pdf_ranges *ranges, const void *der, size_t n);

#endif
