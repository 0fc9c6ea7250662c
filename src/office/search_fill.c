/* Letters from before there was a search get their rows: some at a time, so that deposits go on between. */
#include <string.h>

#include "log.h"
#include "pool.h"

#include "db.h"

#include "directory.h"

#include "letter_own.h"
#include "office_own.h"

#include "search.h"

#define AT_ONCE 100

static const char FILLED_GET[] = "SELECT 1 FROM instance WHERE k = 'search.filled'";
static const char FILLED_SET[] = "INSERT INTO instance (k, v) VALUES ('search.filled', $1) ON CONFLICT (k) DO NOTHING";
static const char LACKING[] =
	"SELECT l.entity, l.letter FROM letter l LEFT JOIN search s ON s.entity = l.entity AND s.number = l.number "
	"WHERE (l.entity > $1 OR (l.entity = $1 AND l.letter > $2)) AND s.number IS NULL AND l.number IS NOT NULL "
	"ORDER BY l.entity, l.letter LIMIT $3";

struct fill {
	struct office *office;
	struct pool *pool;
	struct uuid entities[AT_ONCE], letters[AT_ONCE];
	struct letter *loaded[AT_ONCE];		/* NULL: does not open */
	struct search_terms terms[AT_ONCE];
	unsigned count;
};

static enum pli_status is_filled(struct db_conn *conn, bool *filled_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, FILLED_GET, "");

	if (st == PLI_OK)
		st = db_next(&rows, err);
	*filled_r = st == PLI_OK;
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status lacking_read(struct fill *f, struct db_conn *conn, struct err *err)
{
	const struct office *o = f->office;
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, LACKING, "uui", &o->filled_entity, &o->filled_letter, (int64_t)AT_ONCE);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		if (f->count < AT_ONCE && db_uuid(&rows, 0, &f->entities[f->count]) && db_uuid(&rows, 1, &f->letters[f->count]))
			f->count++;
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* A damaged letter, or one whose key is gone, cannot be found by words; it stops nobody else. */
static enum pli_status one_load(struct fill *f, struct db_conn *conn, unsigned i, struct err *err)
{
	const uint8_t *key;
	struct err why = { 0 };
	char id[37];
	enum pli_status st = directory_meta_key(f->office->parts.directory, &f->entities[i], &key, &why);

	if (st == PLI_OK)
		st = letter_load(f->office, conn, f->pool, &f->entities[i], &f->letters[i], &f->loaded[i], NULL, &why);
	if (st == PLI_OK) {
		search_terms(f->pool, key, f->loaded[i], &f->terms[i]);
		return PLI_OK;
	}
	f->loaded[i] = NULL;
	if (st == PLI_BUSY)
		return err_set(err, st, "%s", why.text);
	log_warn("search.unopened", "letter %s cannot be searched: %s", uuid_format(id, &f->letters[i]), pli_status_name(st));
	return PLI_OK;
}

static enum pli_status some_read(struct fill *f, bool *done_r, struct err *err)
{
	struct db *db = f->office->parts.db;
	struct db_conn *conn = db_reader_take(db);
	enum pli_status st = is_filled(conn, done_r, err);

	if (st == PLI_OK && !*done_r)
		st = lacking_read(f, conn, err);
	for (unsigned i = 0; st == PLI_OK && i < f->count; i++)
		st = one_load(f, conn, i, err);
	db_reader_give(db, conn);
	return st;
}

static enum pli_status fill_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct fill *f = arg;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < f->count; i++)
		if (f->loaded[i])
			st = search_add(tx, f->loaded[i], &f->terms[i], err);
	if (st == PLI_OK && f->count < AT_ONCE)
		st = db_run(tx->conn, NULL, err, FILLED_SET, "b", "\1", (size_t)1);
	return st;
}

enum pli_status search_fill(struct office *office, bool *done_r, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct fill *f = POOL_NEW(pool, struct fill);
	enum pli_status st;

	f->office = office;
	f->pool = pool;
	st = some_read(f, done_r, err);
	if (st != PLI_OK || *done_r)
		return st;
	st = db_write(office->parts.db, fill_fn, f, err);
	if (st != PLI_OK)
		return st;
	*done_r = f->count < AT_ONCE;
	if (f->count) {
		office->filled_entity = f->entities[f->count - 1];
		office->filled_letter = f->letters[f->count - 1];
	}
	return PLI_OK;
}
