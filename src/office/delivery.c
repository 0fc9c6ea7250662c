/* Where a link leads, the landing page's facts, and the value that its form carries. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "cipher.h"
#include "db.h"

#include "directory.h"

#include "decision.h"
#include "delivery_own.h"
#include "office_own.h"

#define HOUR_US (3600 * SECOND_US)

static const char LINK_GET[] = "SELECT entity, letter, n, retired FROM link WHERE token_hash = $1";
static const char PLACE_GET[] =
	"SELECT recipient, state, tries, locked, renewals, renewal_day FROM recipient "
	"WHERE entity = $1 AND letter = $2 AND n = $3";
static const char VISIT_ADD[] =
	"INSERT INTO visit (entity, letter, n, hour, visits, machines) VALUES ($1, $2, $3, $4, 1, $5) "
	"ON CONFLICT (entity, letter, n, hour) DO UPDATE SET visits = visits + 1, machines = machines + $5";

static enum pli_status unknown(struct err *err)
{
	return err_set(err, PLI_ABSENT, "This link leads to no letter.");
}

static enum pli_status link_get(struct db_conn *conn, struct delivery_place *place, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, LINK_GET, "b", place->link_key, (size_t)32);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_ABSENT)
		return unknown(err);
	if (st != PLI_OK)
		return st;
	if (!db_uuid(&rows, 0, &place->entity) || !db_uuid(&rows, 1, &place->letter_id))
		return err_set(err, PLI_IO, "A link's row is damaged.");
	place->n = (unsigned)db_int(&rows, 2);
	place->retired = !db_is_null(&rows, 3);
	return PLI_OK;
}

static enum pli_status recipient_get(struct db_conn *conn, struct pool *pool, struct delivery_place *place, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, PLACE_GET, "uui", &place->entity, &place->letter_id, (int64_t)place->n);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_ABSENT)
		return unknown(err);
	if (st != PLI_OK)
		return st;
	if (!db_uuid(&rows, 0, &place->recipient))
		return err_set(err, PLI_IO, "A recipient's row is damaged.");
	place->state = pool_str(pool, db_text(&rows, 1));
	place->tries = (unsigned)db_int(&rows, 2);
	place->locked = !db_is_null(&rows, 3);
	place->renewals = (unsigned)db_int(&rows, 4);
	place->renewal_day = db_int(&rows, 5);
	return PLI_OK;
}

enum pli_status delivery_place(struct office *office, struct db_conn *conn, struct pool *pool, const char *token,
			       struct delivery_place *place_r, struct err *err)
{
	uint8_t bytes[LINK_BYTES];
	enum pli_status st;

	*place_r = (struct delivery_place){ 0 };
	if (!link_parse(token, bytes))
		return unknown(err);
	link_key(bytes, place_r->link_key);
	st = link_get(conn, place_r, err);
	if (st == PLI_ABSENT) {		/* one from before links had a place */
		link_hash(bytes, place_r->link_key);
		st = link_get(conn, place_r, err);
	}
	mem_wipe(bytes, sizeof bytes);
	if (st == PLI_OK)
		st = recipient_get(conn, pool, place_r, err);
	if (st == PLI_OK)
		st = letter_load(office, conn, pool, &place_r->entity, &place_r->letter_id, &place_r->letter, &place_r->keys, err);
	if (st == PLI_OK && !delivery_place_who(place_r))
		st = err_set(err, PLI_IO, "A link leads to a recipient that its letter has not.");
	return st;
}

const struct letter_recipient *delivery_place_who(const struct delivery_place *place)
{
	const struct letter *l = place->letter;

	for (unsigned i = 0; i < l->recipient_count; i++)
		if (l->recipients[i].n == place->n)
			return &l->recipients[i];
	return NULL;
}

bool delivery_place_hidden(const struct delivery_place *place)
{
	const struct letter_recipient *who = delivery_place_who(place);

	return !who || str_eq(who->kind, "bcc");
}

enum pli_status delivery_place_read(struct office *office, struct pool *pool, const char *token,
				    struct delivery_place *place_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	enum pli_status st = db_snapshot(conn, err);

	if (st == PLI_OK)
		st = delivery_place(office, conn, pool, token, place_r, err);
	db_reader_give(office->parts.db, conn);
	return st;
}

enum pli_status delivery_place_open(struct office *office, const struct delivery_place *place, struct err *err)
{
	const struct letter *l = place->letter;
	int64_t now_us = deadline_now_us(office);

	if (place->retired)
		return err_field(err, PLI_GONE, "link-replaced", "", "A newer link was sent to the recipient.");
	if (decision_open(l, delivery_place_who(place), now_us, err) != PLI_OK)
		return PLI_GONE;
	if (now_us > l->expires_us || l->purged_us || str_eq(l->state, "expired") || str_eq(l->state, "deleted"))
		return err_field(err, PLI_GONE, "letter-expired", "", "The letter is no longer available.");
	if (place->locked)
		return err_field(err, PLI_LOCKED, "link-locked", "", "Ten wrong passwords were entered; the link is locked.");
	return PLI_OK;
}

struct visit {
	const struct delivery_place *place;
	int64_t hour;
	bool machine;
};

static enum pli_status visit_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct visit *v = arg;

	return db_run(tx->conn, NULL, err, VISIT_ADD, "uuiii", &v->place->entity, &v->place->letter_id, (int64_t)v->place->n, v->hour,
		      (int64_t)v->machine);
}

enum pli_status delivery_landing(struct office *office, struct pool *pool, const char *token, enum delivery_visit visit,
				 struct delivery_landing *landing_r, struct err *err)
{
	struct delivery_place place;
	int64_t now_us = clock_now_us();
	struct err lost = { 0 };
	const struct letter_recipient *who;
	enum pli_status st = delivery_place_read(office, pool, token, &place, err);

	if (st != PLI_OK)
		return st;
	who = delivery_place_who(&place);
	*landing_r = (struct delivery_landing){
		.sender_name = place.letter->sender_name, .sender_email = place.letter->sender_email,
		.entity_name = place.letter->entity_name, .sent_us = letter_sent_to_us(place.letter, who),
		.expires_us = place.letter->expires_us, .has_password = !str_eq(place.letter->password, "none"),
		.opened_before = str_eq(place.state, "opened"),
		.tries_left = place.tries < DELIVERY_TRIES_MAX ? DELIVERY_TRIES_MAX - place.tries : 0,
		.lang = office->parts.settings->lang, .registered = decision_wanted(place.letter),
		.hides_sender = letter_hides_sender(place.letter, who), .decision = who->decision, .until_us = who->window_us,
		.decided_us = who->decided_us, .number = place.letter->number,
		.days = deadline_days(office->parts.settings, place.letter->profile),
	};
	if (landing_r->hides_sender)
		landing_r->sender_name = landing_r->sender_email = landing_r->entity_name = "";
	/* A visit that cannot be counted (full disk) must not keep the page from a person. */
	if (visit != DELIVERY_NO_VISIT && office_room(office, OFFICE_RESERVE_READ, &lost) == PLI_OK &&
	    db_write(office->parts.db, visit_fn, &(struct visit){ &place, now_us / HOUR_US, visit == DELIVERY_MACHINE }, &lost) != PLI_OK)
		lost.status = PLI_OK;
	return delivery_place_open(office, &place, err);
}

static void form_mac(struct office *office, const char *token, int64_t hour, char out[65])
{
	uint8_t bytes[LINK_BYTES], in[40], mac[32];

	memset(in, 0, sizeof in);
	if (link_parse(token, bytes))
		link_hash(bytes, in);
	for (int i = 0; i < 8; i++)
		in[32 + i] = (uint8_t)(hour >> (56 - 8 * i));
	directory_mac(office->parts.directory, "form", in, sizeof in, mac);
	hex_encode(out, mac, 32);
	mem_wipe(bytes, sizeof bytes);
}

void delivery_form_key(struct office *office, const char *token, int64_t now_us, char out[65])
{
	form_mac(office, token, now_us / HOUR_US, out);
}

bool delivery_form_check(struct office *office, const char *token, const char *value, int64_t now_us)
{
	char mac[65];

	if (!value || strlen(value) != 64)
		return false;
	for (int64_t age = 0; age < 2; age++) {
		form_mac(office, token, now_us / HOUR_US - age, mac);
		if (mem_same(mac, value, 64))
			return true;
	}
	return false;
}

void delivery_cookie_suffix(const char *token, char out[9])
{
	uint8_t bytes[LINK_BYTES], hash[32] = { 0 };
	char hex[65];

	if (link_parse(token, bytes))
		link_hash(bytes, hash);
	memcpy(out, hex_encode(hex, hash, 32), 8);
	out[8] = '\0';
	mem_wipe(bytes, sizeof bytes);
}
