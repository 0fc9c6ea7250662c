/* A first look at a message before the library that builds a tree of it: how many parts and header lines there are.
 *
 * A part costs the library about 1.4 KiB, so that 64 MiB of empty parts would be gigabytes.  The look errs on the side of
 * counting too many: what might be a boundary line counts as one. */
#ifndef PLI_MAIL_SCAN_H
#define PLI_MAIL_SCAN_H

#include <stddef.h>

#include "status.h"

#define MAIL_PARTS_MAX 1000
#define MAIL_BOUNDARIES_MAX 100
#define MAIL_HEADER_LINES_MAX 1000	/* of one part */
#define MAIL_HEADER_BYTES_MAX 262144	/* of one part */
#define MAIL_ALL_HEADER_LINES_MAX 20000

/* PLI_INVALID, with words for the sender, when a cap is passed. */
MUST enum pli_status mail_scan(const char *p, size_t n, struct err *err);

#endif
