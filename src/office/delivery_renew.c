/* The way out of a lock: a new link, mailed to the recipient's own address, three a day. */
#include <string.h>

#include "actor.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "db.h"
#include "keywrap.h"

#include "journal.h"
#include "keeper.h"

#include "delivery_own.h"
#include "key_memory.h"
#include "office_own.h"

static const char LINK_RETIRE[] = "UPDATE link SET retired = $1 WHERE entity = $2 AND letter = $3 AND n = $4 AND retired IS NULL AND token_hash = $5";
static const char LINK_ADD[] = "INSERT INTO link (token_hash, entity, letter, n, retired) VALUES ($1, $2, $3, $4, NULL)";
static const char RECIPIENT_RENEW[] =
	"UPDATE recipient SET token = $1, tries = 0, locked = NULL, "
	"renewals = CASE WHEN renewal_day = $2 THEN renewals + 1 ELSE 1 END, renewal_day = $2 "
	"WHERE entity = $3 AND letter = $4 AND n = $5 AND locked IS NOT NULL AND (renewal_day <> $2 OR renewals < $6)";
/* Whoever opened with the old link has no part in the new one. */
static const char SESSIONS_END[] = "DELETE FROM reading_session WHERE entity = $1 AND letter = $2 AND n = $3";
static const char KID_GET[] = "SELECT kid FROM letter WHERE entity = $1 AND letter = $2";
static const char SENDS_GET[] = "SELECT MAX(send) FROM notice WHERE entity = $1 AND letter = $2 AND n = $3";
static const char NOTICE_ADD[] =
	"INSERT INTO notice (entity, notice, letter, n, kind, send, created, due, lease, tries, gate) "
	"VALUES ($1, $2, $3, $4, 'renew', $5, $6, $6, NULL, 0, NULL)";
static const char NOTICE_GATE[] = "UPDATE notice SET gate = $1 WHERE entity = $2 AND notice = $3";

struct renewal {
	struct office *office;
	const struct delivery_place *place;
	const struct journal_actor *actor;
	struct keywrap_item item;
	uint8_t link_key[32];
	struct uuid notice;
	bool too_many;
	bool moved;			/* the letter lies under another KEK by now: nothing is written */
};

static enum pli_status gate_fill(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	const struct renewal *r = arg;

	(void)t_us;
	return db_run(tx->conn, NULL, err, NOTICE_GATE, "iuu", (int64_t)seq + 1, &r->place->entity, &r->notice);
}

static enum pli_status notice_add(struct renewal *r, struct db_tx *tx, int64_t now_us, struct err *err)
{
	const struct delivery_place *p = r->place;
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(tx->conn, &rows, err, SENDS_GET, "uui", &p->entity, &p->letter_id, (int64_t)p->n);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st;
	return db_run(tx->conn, NULL, err, NOTICE_ADD, "uuuiii", &p->entity, &r->notice, &p->letter_id, (int64_t)p->n,
		      db_int(&rows, 0) + 1, now_us);
}

/* Does the letter still lie under the KEK that the new token was wrapped under? */
static enum pli_status same_kek(struct renewal *r, struct db_tx *tx, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(tx->conn, &rows, err, KID_GET, "uu", &r->place->entity, &r->place->letter_id);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	r->moved = st == PLI_OK && !str_eq(db_text(&rows, 0), r->place->keys.kid);
	return r->moved ? err_set(err, PLI_BUSY, "The letter's keys are being changed at this moment.") : st;
}

static enum pli_status renew_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct renewal *r = arg;
	const struct delivery_place *p = r->place;
	int64_t now_us = clock_now_us(), changed = 0;
	enum pli_status st = same_kek(r, tx, err);

	if (st == PLI_OK)
		st = db_run(tx->conn, &changed, err, RECIPIENT_RENEW, "biuuii", r->item.out, r->item.out_n,
				    clock_day(now_us), &p->entity, &p->letter_id, (int64_t)p->n, (int64_t)DELIVERY_RENEWALS_MAX);

	r->too_many = st == PLI_OK && changed == 0;
	if (st != PLI_OK || r->too_many)
		return st;
	st = db_run(tx->conn, NULL, err, LINK_RETIRE, "iuuib", now_us, &p->entity, &p->letter_id, (int64_t)p->n,
		    p->link_key, (size_t)32);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, LINK_ADD, "buui", r->link_key, (size_t)32, &p->entity, &p->letter_id, (int64_t)p->n);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, SESSIONS_END, "uui", &p->entity, &p->letter_id, (int64_t)p->n);
	if (st == PLI_OK)
		st = notice_add(r, tx, now_us, err);
	if (st != PLI_OK)
		return st;
	return journal_add(r->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "link.renewed", .actor = r->actor, .entity = &p->entity,
						    .letter = &p->letter_id, .recipient = &p->recipient,
						    .owner = &p->letter->account, .hidden = delivery_place_hidden(p),
						    .numbered = gate_fill, .arg = r },
			   err);
}

static enum pli_status renew(struct office *office, struct pool *pool, const char *token, const struct journal_actor *actor, bool *moved_r,
			     struct err *err)
{
	struct delivery_place place;
	struct renewal r = { .office = office, .place = &place, .actor = actor };
	struct keywrap keywrap;
	uint8_t fresh[LINK_BYTES], aad[META_AAD_MAX];
	enum pli_status st = delivery_place_read(office, pool, token, &place, err);

	*moved_r = false;
	if (st == PLI_OK)
		st = delivery_place_open(office, &place, err);
	if (st == PLI_OK)
		return err_set(err, PLI_CONFLICT, "The link is not locked.");
	if (st != PLI_LOCKED)
		return st;
	st = office_room(office, OFFICE_RESERVE_READ, err);
	if (st != PLI_OK)
		return st;
	link_make(link_place(clock_now_us()), fresh);
	link_key(fresh, r.link_key);
	r.item = (struct keywrap_item){ .kid = place.keys.kid, .aad = aad, .in = fresh, .in_n = sizeof fresh };
	r.item.aad_n = meta_aad(aad, LINK_PLACE(&place.entity, &place.letter_id, place.n));
	keeper_keywrap(office->parts.keeper, &keywrap);
	st = keywrap.wrap(keywrap.arg, &r.item, 1, err);
	mem_wipe(fresh, sizeof fresh);
	*moved_r = st == PLI_ABSENT;	/* the letter may lie under another by now */
	if (st != PLI_OK)
		return st;
	uuid_make(&r.notice);
	st = db_write(office->parts.db, renew_fn, &r, err);
	*moved_r = r.moved;
	if (st == PLI_OK && r.too_many)
		return err_field(err, PLI_RATE, "too-many-links", "", "Three links were sent today already; try again tomorrow.");
	if (st == PLI_OK) {
		key_memory_forget(office->key_memory, &place.letter_id);
		office_notices_due(office);
	}
	return st;
}

enum pli_status delivery_renew(struct office *office, struct pool *pool, const char *token, const struct journal_actor *actor,
			       struct err *err)
{
	bool moved = false;
	enum pli_status st = renew(office, pool, token, actor, &moved, err);

	for (int tries = 0; (st == PLI_BUSY || st == PLI_ABSENT) && moved && tries < 3; tries++)
		st = renew(office, pool, token, actor, &moved, err);
	return st;
}
