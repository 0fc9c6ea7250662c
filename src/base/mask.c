/* See mask.h. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "buf.h"

#include "mask.h"

static bool local_char(unsigned char c)
{
	return isalnum(c) || c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~.\"", c));
}

static bool domain_char(unsigned char c)
{
	return isalnum(c) || c >= 0x80 || c == '.' || c == '-';
}

/* Where the local part that ends before words[at] begins, not before `from`; at itself when there is none. */
static size_t local_begin(const char *words, size_t from, size_t at)
{
	size_t begin = at;

	if (at > from && words[at - 1] == '"')
		for (size_t k = at - 1; k > from; k--)
			if (words[k - 1] == '"')
				return k - 1;
	while (begin > from && local_char((unsigned char)words[begin - 1]))
		begin--;
	return begin;
}

/* Behind the domain or literal that begins at words[at]. */
static size_t domain_end(const char *words, size_t n, size_t at)
{
	if (at < n && words[at] == '[') {
		const char *close = memchr(words + at, ']', n - at);

		return close ? (size_t)(close - words) + 1 : n;
	}
	while (at < n && domain_char((unsigned char)words[at]))
		at++;
	return at;
}

void mask_addresses(struct buf *out, const char *words, size_t n)
{
	size_t done = 0;

	for (size_t i = 0; i < n; i++) {
		size_t begin, end;

		if (words[i] != '@')
			continue;
		begin = local_begin(words, done, i);
		end = domain_end(words, n, i + 1);
		/* A second @ right behind what was masked belongs to it. */
		if ((begin == i && (i == 0 || done != i)) || end == i + 1)
			continue;
		buf_add(out, words + done, begin - done);
		buf_str(out, "(address)");
		done = end;
		i = end - 1;
	}
	buf_add(out, words + done, n - done);
}
