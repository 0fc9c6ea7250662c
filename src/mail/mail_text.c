#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "text.h"

#include "mail_text.h"

#define REPLACEMENT "\xEF\xBF\xBD"

/* ---- character sets ---- */

void mail_sets_open(struct mail_sets *sets)
{
	static const char *const names[] = {
		"ISO-8859-1", "ISO-8859-2", "ISO-8859-3", "ISO-8859-4", "ISO-8859-5", "ISO-8859-6", "ISO-8859-7",
		"ISO-8859-8", "ISO-8859-9", "ISO-8859-10", "ISO-8859-13", "ISO-8859-14", "ISO-8859-15", "ISO-8859-16",
		"WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255",
		"WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258", "KOI8-R", "KOI8-U", "IBM437", "IBM850", "MACINTOSH",
		"GB2312", "GBK", "GB18030", "BIG5", "EUC-JP", "SHIFT_JIS", "ISO-2022-JP", "EUC-KR", "ISO-2022-KR",
		"TIS-620", "UTF-7", "UTF-16", "UTF-32",
	};

	_Static_assert(2 * sizeof(names) / sizeof(*names) <= MAIL_SETS_MAX, "room for both directions");
	sets->count = 0;
	for (size_t i = 0; i < 2 * sizeof(names) / sizeof(*names); i++) {
		iconv_t cd = i % 2 ? iconv_open(names[i / 2], "UTF-8") : iconv_open("UTF-8", names[i / 2]);

		if (cd != (iconv_t)-1)
			sets->open[sets->count++] = cd;
	}
}

void mail_sets_close(struct mail_sets *sets)
{
	while (sets->count)
		iconv_close(sets->open[--sets->count]);
}

static bool set_good(const char *charset)
{
	size_t n = strlen(charset);

	return n >= 1 && n <= 40 && strspn(charset, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == n;
}

/* As well as it goes: what is malformed becomes U+FFFD. */
static void convert(struct buf *out, iconv_t cd, const char *p, size_t n)
{
	char *in = (char *)(uintptr_t)p;
	bool flushed = false;

	while (!flushed) {
		char room[4096], *to = room;
		size_t left = sizeof(room);
		size_t r;

		flushed = n == 0;
		r = flushed ? iconv(cd, NULL, NULL, &to, &left) : iconv(cd, &in, &n, &to, &left);
		buf_add(out, room, (size_t)(to - room));
		if (r != (size_t)-1 || errno == E2BIG)
			continue;
		if (n == 0)
			break;
		buf_str(out, REPLACEMENT);
		in++;
		n--;
	}
}

/* Keeps what is valid UTF-8 and not NUL. */
static void repaired(struct buf *out, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		const char *from = p;
		uint32_t cp = utf8_next(&p, end);

		if (cp == (uint32_t)-1 || cp == 0)
			buf_str(out, REPLACEMENT);
		else
			buf_add(out, from, (size_t)(p - from));
	}
}

static void latin1(struct buf *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= 0x80) {
			buf_ch(out, (char)(0xC0 | c >> 6));
			buf_ch(out, (char)(0x80 | (c & 0x3F)));
		} else {
			buf_ch(out, c ? (char)c : ' ');
		}
	}
}

void mail_text_decode(struct buf *out, const char *charset, const char *p, size_t n)
{
	bool utf8_said = charset && (strcasecmp(charset, "utf-8") == 0 || strcasecmp(charset, "utf8") == 0);
	bool none_said = !charset || strcasecmp(charset, "us-ascii") == 0;
	iconv_t cd = (iconv_t)-1;

	if (!utf8_said && !none_said && set_good(charset))
		cd = iconv_open("UTF-8", charset);
	if (cd != (iconv_t)-1) {
		AUTO_BUF utf8 = { 0 };

		convert(&utf8, cd, p, n);
		iconv_close(cd);
		repaired(out, utf8.p ? utf8.p : "", utf8.n);
	} else if (utf8_said || utf8_valid(p, n)) {
		repaired(out, p, n);
	} else {
		latin1(out, p, n);
	}
}

/* ---- lines ---- */

/* Without blanks at its end. */
static size_t trimmed(const char *p, size_t n)
{
	while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	return n;
}

static void clean(struct buf *out, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		const char *from = p;
		uint32_t cp = utf8_next(&p, end);

		if (cp == '\t' || (cp != (uint32_t)-1 && !codepoint_is_control(cp)))
			buf_add(out, from, (size_t)(p - from));
	}
}

/* Number of `>` at the beginning. */
static size_t quote_depth(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] == '>')
		i++;
	return i;
}

struct flow {
	bool on, delsp;
	bool joined;		/* the line before ends with a soft break */
	size_t depth;
};

/* One line without its end.  RFC 3676 section 4: unquote, unstuff, join while a line ends with a blank (but for "-- "). */
static void add_line(struct buf *out, struct flow *f, const char *p, size_t n)
{
	size_t depth = f->on ? quote_depth(p, n) : 0;
	const char *text = p + depth;
	size_t text_n = n - depth;
	bool soft;

	if (f->on && text_n && *text == ' ') {
		text++;
		text_n--;
	}
	soft = f->on && text_n && text[text_n - 1] == ' ' && !(text_n == 3 && memcmp(text, "-- ", 3) == 0);
	if (f->joined && depth != f->depth) {
		buf_ch(out, '\n');
		f->joined = false;
	}
	if (!f->joined)
		for (size_t i = 0; i < depth; i++)
			buf_str(out, i + 1 == depth ? "> " : ">");
	if (soft && f->delsp)
		text_n--;
	clean(out, text, soft ? text_n : trimmed(text, text_n));
	if (!soft)
		buf_ch(out, '\n');
	f->joined = soft;
	f->depth = depth;
}

void mail_text_lines(struct buf *out, const char *p, size_t n, bool flowed, bool delsp)
{
	AUTO_BUF all = { 0 };
	struct flow f = { .on = flowed, .delsp = delsp };
	const char *end = p + n;
	size_t from = 0;

	while (p < end) {
		size_t line_n = 0;
		while (p + line_n < end && p[line_n] != '\n' && p[line_n] != '\r')
			line_n++;
		add_line(&all, &f, p, line_n);
		p += line_n;
		if (p < end && *p == '\r' && p + 1 < end && p[1] == '\n')
			p++;
		p += p < end;
	}
	while (all.n && (all.p[all.n - 1] == '\n' || all.p[all.n - 1] == ' '))
		all.n--;
	while (from < all.n && all.p[from] == '\n')
		from++;
	if (from < all.n)
		buf_add(out, all.p + from, all.n - from);
}

void mail_text_one_line(struct buf *out, const char *p, size_t n, size_t max)
{
	const char *end = p + n;
	size_t start = out->n;
	bool blank = false;

	while (p < end) {
		const char *from = p;
		uint32_t cp = utf8_next(&p, end);

		if (cp == (uint32_t)-1 || cp == ' ' || codepoint_is_control(cp)) {
			blank = out->n > start;
			continue;
		}
		if (out->n - start + blank + (size_t)(p - from) > max)
			return;
		if (blank)
			buf_ch(out, ' ');
		blank = false;
		buf_add(out, from, (size_t)(p - from));
	}
}

/* ---- Markdown ---- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (c & 0x80);
}

/* Does the byte at i of the line mean something inside a line? */
static bool inline_special(const char *p, size_t n, size_t i)
{
	switch (p[i]) {
	case '*':
	case '`':
	case '[':
	case ']':
	case '<':
		return true;
	case '_':
		return !(i > 0 && i + 1 < n && is_word(p[i - 1]) && is_word(p[i + 1]));
	case '&':
		return i + 1 < n && (isalnum((unsigned char)p[i + 1]) || p[i + 1] == '#');
	case '\\':
		return i + 1 == n || ispunct((unsigned char)p[i + 1]);
	default:
		return false;
	}
}

/* Where in the line a byte stands that begins a block (heading, list, quote, rule, code): n when there is none. */
static size_t block_special(const char *p, size_t n)
{
	size_t digits = 0;

	if (n == 0)
		return n;
	if (strchr("#>+-=~", p[0]))
		return 0;
	while (digits < n && digits < 10 && isdigit((unsigned char)p[digits]))
		digits++;
	if (digits && digits < n && (p[digits] == '.' || p[digits] == ')'))
		return digits;
	return n;
}

static void markdown_line(struct buf *out, const char *p, size_t n)
{
	size_t block;

	/* Blanks at the beginning would make a block of code, or be lost. */
	for (; n && (*p == ' ' || *p == '\t'); p++, n--)
		buf_str(out, *p == ' ' ? "\xC2\xA0" : "\xC2\xA0\xC2\xA0\xC2\xA0\xC2\xA0");
	block = block_special(p, n);
	for (size_t i = 0; i < n; i++) {
		if (i == block || inline_special(p, n, i))
			buf_ch(out, '\\');
		buf_ch(out, p[i]);
	}
}

void mail_text_markdown(struct buf *out, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));

		markdown_line(out, p, (size_t)((lf ? lf : end) - p));
		if (lf)
			buf_ch(out, '\n');
		p = lf ? lf + 1 : end;
	}
}
