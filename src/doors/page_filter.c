/* The choices of a list's address, see page_filter.h. */
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "http.h"

#include "door.h"
#include "portal.h"

#include "page_filter.h"

#define PAIRS_MAX 64

enum pli_status page_filter_read(struct door_call *c, struct page_filter *filter, const char *const *names, struct err *err)
{
	const char *query = c->x->req.query ? c->x->req.query : "";

	filter->names = names;
	form_init(&filter->form, c->pool);
	return form_parse(&filter->form, query, strlen(query), PAIRS_MAX, err);
}

const char *page_filter_get(const struct page_filter *filter, const char *name)
{
	const char *value = form_get(&filter->form, name);

	return value && *value ? value : NULL;
}

const char *page_filter_href(struct door_call *c, const struct page_filter *filter, const char *path, const char *name, const char *value)
{
	AUTO_BUF out;

	buf_init(&out);
	buf_str(&out, path);
	for (const char *const *n = filter->names; *n; n++) {
		const char *its = str_eq(*n, name) ? value : str_eq(*n, "cursor") ? NULL : page_filter_get(filter, *n);

		if (its)
			buf_fmt(&out, "%c%s=%s", strchr(out.p, '?') ? '&' : '?', *n, portal_query_value(c, its));
	}
	return pool_strn(c->pool, out.p, out.n);
}
