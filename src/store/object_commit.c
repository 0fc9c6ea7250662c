/* Staged objects become a letter's: keys first, outside; rows then, inside the letter's transaction. */
#include <string.h>

#include "pool.h"

#include "cipher.h"
#include "db.h"

#include "object_private.h"

#include "object.h"

#define SEGMENTS_A_READ 64u

struct item {
	struct object_info info;
	struct object_held *held;	/* NULL: known by its row */
	struct object_segment *segments;
	size_t segment_count;
};

struct object_commit {
	struct object_store *store;
	struct uuid entity, letter;
	struct item *items;
	unsigned count;
	bool applied;
};

/* Claims end; what was applied is no more needed in memory. */
static void commit_over(void *arg)
{
	struct object_commit *commit = arg;
	struct object_store *store = commit->store;

	pthread_mutex_lock(&store->lock);
	for (unsigned i = 0; i < commit->count; i++) {
		struct object_held *held = commit->items[i].held;

		if (!held)
			continue;
		held->committing = false;
		if (commit->applied)
			object_held_remove(store, held);
	}
	pthread_mutex_unlock(&store->lock);
}

/* Claims a held object.  PLI_ABSENT: not held, look for its row. */
static enum pli_status claim(struct object_commit *commit, const struct uuid *object, struct item *item, struct err *err)
{
	struct object_store *store = commit->store;
	enum pli_status status = PLI_OK;
	struct object_held *held;

	pthread_mutex_lock(&store->lock);
	held = object_held_find(store, &commit->entity, object);
	if (!held)
		status = PLI_ABSENT;
	else if (held->open)
		status = err_set(err, PLI_CONFLICT, "an attachment is still being written");
	else if (held->committing)
		status = err_set(err, PLI_CONFLICT, "an attachment is used twice");
	else
		held->committing = true;
	pthread_mutex_unlock(&store->lock);
	if (status == PLI_OK) {
		item->held = held;
		item->info = held->row.info;
	}
	return status;
}

static enum pli_status held_wrap(struct object_commit *commit, struct pool *pool, const uint8_t letter_key[32],
				 struct item *item, struct err *err)
{
	item->segments = POOL_NEW(pool, struct object_segment);
	item->segment_count = 1;
	item->segments->plain_size = item->info.size;
	return object_letter_wrap(letter_key, &commit->entity, &commit->letter, &item->info.object, true,
				  item->held->key, item->segments, err);
}

/* All segment rows, checked to follow each other without a gap up to the size. */
static enum pli_status segments_read(struct db_conn *conn, struct pool *pool, const struct uuid *entity,
				     struct item *item, struct err *err)
{
	const struct uuid *object = &item->info.object;
	uint64_t plain_at = 0, file_at = 0;
	uint32_t count = 0;
	enum pli_status status = object_segment_count(conn, entity, object, &count, err);

	item->segments = POOL_ARRAY(pool, struct object_segment, count ? count : 1);
	for (uint32_t at = 0; at < count && status == PLI_OK;) {
		unsigned want = count - at < SEGMENTS_A_READ ? count - at : SEGMENTS_A_READ, got = 0;

		status = object_segments_get(conn, entity, object, at, want, item->segments + at, &got, err);
		if (status == PLI_OK && got != want)
			status = err_set(err, PLI_IO, "an object lacks a segment");
		at += got;
	}
	for (uint32_t i = 0; i < count && status == PLI_OK; i++) {
		struct object_segment *s = &item->segments[i];

		if (s->n != i || s->plain_offset != plain_at || s->file_offset != file_at)
			status = err_set(err, PLI_IO, "an object's segments do not follow each other");
		plain_at += s->plain_size;
		file_at += CIPHER_HEADER_BYTES + s->plain_size / CIPHER_CHUNK_BYTES * CIPHER_CHUNK_SEALED_BYTES;
	}
	if (status == PLI_OK && (!count || plain_at != item->info.size))
		status = err_set(err, PLI_IO, "an object's segments do not make its size");
	item->segment_count = count;
	return status;
}

static enum pli_status row_read(struct object_commit *commit, struct pool *pool, const struct uuid *object,
				struct item *item, struct err *err)
{
	struct db_conn *conn = db_reader_take(commit->store->db);
	struct object_row row;
	enum pli_status status = object_row_get(conn, &commit->entity, object, &row, NULL, NULL, err);

	if (status == PLI_OK && row.state == OBJECT_COMMITTED)
		status = err_set(err, PLI_CONFLICT, "an attachment was already used");
	if (status == PLI_OK && row.state == OBJECT_OPEN)
		status = err_set(err, PLI_CONFLICT, "an attachment is not complete");
	if (status == PLI_OK) {
		item->info = row.info;
		status = segments_read(conn, pool, &commit->entity, item, err);
	}
	db_reader_give(commit->store->db, conn);
	return status;
}

static enum pli_status rows_wrap(struct object_commit *commit, const uint8_t letter_key[32], struct item *item,
				 struct err *err)
{
	size_t bytes = item->segment_count * 32;
	uint8_t (*keys)[32] = mem_alloc(bytes);
	enum pli_status status = object_stage_unwrap(commit->store, &commit->entity, &item->info.object, item->segments,
						     item->segment_count, keys, err);

	for (size_t i = 0; i < item->segment_count && status == PLI_OK; i++)
		status = object_letter_wrap(letter_key, &commit->entity, &commit->letter, &item->info.object,
					    i + 1 == item->segment_count, keys[i], &item->segments[i], err);
	mem_wipe(keys, bytes);
	mem_free(keys);
	return status;
}

static enum pli_status item_prepare(struct object_commit *commit, struct pool *pool, const uint8_t letter_key[32],
				    const struct uuid *object, struct item *item, struct err *err)
{
	enum pli_status status = claim(commit, object, item, err);

	if (status == PLI_OK)
		return held_wrap(commit, pool, letter_key, item, err);
	if (status != PLI_ABSENT)
		return status;
	status = row_read(commit, pool, object, item, err);
	return status == PLI_OK ? rows_wrap(commit, letter_key, item, err) : status;
}

enum pli_status object_commit_prepare(struct object_store *store, struct pool *pool, const struct uuid *entity,
				      const struct uuid *letter, const uint8_t letter_key[32],
				      const struct uuid *objects, unsigned count, struct object_commit **commit_r,
				      struct err *err)
{
	struct object_commit *commit = POOL_NEW(pool, struct object_commit);
	enum pli_status status = PLI_OK;

	commit->store = store;
	commit->entity = *entity;
	commit->letter = *letter;
	commit->items = POOL_ARRAY(pool, struct item, count ? count : 1);
	pool_cleanup(pool, commit_over, commit);
	for (unsigned i = 0; i < count && status == PLI_OK; i++) {
		commit->count = i + 1;
		status = item_prepare(commit, pool, letter_key, &objects[i], &commit->items[i], err);
	}
	if (status == PLI_OK)
		*commit_r = commit;
	else
		object_commit_abandon(commit);
	return status;
}

void object_commit_abandon(struct object_commit *commit)
{
	commit->applied = false;
	commit_over(commit);
	commit->count = 0;
}

const struct object_info *object_commit_info(const struct object_commit *commit, unsigned i)
{
	return i < commit->count ? &commit->items[i].info : NULL;
}

static enum pli_status item_apply(struct db_tx *tx, const struct object_commit *commit, const struct item *item,
				  struct err *err)
{
	enum pli_status status;

	if (item->held && !item->held->in_file) {
		struct object_row row = item->held->row;

		row.state = OBJECT_COMMITTED;
		row.letter = commit->letter;
		status = object_row_insert(tx, &commit->entity, &row, &item->held->sealed, err);
	} else {
		status = object_row_commit(tx, &commit->entity, &item->info, &commit->letter,
					   item->held ? OBJECT_OPEN : OBJECT_STAGED, err);
	}
	for (size_t i = 0; i < item->segment_count && status == PLI_OK; i++)
		status = object_segment_put(tx, &commit->entity, &item->info.object, &item->segments[i], err);
	return status;
}

enum pli_status object_commit_apply(struct db_tx *tx, struct object_commit *commit, struct err *err)
{
	enum pli_status status = PLI_OK;

	for (unsigned i = 0; i < commit->count && status == PLI_OK; i++)
		status = item_apply(tx, commit, &commit->items[i], err);
	if (status == PLI_OK)
		commit->applied = true;
	return status;
}
