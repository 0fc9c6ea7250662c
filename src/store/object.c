/* The store of objects: what this process holds in memory, and the small calls; streams, commit, reading and sweep have
 * files of their own. */
#include <assert.h>
#include <string.h>

#include "clock.h"
#include "pool.h"

#include "db.h"

#include "object_private.h"

#include "object.h"

static enum pli_status file_count(void *arg, const struct blob_file_entry *entry, struct err *err)
{
	(void)err;
	db_count_bytes(arg, (int64_t)entry->size_bytes);
	return PLI_OK;
}

enum pli_status object_store_new(struct db *db, int blob_dir_fd, const struct keywrap *keywrap,
				 struct object_store **store_r, struct err *err)
{
	struct object_store *store;

	if (db_has_quota(db)) {
		enum pli_status status = blob_file_walk(blob_dir_fd, file_count, db, err);

		if (status != PLI_OK)
			return status;
	}
	store = mem_alloc(sizeof(*store));
	store->db = db;
	store->dir_fd = blob_dir_fd;
	store->keywrap = *keywrap;
	store->started_us = clock_now_us();
	pthread_mutex_init(&store->lock, NULL);
	*store_r = store;
	return PLI_OK;
}

int object_store_dir(const struct object_store *store)
{
	return store->dir_fd;
}

void object_store_free(struct object_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < 256; i++)
		while (store->held[i]) {
			assert(!store->held[i]->open);
			object_held_remove(store, store->held[i]);
		}
	pthread_mutex_destroy(&store->lock);
	mem_free(store);
}

/* ------------------------------------------------------------------ held in memory */

struct object_held *object_held_find(struct object_store *store, const struct uuid *entity, const struct uuid *object)
{
	struct object_held *held = store->held[object->b[15]];

	while (held && !(uuid_same(&held->row.info.object, object) && uuid_same(&held->entity, entity)))
		held = held->next;
	return held;
}

struct object_held *object_held_new(struct object_store *store, const struct uuid *entity, const struct uuid *object)
{
	struct object_held *held = mem_alloc(sizeof(*held));

	held->entity = *entity;
	held->row.info.object = *object;
	buf_init(&held->sealed);
	held->next = store->held[object->b[15]];
	store->held[object->b[15]] = held;
	return held;
}

void object_held_remove(struct object_store *store, struct object_held *held)
{
	struct object_held **at = &store->held[held->row.info.object.b[15]];

	while (*at != held)
		at = &(*at)->next;
	*at = held->next;
	store->held_bytes -= held->sealed.n;
	buf_free(&held->sealed);
	mem_wipe(held, sizeof(*held));
	mem_free(held);
}

bool object_held_room(struct object_store *store, uint64_t bytes)
{
	return store->held_bytes + bytes <= OBJECT_HELD_MAX;
}

/* ------------------------------------------------------------------ small calls */

struct removal {
	const struct uuid *entity, *object;
	bool removed;
};

static enum pli_status row_remove(struct db_tx *tx, void *arg, struct err *err)
{
	struct removal *r = arg;

	return object_row_remove(tx, r->entity, r->object, &r->removed, err);
}

enum pli_status object_file_remove(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				   struct err *err)
{
	uint64_t freed = 0;
	enum pli_status status = blob_file_remove(store->dir_fd, entity, object, &freed, err);

	db_count_bytes(store->db, -(int64_t)freed);
	return status;
}

enum pli_status object_remove(struct object_store *store, const struct uuid *entity, const struct uuid *object,
			      struct err *err)
{
	struct removal r = { .entity = entity, .object = object };
	enum pli_status status = db_write(store->db, row_remove, &r, err);

	if (status != PLI_OK)
		return status;
	if (!r.removed)
		return err_set(err, PLI_ABSENT, "no such staged object");
	return object_file_remove(store, entity, object, err);
}

enum pli_status object_discard(struct object_store *store, const struct uuid *entity, const struct uuid *object,
			       struct err *err)
{
	struct object_held *held;
	bool only_memory = false;

	pthread_mutex_lock(&store->lock);
	held = object_held_find(store, entity, object);
	if (held && held->committing) {
		pthread_mutex_unlock(&store->lock);
		return err_set(err, PLI_CONFLICT, "the object is being committed");
	}
	if (held && !held->open) {
		only_memory = !held->in_file;
		object_held_remove(store, held);
	}
	pthread_mutex_unlock(&store->lock);
	return only_memory ? PLI_OK : object_remove(store, entity, object, err);
}

static enum pli_status row_read(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				struct object_row *row_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(store->db);
	enum pli_status status = object_row_get(conn, entity, object, row_r, NULL, NULL, err);

	db_reader_give(store->db, conn);
	return status;
}

enum pli_status object_find(struct object_store *store, const struct uuid *entity, const struct uuid *object,
			    struct object_info *info_r, struct err *err)
{
	struct object_held *held;
	struct object_row row;
	enum pli_status status;
	bool found;

	pthread_mutex_lock(&store->lock);
	held = object_held_find(store, entity, object);
	found = held && !held->open;
	if (found)
		*info_r = held->row.info;
	pthread_mutex_unlock(&store->lock);
	if (found)
		return PLI_OK;
	status = row_read(store, entity, object, &row, err);
	if (status == PLI_OK && row.state == OBJECT_OPEN)
		return err_set(err, PLI_CONFLICT, "the upload is not complete");
	if (status == PLI_OK)
		*info_r = row.info;
	return status;
}

enum pli_status object_progress(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				uint64_t *offset_r, struct err *err)
{
	struct object_row row;
	enum pli_status status = row_read(store, entity, object, &row, err);

	if (status == PLI_OK)
		*offset_r = row.offset;
	return status;
}

enum pli_status object_erase_apply(struct db_tx *tx, const struct uuid *entity, const struct uuid *letter,
				   const struct uuid *object, struct err *err)
{
	return object_row_erase(tx, entity, letter, object, err);
}

void object_pin(struct object_store *store)
{
	atomic_fetch_add(&store->pins, 1);
}

void object_unpin(struct object_store *store)
{
	atomic_fetch_sub(&store->pins, 1);
}

enum pli_status object_erase_file(struct object_store *store, const struct uuid *entity, const struct uuid *object,
				  struct err *err)
{
	return atomic_load(&store->pins) ? PLI_OK : object_file_remove(store, entity, object, err);
}
