/* What time brings about for registered letters: windows end, reminders fall due, and a clock that has jumped is written down. */
#include <inttypes.h>
#include <string.h>

#include "actor.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "directory.h"

#include "deadline.h"
#include "decision.h"
#include "letter_own.h"
#include "office_own.h"

#define AT_ONCE 100
/* Acts that began in time are still on their way through the queue. */
#define GRACE_US (10 * SECOND_US)

static const char ENDED_GET[] =
	"SELECT entity, letter, n FROM recipient WHERE window_end IS NOT NULL AND decision IS NULL AND window_end <= $1 "
	"ORDER BY window_end LIMIT $2";
static const char REMIND_GET[] = "SELECT entity, letter, n FROM recipient WHERE remind IS NOT NULL AND remind <= $1 ORDER BY remind LIMIT $2";
static const char REMIND_SET[] = "UPDATE recipient SET remind = $1 WHERE entity = $2 AND letter = $3 AND n = $4";
static const char REMIND_END[] = "UPDATE recipient SET remind = NULL WHERE entity = $1 AND letter = $2 AND n = $3";
static const char NOTICE_ADD[] =
	"INSERT INTO notice (entity, notice, letter, n, kind, send, created, due, tries, gate) "
	"SELECT $1, $2, $3, $4, 'reminder', COALESCE(MAX(send), 0) + 1, $5, $5, 0, $6 FROM notice "
	"WHERE entity = $1 AND letter = $3 AND n = $4";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

struct place {
	struct uuid entity, letter;
	unsigned n;
};
struct sweep {
	struct office *office;
	int64_t now_us;
	struct place places[AT_ONCE];
	unsigned count, done;
};

static enum pli_status places_get(struct sweep *s, const char *sql, int64_t until_us, struct err *err)
{
	struct db_conn *conn = db_reader_take(s->office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "ii", until_us, (int64_t)AT_ONCE);

	s->count = s->done = 0;
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct place *p = &s->places[s->count];
		const uint8_t *key;

		if (!db_uuid(&rows, 0, &p->entity) || !db_uuid(&rows, 1, &p->letter))
			st = err_set(err, PLI_IO, "A recipient's row is damaged.");
		p->n = (unsigned)db_int(&rows, 2);
		/* Into the cache: a write function must not wait for the keeper.  An entity whose key is gone waits alone. */
		if (st == PLI_OK && directory_meta_key(s->office->parts.directory, &p->entity, &key, err) == PLI_OK)
			s->count++;
	}
	db_end(&rows);
	db_reader_give(s->office->parts.db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static const struct letter_recipient *recipient_of(const struct letter *l, unsigned n)
{
	for (unsigned i = 0; i < l->recipient_count; i++)
		if (l->recipients[i].n == n)
			return &l->recipients[i];
	return NULL;
}

static enum pli_status ended_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct sweep *s = arg;
	enum pli_status st = PLI_OK;

	s->done = 0;
	for (unsigned i = 0; st == PLI_OK && i < s->count; i++) {
		const struct place *p = &s->places[i];
		struct decision d = { .office = s->office, .actor = &SYSTEM };
		struct letter *l;
		bool now = false;

		st = letter_load(s->office, tx->conn, tx->pool, &p->entity, &p->letter, &l, NULL, err);
		if (st != PLI_OK)
			return st;
		d.letter = l;
		d.who = recipient_of(l, p->n);
		if (!d.who || !d.who->window_us)
			return err_set(err, PLI_IO, "A recipient's row is damaged.");
		d.at_us = d.who->window_us;
		st = decision_unclaimed(tx, &d, &now, err);
		s->done += now;
	}
	return st;
}

/* The next reminder after this one is planned with it. */
static enum pli_status remind_one(struct db_tx *tx, const struct sweep *s, const struct place *p, struct err *err)
{
	const struct settings *settings = s->office->parts.settings;
	const struct letter_recipient *r;
	struct letter *l;
	struct uuid notice;
	int64_t next_us;
	enum pli_status st = letter_load(s->office, tx->conn, tx->pool, &p->entity, &p->letter, &l, NULL, err);

	if (st != PLI_OK)
		return st;
	r = recipient_of(l, p->n);
	if (!r)
		return err_set(err, PLI_IO, "A recipient's row is damaged.");
	next_us = deadline_reminder_us(settings->registered_reminders, r->first_sent_us, s->now_us, r->window_us, settings->timezone);
	st = next_us ? db_run(tx->conn, NULL, err, REMIND_SET, "iuui", next_us, &p->entity, &p->letter, (int64_t)p->n) :
		       db_run(tx->conn, NULL, err, REMIND_END, "uui", &p->entity, &p->letter, (int64_t)p->n);
	if (st != PLI_OK || r->decision || s->now_us >= r->window_us || !str_eq(r->state, "sent"))
		return st;
	uuid_make(&notice);
	return db_run(tx->conn, NULL, err, NOTICE_ADD, "uuuiii", &p->entity, &notice, &p->letter, (int64_t)p->n, clock_now_us(),
		      (int64_t)l->number);
}

static enum pli_status remind_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct sweep *s = arg;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < s->count; i++)
		st = remind_one(tx, s, &s->places[i], err);
	return st;
}

/* One that is damaged keeps nobody else waiting. */
static enum pli_status apart(struct sweep *s, db_write_fn *fn, struct err *err)
{
	struct sweep *one = mem_alloc(sizeof(*one));
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; i < s->count && st != PLI_FULL && st != PLI_BUSY && st != PLI_UNCERTAIN; i++) {
		*one = (struct sweep){ .office = s->office, .now_us = s->now_us, .count = 1, .places = { s->places[i] } };
		st = db_write(s->office->parts.db, fn, one, err);
		if (st == PLI_OK)
			s->done++;
		else
			log_error("deadline.one", "a registered letter cannot be followed up: %s", pli_status_name(st));
	}
	mem_free(one);
	return st == PLI_IO ? PLI_OK : st;
}

static enum pli_status rounds(struct sweep *s, const char *sql, int64_t until_us, db_write_fn *fn, struct err *err)
{
	enum pli_status st;

	do {
		unsigned again;

		st = places_get(s, sql, until_us, err);
		if (st != PLI_OK || !s->count)
			return st;
		again = s->count == AT_ONCE;
		st = db_write(s->office->parts.db, fn, s, err);
		if (st == PLI_IO) {
			s->done = 0;
			st = apart(s, fn, err);
			again = again && s->done > 0;
		}
		if (!again)
			return st;
	} while (st == PLI_OK);
	return st;
}

/* ---- a clock that has jumped ---- */

static enum pli_status jump_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct sweep *s = arg;

	return journal_add(s->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "clock.jumped", .actor = &SYSTEM,
						    .d_json = pool_fmt(tx->pool, "{\"by_s\":%" PRId64 "}", s->now_us / SECOND_US) },
			   err);
}

static enum pli_status jump_tell(struct office *office, struct err *err)
{
	struct sweep s = { .office = office };
	bool tell, waits;
	enum pli_status st;

	pthread_mutex_lock(&office->lock);
	tell = office->clock.off_us && !office->clock.told;
	s.now_us = office->clock.off_us;
	waits = deadline_clock_waits(&office->clock);
	pthread_mutex_unlock(&office->lock);
	if (!tell)
		return PLI_OK;
	log_error("clock.jumped", "the machine's clock was set by %" PRId64 " s: windows of registered letters go by the steady clock until it "
				  "agrees again, %s", s.now_us / SECOND_US, waits ? "or is confirmed (pli clock confirm)" : "or has stood so for a day");
	st = db_write(office->parts.db, jump_fn, &s, err);
	pthread_mutex_lock(&office->lock);
	office->clock.told = office->clock.told || st == PLI_OK || st == PLI_UNCERTAIN;	/* written, if not signed yet */
	pthread_mutex_unlock(&office->lock);
	return st;
}

enum pli_status deadline_sweep(struct office *office, struct err *err)
{
	struct sweep *s = mem_alloc(sizeof(*s));
	enum pli_status st;

	*s = (struct sweep){ .office = office, .now_us = deadline_now_us(office) };
	st = jump_tell(office, err);
	deadline_keep(office, false);
	if (st == PLI_OK)
		st = rounds(s, ENDED_GET, s->now_us - GRACE_US, ended_fn, err);
	if (st == PLI_OK)
		st = rounds(s, REMIND_GET, s->now_us, remind_fn, err);
	mem_free(s);
	return st;
}
