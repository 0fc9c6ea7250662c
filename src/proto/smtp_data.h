/* The text of a message behind DATA (RFC 5321 sections 4.1.1.4 and 4.5.2), fed in pieces of any size: dot-stuffing undone, the
 * end found.
 *
 * Only CRLF "." CRLF ends the text (or "." CRLF as its first line).  A CR without LF, a LF without CR and a NUL are refused
 * where they stand: programs disagree on what they mean, and a message that ends at two places can carry a second one
 * (CVE-2023-51764 to 51766).  After a refusal nothing that follows on the connection may be read as a command. */
#ifndef PLI_SMTP_DATA_H
#define PLI_SMTP_DATA_H

#include <stddef.h>

#include "status.h"

struct buf;

/* All zero before the first piece. */
struct smtp_data {
	enum { SMTP_DATA_LINE_START, SMTP_DATA_TEXT, SMTP_DATA_CR, SMTP_DATA_DOT, SMTP_DATA_DOT_CR } state;
};

/* Takes bytes up to the end of the text; *used_r is how many.  Text goes to out (CRLF line ends).
 * PLI_OK: the end was found, byte used_r - 1 is its last; PLI_AGAIN: all taken, more must come; PLI_INPUT: refused. */
MUST enum pli_status smtp_data_feed(struct smtp_data *data, const void *p, size_t n, size_t *used_r, struct buf *out,
				    struct err *err);

#endif
