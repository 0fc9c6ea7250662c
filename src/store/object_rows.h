/* The tables object and segment: every statement on them.  Private to the storage room. */
#ifndef PLI_OBJECT_ROWS_H
#define PLI_OBJECT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "object.h"

struct buf;
struct db_conn;
struct db_tx;

/* One chunked-encryption message of an object.  Segments follow each other in the file without a gap; all but the last
 * hold whole chunks only. */
struct object_segment {
	uint32_t n;
	uint64_t file_offset, plain_offset, plain_size;
	char kid[64];		/* staging KEK; "" under the letter key */
	uint8_t wrapped[128];
	size_t wrapped_n;
};

enum object_state { OBJECT_OPEN, OBJECT_STAGED, OBJECT_COMMITTED };

struct object_row {
	struct object_info info;	/* size and digests are 0 while open */
	enum object_state state;
	struct uuid account, letter;	/* nil when null */
	int64_t created_us, expires_us;
	uint64_t offset;		/* durable and announced */
	bool has_inline;
};

/* PLI_ABSENT if there is none.  inline_out and progress_out (may be NULL) get the columns' bytes. */
MUST enum pli_status object_row_get(struct db_conn *conn, const struct uuid *entity, const struct uuid *object,
				    struct object_row *row_r, struct buf *inline_out, struct buf *progress_out,
				    struct err *err);
/* Appends at most `limit` segments from number `from` on to the array; *count_r = how many. */
MUST enum pli_status object_segments_get(struct db_conn *conn, const struct uuid *entity, const struct uuid *object,
					 uint32_t from, unsigned limit, struct object_segment *segments_r,
					 unsigned *count_r, struct err *err);
/* Number of the segment that holds plain byte `offset` (the last that begins at or before it). */
MUST enum pli_status object_segment_at(struct db_conn *conn, const struct uuid *entity, const struct uuid *object,
				       uint64_t offset, uint32_t *n_r, struct err *err);
MUST enum pli_status object_segment_count(struct db_conn *conn, const struct uuid *entity, const struct uuid *object,
					  uint32_t *count_r, struct err *err);

/* ---- inside write functions */
MUST enum pli_status object_row_insert(struct db_tx *tx, const struct uuid *entity, const struct object_row *row,
				       const struct buf *inline_bytes, struct err *err);
/* Inserts, or replaces the one of the same number. */
MUST enum pli_status object_segment_put(struct db_tx *tx, const struct uuid *entity, const struct uuid *object,
					const struct object_segment *segment, struct err *err);
/* Of an open object; PLI_GONE when it is not there any more. */
MUST enum pli_status object_row_progress(struct db_tx *tx, const struct uuid *entity, const struct uuid *object,
					 uint64_t offset, const struct buf *progress, struct err *err);
/* Open to staged; PLI_GONE when it is not there any more. */
MUST enum pli_status object_row_staged(struct db_tx *tx, const struct uuid *entity, const struct object_info *info,
				       const struct buf *inline_bytes, struct err *err);
/* From state `from` to committed; PLI_CONFLICT when used or swept. */
MUST enum pli_status object_row_commit(struct db_tx *tx, const struct uuid *entity, const struct object_info *info,
				       const struct uuid *letter, enum object_state from, struct err *err);
/* Object and segments, unless committed; *removed_r tells. */
MUST enum pli_status object_row_remove(struct db_tx *tx, const struct uuid *entity, const struct uuid *object,
				       bool *removed_r, struct err *err);
/* Of a letter. */
MUST enum pli_status object_row_erase(struct db_tx *tx, const struct uuid *entity, const struct uuid *letter,
				      const struct uuid *object, struct err *err);

/* Staged rows that are over: expired at now_us, or begun before `started_us` and, having no segment row, known only to
 * a process that is gone.  At most `limit` ids. */
MUST enum pli_status object_rows_over(struct db_conn *conn, int64_t now_us, int64_t started_us, unsigned limit,
				      struct uuid *entities_r, struct uuid *objects_r, unsigned *count_r,
				      struct err *err);

#endif
