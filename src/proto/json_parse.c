/* See json_parse.h. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "text.h"

#include "json_parse.h"

struct parse {
	struct pool *pool;
	const char *start, *p, *end;
	unsigned depth, depth_max;
	size_t values;
	const char *why;		/* NULL: malformed */
};

static struct json_value *value_read(struct parse *s);

static struct json_value *fault(struct parse *s, const char *why)
{
	if (!s->why)
		s->why = why;
	return NULL;
}

static void blanks(struct parse *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool take(struct parse *s, char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static struct json_value *value_new(struct parse *s, enum json_kind kind)
{
	struct json_value *v;

	if (++s->values > JSON_VALUES_MAX)
		return fault(s, ", too many values");
	v = POOL_NEW(s->pool, struct json_value);
	v->kind = kind;
	return v;
}

/* ---- strings ---- */

/* The closing quote, or NULL.  Each byte is looked at once for each of the two. */
static const char *string_end(const char *p, const char *end)
{
	const char *quote = NULL, *slash;

	for (;;) {
		if (!quote || quote < p)
			quote = memchr(p, '"', (size_t)(end - p));
		if (!quote)
			return NULL;
		slash = memchr(p, '\\', (size_t)(quote - p));
		if (!slash)
			return quote;
		if (end - slash < 2)
			return NULL;
		p = slash + 2;
	}
}

/* Well-formed UTF-8 without control characters, which must be escaped. */
static bool plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20)
			return false;
	return utf8_valid(p, n);
}

static bool hex4(const char *p, const char *end, unsigned *unit_r)
{
	unsigned char bytes[2];

	if (end - p < 4 || !hex_decode(bytes, 2, p, 4))
		return false;
	*unit_r = (unsigned)bytes[0] << 8 | bytes[1];
	return true;
}

static char *utf8_put(char *out, unsigned cp)
{
	if (cp < 0x80) {
		*out++ = (char)cp;
	} else if (cp < 0x800) {
		*out++ = (char)(0xC0 | cp >> 6);
		*out++ = (char)(0x80 | (cp & 0x3F));
	} else if (cp < 0x10000) {
		*out++ = (char)(0xE0 | cp >> 12);
		*out++ = (char)(0x80 | (cp >> 6 & 0x3F));
		*out++ = (char)(0x80 | (cp & 0x3F));
	} else {
		*out++ = (char)(0xF0 | cp >> 18);
		*out++ = (char)(0x80 | (cp >> 12 & 0x3F));
		*out++ = (char)(0x80 | (cp >> 6 & 0x3F));
		*out++ = (char)(0x80 | (cp & 0x3F));
	}
	return out;
}

/* What follows \u, surrogate pairs included; p stands behind the u. */
static const char *unicode(const char *p, const char *end, char **out)
{
	unsigned unit, low;

	if (!hex4(p, end, &unit) || unit == 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
		return NULL;
	p += 4;
	if (unit >= 0xD800 && unit <= 0xDBFF) {
		if (end - p < 6 || p[0] != '\\' || p[1] != 'u' || !hex4(p + 2, end, &low) || low < 0xDC00 || low > 0xDFFF)
			return NULL;
		unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
		p += 6;
	}
	*out = utf8_put(*out, unit);
	return p;
}

static const char *escape(const char *p, const char *end, char **out)
{
	static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
	const char *which;

	if (*p == 'u')
		return unicode(p + 1, end, out);
	which = *p ? strchr(FROM, *p) : NULL;
	if (!which)
		return NULL;
	*(*out)++ = TO[which - FROM];
	return p + 1;
}

/* p stands behind the opening quote.  No escape is shorter than what it stands for. */
static const char *string_read(struct parse *s)
{
	const char *end = string_end(s->p, s->end), *p = s->p;
	char *text, *out;

	if (!end) {
		s->p = s->end;
		return NULL;
	}
	out = text = pool_alloc(s->pool, (size_t)(end - p) + 1);
	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		size_t n = (size_t)((slash ? slash : end) - p);

		if (!plain(p, n))
			return NULL;
		memcpy(out, p, n);
		out += n;
		p = slash ? escape(slash + 1, end, &out) : end;
		if (!p)
			return NULL;
		s->p = p;
	}
	*out = 0;
	s->p = end + 1;
	return text;
}

/* ---- numbers and words ---- */

static size_t digits(struct parse *s)
{
	const char *from = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return (size_t)(s->p - from);
}

static struct json_value *whole(struct parse *s, const char *from)
{
	struct json_value *v;
	int64_t n = 0;
	bool minus = *from == '-';

	/* Downwards, where there is one number more. */
	for (const char *p = from + minus; p < s->p; p++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, *p - '0', &n))
			return fault(s, ", a number is too large");
	if (!minus && n == INT64_MIN)
		return fault(s, ", a number is too large");
	v = value_new(s, JSON_IS_WHOLE);
	if (v)
		v->whole = minus ? n : -n;
	return v;
}

static struct json_value *number_read(struct parse *s)
{
	const char *from = s->p;
	bool real = false;

	take(s, '-');
	if (!take(s, '0') && !digits(s))
		return NULL;
	if (take(s, '.')) {
		real = true;
		if (!digits(s))
			return NULL;
	}
	if (take(s, 'e') || take(s, 'E')) {
		real = true;
		if (!take(s, '-'))
			take(s, '+');
		if (!digits(s))
			return NULL;
	}
	if (!real)
		return whole(s, from);
	if (!isfinite(strtod(pool_strn(s->pool, from, (size_t)(s->p - from)), NULL)))
		return fault(s, ", a number is too large");
	return value_new(s, JSON_IS_REAL);
}

static struct json_value *word_read(struct parse *s, const char *word, enum json_kind kind)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return NULL;
	s->p += n;
	return value_new(s, kind);
}

/* ---- arrays and objects ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct json_value *const *)a)->name, (*(struct json_value *const *)b)->name);
}

static bool names_differ(struct parse *s, const struct json_value *object)
{
	const struct json_value **all;
	size_t n = 0;

	if (object->in.count < 2)
		return true;
	all = POOL_ARRAY(s->pool, const struct json_value *, object->in.count);
	for (const struct json_value *v = object->in.first; v; v = v->next)
		all[n++] = v;
	qsort(all, n, sizeof(*all), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(all[i - 1]->name, all[i]->name) == 0) {
			fault(s, ", a name stands twice");
			return false;
		}
	return true;
}

static struct json_value *item_read(struct parse *s, bool object)
{
	const char *name = NULL;
	struct json_value *v;

	blanks(s);
	if (object) {
		if (!take(s, '"') || !(name = string_read(s)))
			return NULL;
		blanks(s);
		if (!take(s, ':'))
			return NULL;
	}
	v = value_read(s);
	if (v)
		v->name = name;
	blanks(s);
	return v;
}

/* p stands behind the opening bracket. */
static struct json_value *items_read(struct parse *s, bool object)
{
	struct json_value *v = value_new(s, object ? JSON_IS_OBJECT : JSON_IS_ARRAY), **last;
	char close = object ? '}' : ']';

	if (!v)
		return NULL;
	if (++s->depth > s->depth_max)
		return fault(s, ", it is nested too deep");
	last = &v->in.first;
	blanks(s);
	if (!take(s, close)) {
		do {
			*last = item_read(s, object);
			if (!*last)
				return NULL;
			last = &(*last)->next;
			v->in.count++;
		} while (take(s, ','));
		if (!take(s, close))
			return NULL;
	}
	s->depth--;
	return !object || names_differ(s, v) ? v : NULL;
}

static struct json_value *value_read(struct parse *s)
{
	struct json_value *v;
	const char *text;

	blanks(s);
	if (s->p == s->end)
		return NULL;
	switch (*s->p) {
	case '{':
	case '[':
		s->p++;
		return items_read(s, s->p[-1] == '{');
	case '"':
		s->p++;
		text = string_read(s);
		v = text ? value_new(s, JSON_IS_STRING) : NULL;
		if (v)
			v->text = text;
		return v;
	case 't': return word_read(s, "true", JSON_IS_TRUE);
	case 'f': return word_read(s, "false", JSON_IS_FALSE);
	case 'n': return word_read(s, "null", JSON_IS_NULL);
	default: return number_read(s);
	}
}

enum pli_status json_parse(struct pool *pool, const char *p, size_t n, unsigned depth_max, struct json_value **root_r, struct err *err)
{
	struct parse s = { .pool = pool, .start = p, .p = p, .end = p + n, .depth_max = depth_max };
	struct json_value *root = value_read(&s);
	unsigned line = 1, column = 1;

	blanks(&s);
	if (root && s.p == s.end) {
		*root_r = root;
		return PLI_OK;
	}
	for (const char *at = p; at < s.p; at++) {
		column = *at == '\n' ? 1 : column + 1;
		line += *at == '\n';
	}
	return err_field(err, PLI_INPUT, "bad-json", "", "malformed JSON: line %u, column %u%s", line, column, s.why ? s.why : "");
}
