/* The choices that a list's address carries ("?q=…&type=…"): read once, and written into the addresses that the page links to. */
#ifndef PLI_PAGE_FILTER_H
#define PLI_PAGE_FILTER_H

#include "form.h"
#include "status.h"

struct door_call;

struct page_filter {
	const char *const *names;	/* NULL-terminated, in the order of addresses */
	struct form form;
};
/* Names that the list does not know, "lang" and "done" among them, are left aside: a page is not an API. */
MUST enum pli_status page_filter_read(struct door_call *c, struct page_filter *filter, const char *const *names, struct err *err);
/* NULL when it is not there or empty. */
const char *page_filter_get(const struct page_filter *filter, const char *name);
/* path?… with all choices, `name` being value (NULL: without it).  Any other choice than the cursor goes back to the first page.  In the
 * call's pool. */
const char *page_filter_href(struct door_call *c, const struct page_filter *filter, const char *path, const char *name, const char *value);

#endif
