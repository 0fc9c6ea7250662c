/* The codes of a paper: so many bytes as one to nine texts, and what a reader of bar codes gave as bytes again.  Form: paper.h. */
#ifndef PLI_PAPER_CODES_H
#define PLI_PAPER_CODES_H

#include <stddef.h>

#include "status.h"

#include "paper.h"

struct buf;
struct pool;

#define PAPER_WHOLE_MAX 5760	/* bytes in all codes together */

/* whole has 1 to PAPER_WHOLE_MAX bytes; the texts are in pool. */
void paper_codes_write(struct pool *pool, const struct buf *whole, const char *base_url, struct paper_codes *codes_r);
/* Adds to whole what text, n bytes of it, says: every part of one paper, in any order, whatever stands between them.
 * PLI_INPUT: no code, more than PAPER_TEXT_MAX bytes, a part missing, of another paper, or misread. */
MUST enum pli_status paper_codes_read(const char *text, size_t n, struct buf *whole, struct err *err);

#endif
