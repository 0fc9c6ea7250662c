/* Evidence at the end of its time: the letter's rows go, its journal entries lose their texts; one entry names them. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "log.h"
#include "pool.h"

#include "db.h"
#include "object.h"

#include "journal_erase.h"

#include "office_own.h"
#include "retention_own.h"

#define AT_ONCE 20

static const char DUE_GET[] = "SELECT entity, letter FROM letter WHERE retention_due < $1 AND purged IS NOT NULL AND held IS NULL LIMIT $2";
static const char STILL_DUE[] =
	"SELECT number FROM letter WHERE entity = $1 AND letter = $2 AND retention_due < $3 AND purged IS NOT NULL AND held IS NULL";

static const char BOUNCES_END[] =
	"DELETE FROM bounce WHERE entity = $1 AND notice IN (SELECT notice FROM notice WHERE entity = $1 AND letter = $2)";
static const char NOTICES_END[] = "DELETE FROM notice WHERE entity = $1 AND letter = $2";
static const char VISITS_END[] = "DELETE FROM visit WHERE entity = $1 AND letter = $2";
static const char LINKS_END[] = "DELETE FROM link WHERE entity = $1 AND letter = $2";
static const char PARTS_END[] = "DELETE FROM part WHERE entity = $1 AND letter = $2";
static const char RECIPIENTS_END[] = "DELETE FROM recipient WHERE entity = $1 AND letter = $2";
static const char ANSWERS_END[] = "DELETE FROM idempotency WHERE entity = $1 AND letter = $2";
static const char PROOFS_END[] = "DELETE FROM receipt_pdf WHERE entity = $1 AND letter = $2";
static const char ARCHIVED_GET[] = "SELECT object FROM archived_proof WHERE entity = $1 AND letter = $2";
static const char ARCHIVED_END[] = "DELETE FROM archived_proof WHERE entity = $1 AND letter = $2";
static const char LETTER_END[] = "DELETE FROM letter WHERE entity = $1 AND letter = $2";
static const char SEARCH_END[] = "DELETE FROM search WHERE entity = $1 AND number = $2";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

struct erasure {
	struct office *office;
	int64_t now_us;
	struct uuid entities[AT_ONCE], letters[AT_ONCE];
	unsigned count, erased;
};

/* Of a letter from an archive: rows now, the files by the sweep. */
static enum pli_status archived_erase(struct db_tx *tx, const struct uuid *entity, const struct uuid *letter, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	AUTO_BUF objects = { 0 };
	struct uuid object;
	enum pli_status st = db_query(tx->conn, &rows, err, ARCHIVED_GET, "uu", entity, letter);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		if (db_uuid(&rows, 0, &object))
			buf_add(&objects, &object, sizeof(object));
	db_end(&rows);
	st = st == PLI_ABSENT ? PLI_OK : st;
	for (size_t at = 0; st == PLI_OK && at < objects.n; at += sizeof(object)) {
		memcpy(&object, objects.p + at, sizeof(object));
		st = object_erase_apply(tx, entity, letter, &object, err);
	}
	return st;
}

static enum pli_status letter_erase(struct erasure *e, struct db_tx *tx, const struct uuid *entity, const struct uuid *letter, struct err *err)
{
	static const char *const ends[] = { BOUNCES_END, NOTICES_END, VISITS_END, LINKS_END, PARTS_END, RECIPIENTS_END, ANSWERS_END, PROOFS_END,
					    ARCHIVED_END, LETTER_END };
	struct db_rows rows = { 0 };
	int64_t number = 0;
	enum pli_status st = db_query(tx->conn, &rows, err, STILL_DUE, "uui", entity, letter, e->now_us);

	if (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		number = db_int(&rows, 0);
	db_end(&rows);
	if (st != PLI_OK)
		return st == PLI_ABSENT ? PLI_OK : st;
	st = archived_erase(tx, entity, letter, err);
	for (size_t i = 0; st == PLI_OK && i < sizeof(ends) / sizeof(ends[0]); i++)
		st = db_run(tx->conn, NULL, err, ends[i], "uu", entity, letter);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, SEARCH_END, "ui", entity, number);
	if (st == PLI_OK)
		st = journal_erase(e->office->parts.journal, tx, &SYSTEM, entity, letter, err);
	e->erased += st == PLI_OK;
	return st;
}

static enum pli_status erase_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct erasure *e = arg;
	enum pli_status st = PLI_OK;

	e->erased = 0;
	for (unsigned i = 0; st == PLI_OK && i < e->count; i++)
		st = letter_erase(e, tx, &e->entities[i], &e->letters[i], err);
	return st;
}

static enum pli_status due_query(struct erasure *e, struct err *err)
{
	struct db_conn *conn = db_reader_take(e->office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, DUE_GET, "ii", e->now_us, (int64_t)AT_ONCE);

	e->count = 0;
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		if (db_uuid(&rows, 0, &e->entities[e->count]) && db_uuid(&rows, 1, &e->letters[e->count]))
			e->count++;
	db_end(&rows);
	db_reader_give(e->office->parts.db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status purge_evidence(struct office *office, int64_t now_us, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct erasure *e = POOL_NEW(pool, struct erasure);
	enum pli_status st;

	e->office = office;
	e->now_us = now_us;
	do {
		st = due_query(e, err);
		if (st == PLI_OK && e->count)
			st = db_write(office->parts.db, erase_fn, e, err);
		if (st != PLI_OK || !e->count)
			break;
		pthread_mutex_lock(&office->lock);
		office->unsettled |= e->erased != 0;
		pthread_mutex_unlock(&office->lock);
	} while (e->erased == AT_ONCE);
	return st;
}
