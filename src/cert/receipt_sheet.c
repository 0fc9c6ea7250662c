/* Laying out a proof; see receipt_sheet.h. */
#include <string.h>

#include "pool.h"
#include "text.h"

#include "receipt_sheet.h"

#define LABEL_WIDTH 104.0
#define LEADING 13.2
#define BODY 10.0

const uint32_t SHEET_INK = 0x1d1b19, SHEET_QUIET = 0x5d5852, SHEET_RULE = 0xdcd7cf, SHEET_WAX = 0x8c2f1b;

void sheet_page(struct sheet *sheet)
{
	const struct pdf_style small = { PDF_REGULAR, 8.5, SHEET_QUIET };

	pdf_page_add(sheet->pdf);
	sheet->y = 62;
	if (pdf_page_count(sheet->pdf) == 1)
		return;
	pdf_text(sheet->pdf, &small, SHEET_LEFT, sheet->y, sheet->running, strlen(sheet->running));
	pdf_box(sheet->pdf, SHEET_LEFT, sheet->y + 7, SHEET_RIGHT - SHEET_LEFT, 0.6, SHEET_RULE);
	sheet->y += 18;
}

void sheet_room(struct sheet *sheet, double height)
{
	if (sheet->y + height > SHEET_BOTTOM)
		sheet_page(sheet);
}

void sheet_lines(struct sheet *sheet, const struct pdf_style *style, double x, double width, double leading, const char *text)
{
	size_t n = strlen(text);

	while (n) {
		size_t fit = pdf_text_fit(sheet->pdf, style, text, n, width);

		sheet_room(sheet, leading);
		sheet->y += leading;
		pdf_text(sheet->pdf, style, x, sheet->y, text, fit);
		text += fit;
		n -= fit;
	}
}

void sheet_heading(struct sheet *sheet, const char *text, double with)
{
	const struct pdf_style style = { PDF_BOLD, 10.5, SHEET_WAX };

	sheet_room(sheet, 32 + with);
	sheet->y += 26;
	pdf_text(sheet->pdf, &style, SHEET_LEFT, sheet->y, text, strlen(text));
	pdf_box(sheet->pdf, SHEET_LEFT, sheet->y + 5, SHEET_RIGHT - SHEET_LEFT, 0.6, SHEET_RULE);
	sheet->y += 6;
}

void sheet_fact(struct sheet *sheet, const char *label, const char *value, const char *quiet)
{
	const struct pdf_style left = { PDF_REGULAR, 9.2, SHEET_QUIET }, right = { PDF_REGULAR, BODY, SHEET_INK };
	const struct pdf_style below = { PDF_REGULAR, 8.6, SHEET_QUIET };
	double width = SHEET_RIGHT - SHEET_LEFT - LABEL_WIDTH;

	if (!value || !*value)
		return;
	sheet_room(sheet, quiet ? 2 * LEADING + 2 : LEADING + 2);
	sheet->y += 2;
	pdf_text(sheet->pdf, &left, SHEET_LEFT, sheet->y + LEADING, label, strlen(label));
	sheet_lines(sheet, &right, SHEET_LEFT + LABEL_WIDTH, width, LEADING, value);
	if (quiet && *quiet)
		sheet_lines(sheet, &below, SHEET_LEFT + LABEL_WIDTH, width, 11.4, quiet);
}

void sheet_point(struct sheet *sheet, const char *text)
{
	const struct pdf_style style = { PDF_REGULAR, 9.4, SHEET_INK }, mark = { PDF_BOLD, 9.4, SHEET_WAX };

	sheet_room(sheet, 2 * 12.2);
	sheet->y += 1.5;
	pdf_text(sheet->pdf, &mark, SHEET_LEFT, sheet->y + 12.2, "–", strlen("–"));
	sheet_lines(sheet, &style, SHEET_LEFT + 11, SHEET_RIGHT - SHEET_LEFT - 11, 12.2, text);
}
