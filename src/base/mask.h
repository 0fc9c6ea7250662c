/* Words of mail servers quote people's addresses; what is kept of them in the journal names nobody. */
#ifndef PLI_MASK_H
#define PLI_MASK_H

#include <stddef.h>

struct buf;

/* Appends the words (UTF-8 or ASCII, no NUL) with every e-mail address in them replaced by "(address)": a bare or quoted local
 * part, a domain or an address literal (RFC 5321 section 4.1.2).  An @ with nothing at one of its sides stays. */
void mask_addresses(struct buf *out, const char *words, size_t n);

#endif
