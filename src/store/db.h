/* The database: portable SQL with bound $1… parameters, one group-committing writer, many readers.
 *
 * SQL is a `static const char` of the file that owns the table; statements are cached per connection by that pointer.
 * Binding letters, in the order of $1…: i int64_t · t const char * (NULL = null) · b const void *, size_t (NULL = null)
 * · u const struct uuid * (NULL = null) · n null (no argument).
 * Errors: PLI_FULL for a full disk or quota, PLI_CONFLICT for a unique constraint, PLI_IO for anything else of the engine. */
#ifndef PLI_DB_H
#define PLI_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct db;
struct db_conn;
struct db_group;
struct migration;
struct pool;
struct uuid;

/* A write transaction as seen by one write function: a savepoint inside the writer's group.  At the end of the
 * group its late items (journal entries) are numbered and inserted. */
struct db_tx {
	struct db_conn *conn;
	struct pool *pool;	/* lives until the group's answers are out */
	void *writer;		/* db_writer's own */
};

/* Opens (creating and migrating if allowed) the database file `name` in directory `dir_fd`, which must also be the
 * process's working directory: the engine is given the bare name, so that no path above it is needed after confinement.
 * PLI_INVALID when the file's schema is newer than this program (read_only: also when it is older).
 * read_only: no writer; db_write gives PLI_BUG. */
struct db_options {
	const char *name;	/* "pli.db" */
	bool create;
	bool read_only;
	unsigned readers;	/* most read connections, opened on demand; 0 = 4 */
	uint64_t quota_bytes;	/* what the database and the files counted by db_count_bytes may take; 0 = no quota */
	/* Called once, from any thread, when a write or flush failed for good: nothing may be acknowledged from then on, the
	 * process should end and recover at its next start.  NULL: only db_healthy tells. */
	void (*fatal)(void *arg, const struct err *err);
	void *fatal_arg;
	/* Schema steps; NULL = those compiled in. */
	const struct migration *migrations;
	size_t migration_count;
};
MUST enum pli_status db_open(const struct db_options *options, struct db **db_r, struct err *err);
/* Stops the writer after what is queued and waits for groups not yet released: whoever releases them must still be
 * there, or have released them.  No reader may be out.  NULL is allowed. */
void db_close(struct db *db);

/* A read connection of one's own for the time of some queries (a consistent snapshot if begun with db_snapshot). Blocks until one is free. */
struct db_conn *db_reader_take(struct db *db);
void db_reader_give(struct db *db, struct db_conn *conn);
MUST enum pli_status db_snapshot(struct db_conn *conn, struct err *err);	/* BEGIN; ended by db_reader_give */

/* Runs a statement that returns no rows; *changed_r (may be NULL) = affected rows. */
MUST enum pli_status db_run(struct db_conn *conn, int64_t *changed_r, struct err *err, const char *sql, const char *types, ...);

struct db_rows {
	void *stmt;
	struct db_conn *conn;
};
/* Starts a query; db_next gives PLI_OK per row, PLI_ABSENT after the last.  db_end always. Column values are borrowed until the next db_next/db_end. */
MUST enum pli_status db_query(struct db_conn *conn, struct db_rows *rows_r, struct err *err, const char *sql, const char *types, ...);
MUST enum pli_status db_next(struct db_rows *rows, struct err *err);
void db_end(struct db_rows *rows);
static inline void db_rows_auto_end(struct db_rows *rows)
{
	db_end(rows);
}
#define AUTO_ROWS __attribute__((cleanup(db_rows_auto_end))) struct db_rows	/* initialise with { 0 } */
bool db_is_null(struct db_rows *rows, int column);
int64_t db_int(struct db_rows *rows, int column);
const char *db_text(struct db_rows *rows, int column);	/* NULL for null */
const void *db_blob(struct db_rows *rows, int column, size_t *n_r);
/* False when the column is not 16 bytes. */
bool db_uuid(struct db_rows *rows, int column, struct uuid *id_r);

/* ---- Writing ----
 * fn runs on the writer thread inside a savepoint; it must only touch tx and arg, never wait for another process,
 * and may be run again after a rollback of the group.  Anything but PLI_OK rolls its savepoint back.
 * Must not be called from a write function or a hook.
 * db_write blocks until the group is durable and, when fn queued late items, until the after-commit hook released it.
 * PLI_UNCERTAIN: committed here, but the after-commit hook could not confirm in time; or the disk failed in the commit itself
 * (then the fatal callback has run). */
typedef enum pli_status db_write_fn(struct db_tx *tx, void *arg, struct err *err);
MUST enum pli_status db_write(struct db *db, db_write_fn *fn, void *arg, struct err *err);

/* The same without waiting: done(done_arg, status) is called once, by whichever thread answers the group, and may only pass that on.
 * arg, done_arg and err live until then.  Anything but PLI_OK: fn is not run, done not called. */
MUST enum pli_status db_write_later(struct db *db, db_write_fn *fn, void *arg, void (*done)(void *done_arg, enum pli_status status),
				    void *done_arg, struct err *err);

/* After rows were deleted for good: what they held is in none of the database's files once this gives PLI_OK (deleted content is
 * overwritten, the log emptied).  PLI_BUSY: a reader still needs the log; try again later.  Holds the writer up for at most 0.2 s. */
MUST enum pli_status db_settle(struct db *db, struct err *err);

/* Writes waiting for their group; for load figures and for refusing early. */
unsigned db_queued(struct db *db);

/* Adds an item that the finish hook will handle at the end of the group; dropped with the savepoint. */
void db_tx_late(struct db_tx *tx, void *item);

/* Set once, before the first write. */
struct db_hooks {
	void *arg;
	/* On the writer thread, before COMMIT: all surviving late items in order.  A failure rolls the whole group back. */
	enum pli_status (*finish)(void *arg, struct db_tx *tx, void **items, size_t count, struct err *err);
	/* On the writer thread, after COMMIT of a group with late items; must not block.  The hook must later, from any
	 * thread, call db_group_release exactly once. */
	void (*committed)(void *arg, struct db_group *group, void **items, size_t count);
};
/* Waits until the hooks of before run no more. */
void db_set_hooks(struct db *db, const struct db_hooks *hooks);
/* Answers the waiting db_write calls of the group (PLI_OK or PLI_UNCERTAIN …) and frees it. */
void db_group_release(struct db_group *group, enum pli_status status, const struct err *err);

/* Bytes that belong to the quota but lie outside the database (blob files): added or taken away. */
void db_count_bytes(struct db *db, int64_t change_bytes);
bool db_has_quota(const struct db *db);
/* Free space for the two-step reserve: the file system's free bytes or what is left of the quota, whichever is less. */
MUST enum pli_status db_space(struct db *db, uint64_t *free_bytes_r, struct err *err);

/* The disk failed in a way that leaves nothing to trust (a flush failed, EIO): no write is acknowledged from now on and
 * the fatal callback runs.  For those who write files beside the database. */
void db_fault(struct db *db, const struct err *err);

/* Copies the database as conn's snapshot sees it (db_snapshot before) into the new file `name` beside it, while others write.  A file of
 * that name that is left from before is replaced.  Blocks for as long as it takes. */
MUST enum pli_status db_copy(struct db_conn *conn, const char *name, struct err *err);
/* Removes such a copy with what belongs to it; none is no error. */
void db_copy_remove(const char *name);

/* Reads the whole file once and checks its structure, not every index: PLI_CONFLICT with the first fault.  May take long. */
MUST enum pli_status db_quick_check(struct db *db, struct err *err);

/* PLI_OK when the engine answers and no write has failed for good; cheap. */
MUST enum pli_status db_healthy(struct db *db, struct err *err);

#endif
