/* See markdown_prose.h.  What this takes for prose is less than what is: whoever begins a line with a space, a dash or a number and a
 * full stop is left to the parser. */
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "markdown_prose.h"

enum place_kind {
	PLAIN,
	ESCAPED,	/* & < > " */
	MARKUP,		/* begins something, or might */
	DIGIT,		/* markup only where a line begins, with . or ) behind the number */
	LINE_MARKUP,	/* markup only where a line begins */
};

static const uint8_t KINDS[256] = {
	[0x00 ... 0x1f] = MARKUP, [' '] = LINE_MARKUP, ['"'] = ESCAPED, ['#'] = LINE_MARKUP,
	['&'] = ESCAPED, ['*'] = MARKUP, ['+'] = LINE_MARKUP, ['-'] = LINE_MARKUP, ['0' ... '9'] = DIGIT, ['<'] = MARKUP,
	['='] = LINE_MARKUP, ['>'] = ESCAPED, ['['] = MARKUP, ['\\'] = MARKUP, [']'] = MARKUP, ['_'] = MARKUP, ['`'] = MARKUP,
	['~'] = LINE_MARKUP, [0x7f] = MARKUP,
};

/* Whether the line that begins at p can only be text. */
static bool begins_text(const char *p, const char *end)
{
	enum place_kind kind = KINDS[(unsigned char)*p];

	if (kind == DIGIT) {
		while (p < end && KINDS[(unsigned char)*p] == DIGIT)
			p++;
		return p == end || (*p != '.' && *p != ')');
	}
	return kind == PLAIN || (kind == ESCAPED && *p != '>');
}

/* One of the few that HTML writes otherwise.  False: it may begin an entity. */
static bool escape(struct buf *out, const char *p, const char *end)
{
	if (*p == '&' && p + 1 < end && p[1] != ' ' && p[1] != '\n')
		return false;
	buf_str(out, *p == '&' ? "&amp;" : *p == '>' ? "&gt;" : "&quot;");
	return true;
}

/* The line [p, end), without what ends it. */
static bool line(struct buf *out, const char *p, const char *end)
{
	const char *from = p;

	if (!begins_text(p, end))
		return false;
	for (; p < end; p++) {
		enum place_kind kind = KINDS[(unsigned char)*p];

		if (kind == MARKUP)
			return false;
		if (kind != ESCAPED)
			continue;
		buf_add(out, from, (size_t)(p - from));
		if (!escape(out, p, end))
			return false;
		from = p + 1;
	}
	buf_add(out, from, (size_t)(end - from));
	return true;
}

/* Where the line that begins at p ends; *next_r: where the next one begins. */
static const char *line_end(const char *p, const char *end, const char **next_r)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf ? lf : end;

	*next_r = lf ? lf + 1 : end;
	if (lf && stop > p && stop[-1] == '\r')
		stop--;
	while (stop > p && stop[-1] == ' ')
		stop--;
	return stop;
}

static bool paragraphs(struct buf *out, const char *text, size_t n)
{
	const char *end = text + n, *next;
	bool inside = false;

	for (const char *p = text; p < end; p = next) {
		const char *stop = line_end(p, end, &next);

		if (stop == p) {
			buf_str(out, inside ? "</p>\n" : "");
			inside = false;
			continue;
		}
		buf_str(out, inside ? "<br />\n" : "<p>");
		inside = true;
		if (!line(out, p, stop))
			return false;
	}
	buf_str(out, inside ? "</p>\n" : "");
	return true;
}

bool markdown_prose(struct buf *out, const char *text, size_t n)
{
	static const char BOM[] = "\xEF\xBB\xBF";
	size_t before = out->n;

	if (!utf8_valid(text, n) || (n >= 3 && memcmp(text, BOM, 3) == 0))
		return false;
	(void)buf_reserve(out, n + n / 8 + 16);
	if (paragraphs(out, text, n))
		return true;
	mem_wipe(out->p + before, out->n - before);
	out->n = before;
	out->p[before] = '\0';
	return false;
}
