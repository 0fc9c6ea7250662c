/* Reading proofs in PDF; see pdf_read.h. */
#include <string.h>

#include <zlib.h>

#include "buf.h"
#include "text.h"

#include "pdf.h"

#include "pdf_read.h"

#define INPUT(...) err_set(err, PLI_INPUT, "not a proof in PDF: " __VA_ARGS__)

bool pdf_is(const void *p, size_t n)
{
	return n > 8 && memcmp(p, "%PDF-1.", 7) == 0;
}

/* The only place where the words stand, or NULL. */
static const char *only(const char *p, size_t n, const char *words)
{
	const char *at = memmem(p, n, words, strlen(words));

	if (!at || memmem(at + 1, n - (size_t)(at + 1 - p), words, strlen(words)))
		return NULL;
	return at;
}

static bool number(const char **p, const char *end, size_t *v_r)
{
	size_t v = 0;
	const char *start;

	while (*p < end && **p == ' ')
		++*p;
	start = *p;
	while (*p < end && **p >= '0' && **p <= '9' && *p - start < 10)
		v = v * 10 + (size_t)(*(*p)++ - '0');
	*v_r = v;
	return *p > start;
}

/* The length that a DER SEQUENCE says it has, with its own first bytes; 0 when it is none. */
static size_t der_length(const uint8_t *p, size_t n)
{
	size_t bytes, len = 0;

	if (n < 2 || p[0] != 0x30)
		return 0;
	if (p[1] < 0x80)
		return 2 + (size_t)p[1];
	bytes = p[1] & 0x7f;
	if (!bytes || bytes > 2 || n < 2 + bytes)
		return 0;
	for (size_t i = 0; i < bytes; i++)
		len = len << 8 | p[2 + i];
	return 2 + bytes + len;
}

enum pli_status pdf_seal_read(const void *p, size_t n, struct pdf_seal *seal_r, struct err *err)
{
	const char *text = p, *end = text + n, *at = pdf_is(p, n) ? only(text, n, "/ByteRange [") : NULL, *hole;
	size_t v[4];

	if (!at)
		return INPUT("it has no signature, or several");
	at += strlen("/ByteRange [");
	for (int i = 0; i < 4; i++)
		if (!number(&at, end, &v[i]))
			return INPUT("the signed ranges cannot be read");
	if (v[0] != 0 || v[1] > n || v[2] > n || v[2] != v[1] + 2 * PDF_SIGNATURE_MAX + 2 || v[3] != n - v[2])
		return INPUT("the signature does not cover the whole file");
	hole = text + v[1];
	if (v[1] < 11 || memcmp(hole - 10, "/Contents ", 10) != 0 || hole[0] != '<' || hole[2 * PDF_SIGNATURE_MAX + 1] != '>' ||
	    !hex_decode(seal_r->der, PDF_SIGNATURE_MAX, hole + 1, 2 * PDF_SIGNATURE_MAX))
		return INPUT("the signature cannot be read");
	seal_r->der_n = der_length(seal_r->der, PDF_SIGNATURE_MAX);
	if (!seal_r->der_n || seal_r->der_n > PDF_SIGNATURE_MAX)
		return INPUT("the signature cannot be read");
	for (size_t i = seal_r->der_n; i < PDF_SIGNATURE_MAX; i++)
		if (seal_r->der[i])
			return INPUT("something stands behind the signature");
	seal_r->over[0] = p;
	seal_r->over_n[0] = v[1];
	seal_r->over[1] = (const uint8_t *)p + v[2];
	seal_r->over_n[1] = v[3];
	return PLI_OK;
}

static enum pli_status inflate_all(const char *p, size_t n, size_t max, struct buf *out, struct err *err)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)n };
	size_t start = out->n;
	int rc = inflateInit(&z);

	while (rc == Z_OK) {
		z.next_out = buf_reserve(out, 65536);
		z.avail_out = 65536;
		rc = inflate(&z, Z_NO_FLUSH);
		out->n += 65536 - z.avail_out;
		if (out->n - start > max) {
			inflateEnd(&z);
			return err_set(err, PLI_LIMIT, "what is attached to the PDF is larger than %zu bytes", max);
		}
		if (rc == Z_OK && !z.avail_in && z.avail_out)
			break;
	}
	inflateEnd(&z);
	return rc == Z_STREAM_END && !z.avail_in ? PLI_OK : INPUT("what is attached is damaged");
}

enum pli_status pdf_attached(const void *p, size_t n, size_t max, struct buf *out, struct err *err)
{
	static const char before[] = "<< /Length ", packed[] = " /Filter /FlateDecode /Type /EmbeddedFile", stream[] = " >>\nstream\n";
	const char *text = p, *end = text + n, *at = pdf_is(p, n) && n <= UINT32_MAX ? only(text, n, "/Type /EmbeddedFile") : NULL, *line;
	size_t length;

	if (!at)
		return INPUT("it has no attached file, or several");
	line = memrchr(text, '\n', (size_t)(at - text));
	if (!line || (size_t)(at - line) < sizeof(before) || memcmp(line + 1, before, sizeof(before) - 1) != 0)
		return INPUT("what is attached cannot be read");
	line += sizeof(before);
	if (!number(&line, end, &length) || (size_t)(end - line) < sizeof(packed) || memcmp(line, packed, sizeof(packed) - 1) != 0)
		return INPUT("what is attached cannot be read");
	line = memmem(line, (size_t)(end - line), stream, sizeof(stream) - 1);
	if (!line || (size_t)(end - line) < sizeof(stream) - 1 + length)
		return INPUT("what is attached is cut");
	return inflate_all(line + sizeof(stream) - 1, length, max, out, err);
}
