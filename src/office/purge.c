/* Content that goes: keys, message, files, receipts kept under the letter's key; in rows first, then the files.  What of a purge a crash
 * leaves undone (files) the sweep finishes; the letter's row says from when on there is no content. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "db.h"
#include "object.h"

#include "journal.h"

#include "directory.h"

#include "key_memory.h"
#include "letter_own.h"
#include "office_own.h"
#include "retention_own.h"

#define AT_ONCE 50

static const char DUE_GET[] = "SELECT entity, letter FROM letter WHERE retention_due < $1 AND purged IS NULL AND held IS NULL LIMIT $2";
static const char DUE_COUNT[] =
	"SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM letter WHERE retention_due < $1 AND purged IS NULL LIMIT 100000) late), "
	"(SELECT COUNT(*) FROM hold)";
/* The row decides again, on the writer thread: a hold may have come first. */
static const char PURGE_SET[] =
	"UPDATE letter SET purged = $1, kid = '', letter_key = $2, password_hash = NULL, message = NULL, message_object = NULL, "
	"expires = CASE WHEN expires > $1 THEN $1 ELSE expires END, "
	"retention_due = CASE WHEN evidence_until > $1 THEN evidence_until ELSE $1 END "
	"WHERE entity = $3 AND letter = $4 AND purged IS NULL AND held IS NULL AND retention_due <= $1";
static const char TOKENS_END[] = "UPDATE recipient SET token = $1 WHERE entity = $2 AND letter = $3";
static const char RECEIPTS_END[] = "DELETE FROM receipt WHERE entity = $1 AND letter = $2";
static const char FILES_END[] =
	"DELETE FROM reading_file WHERE session_hash IN (SELECT session_hash FROM reading_session WHERE entity = $1 AND letter = $2)";
static const char SESSIONS_END[] = "DELETE FROM reading_session WHERE entity = $1 AND letter = $2";
static const char NOTICES_END[] = "UPDATE notice SET due = NULL, lease = NULL WHERE entity = $1 AND letter = $2 AND due IS NOT NULL";
static const char DUE_NOW[] = "UPDATE letter SET retention_due = $1 WHERE entity = $2 AND letter = $3 AND purged IS NULL AND held IS NULL";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

struct purged_object {
	struct uuid entity, object;
};

struct purge {
	struct office *office;
	const struct journal_actor *by;
	const char *reason;
	int64_t now_us;
	struct uuid entities[AT_ONCE], letters[AT_ONCE];
	unsigned count, purged;
	struct buf objects;		/* struct purged_object, one after the other: their files go after the commit */
};

static enum pli_status object_end(struct purge *p, struct db_tx *tx, const struct letter *l, const struct uuid *object, struct err *err)
{
	struct purged_object gone = { l->entity, *object };

	buf_add(&p->objects, &gone, sizeof(gone));
	return object_erase_apply(tx, &l->entity, &l->letter, object, err);
}

static enum pli_status rows_end(struct purge *p, struct db_tx *tx, const struct letter *l, const struct letter_keys *keys, struct err *err)
{
	static const char *const ends[] = { RECEIPTS_END, FILES_END, SESSIONS_END, NOTICES_END };
	enum pli_status st = db_run(tx->conn, NULL, err, TOKENS_END, "buu", "", (size_t)0, &l->entity, &l->letter);

	for (size_t i = 0; st == PLI_OK && i < sizeof(ends) / sizeof(ends[0]); i++)
		st = db_run(tx->conn, NULL, err, ends[i], "uu", &l->entity, &l->letter);
	for (unsigned i = 0; st == PLI_OK && i < l->part_count; i++)
		st = object_end(p, tx, l, &l->parts[i].object, err);
	if (st == PLI_OK && keys->has_object)
		st = object_end(p, tx, l, &keys->message_object, err);
	return st;
}

static enum pli_status letter_end(struct purge *p, struct db_tx *tx, const struct uuid *entity, const struct uuid *id, struct err *err)
{
	struct letter_keys keys;
	struct letter *l;
	const uint8_t *key;
	int64_t changed = 0;
	enum pli_status st = letter_load(p->office, tx->conn, tx->pool, entity, id, &l, &keys, err);

	if (st == PLI_OK)
		st = directory_meta_key(p->office->parts.directory, entity, &key, err);
	if (st == PLI_OK)
		st = db_run(tx->conn, &changed, err, PURGE_SET, "ibuu", p->now_us, "", (size_t)0, entity, id);
	if (st != PLI_OK || !changed)
		return st;
	st = rows_end(p, tx, l, &keys, err);
	if (st != PLI_OK)
		return st;
	p->purged++;
	return journal_add(p->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "content.purged", .actor = p->by, .entity = entity, .letter = id, .owner = &l->account,
						    .shown_json = letter_shown(tx->pool, l, p->by->account ? l->sender_name : NULL), .meta_key = key,
						    .d_json = pool_fmt(tx->pool, "{\"kid\":\"%s\",\"reason\":\"%s\"}", keys.kid, p->reason) },
			   err);
}

static enum pli_status purge_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct purge *p = arg;
	enum pli_status st = PLI_OK;

	buf_reset(&p->objects);
	p->purged = 0;
	for (unsigned i = 0; st == PLI_OK && i < p->count; i++)
		st = letter_end(p, tx, &p->entities[i], &p->letters[i], err);
	return st;
}

/* Into the cache: the write function must not wait for the keeper. */
static bool key_ready(struct office *office, const struct uuid *entity, enum pli_status *st, struct err *err)
{
	const uint8_t *key;

	*st = directory_meta_key(office->parts.directory, entity, &key, err);
	if (*st == PLI_OK || *st == PLI_BUSY)
		return *st == PLI_OK;
	log_warn("retention.entity", "a letter's content cannot go: %s", pli_status_name(*st));
	*st = PLI_OK;
	return false;
}

static enum pli_status due_query(struct purge *p, struct err *err)
{
	struct db_conn *conn = db_reader_take(p->office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, DUE_GET, "ii", p->now_us, (int64_t)AT_ONCE);

	p->count = 0;
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		if (!db_uuid(&rows, 0, &p->entities[p->count]) || !db_uuid(&rows, 1, &p->letters[p->count]))
			st = err_set(err, PLI_IO, "A letter's row is damaged.");
		else if (key_ready(p->office, &p->entities[p->count], &st, err))
			p->count++;
	}
	db_end(&rows);
	db_reader_give(p->office->parts.db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status purge_write(struct purge *p, db_write_fn *fn, struct err *err)
{
	enum pli_status st = db_write(p->office->parts.db, fn, p, err);
	struct purged_object gone;

	if (st != PLI_OK)
		return st;
	pthread_mutex_lock(&p->office->lock);
	p->office->unsettled |= p->purged != 0;
	pthread_mutex_unlock(&p->office->lock);
	for (unsigned i = 0; i < p->count; i++)
		key_memory_forget(p->office->key_memory, &p->letters[i]);
	for (size_t at = 0; at < p->objects.n; at += sizeof(gone)) {
		memcpy(&gone, p->objects.p + at, sizeof(gone));
		/* What cannot be removed now is removed by the sweep. */
		(void)!object_erase_file(p->office->parts.objects, &gone.entity, &gone.object, NULL);
	}
	return PLI_OK;
}

enum pli_status retention_overdue(struct office *office, int64_t now_us, uint64_t *overdue_r, uint64_t *held_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, DUE_COUNT, "i", now_us - 3600 * SECOND_US);

	if (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		*overdue_r = (uint64_t)db_int(&rows, 0);
		*held_r = (uint64_t)db_int(&rows, 1);
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st;
}

enum pli_status purge_content(struct office *office, int64_t now_us, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct purge *p = POOL_NEW(pool, struct purge);
	enum pli_status st;

	*p = (struct purge){ .office = office, .by = &SYSTEM, .reason = "retention", .now_us = now_us };
	buf_init(&p->objects);
	do {
		st = due_query(p, err);
		if (st == PLI_OK && p->count)
			st = purge_write(p, purge_fn, err);
	} while (st == PLI_OK && p->purged == AT_ONCE && p->count == AT_ONCE);
	buf_free(&p->objects);
	return st;
}

static enum pli_status now_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct purge *p = arg;
	enum pli_status st = db_run(tx->conn, NULL, err, DUE_NOW, "iuu", p->now_us, &p->entities[0], &p->letters[0]);

	return st == PLI_OK ? purge_fn(tx, p, err) : st;
}

enum pli_status purge_letter(struct office *office, const struct journal_actor *by, const struct uuid *entity, const struct uuid *letter,
			     int64_t now_us, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct purge *p = POOL_NEW(pool, struct purge);
	const uint8_t *key;
	enum pli_status st = directory_meta_key(office->parts.directory, entity, &key, err);

	*p = (struct purge){ .office = office, .by = by, .reason = "request", .now_us = now_us, .count = 1 };
	p->entities[0] = *entity;
	p->letters[0] = *letter;
	buf_init(&p->objects);
	if (st == PLI_OK)
		st = purge_write(p, now_fn, err);
	buf_free(&p->objects);
	return st;
}
