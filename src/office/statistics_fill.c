/* Keeping the figures: readings as they happen, and counting again what the counters do not hold, because it is older than they are
 * or because the instance's zone, and with it every day, has changed.
 *
 * Row `counter` of the instance: "NEXT END ZONE": the counters hold the entries before NEXT and those from END on, which are counted as
 * they are written.  A new count begins by emptying the counters and setting NEXT to 0 and END to the journal's size, in one
 * transaction: what is written after it is counted by its own. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "event.h"
#include "journal_count.h"

#include "office_own.h"

#include "statistics.h"

#define AT_ONCE 2000

static const char STATE_GET[] = "SELECT v FROM instance WHERE k = 'counter'";
static const char STATE_SET[] = "INSERT INTO instance (k, v) VALUES ('counter', $1) ON CONFLICT (k) DO UPDATE SET v = excluded.v";
static const char COUNTERS_DROP[] = "DELETE FROM counter";
static const char READINGS_DROP[] = "DELETE FROM reading";
static const char SIZE_GET[] = "SELECT COALESCE(MAX(seq) + 1, 0) FROM journal";
static const char READING_ADD[] =
	"INSERT INTO reading (entity, day, seconds, recipient, account, hidden) VALUES ($1, $2, $3, $4, $5, $6) "
	"ON CONFLICT (entity, day, seconds, recipient) DO NOTHING";
static const char FIRST_SENT[] = "SELECT first_sent FROM recipient WHERE entity = $1 AND letter = $2 AND n = $3";
static const char OLD_ENTRIES[] =
	"SELECT j.seq, j.t, j.event, j.entity, j.recipient, COALESCE(l.account, CASE WHEN j.event LIKE 'draft.%' THEN j.account END), r.kind, r.first_sent, "
	"CASE WHEN j.event = 'deposit.accepted' THEN l.message_size + (SELECT COALESCE(SUM(p.size), 0) FROM part p "
	"WHERE p.entity = j.entity AND p.letter = j.letter) ELSE 0 END "
	"FROM journal j LEFT JOIN letter l ON l.entity = j.entity AND l.letter = j.letter "
	"LEFT JOIN recipient r ON r.entity = j.entity AND r.letter = j.letter AND r.recipient = j.recipient "
	"WHERE j.seq >= $1 AND j.seq < $2 ORDER BY j.seq";

/* ---- readings ---- */

static enum pli_status reading_insert(struct office *office, struct db_conn *conn, const struct statistics_reading *r, int64_t first_sent_us,
				      struct err *err)
{
	/* Opened before its notice was known to be handed over: counts on its own day. */
	int64_t from_us = first_sent_us && first_sent_us < r->read_us ? first_sent_us : r->read_us;

	return db_run(conn, NULL, err, READING_ADD, "uiiuui", r->entity, clock_local_day(from_us, office->parts.settings->timezone),
		      (r->read_us - from_us) / SECOND_US, r->recipient, r->account, (int64_t)r->hidden);
}

enum pli_status statistics_reading_add(struct office *office, struct db_tx *tx, const struct statistics_reading *reading, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(tx->conn, &rows, err, FIRST_SENT, "uui", reading->entity, reading->letter, (int64_t)reading->n);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	return st == PLI_OK ? reading_insert(office, tx->conn, reading, db_int(&rows, 0), err) : st;
}

/* ---- counting again ---- */

struct recount {
	struct office *office;
	uint64_t next, end;		/* as stored */
	bool begun;			/* for the zone in force */
};

static enum pli_status state_read(struct recount *r, struct db_conn *conn, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	char text[128], zone[65] = "";
	const void *p;
	size_t n;
	enum pli_status st = db_query(conn, &rows, err, STATE_GET, "");

	if (st == PLI_OK)
		st = db_next(&rows, err);
	r->begun = false;
	if (st != PLI_OK)
		return st == PLI_ABSENT ? PLI_OK : st;
	p = db_blob(&rows, 0, &n);
	snprintf(text, sizeof(text), "%.*s", (int)n, (const char *)p);
	r->begun = sscanf(text, "%" SCNu64 " %" SCNu64 " %64s", &r->next, &r->end, zone) == 3 &&
		   str_eq(zone, r->office->parts.settings->timezone);
	return PLI_OK;
}

static enum pli_status state_write(const struct recount *r, struct db_tx *tx, uint64_t next, uint64_t end, struct err *err)
{
	const char *text = pool_fmt(tx->pool, "%" PRIu64 " %" PRIu64 " %s", next, end, r->office->parts.settings->timezone);

	return db_run(tx->conn, NULL, err, STATE_SET, "b", text, strlen(text));
}

static enum pli_status begin(struct recount *r, struct db_tx *tx, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_run(tx->conn, NULL, err, COUNTERS_DROP, "");

	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, READINGS_DROP, "");
	if (st == PLI_OK)
		st = db_query(tx->conn, &rows, err, SIZE_GET, "");
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st;
	r->next = 0;
	r->end = (uint64_t)db_int(&rows, 0);
	db_end(&rows);
	return state_write(r, tx, r->next, r->end, err);
}

/* One row of OLD_ENTRIES: what it adds to the counters, and its reading. */
static enum pli_status entry_count(struct recount *r, struct db_tx *tx, struct db_rows *rows, struct journal_count *c, struct err *err)
{
	const struct event *event = event_find(db_text(rows, 2));
	struct statistics_reading reading = { .entity = &c->entity, .account = &c->owner };
	struct uuid recipient;

	*c = (struct journal_count){ .event = event ? event->name : NULL, .bytes = (uint64_t)db_int(rows, 8) };
	c->counted = event && db_uuid(rows, 3, &c->entity);
	if (!db_uuid(rows, 5, &c->owner))
		c->owner = (struct uuid){ { 0 } };
	c->hidden = str_eq(db_text(rows, 6), "bcc");
	if (!c->counted || !str_eq(event->name, "handover") || !db_uuid(rows, 4, &recipient))
		return PLI_OK;
	reading.recipient = &recipient;
	reading.hidden = c->hidden;
	reading.read_us = db_int(rows, 1);
	return reading_insert(r->office, tx->conn, &reading, db_int(rows, 7), err);
}

static enum pli_status some_count(struct recount *r, struct db_tx *tx, struct err *err)
{
	uint64_t to = r->end - r->next < AT_ONCE ? r->end : r->next + AT_ONCE;
	struct journal_count *counts = POOL_ARRAY(tx->pool, struct journal_count, AT_ONCE);
	const char *zone = r->office->parts.settings->timezone;
	AUTO_ROWS rows = { 0 };
	size_t count = 0;
	int64_t day = 0;
	enum pli_status st = db_query(tx->conn, &rows, err, OLD_ENTRIES, "ii", (int64_t)r->next, (int64_t)to);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		int64_t its_day = clock_local_day(db_int(&rows, 1), zone);

		if (count && its_day != day) {		/* times never go back */
			st = journal_count_add(tx->conn, tx->pool, counts, count, day, err);
			count = 0;
		}
		day = its_day;
		if (st == PLI_OK)
			st = entry_count(r, tx, &rows, &counts[count++], err);
	}
	if (st == PLI_ABSENT)
		st = count ? journal_count_add(tx->conn, tx->pool, counts, count, day, err) : PLI_OK;
	db_end(&rows);
	return st == PLI_OK ? state_write(r, tx, to, r->end, err) : st;
}

/* On the writer thread: who else counts has to wait, so that nothing is counted twice. */
static enum pli_status fill_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct recount *r = arg;
	enum pli_status st = state_read(r, tx->conn, err);

	if (st == PLI_OK && !r->begun)
		return begin(r, tx, err);
	return st == PLI_OK && r->next < r->end ? some_count(r, tx, err) : st;
}

enum pli_status statistics_fill(struct office *office, bool *done_r, struct err *err)
{
	struct recount r = { .office = office };
	struct db_conn *conn = db_reader_take(office->parts.db);
	enum pli_status st = state_read(&r, conn, err);

	db_reader_give(office->parts.db, conn);
	*done_r = st == PLI_OK && r.begun && r.next >= r.end;
	return st == PLI_OK && !*done_r ? db_write(office->parts.db, fill_fn, &r, err) : st;
}
