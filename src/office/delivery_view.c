/* What a recipient sees once he has opened: the letter without anybody's hidden copy, its message, its documents. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"
#include "db.h"

#include "delivery_own.h"
#include "key_memory.h"
#include "office_own.h"

static const char SESSION_GET[] = "SELECT entity, letter, n, expires FROM reading_session WHERE session_hash = $1";

static enum pli_status no_session(struct err *err)
{
	return err_set(err, PLI_UNAUTH, "Open the letter first.");
}

static enum pli_status session_check(struct db_conn *conn, const struct delivery_place *place, const uint8_t session[32], struct err *err)
{
	AUTO_ROWS rows = { 0 };
	struct uuid entity, letter;
	enum pli_status st = db_query(conn, &rows, err, SESSION_GET, "b", session, (size_t)32);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_ABSENT)
		return no_session(err);
	if (st != PLI_OK)
		return st;
	if (!db_uuid(&rows, 0, &entity) || !db_uuid(&rows, 1, &letter) || !uuid_same(&entity, &place->entity) ||
	    !uuid_same(&letter, &place->letter_id) || db_int(&rows, 2) != (int64_t)place->n || db_int(&rows, 3) < clock_now_us())
		return no_session(err);
	return PLI_OK;
}

static void wipe_view(void *arg)
{
	struct delivery_view *view = arg;

	mem_wipe(view->letter_key, sizeof view->letter_key);
}

/* From memory if this reading was here before, else from the keeper.  Whether the reader may has been asked of the database. */
static enum pli_status view_key(struct office *office, const struct delivery_place *place, const uint8_t session[32],
				const uint8_t secret[32], uint8_t key_r[32], struct err *err)
{
	const struct key_memory_place where = { .session = session, .secret = secret, .entity = &place->entity, .letter = &place->letter_id,
						.wrapped = place->keys.letter_key, .wrapped_n = place->keys.letter_key_n };
	int64_t now_us = clock_mono_us();
	enum pli_status st;

	if (key_memory_get(office->key_memory, &where, now_us, key_r))
		return PLI_OK;
	st = letter_key_unwrap(office, place->letter, &place->keys, key_r, err);
	if (st == PLI_OK)
		key_memory_put(office->key_memory, &where, now_us, key_r);
	return st;
}

static void view_fill(const struct delivery_place *place, struct delivery_view *view_r)
{
	letter_narrow(place->letter, place->n);
	view_r->letter = place->letter;
	for (unsigned i = 0; i < place->letter->recipient_count; i++)
		if (place->letter->recipients[i].n == place->n)
			view_r->me = i;
}

enum pli_status delivery_decided(struct office *office, struct pool *pool, const char *token, struct delivery_view *view_r, struct err *err)
{
	struct delivery_place place;
	const char *decision;
	enum pli_status st = delivery_place_read(office, pool, token, &place, err);

	*view_r = (struct delivery_view){ .message = "" };
	if (st != PLI_OK)
		return st;
	if (place.retired)
		return delivery_place_open(office, &place, err);
	decision = delivery_place_who(&place)->decision;
	if (!decision || str_eq(decision, "accepted"))
		return no_session(err);
	view_fill(&place, view_r);
	return PLI_OK;
}

enum pli_status delivery_view(struct office *office, struct pool *pool, const char *token, const char *cookie,
			      struct delivery_view *view_r, struct err *err)
{
	struct delivery_place place;
	struct db_conn *conn;
	uint8_t value[32], secret[32];
	enum pli_status st;

	if (!base32_decode(value, sizeof value, cookie, strlen(cookie)))
		return no_session(err);
	cipher_sha256(value, sizeof value, view_r->session);
	key_memory_secret(value, secret);
	mem_wipe(value, sizeof value);
	conn = db_reader_take(office->parts.db);
	st = db_snapshot(conn, err);
	if (st == PLI_OK)
		st = delivery_place(office, conn, pool, token, &place, err);
	if (st == PLI_OK)
		st = delivery_place_open(office, &place, err);
	if (st == PLI_OK)
		st = session_check(conn, &place, view_r->session, err);
	db_reader_give(office->parts.db, conn);
	if (st == PLI_OK) {
		pool_cleanup(pool, wipe_view, view_r);
		st = view_key(office, &place, view_r->session, secret, view_r->letter_key, err);
	}
	mem_wipe(secret, sizeof secret);
	if (st == PLI_OK)
		st = letter_message_read(office, pool, place.letter, &place.keys, view_r->letter_key, &view_r->message,
					 &view_r->message_n, err);
	if (st != PLI_OK)
		return st;
	view_fill(&place, view_r);
	return PLI_OK;
}
