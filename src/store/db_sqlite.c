/* The SQLite engine: write-ahead log, every commit on disk (synchronous=FULL), statements prepared once (db_statement.h).
 *
 * The log is moved into the file by the writer between two groups, not inside a commit. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "pool.h"
#include "uuid.h"

#include "db_statement.h"
#include "db_vfs.h"

#include "db_engine.h"

#define CHECKPOINT_PAGES 4000
#define CHECKPOINT_AGAIN_PAGES 1000	/* when a reader kept the last one from finishing */
#define BUSY_TIMEOUT_MS 5000
#define SETTLE_TIMEOUT_MS 200
#define COPY_PAGES 1024

static struct sqlite_conn *conn_of(struct db_conn *conn)
{
	assert(conn && conn->engine == &db_sqlite_engine);
	return (struct sqlite_conn *)conn;
}

/* ------------------------------------------------------------------ errors */

/* What went wrong in `what`, as a status; remembers what the writer must know. */
enum pli_status db_sqlite_failed(struct sqlite_conn *c, const char *what, struct err *err)
{
	int code = sqlite3_extended_errcode(c->db);
	int os = sqlite3_system_errno(c->db);
	bool flush = code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;

	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
		if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
			return err_set(err, PLI_CONFLICT, "exists already (%s)", sqlite3_errmsg(c->db));
		return err_set(err, PLI_BUG, "%s: %s", what, sqlite3_errmsg(c->db));
	case SQLITE_FULL:
		c->base.fault = PLI_FULL;
		return err_set(err, PLI_FULL, "%s: no space left", what);
	case SQLITE_IOERR:
		if (!flush && (os == ENOSPC || os == EDQUOT)) {
			c->base.fault = PLI_FULL;
			return err_set(err, PLI_FULL, "%s: no space left", what);
		}
		/* fall through */
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
		c->base.fault = PLI_IO;
		return err_set(err, PLI_IO, "%s: %s (code %d, errno %d)", what, sqlite3_errmsg(c->db), code, os);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, PLI_BUSY, "%s: the database is in use by another program", what);
	case SQLITE_TOOBIG:
		return err_set(err, PLI_LIMIT, "%s: value too large", what);
	case SQLITE_ERROR:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return err_set(err, PLI_BUG, "%s: %s", what, sqlite3_errmsg(c->db));
	default:
		return err_set(err, PLI_IO, "%s: %s (code %d)", what, sqlite3_errmsg(c->db), code);
	}
}

static enum pli_status sqlite_run(struct db_conn *conn, int64_t *changed_r, struct err *err, const char *sql,
				  const char *types, va_list ap)
{
	struct sqlite_conn *c = conn_of(conn);
	struct db_statement *s;
	enum pli_status status = db_statement_take(c, sql, &s, err);
	int code;

	if (status != PLI_OK)
		return status;
	db_statement_bind(s, types, ap, true);
	do {
		code = sqlite3_step(s->stmt);
	} while (code == SQLITE_ROW);
	if (code != SQLITE_DONE)
		status = db_sqlite_failed(c, sql, err);
	else if (changed_r)
		*changed_r = sqlite3_changes64(c->db);
	db_statement_give(s);
	return status;
}

static enum pli_status sqlite_query(struct db_conn *conn, struct db_rows *rows_r, struct err *err, const char *sql,
				    const char *types, va_list ap)
{
	struct db_statement *s;
	enum pli_status status = db_statement_take(conn_of(conn), sql, &s, err);

	if (status != PLI_OK)
		return status;
	db_statement_bind(s, types, ap, false);
	rows_r->stmt = s;
	rows_r->conn = conn;
	return PLI_OK;
}

static enum pli_status sqlite_next(struct db_rows *rows, struct err *err)
{
	struct db_statement *s = rows->stmt;

	switch (sqlite3_step(s->stmt)) {
	case SQLITE_ROW:
		return PLI_OK;
	case SQLITE_DONE:
		return err_set(err, PLI_ABSENT, "no more rows");
	default:
		return db_sqlite_failed(conn_of(rows->conn), s->sql, err);
	}
}

static void sqlite_end(struct db_rows *rows)
{
	db_statement_give(rows->stmt);
}

static sqlite3_stmt *stmt_of(struct db_rows *rows)
{
	return ((struct db_statement *)rows->stmt)->stmt;
}

static bool sqlite_is_null(struct db_rows *rows, int column)
{
	return sqlite3_column_type(stmt_of(rows), column) == SQLITE_NULL;
}

static int64_t sqlite_int(struct db_rows *rows, int column)
{
	return sqlite3_column_int64(stmt_of(rows), column);
}

static const char *sqlite_text(struct db_rows *rows, int column)
{
	return (const char *)sqlite3_column_text(stmt_of(rows), column);
}

/* An empty blob is not a null: it gives a pointer to nothing. */
static const void *sqlite_blob(struct db_rows *rows, int column, size_t *n_r)
{
	const void *p = sqlite3_column_blob(stmt_of(rows), column);

	*n_r = (size_t)sqlite3_column_bytes(stmt_of(rows), column);
	if (!p && !sqlite_is_null(rows, column))
		p = "";
	return p;
}

/* ------------------------------------------------------------------ transactions */

static const char *const step_sql[DB_STEP_COUNT] = {
	[DB_BEGIN] = "BEGIN IMMEDIATE",
	[DB_COMMIT] = "COMMIT",
	[DB_ROLLBACK] = "ROLLBACK",
	[DB_SAVE] = "SAVEPOINT one",
	[DB_KEEP] = "RELEASE one",
	[DB_BACK] = "ROLLBACK TO one",
};

static enum pli_status step_run(struct sqlite_conn *c, enum db_step step, struct err *err)
{
	sqlite3_stmt *stmt = c->steps[step];
	enum pli_status status = PLI_OK;

	if (!stmt) {
		if (sqlite3_prepare_v3(c->db, step_sql[step], -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
			return db_sqlite_failed(c, step_sql[step], err);
		c->steps[step] = stmt;
	}
	if (sqlite3_step(stmt) != SQLITE_DONE)
		status = db_sqlite_failed(c, step_sql[step], err);
	sqlite3_reset(stmt);
	return status;
}

static enum pli_status sqlite_step(struct db_conn *conn, enum db_step step, struct err *err)
{
	struct sqlite_conn *c = conn_of(conn);
	enum pli_status status = step_run(c, step, err);

	if (step == DB_BACK && status == PLI_OK)
		status = step_run(c, DB_KEEP, err);
	return status;
}

static bool sqlite_in_transaction(struct db_conn *conn)
{
	return !sqlite3_get_autocommit(conn_of(conn)->db);
}

static int64_t sqlite_changes(struct db_conn *conn)
{
	return sqlite3_total_changes64(conn_of(conn)->db);
}

static enum pli_status sqlite_script(struct db_conn *conn, const char *sql, struct err *err)
{
	struct sqlite_conn *c = conn_of(conn);

	if (sqlite3_exec(c->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_sqlite_failed(c, "schema script", err);
	return PLI_OK;
}

/* ------------------------------------------------------------------ upkeep */

static int log_grew(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct sqlite_conn *c = arg;

	(void)db;
	(void)name;
	if (pages < c->log_pages)
		c->checkpoint_at = CHECKPOINT_PAGES;	/* it has begun anew */
	c->log_pages = pages;
	return SQLITE_OK;
}

static enum pli_status checkpoint(struct sqlite_conn *c, int mode, struct err *err)
{
	int code = sqlite3_wal_checkpoint_v2(c->db, NULL, mode, NULL, NULL);

	/* Busy: a reader still needs old pages; full: the log goes on growing until there is room. */
	if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_LOCKED) {
		enum pli_status status = db_sqlite_failed(c, "checkpoint", err);

		if (status != PLI_FULL)
			return status;
		c->base.fault = PLI_OK;
	}
	return PLI_OK;
}

static enum pli_status sqlite_upkeep(struct db_conn *conn, struct err *err)
{
	struct sqlite_conn *c = conn_of(conn);

	if (c->log_pages < c->checkpoint_at)
		return PLI_OK;
	c->checkpoint_at = c->log_pages + CHECKPOINT_AGAIN_PAGES;
	return checkpoint(c, SQLITE_CHECKPOINT_PASSIVE, err);
}

/* An emptied log also means that what was deleted is nowhere on disk any more. */
static enum pli_status sqlite_idle(struct db_conn *conn, struct err *err)
{
	struct sqlite_conn *c = conn_of(conn);
	enum pli_status status = PLI_OK;

	if (c->log_pages) {
		sqlite3_busy_timeout(c->db, 0);
		status = checkpoint(c, SQLITE_CHECKPOINT_TRUNCATE, err);
		sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
		c->log_pages = 0;
	}
	sqlite3_db_release_memory(c->db);
	return status;
}

static enum pli_status sqlite_settle(struct db_conn *conn, struct err *err)
{
	struct sqlite_conn *c = conn_of(conn);
	int code;

	sqlite3_busy_timeout(c->db, SETTLE_TIMEOUT_MS);
	code = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
	if (code == SQLITE_OK)
		c->log_pages = 0;
	return code == SQLITE_OK ? PLI_OK : db_sqlite_failed(c, "checkpoint", err);
}

static void file_make(const char *name);

static enum pli_status sqlite_copy(struct db_conn *conn, const char *name, struct err *err)
{
	struct sqlite_conn *c = conn_of(conn);
	sqlite3 *to = NULL;
	sqlite3_backup *backup;
	enum pli_status status = PLI_OK;
	int code = SQLITE_ERROR;

	file_make(name);
	if (sqlite3_open_v2(name, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE,
			    db_vfs_name()) != SQLITE_OK || sqlite3_exec(to, "PRAGMA synchronous = OFF", NULL, NULL, NULL) != SQLITE_OK)
		status = err_set(err, PLI_IO, "%s: %s", name, to ? sqlite3_errmsg(to) : "no memory");
	backup = status == PLI_OK ? sqlite3_backup_init(to, "main", c->db, "main") : NULL;
	if (backup) {
		do
			code = sqlite3_backup_step(backup, COPY_PAGES);
		while (code == SQLITE_OK);
		sqlite3_backup_finish(backup);
	}
	if (status == PLI_OK && code != SQLITE_DONE)
		status = err_set(err, (code & 0xff) == SQLITE_FULL ? PLI_FULL : PLI_IO, "copying the database: %s", sqlite3_errstr(code));
	sqlite3_close(to);
	return status;
}

static void sqlite_trim(struct db_conn *conn)
{
	sqlite3_db_release_memory(conn_of(conn)->db);
}

static uint64_t sqlite_used_bytes(const char *name)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		char file[256];
		struct stat st;

		snprintf(file, sizeof(file), "%s%s", name, suffixes[i]);
		if (fstatat(AT_FDCWD, file, &st, 0) == 0)
			sum += (uint64_t)st.st_blocks * 512;
	}
	return sum;
}

/* ------------------------------------------------------------------ connections */

/* Small caches: all processes of an idle instance fit in a few megabytes. */
static const char pragmas_both[] =
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA mmap_size = 0;"
	"PRAGMA foreign_keys = OFF;"
	"PRAGMA secure_delete = ON;"
	"PRAGMA trusted_schema = OFF;"
	"PRAGMA cell_size_check = ON;"
	"PRAGMA journal_size_limit = 67108864;";
static const char pragmas_writer[] =
	"PRAGMA cache_size = -8000;"
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL;"
	"PRAGMA wal_autocheckpoint = 0;";
static const char pragmas_reader[] =
	"PRAGMA cache_size = -2000;"
	"PRAGMA query_only = ON;";

static void sqlite_close(struct db_conn *conn)
{
	struct sqlite_conn *c;

	if (!conn)
		return;
	c = conn_of(conn);
	db_statement_end(c);
	for (int i = 0; i < DB_STEP_COUNT; i++)
		sqlite3_finalize(c->steps[i]);
	sqlite3_close(c->db);
	mem_free(c);
}

/* The index stays at a close instead of being removed: the next opening needs its room, which a full disk does not give a second
 * time.  The log stays too, but empty (journal_size_limit): nothing is left that could be taken for newer than the file. */
static void log_keep(struct sqlite_conn *c)
{
	int keep = 1;

	(void)sqlite3_file_control(c->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
}

/* For the owner alone whatever the umask; the log and its index take the mode of the file. */
static void file_make(const char *name)
{
	int fd = openat(AT_FDCWD, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		close(fd);
}

static enum pli_status sqlite_open(const char *name, bool create, enum db_role role, struct db_conn **conn_r,
				   struct err *err)
{
	struct sqlite_conn *c = mem_alloc(sizeof(*c));
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE |
		    (create ? SQLITE_OPEN_CREATE : 0);
	enum pli_status status = PLI_OK;

	c->base.engine = &db_sqlite_engine;
	c->checkpoint_at = CHECKPOINT_PAGES;
	db_statement_begin(c);
	if (create)
		file_make(name);
	if (sqlite3_open_v2(name, &c->db, flags, db_vfs_name()) != SQLITE_OK) {
		status = err_set(err, PLI_IO, "%s: %s", name, c->db ? sqlite3_errmsg(c->db) : "no memory");
		goto close_conn;
	}
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (sqlite3_exec(c->db, pragmas_both, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(c->db, role == DB_WRITER ? pragmas_writer : pragmas_reader, NULL, NULL, NULL) != SQLITE_OK) {
		status = db_sqlite_failed(c, name, err);
		goto close_conn;
	}
	log_keep(c);
	if (role == DB_WRITER)
		sqlite3_wal_hook(c->db, log_grew, c);
	*conn_r = &c->base;
	return PLI_OK;

close_conn:
	sqlite_close(&c->base);
	return status;
}

const struct db_engine db_sqlite_engine = {
	.name = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close,
	.run = sqlite_run,
	.query = sqlite_query,
	.next = sqlite_next,
	.end = sqlite_end,
	.is_null = sqlite_is_null,
	.get_int = sqlite_int,
	.get_text = sqlite_text,
	.get_blob = sqlite_blob,
	.step = sqlite_step,
	.in_transaction = sqlite_in_transaction,
	.changes = sqlite_changes,
	.script = sqlite_script,
	.upkeep = sqlite_upkeep,
	.idle = sqlite_idle,
	.settle = sqlite_settle,
	.copy = sqlite_copy,
	.trim = sqlite_trim,
	.used_bytes = sqlite_used_bytes,
};
