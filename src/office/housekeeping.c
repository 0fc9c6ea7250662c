/* What time alone brings about: visits of closed hours become entries, letters expire, what nobody needs is swept. */
#include <string.h>

#include "actor.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "db.h"
#include "object.h"

#include "journal.h"

#include "directory.h"
#include "guess.h"
#include "session.h"
#include "signin.h"
#include "signin_link.h"

#include "deadline.h"
#include "draft_own.h"
#include "key_memory.h"
#include "letter_own.h"
#include "office_own.h"
#include "signature_note.h"
#include "search.h"
#include "statistics.h"

#define HOUR_US (3600 * SECOND_US)
#define ORPHAN_GRACE_US HOUR_US
#define IDEMPOTENCY_US (30 * DAY_US)
#define AT_ONCE 100

static const char VISITS_GET[] =
	"SELECT v.entity, v.letter, v.n, v.hour, v.visits, r.recipient, r.kind, l.account, v.machines FROM visit v "
	"JOIN recipient r ON r.entity = v.entity AND r.letter = v.letter AND r.n = v.n "
	"JOIN letter l ON l.entity = v.entity AND l.letter = v.letter WHERE v.hour < $1 ORDER BY v.hour LIMIT $2";
static const char VISIT_DELETE[] = "DELETE FROM visit WHERE entity = $1 AND letter = $2 AND n = $3 AND hour = $4";
static const char EXPIRED_GET[] =
	"SELECT entity, letter FROM letter l WHERE expires < $1 AND state IN ('created', 'sent', 'failed', 'partly_received') "
	"AND EXISTS (SELECT 1 FROM recipient r WHERE r.entity = l.entity AND r.letter = l.letter "
	"AND r.state IN ('pending', 'sent', 'delivered')) LIMIT $2";
static const char EXPIRED_SET[] = "UPDATE letter SET state = $1 WHERE entity = $2 AND letter = $3 AND state = $4";
static const char UNREAD_SET[] =
	"UPDATE recipient SET state = 'not_received' WHERE entity = $1 AND letter = $2 AND state IN ('pending', 'sent', 'delivered')";
static const char NOTICES_END[] = "UPDATE notice SET due = NULL, lease = NULL WHERE entity = $1 AND letter = $2 AND due IS NOT NULL";
static const char SESSIONS_SWEEP[] = "DELETE FROM reading_session WHERE expires < $1";
static const char FILES_SWEEP[] =
	"DELETE FROM reading_file WHERE session_hash NOT IN (SELECT session_hash FROM reading_session)";
static const char IDEMPOTENCY_SWEEP[] = "DELETE FROM idempotency WHERE created < $1";
static const char UPLOADS_SWEEP[] = "DELETE FROM upload WHERE expires < $1";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

struct visit {
	struct uuid entity, letter, recipient, owner;
	bool hidden;
	unsigned n;
	int64_t hour, visits, machines;
};

struct round {
	struct office *office;
	int64_t now_us;
	struct visit visits[AT_ONCE];
	struct uuid entities[AT_ONCE], letters[AT_ONCE];
	unsigned count;
};

static enum pli_status visits_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct round *r = arg;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < r->count; i++) {
		const struct visit *v = &r->visits[i];
		char hour[25];

		st = db_run(tx->conn, NULL, err, VISIT_DELETE, "uuii", &v->entity, &v->letter, (int64_t)v->n, v->hour);
		if (st != PLI_OK)
			break;
		clock_rfc3339(hour, v->hour * HOUR_US);
		st = journal_add(r->office->parts.journal, tx,
				 &(struct journal_event){ .ev = "notice.opened", .actor = &SYSTEM, .entity = &v->entity,
							  .letter = &v->letter, .recipient = &v->recipient,
							  .owner = &v->owner, .hidden = v->hidden,
							  .d_json = pool_fmt(tx->pool, "{\"hour\":\"%s\",\"machines\":%lld,\"visits\":%lld}", hour,
									     (long long)v->machines, (long long)v->visits) },
				 err);
	}
	return st;
}

static enum pli_status visits_query(struct round *r, struct db_conn *conn, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, VISITS_GET, "ii", r->now_us / HOUR_US, (int64_t)AT_ONCE);

	r->count = 0;
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct visit *v = &r->visits[r->count++];

		if (!db_uuid(&rows, 0, &v->entity) || !db_uuid(&rows, 1, &v->letter) || !db_uuid(&rows, 5, &v->recipient) ||
		    !db_uuid(&rows, 7, &v->owner))
			return err_set(err, PLI_IO, "A visit's row is damaged.");
		v->n = (unsigned)db_int(&rows, 2);
		v->hour = db_int(&rows, 3);
		v->visits = db_int(&rows, 4);
		v->machines = db_int(&rows, 8);
		v->hidden = str_eq(db_text(&rows, 6), "bcc");
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* State `expired` if nobody has read, else the state stays; who has not read has not received. */
static enum pli_status letter_expire(struct round *r, struct db_tx *tx, const struct uuid *entity, const struct uuid *id, struct err *err)
{
	struct letter *l;
	const uint8_t *key;
	const char *state;
	bool read = false;
	enum pli_status st = letter_load(r->office, tx->conn, tx->pool, entity, id, &l, NULL, err);

	if (st == PLI_OK)
		st = directory_meta_key(r->office->parts.directory, entity, &key, err);
	if (st != PLI_OK)
		return st;
	for (unsigned i = 0; i < l->recipient_count; i++)
		read |= str_eq(l->recipients[i].state, "opened");
	state = read ? "not_received" : "expired";	/* of the entry */
	st = db_run(tx->conn, NULL, err, UNREAD_SET, "uu", entity, id);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, NOTICES_END, "uu", entity, id);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, EXPIRED_SET, "tuut", read ? l->state : state, entity, id, l->state);
	if (st != PLI_OK)
		return st;
	return journal_add(r->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "doc.expired", .actor = &SYSTEM, .entity = entity, .letter = id, .state = state,
						    .owner = &l->account, .shown_json = letter_shown(tx->pool, l, NULL), .meta_key = key,
						    .d_json = pool_fmt(tx->pool, "{\"state\":\"%s\"}", state) },
			   err);
}

static enum pli_status expire_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct round *r = arg;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < r->count; i++)
		st = letter_expire(r, tx, &r->entities[i], &r->letters[i], err);
	return st;
}

static enum pli_status expired_query(struct round *r, struct db_conn *conn, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	const uint8_t *key;
	enum pli_status st = db_query(conn, &rows, err, EXPIRED_GET, "ii", r->now_us, (int64_t)AT_ONCE);

	r->count = 0;
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		if (!db_uuid(&rows, 0, &r->entities[r->count]) || !db_uuid(&rows, 1, &r->letters[r->count]))
			return err_set(err, PLI_IO, "A letter's row is damaged.");
		key_memory_forget(r->office->key_memory, &r->letters[r->count]);	/* it opens for nobody any more */
		/* Into the cache: the write function must not wait for the keeper.  An entity whose key is gone waits alone. */
		st = directory_meta_key(r->office->parts.directory, &r->entities[r->count], &key, err);
		if (st == PLI_OK) {
			r->count++;
		} else if (st != PLI_BUSY) {
			log_warn("housekeeping.entity", "a letter cannot expire: %s", pli_status_name(st));
			st = PLI_OK;
		}
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* Rounds of AT_ONCE until nothing is left. */
static enum pli_status repeat(struct round *r, enum pli_status (*query)(struct round *, struct db_conn *, struct err *),
			      db_write_fn *fn, struct err *err)
{
	struct db *db = r->office->parts.db;
	enum pli_status st;

	do {
		struct db_conn *conn = db_reader_take(db);

		st = query(r, conn, err);
		db_reader_give(db, conn);
		if (st == PLI_OK && r->count)
			st = db_write(db, fn, r, err);
	} while (st == PLI_OK && r->count == AT_ONCE);
	return st;
}

static enum pli_status sweep_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct round *r = arg;
	enum pli_status st = db_run(tx->conn, NULL, err, SESSIONS_SWEEP, "i", r->now_us);

	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, FILES_SWEEP, "");
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, IDEMPOTENCY_SWEEP, "i", r->now_us - IDEMPOTENCY_US);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, UPLOADS_SWEEP, "i", r->now_us);
	return st;
}

static enum pli_status search_fill_all(struct office *office, struct err *err)
{
	bool done = false;
	enum pli_status st = PLI_OK;

	while (st == PLI_OK && !done)
		st = search_fill(office, &done, err);
	return st;
}

static enum pli_status statistics_fill_all(struct office *office, struct err *err)
{
	bool done = false;
	enum pli_status st = PLI_OK;

	while (st == PLI_OK && !done)
		st = statistics_fill(office, &done, err);
	return st;
}

enum pli_status office_housekeeping(struct office *office, int64_t now_us, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct round *r = POOL_NEW(pool, struct round);
	unsigned removed;
	enum pli_status st;

	/* A clock that was set forward makes nothing older than it is. */
	if (deadline_now_us(office) < now_us)
		now_us = deadline_now_us(office);
	r->office = office;
	r->now_us = now_us;
	key_memory_sweep(office->key_memory, clock_mono_us());
	st = repeat(r, visits_query, visits_fn, err);
	if (st == PLI_OK)
		st = deadline_sweep(office, err);
	if (st == PLI_OK)
		st = repeat(r, expired_query, expire_fn, err);
	if (st == PLI_OK)
		st = draft_sweep(office, now_us, err);
	if (st == PLI_OK)
		st = retention_run(office, now_us, err);
	if (st == PLI_OK)
		st = db_write(office->parts.db, sweep_fn, r, err);
	if (st == PLI_OK)
		st = signin_sweep(office->parts.directory, now_us, err);
	if (st == PLI_OK)
		st = session_sweep(office->parts.directory, now_us, err);
	if (st == PLI_OK)
		st = guess_sweep(office->parts.directory, now_us, err);
	if (st == PLI_OK)
		st = signin_link_sweep(office->parts.directory, now_us, err);
	if (st == PLI_OK)
		st = object_sweep(office->parts.objects, now_us, ORPHAN_GRACE_US, &removed, err);
	if (st == PLI_OK)
		st = search_fill_all(office, err);
	if (st == PLI_OK)
		st = statistics_fill_all(office, err);
	if (st == PLI_OK)
		st = signature_note(office, now_us, err);
	if (st == PLI_OK)
		office_notices_due(office);
	return st;
}
