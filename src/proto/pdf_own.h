/* Shared by the files of the PDF writer: what a document has until it is written. */
#ifndef PLI_PDF_OWN_H
#define PLI_PDF_OWN_H

#include "buf.h"
#include "pdf.h"

#define PDF_PAGES_MAX 400
#define PDF_FILES_MAX 4

struct pdf_file {
	const char *name, *type, *description;
	const void *p;
	size_t n;
};
struct pdf {
	struct pool *pool;
	struct pdf_info info;
	struct pdf_font *fonts[PDF_FACES];
	struct buf pages[PDF_PAGES_MAX];	/* content streams */
	unsigned page_count;
	struct buf *page;
	struct pdf_file files[PDF_FILES_MAX];
	unsigned file_count;
};

/* A text string: UTF-16BE in hexadecimal with its mark. */
void pdf_string(struct buf *out, const char *text);

/* sRGB as an ICC profile of version 2, 444 bytes. */
extern const uint8_t pdf_srgb[];
extern const size_t pdf_srgb_n;

#endif
