/* The JSON writer; see jsonw.h.  Number and string forms are those of RFC 8785. */
#include <assert.h>
#include <string.h>

#include "clock.h"
#include "text.h"

#include "jsonw.h"

#define DEPTH_MAX ((int)(sizeof(((struct jsonw *)0)->first) / sizeof(bool)))
#define INTEGER_MAX ((INT64_C(1) << 53) - 1)

void jsonw_init(struct jsonw *w, struct buf *out, bool canonical)
{
	memset(w, 0, sizeof(*w));
	w->out = out;
	w->canonical = canonical;
	w->first[0] = true;
}

/* Most strings are ASCII without anything to escape: copied as they are. */
static bool plain_add(struct buf *out, const char *s, size_t n)
{
	char *to = buf_reserve(out, n + 2);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
			return false;
		to[i + 1] = (char)c;
	}
	to[0] = to[n + 1] = '"';
	to[n + 2] = 0;
	out->n += n + 2;
	return true;
}

static void string_add(struct buf *out, const char *s, size_t n)
{
	static const char short_forms[] = "btn\0fr";	/* 0x08 … 0x0D; 0x0B has none */
	size_t from = 0;

	if (plain_add(out, s, n))
		return;
	assert(utf8_valid(s, n) || memchr(s, 0, n));
	buf_ch(out, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(out, s + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
			buf_fmt(out, "\\%c", c);
		else if (c >= 0x08 && c <= 0x0D && short_forms[c - 0x08])
			buf_fmt(out, "\\%c", short_forms[c - 0x08]);
		else
			buf_fmt(out, "\\u%04x", c);
	}
	buf_add(out, s + from, n - from);
	buf_ch(out, '"');
}

/* RFC 8785 section 3.2.3 sorts by UTF-16 units; our keys are ASCII, where bytes sort the same. */
static void begin(struct jsonw *w, const char *key)
{
	if (w->first[w->depth])
		w->first[w->depth] = false;
	else
		buf_ch(w->out, ',');
	if (!key)
		return;
	if (w->canonical) {
		const char *last = w->last_key[w->depth];

		assert(!last || strcmp(last, key) < 0);
		w->last_key[w->depth] = key;
	}
	string_add(w->out, key, strlen(key));
	buf_ch(w->out, ':');
}

static void open_level(struct jsonw *w, const char *key, char bracket)
{
	begin(w, key);
	buf_ch(w->out, bracket);
	w->depth++;
	assert(w->depth < DEPTH_MAX);
	w->first[w->depth] = true;
	w->last_key[w->depth] = NULL;
}

static void close_level(struct jsonw *w, char bracket)
{
	assert(w->depth > 0);
	w->depth--;
	buf_ch(w->out, bracket);
}

void jsonw_object(struct jsonw *w, const char *key)
{
	open_level(w, key, '{');
}

void jsonw_object_end(struct jsonw *w)
{
	close_level(w, '}');
}

void jsonw_array(struct jsonw *w, const char *key)
{
	open_level(w, key, '[');
}

void jsonw_array_end(struct jsonw *w)
{
	close_level(w, ']');
}

void jsonw_str(struct jsonw *w, const char *key, const char *s)
{
	if (s)
		jsonw_strn(w, key, s, strlen(s));
}

void jsonw_strn(struct jsonw *w, const char *key, const char *s, size_t n)
{
	begin(w, key);
	string_add(w->out, s, n);
}

void jsonw_int(struct jsonw *w, const char *key, int64_t v)
{
	char text[20], *at = text + sizeof(text);
	uint64_t left = v < 0 ? (uint64_t)-v : (uint64_t)v;

	assert(v <= INTEGER_MAX && v >= -INTEGER_MAX);
	begin(w, key);
	do
		*--at = (char)('0' + left % 10);
	while (left /= 10);
	if (v < 0)
		*--at = '-';
	buf_add(w->out, at, (size_t)(text + sizeof(text) - at));
}

void jsonw_bool(struct jsonw *w, const char *key, bool v)
{
	begin(w, key);
	buf_str(w->out, v ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *key)
{
	begin(w, key);
	buf_str(w->out, "null");
}

void jsonw_hex(struct jsonw *w, const char *key, const void *p, size_t n)
{
	char *to;

	begin(w, key);
	buf_ch(w->out, '"');
	to = buf_reserve(w->out, 2 * n + 1);
	hex_encode(to, p, n);
	w->out->n += 2 * n;
	buf_ch(w->out, '"');
}

void jsonw_time(struct jsonw *w, const char *key, int64_t t_us)
{
	char text[32];

	if (t_us)
		jsonw_str(w, key, clock_rfc3339(text, t_us));
	else
		jsonw_null(w, key);
}

void jsonw_raw(struct jsonw *w, const char *key, const char *json, size_t n)
{
	begin(w, key);
	buf_add(w->out, json, n);
}
