#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "range.h"

static const char *skip_space(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

static bool is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

/* Decimal digits; a number beyond 64 bits counts as the largest one.  NULL when there is none. */
static const char *read_number(const char *s, uint64_t *v_r)
{
	uint64_t v = 0;

	if (!is_digit(*s))
		return NULL;
	for (; is_digit(*s); s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
	}
	*v_r = v;
	return s;
}

/* "first-last" with either missing; false when it is not exactly one range. */
static bool read_range(const char *s, bool *has_first, uint64_t *first, bool *has_last, uint64_t *last)
{
	const char *rest;

	s = skip_space(s);
	rest = read_number(s, first);
	*has_first = rest != NULL;
	if (rest)
		s = rest;
	if (*s++ != '-')
		return false;
	rest = read_number(s, last);
	*has_last = rest != NULL;
	if (rest)
		s = rest;
	if (*skip_space(s) != '\0')
		return false;
	return *has_first || *has_last;
}

enum range_kind range_pick(const char *range, const char *if_range, const char *etag, uint64_t size,
			   struct range *r_r)
{
	uint64_t first = 0, last = 0;
	bool has_first, has_last;

	*r_r = (struct range){ 0, size };
	if (!range || strncasecmp(range, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	if (if_range && (!etag || strcmp(if_range, etag) != 0 || etag[0] != '"'))
		return RANGE_WHOLE;
	if (!read_range(range + 6, &has_first, &first, &has_last, &last))
		return RANGE_WHOLE;
	if (!has_first) {		/* the last n bytes */
		if (last == 0 || size == 0)
			return RANGE_UNSATISFIABLE;
		first = last < size ? size - last : 0;
		last = size - 1;
	} else {
		if (has_last && last < first)
			return RANGE_WHOLE;
		if (first >= size)
			return RANGE_UNSATISFIABLE;
		if (!has_last || last > size - 1)
			last = size - 1;
	}
	*r_r = (struct range){ first, last - first + 1 };
	return RANGE_PART;
}

/* One entity-tag at s; its end, or NULL when malformed. */
static const char *read_tag(const char *s, bool *weak, const char **tag, size_t *n)
{
	const char *end;

	*weak = s[0] == 'W' && s[1] == '/';
	if (*weak)
		s += 2;
	if (*s != '"')
		return NULL;
	end = strchr(s + 1, '"');
	if (!end)
		return NULL;
	*tag = s;
	*n = (size_t)(end + 1 - s);
	return end + 1;
}

static bool tag_listed(const char *list, const char *etag, bool allow_weak)
{
	const char *s = skip_space(list), *tag;
	size_t n, etag_n;
	bool weak, etag_weak = etag[0] == 'W' && etag[1] == '/';

	if (strcmp(s, "*") == 0)
		return true;
	if (etag_weak && !allow_weak)
		return false;
	if (etag_weak)
		etag += 2;
	etag_n = strlen(etag);
	while (*s) {
		if (*s == ',' || *s == ' ' || *s == '\t') {
			s++;
			continue;
		}
		s = read_tag(s, &weak, &tag, &n);
		if (!s)
			return false;
		if (n == etag_n && memcmp(tag, etag, n) == 0 && (allow_weak || !weak))
			return true;
	}
	return false;
}

bool range_none_match_hit(const char *if_none_match, const char *etag)
{
	return if_none_match && etag && tag_listed(if_none_match, etag, true);
}

bool range_match_hit(const char *if_match, const char *etag)
{
	return if_match && etag && tag_listed(if_match, etag, false);
}
