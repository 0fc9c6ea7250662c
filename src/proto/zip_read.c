/* Strict reader of small ZIP archives in memory, see zip.h.
 *
 * Two programs that read one archive differently are how a verified file and a shown file part
 * ways; so every byte must have exactly one meaning: local headers, contents and central directory
 * lie without gaps in the directory's order, and both headers of an entry say the same. */
#include <string.h>

#include <zlib.h>

#include "pool.h"
#include "text.h"
#include "crc32.h"
#include "zip_format.h"

#include "zip.h"

struct reader {
	struct pool *pool;
	const uint8_t *p;
	size_t n;
	size_t total_left; /* of inflated bytes */
	size_t data_at; /* end of what the entries so far occupy */
	size_t central_at, central_end;
	struct err *err;
};

/* One entry as its central header describes it. */
struct central {
	unsigned version, flags, method, name_n, extra_n;
	uint32_t time, crc, packed, size, offset;
	const char *name;
};

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static enum pli_status bad(struct reader *r, const char *what)
{
	err_set(r->err, PLI_INPUT, "not an acceptable ZIP archive: %s", what);
	return PLI_INPUT;
}

/* Extra fields must at least be well formed, and none may change what the headers say. */
static bool extra_valid(const uint8_t *p, size_t n)
{
	while (n >= 4) {
		size_t len = get16(p + 2);

		if (get16(p) == ZIP_EXTRA_64 || get16(p) == 0x7075 || get16(p) == 0x9901 || len > n - 4)
			return false; /* ZIP64, another name (Info-ZIP Unicode path), AES */
		p += len + 4;
		n -= len + 4;
	}
	return n == 0;
}

static bool component_valid(const char *p, size_t n)
{
	return n && !(n == 1 && p[0] == '.') && !(n == 2 && p[0] == '.' && p[1] == '.');
}

/* "a", "a/b", "a/" (a directory). */
static bool name_valid(const char *name, size_t n)
{
	if (!n || n > 1024 || !text_is_line(name, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (strchr("\\:*?\"<>|", name[i]))
			return false;
	while (n) {
		const char *slash = memchr(name, '/', n);
		size_t len = slash ? (size_t)(slash - name) : n;

		if (!component_valid(name, len))
			return false;
		if (!slash)
			return true;
		name += len + 1;
		n -= len + 1;
	}
	return true;
}

/* The end record is the last thing there; its numbers must fit the file exactly. */
static enum pli_status end_read(struct reader *r, size_t *count_r)
{
	const uint8_t *e;

	if (r->n < ZIP_END_BYTES)
		return bad(r, "too short");
	e = r->p + r->n - ZIP_END_BYTES;
	if (get32(e) != ZIP_END_SIGNATURE || get16(e + 20) != 0)
		return bad(r, "it does not end with an end record without comment");
	if (get16(e + 4) || get16(e + 6) || get16(e + 8) != get16(e + 10))
		return bad(r, "parts on several disks");
	if (get16(e + 10) > ZIP_READ_FILES_MAX)
		return bad(r, "too many files");
	*count_r = get16(e + 10);
	r->central_at = get32(e + 16);
	r->central_end = r->n - ZIP_END_BYTES;
	if (r->central_at > r->central_end || r->central_end - r->central_at != get32(e + 12))
		return bad(r, "bytes before, between or behind its parts");
	return PLI_OK;
}

static enum pli_status central_read(struct reader *r, size_t *at, struct central *c)
{
	const uint8_t *p = r->p + *at;
	size_t left = r->central_end - *at;

	if (left < ZIP_CENTRAL_BYTES || get32(p) != ZIP_CENTRAL_SIGNATURE)
		return bad(r, "a directory entry is missing");
	c->version = get16(p + 6);
	c->flags = get16(p + 8);
	c->method = get16(p + 10);
	c->time = get32(p + 12);
	c->crc = get32(p + 16);
	c->packed = get32(p + 20);
	c->size = get32(p + 24);
	c->name_n = get16(p + 28);
	c->extra_n = get16(p + 30);
	c->offset = get32(p + 42);
	if (get16(p + 32) || get16(p + 34))
		return bad(r, "an entry has a comment or lies on another disk");
	if (left - ZIP_CENTRAL_BYTES < (size_t)c->name_n + c->extra_n)
		return bad(r, "a directory entry is cut");
	c->name = (const char *)p + ZIP_CENTRAL_BYTES;
	if (!name_valid(c->name, c->name_n))
		return bad(r, "an entry has an unsafe name");
	if (!extra_valid(p + ZIP_CENTRAL_BYTES + c->name_n, c->extra_n))
		return bad(r, "an entry has extra fields that are not accepted");
	/* Unix mode in the upper half when made on Unix: neither links nor devices. */
	if (get16(p + 4) >> 8 == 3 && (get16(p + 40) & 0170000) != 0100000 &&
	    (get16(p + 40) & 0170000) != 0040000 && (get16(p + 40) & 0170000) != 0)
		return bad(r, "an entry is a link or a device");
	*at += ZIP_CENTRAL_BYTES + c->name_n + c->extra_n;
	return PLI_OK;
}

/* Only names in UTF-8 (or ASCII without the flag), and the two bits that tell how well deflate
 * tried. */
static enum pli_status flags_check(struct reader *r, const struct central *c)
{
	if (c->flags & ~(unsigned)(ZIP_FLAG_UTF8 | 0x0006))
		return bad(r, "an entry is encrypted or has a data descriptor");
	if (!(c->flags & ZIP_FLAG_UTF8))
		for (size_t i = 0; i < c->name_n; i++)
			if ((unsigned char)c->name[i] >= 0x80)
				return bad(r, "an entry's name is not marked as UTF-8");
	if (c->method != ZIP_STORED && c->method != ZIP_DEFLATED)
		return bad(r, "an entry is compressed by a method that is not accepted");
	if (c->method == ZIP_STORED && c->packed != c->size)
		return bad(r, "an entry's sizes contradict each other");
	return PLI_OK;
}

/* The local header must repeat the central one; *data_r is where the content begins. */
static enum pli_status local_check(struct reader *r, const struct central *c, const uint8_t **data_r)
{
	const uint8_t *p = r->p + r->data_at;
	size_t left = r->central_at - r->data_at, head_n;

	if (c->offset != r->data_at || left < ZIP_LOCAL_BYTES || get32(p) != ZIP_LOCAL_SIGNATURE)
		return bad(r, "entries overlap, leave gaps or are out of order");
	if (get16(p + 4) != c->version || get16(p + 6) != c->flags || get16(p + 8) != c->method ||
	    get32(p + 10) != c->time || get32(p + 14) != c->crc || get32(p + 18) != c->packed ||
	    get32(p + 22) != c->size || get16(p + 26) != c->name_n)
		return bad(r, "an entry's two headers differ");
	head_n = ZIP_LOCAL_BYTES + (size_t)c->name_n + get16(p + 28);
	if (left < head_n || left - head_n < c->packed)
		return bad(r, "an entry is cut");
	if (memcmp(p + ZIP_LOCAL_BYTES, c->name, c->name_n) != 0)
		return bad(r, "an entry has two names");
	if (!extra_valid(p + ZIP_LOCAL_BYTES + c->name_n, get16(p + 28)))
		return bad(r, "an entry has extra fields that are not accepted");
	*data_r = p + head_n;
	r->data_at += head_n + c->packed;
	return PLI_OK;
}

static enum pli_status inflate_all(struct reader *r, const struct central *c, const uint8_t *data,
				   uint8_t *out)
{
	z_stream z = { 0 };
	int result;

	if (inflateInit2(&z, -15) != Z_OK)
		return err_set(r->err, PLI_BUG, "inflate does not start");
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = c->packed;
	z.next_out = out;
	z.avail_out = c->size + 1; /* one more, to notice content that is too long */
	result = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	if (result != Z_STREAM_END || z.avail_in || z.avail_out != 1)
		return bad(r, "a compressed content is damaged or not as long as it says");
	return PLI_OK;
}

static enum pli_status content_read(struct reader *r, const struct central *c, const uint8_t *data,
				    struct zip_file *f)
{
	f->p = data;
	f->n = c->size;
	if (c->size > r->total_left)
		return err_set(r->err, PLI_LIMIT, "the archive unpacks to more than is accepted here");
	r->total_left -= c->size;
	if (c->method == ZIP_DEFLATED) {
		uint8_t *out;

		/* deflate cannot do better than 1 : 1032 */
		if (c->size / 1032 > c->packed)
			return bad(r, "a compressed content is damaged or not as long as it says");
		out = pool_alloc(r->pool, (size_t)c->size + 1);
		if (inflate_all(r, c, data, out) != PLI_OK)
			return PLI_INPUT;
		f->p = out;
	}
	if (crc32_add(0, f->p, f->n) != c->crc)
		return bad(r, "a content does not match its checksum");
	return PLI_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct zip_file *const *x = a, *const *y = b;

	return strcasecmp((*x)->name, (*y)->name);
}

static enum pli_status duplicates_check(struct reader *r, struct zip_file *files, size_t count)
{
	const struct zip_file **sorted = POOL_ARRAY(r->pool, const struct zip_file *, count + 1);

	for (size_t i = 0; i < count; i++)
		sorted[i] = &files[i];
	qsort(sorted, count, sizeof(*sorted), by_name);
	for (size_t i = 1; i < count; i++)
		if (strcasecmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			return bad(r, "a name stands twice");
	return PLI_OK;
}

static enum pli_status entry_read(struct reader *r, size_t *at, struct zip_file *f)
{
	struct central c;
	const uint8_t *data;
	enum pli_status status = central_read(r, at, &c);

	if (status == PLI_OK)
		status = flags_check(r, &c);
	if (status == PLI_OK)
		status = local_check(r, &c, &data);
	if (status == PLI_OK)
		status = content_read(r, &c, data, f);
	if (status != PLI_OK)
		return status;
	f->name = pool_strn(r->pool, c.name, c.name_n);
	if (c.name[c.name_n - 1] == '/' && c.size)
		return bad(r, "a directory has a content");
	return PLI_OK;
}

enum pli_status zip_read_open(struct pool *pool, const void *p, size_t n, size_t total_max,
			      struct zip_file **files_r, size_t *count_r, struct err *err)
{
	struct reader r = { .pool = pool, .p = p, .n = n, .total_left = total_max, .err = err };
	struct zip_file *files;
	size_t entries, kept = 0, at;
	enum pli_status status = end_read(&r, &entries);

	if (status != PLI_OK)
		return status;
	files = POOL_ARRAY(pool, struct zip_file, entries + 1);
	at = r.central_at;
	for (size_t i = 0; i < entries; i++) {
		status = entry_read(&r, &at, &files[i]);
		if (status != PLI_OK)
			return status;
	}
	if (at != r.central_end || r.data_at != r.central_at)
		return bad(&r, "bytes before, between or behind its parts");
	status = duplicates_check(&r, files, entries);
	if (status != PLI_OK)
		return status;
	for (size_t i = 0; i < entries; i++)
		if (files[i].name[strlen(files[i].name) - 1] != '/')
			files[kept++] = files[i];
	*files_r = files;
	*count_r = kept;
	return PLI_OK;
}
