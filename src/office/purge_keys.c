/* The end of a month's KEK.  Letters whose content goes in a month lie under that month's KEK; when the month is over and their content has
 * gone, the keeper destroys it, and with it every copy of their keys, wherever backups may lie.  Letters that outlive it (held), and drafts,
 * are wrapped under a later month's first: key by key, content untouched. */
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pool.h"

#include "db.h"

#include "directory.h"

#include "draft_own.h"
#include "kek_end.h"
#include "letter_own.h"
#include "office_own.h"
#include "retention_own.h"
#include "rewrap.h"

#define AT_ONCE REWRAP_LETTERS_MAX
#define ROUNDS_MAX 64		/* of AT_ONCE letters; more next time */
#define GRACE_US DAY_US		/* after the month's end, for what was under way */

static const char LETTERS_UNDER[] = "SELECT letter, held FROM letter WHERE entity = $1 AND letter IN "
				    "(SELECT letter FROM letter WHERE entity = $1 AND kid = $2 LIMIT $3)";	/* by their index */
static const char DRAFTS_UNDER[] = "SELECT draft FROM draft WHERE entity = $1 AND kid = $2 LIMIT $3";

/* ---- one KEK ---- */

struct purge_keys {
	struct office *office;
	int64_t now_us;
	const struct directory_kek_over *kek;
};

/* All or none of these, which lie under it, to the KEK of that month. */
static enum pli_status move(struct purge_keys *e, const struct uuid *letters, unsigned count, bool drafts, int64_t month, struct err *err)
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
static enum pli_status drafts_move(struct purge_keys *e, bool *some_r, struct err *err)
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
static enum pli_status letters_move(struct purge_keys *e, bool *needed_r, bool *moved_r, struct err *err)
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

static enum pli_status one_end(void *arg, const struct directory_kek_over *kek, struct err *err)
{
	struct purge_keys e = *(const struct purge_keys *)arg;
	struct directory_kek_over ends = *kek;
	int64_t due_us;
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
		st = kek_end(e.office, &ends, false, e.now_us, &due_us, err);
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
	struct purge_keys e = { .office = office, .now_us = now_us };
	enum pli_status st;

	pthread_mutex_lock(&office->moving);
	st = directory_kek_over(office->parts.directory, purge_keys_month(now_us), one_end, &e, err);
	pthread_mutex_unlock(&office->moving);
	return st;
}
