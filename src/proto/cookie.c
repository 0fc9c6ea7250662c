/* Cookies, see cookie.h. */
#include <assert.h>
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "cookie.h"

/* cookie-octet of RFC 6265 section 4.1.1. */
static int value_legal(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\')
			return 0;
	}
	return 1;
}

const char *cookie_get(struct pool *pool, const char *header, const char *name)
{
	size_t name_n = strlen(name);
	const char *found = NULL;
	size_t found_n = 0;

	for (const char *p = header; p && *p;) {
		size_t n = strcspn(p, ";"), lead = strspn(p, " \t");
		const char *pair = p + (lead < n ? lead : n);
		size_t pair_n = n - (size_t)(pair - p);

		while (pair_n && (pair[pair_n - 1] == ' ' || pair[pair_n - 1] == '\t'))
			pair_n--;
		if (pair_n > name_n && memcmp(pair, name, name_n) == 0 && pair[name_n] == '=') {
			if (found)
				return NULL;
			found = pair + name_n + 1;
			found_n = pair_n - name_n - 1;
		}
		p += n + (p[n] == ';');
	}
	if (!found || !value_legal(found, found_n))
		return NULL;
	return pool_strn(pool, found, found_n);
}

void cookie_write(struct buf *out, const char *name, const char *value, long max_age_s)
{
	assert(*name && value_legal(name, strlen(name)) && !strpbrk(name, "=()<>@:/[]?{}"));
	assert(value_legal(value, strlen(value)));
	buf_fmt(out, "%s=%s; Path=/; Secure; HttpOnly; SameSite=Strict", name, value);
	if (max_age_s > 0)
		buf_fmt(out, "; Max-Age=%ld", max_age_s);
	else if (max_age_s < 0)
		buf_str(out, "; Max-Age=0");
}
