/* Reading a committed object from any offset: segment rows in small batches, sealed chunks in windows, each chunk opened
 * (and so checked) before a byte of it is given out.  Sizes come from rows that the sealed keys vouch for.
 *
 * Read "now", it opens what the system has in its page cache and touches neither disk nor database: the next segment's rows, or bytes
 * that would have to be fetched, are PLI_AGAIN. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pool.h"

#include "cipher.h"
#include "db.h"

#include "object_private.h"

#include "object.h"

#define WINDOW_CHUNKS 8u
#define BATCH 8u

struct object_reader {
	struct istream base;
	struct object_store *store;
	struct uuid entity, letter, object;
	uint8_t letter_key[32];
	uint64_t size, at;
	uint32_t segment_count;
	struct object_segment batch[BATCH];	/* rows from batch_first on */
	uint32_t batch_first, batch_count;
	struct object_segment segment;		/* the open one */
	struct cipher_chunks *chunks;		/* of it; NULL: none open */
	int fd;					/* -1: inline */
	struct buf message;			/* inline: the whole */
	uint8_t *window;			/* sealed chunks from window_chunk on */
	uint64_t window_chunk;
	unsigned window_count;
	uint8_t *plain;				/* chunk plain_chunk, when read in parts */
	uint64_t plain_chunk;
	bool plain_valid;
	bool now;				/* this read does not wait */
};

static enum pli_status broken(struct err *err)
{
	return err_set(err, PLI_IO, "stored bytes do not open");
}

static enum pli_status bytes_get(struct object_reader *r, uint64_t offset, void *out, size_t n, struct err *err)
{
	uint8_t *at = out;

	if (r->fd < 0) {
		if (offset > r->message.n || n > r->message.n - offset)
			return broken(err);
		memcpy(out, r->message.p + offset, n);
		return PLI_OK;
	}
	while (n) {
		struct iovec to = { at, n };
		ssize_t got = preadv2(r->fd, &to, 1, (off_t)offset, r->now ? RWF_NOWAIT : 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (r->now && (got < 0 || (size_t)got < n))	/* not there, or the file system cannot tell */
			return PLI_AGAIN;
		if (got < 0)
			return err_errno(err, "blob file");
		if (!got)
			return broken(err);
		at += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return PLI_OK;
}

/* ------------------------------------------------------------------ segments */

static enum pli_status segment_row(struct object_reader *r, uint32_t n, struct err *err)
{
	enum pli_status status = PLI_OK;

	if (n < r->batch_first || n - r->batch_first >= r->batch_count) {
		struct db_conn *conn = db_reader_take(r->store->db);

		r->batch_count = 0;
		r->batch_first = n;
		status = object_segments_get(conn, &r->entity, &r->object, n, BATCH, r->batch, &r->batch_count, err);
		db_reader_give(r->store->db, conn);
	}
	if (status == PLI_OK && (!r->batch_count || r->batch[n - r->batch_first].n != n))
		return broken(err);
	if (status == PLI_OK)
		r->segment = r->batch[n - r->batch_first];
	return status;
}

static enum pli_status segment_open(struct object_reader *r, uint32_t n, struct err *err)
{
	uint8_t key[32], header[CIPHER_HEADER_BYTES], context[OBJECT_CONTEXT_BYTES];
	const struct object_segment *s = &r->segment;
	bool last = n + 1 == r->segment_count;
	enum pli_status status;

	cipher_chunks_free(r->chunks);
	r->chunks = NULL;
	r->window_count = 0;
	r->plain_valid = false;
	status = segment_row(r, n, err);
	if (status == PLI_OK)
		status = object_letter_unwrap(r->letter_key, &r->entity, &r->letter, &r->object, last, s, key, err);
	if (status == PLI_OK && (s->plain_offset > r->size || s->plain_size > r->size - s->plain_offset ||
				 last != (s->plain_offset + s->plain_size == r->size && n + 1 == r->segment_count)))
		status = broken(err);
	if (status == PLI_OK)
		status = bytes_get(r, s->file_offset, header, sizeof(header), err);
	if (status == PLI_OK) {
		object_context(&r->entity, &r->object, n, context);
		if (cipher_chunks_open(key, context, sizeof(context), header, &r->chunks, err) != PLI_OK)
			status = broken(err);
	}
	mem_wipe(key, sizeof(key));
	return status;
}

/* The segment that holds r->at is open. */
static enum pli_status segment_find(struct object_reader *r, struct err *err)
{
	enum pli_status status = PLI_OK;

	while (status == PLI_OK && r->at - r->segment.plain_offset >= r->segment.plain_size) {
		if (r->segment.n + 1 >= r->segment_count)
			return broken(err);
		if (r->now)
			return PLI_AGAIN;
		status = segment_open(r, r->segment.n + 1, err);
		if (status == PLI_OK && r->segment.plain_offset > r->at)
			return broken(err);
	}
	return status;
}

/* ------------------------------------------------------------------ chunks */

static size_t chunk_size(const struct object_reader *r, uint64_t k)
{
	uint64_t left = r->segment.plain_size - k * CIPHER_CHUNK_BYTES;

	return left < CIPHER_CHUNK_BYTES ? (size_t)left : CIPHER_CHUNK_BYTES;
}

/* Chunk k of the open segment, opened into out. */
static enum pli_status chunk_get(struct object_reader *r, uint64_t k, uint8_t *out, struct err *err)
{
	enum pli_status status = PLI_OK;

	if (!r->window)
		r->window = mem_alloc((size_t)WINDOW_CHUNKS * CIPHER_CHUNK_SEALED_BYTES);
	if (k < r->window_chunk || k - r->window_chunk >= r->window_count) {
		uint64_t chunks = (r->segment.plain_size + CIPHER_CHUNK_BYTES - 1) / CIPHER_CHUNK_BYTES;
		unsigned count = chunks - k < WINDOW_CHUNKS ? (unsigned)(chunks - k) : WINDOW_CHUNKS;
		size_t n = (size_t)(count - 1) * CIPHER_CHUNK_SEALED_BYTES + chunk_size(r, k + count - 1) + 16;

		r->window_count = 0;
		status = bytes_get(r, r->segment.file_offset + CIPHER_HEADER_BYTES + k * CIPHER_CHUNK_SEALED_BYTES,
				   r->window, n, err);
		r->window_chunk = k;
		if (status == PLI_OK)
			r->window_count = count;
	}
	if (status == PLI_OK && cipher_chunk_unseal(r->chunks, k, r->window + (k - r->window_chunk) * CIPHER_CHUNK_SEALED_BYTES,
						    chunk_size(r, k) + 16, out, err) != PLI_OK)
		status = broken(err);
	return status;
}

static enum pli_status reader_fill(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	struct object_reader *r = (struct object_reader *)is;
	uint8_t *out = buf;
	size_t n = 0;

	while (n < cap && r->at < r->size) {
		enum pli_status status = segment_find(r, err);
		uint64_t k = (r->at - r->segment.plain_offset) / CIPHER_CHUNK_BYTES;
		size_t skip = (r->at - r->segment.plain_offset) % CIPHER_CHUNK_BYTES;
		size_t size = chunk_size(r, k), take = size - skip;

		if (status == PLI_OK && !skip && cap - n >= size) {
			status = chunk_get(r, k, out + n, err);
		} else if (status == PLI_OK) {
			/* Part of a chunk: keep the rest for the next read; but first fill whole ones. */
			if (!r->plain)
				r->plain = mem_alloc(CIPHER_CHUNK_BYTES);
			if (!r->plain_valid || r->plain_chunk != k)
				status = chunk_get(r, k, r->plain, err);
			r->plain_valid = status == PLI_OK;
			r->plain_chunk = k;
			if (take > cap - n)
				take = cap - n;
			if (status == PLI_OK)
				memcpy(out + n, r->plain + skip, take);
		}
		if (status == PLI_AGAIN && n)
			break;
		if (status != PLI_OK)
			return status;
		n += take;
		r->at += take;
	}
	*n_r = n;
	return PLI_OK;
}

static enum pli_status reader_read(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	((struct object_reader *)is)->now = false;
	return reader_fill(is, buf, cap, n_r, err);
}

static enum pli_status reader_read_now(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	((struct object_reader *)is)->now = true;
	return reader_fill(is, buf, cap, n_r, err);
}

static void reader_close(struct istream *is)
{
	struct object_reader *r = (struct object_reader *)is;

	cipher_chunks_free(r->chunks);
	if (r->fd >= 0)
		close(r->fd);
	buf_free(&r->message);
	mem_free(r->window);
	if (r->plain)
		mem_wipe(r->plain, CIPHER_CHUNK_BYTES);
	mem_free(r->plain);
	mem_wipe(r, sizeof(*r));
	mem_free(r);
}

static const struct istream_ops reader_ops = {
	.name = "object",
	.read = reader_read,
	.close = reader_close,
	.read_now = reader_read_now,
};

/* ------------------------------------------------------------------ opening */

static enum pli_status rows_open(struct object_reader *r, uint32_t *n_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(r->store->db);
	struct object_row row;
	enum pli_status status = object_row_get(conn, &r->entity, &r->object, &row, &r->message, NULL, err);

	if (status == PLI_OK && (row.state != OBJECT_COMMITTED || !uuid_same(&row.letter, &r->letter)))
		status = err_set(err, PLI_ABSENT, "no such object");
	if (status == PLI_OK && r->at > row.info.size)
		status = err_set(err, PLI_RANGE, "offset beyond the end");
	r->size = row.info.size;
	if (status == PLI_OK)
		status = object_segment_count(conn, &r->entity, &r->object, &r->segment_count, err);
	if (status == PLI_OK)
		status = object_segment_at(conn, &r->entity, &r->object, r->at, n_r, err);
	db_reader_give(r->store->db, conn);
	if (status == PLI_OK && !row.has_inline)
		status = blob_file_open(r->store->dir_fd, &r->entity, &r->object, &r->fd, err);
	return status;
}

enum pli_status object_read(struct object_store *store, const struct uuid *entity, const struct uuid *letter,
			    const struct uuid *object, const uint8_t letter_key[32], uint64_t offset,
			    struct istream **is_r, struct err *err)
{
	struct object_reader *r = mem_alloc(sizeof(*r));
	enum pli_status status;
	uint32_t n = 0;

	r->base.ops = &reader_ops;
	r->store = store;
	r->entity = *entity;
	r->letter = *letter;
	r->object = *object;
	memcpy(r->letter_key, letter_key, sizeof(r->letter_key));
	r->at = offset;
	r->fd = -1;
	buf_init(&r->message);
	status = rows_open(r, &n, err);
	if (status == PLI_OK)
		status = segment_open(r, n, err);
	if (status != PLI_OK) {
		reader_close(&r->base);
		return status;
	}
	*is_r = &r->base;
	return PLI_OK;
}
