/* See head_record.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "crc32.h"
#include "pool.h"

#include "head_record.h"

#define READ_BYTES (64u << 10)

void head_record_write(const struct head_record *r, struct buf *out)
{
	size_t start = out->n, length = 8 + 32 + 4 + (size_t)32 * r->leaf_count + 4 + r->checkpoint_n + 4 + r->token_n + 4;

	buf_u32(out, (uint32_t)length);
	buf_u64(out, r->size);
	buf_add(out, r->root, 32);
	buf_u32(out, r->leaf_count);
	buf_add(out, r->leaves, (size_t)32 * r->leaf_count);
	buf_blob(out, r->checkpoint, r->checkpoint_n);
	buf_blob(out, r->token, r->token_n);
	buf_u32(out, crc32_add(0, out->p + start, out->n - start));
}

bool head_record_parse(const void *p, size_t n, struct head_record *record_r, size_t *used_r)
{
	struct head_record r;
	const uint8_t *root;
	struct cursor c;
	uint32_t length;

	cursor_init(&c, p, n);
	length = cursor_u32(&c);
	if (c.bad || length < 56 || length > HEAD_RECORD_MAX_BYTES || n - 4 < length)
		return false;
	cursor_init(&c, (const uint8_t *)p + length, 4);
	if (cursor_u32(&c) != crc32_add(0, p, length))
		return false;
	cursor_init(&c, (const uint8_t *)p + 4, length - 4);
	r.size = cursor_u64(&c);
	root = cursor_bytes(&c, 32);
	r.leaf_count = cursor_u32(&c);
	r.leaves = r.leaf_count <= HEAD_RECORD_MAX_BYTES / 32 ?
		   (const uint8_t (*)[32])cursor_bytes(&c, (size_t)32 * r.leaf_count) : NULL;
	r.checkpoint = (const char *)cursor_blob(&c, &r.checkpoint_n);
	r.token = cursor_blob(&c, &r.token_n);
	if (c.bad || c.n || !r.leaves || !r.leaf_count || r.size < r.leaf_count || r.size >> 53)
		return false;
	memcpy(r.root, root, 32);
	*record_r = r;
	*used_r = 4 + (size_t)length;
	return true;
}

void head_reader_init(struct head_reader *reader, int fd, uint64_t offset)
{
	*reader = (struct head_reader){ .fd = fd, .offset = offset };
}

void head_reader_fini(struct head_reader *reader)
{
	mem_free(reader->p);
	reader->p = NULL;
}

/* At least `need` bytes of the next record in memory, as far as the file has them. */
static enum pli_status fill(struct head_reader *r, size_t need, struct err *err)
{
	if (r->used) {
		memmove(r->p, r->p + r->used, r->n - r->used);
		r->n -= r->used;
		r->used = 0;
	}
	if (need < READ_BYTES)
		need = READ_BYTES;
	if (r->cap < need) {
		r->p = mem_grow(r->p, need);
		r->cap = need;
	}
	while (r->n < need) {
		ssize_t got = pread(r->fd, r->p + r->n, need - r->n, (off_t)(r->offset + r->n));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, "cannot read journal/heads");
		if (!got)
			break;
		r->n += (size_t)got;
	}
	return PLI_OK;
}

enum pli_status head_reader_next(struct head_reader *r, struct head_record *record_r, struct err *err)
{
	enum pli_status status;
	struct cursor c;
	uint32_t length;
	size_t used;

	for (int pass = 0; pass < 2; pass++) {
		if (r->p && head_record_parse(r->p + r->used, r->n - r->used, record_r, &used)) {
			r->used += used;
			r->offset += used;
			return PLI_OK;
		}
		if (pass)
			break;
		status = fill(r, 4, err);
		if (status != PLI_OK)
			return status;
		cursor_init(&c, r->p, r->n);
		length = cursor_u32(&c);
		if (c.bad || length > HEAD_RECORD_MAX_BYTES)
			break;
		status = fill(r, 4 + (size_t)length, err);
		if (status != PLI_OK)
			return status;
	}
	return err_set(err, PLI_ABSENT, "no further head");
}
