/* Reading and subsetting the faces of the program; see pdf_font.h.  Tables: OpenType 1.9, chapters cmap (formats 12), glyf, loca, hmtx. */
#include <assert.h>
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "pdf_font.h"

/* The bytes as they are, by the assembler: no file is read when the program runs. */
#define FACE(symbol, file) \
	__asm__(".section .rodata\n.balign 4\n.global " #symbol "\n" #symbol ":\n.incbin \"third_party/gentium/" file "\"\n" \
		".global " #symbol "_end\n" #symbol "_end:\n.byte 0\n.previous\n"); \
	extern const uint8_t symbol[] __attribute__((visibility("hidden"))), symbol##_end[] __attribute__((visibility("hidden")))
FACE(pdf_face_regular, "GentiumBookPlus-Regular.ttf");
FACE(pdf_face_bold, "GentiumBookPlus-Bold.ttf");

#define GLYPHS_MAX 65536u
/* Composite glyphs: flags of a component. */
#define WORDS 0x0001
#define SCALE 0x0008
#define MORE 0x0020
#define SCALE_XY 0x0040
#define SCALE_2X2 0x0080

struct table {
	const uint8_t *p;
	size_t n;
};
struct pdf_font {
	const uint8_t *p;
	size_t n;
	const char *name;
	struct table head, hhea, maxp, hmtx, loca, glyf, cvt, fpgm, prep, cmap;
	const uint8_t *groups;		/* of cmap format 12 */
	uint32_t group_count;
	unsigned glyphs, metrics, em;
	uint32_t *shown;		/* by glyph: its character + 1; 0 = not used */
	uint8_t *kept;			/* by glyph: goes into the file, also as a part of another */
};

static uint16_t u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)u16(p) << 16 | u16(p + 2);
}

static struct table table_find(const struct pdf_font *f, const char *tag)
{
	unsigned count = u16(f->p + 4);

	for (unsigned i = 0; i < count; i++) {
		const uint8_t *entry = f->p + 12 + 16 * (size_t)i;

		if (memcmp(entry, tag, 4) == 0) {
			struct table t = { f->p + u32(entry + 8), u32(entry + 12) };

			assert((size_t)(t.p - f->p) + t.n <= f->n);
			return t;
		}
	}
	assert(!"a table of our own font");
	return (struct table){ 0 };
}

static void groups_find(struct pdf_font *f)
{
	unsigned count = u16(f->cmap.p + 2);

	for (unsigned i = 0; i < count; i++) {
		const uint8_t *entry = f->cmap.p + 4 + 8 * (size_t)i, *sub = f->cmap.p + u32(entry + 4);

		if (u16(entry) == 3 && u16(entry + 2) == 10 && u16(sub) == 12) {
			f->group_count = u32(sub + 12);
			f->groups = sub + 16;
		}
	}
	assert(f->groups);
}

struct pdf_font *pdf_font_new(struct pool *pool, enum pdf_face face)
{
	struct pdf_font *f = POOL_NEW(pool, struct pdf_font);

	f->p = face == PDF_BOLD ? pdf_face_bold : pdf_face_regular;
	f->n = (size_t)((face == PDF_BOLD ? pdf_face_bold_end : pdf_face_regular_end) - f->p);
	f->name = face == PDF_BOLD ? "GentiumBookPlus-Bold" : "GentiumBookPlus";
	f->head = table_find(f, "head");
	f->hhea = table_find(f, "hhea");
	f->maxp = table_find(f, "maxp");
	f->hmtx = table_find(f, "hmtx");
	f->loca = table_find(f, "loca");
	f->glyf = table_find(f, "glyf");
	f->cvt = table_find(f, "cvt ");
	f->fpgm = table_find(f, "fpgm");
	f->prep = table_find(f, "prep");
	f->cmap = table_find(f, "cmap");
	groups_find(f);
	f->em = u16(f->head.p + 18);
	f->glyphs = u16(f->maxp.p + 4);
	f->metrics = u16(f->hhea.p + 34);
	assert(u16(f->head.p + 50) == 1 && f->glyphs < GLYPHS_MAX && f->metrics);
	f->shown = POOL_ARRAY(pool, uint32_t, f->glyphs);
	f->kept = POOL_ARRAY(pool, uint8_t, f->glyphs);
	f->kept[0] = 1;
	return f;
}

const char *pdf_font_name(const struct pdf_font *font)
{
	return font->name;
}

uint16_t pdf_font_glyph(const struct pdf_font *font, uint32_t codepoint)
{
	uint32_t low = 0, high = font->group_count;

	while (low < high) {
		uint32_t at = low + (high - low) / 2;
		const uint8_t *group = font->groups + 12 * (size_t)at;

		if (codepoint < u32(group))
			high = at;
		else if (codepoint > u32(group + 4))
			low = at + 1;
		else
			return (uint16_t)(u32(group + 8) + codepoint - u32(group));
	}
	return 0;
}

static int thousandths(const struct pdf_font *f, int units)
{
	return (int)((units * 1000L + (units < 0 ? -(long)f->em / 2 : (long)f->em / 2)) / (long)f->em);
}

int pdf_font_advance(const struct pdf_font *font, uint16_t glyph)
{
	unsigned at = glyph < font->metrics ? glyph : font->metrics - 1;

	return thousandths(font, u16(font->hmtx.p + 4 * (size_t)at));
}

static const uint8_t *outline(const struct pdf_font *f, unsigned glyph, size_t *n_r)
{
	uint32_t from = u32(f->loca.p + 4 * (size_t)glyph), to = u32(f->loca.p + 4 * (size_t)glyph + 4);

	assert(from <= to && to <= f->glyf.n);
	*n_r = to - from;
	return f->glyf.p + from;
}

/* A composite brings its parts along. */
static void keep(struct pdf_font *f, unsigned glyph)
{
	const uint8_t *p;
	size_t n;
	uint16_t flags;

	if (f->kept[glyph])
		return;
	f->kept[glyph] = 1;
	p = outline(f, glyph, &n);
	if (n < 10 || !(p[0] & 0x80))
		return;
	p += 10;
	do {
		flags = u16(p);
		keep(f, u16(p + 2));
		p += 4 + (flags & WORDS ? 4 : 2) + (flags & SCALE ? 2 : flags & SCALE_XY ? 4 : flags & SCALE_2X2 ? 8 : 0);
	} while (flags & MORE);
}

void pdf_font_use(struct pdf_font *font, uint16_t glyph, uint32_t codepoint)
{
	font->shown[glyph] = codepoint + 1;
	keep(font, glyph);
}

bool pdf_font_used(const struct pdf_font *font, uint32_t *glyph, uint32_t *codepoint_r)
{
	for (; *glyph < font->glyphs; ++*glyph)
		if (font->shown[*glyph]) {
			*codepoint_r = font->shown[*glyph] - 1;
			return true;
		}
	return false;
}

static int s16_at(const uint8_t *p)
{
	return (int16_t)u16(p);
}

void pdf_font_metrics(const struct pdf_font *font, struct pdf_font_metrics *metrics_r)
{
	metrics_r->ascent = thousandths(font, s16_at(font->hhea.p + 4));
	metrics_r->descent = thousandths(font, s16_at(font->hhea.p + 6));
	for (int i = 0; i < 4; i++)
		metrics_r->box[i] = thousandths(font, s16_at(font->head.p + 36 + 2 * i));
}

/* ---- the file ---- */

static void glyphs_write(const struct pdf_font *f, struct buf *glyf, struct buf *loca, struct buf *hmtx)
{
	for (unsigned g = 0; g < f->glyphs; g++) {
		size_t n;
		const uint8_t *p = outline(f, g, &n);

		buf_u32(loca, (uint32_t)glyf->n);
		if (f->kept[g])
			buf_add(glyf, p, n);
		while (glyf->n % 4)
			buf_u8(glyf, 0);
	}
	buf_u32(loca, (uint32_t)glyf->n);
	buf_add(hmtx, f->hmtx.p, f->hmtx.n);
	for (unsigned g = 0; g + 1 < f->metrics; g++)	/* widths that nobody asks for compress to nothing */
		if (!f->kept[g])
			memset(hmtx->p + 4 * (size_t)g, 0, 4);
}

static uint32_t checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 3 < n; i += 4)
		sum += u32(p + i);
	if (n % 4) {
		uint8_t last[4] = { 0 };

		memcpy(last, p + n - n % 4, n % 4);
		sum += u32(last);
	}
	return sum;
}

void pdf_font_write(struct pdf_font *font, struct buf *out)
{
	AUTO_BUF glyf = { 0 }, loca = { 0 }, hmtx = { 0 }, head = { 0 };
	size_t start = out->n, at, head_at = 0;
	uint32_t sum;

	glyphs_write(font, &glyf, &loca, &hmtx);
	buf_add(&head, font->head.p, font->head.n);
	memset(head.p + 8, 0, 4);
	const struct {
		const char *tag;
		const void *p;
		size_t n;
	} tables[] = {
		{ "cvt ", font->cvt.p, font->cvt.n }, { "fpgm", font->fpgm.p, font->fpgm.n }, { "glyf", glyf.p, glyf.n },
		{ "head", head.p, head.n }, { "hhea", font->hhea.p, font->hhea.n }, { "hmtx", hmtx.p, hmtx.n },
		{ "loca", loca.p, loca.n }, { "maxp", font->maxp.p, font->maxp.n }, { "prep", font->prep.p, font->prep.n },
	};
	const unsigned count = sizeof(tables) / sizeof(tables[0]);

	buf_u32(out, 0x00010000);
	buf_u16(out, (uint16_t)count);
	buf_u16(out, 8 * 16);		/* of the largest power of two of tables */
	buf_u16(out, 3);
	buf_u16(out, (uint16_t)(count * 16 - 8 * 16));
	at = 12 + 16 * (size_t)count;
	for (unsigned i = 0; i < count; i++) {
		buf_add(out, tables[i].tag, 4);
		buf_u32(out, checksum(tables[i].p, tables[i].n));
		buf_u32(out, (uint32_t)at);
		buf_u32(out, (uint32_t)tables[i].n);
		at += (tables[i].n + 3) & ~(size_t)3;
	}
	for (unsigned i = 0; i < count; i++) {
		if (memcmp(tables[i].tag, "head", 4) == 0)
			head_at = out->n;
		buf_add(out, tables[i].p, tables[i].n);
		while ((out->n - start) % 4)
			buf_u8(out, 0);
	}
	sum = 0xb1b0afba - checksum((const uint8_t *)out->p + start, out->n - start);
	for (int i = 0; i < 4; i++)
		out->p[head_at + 8 + (size_t)i] = (char)(sum >> (24 - 8 * i));
}
