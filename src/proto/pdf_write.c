/* The file of a PDF document: objects, cross-reference table, the hole for the signature; see pdf.h.
 * ISO 32000-1 (PDF 1.7), ISO 19005-3 (PDF/A-3b). */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include <zlib.h>

#include "clock.h"
#include "escape.h"
#include "pool.h"
#include "text.h"

#include "pdf_own.h"

#include "pdf.h"

/* Objects by number; what there are several of follows. */
enum { CATALOG = 1, PAGES, INFO, METADATA, COLOUR, SIGNATURE, WIDGET, FONTS };
enum { FONT_TYPE0, FONT_CID, FONT_DESCRIPTOR, FONT_FILE, FONT_UNICODE, FONT_OBJECTS };
#define FONT(face, what) (FONTS + (face) * FONT_OBJECTS + (what))
#define FILES FONT(PDF_FACES, 0)

/* Of zlib.  Against 6 the files are three in a hundred larger and packed in half the time, which was a quarter of making a proof. */
#define PACKING 4

struct writing {
	struct pdf *pdf;
	struct buf *out;
	size_t start;			/* of the document in out */
	size_t *offsets;		/* by object */
	unsigned count;
	size_t contents, ranges;	/* where the signature's hole and /ByteRange begin */
};

static unsigned page_object(const struct pdf *pdf, unsigned page)
{
	return FILES + 2 * pdf->file_count + 2 * page;
}

static void object_begin(struct writing *w, unsigned number)
{
	w->offsets[number] = w->out->n - w->start;
	buf_fmt(w->out, "%u 0 obj\n", number);
}

static void object_end(struct writing *w)
{
	buf_str(w->out, "\nendobj\n");
}

/* dict: further entries. */
static void stream(struct writing *w, unsigned number, const char *dict, const void *p, size_t n, bool packed)
{
	AUTO_BUF deflated = { 0 };

	if (packed) {
		uLongf room = compressBound((uLong)n);

		buf_reserve(&deflated, room);
		if (compress2((Bytef *)deflated.p, &room, p, (uLong)n, PACKING) == Z_OK) {
			p = deflated.p;
			n = room;
		} else {
			packed = false;
		}
	}
	object_begin(w, number);
	buf_fmt(w->out, "<< /Length %zu%s%s >>\nstream\n", n, packed ? " /Filter /FlateDecode" : "", dict);
	buf_add(w->out, p, n);
	buf_str(w->out, "\nendstream");
	object_end(w);
}

static void date(struct buf *out, int64_t t_us)
{
	struct clock_parts c;

	clock_local(t_us, NULL, &c);
	buf_fmt(out, "(D:%04d%02d%02d%02d%02d%02d+00'00')", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

/* ---- the document ---- */

static void catalog(struct writing *w)
{
	const struct pdf *pdf = w->pdf;
	struct buf *out = w->out;

	object_begin(w, CATALOG);
	buf_fmt(out, "<< /Type /Catalog /Pages %d 0 R /Metadata %d 0 R /Lang (%s)\n", PAGES, METADATA, pdf->info.lang);
	buf_fmt(out, "/OutputIntents [<< /Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB) /Info (sRGB)"
		     " /DestOutputProfile %d 0 R >>]\n", COLOUR);
	buf_fmt(out, "/AcroForm << /Fields [%d 0 R] /SigFlags 3 >> /ViewerPreferences << /DisplayDocTitle true >>\n", WIDGET);
	if (pdf->file_count) {
		buf_str(out, "/AF [");
		for (unsigned i = 0; i < pdf->file_count; i++)
			buf_fmt(out, "%u 0 R ", FILES + 2 * i);
		buf_str(out, "] /PageMode /UseNone /Names << /EmbeddedFiles << /Names [");
		for (unsigned i = 0; i < pdf->file_count; i++)
			buf_fmt(out, "(%s) %u 0 R ", pdf->files[i].name, FILES + 2 * i);
		buf_str(out, "] >> >>\n");
	}
	buf_str(out, ">>");
	object_end(w);
	object_begin(w, PAGES);
	buf_fmt(out, "<< /Type /Pages /Count %u /MediaBox [0 0 %.2f %.2f] /Resources << /Font <<", pdf->page_count, PDF_WIDTH, PDF_HEIGHT);
	for (int i = 0; i < PDF_FACES; i++)
		buf_fmt(out, " /F%d %d 0 R", i, FONT(i, FONT_TYPE0));
	buf_str(out, " >> >>\n/Kids [");
	for (unsigned i = 0; i < pdf->page_count; i++)
		buf_fmt(out, "%u 0 R ", page_object(pdf, i));
	buf_str(out, "] >>");
	object_end(w);
}

static void information(struct writing *w)
{
	const struct pdf_info *info = &w->pdf->info;
	struct buf *out = w->out;
	AUTO_BUF xmp = { 0 };
	char t[25];

	object_begin(w, INFO);
	buf_str(out, "<< /Title ");
	pdf_string(out, info->title);
	buf_str(out, " /Author ");
	pdf_string(out, info->author);
	buf_str(out, " /Producer (Pli) /CreationDate ");
	date(out, info->t_us);
	buf_str(out, " >>");
	object_end(w);
	clock_rfc3339(t, info->t_us);
	buf_str(&xmp, "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
		      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
		      "<rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\""
		      " xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\" xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\">\n"
		      "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>\n"
		      "<dc:format>application/pdf</dc:format><dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">");
	escape_html(&xmp, info->title, strlen(info->title));
	buf_str(&xmp, "</rdf:li></rdf:Alt></dc:title><dc:creator><rdf:Seq><rdf:li>");
	escape_html(&xmp, info->author, strlen(info->author));
	buf_fmt(&xmp, "</rdf:li></rdf:Seq></dc:creator>\n<xmp:CreateDate>%.19s+00:00</xmp:CreateDate><pdf:Producer>Pli</pdf:Producer>\n", t);
	buf_str(&xmp, "</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end=\"w\"?>");
	stream(w, METADATA, " /Type /Metadata /Subtype /XML", xmp.p, xmp.n, false);
	stream(w, COLOUR, " /N 3", pdf_srgb, pdf_srgb_n, true);
}

/* ---- type ---- */

static void unicode_map(const struct pdf_font *font, struct buf *out)
{
	uint32_t glyph = 0, cp;
	unsigned count = 0, in_block = 0;

	buf_str(out, "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
		     "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n/CMapName /Adobe-Identity-UCS def\n"
		     "/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n");
	for (uint32_t g = 0; pdf_font_used(font, &g, &cp); g++)
		count++;
	for (; pdf_font_used(font, &glyph, &cp); glyph++) {
		if (!in_block)
			buf_fmt(out, "%u beginbfchar\n", count < 100 ? count : 100);
		if (cp >= 0x10000)
			buf_fmt(out, "<%04X> <%04X%04X>\n", glyph, 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + ((cp - 0x10000) & 0x3ff));
		else
			buf_fmt(out, "<%04X> <%04X>\n", glyph, cp);
		count--;
		if (++in_block == 100 || !count) {
			buf_str(out, "endbfchar\n");
			in_block = 0;
		}
	}
	buf_str(out, "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend");
}

static void type(struct writing *w, int face)
{
	struct pdf_font *font = w->pdf->fonts[face];
	struct pdf_font_metrics m;
	AUTO_BUF file = { 0 }, map = { 0 };
	uint32_t glyph = 0, cp;
	char name[64];

	/* Six letters say that the file is a part of the face. */
	snprintf(name, sizeof(name), "PLI%cAA+%s", 'A' + face, pdf_font_name(font));
	pdf_font_metrics(font, &m);
	object_begin(w, (unsigned)FONT(face, FONT_TYPE0));
	buf_fmt(w->out, "<< /Type /Font /Subtype /Type0 /BaseFont /%s /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>",
		name, FONT(face, FONT_CID), FONT(face, FONT_UNICODE));
	object_end(w);
	object_begin(w, (unsigned)FONT(face, FONT_CID));
	buf_fmt(w->out, "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /%s /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity)"
			" /Supplement 0 >> /FontDescriptor %d 0 R /CIDToGIDMap /Identity /DW 0 /W [", name, FONT(face, FONT_DESCRIPTOR));
	for (; pdf_font_used(font, &glyph, &cp); glyph++)
		buf_fmt(w->out, "%u [%d] ", glyph, pdf_font_advance(font, (uint16_t)glyph));
	buf_str(w->out, "] >>");
	object_end(w);
	object_begin(w, (unsigned)FONT(face, FONT_DESCRIPTOR));
	buf_fmt(w->out, "<< /Type /FontDescriptor /FontName /%s /Flags 4 /FontBBox [%d %d %d %d] /ItalicAngle 0 /Ascent %d /Descent %d"
			" /CapHeight 650 /StemV %d /FontFile2 %d 0 R >>", name, m.box[0], m.box[1], m.box[2], m.box[3], m.ascent,
		m.descent, face == PDF_BOLD ? 140 : 90, FONT(face, FONT_FILE));
	object_end(w);
	pdf_font_write(font, &file);
	snprintf(name, sizeof(name), " /Length1 %zu", file.n);
	stream(w, (unsigned)FONT(face, FONT_FILE), name, file.p, file.n, true);
	unicode_map(font, &map);
	stream(w, (unsigned)FONT(face, FONT_UNICODE), "", map.p, map.n, true);
}

/* ---- attachments, signature, pages ---- */

/* A media type as a PDF name. */
static void subtype(struct buf *out, const char *type)
{
	buf_str(out, " /Subtype /");
	for (; *type; type++)
		if (strchr("#/()<>[]{}% +;=", *type))
			buf_fmt(out, "#%02X", (unsigned char)*type);
		else
			buf_ch(out, *type);
}

static void attachment(struct writing *w, unsigned i)
{
	const struct pdf_file *f = &w->pdf->files[i];
	AUTO_BUF dict = { 0 };

	object_begin(w, FILES + 2 * i);
	buf_fmt(w->out, "<< /Type /Filespec /F (%s) /UF (%s) /AFRelationship /Data /Desc ", f->name, f->name);
	pdf_string(w->out, f->description);
	buf_fmt(w->out, " /EF << /F %u 0 R /UF %u 0 R >> >>", FILES + 2 * i + 1, FILES + 2 * i + 1);
	object_end(w);
	buf_str(&dict, " /Type /EmbeddedFile");
	subtype(&dict, f->type);
	buf_fmt(&dict, " /Params << /Size %zu /ModDate ", f->n);
	date(&dict, w->pdf->info.t_us);
	buf_str(&dict, " >>");
	stream(w, FILES + 2 * i + 1, dict.p, f->p, f->n, true);
}

/* The ranges are known only at the end: room for them, and zeros for the signature. */
static void signature(struct writing *w, const char *reason)
{
	struct buf *out = w->out;

	object_begin(w, SIGNATURE);
	buf_str(out, "<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /M ");
	date(out, w->pdf->info.t_us);
	buf_str(out, " /Name ");
	pdf_string(out, w->pdf->info.author);
	buf_str(out, " /Reason ");
	pdf_string(out, reason);
	buf_str(out, "\n/ByteRange ");
	w->ranges = out->n;
	buf_fmt(out, "[0 %10d %10d %10d]\n/Contents ", 0, 0, 0);
	w->contents = out->n;
	buf_ch(out, '<');
	memset(buf_reserve(out, 2 * PDF_SIGNATURE_MAX), '0', 2 * PDF_SIGNATURE_MAX);
	out->n += 2 * PDF_SIGNATURE_MAX;
	buf_str(out, "> >>");
	object_end(w);
	object_begin(w, WIDGET);
	buf_fmt(out, "<< /Type /Annot /Subtype /Widget /FT /Sig /T (seal) /V %d 0 R /Rect [0 0 0 0] /F 132 /P %u 0 R >>", SIGNATURE,
		page_object(w->pdf, 0));
	object_end(w);
}

static void page(struct writing *w, unsigned i)
{
	unsigned number = page_object(w->pdf, i);

	object_begin(w, number);
	buf_fmt(w->out, "<< /Type /Page /Parent %d 0 R /Contents %u 0 R%s", PAGES, number + 1, i ? "" : " /Annots [");
	if (!i)
		buf_fmt(w->out, "%d 0 R]", WIDGET);
	buf_str(w->out, " >>");
	object_end(w);
	stream(w, number + 1, "", w->pdf->pages[i].p, w->pdf->pages[i].n, true);
}

static void table(struct writing *w)
{
	struct buf *out = w->out;
	size_t at = out->n - w->start;
	char id[33];

	buf_fmt(out, "xref\n0 %u\n0000000000 65535 f \n", w->count);
	for (unsigned i = 1; i < w->count; i++)
		buf_fmt(out, "%010zu 00000 n \n", w->offsets[i]);
	hex_encode(id, w->pdf->info.id, 16);
	buf_fmt(out, "trailer\n<< /Size %u /Root %d 0 R /Info %d 0 R /ID [<%s> <%s>] >>\nstartxref\n%zu\n%%%%EOF\n", w->count, CATALOG, INFO,
		id, id, at);
}

static void ranges(struct writing *w, struct pdf_ranges *r)
{
	size_t hole = w->contents - w->start, after = hole + 2 * PDF_SIGNATURE_MAX + 2, n = w->out->n - w->start;
	char text[64];
	int len = snprintf(text, sizeof(text), "[0 %10zu %10zu %10zu]", hole, after, n - after);

	memcpy(w->out->p + w->ranges, text, (size_t)len);
	*r = (struct pdf_ranges){ { { w->start, hole }, { w->start + after, n - after } } };
}

void pdf_write(struct pdf *pdf, const char *reason, struct buf *out, struct pdf_ranges *ranges_r)
{
	struct writing w = { .pdf = pdf, .out = out, .start = out->n, .count = page_object(pdf, pdf->page_count) };

	assert(pdf->page_count);
	w.offsets = POOL_ARRAY(pdf->pool, size_t, w.count);
	buf_str(out, "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n");
	catalog(&w);
	information(&w);
	signature(&w, reason);
	for (int i = 0; i < PDF_FACES; i++)
		type(&w, i);
	for (unsigned i = 0; i < pdf->file_count; i++)
		attachment(&w, i);
	for (unsigned i = 0; i < pdf->page_count; i++)
		page(&w, i);
	table(&w);
	ranges(&w, ranges_r);
}

void pdf_sign(struct buf *document, const struct pdf_ranges *ranges, const void *der, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char *hole = document->p + ranges->over[0][0] + ranges->over[0][1] + 1;
	const uint8_t *p = der;

	assert(n <= PDF_SIGNATURE_MAX);
	for (size_t i = 0; i < n; i++) {
		hole[2 * i] = digits[p[i] >> 4];
		hole[2 * i + 1] = digits[p[i] & 15];
	}
}
