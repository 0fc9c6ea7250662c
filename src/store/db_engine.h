/* What an engine gives to db.c and the writer; private to the storage room.
 *
 * One connection is used by one thread at a time.  db_sqlite.c is the first engine; another one fills the same table. */
#ifndef PLI_DB_ENGINE_H
#define PLI_DB_ENGINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db.h"

/* First member of every engine's connection. */
struct db_conn {
	const struct db_engine *engine;
	/* Seen by the writer after each step: PLI_FULL when the disk or quota ended a statement (the transaction is
	 * lost), PLI_IO when the disk failed and nothing written since may be trusted; sticky until cleared. */
	enum pli_status fault;
};

enum db_role { DB_READER, DB_WRITER };

enum db_step { DB_BEGIN, DB_COMMIT, DB_ROLLBACK, DB_SAVE, DB_KEEP, DB_BACK, DB_STEP_COUNT };

struct db_engine {
	const char *name;	/* also the folder of its schema */
	enum pli_status (*open)(const char *name, bool create, enum db_role role, struct db_conn **conn_r, struct err *err);
	void (*close)(struct db_conn *conn);
	enum pli_status (*run)(struct db_conn *conn, int64_t *changed_r, struct err *err, const char *sql,
			       const char *types, va_list ap);
	enum pli_status (*query)(struct db_conn *conn, struct db_rows *rows_r, struct err *err, const char *sql,
				 const char *types, va_list ap);
	enum pli_status (*next)(struct db_rows *rows, struct err *err);
	void (*end)(struct db_rows *rows);
	bool (*is_null)(struct db_rows *rows, int column);
	int64_t (*get_int)(struct db_rows *rows, int column);
	const char *(*get_text)(struct db_rows *rows, int column);
	const void *(*get_blob)(struct db_rows *rows, int column, size_t *n_r);
	/* Transaction control.  DB_SAVE/KEEP/BACK: one savepoint, set, released, rolled back and released. */
	enum pli_status (*step)(struct db_conn *conn, enum db_step step, struct err *err);
	bool (*in_transaction)(struct db_conn *conn);
	int64_t (*changes)(struct db_conn *conn);	/* rows changed since the connection was opened */
	/* Many statements at once, for migrations. */
	enum pli_status (*script)(struct db_conn *conn, const char *sql, struct err *err);
	/* After a commit, without a transaction: bounded upkeep (moving the log into the file). */
	enum pli_status (*upkeep)(struct db_conn *conn, struct err *err);
	/* Nothing has been written for a while: empty the log, give memory back. */
	enum pli_status (*idle)(struct db_conn *conn, struct err *err);
	/* Empties the log, waiting a little for readers: what was deleted is then in none of the database's files.  PLI_BUSY: a reader
	 * still needs it. */
	enum pli_status (*settle)(struct db_conn *conn, struct err *err);
	/* The database as conn's transaction sees it, into a new file. */
	enum pli_status (*copy)(struct db_conn *conn, const char *name, struct err *err);
	void (*trim)(struct db_conn *conn);		/* give memory back */
	/* Bytes of the database's own files, for the quota. */
	uint64_t (*used_bytes)(const char *name);
};

extern const struct db_engine db_sqlite_engine;

/* db_migrate.c: brings the schema up to `migrations`; read_only: only compares.  PLI_INVALID for a newer database. */
struct migration;
MUST enum pli_status db_migrate(struct db_conn *writer, const struct migration *migrations, size_t count,
				bool read_only, struct err *err);

/* db_writer.c */
struct db_writer;
/* Takes conn; starts the thread. */
MUST enum pli_status db_writer_new(struct db *db, struct db_conn *conn, struct db_writer **writer_r, struct err *err);
void db_writer_free(struct db_writer *writer);
MUST enum pli_status db_writer_write(struct db_writer *writer, db_write_fn *fn, void *arg, struct err *err);
MUST enum pli_status db_writer_write_later(struct db_writer *writer, db_write_fn *fn, void *arg,
					   void (*done)(void *done_arg, enum pli_status status), void *done_arg, struct err *err);
unsigned db_writer_queued(struct db_writer *writer);
MUST enum pli_status db_writer_settle(struct db_writer *writer, struct err *err);
void db_writer_hooks(struct db_writer *writer, const struct db_hooks *hooks);

/* db.c: the writer has been idle: readers not needed are closed. */
void db_trim_readers(struct db *db);

#endif
