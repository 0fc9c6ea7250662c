/* Writing an object: limit > SHA-256 and CRC-32 > encrypt > memory or file.
 *
 * Bytes are gathered in pieces of PIECE_BYTES.  A full piece goes to the digester (beside us, for large objects) and, sealed
 * in chunks, to the file; meanwhile the next piece fills.  Up to 16 KiB there is one small piece and no file; what comes
 * after that makes the stream "spill": row, then file. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "pool.h"

#include "cipher.h"
#include "db.h"
#include "digester.h"

#include "object_private.h"

#include "object.h"

#define PIECE_BYTES (128u << 10)
#define BESIDE_FROM (UINT64_C(1) << 20)
#define BESIDE_MAX 8

_Static_assert(OBJECT_INLINE_MAX % CIPHER_CHUNK_BYTES == 0, "a full small piece is whole chunks");

static struct object_stream *stream_of(struct ostream *os)
{
	assert(os && os->ops == &object_stream_ops);
	return (struct object_stream *)os;
}

struct object_stream *object_stream_new(struct object_store *store, const struct uuid *entity, const struct uuid *object)
{
	struct object_stream *s = mem_alloc(sizeof(*s));

	s->base.ops = &object_stream_ops;
	s->store = store;
	s->entity = *entity;
	s->row.info.object = *object;
	s->row.created_us = clock_now_us();
	s->limit_bytes = UINT64_MAX;
	s->file.fd = -1;
	mem_random(s->key, sizeof(s->key));
	s->digester = digester_new();
	return s;
}

enum pli_status object_stream_failed(struct object_stream *s, enum pli_status status, struct err *err)
{
	struct err none = { 0 };

	if (s->failed.status == PLI_OK) {
		s->failed = err ? *err : none;
		s->failed.status = status;
		if (s->file.broken)
			db_fault(s->store->db, &s->failed);
	}
	return status;
}

/* ------------------------------------------------------------------ pieces */

static struct object_piece *piece_open(struct object_stream *s)
{
	return &s->pieces[s->piece];
}

static void piece_grow(struct object_piece *piece, size_t cap)
{
	uint8_t *p = mem_alloc(cap);

	if (piece->p) {
		memcpy(p, piece->p, piece->n);
		mem_wipe(piece->p, piece->cap);
		mem_free(piece->p);
	}
	piece->p = p;
	piece->cap = cap;
}

void object_stream_preset(struct object_stream *s, const void *p, size_t n)
{
	struct object_piece *piece = piece_open(s);

	assert(!piece->n && n <= OBJECT_INLINE_MAX);
	if (piece->cap < OBJECT_INLINE_MAX)
		piece_grow(piece, OBJECT_INLINE_MAX);
	memcpy(piece->p, p, n);
	piece->n = piece->hashed = n;
}

void object_stream_digest(struct object_stream *s)
{
	struct object_piece *piece = piece_open(s);

	if (piece->n > piece->hashed)
		digester_add(s->digester, piece->p + piece->hashed, piece->n - piece->hashed);
	piece->hashed = piece->n;
}

enum pli_status object_stream_seal(struct object_stream *s, struct err *err)
{
	struct object_piece *piece = piece_open(s);
	size_t whole = piece->n / CIPHER_CHUNK_BYTES;
	uint8_t sealed[CIPHER_CHUNK_SEALED_BYTES];
	enum pli_status status = PLI_OK;

	assert(s->file.fd >= 0 && s->chunks);
	for (size_t i = 0; i < whole && status == PLI_OK; i++) {
		status = cipher_chunk_seal(s->chunks, s->chunk++, piece->p + i * CIPHER_CHUNK_BYTES, CIPHER_CHUNK_BYTES,
					   sealed, err);
		if (status == PLI_OK)
			status = blob_file_write(&s->file, sealed, sizeof(sealed), err);
	}
	if (status == PLI_OK)
		db_count_bytes(s->store->db, (int64_t)(whole * CIPHER_CHUNK_SEALED_BYTES));
	return status;
}

void object_stream_tail(struct object_stream *s)
{
	struct object_piece *piece = piece_open(s);
	size_t whole = piece->n / CIPHER_CHUNK_BYTES * CIPHER_CHUNK_BYTES;

	digester_wait(s->digester, 0);
	if (!whole)
		return;
	memmove(piece->p, piece->p + whole, piece->n - whole);
	piece->n -= whole;
	piece->hashed -= whole;
}

/* A large object: its digest and its file get threads of their own, unless many have them already. */
static void beside_start(struct object_stream *s)
{
	struct object_store *store = s->store;

	pthread_mutex_lock(&store->lock);
	s->beside = store->beside < BESIDE_MAX;
	store->beside += s->beside;
	pthread_mutex_unlock(&store->lock);
	if (s->beside) {
		digester_start(s->digester);
		blob_file_beside(&s->file);
	}
}

static enum pli_status space_check(struct object_stream *s, struct err *err)
{
	uint64_t free_bytes;
	enum pli_status status;

	if (!s->reserve_bytes && !db_has_quota(s->store->db))
		return PLI_OK;
	status = db_space(s->store->db, &free_bytes, err);
	if (status == PLI_OK && (free_bytes < s->reserve_bytes || free_bytes < PIECE_BYTES))
		return err_set(err, PLI_FULL, "no space left for attachments");
	return status;
}

/* A full piece leaves; the next one is free again. */
static enum pli_status piece_turn(struct object_stream *s, struct err *err)
{
	struct object_piece *next;
	enum pli_status status = space_check(s, err);

	if (status != PLI_OK)
		return status;
	if (s->size > BESIDE_FROM && !s->beside)
		beside_start(s);
	object_stream_digest(s);
	status = object_stream_seal(s, err);
	if (status != PLI_OK)
		return status;
	s->piece = (s->piece + 1) % OBJECT_PIECES;
	digester_wait(s->digester, OBJECT_PIECES - 1);
	next = piece_open(s);
	if (!next->p)
		piece_grow(next, PIECE_BYTES);
	next->n = next->hashed = 0;
	return PLI_OK;
}

/* ------------------------------------------------------------------ spilling into a file */

bool object_stream_mark(struct object_stream *s)
{
	struct object_store *store = s->store;
	const struct uuid *object = &s->row.info.object;

	pthread_mutex_lock(&store->lock);
	if (!object_held_find(store, &s->entity, object)) {
		s->mark = object_held_new(store, &s->entity, object);
		s->mark->open = true;
	}
	pthread_mutex_unlock(&store->lock);
	return s->mark != NULL;
}

static enum pli_status row_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct object_stream *s = arg;
	enum pli_status status = object_row_insert(tx, &s->entity, &s->row, NULL, err);

	if (status == PLI_OK && s->resumable)
		status = object_segment_put(tx, &s->entity, &s->row.info.object, &s->segment, err);
	return status;
}

enum pli_status object_stream_segment(struct object_stream *s, struct err *err)
{
	uint8_t context[OBJECT_CONTEXT_BYTES];
	enum pli_status status;
	AUTO_BUF header;

	buf_init(&header);
	object_context(&s->entity, &s->row.info.object, s->segment.n, context);
	status = cipher_chunks_new(s->key, context, sizeof(context), &header, &s->chunks, err);
	if (status == PLI_OK)
		status = blob_file_write(&s->file, header.p, header.n, err);
	if (status == PLI_OK)
		db_count_bytes(s->store->db, (int64_t)header.n);
	return status;
}

enum pli_status object_stream_file(struct object_stream *s, struct err *err)
{
	enum pli_status status = space_check(s, err);

	if (status == PLI_OK && !s->row_written)
		status = db_write(s->store->db, row_write, s, err);
	if (status != PLI_OK)
		return status;
	s->row_written = true;
	if (!s->mark)
		object_stream_mark(s);
	status = blob_file_create(s->store->dir_fd, &s->entity, &s->row.info.object, &s->file, err);
	if (status == PLI_OK)
		status = object_stream_segment(s, err);
	if (status == PLI_OK)
		piece_grow(piece_open(s), PIECE_BYTES);
	return status;
}

static enum pli_status room_make(struct object_stream *s, struct err *err)
{
	struct object_piece *piece = piece_open(s);

	if (!piece->p)
		piece_grow(piece, s->file.fd >= 0 ? PIECE_BYTES : OBJECT_INLINE_MAX);
	if (piece->n < piece->cap)
		return PLI_OK;
	if (s->file.fd < 0)
		return object_stream_file(s, err);
	if (piece->cap < PIECE_BYTES) {
		piece_grow(piece, PIECE_BYTES);	/* preset after a break */
		return PLI_OK;
	}
	return piece_turn(s, err);
}

static enum pli_status stream_write(struct ostream *os, const void *p, size_t n, struct err *err)
{
	struct object_stream *s = stream_of(os);
	const uint8_t *at = p;
	enum pli_status status;

	assert(!s->finished);
	if (s->failed.status != PLI_OK)
		return err_set(err, s->failed.status, "%s", s->failed.text);
	if (n > s->limit_bytes || s->size > s->limit_bytes - n) {
		err_set(err, PLI_LIMIT, "larger than %" PRIu64 " bytes", s->limit_bytes);
		return object_stream_failed(s, PLI_LIMIT, err);
	}
	while (n) {
		struct object_piece *piece;
		size_t take;

		status = room_make(s, err);
		if (status != PLI_OK)
			return object_stream_failed(s, status, err);
		piece = piece_open(s);
		take = piece->cap - piece->n < n ? piece->cap - piece->n : n;
		memcpy(piece->p + piece->n, at, take);
		piece->n += take;
		s->size += take;
		at += take;
		n -= take;
	}
	return PLI_OK;
}

/* ------------------------------------------------------------------ the end */

/* Small: the whole message, sealed. */
static enum pli_status seal_small(struct object_stream *s, struct buf *out, struct err *err)
{
	struct object_piece *piece = piece_open(s);
	uint8_t context[OBJECT_CONTEXT_BYTES];
	bool full = piece->n == CIPHER_CHUNK_BYTES;
	size_t bytes = piece->n + 16 + (full ? 16 : 0);
	enum pli_status status;
	uint8_t *at;

	object_context(&s->entity, &s->row.info.object, s->segment.n, context);
	status = cipher_chunks_new(s->key, context, sizeof(context), out, &s->chunks, err);
	if (status != PLI_OK)
		return status;
	at = buf_reserve(out, bytes);
	status = cipher_chunk_seal(s->chunks, 0, piece->p, piece->n, at, err);
	if (status == PLI_OK && full)
		status = cipher_chunk_seal(s->chunks, 1, NULL, 0, at + piece->n + 16, err);
	out->n += bytes;
	return status;
}

/* Large: whole chunks, the short last one (perhaps empty), durable under the final name. */
static enum pli_status finish_file(struct object_stream *s, struct err *err)
{
	uint8_t last[CIPHER_CHUNK_SEALED_BYTES];
	struct object_piece *piece;
	enum pli_status status;

	if (!piece_open(s)->p)
		piece_grow(piece_open(s), PIECE_BYTES);
	status = object_stream_seal(s, err);
	if (status != PLI_OK)
		return status;
	object_stream_tail(s);
	piece = piece_open(s);
	status = cipher_chunk_seal(s->chunks, s->chunk, piece->p, piece->n, last, err);
	if (status == PLI_OK)
		status = blob_file_write(&s->file, last, piece->n + 16, err);
	if (status == PLI_OK)
		status = blob_file_finish(&s->file, err);
	db_count_bytes(s->store->db, (int64_t)piece->n + 16);
	return status;
}

/* Moves the sealed bytes (NULL: they are in the file) to the store; false when it holds too much already. */
static bool hold(struct object_stream *s, struct buf *sealed)
{
	struct object_store *store = s->store;
	struct object_held *held;
	bool room;

	pthread_mutex_lock(&store->lock);
	room = !sealed || object_held_room(store, sealed->n);
	if (room && s->mark) {
		object_held_remove(store, s->mark);
		s->mark = NULL;
	}
	if (room) {
		held = object_held_new(store, &s->entity, &s->row.info.object);
		held->row = s->row;
		held->in_file = !sealed;
		memcpy(held->key, s->key, sizeof(held->key));
		if (sealed) {
			held->sealed = *sealed;
			buf_init(sealed);
			store->held_bytes += held->sealed.n;
		}
	}
	pthread_mutex_unlock(&store->lock);
	return room;
}

struct staging {
	struct object_stream *s;
	struct buf *sealed;
};

static enum pli_status staged_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct staging *staging = arg;
	struct object_stream *s = staging->s;
	enum pli_status status = object_row_staged(tx, &s->entity, &s->row.info, staging->sealed, err);

	if (status == PLI_OK)
		status = object_segment_put(tx, &s->entity, &s->row.info.object, &s->segment, err);
	return status;
}

static enum pli_status finish(struct object_stream *s, struct err *err)
{
	enum pli_status status = PLI_OK;
	struct staging staging = { .s = s };
	AUTO_BUF sealed;

	buf_init(&sealed);
	object_stream_digest(s);
	if (s->file.fd < 0)
		status = seal_small(s, &sealed, err);
	if (status == PLI_OK && s->file.fd < 0 && !s->resumable) {
		s->row.info.size = s->size;
		digester_final(s->digester, s->row.info.sha256, &s->row.info.crc32);
		if (hold(s, &sealed))
			return PLI_OK;
		/* Too much in memory: this one gets a row and a file, under a key that has sealed nothing yet. */
		cipher_chunks_free(s->chunks);
		s->chunks = NULL;
		mem_random(s->key, sizeof(s->key));
		status = object_stream_file(s, err);
		if (status == PLI_OK)
			status = finish_file(s, err);
		if (status == PLI_OK)
			hold(s, NULL);
		return status;
	}
	if (status == PLI_OK && s->file.fd >= 0)
		status = finish_file(s, err);
	if (status != PLI_OK)
		return status;
	s->row.info.size = s->size;
	s->segment.plain_size = s->size - s->segment.plain_offset;
	digester_final(s->digester, s->row.info.sha256, &s->row.info.crc32);
	if (!s->resumable) {
		hold(s, NULL);
		return PLI_OK;
	}
	staging.sealed = s->file.fd < 0 ? &sealed : NULL;
	return db_write(s->store->db, staged_write, &staging, err);
}

static void unmark(struct object_stream *s)
{
	if (!s->mark)
		return;
	pthread_mutex_lock(&s->store->lock);
	object_held_remove(s->store, s->mark);
	pthread_mutex_unlock(&s->store->lock);
	s->mark = NULL;
}

static enum pli_status stream_finish(struct ostream *os, struct err *err)
{
	struct object_stream *s = stream_of(os);
	enum pli_status status;

	if (s->failed.status != PLI_OK)
		return err_set(err, s->failed.status, "%s", s->failed.text);
	if (!piece_open(s)->p)
		piece_grow(piece_open(s), s->file.fd >= 0 ? PIECE_BYTES : OBJECT_INLINE_MAX);
	status = finish(s, err);
	if (status != PLI_OK)
		return object_stream_failed(s, status, err);
	s->finished = true;
	unmark(s);
	return PLI_OK;
}

static void stream_close(struct ostream *os)
{
	struct object_stream *s = stream_of(os);
	struct err ignored;

	digester_free(s->digester);
	if (s->beside) {
		pthread_mutex_lock(&s->store->lock);
		s->store->beside--;
		pthread_mutex_unlock(&s->store->lock);
	}
	db_count_bytes(s->store->db, -(int64_t)blob_file_close(&s->file));
	/* What cannot be removed now is left to the sweep. */
	if (!s->finished && !s->resumable && s->row_written)
		(void)!object_remove(s->store, &s->entity, &s->row.info.object, &ignored);
	unmark(s);
	for (int i = 0; i < OBJECT_PIECES; i++) {
		if (s->pieces[i].p)
			mem_wipe(s->pieces[i].p, s->pieces[i].cap);
		mem_free(s->pieces[i].p);
	}
	cipher_chunks_free(s->chunks);
	mem_wipe(s, sizeof(*s));
	mem_free(s);
}

const struct ostream_ops object_stream_ops = {
	.name = "object",
	.write = stream_write,
	.finish = stream_finish,
	.close = stream_close,
};

/* ------------------------------------------------------------------ opening */

static enum pli_status resumable_begin(struct object_stream *s, struct err *err)
{
	enum pli_status status = object_stage_wrap(s->store, &s->entity, &s->row.info.object, s->key, &s->segment, err);

	if (status == PLI_OK)
		status = db_write(s->store->db, row_write, s, err);
	if (status != PLI_OK)
		return status;
	s->row_written = true;
	object_stream_mark(s);
	return PLI_OK;
}

enum pli_status object_stage(struct object_store *store, const struct object_stage_options *options,
			     struct ostream **os_r, struct uuid *object_r, struct err *err)
{
	struct object_stream *s;
	struct uuid object;
	enum pli_status status = PLI_OK;

	assert(options->expires_us > 0);
	uuid_make(&object);
	s = object_stream_new(store, options->entity, &object);
	if (options->account)
		s->row.account = *options->account;
	s->row.expires_us = options->expires_us;
	s->limit_bytes = options->limit_bytes;
	s->reserve_bytes = options->reserve_bytes;
	s->resumable = options->resumable;
	if (s->resumable)
		status = resumable_begin(s, err);
	if (status != PLI_OK) {
		ostream_close(&s->base);
		return status;
	}
	*os_r = &s->base;
	*object_r = object;
	return PLI_OK;
}

void object_limit(struct ostream *os, uint64_t limit_bytes, uint64_t reserve_bytes)
{
	struct object_stream *s = stream_of(os);

	s->limit_bytes = limit_bytes;
	s->reserve_bytes = reserve_bytes;
}

void object_staged_info(struct ostream *os, struct object_info *info_r)
{
	struct object_stream *s = stream_of(os);

	assert(s->finished);
	*info_r = s->row.info;
}
