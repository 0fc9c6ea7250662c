/* Bytes as the texts of bar codes, and back; see paper_codes.h, and paper.h for the form. */
#include <inttypes.h>
#include <string.h>

#include <openssl/sha.h>

#include "buf.h"
#include "pool.h"

#include "paper_codes.h"

/* Bytes of the whole in one code: with its address a symbol of at most 109 modules at level M, which 150 dpi can show on 70 mm. */
#define SLICE 640
#define ID_BYTES 4

_Static_assert(SLICE * PAPER_PARTS_MAX == PAPER_WHOLE_MAX, "what may be written fits into the codes");

static const unsigned block_digits[] = { 0, 3, 5, 8, 10, 13, 15, 17 };

/* ---- digits ---- */

static void digits_write(const uint8_t *p, size_t n, struct buf *out)
{
	while (n) {
		size_t take = n < 7 ? n : 7;
		uint64_t v = 0;

		for (size_t i = 0; i < take; i++)
			v = v << 8 | p[i];
		buf_fmt(out, "%0*" PRIu64, (int)block_digits[take], v);
		p += take;
		n -= take;
	}
}

static bool block_read(const char *digits, unsigned count, unsigned bytes, struct buf *out)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < count; i++)
		v = v * 10 + (uint64_t)(digits[i] - '0');
	if (v >> (8 * bytes))
		return false;
	for (unsigned i = bytes; i-- > 0;)
		buf_u8(out, (uint8_t)(v >> (8 * i)));
	return true;
}

static bool digits_read(const char *p, size_t n, struct buf *out)
{
	for (; n >= 17; p += 17, n -= 17)
		if (!block_read(p, 17, 7, out))
			return false;
	for (unsigned bytes = 1; n && bytes < 7; bytes++)
		if (block_digits[bytes] == n)
			return block_read(p, (unsigned)n, bytes, out);
	return n == 0;
}

/* ---- writing ---- */

void paper_codes_write(struct pool *pool, const struct buf *whole, const char *base_url, struct paper_codes *codes_r)
{
	unsigned count = (unsigned)((whole->n + SLICE - 1) / SLICE);
	size_t each = (whole->n + count - 1) / count;	/* codes of one size */
	uint8_t digest[32];

	SHA256((const uint8_t *)whole->p, whole->n, digest);
	codes_r->count = count;
	for (unsigned i = 0; i < count; i++) {
		size_t at = i * each, n = whole->n - at < each ? whole->n - at : each;
		AUTO_BUF part = { 0 }, text = { 0 };

		buf_add(&part, digest, ID_BYTES);
		buf_add(&part, whole->p + at, n);
		buf_fmt(&text, "%s/verify#p=%u.%u.", base_url, i + 1, count);
		digits_write((const uint8_t *)part.p, part.n, &text);
		codes_r->texts[i] = pool_strn(pool, text.p, text.n);
	}
}

/* ---- reading ---- */

struct part {
	const char *digits;
	size_t n;
};

static enum pli_status parts_find(const char *text, size_t n, struct part parts[PAPER_PARTS_MAX], unsigned *count_r, struct err *err)
{
	const char *end = text + n;

	*count_r = 0;
	for (const char *p = text; (p = memmem(p, (size_t)(end - p), "p=", 2)); p += 2) {
		unsigned i, count;
		struct part part = { p + 6, 0 };

		if (end - p < 7 || p[2] < '1' || p[2] > '9' || p[3] != '.' || p[4] < '1' || p[4] > '9' || p[5] != '.')
			continue;
		i = (unsigned)(p[2] - '0');
		count = (unsigned)(p[4] - '0');
		while (part.digits + part.n < end && part.digits[part.n] >= '0' && part.digits[part.n] <= '9')
			part.n++;
		if (!part.n || i > count || (*count_r && *count_r != count))
			return err_set(err, PLI_INPUT, "paper: codes of different papers, or cut");
		*count_r = count;
		if (parts[i - 1].n && (parts[i - 1].n != part.n || memcmp(parts[i - 1].digits, part.digits, part.n) != 0))
			return err_set(err, PLI_INPUT, "paper: code %u of %u is there twice and differs", i, count);
		parts[i - 1] = part;
	}
	if (!*count_r)
		return err_set(err, PLI_INPUT, "paper: no code of a proof is in this text");
	for (unsigned i = 0; i < *count_r; i++)
		if (!parts[i].n)
			return err_set(err, PLI_INPUT, "paper: code %u of %u is missing", i + 1, *count_r);
	return PLI_OK;
}

enum pli_status paper_codes_read(const char *text, size_t n, struct buf *whole, struct err *err)
{
	struct part parts[PAPER_PARTS_MAX] = { 0 };
	uint8_t id[ID_BYTES] = { 0 }, digest[32];
	unsigned count = 0;
	enum pli_status status = n <= PAPER_TEXT_MAX ? parts_find(text, n, parts, &count, err)
						     : err_set(err, PLI_INPUT, "paper: more than %d bytes of text", PAPER_TEXT_MAX);

	if (status != PLI_OK)
		return status;
	for (unsigned i = 0; i < count; i++) {
		AUTO_BUF part = { 0 };

		if (!digits_read(parts[i].digits, parts[i].n, &part) || part.n <= ID_BYTES)
			return err_set(err, PLI_INPUT, "paper: code %u of %u was not read whole", i + 1, count);
		if (i && memcmp(part.p, id, ID_BYTES) != 0)
			return err_set(err, PLI_INPUT, "paper: codes of different papers");
		memcpy(id, part.p, ID_BYTES);
		buf_add(whole, part.p + ID_BYTES, part.n - ID_BYTES);
	}
	SHA256((const uint8_t *)whole->p, whole->n, digest);
	return memcmp(digest, id, ID_BYTES) == 0 ? PLI_OK : err_set(err, PLI_INPUT, "paper: a code was misread, or changed");
}
