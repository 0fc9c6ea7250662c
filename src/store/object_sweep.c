/* What crashes and unfinished requests leave behind: rows past their time with their files, and files without a row. */
#include "db.h"

#include "object_private.h"

#include "object.h"

#define BATCH 100u

struct sweep {
	struct object_store *store;
	int64_t now_us, grace_us;
	unsigned removed;
};

/* Held in memory only, past their time: a request that forgot them. */
static void held_sweep(struct sweep *sweep)
{
	struct object_store *store = sweep->store;

	pthread_mutex_lock(&store->lock);
	for (int i = 0; i < 256; i++) {
		struct object_held *held = store->held[i], *next;

		for (; held; held = next) {
			next = held->next;
			if (held->open || held->committing || held->row.expires_us >= sweep->now_us)
				continue;
			sweep->removed += !held->in_file;	/* else counted with its row */
			object_held_remove(store, held);
		}
	}
	pthread_mutex_unlock(&store->lock);
}

/* A stream or a request of this process still counts on it; those past their time are no longer held. */
static bool is_held(struct object_store *store, const struct uuid *entity, const struct uuid *object)
{
	bool held;

	pthread_mutex_lock(&store->lock);
	held = object_held_find(store, entity, object) != NULL;
	pthread_mutex_unlock(&store->lock);
	return held;
}

static enum pli_status rows_sweep(struct sweep *sweep, unsigned *found_r, struct err *err)
{
	struct object_store *store = sweep->store;
	struct uuid entities[BATCH], objects[BATCH];
	struct db_conn *conn = db_reader_take(store->db);
	enum pli_status status = object_rows_over(conn, sweep->now_us, store->started_us, BATCH, entities, objects,
						  found_r, err);

	db_reader_give(store->db, conn);
	for (unsigned i = 0; i < *found_r && status == PLI_OK; i++) {
		if (is_held(store, &entities[i], &objects[i]))
			continue;
		status = object_remove(store, &entities[i], &objects[i], err);
		if (status == PLI_ABSENT)
			status = PLI_OK;	/* committed or discarded meanwhile */
		else if (status == PLI_OK)
			sweep->removed++;
	}
	return status;
}

static enum pli_status file_sweep(void *arg, const struct blob_file_entry *entry, struct err *err)
{
	struct sweep *sweep = arg;
	struct object_store *store = sweep->store;
	struct db_conn *conn;
	struct object_row row;
	enum pli_status status;

	if (entry->changed_us > sweep->now_us - sweep->grace_us || atomic_load(&store->pins))
		return PLI_OK;
	conn = db_reader_take(store->db);
	status = object_row_get(conn, &entry->entity, &entry->object, &row, NULL, NULL, err);
	db_reader_give(store->db, conn);
	if (status != PLI_ABSENT)
		return status;
	sweep->removed++;
	return object_file_remove(store, &entry->entity, &entry->object, err);
}

enum pli_status object_sweep(struct object_store *store, int64_t now_us, int64_t grace_us, unsigned *removed_r,
			     struct err *err)
{
	struct sweep sweep = { .store = store, .now_us = now_us, .grace_us = grace_us };
	enum pli_status status = PLI_OK;
	unsigned found = BATCH, before = 1;

	held_sweep(&sweep);
	/* Batch after batch, as long as each brings something. */
	while (status == PLI_OK && found == BATCH && before) {
		unsigned removed = sweep.removed;

		found = 0;
		status = rows_sweep(&sweep, &found, err);
		before = sweep.removed - removed;
	}
	if (status == PLI_OK)
		status = blob_file_walk(store->dir_fd, file_sweep, &sweep, err);
	*removed_r = sweep.removed;
	return status;
}
