/* Reading back from a proof in PDF what a verifier needs: the attached file, and the signature with the bytes that it covers.  Strict: only
 * documents as pdf.h writes them, whole, with nothing behind; anything else is refused, whatever a viewer would make of it. */
#ifndef PLI_PDF_READ_H
#define PLI_PDF_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;

bool pdf_is(const void *p, size_t n);

struct pdf_seal {
	const uint8_t *over[2];		/* the two ranges that are signed; with the signature's hole they are the whole file */
	size_t over_n[2];
	uint8_t der[8192];
	size_t der_n;
};
/* PLI_INPUT. */
MUST enum pli_status pdf_seal_read(const void *p, size_t n, struct pdf_seal *seal_r, struct err *err);
/* The one embedded file, at most max bytes of it, appended to out.  PLI_INPUT, PLI_LIMIT. */
MUST enum pli_status pdf_attached(const void *p, size_t n, size_t max, struct buf *out, struct err *err);

#endif
