/* Drawing on the pages of a PDF document; see pdf.h.  pdf_write.c makes the file. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "text.h"

#include "pdf_own.h"

#include "pdf.h"

#define REPLACEMENT 0xfffd

static void pages_free(void *arg)
{
	struct pdf *pdf = arg;

	for (unsigned i = 0; i < pdf->page_count; i++)
		buf_free(&pdf->pages[i]);
}

struct pdf *pdf_new(struct pool *pool, const struct pdf_info *info)
{
	struct pdf *pdf = POOL_NEW(pool, struct pdf);

	pdf->pool = pool;
	pdf->info = *info;
	for (int i = 0; i < PDF_FACES; i++)
		pdf->fonts[i] = pdf_font_new(pool, (enum pdf_face)i);
	pool_cleanup(pool, pages_free, pdf);
	return pdf;
}

unsigned pdf_page_add(struct pdf *pdf)
{
	/* Whoever lays out keeps below: a document of that length is not for people. */
	assert(pdf->page_count < PDF_PAGES_MAX);
	pdf->page = &pdf->pages[pdf->page_count];
	return pdf->page_count++;
}

void pdf_page_turn(struct pdf *pdf, unsigned page)
{
	assert(page < pdf->page_count);
	pdf->page = &pdf->pages[page];
}

unsigned pdf_page_count(const struct pdf *pdf)
{
	return pdf->page_count;
}

/* ---- text ---- */

struct shown {
	uint16_t glyph;
	uint32_t codepoint;
	bool missing;
};

static struct shown shown_next(const struct pdf *pdf, enum pdf_face face, const char **p, const char *end)
{
	struct shown s = { .codepoint = utf8_next(p, end) };

	if (s.codepoint == (uint32_t)-1) {
		*p = end;
		s.codepoint = REPLACEMENT;
	}
	if (s.codepoint >= 0x20 && !codepoint_is_control(s.codepoint))
		s.glyph = pdf_font_glyph(pdf->fonts[face], s.codepoint);
	if (!s.glyph) {
		s.glyph = pdf_font_glyph(pdf->fonts[face], REPLACEMENT);
		s.missing = s.codepoint != REPLACEMENT;
	}
	return s;
}

double pdf_text_width(const struct pdf *pdf, const struct pdf_style *style, const char *text, size_t n)
{
	const char *end = text + n;
	long sum = 0;

	while (text < end)
		sum += pdf_font_advance(pdf->fonts[style->face], shown_next(pdf, style->face, &text, end).glyph);
	return (double)sum * style->size / 1000;
}

size_t pdf_text_fit(const struct pdf *pdf, const struct pdf_style *style, const char *text, size_t n, double width)
{
	const char *p = text, *end = text + n, *space = NULL;
	double sum = 0;

	while (p < end) {
		const char *before = p;
		struct shown s = shown_next(pdf, style->face, &p, end);

		sum += pdf_font_advance(pdf->fonts[style->face], s.glyph) * style->size / 1000;
		if (s.codepoint == ' ')
			space = p;
		else if (sum > width && before > text)
			return (size_t)((space ? space : before) - text);
	}
	return n;
}

void pdf_string(struct buf *out, const char *text)
{
	const char *end = text + strlen(text);

	buf_str(out, "<FEFF");
	while (text < end) {
		uint32_t cp = utf8_next(&text, end);

		if (cp == (uint32_t)-1)
			break;
		if (cp >= 0x10000)
			buf_fmt(out, "%04X%04X", 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + ((cp - 0x10000) & 0x3ff));
		else
			buf_fmt(out, "%04X", cp);
	}
	buf_ch(out, '>');
}

static void colour_set(struct buf *page, uint32_t colour, bool stroke)
{
	buf_fmt(page, "%.3f %.3f %.3f %s\n", (double)(colour >> 16 & 255) / 255, (double)(colour >> 8 & 255) / 255,
		(double)(colour & 255) / 255, stroke ? "RG" : "rg");
}

void pdf_text(struct pdf *pdf, const struct pdf_style *style, double x, double y, const char *text, size_t n)
{
	const char *end = text + n;
	struct buf *page = pdf->page;
	bool open = false;

	if (!n)
		return;
	colour_set(page, style->colour, false);
	buf_fmt(page, "BT /F%d %.2f Tf 1 0 0 1 %.2f %.2f Tm\n", (int)style->face, style->size, x, PDF_HEIGHT - y);
	while (text < end) {
		const char *from = text;
		struct shown s = shown_next(pdf, style->face, &text, end);

		pdf_font_use(pdf->fonts[style->face], s.glyph, s.missing ? REPLACEMENT : s.codepoint);
		if (s.missing) {
			if (open)
				buf_str(page, "> Tj\n");
			open = false;
			buf_str(page, "/Span << /ActualText ");
			pdf_string(page, pool_strn(pdf->pool, from, (size_t)(text - from)));
			buf_fmt(page, " >> BDC <%04X> Tj EMC\n", s.glyph);
			continue;
		}
		if (!open)
			buf_ch(page, '<');
		open = true;
		buf_fmt(page, "%04X", s.glyph);
	}
	if (open)
		buf_str(page, "> Tj\n");
	buf_str(page, "ET\n");
}

/* ---- shapes ---- */

void pdf_box(struct pdf *pdf, double x, double y, double width, double height, uint32_t colour)
{
	colour_set(pdf->page, colour, false);
	buf_fmt(pdf->page, "%.2f %.2f %.2f %.2f re f\n", x, PDF_HEIGHT - y - height, width, height);
}

void pdf_shape(struct pdf *pdf, double x, double y, double scale, const char *path, uint32_t colour, double stroke)
{
	struct buf *page = pdf->page;

	buf_str(page, "q\n");
	colour_set(page, colour, stroke > 0);
	if (stroke > 0)
		buf_fmt(page, "%.2f w 1 J 1 j\n", stroke);
	while (*path) {
		char verb = *path++;
		int numbers = verb == 'C' ? 6 : verb == 'Z' ? 0 : 2;

		for (int i = 0; i < numbers; i++) {
			char *end;
			double v = strtod(path, &end);

			assert(end > path);
			path = end;
			buf_fmt(page, "%.2f ", i % 2 ? PDF_HEIGHT - y - v * scale : x + v * scale);
		}
		buf_str(page, verb == 'M' ? "m\n" : verb == 'L' ? "l\n" : verb == 'C' ? "c\n" : "h\n");
		while (*path == ' ')
			path++;
	}
	buf_str(page, stroke > 0 ? "S Q\n" : "f Q\n");
}

void pdf_modules(struct pdf *pdf, double x, double y, double side, const uint8_t *modules, unsigned width)
{
	struct buf *page = pdf->page;

	/* One unit is one module, so that all edges meet. */
	buf_fmt(page, "q 0 0 0 rg %.5f 0 0 %.5f %.2f %.2f cm\n", side / width, -side / width, x, PDF_HEIGHT - y);
	for (unsigned row = 0; row < width; row++)
		for (unsigned at = 0; at < width; at++) {
			unsigned from = at;

			while (at < width && modules[row * width + at])
				at++;
			if (at > from)
				buf_fmt(page, "%u %u %u 1 re\n", from, row, at - from);
		}
	buf_str(page, "f Q\n");
}

void pdf_attach(struct pdf *pdf, const char *name, const char *type, const char *description, const void *bytes, size_t n)
{
	assert(pdf->file_count < PDF_FILES_MAX);
	pdf->files[pdf->file_count++] = (struct pdf_file){ name, type, description, bytes, n };
}
