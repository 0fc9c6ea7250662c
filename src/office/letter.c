/* Letters: loaded from their rows, shown to those who may see them. */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"
#include "db.h"
#include "keywrap.h"

#include "entry.h"
#include "keeper.h"

#include "directory.h"

#include "archive_own.h"
#include "letter_own.h"
#include "office_own.h"

static const char LETTER_GET[] =
	"SELECT account, number, created, sent, expires, state, mode, class, password, manifest, sealed, message_size, "
	"message_sha256, kid, letter_key, password_hash, message, message_object, recipients, "
	"retention, content_until, evidence_until, held, purged, profile, archived, archive "
	"FROM letter WHERE entity = $1 AND letter = $2";
static const char RECIPIENTS_GET[] =
	"SELECT n, recipient, kind, state, first_sent, last_sent, sends, read_at, sealed, reply, peer, tls, locked, window_end, decision, decided "
	"FROM recipient WHERE entity = $1 AND letter = $2 ORDER BY n";
static const char PARTS_GET[] =
	"SELECT n, object, size, sha256, crc32, sealed FROM part WHERE entity = $1 AND letter = $2 ORDER BY n";
static const char SHEET_GET[] = "SELECT sheet FROM recipient WHERE entity = $1 AND letter = $2 AND n = $3";

static enum pli_status damaged(struct err *err)
{
	return err_set(err, PLI_IO, "The stored letter is damaged.");
}

static bool digest_column(struct db_rows *rows, int column, uint8_t out[32])
{
	size_t n;
	const void *p = db_blob(rows, column, &n);

	if (!p || n != 32)
		return false;
	memcpy(out, p, 32);
	return true;
}

static const void *blob_column(struct db_rows *rows, int column, struct pool *pool, size_t *n_r)
{
	const void *p = db_blob(rows, column, n_r);

	return p ? pool_dup(pool, p, *n_r) : NULL;
}

static void keys_copy(struct db_rows *rows, struct pool *pool, struct letter_keys *keys)
{
	keys->kid = pool_str(pool, db_text(rows, 13));
	keys->letter_key = blob_column(rows, 14, pool, &keys->letter_key_n);
	keys->password_hash = blob_column(rows, 15, pool, &keys->password_hash_n);
	keys->message = blob_column(rows, 16, pool, &keys->message_n);
	keys->has_object = db_uuid(rows, 17, &keys->message_object);
}

static const char *text_or_none(struct db_rows *rows, int column, struct pool *pool)
{
	const char *text = db_text(rows, column);

	return text && *text ? pool_str(pool, text) : NULL;
}

/* Where a letter came from that was not deposited here. */
static enum pli_status origin_copy(struct db_rows *rows, struct pool *pool, const uint8_t *key, struct letter *l, struct letter_keys *keys,
				   struct err *err)
{
	const char *texts[ARCHIVE_TEXTS];
	size_t n;
	const void *sealed = db_blob(rows, 26, &n);
	enum pli_status st;

	l->archived_us = db_int(rows, 25);
	if (!l->archived_us)
		return PLI_OK;
	st = meta_open_texts(pool, key, ARCHIVE_PLACE(&l->entity, &l->letter), sealed, n, texts, ARCHIVE_TEXTS, err);
	if (st != PLI_OK)
		return st;
	l->origin_log = texts[ARCHIVE_LOG];
	l->origin_number = strtoull(texts[ARCHIVE_NUMBER], NULL, 10);
	l->origin_state = texts[ARCHIVE_STATE];
	if (keys && !hex_decode(keys->proof_key, 32, texts[ARCHIVE_KEY], 64))
		st = damaged(err);
	mem_wipe((void *)(uintptr_t)texts[ARCHIVE_KEY], strlen(texts[ARCHIVE_KEY]));
	return st;
}

static enum pli_status row_copy(struct db_rows *rows, struct pool *pool, const uint8_t *key, struct letter *l, struct letter_keys *keys,
				struct err *err)
{
	const char *texts[LETTER_TEXTS];
	size_t n;
	const void *sealed;
	enum pli_status st;

	if (!db_uuid(rows, 0, &l->account) || !digest_column(rows, 9, l->manifest) || !digest_column(rows, 12, l->message_sha256))
		return damaged(err);
	l->number = (uint64_t)db_int(rows, 1);
	l->created_us = db_int(rows, 2);
	l->sent_us = db_int(rows, 3);
	l->expires_us = db_int(rows, 4);
	l->state = pool_str(pool, db_text(rows, 5));
	l->mode = pool_str(pool, db_text(rows, 6));
	l->class_ = pool_str(pool, db_text(rows, 7));
	l->password = pool_str(pool, db_text(rows, 8));
	l->message_size = (uint64_t)db_int(rows, 11);
	l->recipient_count = (unsigned)db_int(rows, 18);
	l->profile = text_or_none(rows, 24, pool);
	l->retention = db_is_null(rows, 19) ? l->class_ : pool_str(pool, db_text(rows, 19));
	l->content_until_us = db_int(rows, 20);
	l->evidence_until_us = db_int(rows, 21);
	l->held_us = db_int(rows, 22);
	l->purged_us = db_int(rows, 23);
	sealed = db_blob(rows, 10, &n);
	st = meta_open_texts(pool, key, LETTER_PLACE(&l->entity, &l->letter), sealed, n, texts, LETTER_TEXTS, err);
	if (st != PLI_OK)
		return st;
	l->subject = texts[LETTER_SUBJECT];
	l->sender_name = texts[LETTER_SENDER_NAME];
	l->sender_email = texts[LETTER_SENDER_EMAIL];
	l->sender_method = texts[LETTER_SENDER_METHOD];
	l->sender_level = atoi(texts[LETTER_SENDER_LEVEL]);
	l->entity_name = texts[LETTER_ENTITY_NAME];
	l->siren = texts[LETTER_SIREN];
	return origin_copy(rows, pool, key, l, keys, err);
}

static enum pli_status recipient_copy(struct db_rows *rows, struct pool *pool, const uint8_t *key, const struct letter *l,
				      struct letter_recipient *r, struct err *err)
{
	const char *texts[RECIPIENT_TEXTS];
	size_t n;
	const void *sealed;
	enum pli_status st;

	r->n = (unsigned)db_int(rows, 0);
	if (!db_uuid(rows, 1, &r->recipient))
		return damaged(err);
	r->kind = pool_str(pool, db_text(rows, 2));
	r->state = pool_str(pool, db_text(rows, 3));
	r->first_sent_us = db_int(rows, 4);
	r->last_sent_us = db_int(rows, 5);
	r->sends = (unsigned)db_int(rows, 6);
	r->read_us = db_int(rows, 7);
	r->reply = text_or_none(rows, 9, pool);
	r->peer = text_or_none(rows, 10, pool);
	r->tls = text_or_none(rows, 11, pool);
	r->locked = !db_is_null(rows, 12);
	r->window_us = db_is_null(rows, 13) ? 0 : db_int(rows, 13);
	r->decision = text_or_none(rows, 14, pool);
	r->decided_us = db_is_null(rows, 15) ? 0 : db_int(rows, 15);
	sealed = db_blob(rows, 8, &n);
	st = meta_open_texts(pool, key, RECIPIENT_PLACE(&l->entity, &l->letter, r->n), sealed, n, texts, RECIPIENT_TEXTS, err);
	if (st != PLI_OK)
		return st;
	r->name = texts[RECIPIENT_NAME];
	r->address = texts[RECIPIENT_ADDRESS];
	return PLI_OK;
}

static enum pli_status recipients_load(struct db_conn *conn, struct pool *pool, const uint8_t *key, struct letter *l,
				       struct err *err)
{
	AUTO_ROWS rows = { 0 };
	unsigned count = 0;
	enum pli_status st = db_query(conn, &rows, err, RECIPIENTS_GET, "uu", &l->entity, &l->letter);

	l->recipients = POOL_ARRAY(pool, struct letter_recipient, l->recipient_count);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		if (count == l->recipient_count)
			return damaged(err);
		st = recipient_copy(&rows, pool, key, l, &l->recipients[count++], err);
	}
	if (st != PLI_ABSENT)
		return st;
	return count == l->recipient_count ? PLI_OK : damaged(err);
}

static enum pli_status part_copy(struct db_rows *rows, struct pool *pool, const uint8_t *key, const struct letter *l,
				 struct letter_part *p, struct err *err)
{
	const char *texts[PART_TEXTS];
	size_t n;
	const void *sealed;
	enum pli_status st;

	p->n = (unsigned)db_int(rows, 0);
	if (!db_uuid(rows, 1, &p->object) || !digest_column(rows, 3, p->sha256))
		return damaged(err);
	p->size = (uint64_t)db_int(rows, 2);
	p->crc32 = (uint32_t)db_int(rows, 4);
	sealed = db_blob(rows, 5, &n);
	st = meta_open_texts(pool, key, PART_PLACE(&l->entity, &l->letter, p->n), sealed, n, texts, PART_TEXTS, err);
	if (st != PLI_OK)
		return st;
	p->name = texts[PART_NAME];
	p->type = texts[PART_TYPE];
	return PLI_OK;
}

enum pli_status letter_parts_load(struct db_conn *conn, struct pool *pool, const uint8_t *key, struct letter *l, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	AUTO_BUF list;			/* struct letter_part, one after the other */
	enum pli_status st = db_query(conn, &rows, err, PARTS_GET, "uu", &l->entity, &l->letter);

	buf_init(&list);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct letter_part part = { 0 };
		st = part_copy(&rows, pool, key, l, &part, err);
		buf_add(&list, &part, sizeof(part));
	}
	if (st != PLI_ABSENT)
		return st;
	l->part_count = (unsigned)(list.n / sizeof(struct letter_part));
	l->parts = list.n ? pool_dup(pool, list.p, list.n) : NULL;
	return PLI_OK;
}

static enum pli_status row_load(struct db_conn *conn, struct pool *pool, const uint8_t *key, struct letter *l,
				struct letter_keys *keys, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, LETTER_GET, "uu", &l->entity, &l->letter);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_ABSENT)
		return err_set(err, st, "There is nothing here under that id.");
	if (st == PLI_OK)
		st = row_copy(&rows, pool, key, l, keys, err);
	if (st == PLI_OK && keys)
		keys_copy(&rows, pool, keys);
	return st;
}

enum pli_status letter_load(struct office *office, struct db_conn *conn, struct pool *pool, const struct uuid *entity,
			    const struct uuid *id, struct letter **letter_r, struct letter_keys *keys_r, struct err *err)
{
	const uint8_t *key;
	struct letter *l = POOL_NEW(pool, struct letter);
	enum pli_status st = directory_meta_key(office->parts.directory, entity, &key, err);

	if (st != PLI_OK)
		return st;
	l->entity = *entity;
	l->letter = *id;
	st = row_load(conn, pool, key, l, keys_r, err);
	if (st == PLI_OK)
		st = recipients_load(conn, pool, key, l, err);
	if (st == PLI_OK)
		st = letter_parts_load(conn, pool, key, l, err);
	if (st == PLI_OK)
		*letter_r = l;
	return st;
}

enum pli_status letter_key_unwrap(struct office *office, const struct letter *letter, const struct letter_keys *keys,
				  uint8_t key_r[32], struct err *err)
{
	uint8_t aad[META_AAD_MAX];
	struct keywrap keywrap;
	struct keywrap_item item = { .kid = keys->kid, .aad = aad, .in = keys->letter_key, .in_n = keys->letter_key_n };
	enum pli_status st;

	if (item.in_n > sizeof(item.out))
		return damaged(err);
	item.aad_n = meta_aad(aad, LETTER_KEY_PLACE(&letter->entity, &letter->letter));
	keeper_keywrap(office->parts.keeper, &keywrap);
	st = keywrap.unwrap(keywrap.arg, &item, 1, err);
	if (st == PLI_OK && item.out_n != 32)
		st = err_set(err, PLI_IO, "The letter's key has an unknown form.");
	if (st == PLI_OK)
		memcpy(key_r, item.out, 32);
	mem_wipe(item.out, sizeof(item.out));
	return st;
}

static bool sheet_parse(struct pool *pool, const struct buf *plain, struct letter_sheet *sheet_r)
{
	const char *end = plain->p + plain->n, *json, *apart;

	*sheet_r = (struct letter_sheet){ .withheld = NULL };
	if (plain->n < 32)
		return false;
	memcpy(sheet_r->salt, plain->p, 32);
	json = plain->p + 32;
	apart = memchr(json, '\0', (size_t)(end - json));
	sheet_r->json = pool_strn(pool, json, (size_t)((apart ? apart : end) - json));
	if (!apart)
		return true;
	apart++;
	if (end - apart < 32)
		return false;
	memcpy(sheet_r->withheld_salt, apart, 32);
	sheet_r->withheld = pool_strn(pool, apart + 32, (size_t)(end - apart - 32));
	return true;
}

enum pli_status letter_sheet(struct office *office, struct db_conn *conn, struct pool *pool, const struct uuid *entity,
			     const struct uuid *letter, unsigned n, struct letter_sheet *sheet_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	AUTO_BUF plain;
	const uint8_t *key;
	enum pli_status st = directory_meta_key(office->parts.directory, entity, &key, err);

	buf_init_secret(&plain);
	if (st == PLI_OK)
		st = db_query(conn, &rows, err, SHEET_GET, "uui", entity, letter, (int64_t)n);
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		size_t sealed_n;
		const void *sealed = db_blob(&rows, 0, &sealed_n);
		st = meta_open(key, SHEET_PLACE(entity, letter, n), sealed, sealed_n, &plain, err);
	}
	if (st == PLI_OK && !sheet_parse(pool, &plain, sheet_r))
		st = damaged(err);
	return st;
}

static enum pli_status sheet_differs(struct err *err, const char *what)
{
	return err_set(err, PLI_CONFLICT, "A recipient's sheet differs from %s.", what);
}

enum pli_status letter_sheet_check(struct office *office, struct db_conn *conn, const struct uuid *entity, const struct uuid *letter,
				   const struct uuid *recipient, const uint8_t sheet_digest[32], struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct letter *loaded;
	const struct letter_recipient *r = NULL;
	struct letter_sheet sheet, again;
	uint8_t digest[32];
	enum pli_status st = letter_load(office, conn, pool, entity, letter, &loaded, NULL, err);

	/* Where its time is over the entries go with the rows: then nobody asks. */
	if (st == PLI_ABSENT)
		return sheet_differs(err, "what is stored: the letter is gone");
	if (st == PLI_IO)
		return sheet_differs(err, "what is stored: a sealed value does not open");
	if (st != PLI_OK)
		return st;
	for (unsigned i = 0; i < loaded->recipient_count; i++)
		if (uuid_same(&loaded->recipients[i].recipient, recipient))
			r = &loaded->recipients[i];
	if (!r)
		return sheet_differs(err, "the letter's recipients: he is not among them");
	st = letter_sheet(office, conn, pool, entity, letter, r->n, &sheet, err);
	if (st == PLI_IO)
		return sheet_differs(err, "what is stored: it does not open");
	if (st != PLI_OK)
		return st;
	entry_sheet_digest(sheet.salt, sheet.json, strlen(sheet.json), digest);
	if (!mem_same(digest, sheet_digest, 32))
		return sheet_differs(err, "what the entry binds");
	letter_manifest(loaded, digest);
	if (!mem_same(digest, loaded->manifest, 32))
		return sheet_differs(err, "the rows of the letter's files");
	again = sheet;
	letter_sheet_write(pool, loaded, r, &again);
	if (!str_eq(again.json, sheet.json) || (sheet.withheld && !str_eq(again.withheld, sheet.withheld)))
		return sheet_differs(err, "the rows of letter and recipient");
	return PLI_OK;
}

enum pli_status letter_get(struct office *office, const struct principal *who, struct pool *pool, const char *id,
			   struct letter **letter_r, struct err *err)
{
	struct uuid letter_id;
	struct letter *letter;
	struct db_conn *conn;
	enum pli_status st;

	/* A role without any right to letters is told so whatever the id. */
	st = principal_may(who, RIGHT_LETTER_SEE, NULL, NULL, err);
	if (st != PLI_OK)
		return st;
	if (!uuid_parse(&letter_id, id))
		return err_set(err, PLI_ABSENT, "There is nothing here under that id.");
	conn = db_reader_take(office->parts.db);
	st = db_snapshot(conn, err);
	if (st == PLI_OK)
		st = letter_load(office, conn, pool, &who->entity, &letter_id, &letter, NULL, err);
	db_reader_give(office->parts.db, conn);
	if (st == PLI_OK)
		st = principal_may(who, RIGHT_LETTER_SEE, &letter->entity, &letter->account, err);
	if (st != PLI_OK)
		return st;
	if (!principal_sees_bcc(who, &letter->account))
		letter_narrow(letter, 0);
	*letter_r = letter;
	return PLI_OK;
}

unsigned letter_window_days(const struct office *office, const struct letter *letter)
{
	return deadline_days(office->parts.settings, letter->profile);
}

const char *letter_password_form(struct pool *pool, const char *password)
{
	size_t n;
	char *nfc = text_nfc(password, strlen(password), &n);
	const char *form = nfc ? pool_strn(pool, nfc, n) : NULL;

	if (nfc) {
		mem_wipe(nfc, n);
		mem_free(nfc);
	}
	return form;
}
