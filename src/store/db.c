/* The database as the other rooms see it: connections for reading, the writer, space and health.  The engine does the
 * SQL (db_engine.h), the writer thread the transactions (db_writer.c). */
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "migration.h"
#include "pool.h"
#include "uuid.h"

#include "db_engine.h"

#include "db.h"

#define READERS_DEFAULT 4
#define READERS_KEPT 1		/* stay open when nothing happens */

struct db {
	const struct db_engine *engine;
	char *name;
	uint64_t quota_bytes;
	_Atomic int64_t counted_bytes;		/* outside the database, see db_count_bytes */
	struct db_writer *writer;		/* NULL when read only */
	pthread_mutex_t lock;
	pthread_cond_t given;
	struct db_conn **idle;			/* a stack: the last used is the warmest */
	unsigned idle_count, open_count, readers_max;
	_Atomic bool broken;
	struct err broken_err;			/* set before broken */
	void (*fatal)(void *arg, const struct err *err);
	void *fatal_arg;
};

/* ------------------------------------------------------------------ statements */

enum pli_status db_run(struct db_conn *conn, int64_t *changed_r, struct err *err, const char *sql, const char *types, ...)
{
	enum pli_status status;
	va_list ap;

	va_start(ap, types);
	status = conn->engine->run(conn, changed_r, err, sql, types, ap);
	va_end(ap);
	return status;
}

enum pli_status db_query(struct db_conn *conn, struct db_rows *rows_r, struct err *err, const char *sql,
			 const char *types, ...)
{
	enum pli_status status;
	va_list ap;

	db_end(rows_r);
	va_start(ap, types);
	status = conn->engine->query(conn, rows_r, err, sql, types, ap);
	va_end(ap);
	return status;
}

enum pli_status db_next(struct db_rows *rows, struct err *err)
{
	assert(rows->stmt);
	return rows->conn->engine->next(rows, err);
}

void db_end(struct db_rows *rows)
{
	if (rows->stmt)
		rows->conn->engine->end(rows);
	rows->stmt = NULL;
}

bool db_is_null(struct db_rows *rows, int column)
{
	return rows->conn->engine->is_null(rows, column);
}

int64_t db_int(struct db_rows *rows, int column)
{
	return rows->conn->engine->get_int(rows, column);
}

const char *db_text(struct db_rows *rows, int column)
{
	return rows->conn->engine->get_text(rows, column);
}

const void *db_blob(struct db_rows *rows, int column, size_t *n_r)
{
	return rows->conn->engine->get_blob(rows, column, n_r);
}

bool db_uuid(struct db_rows *rows, int column, struct uuid *id_r)
{
	size_t n;
	const void *p = db_blob(rows, column, &n);

	if (!p || n != sizeof(id_r->b))
		return false;
	*id_r = *(const struct uuid *)p;
	return true;
}

/* ------------------------------------------------------------------ opening */

/* The first reader is opened with the database, so that there is always one to wait for. */
static enum pli_status readers_open(struct db *db, unsigned most, struct err *err)
{
	enum pli_status status;

	db->readers_max = most ? most : READERS_DEFAULT;
	db->idle = mem_alloc(db->readers_max * sizeof(struct db_conn *));
	status = db->engine->open(db->name, false, DB_READER, &db->idle[0], err);
	if (status == PLI_OK)
		db->idle_count = db->open_count = 1;
	return status;
}

static enum pli_status schema_open(struct db *db, const struct db_options *options, struct db_conn **conn_r,
				   struct err *err)
{
	const struct migration *migrations = options->migrations;
	size_t count = options->migration_count;
	enum db_role role = options->read_only ? DB_READER : DB_WRITER;
	enum pli_status status;

	if (!migrations)
		migrations = migration_list(db->engine->name, &count);
	status = db->engine->open(db->name, options->create && !options->read_only, role, conn_r, err);
	if (status != PLI_OK)
		return status;
	return db_migrate(*conn_r, migrations, count, options->read_only, err);
}

enum pli_status db_open(const struct db_options *options, struct db **db_r, struct err *err)
{
	struct db *db = mem_alloc(sizeof(*db));
	struct db_conn *conn = NULL;
	enum pli_status status;

	db->engine = &db_sqlite_engine;
	db->name = mem_str(options->name);
	db->quota_bytes = options->quota_bytes;
	db->fatal = options->fatal;
	db->fatal_arg = options->fatal_arg;
	pthread_mutex_init(&db->lock, NULL);
	pthread_cond_init(&db->given, NULL);
	status = schema_open(db, options, &conn, err);
	if (status == PLI_OK)
		status = readers_open(db, options->readers, err);
	if (status == PLI_OK && !options->read_only) {
		status = db_writer_new(db, conn, &db->writer, err);	/* conn is the writer's from here */
		if (status == PLI_OK)
			conn = NULL;
	}
	if (conn)
		db->engine->close(conn);
	if (status != PLI_OK) {
		db_close(db);
		return status;
	}
	*db_r = db;
	return PLI_OK;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	db_writer_free(db->writer);
	assert(db->idle_count == db->open_count);
	for (unsigned i = 0; i < db->idle_count; i++)
		db->engine->close(db->idle[i]);
	mem_free(db->idle);
	mem_free(db->name);
	pthread_cond_destroy(&db->given);
	pthread_mutex_destroy(&db->lock);
	mem_free(db);
}

/* ------------------------------------------------------------------ readers */

struct db_conn *db_reader_take(struct db *db)
{
	struct db_conn *conn = NULL;
	bool may_open = true;

	pthread_mutex_lock(&db->lock);
	while (!conn) {
		if (db->idle_count) {
			conn = db->idle[--db->idle_count];
		} else if (may_open && db->open_count < db->readers_max) {
			struct err ignored;

			db->open_count++;
			pthread_mutex_unlock(&db->lock);
			may_open = db->engine->open(db->name, false, DB_READER, &conn, &ignored) == PLI_OK;
			pthread_mutex_lock(&db->lock);
			if (!may_open) {
				/* No descriptor or memory for another: wait for one of those there are. */
				conn = NULL;
				db->open_count--;
			}
		} else {
			pthread_cond_wait(&db->given, &db->lock);
		}
	}
	pthread_mutex_unlock(&db->lock);
	return conn;
}

void db_reader_give(struct db *db, struct db_conn *conn)
{
	struct err ignored;

	if (conn->engine->in_transaction(conn) && conn->engine->step(conn, DB_COMMIT, &ignored) != PLI_OK)
		(void)!conn->engine->step(conn, DB_ROLLBACK, &ignored);
	pthread_mutex_lock(&db->lock);
	db->idle[db->idle_count++] = conn;
	pthread_cond_signal(&db->given);
	pthread_mutex_unlock(&db->lock);
}

void db_trim_readers(struct db *db)
{
	pthread_mutex_lock(&db->lock);
	while (db->idle_count > READERS_KEPT) {
		/* The bottom of the stack has not been used for longest. */
		db->engine->close(db->idle[0]);
		db->open_count--;
		db->idle_count--;
		for (unsigned i = 0; i < db->idle_count; i++)
			db->idle[i] = db->idle[i + 1];
	}
	for (unsigned i = 0; i < db->idle_count; i++)
		db->engine->trim(db->idle[i]);
	pthread_mutex_unlock(&db->lock);
}

enum pli_status db_snapshot(struct db_conn *conn, struct err *err)
{
	static const char sql_begin[] = "BEGIN";
	static const char sql_touch[] = "SELECT number FROM schema_version LIMIT 1";
	AUTO_ROWS rows = { 0 };
	enum pli_status status = db_run(conn, NULL, err, sql_begin, "");

	/* The snapshot is taken at the first read. */
	if (status == PLI_OK)
		status = db_query(conn, &rows, err, sql_touch, "");
	if (status == PLI_OK)
		status = db_next(&rows, err);
	return status == PLI_ABSENT ? PLI_OK : status;
}

/* ------------------------------------------------------------------ writing, space, health */

static enum pli_status writable(struct db *db, struct err *err)
{
	enum pli_status status = db_healthy(db, err);

	if (status == PLI_OK && !db->writer)
		return err_set(err, PLI_BUG, "the database was opened for reading");
	return status;
}

enum pli_status db_write(struct db *db, db_write_fn *fn, void *arg, struct err *err)
{
	enum pli_status status = writable(db, err);

	return status == PLI_OK ? db_writer_write(db->writer, fn, arg, err) : status;
}

enum pli_status db_write_later(struct db *db, db_write_fn *fn, void *arg, void (*done)(void *done_arg, enum pli_status status),
			       void *done_arg, struct err *err)
{
	enum pli_status status = writable(db, err);

	return status == PLI_OK ? db_writer_write_later(db->writer, fn, arg, done, done_arg, err) : status;
}

enum pli_status db_settle(struct db *db, struct err *err)
{
	return db->writer ? db_writer_settle(db->writer, err) : err_set(err, PLI_BUG, "the database was opened for reading");
}

unsigned db_queued(struct db *db)
{
	return db->writer ? db_writer_queued(db->writer) : 0;
}

void db_set_hooks(struct db *db, const struct db_hooks *hooks)
{
	assert(db->writer);
	db_writer_hooks(db->writer, hooks);
}

void db_count_bytes(struct db *db, int64_t change_bytes)
{
	atomic_fetch_add(&db->counted_bytes, change_bytes);
}

bool db_has_quota(const struct db *db)
{
	return db->quota_bytes != 0;
}

enum pli_status db_space(struct db *db, uint64_t *free_bytes_r, struct err *err)
{
	struct statfs fs;
	uint64_t free_bytes;

	if (statfs(".", &fs) != 0)
		return err_errno(err, "free space");
	free_bytes = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	if (db->quota_bytes) {
		int64_t counted = atomic_load(&db->counted_bytes);
		uint64_t used = db->engine->used_bytes(db->name) + (uint64_t)(counted > 0 ? counted : 0);
		uint64_t left = used < db->quota_bytes ? db->quota_bytes - used : 0;

		if (left < free_bytes)
			free_bytes = left;
	}
	*free_bytes_r = free_bytes;
	return PLI_OK;
}

void db_fault(struct db *db, const struct err *err)
{
	bool first;

	pthread_mutex_lock(&db->lock);
	first = !atomic_load(&db->broken);
	if (first) {
		db->broken_err = *err;
		atomic_store(&db->broken, true);
	}
	pthread_mutex_unlock(&db->lock);
	if (first && db->fatal)
		db->fatal(db->fatal_arg, err);
}

enum pli_status db_healthy(struct db *db, struct err *err)
{
	if (!atomic_load(&db->broken))
		return PLI_OK;
	return err_set(err, PLI_IO, "the database has stopped: %s", db->broken_err.text);
}

enum pli_status db_copy(struct db_conn *conn, const char *name, struct err *err)
{
	db_copy_remove(name);
	return conn->engine->copy(conn, name, err);
}

void db_copy_remove(const char *name)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char file[256];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", name, suffixes[i]);
		(void)unlinkat(AT_FDCWD, file, 0);
	}
}

/* One row "ok", or a row for each fault. */
static enum pli_status quick_check(struct db_conn *conn, struct err *err)
{
	static const char check[] = "PRAGMA quick_check(1)";
	AUTO_ROWS rows = { 0 };
	enum pli_status status = db_query(conn, &rows, err, check, "");
	const char *said;

	if (status == PLI_OK)
		status = db_next(&rows, err);
	if (status != PLI_OK)
		return status;
	said = db_text(&rows, 0);
	if (said && strcmp(said, "ok") == 0)
		return PLI_OK;
	return err_set(err, PLI_CONFLICT, "the database is damaged: %.200s", said ? said : "");
}

enum pli_status db_quick_check(struct db *db, struct err *err)
{
	struct db_conn *conn = db_reader_take(db);
	enum pli_status status = quick_check(conn, err);

	db_reader_give(db, conn);
	return status;
}
