/* QR codes as SVG, made here: nobody else learns what they say. */
#ifndef PLI_QR_H
#define PLI_QR_H

#include "status.h"

struct buf;

/* Appends an <svg> of the text (dark modules in currentColor on white, four modules of quiet around).  PLI_LIMIT: too long. */
MUST enum pli_status qr_svg(struct buf *out, const char *text, const char *label, struct err *err);

#endif
