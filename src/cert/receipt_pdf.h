/* A proof for people: one or two sealed pages about one event of a letter, with the bundle that shows it attached.
 *
 * Everything on the pages but the words is read from the bundle's own files, after the same checks that a verifier makes. */
#ifndef PLI_RECEIPT_PDF_H
#define PLI_RECEIPT_PDF_H

#include <stddef.h>

#include "status.h"

struct buf;
struct receipt_kind;

struct receipt_pdf {
	const struct receipt_kind *kind;
	const void *bundle;		/* ending with the event that the proof is about */
	size_t bundle_n;
	const char *lang, *timezone, *base_url;
};
/* seal: as keeper_seal, over the statement that certify.h describes.  PLI_ABSENT when there is no such event in the bundle. */
MUST enum pli_status receipt_pdf_write(const struct receipt_pdf *what,
				       enum pli_status (*seal)(void *arg, const void *text, size_t n, struct buf *der_out, struct err *err),
				       void *arg, struct buf *out, struct err *err);

#endif
