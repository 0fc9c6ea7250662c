/* The statements of one SQLite connection, prepared once; private to the engine (db_sqlite.c).
 *
 * `$1`, `$2`, … are named parameters to SQLite, numbered as they first appear; each statement knows the place of each number.  A statement is
 * found again by the address of its SQL, which therefore must be a constant of the program. */
#ifndef PLI_DB_STATEMENT_H
#define PLI_DB_STATEMENT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include "db_engine.h"

#define DB_PARAMETERS_MAX 64

struct db_statement {
	const char *sql;
	sqlite3_stmt *stmt;
	bool busy;
	bool cached;
	unsigned char count;			/* highest $n */
	unsigned char place[DB_PARAMETERS_MAX + 1];	/* of $n; 0 = not used */
};

struct sqlite_conn {
	struct db_conn base;
	sqlite3 *db;
	struct db_statement **slots;
	size_t slot_count, slot_used;
	int log_pages;				/* in the write-ahead log after the last commit */
	int checkpoint_at;			/* pages */
	sqlite3_stmt *steps[DB_STEP_COUNT];
};

/* An empty cache; frees all of it, when nothing is being read. */
void db_statement_begin(struct sqlite_conn *c);
void db_statement_end(struct sqlite_conn *c);

/* The statement of sql, ready to be bound, and the caller's until he gives it back: a further one where the first is being read.
 * As db_sqlite_failed; PLI_BUG for SQL that cannot be prepared. */
MUST enum pli_status db_statement_take(struct sqlite_conn *c, const char *sql, struct db_statement **s_r, struct err *err);
void db_statement_give(struct db_statement *s);
/* One value for each letter of types (db.h).  borrow: the values outlive the statement's run, so they are not copied. */
void db_statement_bind(struct db_statement *s, const char *types, va_list ap, bool borrow);

/* db_sqlite.c: what went wrong last on this connection, in `what`, as a status; remembers in c->base.fault what the writer must know. */
enum pli_status db_sqlite_failed(struct sqlite_conn *c, const char *what, struct err *err);

#endif
