/* The end of a month's KEK.  Letters whose content goes in a month lie under that month's KEK; when the month is over and their content has
 * gone, the keeper destroys it, and with it every copy of their keys, wherever backups may lie.  Letters that outlive it (held), and drafts,
 * are wrapped under a later month's first: key by key, content untouched. */
#include <inttypes.h>
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

#include "draft_own.h"
#include "letter_own.h"
#include "office_own.h"
#include "retention_own.h"
#include "rewrap.h"

#define AT_ONCE REWRAP_LETTERS_MAX
#define ROUNDS_MAX 64		/* of AT_ONCE letters; more next time */
#define GRACE_US DAY_US		/* after the month's end, for what was under way */

static const char LETTERS_UNDER[] = "SELECT letter, held FROM letter WHERE entity = $1 AND kid = $2 LIMIT $3";
static const char DRAFTS_UNDER[] = "SELECT draft FROM draft WHERE entity = $1 AND kid = $2 LIMIT $3";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

/* ---- one KEK ---- */

struct kek_end {
	struct office *office;
	int64_t now_us;
	const struct directory_kek_over *kek;
};

/* All or none of these, which lie under it, to the KEK of that month. */
static enum pli_status move(struct kek_end *e, const struct uuid *letters, unsigned count, bool drafts, int64_t month, struct err *err)
{
	struct rewrap *group = mem_alloc(sizeof(*group));
	struct db_conn *conn = db_reader_take(e->office->parts.db);
	enum pli_status st = db_snapshot(conn, err);

	rewrap_init(group, e->office, &e->kek->entity);
	for (unsigned i = 0; st == PLI_OK && i < count && !rewrap_full(group); i++)
		st = rewrap_add(group, conn, &letters[i], drafts, e->kek->kid, month, err);
	db_reader_give(e->office->parts.db, conn);
	if (st == PLI_OK)
		st = rewrap_run(group, err);
	if (st == PLI_BUSY && group->raced)	/* the next round sees what is left */
		st = PLI_OK;
	rewrap_free(group);
	mem_free(group);
	return st;
}

/* Drafts under it move on, all of them. */
static enum pli_status drafts_move(struct kek_end *e, bool *some_r, struct err *err)
{
	struct uuid drafts[AT_ONCE];
	struct db_conn *conn = db_reader_take(e->office->parts.db);
	struct db_rows rows = { 0 };
	unsigned count = 0;
	enum pli_status st = db_query(conn, &rows, err, DRAFTS_UNDER, "uti", &e->kek->entity, e->kek->kid, (int64_t)AT_ONCE);

	while (st == PLI_OK && count < AT_ONCE && (st = db_next(&rows, err)) == PLI_OK)
		count += db_uuid(&rows, 0, &drafts[count]);
	db_end(&rows);
	db_reader_give(e->office->parts.db, conn);
	*some_r = count != 0;
	st = st == PLI_ABSENT ? PLI_OK : st;
	return st == PLI_OK && count ? move(e, drafts, count, true, clock_month(e->now_us + DRAFT_KEY_US), err) : st;
}

/* Letters under it: those held move on, any other keeps it alive (its purge comes first, in another round). */
static enum pli_status letters_move(struct kek_end *e, bool *needed_r, bool *moved_r, struct err *err)
{
	struct uuid held[AT_ONCE];
	struct db_conn *conn = db_reader_take(e->office->parts.db);
	struct db_rows rows = { 0 };
	unsigned count = 0;
	enum pli_status st = db_query(conn, &rows, err, LETTERS_UNDER, "uti", &e->kek->entity, e->kek->kid, (int64_t)AT_ONCE);

	*needed_r = false;
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		*needed_r = true;
		if (!db_is_null(&rows, 1) && db_uuid(&rows, 0, &held[count]))
			count++;
	}
	db_end(&rows);
	db_reader_give(e->office->parts.db, conn);
	st = st == PLI_ABSENT ? PLI_OK : st;
	*moved_r = count != 0;
	return st == PLI_OK && count ? move(e, held, count, false, clock_month(e->now_us), err) : st;
}

static enum pli_status ended_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct kek_end *e = arg;
	char next[64];
	enum pli_status st = directory_kek_destroyed(tx, e->kek, e->now_us, next, err);
	const char *d = next[0] ? pool_fmt(tx->pool, "{\"kid\":\"%s\",\"next\":\"%s\"}", e->kek->kid, next)
				: pool_fmt(tx->pool, "{\"kid\":\"%s\"}", e->kek->kid);

	if (st != PLI_OK)
		return st;
	return journal_add(e->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "key.destroyed", .actor = &SYSTEM, .entity = &e->kek->entity, .d_json = d }, err);
}

static enum pli_status row_under(struct office *office, const char *sql, const struct directory_kek_over *kek, bool *some_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "uti", &kek->entity, kek->kid, (int64_t)1);

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
	enum pli_status st = row_under(office, LETTERS_UNDER, kek, &some, err);

	if (st == PLI_OK)
		st = row_under(office, DRAFTS_UNDER, kek, &some, err);
	if (st == PLI_OK && some)
		st = err_set(err, PLI_CONFLICT, "Something still lies under the key %s.", kek->kid);
	return st;
}

enum pli_status purge_key(struct office *office, const struct directory_kek_over *kek, int64_t now_us, struct err *err)
{
	struct kek_end e = { .office = office, .now_us = now_us, .kek = kek };
	enum pli_status st = nothing_under(office, kek, err);

	if (st == PLI_OK)
		st = keeper_kek_destroy(office->parts.keeper, kek->kid, err);
	if (st == PLI_OK)
		st = db_write(office->parts.db, ended_fn, &e, err);
	if (st == PLI_OK)
		log_info("retention.key", "key %s is destroyed", kek->kid);
	return st;
}

static enum pli_status kek_end(void *arg, const struct directory_kek_over *kek, struct err *err)
{
	struct kek_end e = *(const struct kek_end *)arg;
	bool needed, moved;
	bool drafts = false;
	enum pli_status st;
	unsigned rounds = 0;

	e.kek = kek;
	do {
		st = letters_move(&e, &needed, &moved, err);
		if (st == PLI_OK)
			st = drafts_move(&e, &drafts, err);
	} while (st == PLI_OK && (moved || drafts) && ++rounds < ROUNDS_MAX);
	needed |= drafts;
	if (st == PLI_OK && !needed)
		st = purge_key(e.office, kek, e.now_us, err);
	if (st != PLI_ABSENT && st != PLI_INPUT && st != PLI_CONFLICT)
		return st;
	/* Its own trouble; the others end. */
	log_warn("retention.key", "the key %s stays: %s", kek->kid, err ? err->text : pli_status_name(st));
	return PLI_OK;
}

int64_t purge_keys_month(int64_t now_us)
{
	return clock_month(now_us - GRACE_US);
}

enum pli_status purge_keys(struct office *office, int64_t now_us, struct err *err)
{
	struct kek_end e = { .office = office, .now_us = now_us };
	enum pli_status st;

	pthread_mutex_lock(&office->moving);
	st = directory_kek_over(office->parts.directory, purge_keys_month(now_us), kek_end, &e, err);
	pthread_mutex_unlock(&office->moving);
	return st;
}
