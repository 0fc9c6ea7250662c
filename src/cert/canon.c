/* Canonical JSON: a strict scanner without memory of its own; see canon.h. */
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "jsonw.h"

#include "canon.h"

#define NAME_MAX_BYTES 64
#define INTEGER_MAX ((INT64_C(1) << 53) - 1)

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

static int hex_low(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Length of the escape at p (after the backslash), its byte in *c_r; 0 when it is not the canonical one. */
static size_t escape(const char *p, const char *end, char *c_r)
{
	static const char plain[] = "\"\"\\\\b\bf\fn\nr\rt\t";
	int hi, lo;

	if (p >= end)
		return 0;
	for (size_t i = 0; plain[i]; i += 2)
		if (*p == plain[i]) {
			*c_r = plain[i + 1];
			return 1;
		}
	if (end - p < 5 || memcmp(p, "u00", 3) != 0)
		return 0;
	hi = hex_low(p[3]);
	lo = hex_low(p[4]);
	if (hi < 0 || hi > 1 || lo < 0)
		return 0;
	*c_r = (char)(hi * 16 + lo);
	/* NUL never; the ones with a short form only by it. */
	if (*c_r == 0 || memchr("\b\f\n\r\t", *c_r, 5))
		return 0;
	return 5;
}

static bool skip_string(const char **s, const char *end)
{
	const char *p = *s, *run;
	size_t n;
	char c;

	if (p >= end || *p++ != '"')
		return false;
	for (run = p; p < end && *p != '"'; ) {
		if ((unsigned char)*p < 0x20)
			return false;
		if (*p != '\\') {
			p++;
			continue;
		}
		n = escape(p + 1, end, &c);
		if (!n)
			return false;
		p += 1 + n;
	}
	if (p >= end || !utf8_valid(run, (size_t)(p - run)))
		return false;
	*s = p + 1;
	return true;
}

static bool skip_integer(const char **s, const char *end)
{
	const char *p = *s, *digits;
	int64_t v = 0;

	if (p < end && *p == '-')
		p++;
	digits = p;
	while (p < end && *p >= '0' && *p <= '9' && p - digits < 17)
		v = v * 10 + (*p++ - '0');
	if (p == digits || v > INTEGER_MAX || (*digits == '0' && (p - digits > 1 || digits != *s)))
		return false;
	*s = p;
	return true;
}

static bool skip_value(const char **s, const char *end, int depth);

static bool skip_name(const char **s, const char *end, char name_r[65])
{
	const char *p = *s;
	size_t n = 0;

	if (p >= end || *p++ != '"')
		return false;
	while (p < end && name_char(*p) && n < NAME_MAX_BYTES)
		name_r[n++] = *p++;
	name_r[n] = 0;
	if (!n || end - p < 2 || p[0] != '"' || p[1] != ':')
		return false;
	*s = p + 2;
	return true;
}

static bool skip_object(const char **s, const char *end, int depth)
{
	char last[65] = "", name[65];

	if (depth > CANON_DEPTH_MAX || *s >= end || *(*s)++ != '{')
		return false;
	if (*s < end && **s == '}') {
		(*s)++;
		return true;
	}
	for (;;) {
		if (!skip_name(s, end, name) || strcmp(name, last) <= 0 || !skip_value(s, end, depth + 1) || *s >= end)
			return false;
		memcpy(last, name, sizeof(last));
		if (**s == '}') {
			(*s)++;
			return true;
		}
		if (*(*s)++ != ',')
			return false;
	}
}

static bool skip_array(const char **s, const char *end, int depth)
{
	if (depth > CANON_DEPTH_MAX || *(*s)++ != '[')
		return false;
	if (*s < end && **s == ']') {
		(*s)++;
		return true;
	}
	for (;;) {
		if (!skip_value(s, end, depth + 1) || *s >= end)
			return false;
		if (**s == ']') {
			(*s)++;
			return true;
		}
		if (*(*s)++ != ',')
			return false;
	}
}

static bool skip_word(const char **s, const char *end, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(end - *s) < n || memcmp(*s, word, n) != 0)
		return false;
	*s += n;
	return true;
}

static bool skip_value(const char **s, const char *end, int depth)
{
	if (*s >= end)
		return false;
	switch (**s) {
	case '"': return skip_string(s, end);
	case '{': return skip_object(s, end, depth);
	case '[': return skip_array(s, end, depth);
	case 't': return skip_word(s, end, "true");
	case 'f': return skip_word(s, end, "false");
	default: return skip_integer(s, end);
	}
}

bool canon_object_valid(const char *s, size_t n)
{
	const char *end = s + n;

	return skip_object(&s, end, 0) && s == end;
}

void canon_scan_init(struct canon_scan *scan, const char *object, size_t n)
{
	*scan = (struct canon_scan){ .p = object, .end = object + n, .first = true };
	if (!n || *scan->p++ != '{')
		scan->bad = true;
}

bool canon_scan_next(struct canon_scan *scan, char name_r[65], const char **value_r, size_t *value_n_r)
{
	bool first = scan->first;

	if (scan->bad || scan->p >= scan->end)
		goto bad;
	scan->first = false;
	if (*scan->p == '}') {
		if (scan->p + 1 != scan->end)
			goto bad;
		return false;
	}
	if (!first && *scan->p++ != ',')
		goto bad;
	if (!skip_name(&scan->p, scan->end, name_r) || strcmp(name_r, scan->last) <= 0)
		goto bad;
	memcpy(scan->last, name_r, sizeof(scan->last));
	*value_r = scan->p;
	if (!skip_value(&scan->p, scan->end, 1) || scan->p >= scan->end || (*scan->p != ',' && *scan->p != '}'))
		goto bad;
	/* A comma must be followed by a member. */
	if (*scan->p == ',' && (scan->p + 1 >= scan->end || scan->p[1] != '"'))
		goto bad;
	*value_n_r = (size_t)(scan->p - *value_r);
	return true;
bad:
	scan->bad = true;
	return false;
}

bool canon_member(const char *object, size_t n, const char *name, const char **value_r, size_t *value_n_r)
{
	struct canon_scan scan;
	char found[65];

	canon_scan_init(&scan, object, n);
	while (canon_scan_next(&scan, found, value_r, value_n_r))
		if (strcmp(found, name) == 0)
			return true;
	return false;
}

bool canon_string(struct pool *pool, const char *value, size_t n, const char **s_r)
{
	const char *p = value, *end = value + n;
	char *out, *w;
	size_t used;

	if (!skip_string(&p, end) || p != end)
		return false;
	w = out = pool_alloc(pool, n);
	for (p = value + 1, end--; p < end; ) {
		if (*p != '\\') {
			*w++ = *p++;
			continue;
		}
		used = escape(p + 1, end, w);
		w++;
		p += 1 + used;
	}
	*w = 0;
	*s_r = out;
	return true;
}

bool canon_integer(const char *value, size_t n, int64_t *v_r)
{
	const char *p = value, *end = value + n;
	bool minus = n && *value == '-';
	int64_t v = 0;

	if (!skip_integer(&p, end) || p != end)
		return false;
	for (p = value + minus; p < end; p++)
		v = v * 10 + (*p - '0');
	*v_r = minus ? -v : v;
	return true;
}

const char *canon_member_str(struct pool *pool, const char *object, size_t n, const char *name)
{
	const char *value, *s;
	size_t value_n;

	if (!canon_member(object, n, name, &value, &value_n) || !canon_string(pool, value, value_n, &s))
		return NULL;
	return s;
}

static void put_str(struct buf *out, const char *name, const char *value)
{
	struct jsonw w;

	buf_fmt(out, "%s\"%s\":", out->p[out->n - 1] == '{' ? "" : ",", name);
	jsonw_init(&w, out, true);
	jsonw_str(&w, NULL, value);
}

enum pli_status canon_with_str(const char *object, const char *name, const char *value, struct buf *out, struct err *err)
{
	size_t value_n, n = object ? strlen(object) : 0;
	struct canon_scan scan;
	const char *found_value;
	char found[65];
	bool put = false;
	int order;

	buf_ch(out, '{');
	if (object) {
		canon_scan_init(&scan, object, n);
		while (canon_scan_next(&scan, found, &found_value, &value_n)) {
			order = strcmp(found, name);
			if (order >= 0 && !put) {
				put_str(out, name, value);
				put = true;
			}
			if (order == 0)
				continue;
			buf_fmt(out, "%s\"%s\":", out->p[out->n - 1] == '{' ? "" : ",", found);
			buf_add(out, found_value, value_n);
		}
		if (scan.bad)
			return err_set(err, PLI_BUG, "details of a journal entry are not canonical JSON");
	}
	if (!put)
		put_str(out, name, value);
	buf_ch(out, '}');
	return PLI_OK;
}
