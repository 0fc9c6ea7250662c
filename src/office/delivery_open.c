/* The act that counts: password tried at the keeper, then handover, states and reading session in one transaction. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"
#include "db.h"

#include "journal.h"
#include "keeper.h"

#include "directory.h"

#include "decision.h"
#include "delivery_own.h"
#include "office_own.h"
#include "statistics.h"

static const char TRY_RESERVE[] =
	"UPDATE recipient SET tries = tries + 1 WHERE entity = $1 AND letter = $2 AND n = $3 AND tries < $4 AND locked IS NULL";
static const char TRY_GIVE_BACK[] =
	"UPDATE recipient SET tries = tries - 1 WHERE entity = $1 AND letter = $2 AND n = $3 AND tries > 0 AND locked IS NULL";
static const char LOCK_SET[] =
	"UPDATE recipient SET locked = $1 WHERE entity = $2 AND letter = $3 AND n = $4 AND tries >= $5 AND locked IS NULL";
static const char FIRST_READ[] =
	"UPDATE recipient SET state = 'opened', tries = 0, locked = NULL WHERE entity = $1 AND letter = $2 AND n = $3 "
	"AND state <> 'opened'";
static const char READ_AT[] = "UPDATE recipient SET read_at = $1 WHERE entity = $2 AND letter = $3 AND n = $4";
static const char TRIES_CLEAR[] = "UPDATE recipient SET tries = 0, locked = NULL WHERE entity = $1 AND letter = $2 AND n = $3";
static const char DECISION_GET[] = "SELECT decision FROM recipient WHERE entity = $1 AND letter = $2 AND n = $3";
static const char LETTER_OPENED[] = "UPDATE letter SET opened = opened + 1 WHERE entity = $1 AND letter = $2";
static const char LETTER_COUNTS[] = "SELECT recipients, opened FROM letter WHERE entity = $1 AND letter = $2";
static const char LETTER_STATE[] = "UPDATE letter SET state = $1 WHERE entity = $2 AND letter = $3";
static const char SESSION_ADD[] =
	"INSERT INTO reading_session (session_hash, entity, letter, n, created, expires, method) VALUES ($1, $2, $3, $4, $5, $6, $7)";

struct opening {
	struct office *office;
	const struct delivery_place *place;
	const struct journal_actor *actor;
	const uint8_t *meta_key;
	uint8_t session[32];
	int64_t at_us;			/* of the act, before the password was looked at */
	int64_t changed;
};

static enum pli_status try_reserve_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct opening *o = arg;

	return db_run(tx->conn, &o->changed, err, TRY_RESERVE, "uuii", &o->place->entity, &o->place->letter_id,
		      (int64_t)o->place->n, (int64_t)DELIVERY_TRIES_MAX);
}

static enum pli_status try_give_back_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct opening *o = arg;

	return db_run(tx->conn, NULL, err, TRY_GIVE_BACK, "uui", &o->place->entity, &o->place->letter_id, (int64_t)o->place->n);
}

/* The tenth wrong one locks and is journaled, once. */
static enum pli_status lock_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct opening *o = arg;
	enum pli_status st = db_run(tx->conn, &o->changed, err, LOCK_SET, "iuuii", clock_now_us(), &o->place->entity,
				    &o->place->letter_id, (int64_t)o->place->n, (int64_t)DELIVERY_TRIES_MAX);

	if (st != PLI_OK || o->changed == 0)
		return st;
	return journal_add(o->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "handover.failed", .actor = o->actor, .entity = &o->place->entity,
						    .letter = &o->place->letter_id, .recipient = &o->place->recipient,
						    .owner = &o->place->letter->account, .hidden = delivery_place_hidden(o->place),
						    .d_json = "{\"reason\":\"password\",\"tries\":10}" },
			   err);
}

static enum pli_status password_right(struct office *office, const struct delivery_place *place, struct pool *pool,
				      const char *password, bool *ok_r, struct err *err)
{
	AUTO_BUF hash;
	uint8_t key[32];
	const char *form = letter_password_form(pool, password ? password : "");
	enum pli_status st;

	buf_init_secret(&hash);
	*ok_r = false;
	st = letter_key_unwrap(office, place->letter, &place->keys, key, err);
	if (st == PLI_OK)
		st = meta_open(key, PASSWORD_PLACE(&place->entity, &place->letter_id), place->keys.password_hash,
			       place->keys.password_hash_n, &hash, err);
	mem_wipe(key, sizeof key);
	if (st != PLI_OK || !form || !*form || strlen(form) > 1024)
		return st;
	return keeper_password_check(office->parts.keeper, hash.p, form, ok_r, err);
}

static enum pli_status locked(struct err *err)
{
	return err_field(err, PLI_LOCKED, "link-locked", "", "Ten wrong passwords were entered; the link is locked.");
}

/* Reserves a try before the keeper evaluates it, so that no number of parallel requests gets an eleventh.  A try that a crash
 * took along was never given back: whoever finds none left locks, so that the way out of a lock is there.  A right password
 * whose try was reserved before that opens all the same, and ends the lock. */
static enum pli_status password_try(struct opening *o, struct pool *pool, const char *password, struct err *err)
{
	struct db *db = o->office->parts.db;
	bool right;
	enum pli_status st = db_write(db, try_reserve_fn, o, err);

	if (st != PLI_OK)
		return st;
	if (o->changed == 0) {
		st = db_write(db, lock_fn, o, err);
		return st == PLI_OK ? locked(err) : st;
	}
	st = password_right(o->office, o->place, pool, password, &right, err);
	if (st != PLI_OK) {
		struct err lost = { 0 };

		if (db_write(db, try_give_back_fn, o, &lost) != PLI_OK)
			return err_set(err, PLI_BUSY, "The password could not be checked.");
		return st;
	}
	if (right)
		return PLI_OK;
	st = db_write(db, lock_fn, o, err);
	if (st != PLI_OK)
		return st;
	if (o->changed)
		return locked(err);
	return err_field(err, PLI_DENIED, "wrong-password", "password", "That is not the password.");
}

static enum pli_status read_stamp(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	const struct opening *o = arg;
	const struct delivery_place *p = o->place;
	const struct statistics_reading reading = { .entity = &p->entity, .account = &p->letter->account, .letter = &p->letter_id,
						    .recipient = &p->recipient, .n = p->n, .hidden = delivery_place_hidden(p),
						    .read_us = t_us };
	enum pli_status st = db_run(tx->conn, NULL, err, READ_AT, "iuui", t_us, &p->entity, &p->letter_id, (int64_t)p->n);

	(void)seq;
	return st == PLI_OK ? statistics_reading_add(o->office, tx, &reading, err) : st;
}

static enum pli_status document_read(struct opening *o, struct db_tx *tx, struct err *err)
{
	static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };
	const struct delivery_place *p = o->place;
	AUTO_ROWS rows = { 0 };
	bool all;
	enum pli_status st = db_run(tx->conn, NULL, err, LETTER_OPENED, "uu", &p->entity, &p->letter_id);

	if (st == PLI_OK)
		st = db_query(tx->conn, &rows, err, LETTER_COUNTS, "uu", &p->entity, &p->letter_id);
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st;
	all = db_int(&rows, 0) == db_int(&rows, 1);
	st = db_run(tx->conn, NULL, err, LETTER_STATE, "tuu", all ? "received" : "partly_received", &p->entity, &p->letter_id);
	if (st != PLI_OK)
		return st;
	return journal_add(o->office->parts.journal, tx,
			   &(struct journal_event){ .ev = all ? "doc.complete" : "doc.partial", .actor = &SYSTEM, .entity = &p->entity,
						    .letter = &p->letter_id, .shown_json = letter_shown(tx->pool, p->letter, NULL),
						    .meta_key = o->meta_key, .owner = &p->letter->account },
			   err);
}

/* Of a registered letter the first opening is its acceptance; nobody else may have decided meanwhile. */
static enum pli_status accept_first(struct opening *o, struct db_tx *tx, struct err *err)
{
	const struct delivery_place *p = o->place;
	const struct decision d = { .office = o->office, .actor = o->actor, .letter = p->letter, .who = delivery_place_who(p), .at_us = o->at_us };
	struct letter_recipient now = *d.who;
	AUTO_ROWS rows = { 0 };
	bool mine;
	enum pli_status st;

	if (!decision_wanted(p->letter))
		return PLI_OK;
	st = decision_accept(tx, &d, &mine, err);
	if (st != PLI_OK || mine)
		return st;
	st = db_query(tx->conn, &rows, err, DECISION_GET, "uui", &p->entity, &p->letter_id, (int64_t)p->n);
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st;
	now.decision = pool_str(tx->pool, db_text(&rows, 0));
	return decision_open(p->letter, &now, o->at_us, err);
}

static enum pli_status open_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct opening *o = arg;
	const struct delivery_place *p = o->place;
	int64_t now_us = clock_now_us();
	struct journal_event ev = { .ev = "handover", .actor = o->actor, .entity = &p->entity, .letter = &p->letter_id,
				    .recipient = &p->recipient, .owner = &p->letter->account,
				    .hidden = delivery_place_hidden(p) };
	enum pli_status st = accept_first(o, tx, err);

	if (st == PLI_OK)
		st = db_run(tx->conn, &o->changed, err, FIRST_READ, "uui", &p->entity, &p->letter_id, (int64_t)p->n);
	if (st != PLI_OK)
		return st;
	if (o->actor->act)
		ev.d_json = pool_fmt(tx->pool, "{\"by\":\"%s\"%s}", o->actor->act, o->changed ? "" : ",\"part\":0");
	if (o->changed) {
		ev.numbered = read_stamp;
		ev.arg = o;
	} else {
		ev.ev = "access";
		ev.d_json = ev.d_json ? ev.d_json : "{\"part\":0}";
		st = db_run(tx->conn, NULL, err, TRIES_CLEAR, "uui", &p->entity, &p->letter_id, (int64_t)p->n);
	}
	if (st == PLI_OK)
		st = journal_add(o->office->parts.journal, tx, &ev, err);
	if (st == PLI_OK && o->changed)
		st = document_read(o, tx, err);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, SESSION_ADD, "buuiiit", o->session, (size_t)32, &p->entity, &p->letter_id,
			    (int64_t)p->n, now_us, now_us + DELIVERY_SESSION_US, o->actor->method);
	return st;
}

enum pli_status delivery_open(struct office *office, struct pool *pool, const char *token, const char *password,
			      const struct journal_actor *actor, char cookie_r[64], struct err *err)
{
	struct delivery_place place;
	struct opening o = { .office = office, .place = &place, .actor = actor, .at_us = deadline_now_us(office) };
	uint8_t value[32];
	enum pli_status st = delivery_place_read(office, pool, token, &place, err);

	if (st == PLI_OK)
		st = delivery_place_open(office, &place, err);
	if (st == PLI_OK)
		st = office_room(office, OFFICE_RESERVE_READ, err);
	if (st == PLI_OK)
		st = directory_meta_key(office->parts.directory, &place.entity, &o.meta_key, err);
	if (st == PLI_OK && !str_eq(place.letter->password, "none"))
		st = password_try(&o, pool, password, err);
	if (st != PLI_OK)
		return st;
	mem_random(value, sizeof value);
	cipher_sha256(value, sizeof value, o.session);
	st = db_write(office->parts.db, open_fn, &o, err);
	if (st == PLI_OK && decision_wanted(place.letter))	/* its sender may want to be told */
		office_notices_due(office);
	if (st == PLI_OK)
		base32_encode(cookie_r, value, sizeof value);
	mem_wipe(value, sizeof value);
	return st;
}
