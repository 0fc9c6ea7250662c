/* Escaping; see escape.h. */
#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "text.h"

#include "escape.h"

#define REPLACEMENT "\xEF\xBF\xBD"

static const char *html_entity(uint32_t cp)
{
	switch (cp) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	case '\t': case '\n': case '\r': return NULL;
	}
	if (cp == (uint32_t)-1 || cp < 0x20 || (cp >= 0x7F && cp <= 0x9F))
		return REPLACEMENT;
	return NULL;
}

/* Printable ASCII that stands for itself in HTML. */
static bool is_itself(unsigned char c)
{
	return c >= ' ' && c < 0x7F && c != '&' && c != '<' && c != '>' && c != '"' && c != '\'';
}

static void html(struct buf *out, const char *s, size_t n, bool lines)
{
	const char *end = s + n, *from = s;

	for (;;) {
		const char *at, *instead;
		uint32_t cp;

		while (s < end && is_itself((unsigned char)*s))
			s++;
		if (s == end)
			break;
		at = s;
		cp = utf8_next(&s, end);
		instead = html_entity(cp);

		if (lines && cp == '\n')
			instead = "<br>\n";
		else if (lines && cp == '\r')
			instead = "";
		if (!instead)
			continue;
		buf_add(out, from, (size_t)(at - from));
		buf_str(out, instead);
		from = s;
	}
	buf_add(out, from, (size_t)(end - from));
}

void escape_html(struct buf *out, const char *s, size_t n)
{
	html(out, s, n, false);
}

void escape_html_lines(struct buf *out, const char *s, size_t n)
{
	html(out, s, n, true);
}

static bool is_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

static bool scheme_is(const char *s, size_t n, const char *scheme)
{
	for (size_t i = 0; i < n; i++) {
		char c = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i];

		if (!scheme[i] || c != scheme[i])
			return false;
	}
	return !scheme[n];
}

static bool url_is_harmless(const char *s, size_t n)
{
	size_t i = 0;

	if (!n || !utf8_valid(s, n))
		return false;
	for (size_t k = 0; k < n; k++)
		if ((unsigned char)s[k] <= 0x20 || s[k] == 0x7F || s[k] == '\\')
			return false;
	if (n >= 2 && s[0] == '/' && s[1] == '/')
		return false;
	while (i < n && !strchr(":/?#", s[i]))
		i++;
	if (i == n || s[i] != ':')
		return true;
	if (scheme_is(s, i, "mailto"))
		return true;
	return (scheme_is(s, i, "http") || scheme_is(s, i, "https")) && n - i > 3 &&
	       s[i + 1] == '/' && s[i + 2] == '/';
}

void escape_url(struct buf *out, const char *s, size_t n)
{
	if (!url_is_harmless(s, n)) {
		buf_ch(out, '#');
		return;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '&')
			buf_str(out, "&amp;");
		else if (c == '\'')
			buf_str(out, "&#39;");
		else if (is_unreserved(c) || strchr(":/?#[]@!$()*+,;=%", c))
			buf_ch(out, (char)c);
		else
			buf_fmt(out, "%%%02X", c);
	}
}

void escape_url_part(struct buf *out, const char *s, size_t n)
{
	/* Browsers take these away together with the component before, however they are written. */
	if ((n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
		return;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (is_unreserved(c))
			buf_ch(out, (char)c);
		else
			buf_fmt(out, "%%%02X", c);
	}
}

static void plain(struct buf *out, const char *s, size_t n, bool lines)
{
	const char *end = s + n;

	while (s < end) {
		const char *at = s;
		uint32_t cp = utf8_next(&s, end);

		if (lines && cp == '\r')
			continue;
		if (cp == (uint32_t)-1 || cp == 0)
			buf_str(out, REPLACEMENT);
		else if (lines && (cp == '\n' || cp == '\t'))
			buf_ch(out, (char)cp);
		else if (codepoint_is_control(cp))
			buf_ch(out, ' ');
		else
			buf_add(out, at, (size_t)(s - at));
	}
}

void escape_line(struct buf *out, const char *s, size_t n)
{
	plain(out, s, n, false);
}

void escape_lines(struct buf *out, const char *s, size_t n)
{
	plain(out, s, n, true);
}
