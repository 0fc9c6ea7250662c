/* Where the HTML of a mail would lead.  Properties: what is told holds no control character, is no longer than what was asked for and the
 * scheme's own bytes, and names its host behind two slashes where it has one; a blank before everything changes nothing;
 * whoever says stop is asked no more. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "status.h"

#include "mail_href.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES 64

struct told {
	struct buf all;		/* one after the other, each with a NUL */
	unsigned count, stop_at;
};

static enum pli_status tell(void *arg, const char *p, size_t n, struct err *err)
{
	struct told *t = arg;

	assert(t->count < t->stop_at);
	assert(n < MAX_BYTES + 16);
	for (size_t i = 0; i < n; i++)
		assert((unsigned char)p[i] >= ' ');
	if (n >= 5 && strncasecmp(p, "http", 4) == 0 && (p[4] == ':' || (n >= 6 && strncasecmp(p, "https:", 6) == 0))) {
		const char *host = memchr(p, ':', n) + 1;

		assert((size_t)(host - p) + 2 <= n && host[0] == '/' && host[1] == '/');
		assert(host + 2 == p + n || host[2] != '/');
		assert(!memchr(p, '\\', n));
	}
	buf_add(&t->all, p, n);
	buf_ch(&t->all, '\0');
	return ++t->count == t->stop_at ? err_set(err, PLI_FULL, "enough") : PLI_OK;
}

static void all_of(const char *html, size_t n, unsigned stop_at, struct told *t)
{
	struct err err;
	enum pli_status st;

	*t = (struct told){ .stop_at = stop_at };
	buf_init(&t->all);
	st = mail_href_each(html, n, MAX_BYTES, tell, t, &err);
	assert(st == (t->count == stop_at ? PLI_FULL : PLI_OK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told whole, behind, first;
	struct buf html;

	buf_init(&html);
	buf_ch(&html, ' ');
	buf_add(&html, data, size);
	all_of((const char *)data, size, UINT32_MAX, &whole);
	all_of(html.p, html.n, UINT32_MAX, &behind);
	assert(whole.count == behind.count && whole.all.n == behind.all.n);
	assert(whole.all.n == 0 || memcmp(whole.all.p, behind.all.p, whole.all.n) == 0);
	if (whole.count) {
		all_of((const char *)data, size, 1, &first);
		assert(first.count == 1 && memcmp(first.all.p, whole.all.p, first.all.n) == 0);
		buf_free(&first.all);
	}
	buf_free(&whole.all);
	buf_free(&behind.all);
	buf_free(&html);
	return 0;
}
