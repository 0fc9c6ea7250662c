/* SQL of objects and segments; see object_rows.h. */
#include <assert.h>
#include <string.h>

#include "buf.h"

#include "db.h"

#include "object_rows.h"

static const char *const state_names[] = { "open", "staged", "committed" };

static const char sql_get[] =
	"SELECT state, account, letter, created, expires, size, sha256, crc32, offset_bytes, inline, digest_state "
	"FROM object WHERE entity = $1 AND object = $2";
static const char sql_segments[] =
	"SELECT n, kid, wrapped, file_offset, plain_offset, plain_size FROM segment "
	"WHERE entity = $1 AND object = $2 AND n >= $3 ORDER BY n LIMIT $4";
static const char sql_segment_at[] =
	"SELECT n FROM segment WHERE entity = $1 AND object = $2 AND plain_offset <= $3 ORDER BY n DESC LIMIT 1";
static const char sql_segment_last[] =
	"SELECT n FROM segment WHERE entity = $1 AND object = $2 ORDER BY n DESC LIMIT 1";
static const char sql_insert[] =
	"INSERT INTO object (entity, object, account, letter, state, created, expires, size, sha256, crc32, inline, "
	"offset_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
static const char sql_segment_put[] =
	"INSERT INTO segment (entity, object, n, kid, wrapped, file_offset, plain_offset, plain_size) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (entity, object, n) DO UPDATE SET kid = excluded.kid, "
	"wrapped = excluded.wrapped, file_offset = excluded.file_offset, plain_offset = excluded.plain_offset, "
	"plain_size = excluded.plain_size";
static const char sql_progress[] =
	"UPDATE object SET offset_bytes = $3, digest_state = $4 WHERE entity = $1 AND object = $2 AND state = 'open'";
static const char sql_staged[] =
	"UPDATE object SET state = 'staged', size = $3, sha256 = $4, crc32 = $5, inline = $6, offset_bytes = $3, "
	"digest_state = NULL WHERE entity = $1 AND object = $2 AND state = 'open'";
static const char sql_commit[] =
	"UPDATE object SET state = 'committed', letter = $3, expires = NULL, size = $4, sha256 = $5, crc32 = $6, "
	"offset_bytes = $4 WHERE entity = $1 AND object = $2 AND letter IS NULL AND state = $7";
static const char sql_remove[] =
	"DELETE FROM object WHERE entity = $1 AND object = $2 AND state <> 'committed'";
static const char sql_erase[] =
	"DELETE FROM object WHERE entity = $1 AND object = $2 AND letter = $3";
static const char sql_segments_remove[] =
	"DELETE FROM segment WHERE entity = $1 AND object = $2";
static const char sql_over[] =
	"SELECT entity, object FROM object WHERE expires > 0 AND (expires < $1 OR (created < $2 AND NOT EXISTS "
	"(SELECT 1 FROM segment WHERE segment.entity = object.entity AND segment.object = object.object))) LIMIT $3";

static enum pli_status row_fill(struct db_rows *rows, const struct uuid *object, struct object_row *row_r, struct err *err)
{
	const char *state = db_text(rows, 0);
	const void *sha256;
	size_t n;

	memset(row_r, 0, sizeof(*row_r));
	row_r->info.object = *object;
	while (!state || strcmp(state_names[row_r->state], state) != 0)
		if (!state || row_r->state++ == OBJECT_COMMITTED)
			return err_set(err, PLI_IO, "object row: unknown state");
	if (!db_is_null(rows, 1) && !db_uuid(rows, 1, &row_r->account))
		return err_set(err, PLI_IO, "object row: bad account");
	if (!db_is_null(rows, 2) && !db_uuid(rows, 2, &row_r->letter))
		return err_set(err, PLI_IO, "object row: bad letter");
	row_r->created_us = db_int(rows, 3);
	row_r->expires_us = db_int(rows, 4);
	row_r->info.size = (uint64_t)db_int(rows, 5);
	sha256 = db_blob(rows, 6, &n);
	if (sha256 && n == sizeof(row_r->info.sha256))
		memcpy(row_r->info.sha256, sha256, n);
	else if (row_r->state != OBJECT_OPEN)
		return err_set(err, PLI_IO, "object row: bad digest");
	row_r->info.crc32 = (uint32_t)db_int(rows, 7);
	row_r->offset = (uint64_t)db_int(rows, 8);
	row_r->has_inline = !db_is_null(rows, 9);
	return PLI_OK;
}

enum pli_status object_row_get(struct db_conn *conn, const struct uuid *entity, const struct uuid *object,
			       struct object_row *row_r, struct buf *inline_out, struct buf *progress_out,
			       struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status status = db_query(conn, &rows, err, sql_get, "uu", entity, object);
	const void *p;
	size_t n;

	if (status == PLI_OK)
		status = db_next(&rows, err);
	if (status == PLI_ABSENT)
		return err_set(err, PLI_ABSENT, "no such object");
	if (status == PLI_OK)
		status = row_fill(&rows, object, row_r, err);
	if (status != PLI_OK)
		return status;
	if (inline_out && (p = db_blob(&rows, 9, &n)))
		buf_add(inline_out, p, n);
	if (progress_out && (p = db_blob(&rows, 10, &n)))
		buf_add(progress_out, p, n);
	return PLI_OK;
}

static enum pli_status segment_fill(struct db_rows *rows, struct object_segment *segment_r, struct err *err)
{
	const char *kid = db_text(rows, 1);
	const void *wrapped;
	size_t n;

	memset(segment_r, 0, sizeof(*segment_r));
	segment_r->n = (uint32_t)db_int(rows, 0);
	wrapped = db_blob(rows, 2, &n);
	if (!wrapped || n > sizeof(segment_r->wrapped) || (kid && strlen(kid) >= sizeof(segment_r->kid)))
		return err_set(err, PLI_IO, "segment row: bad key");
	memcpy(segment_r->kid, kid ? kid : "", kid ? strlen(kid) : 0);
	memcpy(segment_r->wrapped, wrapped, n);
	segment_r->wrapped_n = n;
	segment_r->file_offset = (uint64_t)db_int(rows, 3);
	segment_r->plain_offset = (uint64_t)db_int(rows, 4);
	segment_r->plain_size = (uint64_t)db_int(rows, 5);
	return PLI_OK;
}

enum pli_status object_segments_get(struct db_conn *conn, const struct uuid *entity, const struct uuid *object,
				    uint32_t from, unsigned limit, struct object_segment *segments_r,
				    unsigned *count_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status status = db_query(conn, &rows, err, sql_segments, "uuii", entity, object, (int64_t)from,
					  (int64_t)limit);
	unsigned count = 0;

	while (status == PLI_OK) {
		status = db_next(&rows, err);
		if (status == PLI_OK)
			status = segment_fill(&rows, &segments_r[count++], err);
	}
	if (status != PLI_ABSENT)
		return status;
	*count_r = count;
	return PLI_OK;
}

enum pli_status object_segment_at(struct db_conn *conn, const struct uuid *entity, const struct uuid *object,
				  uint64_t offset, uint32_t *n_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status status = db_query(conn, &rows, err, sql_segment_at, "uui", entity, object, (int64_t)offset);

	if (status == PLI_OK)
		status = db_next(&rows, err);
	if (status == PLI_ABSENT)
		return err_set(err, PLI_IO, "an object without segments");
	if (status == PLI_OK)
		*n_r = (uint32_t)db_int(&rows, 0);
	return status;
}

enum pli_status object_segment_count(struct db_conn *conn, const struct uuid *entity, const struct uuid *object,
				     uint32_t *count_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status status = db_query(conn, &rows, err, sql_segment_last, "uu", entity, object);

	if (status == PLI_OK)
		status = db_next(&rows, err);
	if (status != PLI_OK && status != PLI_ABSENT)
		return status;
	*count_r = status == PLI_OK ? (uint32_t)db_int(&rows, 0) + 1 : 0;
	return PLI_OK;
}

/* ------------------------------------------------------------------ inside write functions */

enum pli_status object_row_insert(struct db_tx *tx, const struct uuid *entity, const struct object_row *row,
				  const struct buf *inline_bytes, struct err *err)
{
	const struct object_info *info = &row->info;
	bool open = row->state == OBJECT_OPEN, committed = row->state == OBJECT_COMMITTED;

	if (open)
		return db_run(tx->conn, NULL, err, sql_insert, "uuuntiinnnni", entity, &info->object,
			      uuid_is_nil(&row->account) ? NULL : &row->account, state_names[row->state],
			      row->created_us, row->expires_us, (int64_t)row->offset);
	assert(committed && inline_bytes);
	return db_run(tx->conn, NULL, err, sql_insert, "uuuutinibibi", entity, &info->object,
		      uuid_is_nil(&row->account) ? NULL : &row->account, &row->letter, state_names[row->state],
		      row->created_us, (int64_t)info->size, info->sha256, sizeof(info->sha256), (int64_t)info->crc32,
		      inline_bytes->p, inline_bytes->n, (int64_t)info->size);
}

enum pli_status object_segment_put(struct db_tx *tx, const struct uuid *entity, const struct uuid *object,
				   const struct object_segment *segment, struct err *err)
{
	return db_run(tx->conn, NULL, err, sql_segment_put, "uuitbiii", entity, object, (int64_t)segment->n,
		      segment->kid[0] ? segment->kid : NULL, segment->wrapped, segment->wrapped_n,
		      (int64_t)segment->file_offset, (int64_t)segment->plain_offset, (int64_t)segment->plain_size);
}

static enum pli_status one_changed(enum pli_status status, int64_t changed, enum pli_status none, struct err *err)
{
	if (status == PLI_OK && changed != 1)
		return err_set(err, none, none == PLI_GONE ? "the upload is no more there" :
							     "an attachment was already used or has expired");
	return status;
}

enum pli_status object_row_progress(struct db_tx *tx, const struct uuid *entity, const struct uuid *object,
				    uint64_t offset, const struct buf *progress, struct err *err)
{
	int64_t changed = 0;
	enum pli_status status = db_run(tx->conn, &changed, err, sql_progress, "uuib", entity, object,
					(int64_t)offset, progress->p, progress->n);

	return one_changed(status, changed, PLI_GONE, err);
}

enum pli_status object_row_staged(struct db_tx *tx, const struct uuid *entity, const struct object_info *info,
				  const struct buf *inline_bytes, struct err *err)
{
	int64_t changed = 0;
	enum pli_status status = db_run(tx->conn, &changed, err, sql_staged, "uuibib", entity, &info->object,
					(int64_t)info->size, info->sha256, sizeof(info->sha256), (int64_t)info->crc32,
					inline_bytes ? inline_bytes->p : NULL, inline_bytes ? inline_bytes->n : 0);

	return one_changed(status, changed, PLI_GONE, err);
}

enum pli_status object_row_commit(struct db_tx *tx, const struct uuid *entity, const struct object_info *info,
				  const struct uuid *letter, enum object_state from, struct err *err)
{
	int64_t changed = 0;
	enum pli_status status = db_run(tx->conn, &changed, err, sql_commit, "uuuibit", entity, &info->object, letter,
					(int64_t)info->size, info->sha256, sizeof(info->sha256), (int64_t)info->crc32,
					state_names[from]);

	return one_changed(status, changed, PLI_CONFLICT, err);
}

enum pli_status object_row_remove(struct db_tx *tx, const struct uuid *entity, const struct uuid *object,
				  bool *removed_r, struct err *err)
{
	int64_t changed = 0;
	enum pli_status status = db_run(tx->conn, &changed, err, sql_remove, "uu", entity, object);

	if (status == PLI_OK && changed)
		status = db_run(tx->conn, NULL, err, sql_segments_remove, "uu", entity, object);
	*removed_r = status == PLI_OK && changed;
	return status;
}

enum pli_status object_row_erase(struct db_tx *tx, const struct uuid *entity, const struct uuid *letter,
				 const struct uuid *object, struct err *err)
{
	int64_t changed = 0;
	enum pli_status status = db_run(tx->conn, &changed, err, sql_erase, "uuu", entity, object, letter);

	if (status == PLI_OK && changed)
		status = db_run(tx->conn, NULL, err, sql_segments_remove, "uu", entity, object);
	return status;
}

enum pli_status object_rows_over(struct db_conn *conn, int64_t now_us, int64_t started_us, unsigned limit,
				 struct uuid *entities_r, struct uuid *objects_r, unsigned *count_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status status = db_query(conn, &rows, err, sql_over, "iii", now_us, started_us, (int64_t)limit);
	unsigned count = 0;

	while (status == PLI_OK) {
		status = db_next(&rows, err);
		if (status == PLI_OK && (!db_uuid(&rows, 0, &entities_r[count]) || !db_uuid(&rows, 1, &objects_r[count])))
			status = err_set(err, PLI_IO, "object row: bad id");
		if (status == PLI_OK)
			count++;
	}
	if (status != PLI_ABSENT)
		return status;
	*count_r = count;
	return PLI_OK;
}
