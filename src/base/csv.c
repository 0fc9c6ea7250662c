/* CSV, see csv.h. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"

#include "csv.h"

void csv_begin(struct csv *csv, struct buf *out, char separator)
{
	*csv = (struct csv){ .out = out, .separator = separator };
	buf_str(out, "\xEF\xBB\xBF");
}

static void cell_begin(struct csv *csv)
{
	if (csv->row_begun)
		buf_ch(csv->out, csv->separator);
	csv->row_begun = true;
}

/* Would a spreadsheet take this for a formula?  OWASP, CSV injection: also TAB, CR, LF first and the full-width
 * forms U+FF1D U+FF0B U+FF0D U+FF20, which some locales fold; also U+2212, the minus sign. */
static bool is_formula(const char *text)
{
	static const char *const wide[] = { "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0",
					    "\xE2\x88\x92" };
	const char *p = text;

	if (*p == '\t' || *p == '\r' || *p == '\n')
		return true;
	for (;;) {
		if (*p == ' ')
			p++;
		else if (strncmp(p, "\xC2\xA0", 2) == 0)
			p += 2;
		else if (strncmp(p, "\xEF\xBB\xBF", 3) == 0)
			p += 3;
		else
			break;
	}
	if (*p && strchr("=+-@", *p))
		return true;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		if (strncmp(p, wide[i], 3) == 0)
			return true;
	return p != text && (*p == '\t' || *p == '\r' || *p == '\n');
}

void csv_cell(struct csv *csv, const char *text)
{
	bool formula, quoted;
	size_t n;

	cell_begin(csv);
	if (!text || !*text)
		return;
	n = strlen(text);
	formula = is_formula(text);
	quoted = text[0] == ' ' || text[n - 1] == ' ' || strpbrk(text, "\",;\t\r\n") != NULL;
	if (quoted)
		buf_ch(csv->out, '"');
	if (formula)
		buf_ch(csv->out, '\'');
	for (const char *p = text; *p; p++) {
		if (*p == '"')
			buf_ch(csv->out, '"');
		buf_ch(csv->out, *p);
	}
	if (quoted)
		buf_ch(csv->out, '"');
}

void csv_int(struct csv *csv, int64_t v)
{
	cell_begin(csv);
	buf_fmt(csv->out, "%" PRId64, v);
}

void csv_row_end(struct csv *csv)
{
	buf_str(csv->out, "\r\n");
	csv->row_begun = false;
}
