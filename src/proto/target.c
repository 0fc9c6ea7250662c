#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "pool.h"
#include "status.h"
#include "text.h"

#include "target.h"

/* pchar of RFC 3986 section 3.3, but for the percent. */
static bool path_char(unsigned char ch)
{
	if ((ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z'))
		return true;
	return ch != '\0' && strchr("-._~!$&'()*+,;=:@", ch) != NULL;
}

/* Browsers leave some characters bare in queries that RFC 3986 would have encoded. */
static bool query_char(unsigned char ch)
{
	return path_char(ch) || (ch != '\0' && strchr("/?%[]{}|^`", ch) != NULL);
}

static int hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return -1;
}

/* The byte that the percent at s stands for; -1 when malformed. */
static int percent_byte(const char *s, size_t n)
{
	int high = n > 2 ? hex_digit(s[1]) : -1;
	int low = n > 2 ? hex_digit(s[2]) : -1;

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static enum pli_status path_decode(char *out, const char *s, size_t n, size_t *n_r, struct err *err)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		int ch = (unsigned char)s[i];

		if (ch == '%') {
			ch = percent_byte(s + i, n - i);
			if (ch < 0)
				return err_set(err, PLI_INPUT, "a percent in the path is not followed by two hex digits");
			if (ch == '/' || ch == '\\' || ch < ' ' || ch == 0x7f)
				return err_set(err, PLI_INPUT, "the path holds an encoded slash or control character");
			i += 2;
		} else if (ch != '/' && !path_char((unsigned char)ch)) {
			return err_set(err, PLI_INPUT, "the path holds a character that must be percent-encoded");
		}
		out[k++] = (char)ch;
	}
	out[k] = '\0';
	*n_r = k;
	return PLI_OK;
}

/* After decoding, so that encoded dots count like bare ones. */
static enum pli_status path_check_segments(const char *path, struct err *err)
{
	const char *s = path + 1;

	while (*s) {
		size_t n = strcspn(s, "/");

		if (n == 0)
			return err_set(err, PLI_INPUT, "the path holds an empty segment");
		if ((n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
			return err_set(err, PLI_INPUT, "the path holds a dot segment");
		s += n;
		if (*s == '/')
			s++;
	}
	return PLI_OK;
}

static enum pli_status path_parse(struct pool *pool, const char *s, size_t n, struct target *t, struct err *err)
{
	char *path = pool_alloc(pool, n + 1);
	size_t len = 0;
	enum pli_status st;

	if (n == 0 || s[0] != '/')
		return err_set(err, PLI_INPUT, "the target is not a path");
	st = path_decode(path, s, n, &len, err);
	if (st != PLI_OK)
		return st;
	if (!utf8_valid(path, len))
		return err_set(err, PLI_INPUT, "the path is not UTF-8");
	t->path = path;
	return path_check_segments(path, err);
}

static enum pli_status query_check(const char *s, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!query_char((unsigned char)s[i]))
			return err_set(err, PLI_INPUT, "the query holds a character that must be percent-encoded");
		if (s[i] == '%' && percent_byte(s + i, n - i) < 0)
			return err_set(err, PLI_INPUT, "a percent in the query is not followed by two hex digits");
	}
	return PLI_OK;
}

/* Takes "https://authority" off the front; leaves the rest. */
static void authority_cut(struct pool *pool, const char **s, size_t *n, struct target *t)
{
	const char *from = *s + 8, *to;

	if (*n < 8 || strncasecmp(*s, "https://", 8) != 0)
		return;
	to = from;
	while (to < *s + *n && *to != '/' && *to != '?')
		to++;
	t->authority = pool_strn(pool, from, (size_t)(to - from));
	*n -= (size_t)(to - *s);
	*s = to;
}

enum pli_status target_parse(struct pool *pool, const char *s, size_t n, struct target *t_r, struct err *err)
{
	struct target t = { .query = "" };
	const char *mark;
	enum pli_status st;

	if (n > TARGET_MAX)
		return err_set(err, PLI_LIMIT, "the target is longer than %d bytes", TARGET_MAX);
	if (n == 1 && s[0] == '*') {
		t.path = "*";
		*t_r = t;
		return PLI_OK;
	}
	authority_cut(pool, &s, &n, &t);
	mark = memchr(s, '?', n);
	if (mark) {
		size_t query_n = n - (size_t)(mark + 1 - s);

		st = query_check(mark + 1, query_n, err);
		if (st != PLI_OK)
			return st;
		t.query = pool_strn(pool, mark + 1, query_n);
		n = (size_t)(mark - s);
	}
	st = path_parse(pool, s, n, &t, err);
	if (st == PLI_OK)
		*t_r = t;
	return st;
}
