/* See journal_log.h. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"

#include "journal_own.h"

#include "journal_log.h"

const char *journal_origin(const struct journal *journal)
{
	return journal->origin;
}

static const char COVERING[] = "SELECT size, checkpoint FROM head WHERE size >= $1 ORDER BY size LIMIT 1";

/* True: the head is one that does not stand in the database yet. */
static bool covering_in_memory(struct journal *j, uint64_t size, uint64_t *size_r, struct buf *out)
{
	const struct journal_saved_head *h = NULL;

	pthread_mutex_lock(&j->lock);
	if (size > j->heads_stored)
		for (h = j->heads; h && h->size < size; h = h->next)
			;
	if (h) {
		*size_r = h->size;
		buf_add(out, h->data, h->checkpoint_n);
	}
	pthread_mutex_unlock(&j->lock);
	return h != NULL;
}

enum pli_status journal_covering_note(struct journal *journal, struct db *db, uint64_t size, uint64_t *size_r, struct buf *out,
				      struct err *err)
{
	struct db_rows rows = { 0 };
	struct db_conn *conn;
	enum pli_status status;
	size_t n;

	if (covering_in_memory(journal, size, size_r, out))
		return PLI_OK;
	conn = db_reader_take(db);
	status = db_query(conn, &rows, err, COVERING, "i", (int64_t)size);
	if (status == PLI_OK)
		status = db_next(&rows, err);
	if (status == PLI_OK) {
		const void *p = db_blob(&rows, 1, &n);

		*size_r = (uint64_t)db_int(&rows, 0);
		buf_add(out, p, n);
	}
	db_end(&rows);
	db_reader_give(db, conn);
	return status;
}

static enum pli_status leaves_of(void *arg, uint64_t first, unsigned count, uint8_t (*leaves_r)[32], struct err *err)
{
	return journal_leaves(arg, first, count, leaves_r, err);
}

/* What reads hashes: ours under its lock, or one without files when a tile is damaged. */
typedef enum pli_status read_fn(struct tiles *tiles, void *arg, struct err *err);

static enum pli_status with_tiles(struct journal *j, struct db_conn *conn, read_fn *read, void *arg, struct err *err)
{
	struct tiles alone;
	enum pli_status status;

	pthread_mutex_lock(&j->tiles_lock);
	j->tiles.leaves = leaves_of;
	j->tiles.arg = conn;
	status = read(&j->tiles, arg, err);
	pthread_mutex_unlock(&j->tiles_lock);
	if (status != PLI_CONFLICT && status != PLI_ABSENT)
		return status;
	tiles_init(&alone, -1, leaves_of, conn);
	status = read(&alone, arg, err);
	tiles_fini(&alone);
	return status;
}

static uint64_t stored_size(struct journal *j)
{
	uint64_t size;

	pthread_mutex_lock(&j->lock);
	size = j->heads_stored;
	pthread_mutex_unlock(&j->lock);
	return size;
}

struct row {
	unsigned level, width;
	uint64_t first;
	uint8_t (*hashes)[32];
};

static enum pli_status row_read(struct tiles *tiles, void *arg, struct err *err)
{
	const struct row *r = arg;

	return tiles_row(tiles, r->level, r->first, r->width, r->hashes, err);
}

enum pli_status journal_tile(struct journal *journal, struct db_conn *conn, unsigned level, uint64_t n, unsigned width,
			     struct buf *out, struct err *err)
{
	uint8_t hashes[TILE_HASHES][32];
	struct row row = { .level = level, .width = width, .hashes = hashes };
	uint64_t size = stored_size(journal);
	enum pli_status status;

	if (level >= TILE_LEVELS || !width || width > TILE_HASHES || n > UINT64_MAX / TILE_HASHES - 1 ||
	    n * TILE_HASHES + width > size >> 8 * level)
		return err_set(err, PLI_ABSENT, "the log has no such tile");
	row.first = n * TILE_HASHES;
	status = with_tiles(journal, conn, row_read, &row, err);
	if (status == PLI_OK)
		buf_add(out, hashes, (size_t)width * 32);
	return status;
}

struct span {
	uint64_t from, to;
	uint8_t (*path)[32];
	unsigned count;
};

static enum pli_status span_read(struct tiles *tiles, void *arg, struct err *err)
{
	struct span *s = arg;

	return tree_consistency(s->from, s->to, tiles_read, tiles, s->path, &s->count, err);
}

enum pli_status journal_consistency(struct journal *journal, struct db_conn *conn, uint64_t from, uint64_t to,
				    uint8_t (*path_r)[32], unsigned *count_r, struct err *err)
{
	struct span span = { .from = from, .to = to, .path = path_r };
	enum pli_status status;

	*count_r = 0;
	if (from > to || to > stored_size(journal))
		return err_set(err, PLI_RANGE, "no consistency from %" PRIu64 " to %" PRIu64, from, to);
	if (!from || from == to)
		return PLI_OK;
	status = with_tiles(journal, conn, span_read, &span, err);
	*count_r = span.count;
	return status;
}
