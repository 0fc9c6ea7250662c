/* HTML of a mail as text.  No tree: tags are met one after the other, a few mean a line end, the rest goes. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "text.h"

#include "mail_text.h"

#define TAG_MAX 16
#define HREF_MAX 2048
#define UNENDED_MAX 16	/* tags whose quotes hide their end: after so many, quotes count no more */

struct html {
	struct buf *out;
	size_t start;		/* of our text in out */
	bool blank;		/* white space was met */
	unsigned breaks;	/* line ends owed before the next word */
	char href[HREF_MAX + 1];	/* of the link that is open, "" if none */
	size_t link_from;	/* where its words begin in out */
	unsigned unended;
};

static bool is_one_of(const char *tag, const char *const *names)
{
	for (; *names; names++)
		if (str_eq(tag, *names))
			return true;
	return false;
}

static void owe(struct html *h, unsigned breaks)
{
	if (h->breaks < breaks)
		h->breaks = breaks;
	h->blank = false;
}

/* One character of the text that is shown. */
static void put(struct html *h, const char *p, size_t n)
{
	if (h->out->n > h->start) {
		for (unsigned i = 0; i < h->breaks; i++)
			buf_ch(h->out, '\n');
		if (!h->breaks && h->blank)
			buf_ch(h->out, ' ');
	}
	h->breaks = 0;
	h->blank = false;
	buf_add(h->out, p, n);
}

static size_t encode(uint32_t cp, char u[4])
{
	if (cp == 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
		cp = 0xFFFD;
	if (cp < 0x80) {
		u[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		u[0] = (char)(0xC0 | cp >> 6);
		u[1] = (char)(0x80 | (cp & 63));
		return 2;
	}
	if (cp < 0x10000) {
		u[0] = (char)(0xE0 | cp >> 12);
		u[1] = (char)(0x80 | (cp >> 6 & 63));
		u[2] = (char)(0x80 | (cp & 63));
		return 3;
	}
	u[0] = (char)(0xF0 | cp >> 18);
	u[1] = (char)(0x80 | (cp >> 12 & 63));
	u[2] = (char)(0x80 | (cp >> 6 & 63));
	u[3] = (char)(0x80 | (cp & 63));
	return 4;
}

static void put_codepoint(struct html *h, uint32_t cp)
{
	char u[4];

	if (cp == 0xA0 || cp == ' ' || cp == '\t' || cp == '\n' || cp == '\r')
		h->blank = true;
	else
		put(h, u, encode(cp, u));
}

/* "&…;" at p: its code point, and how long it is; 0 long when it is no reference. */
static size_t reference(const char *p, size_t n, uint32_t *cp_r)
{
	static const struct {
		const char *name;
		uint32_t cp;
	} names[] = {
		{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' }, { "nbsp", 0xA0 },
		{ "copy", 0xA9 }, { "reg", 0xAE }, { "laquo", 0xAB }, { "raquo", 0xBB }, { "deg", 0xB0 }, { "middot", 0xB7 },
		{ "agrave", 0xE0 }, { "acirc", 0xE2 }, { "auml", 0xE4 }, { "ccedil", 0xE7 }, { "egrave", 0xE8 },
		{ "eacute", 0xE9 }, { "ecirc", 0xEA }, { "euml", 0xEB }, { "icirc", 0xEE }, { "iuml", 0xEF }, { "ocirc", 0xF4 },
		{ "ouml", 0xF6 }, { "ugrave", 0xF9 }, { "ucirc", 0xFB }, { "uuml", 0xFC }, { "szlig", 0xDF }, { "Agrave", 0xC0 },
		{ "Ccedil", 0xC7 }, { "Eacute", 0xC9 }, { "Egrave", 0xC8 }, { "Ecirc", 0xCA }, { "oelig", 0x153 }, { "OElig", 0x152 },
		{ "ndash", 0x2013 }, { "mdash", 0x2014 }, { "lsquo", 0x2018 }, { "rsquo", 0x2019 }, { "ldquo", 0x201C },
		{ "rdquo", 0x201D }, { "bull", 0x2022 }, { "hellip", 0x2026 }, { "euro", 0x20AC }, { "trade", 0x2122 },
		{ "rarr", 0x2192 }, { "zwnj", ' ' }, { "ensp", ' ' }, { "emsp", ' ' }, { "thinsp", ' ' },
	};
	size_t len = 1;
	uint32_t cp = 0;

	while (len < n && len < 12 && (isalnum((unsigned char)p[len]) || p[len] == '#'))
		len++;
	if (len < 2 || len >= n || p[len] != ';')
		return 0;
	if (p[1] == '#') {
		bool hex = p[2] == 'x' || p[2] == 'X';
		for (size_t i = hex ? 3 : 2; i < len; i++) {
			if (hex ? !isxdigit((unsigned char)p[i]) : !isdigit((unsigned char)p[i]))
				return 0;
			cp = cp * (hex ? 16 : 10) + (uint32_t)(isdigit((unsigned char)p[i]) ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
			if (cp > 0x10FFFF)
				cp = 0x110000;
		}
		*cp_r = cp;
		return len + 1;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i].name) == len - 1 && memcmp(names[i].name, p + 1, len - 1) == 0) {
			*cp_r = names[i].cp;
			return len + 1;
		}
	return 0;
}

size_t mail_text_reference(const char *p, size_t n, char utf8_r[4], size_t *utf8_n_r)
{
	uint32_t cp;
	size_t len = reference(p, n, &cp);

	*utf8_n_r = len ? encode(cp, utf8_r) : 0;
	return len;
}

/* Value of an attribute inside a tag, references undone for & alone; false when it is not there. */
static bool attribute(const char *p, const char *end, const char *name, char *out, size_t cap)
{
	size_t name_n = strlen(name);

	for (; p + name_n < end; p++) {
		const char *v = p + name_n;
		char quote;
		size_t n = 0;

		if (strncasecmp(p, name, name_n) != 0 || !isspace((unsigned char)p[-1]))
			continue;
		while (v < end && isspace((unsigned char)*v))
			v++;
		if (v == end || *v++ != '=')
			continue;
		while (v < end && isspace((unsigned char)*v))
			v++;
		quote = v < end && (*v == '"' || *v == '\'') ? *v++ : '\0';
		while (v < end && (quote ? *v != quote : !isspace((unsigned char)*v))) {
			if (n + 1 >= cap)
				return false;
			out[n++] = *v;
			v += end - v >= 5 && strncasecmp(v, "&amp;", 5) == 0 ? 5 : 1;
		}
		out[n] = '\0';
		return true;
	}
	return false;
}

static bool href_worth(const char *href)
{
	return (strncasecmp(href, "http://", 7) == 0 || strncasecmp(href, "https://", 8) == 0) && text_is_line(href, strlen(href)) &&
	       !strpbrk(href, " <>\"");
}

static void link_end(struct html *h)
{
	size_t n = strlen(h->href);

	if (!n)
		return;
	/* Where the words are the address already, once is enough. */
	if (h->out->n < h->link_from || !memmem(h->out->p + h->link_from, h->out->n - h->link_from, h->href, n)) {
		h->blank = true;
		put(h, "(", 1);
		put(h, h->href, n);
		put(h, ")", 1);
	}
	h->href[0] = '\0';
}

static void link_begin(struct html *h, const char *p, const char *end)
{
	link_end(h);
	if (!attribute(p, end, "href", h->href, sizeof(h->href)) || !href_worth(h->href))
		h->href[0] = '\0';
	h->link_from = h->out->n;
}

/* Content of these is not text: everything up to the closing tag goes. */
static const char *skip_content(const char *p, const char *end, const char *tag)
{
	size_t n = strlen(tag);

	for (; p < end; p++)
		if (*p == '<' && end - p > (long)n + 1 && p[1] == '/' && strncasecmp(p + 2, tag, n) == 0)
			return p;
	return end;
}

static void show_alt(struct html *h, const char *p, const char *end)
{
	char alt[256];

	if (!attribute(p, end, "alt", alt, sizeof(alt)) || !utf8_valid(alt, strlen(alt)) || !alt[strspn(alt, " \t\r\n")])
		return;
	put(h, "[", 1);
	mail_text_one_line(h->out, alt, strlen(alt), sizeof(alt));
	put(h, "]", 1);
}

/* A whole tag, from behind its `<` to before its `>`; returns where reading goes on. */
static const char *tag_met(struct html *h, const char *p, const char *end, const char *all_end)
{
	static const char *const hidden[] = { "script", "style", "title", "head", "noscript", "template", "textarea", NULL };
	static const char *const blocks[] = { "p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "dl", "blockquote",
					      "pre", "hr", "section", "article", NULL };
	static const char *const lines[] = { "div", "tr", "li", "dt", "dd", "address", "header", "footer", "center", "form", NULL };
	bool closing = p < end && *p == '/';
	const char *name = p + closing;
	char tag[TAG_MAX + 1];
	size_t n = 0;

	for (; name + n < end && n < TAG_MAX && isalnum((unsigned char)name[n]); n++)
		tag[n] = (char)tolower((unsigned char)name[n]);
	tag[n] = '\0';
	if (is_one_of(tag, hidden))
		return closing || (end > p && end[-1] == '/') ? end : skip_content(end, all_end, tag);
	if (str_eq(tag, "br")) {
		h->breaks += h->breaks < 2;
		h->blank = false;
	} else if (is_one_of(tag, blocks)) {
		owe(h, 2);
	} else if (is_one_of(tag, lines)) {
		owe(h, 1);
	} else if (str_eq(tag, "td") || str_eq(tag, "th")) {
		h->blank = true;
	} else if (str_eq(tag, "img") && !closing) {
		show_alt(h, name + n, end);
	} else if (str_eq(tag, "a")) {
		if (closing)
			link_end(h);
		else
			link_begin(h, name + n, end);
	}
	if (str_eq(tag, "li") && !closing) {
		put(h, "-", 1);
		h->blank = true;
	}
	return end;
}

/* Behind `<`: the end of the tag, where quotes hide a `>`; NULL when it has none. */
static const char *tag_end(const char *p, const char *end)
{
	char quote = '\0';

	for (; p < end; p++) {
		if (quote)
			quote = *p == quote ? '\0' : quote;
		else if (*p == '"' || *p == '\'')
			quote = *p;
		else if (*p == '>')
			return p;
	}
	return NULL;
}

/* A tag, comment or declaration at p, which is `<`; NULL: it is none, and shown as it is. */
static const char *markup(struct html *h, const char *p, const char *end)
{
	const char *close;

	if (end - p >= 4 && memcmp(p, "<!--", 4) == 0) {
		close = memmem(p + 4, (size_t)(end - p - 4), "-->", 3);
		return close ? close + 3 : end;
	}
	if (end - p < 2 || !(isalpha((unsigned char)p[1]) || p[1] == '/' || p[1] == '!' || p[1] == '?'))
		return NULL;
	close = h->unended < UNENDED_MAX ? tag_end(p + 1, end) : NULL;
	if (!close) {
		h->unended++;
		close = memchr(p, '>', (size_t)(end - p));
	}
	if (!close)
		return end;
	close = tag_met(h, p + 1, close, end);
	return close < end && *close == '>' ? close + 1 : close;
}

void mail_text_html(struct buf *out, const char *p, size_t n)
{
	struct html h = { .out = out, .start = out->n };
	const char *end = p + n;

	while (p < end) {
		const char *from = p, *next = *p == '<' ? markup(&h, p, end) : NULL;
		uint32_t cp;
		size_t len;

		if (next) {
			p = next;
			continue;
		}
		len = *p == '&' ? reference(p, (size_t)(end - p), &cp) : 0;
		if (len) {
			p += len;
			put_codepoint(&h, cp);
			continue;
		}
		cp = utf8_next(&p, end);
		if (p == from)
			p++;
		put_codepoint(&h, cp == (uint32_t)-1 ? 0xFFFD : cp);
	}
	link_end(&h);
}
