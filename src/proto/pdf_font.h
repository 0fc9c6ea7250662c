/* A TrueType font as a PDF embeds it: glyphs of characters, their widths, and a file with the glyphs that were used.
 * Only for the two faces that are linked into the program (third_party/gentium): nothing here is meant for fonts from outside. */
#ifndef PLI_PDF_FONT_H
#define PLI_PDF_FONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct pool;

enum pdf_face { PDF_REGULAR, PDF_BOLD, PDF_FACES };

struct pdf_font;	/* what one document uses of a face; lives in its pool */

struct pdf_font *pdf_font_new(struct pool *pool, enum pdf_face face);
/* Name in the file, "GentiumBookPlus-Bold". */
const char *pdf_font_name(const struct pdf_font *font);
/* Glyph of a character; 0 when the face has none. */
uint16_t pdf_font_glyph(const struct pdf_font *font, uint32_t codepoint);
/* Advance width in thousandths of the size. */
int pdf_font_advance(const struct pdf_font *font, uint16_t glyph);
/* Marks a glyph as used, shown for that character. */
void pdf_font_use(struct pdf_font *font, uint16_t glyph, uint32_t codepoint);
/* The next used glyph from `glyph` on, with its character; false: no more. */
bool pdf_font_used(const struct pdf_font *font, uint32_t *glyph, uint32_t *codepoint_r);

struct pdf_font_metrics {
	int ascent, descent, box[4];	/* thousandths */
};
void pdf_font_metrics(const struct pdf_font *font, struct pdf_font_metrics *metrics_r);
/* A TrueType file with the used glyphs under their own numbers. */
void pdf_font_write(struct pdf_font *font, struct buf *out);

#endif
