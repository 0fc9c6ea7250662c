/* See kek_end.h. */
#include <string.h>

#include "actor.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "journal.h"
#include "keeper.h"

#include "directory.h"

#include "deadline.h"
#include "office_own.h"

#include "kek_end.h"

static const char LETTER_UNDER[] = "SELECT letter FROM letter WHERE entity = $1 AND kid = $2 LIMIT 1";
static const char DRAFT_UNDER[] = "SELECT draft FROM draft WHERE entity = $1 AND kid = $2 LIMIT 1";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

struct ending {
	struct office *office;
	struct directory_kek_over *kek;
	int64_t now_us;
};

/* ---- what lies under it ---- */

static enum pli_status row_under(struct office *office, const char *sql, const struct directory_kek_over *kek, bool *some_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "ut", &kek->entity, kek->kid);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	*some_r |= st == PLI_OK;
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* Whatever its caller believes: what is destroyed comes never back. */
static enum pli_status nothing_under(struct office *office, const struct directory_kek_over *kek, struct err *err)
{
	bool some = false;
	enum pli_status st = row_under(office, LETTER_UNDER, kek, &some, err);

	if (st == PLI_OK)
		st = row_under(office, DRAFT_UNDER, kek, &some, err);
	if (st == PLI_OK && some)
		st = err_set(err, PLI_CONFLICT, "Something still lies under the key %s.", kek->kid);
	return st;
}

/* ---- said in the journal before ---- */

static enum pli_status stays_fn(struct db_tx *tx, void *arg, struct err *err)
{
	return directory_kek_moved(tx, arg, err);
}

/* What was said does not hold, or cannot be shown. */
static enum pli_status take_back(struct office *office, struct directory_kek_over *kek, struct err *err)
{
	kek->moved = 0;
	kek->next[0] = '\0';
	return db_write(office->parts.db, stays_fn, kek, err);
}

static enum pli_status numbered(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	struct ending *e = arg;

	(void)t_us;
	e->kek->moved = seq + 1;
	return directory_kek_moved(tx, e->kek, err);
}

static enum pli_status moved_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct ending *e = arg;
	const char *d = pool_fmt(tx->pool, "{\"kid\":\"%s\",\"next\":\"%s\"}", e->kek->kid, e->kek->next);

	return journal_add(e->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "key.moved", .actor = &SYSTEM, .entity = &e->kek->entity, .d_json = d,
						    .numbered = numbered, .arg = e }, err);
}

/* Under a signed head on return.  There is a key in its place, even if nothing lay under it. */
static enum pli_status moved_say(struct ending *e, struct err *err)
{
	struct directory_kek_over *kek = e->kek;
	enum pli_status st = directory_kek(e->office->parts.directory, "letter", &kek->entity, kek->period, kek->next, err);

	if (st == PLI_OK && str_eq(kek->next, kek->kid))
		st = err_set(err, PLI_DENIED, "The key %s is in use.", kek->kid);
	return st == PLI_OK ? db_write(e->office->parts.db, moved_fn, e, err) : st;
}

struct entry_found {
	struct pool *pool;
	const char *bytes;		/* NULL: not there, or erased */
	size_t n;
};

static enum pli_status entry_take(void *arg, const struct journal_row *row, struct err *err)
{
	struct entry_found *f = arg;

	(void)err;
	if (row->entry) {
		f->bytes = pool_strn(f->pool, row->entry, row->entry_n);
		f->n = row->entry_n;
	}
	return PLI_OK;
}

static enum pli_status entry_read(struct office *office, uint64_t number, struct entry_found *f, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	enum pli_status st = journal_rows(conn, &(struct journal_filter){ .before_seq = number, .limit = 1 }, entry_take, f, err);

	db_reader_give(office->parts.db, conn);
	if (st == PLI_OK && !f->bytes)
		st = err_set(err, PLI_CONFLICT, "The journal does not hold entry %llu.", (unsigned long long)number);
	return st;
}

/* ---- the end ---- */

/* The keeper counts its days by the machine's clock.  Set forward it would end them at once, set back they would be over too soon when it is right
 * again. */
static enum pli_status clock_believed(struct office *office, struct err *err)
{
	bool waits;
	int64_t off_us = deadline_off_us(office, &waits);

	return off_us ? err_set(err, PLI_AGAIN, "The machine's clock, %lld s from the time that is known, is not believed.",
				(long long)(off_us / SECOND_US)) : PLI_OK;
}

static enum pli_status ended_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct ending *e = arg;
	const struct directory_kek_over *kek = e->kek;
	enum pli_status st = directory_kek_destroyed(tx, kek, e->now_us, err);
	const char *d = kek->moved ? pool_fmt(tx->pool, "{\"kid\":\"%s\",\"next\":\"%s\"}", kek->kid, kek->next)
				   : pool_fmt(tx->pool, "{\"kid\":\"%s\"}", kek->kid);

	if (st != PLI_OK)
		return st;
	return journal_add(e->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "key.destroyed", .actor = &SYSTEM, .entity = &kek->entity, .d_json = d }, err);
}

static enum pli_status keeper_asked(struct ending *e, bool early, int64_t *due_us_r, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct entry_found f = { .pool = pool, .bytes = NULL };
	struct keeper *keeper = e->office->parts.keeper;
	enum pli_status st = PLI_OK;

	if (!early)
		return keeper_kek_destroy(keeper, e->kek->kid, 0, "", 0, due_us_r, err);
	if (!e->kek->moved)
		st = moved_say(e, err);
	if (st == PLI_OK)
		st = entry_read(e->office, e->kek->moved, &f, err);
	return st == PLI_OK ? keeper_kek_destroy(keeper, e->kek->kid, e->kek->moved - 1, f.bytes, f.n, due_us_r, err) : st;
}

enum pli_status kek_end(struct office *office, struct directory_kek_over *kek, bool early, int64_t now_us, int64_t *due_us_r, struct err *err)
{
	struct ending e = { .office = office, .kek = kek, .now_us = now_us };
	enum pli_status st = nothing_under(office, kek, err);

	*due_us_r = 0;
	if (st == PLI_OK && early)
		st = clock_believed(office, err);
	if (st == PLI_OK)
		st = keeper_asked(&e, early, due_us_r, err);
	if (st == PLI_CONFLICT && kek->moved && take_back(office, kek, NULL) != PLI_OK)
		log_warn("key.moved", "that letters were moved away from %s is not taken back", kek->kid);
	if (st != PLI_OK || *due_us_r)
		return st;
	st = db_write(office->parts.db, ended_fn, &e, err);
	if (st == PLI_OK)
		log_info("retention.key", "key %s is destroyed", kek->kid);
	return st;
}
