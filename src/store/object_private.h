/* What the files object*.c share. */
#ifndef PLI_OBJECT_PRIVATE_H
#define PLI_OBJECT_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

#include "stream.h"

#include "blob_file.h"
#include "object_rows.h"

#include "keywrap.h"
#include "object.h"

#define OBJECT_INLINE_MAX 16384u	/* plain bytes kept in memory and in the row */
#define OBJECT_HELD_MAX (8u << 20)	/* sealed bytes held in memory by one process; beyond, even small ones get a file */
#define OBJECT_SEGMENTS_MAX 65536u

struct object_store {
	struct db *db;
	int dir_fd;
	struct keywrap keywrap;
	int64_t started_us;
	pthread_mutex_t lock;
	struct object_held *held[256];		/* by the last byte of the object's id */
	uint64_t held_bytes;
	unsigned beside;			/* streams with threads of their own */
	atomic_uint pins;
};

/* An object that this process holds: staged in memory, or being written by a stream. */
struct object_held {
	struct object_held *next;
	struct uuid entity;
	struct object_row row;
	uint8_t key[32];		/* of the only segment */
	struct buf sealed;		/* up to 16 KiB: the sealed message; else it stands in a file */
	bool in_file;
	bool open;			/* only a mark that a stream writes it (and the sweep leaves it alone) */
	bool committing;
};

/* ---- object.c: the held ones.  Found and changed under store->lock. */
struct object_held *object_held_new(struct object_store *store, const struct uuid *entity, const struct uuid *object);
struct object_held *object_held_find(struct object_store *store, const struct uuid *entity, const struct uuid *object);
void object_held_remove(struct object_store *store, struct object_held *held);	/* wipes and frees */
/* Sealed bytes are counted; false when there is no room for them. */
bool object_held_room(struct object_store *store, uint64_t bytes);

/* Removes row (unless committed) and file.  PLI_ABSENT when there was no row. */
MUST enum pli_status object_remove(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				   struct err *err);
MUST enum pli_status object_file_remove(struct object_store *store, const struct uuid *entity,
					const struct uuid *object, struct err *err);

/* ---- keys (object_key.c) */
struct cipher_chunks;
#define OBJECT_CONTEXT_BYTES (12 + 16 + 16 + 4)
/* Context of a segment's encryption. */
void object_context(const struct uuid *entity, const struct uuid *object, uint32_t n, uint8_t out[OBJECT_CONTEXT_BYTES]);
/* A staging key by the keeper: fills kid and wrapped of the segment; and back. */
MUST enum pli_status object_stage_wrap(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				       const uint8_t key[32], struct object_segment *segment, struct err *err);
/* The same under the KEK that segment names. */
MUST enum pli_status object_stage_wrap_under(struct object_store *store, const struct uuid *entity, const struct uuid *object,
					     const uint8_t key[32], struct object_segment *segment, struct err *err);
/* keys_r: count keys of 32 bytes. */
MUST enum pli_status object_stage_unwrap(struct object_store *store, const struct uuid *entity,
					 const struct uuid *object, const struct object_segment *segments,
					 size_t count, uint8_t (*keys_r)[32], struct err *err);
/* A segment's key under the letter key. */
MUST enum pli_status object_letter_wrap(const uint8_t letter_key[32], const struct uuid *entity,
					const struct uuid *letter, const struct uuid *object, bool last,
					const uint8_t key[32], struct object_segment *segment, struct err *err);
MUST enum pli_status object_letter_unwrap(const uint8_t letter_key[32], const struct uuid *entity,
					  const struct uuid *letter, const struct uuid *object, bool last,
					  const struct object_segment *segment, uint8_t key_r[32], struct err *err);

/* ---- progress of a resumable object (object_resume.c): what digest_state holds */
struct object_progress {
	uint64_t offset;	/* plain bytes in all */
	uint8_t digest[105];
	uint32_t crc32;
	uint8_t tail[16384];	/* what is not in the file yet */
	uint32_t tail_n;
};
_Static_assert(sizeof(((struct object_progress *)0)->digest) == 32 + 8 + 1 + 64, "a stored digest");
/* Sealed under a key derived from the segment's, with a random nonce each time. */
MUST enum pli_status object_progress_seal(const struct object_progress *progress, const uint8_t segment_key[32],
					  const struct uuid *entity, const struct uuid *object, struct buf *out,
					  struct err *err);
MUST enum pli_status object_progress_open(const void *sealed, size_t n, const uint8_t segment_key[32],
					  const struct uuid *entity, const struct uuid *object,
					  struct object_progress *progress_r, struct err *err);

/* ---- the stream (object_stream.c, object_resume.c) */
#define OBJECT_PIECES 3		/* one being filled, two under the digest */

struct object_piece {
	uint8_t *p;
	size_t n, cap, hashed;	/* hashed: so many are with the digester */
};

struct object_stream {
	struct ostream base;
	struct object_store *store;
	struct uuid entity;
	struct object_row row;
	uint64_t limit_bytes, reserve_bytes;
	uint64_t size;			/* plain bytes taken, of all segments */
	bool resumable, finished, row_written;
	struct object_held *mark;	/* once there is a row, while the stream is open */
	struct err failed;		/* status PLI_OK: none */
	struct object_segment segment;	/* the one being written */
	uint8_t key[32];
	struct cipher_chunks *chunks;	/* once the segment's header is written */
	uint64_t chunk;			/* whole chunks of the segment in the file */
	struct blob_file file;		/* fd -1: all bytes are in pieces[0] yet */
	struct digester *digester;
	bool beside;			/* digest and file have threads of their own; counted in the store */
	struct object_piece pieces[OBJECT_PIECES];
	unsigned piece;
};

extern const struct ostream_ops object_stream_ops;
struct object_stream *object_stream_new(struct object_store *store, const struct uuid *entity, const struct uuid *object);
/* The bytes get a file (its row is there). */
MUST enum pli_status object_stream_file(struct object_stream *s, struct err *err);
/* The header of the segment goes into the file. */
MUST enum pli_status object_stream_segment(struct object_stream *s, struct err *err);
/* Hands the open piece to the digester, and its whole chunks, sealed, to the file. */
void object_stream_digest(struct object_stream *s);
MUST enum pli_status object_stream_seal(struct object_stream *s, struct err *err);
/* The bytes after the whole chunks, to the front of the piece. */
void object_stream_tail(struct object_stream *s);
/* Puts bytes at the start of the first piece that the digester has seen already. */
void object_stream_preset(struct object_stream *s, const void *p, size_t n);
/* Marks the object as being written; false when it is marked or held already. */
bool object_stream_mark(struct object_stream *s);
/* Remembers a failure, and ends all writing when the disk is broken; returns its status. */
enum pli_status object_stream_failed(struct object_stream *s, enum pli_status status, struct err *err);

#endif
