/* ZIP writers, see zip.h.
 *
 * The streamed archive is a row of pieces: header of entry 0, its content, header of entry 1, ...,
 * the central directory.  Every piece has a length that is known without reading contents, so that
 * a start anywhere is found by adding up lengths. */
#include <assert.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "crc32.h"
#include "stream.h"
#include "zip_format.h"

#include "zip.h"

static void put16(struct buf *b, unsigned v)
{
	uint8_t *p = buf_reserve(b, 2);

	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	b->n += 2;
}

static void put32(struct buf *b, uint32_t v)
{
	put16(b, v & 0xffff);
	put16(b, v >> 16);
}

static void put64(struct buf *b, uint64_t v)
{
	put32(b, (uint32_t)v);
	put32(b, (uint32_t)(v >> 32));
}

/* Seconds since 1970, held within what the format can say. */
static int64_t time_s(int64_t mtime_us)
{
	int64_t t = mtime_us / SECOND_US;

	return t < 315532800 ? 315532800 : t > INT32_MAX ? INT32_MAX : t; /* 1980-01-01 to 2038-01-19 */
}

/* DOS time in the low half, DOS date in the high one. */
static uint32_t dos_time(int64_t mtime_us)
{
	time_t t = (time_t)time_s(mtime_us);
	struct tm tm;

	gmtime_r(&t, &tm);
	return (uint32_t)(tm.tm_year - 80) << 25 | (uint32_t)(tm.tm_mon + 1) << 21 |
	       (uint32_t)tm.tm_mday << 16 | (uint32_t)tm.tm_hour << 11 | (uint32_t)tm.tm_min << 5 |
	       (uint32_t)tm.tm_sec / 2;
}

/* One entry as the headers need it. */
struct header {
	const char *name;
	uint64_t size, offset;
	uint32_t crc;
	int64_t mtime_us;
	bool time_extra;
};

static bool size_is_64(const struct header *h)
{
	return h->size >= ZIP_U32_FULL;
}

static size_t local_bytes(const struct header *h)
{
	return ZIP_LOCAL_BYTES + strlen(h->name) + (size_is_64(h) ? 20 : 0) + (h->time_extra ? 9 : 0);
}

static size_t central_bytes(const struct header *h)
{
	size_t wide = (size_is_64(h) ? 16 : 0) + (h->offset >= ZIP_U32_FULL ? 8 : 0);

	return ZIP_CENTRAL_BYTES + strlen(h->name) + (wide ? wide + 4 : 0) + (h->time_extra ? 9 : 0);
}

/* From version to the name's length: the same in both headers. */
static void common_write(struct buf *b, const struct header *h, bool is_64)
{
	put16(b, is_64 ? ZIP_VERSION_64 : ZIP_VERSION);
	put16(b, ZIP_FLAG_UTF8);
	put16(b, ZIP_STORED);
	put32(b, dos_time(h->mtime_us));
	put32(b, h->crc);
	put32(b, size_is_64(h) ? ZIP_U32_FULL : (uint32_t)h->size);
	put32(b, size_is_64(h) ? ZIP_U32_FULL : (uint32_t)h->size);
	put16(b, (unsigned)strlen(h->name));
}

static void time_write(struct buf *b, const struct header *h)
{
	if (!h->time_extra)
		return;
	put16(b, ZIP_EXTRA_TIME);
	put16(b, 5);
	buf_u8(b, 1); /* the time of change is there */
	put32(b, (uint32_t)time_s(h->mtime_us));
}

static void local_write(struct buf *b, const struct header *h)
{
	put32(b, ZIP_LOCAL_SIGNATURE);
	common_write(b, h, size_is_64(h));
	put16(b, (unsigned)(local_bytes(h) - ZIP_LOCAL_BYTES - strlen(h->name)));
	buf_str(b, h->name);
	if (size_is_64(h)) {
		put16(b, ZIP_EXTRA_64);
		put16(b, 16);
		put64(b, h->size);
		put64(b, h->size);
	}
	time_write(b, h);
}

static void central_write(struct buf *b, const struct header *h)
{
	bool far = h->offset >= ZIP_U32_FULL, is_64 = size_is_64(h) || far;

	put32(b, ZIP_CENTRAL_SIGNATURE);
	put16(b, 3 << 8 | ZIP_VERSION_64); /* made on Unix: the mode below counts */
	common_write(b, h, is_64);
	put16(b, (unsigned)(central_bytes(h) - ZIP_CENTRAL_BYTES - strlen(h->name)));
	put16(b, 0); /* comment */
	put16(b, 0); /* disk */
	put16(b, 0); /* internal attributes */
	put32(b, UINT32_C(0100644) << 16);
	put32(b, far ? ZIP_U32_FULL : (uint32_t)h->offset);
	buf_str(b, h->name);
	if (is_64) {
		put16(b, ZIP_EXTRA_64);
		put16(b, (size_is_64(h) ? 16 : 0) + (far ? 8 : 0));
		if (size_is_64(h)) {
			put64(b, h->size);
			put64(b, h->size);
		}
		if (far)
			put64(b, h->offset);
	}
	time_write(b, h);
}

static bool end_is_64(uint64_t count, uint64_t central_n, uint64_t central_at)
{
	return count >= ZIP_U16_FULL || central_n >= ZIP_U32_FULL || central_at >= ZIP_U32_FULL;
}

static void end_write(struct buf *b, uint64_t count, uint64_t central_n, uint64_t central_at)
{
	if (end_is_64(count, central_n, central_at)) {
		put32(b, ZIP_END64_SIGNATURE);
		put64(b, ZIP_END64_BYTES - 12);
		put16(b, 3 << 8 | ZIP_VERSION_64);
		put16(b, ZIP_VERSION_64);
		put32(b, 0);
		put32(b, 0);
		put64(b, count);
		put64(b, count);
		put64(b, central_n);
		put64(b, central_at);
		put32(b, ZIP_LOCATOR64_SIGNATURE);
		put32(b, 0);
		put64(b, central_at + central_n);
		put32(b, 1);
	}
	put32(b, ZIP_END_SIGNATURE);
	put32(b, 0);
	put16(b, count >= ZIP_U16_FULL ? ZIP_U16_FULL : (unsigned)count);
	put16(b, count >= ZIP_U16_FULL ? ZIP_U16_FULL : (unsigned)count);
	put32(b, central_n >= ZIP_U32_FULL ? ZIP_U32_FULL : (uint32_t)central_n);
	put32(b, central_at >= ZIP_U32_FULL ? ZIP_U32_FULL : (uint32_t)central_at);
	put16(b, 0);
}

static struct header entry_header(const struct zip_entry *e, uint64_t offset)
{
	return (struct header){ .name = e->name,
				.size = e->size,
				.offset = offset,
				.crc = e->crc,
				.mtime_us = e->mtime_us,
				.time_extra = true };
}

uint64_t zip_data_offset(const struct zip_entry *entries, size_t index)
{
	uint64_t at = 0;
	struct header h;

	for (size_t i = 0; i < index; i++) {
		h = entry_header(&entries[i], at);
		at += local_bytes(&h) + h.size;
	}
	h = entry_header(&entries[index], at);
	return at + local_bytes(&h);
}

uint64_t zip_length(const struct zip_entry *entries, size_t count)
{
	uint64_t at = 0, central_n = 0;

	for (size_t i = 0; i < count; i++) {
		struct header h = entry_header(&entries[i], at);

		at += local_bytes(&h) + h.size;
		central_n += central_bytes(&h);
	}
	return at + central_n + ZIP_END_BYTES +
	       (end_is_64(count, central_n, at) ? ZIP_END64_BYTES + ZIP_LOCATOR64_BYTES : 0);
}

/* ---- the stream ---- */

struct zip_stream {
	struct istream is;
	const struct zip_entry *entries;
	size_t count;
	size_t next; /* entry whose header comes next; count: the directory */
	bool directory_done;
	struct buf head; /* the header or directory under way */
	size_t head_at;
	uint64_t offset; /* of the next entry's header */
	uint64_t skip; /* bytes of what comes next that were asked to be left out */
	const struct zip_entry *open_entry; /* whose content is under way */
	struct istream *content;
	uint64_t content_left;
	bool crc_known; /* the content was read from its first byte */
	uint32_t crc;
};

static void directory_write(struct zip_stream *zs)
{
	uint64_t at = 0, central_n = 0;

	for (size_t i = 0; i < zs->count; i++) {
		struct header h = entry_header(&zs->entries[i], at);

		at += local_bytes(&h) + h.size;
		central_write(&zs->head, &h);
	}
	central_n = zs->head.n;
	end_write(&zs->head, zs->count, central_n, at);
}

/* Goes over to the next header, or to the directory.  Whole entries before the start are passed
 * by. */
static void head_next(struct zip_stream *zs)
{
	buf_reset(&zs->head);
	zs->head_at = 0;
	while (zs->next < zs->count) {
		const struct zip_entry *e = &zs->entries[zs->next++];
		struct header h = entry_header(e, zs->offset);
		size_t head_n = local_bytes(&h);

		zs->offset += head_n + e->size;
		if (zs->skip >= head_n + e->size) {
			zs->skip -= head_n + e->size;
			continue;
		}
		zs->open_entry = e->size ? e : NULL;
		zs->content_left = e->size;
		if (zs->skip < head_n) {
			local_write(&zs->head, &h);
			zs->head_at = (size_t)zs->skip;
			zs->skip = 0;
		} else {
			zs->skip -= head_n;
		}
		return;
	}
	directory_write(zs);
	zs->head_at = zs->skip < zs->head.n ? (size_t)zs->skip : zs->head.n;
	zs->directory_done = true;
}

static enum pli_status content_end(struct zip_stream *zs, struct err *err)
{
	const struct zip_entry *e = zs->open_entry;
	char extra;
	size_t n;
	enum pli_status status = istream_read(zs->content, &extra, 1, &n, err);

	istream_close(zs->content);
	zs->content = NULL;
	zs->open_entry = NULL;
	if (status != PLI_OK)
		return status;
	if (n)
		return err_set(err, PLI_IO, "a stored content is longer than recorded");
	if (zs->crc_known && zs->crc != e->crc)
		return err_set(err, PLI_IO, "a stored content does not match its checksum");
	return PLI_OK;
}

static enum pli_status content_read(struct zip_stream *zs, void *buf, size_t cap, size_t *n_r,
				    struct err *err)
{
	const struct zip_entry *e = zs->open_entry;
	enum pli_status status;

	if (!zs->content) {
		status = e->open(e->arg, zs->skip, &zs->content, err);
		if (status != PLI_OK)
			return status;
		zs->content_left = e->size - zs->skip;
		zs->crc_known = zs->skip == 0;
		zs->crc = 0;
		zs->skip = 0;
	}
	if (cap > zs->content_left)
		cap = (size_t)zs->content_left;
	status = istream_read(zs->content, buf, cap, n_r, err);
	if (status != PLI_OK)
		return status;
	if (*n_r == 0)
		return err_set(err, PLI_IO, "a stored content is shorter than recorded");
	if (zs->crc_known)
		zs->crc = crc32_add(zs->crc, buf, *n_r);
	zs->content_left -= *n_r;
	return zs->content_left ? PLI_OK : content_end(zs, err);
}

static enum pli_status zip_stream_read(struct istream *is, void *buf, size_t cap, size_t *n_r,
				       struct err *err)
{
	struct zip_stream *zs = (struct zip_stream *)is;
	size_t n = 0;

	*n_r = 0;
	/* Headers are small: fill the piece, as far as memory goes, before one read of content. */
	while (n < cap) {
		if (zs->head_at < zs->head.n) {
			size_t take = zs->head.n - zs->head_at;

			if (take > cap - n)
				take = cap - n;
			memcpy((char *)buf + n, zs->head.p + zs->head_at, take);
			zs->head_at += take;
			n += take;
		} else if (zs->open_entry) {
			size_t got = 0;
			enum pli_status status = content_read(zs, (char *)buf + n, cap - n, &got, err);

			if (status != PLI_OK)
				return status;
			n += got;
		} else if (!zs->directory_done) {
			head_next(zs);
		} else {
			break;
		}
	}
	*n_r = n;
	return PLI_OK;
}

static void zip_stream_close(struct istream *is)
{
	struct zip_stream *zs = (struct zip_stream *)is;

	istream_close(zs->content);
	buf_free(&zs->head);
	mem_free(zs);
}

static const struct istream_ops zip_stream_ops = {
	.name = "zip",
	.read = zip_stream_read,
	.close = zip_stream_close,
};

struct istream *zip_istream_at(const struct zip_entry *entries, size_t count, uint64_t offset)
{
	struct zip_stream *zs = mem_alloc(sizeof(*zs));

	zs->is.ops = &zip_stream_ops;
	zs->entries = entries;
	zs->count = count;
	zs->skip = offset;
	buf_init(&zs->head);
	return &zs->is;
}

struct istream *zip_istream(const struct zip_entry *entries, size_t count)
{
	return zip_istream_at(entries, count, 0);
}

/* ---- in memory ---- */

static struct header file_header(const struct zip_file *f, uint64_t offset, int64_t mtime_us)
{
	assert(*f->name && strlen(f->name) < ZIP_U16_FULL && f->n < ZIP_U32_FULL);
	assert(f->name[0] != '/' && !strchr(f->name, '\\') && !strstr(f->name, ".."));
	return (struct header){ .name = f->name,
				.size = f->n,
				.offset = offset,
				.crc = crc32_add(0, f->p, f->n),
				.mtime_us = mtime_us };
}

void zip_write(struct buf *out, const struct zip_file *files, size_t count, int64_t mtime_us)
{
	AUTO_BUF central = { 0 };
	size_t begin = out->n;

	for (size_t i = 0; i < count; i++) {
		struct header h = file_header(&files[i], out->n - begin, mtime_us);

		for (size_t j = 0; j < i; j++)
			assert(strcmp(files[j].name, files[i].name) != 0);
		local_write(out, &h);
		buf_add(out, files[i].p, files[i].n);
		central_write(&central, &h);
	}
	assert(out->n - begin + central.n < ZIP_U32_FULL && count < ZIP_U16_FULL);
	size_t central_at = out->n - begin;

	if (central.n)
		buf_add(out, central.p, central.n);
	end_write(out, count, central.n, central_at);
}
