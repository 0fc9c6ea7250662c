/* See alert.h.  What is on stands in memory (alert_board.h); the table holds what was said of it, and what is still to be said. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "journal.h"
#include "keeper.h"

#include "account_mail.h"
#include "directory.h"
#include "security_admin.h"

#include "alert_own.h"
#include "office_own.h"

#define UNSAID_AT_ONCE 64	/* more than can be on: what is held keeps nobody else waiting */

static const char ROW_OPEN[] =
	"INSERT INTO alert (alert, kind, subject, detail, since, seen, entry, entry_end) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
static const char ROW_CLOSE[] = "UPDATE alert SET ended = $1, seen = $2 WHERE alert = $3 AND ended IS NULL";
static const char ROW_TOUCH[] = "UPDATE alert SET seen = $1, detail = $2 WHERE alert = $3";
static const char ROWS_ON[] = "SELECT alert, kind, subject, detail, since, seen FROM alert WHERE ended IS NULL ORDER BY since";
static const char ROWS_UNSAID[] =
	"SELECT alert, kind, subject, since, ended, told, told_end, entry, entry_end FROM alert "
	"WHERE told IS NULL OR entry IS NULL OR (ended IS NOT NULL AND (told_end IS NULL OR entry_end IS NULL)) ORDER BY since LIMIT $1";
static const char TOLD_BEFORE[] = "SELECT MAX(since) FROM alert WHERE kind = $1 AND subject = $2 AND told > 0 AND alert <> $3";
static const char TOLD_SET[] = "UPDATE alert SET told = $1 WHERE alert = $2 AND told IS NULL";
static const char TOLD_END_SET[] = "UPDATE alert SET told_end = $1 WHERE alert = $2 AND told_end IS NULL";
static const char ENTRY_SET[] = "UPDATE alert SET entry = $1 WHERE alert = $2 AND entry IS NULL";
static const char ENTRY_END_SET[] = "UPDATE alert SET entry_end = $1 WHERE alert = $2 AND entry_end IS NULL";
static const char ROWS_NEWEST[] =
	"SELECT kind, subject, detail, since, seen, ended, told, entry FROM alert ORDER BY (ended IS NOT NULL), since DESC LIMIT $1";

/* Whose entries are written by who noticed it. */
static const struct {
	const char *name;
	bool own_entry, own_entry_end;
} KINDS[ALERT_KINDS] = {
	[ALERT_PROOF] = { "proof", false, false }, [ALERT_TSA] = { "tsa", false, false }, [ALERT_WITNESS] = { "witness", true, true },
	[ALERT_UNSIGNED] = { "unsigned", false, false }, [ALERT_CLOCK] = { "clock", true, false },
};

const char *alert_kind_name(enum alert_kind kind)
{
	return KINDS[kind].name;
}

static bool kind_find(const char *name, enum alert_kind *kind_r)
{
	for (int i = 0; i < ALERT_KINDS; i++) {
		if (!str_eq(KINDS[i].name, name))
			continue;
		*kind_r = (enum alert_kind)i;
		return true;
	}
	return false;
}

/* ---- who notices something ---- */

void alert_raise(struct office *office, enum alert_kind kind, const char *subject, const char *detail)
{
	struct alerts *a = &office->alerts;
	bool taken;

	pthread_mutex_lock(&a->lock);
	taken = alert_board_raise(&a->board, kind, subject, detail, clock_now_us());
	pthread_mutex_unlock(&a->lock);
	if (!taken)
		log_error("alert.dropped", "too many alerts are on: %s %s, %s", KINDS[kind].name, subject, detail);
}

void alert_end(struct office *office, enum alert_kind kind, const char *subject)
{
	struct alerts *a = &office->alerts;

	pthread_mutex_lock(&a->lock);
	(void)alert_board_end(&a->board, kind, subject, clock_now_us());
	pthread_mutex_unlock(&a->lock);
}

void alert_keep(struct office *office, enum alert_kind kind, const char *const *subjects, unsigned count)
{
	struct alerts *a = &office->alerts;

	pthread_mutex_lock(&a->lock);
	alert_board_keep(&a->board, kind, subjects, count, clock_now_us());
	pthread_mutex_unlock(&a->lock);
}

unsigned alert_count(struct office *office, enum alert_kind kind)
{
	struct alerts *a = &office->alerts;
	unsigned count;

	pthread_mutex_lock(&a->lock);
	count = alert_board_count(&a->board, kind);
	pthread_mutex_unlock(&a->lock);
	return count;
}

/* ---- rows ---- */

struct step {
	enum alert_step step;
	struct alert_slot slot;
};

static enum pli_status step_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct step *p = arg;
	const struct alert_slot *s = &p->slot;
	const char *types = "utttiinn";

	if (p->step == ALERT_TOUCH)
		return db_run(tx->conn, NULL, err, ROW_TOUCH, "itu", s->seen_us, s->detail, &s->row);
	if (p->step == ALERT_CLOSE)
		return db_run(tx->conn, NULL, err, ROW_CLOSE, "iiu", s->ended_us, s->seen_us, &s->row);
	if (KINDS[s->kind].own_entry_end)
		types = "utttiiii";
	else if (KINDS[s->kind].own_entry)
		types = "utttiiin";
	return db_run(tx->conn, NULL, err, ROW_OPEN, types, &s->row, KINDS[s->kind].name, s->subject, s->detail, s->since_us, s->seen_us,
		      (int64_t)0, (int64_t)0);
}

static void step_log(const struct step *p)
{
	AUTO_BUF members = { 0 };
	const struct alert_slot *s = &p->slot;
	struct jsonw w;

	if (p->step == ALERT_TOUCH)
		return;
	jsonw_init(&w, &members, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "kind", KINDS[s->kind].name);
	jsonw_str(&w, "subject", *s->subject ? s->subject : NULL);
	jsonw_object_end(&w);
	members.p[members.n - 1] = '\0';	/* members alone: no braces */
	if (p->step == ALERT_OPEN)
		log_members(LOG_ERROR_LEVEL, "alert.raised", members.p + 1, "%s", s->detail);
	else
		log_members(LOG_WARN_LEVEL, "alert.ended", members.p + 1, "it lasted %" PRId64 " s", (s->ended_us - s->since_us) / SECOND_US);
}

/* What the board knows and the table does not. */
static void rows_settle(struct office *office)
{
	struct alerts *a = &office->alerts;
	struct step p;
	struct err err;

	for (;;) {
		pthread_mutex_lock(&a->lock);
		p.step = alert_board_next(&a->board, &p.slot);
		pthread_mutex_unlock(&a->lock);
		if (p.step == ALERT_NOTHING)
			return;
		if (p.step == ALERT_OPEN)
			uuid_make(&p.slot.row);
		if (db_write(office->parts.db, step_fn, &p, &err) != PLI_OK) {
			log_warn("alert.row", "%s", err.text);
			return;		/* again in a moment */
		}
		step_log(&p);
		pthread_mutex_lock(&a->lock);
		alert_board_done(&a->board, p.step, &p.slot);
		a->unsaid = a->unsaid || p.step != ALERT_TOUCH;
		pthread_mutex_unlock(&a->lock);
	}
}

/* ---- what is still to be said ---- */

struct unsaid {
	struct uuid row;
	enum alert_kind kind;
	char subject[ALERT_SUBJECT_MAX + 1];
	int64_t since_us, ended_us;		/* ended: 0 while it is on */
	bool told, told_end, entry, entry_end;
	bool quiet;				/* nobody was told of its beginning */
};

static enum pli_status unsaid_read(struct office *office, struct unsaid *list, unsigned *count_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ROWS_UNSAID, "i", (int64_t)UNSAID_AT_ONCE);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct unsaid *u = &list[*count_r];

		*u = (struct unsaid){ .since_us = db_int(&rows, 3), .ended_us = db_is_null(&rows, 4) ? 0 : db_int(&rows, 4),
				      .told = !db_is_null(&rows, 5), .told_end = !db_is_null(&rows, 6), .entry = !db_is_null(&rows, 7),
				      .entry_end = !db_is_null(&rows, 8), .quiet = !db_is_null(&rows, 5) && db_int(&rows, 5) == 0 };
		if (!db_uuid(&rows, 0, &u->row) || !kind_find(db_text(&rows, 1), &u->kind))
			continue;
		snprintf(u->subject, sizeof(u->subject), "%s", db_text(&rows, 2));
		(*count_r)++;
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

struct telling {
	struct office *office;
	struct pool *pool;
	const struct unsaid *what;
	bool end;
	struct account_mail *mails;
	unsigned count;
};

/* One that comes and goes was told not long ago: until when there is no other mail about it; 0: there may be.  What the clock has not seen
 * yet holds nothing. */
static enum pli_status held_until(struct office *office, const struct unsaid *u, int64_t *until_us_r, struct err *err)
{
	int64_t now_us = clock_now_us(), hold_us = (int64_t)office->parts.settings->alerts_again_s * SECOND_US, before_us = 0;
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, TOLD_BEFORE, "ttu", KINDS[u->kind].name, u->subject, &u->row);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		before_us = db_is_null(&rows, 0) ? 0 : db_int(&rows, 0);
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	*until_us_r = before_us && before_us <= now_us && now_us < before_us + hold_us ? before_us + hold_us : 0;
	return st;
}

static enum pli_status mail_one(void *arg, const struct directory_account *account, struct err *err)
{
	struct telling *t = arg;
	const struct unsaid *u = t->what;

	if (t->count == ALERT_MAILS_MAX)
		return PLI_OK;
	return account_mail_make(t->office->parts.directory, t->pool, account, t->end ? ALERT_MAIL_OVER : ALERT_MAIL,
				 pool_fmt(t->pool, "%s %s", KINDS[u->kind].name, u->subject), NULL, t->end ? u->ended_us : u->since_us,
				 &t->mails[t->count++], err);
}

static enum pli_status tell_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct telling *t = arg;
	int64_t changed = 0;
	enum pli_status st = t->end ? db_run(tx->conn, &changed, err, TOLD_END_SET, "iu", (int64_t)t->count, &t->what->row)
				    : db_run(tx->conn, &changed, err, TOLD_SET, "iu", (int64_t)t->count, &t->what->row);

	for (unsigned i = 0; st == PLI_OK && changed && i < t->count; i++)
		st = account_mail_put(tx->conn, &t->mails[i], err);
	return st;
}

/* One mail to each, in the transaction that notes it; quiet: to nobody. */
static enum pli_status tell(struct office *office, const struct unsaid *u, bool end, bool quiet, struct err *err)
{
	AUTO_POOL pool = pool_new_secret();
	struct telling t = { .office = office, .pool = pool, .what = u, .end = end,
			     .mails = POOL_ARRAY(pool, struct account_mail, ALERT_MAILS_MAX) };
	enum pli_status st = quiet ? PLI_OK : security_admin_each(office->parts.directory, mail_one, &t, err);

	if (st == PLI_OK && !quiet && !t.count)
		log_error("alert.nobody", "no administrator gets mails about alerts; somebody should say yes under Settings");
	if (st == PLI_OK)
		st = db_write(office->parts.db, tell_fn, &t, err);
	if (st == PLI_OK)
		atomic_store(&office->alerts.mails, true);
	if (st == PLI_OK && t.count)
		office_notices_due(office);
	return st;
}

struct entering {
	struct office *office;
	const struct unsaid *what;
	bool end;
};

static enum pli_status entry_numbered(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	const struct entering *e = arg;

	(void)t_us;
	return e->end ? db_run(tx->conn, NULL, err, ENTRY_END_SET, "iu", (int64_t)seq + 1, &e->what->row)
		      : db_run(tx->conn, NULL, err, ENTRY_SET, "iu", (int64_t)seq + 1, &e->what->row);
}

static enum pli_status entry_fn(struct db_tx *tx, void *arg, struct err *err)
{
	static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };
	struct entering *e = arg;
	AUTO_BUF d = { 0 };
	char at[25];
	struct jsonw w;

	jsonw_init(&w, &d, true);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "at", clock_rfc3339(at, e->end ? e->what->ended_us : e->what->since_us));
	jsonw_str(&w, "kind", KINDS[e->what->kind].name);
	if (*e->what->subject)
		jsonw_str(&w, "subject", e->what->subject);
	jsonw_object_end(&w);
	return journal_add(e->office->parts.journal, tx,
			   &(struct journal_event){ .ev = e->end ? "alert.ended" : "alert.raised", .actor = &SYSTEM,
						    .d_json = pool_str(tx->pool, d.p), .numbered = entry_numbered, .arg = e },
			   err);
}

/* An entry that no head covers in time is written all the same: PLI_UNCERTAIN is as good as done. */
static enum pli_status enter(struct office *office, const struct unsaid *u, bool end, struct err *err)
{
	struct entering e = { office, u, end };
	enum pli_status st = db_write(office->parts.db, entry_fn, &e, err);

	return st == PLI_UNCERTAIN ? PLI_OK : st;
}

/* The mails about one.  While they are held nothing is said of its beginning; if it ends meanwhile, nothing of either, for the newest mail says
 * that it is over.  held_us: until when the first is held, 0: none is. */
static enum pli_status mails_say(struct office *office, const struct unsaid *u, int64_t *held_us, struct err *err)
{
	int64_t until_us = 0;
	enum pli_status st = u->told ? PLI_OK : held_until(office, u, &until_us, err);

	if (st == PLI_OK && until_us && !u->ended_us) {
		*held_us = *held_us && *held_us < until_us ? *held_us : until_us;
		return PLI_OK;
	}
	if (st == PLI_OK && !u->told)
		st = tell(office, u, false, until_us, err);
	if (st == PLI_OK && u->ended_us && !u->told_end)
		st = tell(office, u, true, until_us || u->quiet, err);
	return st;
}

/* Mails before entries: they wait for nobody. */
static bool unsaid_say(struct office *office, const struct unsaid *list, unsigned count, int64_t *held_us)
{
	struct err err = { 0 };
	bool all = true;

	for (unsigned i = 0; i < count; i++)
		if (mails_say(office, &list[i], held_us, &err) != PLI_OK)
			all = false;
	for (unsigned i = 0; i < count; i++) {
		const struct unsaid *u = &list[i];

		if (!u->entry && enter(office, u, false, &err) != PLI_OK)
			all = false;
		else if (u->ended_us && !u->entry_end && enter(office, u, true, &err) != PLI_OK)
			all = false;
	}
	if (!all)
		log_debug("alert.unsaid", "%s", err.text);
	return all;
}

static void rows_say(struct office *office)
{
	struct alerts *a = &office->alerts;
	struct unsaid list[UNSAID_AT_ONCE];
	unsigned count = 0;
	int64_t held_us = 0;
	struct err err;
	bool due, all;

	pthread_mutex_lock(&a->lock);
	due = a->unsaid || (a->held_us && clock_now_us() >= a->held_us);
	a->unsaid = false;
	pthread_mutex_unlock(&a->lock);
	if (!due)
		return;
	all = unsaid_read(office, list, &count, &err) == PLI_OK && unsaid_say(office, list, count, &held_us) && count < UNSAID_AT_ONCE;
	a->held_us = held_us;
	pthread_mutex_lock(&a->lock);
	a->unsaid = a->unsaid || !all;
	pthread_mutex_unlock(&a->lock);
}

/* ---- what nobody else notices ---- */

/* The first entry without a head, or the first moment at which none could be made, has its time. */
static void unsigned_look(struct office *office)
{
	struct alerts *a = &office->alerts;
	uint64_t signed_now = journal_signed(office->parts.journal), size = journal_size(office->parts.journal);
	int64_t now_us = clock_mono_us();
	struct err why = { 0 };
	bool able = journal_healthy(office->parts.journal, &why) == PLI_OK;

	if (able && !keeper_linked(office->parts.keeper)) {
		able = false;
		err_set(&why, PLI_BUSY, "the keeper gives no sign of life");
	}

	if (size <= signed_now && able) {
		a->stuck_us = 0;
		alert_end(office, ALERT_UNSIGNED, "");
		return;
	}
	if (!a->stuck_us || a->stuck_at != signed_now)
		a->stuck_us = now_us;
	a->stuck_at = signed_now;
	if (now_us - a->stuck_us < (int64_t)office->parts.settings->alerts_unsigned_s * SECOND_US)
		return;
	if (able)
		alert_raise(office, ALERT_UNSIGNED, "", "entries of the journal wait for a signed head");
	else
		alert_raise(office, ALERT_UNSIGNED, "", why.text);
}

static void clock_look(struct office *office)
{
	bool waits;
	int64_t off_us = deadline_off_us(office, &waits);

	if (off_us) {
		char detail[160];

		snprintf(detail, sizeof(detail), waits ? "since the machine was started its clock is %" PRId64 " s from the time that was known; "
							 "nothing ends by it before it is confirmed" :
							 "the machine's clock was set by %" PRId64 " s", off_us / SECOND_US);
		alert_raise(office, ALERT_CLOCK, "", detail);
	} else {
		alert_end(office, ALERT_CLOCK, "");
	}
}

void alert_round(struct office *office)
{
	unsigned_look(office);
	clock_look(office);
	rows_settle(office);
	rows_say(office);
}

void alert_flush(struct office *office)
{
	rows_settle(office);
}

/* ---- from before, and to be shown ---- */

enum pli_status alert_load(struct office *office, struct err *err)
{
	struct alerts *a = &office->alerts;
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ROWS_ON, "");

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct alert_slot s = { .since_us = db_int(&rows, 4), .seen_us = db_int(&rows, 5) };

		if (!db_uuid(&rows, 0, &s.row) || !kind_find(db_text(&rows, 1), &s.kind))
			continue;
		snprintf(s.subject, sizeof(s.subject), "%s", db_text(&rows, 2));
		snprintf(s.detail, sizeof(s.detail), "%s", db_text(&rows, 3));
		alert_board_restore(&a->board, &s);
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	a->unsaid = true;
	atomic_store(&a->mails, true);
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status alert_list(struct office *office, struct pool *pool, unsigned limit, struct alert **alerts_r, unsigned *count_r,
			   struct err *err)
{
	struct alert *list = POOL_ARRAY(pool, struct alert, limit);
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ROWS_NEWEST, "i", (int64_t)limit);

	*count_r = 0;
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct alert *a = &list[*count_r];

		*a = (struct alert){ .subject = pool_str(pool, db_text(&rows, 1)), .detail = pool_str(pool, db_text(&rows, 2)),
				     .since_us = db_int(&rows, 3), .seen_us = db_int(&rows, 4),
				     .ended_us = db_is_null(&rows, 5) ? 0 : db_int(&rows, 5),
				     .told = db_is_null(&rows, 6) ? -1 : db_int(&rows, 6),
				     .entry = db_is_null(&rows, 7) ? -1 : db_int(&rows, 7) };
		*count_r += kind_find(db_text(&rows, 0), &a->kind);
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	*alerts_r = list;
	return st == PLI_ABSENT ? PLI_OK : st;
}
