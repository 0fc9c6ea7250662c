/* Where HTML would lead: the values of all its attributes that hold addresses, as a browser resolves them.  No tree: whatever could be
 * such an attribute counts, in comments and in words too, so that rather too much is told than too little. */
#ifndef PLI_MAIL_HREF_H
#define PLI_MAIL_HREF_H

#include <stddef.h>

#include "status.h"

/* One address: references undone, control characters out, blanks at both ends gone, `\` as `/`, `//host` and `https:host` as
 * `https://host`.  Where it leads nowhere (none, #part, cid:) n is 0.  Any other status than PLI_OK ends the search. */
typedef enum pli_status (*mail_href_fn)(void *arg, const char *p, size_t n, struct err *err);
/* HTML in UTF-8; max: bytes of one address that are told, what is longer is cut. */
MUST enum pli_status mail_href_each(const char *html, size_t n, size_t max, mail_href_fn fn, void *arg, struct err *err);

#endif
