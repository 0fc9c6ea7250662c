/* Resumable objects: durable progress, and going on after a break.
 *
 * A checkpoint makes durable, in this order: the whole chunks in the file; then, in one transaction, the segment's size so
 * far and the progress record: offset, digests, and the bytes after the last whole chunk.  Only then is the offset told.
 * The stream goes on in the same segment: no chunk of it has been sealed beyond what the file holds.
 *
 * After a break nobody knows which chunks of the segment were sealed beyond the record, so none of them may be sealed again:
 * the file is cut to the record and a new segment, under a new key, takes the kept bytes and what follows.
 *
 * Progress record, sealed: offset(u64) digest(105, digest.h) crc32(u32) tail_n(u32) tail.
 * Key: HKDF-Expand-SHA512(segment key, "pli/progress/1"); aad: "pli/progress/1" entity object. */
#include <assert.h>
#include <string.h>

#include "pool.h"

#include "cipher.h"
#include "db.h"
#include "digest.h"
#include "digester.h"

#include "object_private.h"

#include "object.h"

#define LABEL "pli/progress/1"

static void progress_key(const uint8_t segment_key[32], uint8_t key_r[32])
{
	digest_hkdf_expand_sha512(segment_key, 32, LABEL, sizeof(LABEL) - 1, key_r, 32);
}

static void progress_aad(const struct uuid *entity, const struct uuid *object, struct buf *out)
{
	buf_str(out, LABEL);
	buf_add(out, entity->b, 16);
	buf_add(out, object->b, 16);
}

enum pli_status object_progress_seal(const struct object_progress *progress, const uint8_t segment_key[32],
				     const struct uuid *entity, const struct uuid *object, struct buf *out,
				     struct err *err)
{
	enum pli_status status;
	uint8_t key[32];
	AUTO_BUF plain;
	AUTO_BUF aad;

	buf_init_secret(&plain);
	buf_init(&aad);
	progress_aad(entity, object, &aad);
	buf_u64(&plain, progress->offset);
	buf_add(&plain, progress->digest, sizeof(progress->digest));
	buf_u32(&plain, progress->crc32);
	buf_blob(&plain, progress->tail, progress->tail_n);
	progress_key(segment_key, key);
	status = cipher_seal(key, aad.p, aad.n, plain.p, plain.n, out, err);
	mem_wipe(key, sizeof(key));
	return status;
}

enum pli_status object_progress_open(const void *sealed, size_t n, const uint8_t segment_key[32],
				     const struct uuid *entity, const struct uuid *object,
				     struct object_progress *progress_r, struct err *err)
{
	enum pli_status status;
	const uint8_t *digest, *tail;
	struct cursor c;
	size_t tail_n;
	uint8_t key[32];
	AUTO_BUF plain;
	AUTO_BUF aad;

	buf_init_secret(&plain);
	buf_init(&aad);
	progress_aad(entity, object, &aad);
	progress_key(segment_key, key);
	status = cipher_open(key, aad.p, aad.n, sealed, n, &plain, err);
	mem_wipe(key, sizeof(key));
	if (status != PLI_OK)
		return err_set(err, PLI_IO, "an upload's progress does not open");
	cursor_init(&c, plain.p, plain.n);
	progress_r->offset = cursor_u64(&c);
	digest = cursor_bytes(&c, sizeof(progress_r->digest));
	progress_r->crc32 = cursor_u32(&c);
	tail = cursor_blob(&c, &tail_n);
	if (c.bad || c.n || tail_n > sizeof(progress_r->tail))
		return err_set(err, PLI_IO, "an upload's progress is malformed");
	memcpy(progress_r->digest, digest, sizeof(progress_r->digest));
	memcpy(progress_r->tail, tail, tail_n);
	progress_r->tail_n = (uint32_t)tail_n;
	return PLI_OK;
}

/* ------------------------------------------------------------------ checkpoint */

struct progressing {
	struct object_stream *s;
	struct buf sealed;		/* n = 0: nothing to record yet */
	uint64_t offset;
};

static enum pli_status progress_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct progressing *p = arg;
	struct object_stream *s = p->s;
	enum pli_status status = object_row_progress(tx, &s->entity, &s->row.info.object, p->offset, &p->sealed, err);

	if (status == PLI_OK)
		status = object_segment_put(tx, &s->entity, &s->row.info.object, &s->segment, err);
	return status;
}

/* Everything taken so far is in the file or in the tail; the record says so. */
static enum pli_status checkpoint(struct object_stream *s, struct object_progress *progress, struct progressing *p,
				  struct err *err)
{
	struct object_piece *piece = &s->pieces[s->piece];
	enum pli_status status = PLI_OK;

	object_stream_digest(s);
	digester_state(s->digester, progress->digest, &progress->crc32);
	if (s->file.fd < 0 && piece->n == OBJECT_INLINE_MAX)
		status = object_stream_file(s, err);
	if (status == PLI_OK && s->file.fd >= 0) {
		status = object_stream_seal(s, err);
		if (status == PLI_OK)
			status = blob_file_sync(&s->file, err);
		if (status == PLI_OK)
			object_stream_tail(s);
		s->segment.plain_size = s->chunk * CIPHER_CHUNK_BYTES;
	}
	if (status != PLI_OK)
		return status;
	progress->offset = p->offset = s->size;
	progress->tail_n = (uint32_t)piece->n;
	assert(piece->n < sizeof(progress->tail));
	if (piece->n)
		memcpy(progress->tail, piece->p, piece->n);
	status = object_progress_seal(progress, s->key, &s->entity, &s->row.info.object, &p->sealed, err);
	if (status == PLI_OK)
		status = db_write(s->store->db, progress_write, p, err);
	return status;
}

enum pli_status object_checkpoint(struct ostream *os, uint64_t *offset_r, struct err *err)
{
	struct object_stream *s = (struct object_stream *)os;
	struct object_progress *progress;
	struct progressing p = { .s = s };
	enum pli_status status;

	assert(os->ops == &object_stream_ops && s->resumable && !s->finished);
	if (s->failed.status != PLI_OK)
		return err_set(err, s->failed.status, "%s", s->failed.text);
	if (!s->size) {
		*offset_r = 0;
		return PLI_OK;
	}
	progress = mem_alloc(sizeof(*progress));
	buf_init(&p.sealed);
	status = checkpoint(s, progress, &p, err);
	buf_free(&p.sealed);
	mem_wipe(progress, sizeof(*progress));
	mem_free(progress);
	if (status != PLI_OK)
		return object_stream_failed(s, status, err);
	*offset_r = s->size;
	return PLI_OK;
}

/* ------------------------------------------------------------------ resume */

/* What the rows say about an open object. */
struct broken {
	struct object_row row;
	struct object_segment last;
	struct buf sealed;
	struct object_progress progress;
};

static enum pli_status broken_read(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				   struct broken *b, struct err *err)
{
	struct db_conn *conn = db_reader_take(store->db);
	enum pli_status status = object_row_get(conn, entity, object, &b->row, NULL, &b->sealed, err);
	unsigned got = 0;
	uint32_t count = 0;

	if (status == PLI_OK && b->row.state != OBJECT_OPEN)
		status = err_set(err, PLI_CONFLICT, "the upload is complete already");
	if (status == PLI_OK)
		status = object_segment_count(conn, entity, object, &count, err);
	if (status == PLI_OK && !count)
		status = err_set(err, PLI_ABSENT, "no such upload");
	if (status == PLI_OK && count >= OBJECT_SEGMENTS_MAX)
		status = err_set(err, PLI_LIMIT, "the upload was interrupted too often");
	if (status == PLI_OK)
		status = object_segments_get(conn, entity, object, count - 1, 1, &b->last, &got, err);
	db_reader_give(store->db, conn);
	return status;
}

static enum pli_status broken_open(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				   struct broken *b, struct err *err)
{
	uint8_t key[1][32];
	enum pli_status status;

	if (!b->sealed.n)
		return PLI_OK;
	status = object_stage_unwrap(store, entity, object, &b->last, 1, key, err);
	if (status == PLI_OK)
		status = object_progress_open(b->sealed.p, b->sealed.n, key[0], entity, object, &b->progress, err);
	mem_wipe(key, sizeof(key));
	if (status == PLI_OK && (b->progress.offset != b->row.offset ||
				 b->last.plain_offset + b->last.plain_size + b->progress.tail_n != b->row.offset))
		return err_set(err, PLI_IO, "an upload's rows contradict each other");
	return status;
}

/* The stream that goes on: file cut, new segment, digests and tail back. */
static enum pli_status stream_continue(struct object_stream *s, struct broken *b, struct err *err)
{
	const struct object_segment *last = &b->last;
	uint64_t chunks = last->plain_size / CIPHER_CHUNK_BYTES;
	struct progressing p = { .s = s, .offset = b->row.offset };
	enum pli_status status = PLI_OK;

	/* A segment that kept nothing makes place for the new one. */
	s->segment.n = chunks ? last->n + 1 : last->n;
	s->segment.file_offset = last->file_offset + (chunks ? CIPHER_HEADER_BYTES + chunks * CIPHER_CHUNK_SEALED_BYTES : 0);
	s->segment.plain_offset = last->plain_offset + last->plain_size;
	s->size = b->row.offset;
	buf_init(&p.sealed);
	status = object_stage_wrap(s->store, &s->entity, &s->row.info.object, s->key, &s->segment, err);
	/* The record lies under the newest segment's key. */
	if (status == PLI_OK && b->sealed.n)
		status = object_progress_seal(&b->progress, s->key, &s->entity, &s->row.info.object, &p.sealed, err);
	if (status == PLI_OK && s->segment.file_offset)
		status = blob_file_reopen(s->store->dir_fd, &s->entity, &s->row.info.object, s->segment.file_offset,
					  &s->file, err);
	else if (status == PLI_OK)
		status = object_file_remove(s->store, &s->entity, &s->row.info.object, err);
	db_count_bytes(s->store->db, -(int64_t)s->file.cut_bytes);
	if (status == PLI_OK)
		status = db_write(s->store->db, progress_write, &p, err);
	buf_free(&p.sealed);
	if (status == PLI_OK && s->segment.file_offset)
		status = object_stream_segment(s, err);
	if (status == PLI_OK && b->sealed.n &&
	    !digester_restore(s->digester, b->progress.digest, b->progress.crc32))
		status = err_set(err, PLI_IO, "an upload's progress is malformed");
	if (status == PLI_OK && b->progress.tail_n)
		object_stream_preset(s, b->progress.tail, b->progress.tail_n);
	return status;
}

enum pli_status object_resume(struct object_store *store, const struct uuid *entity, const struct uuid *object,
			      struct ostream **os_r, uint64_t *offset_r, struct err *err)
{
	struct object_stream *s = object_stream_new(store, entity, object);
	struct broken *b;
	enum pli_status status;

	s->resumable = s->row_written = true;
	/* One stream an object: the mark stays until the stream is finished or closed. */
	if (!object_stream_mark(s)) {
		ostream_close(&s->base);
		return err_set(err, PLI_CONFLICT, "the upload is being written by another request");
	}
	b = mem_alloc(sizeof(*b));
	buf_init(&b->sealed);
	status = broken_read(store, entity, object, b, err);
	if (status == PLI_OK)
		status = broken_open(store, entity, object, b, err);
	if (status == PLI_OK)
		status = stream_continue(s, b, err);
	if (status == PLI_OK) {
		*os_r = &s->base;
		*offset_r = s->size;
	} else {
		ostream_close(&s->base);
	}
	buf_free(&b->sealed);
	mem_wipe(b, sizeof(*b));
	mem_free(b);
	return status;
}
