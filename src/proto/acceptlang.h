/* Accept-Language (RFC 9110 section 12.5.4), for the two languages we speak. */
#ifndef PLI_ACCEPTLANG_H
#define PLI_ACCEPTLANG_H

/* "fr" or "en", whichever header prefers; fallback (static "fr" or "en") when it is NULL,
 * malformed, over 1 KiB, or names neither.  Regions count as their language (fr-CA).  At equal
 * weight the first one wins. */
const char *acceptlang_pick(const char *header, const char *fallback);

#endif
