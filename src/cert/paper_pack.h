/* Making a text of the journal (an entry, a sheet) short enough for a bar code, and back, byte for byte.
 *
 * A text without control characters becomes:  0x01 n, n bytes: 2n lower hexadecimal digits · 0x02, 16 bytes: a UUID · 0x03 i: word i of the
 * dictionary · any other byte: itself.  The dictionary belongs to version 1 of the format: its words never change. */
#ifndef PLI_PAPER_PACK_H
#define PLI_PAPER_PACK_H

#include <stddef.h>

#include "status.h"

struct buf;

void paper_pack(const char *text, size_t n, struct buf *out);
/* At most max bytes come out.  PLI_INPUT. */
MUST enum pli_status paper_unpack(const void *p, size_t n, size_t max, struct buf *out, struct err *err);

#endif
