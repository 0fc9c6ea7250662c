/* The deposit, in the order of the path of a letter: envelope, policy, trust, keys, one transaction, answer. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "stream.h"

#include "cipher.h"
#include "db.h"
#include "object.h"

#include "keeper.h"

#include "directory.h"

#include "verdict.h"

#include "deposit_own.h"
#include "draft.h"
#include "external_time.h"
#include "key_reserve.h"
#include "link.h"
#include "office_own.h"
#include "rewrap.h"
#include "upload_own.h"

/* Staged parts of a request that never came to its commit. */
#define STAGING_US DAY_US

/* ---- staging ---- */

enum pli_status deposit_stage_open(struct office *office, const struct principal *who, struct ostream **os_r,
				   struct deposit_part *part_r, struct err *err)
{
	struct object_stage_options options = {
		.entity = &who->entity, .account = &who->account, .limit_bytes = DEPOSIT_PART_MAX,
		.reserve_bytes = office->parts.settings->reserve_deposit_bytes, .expires_us = clock_now_us() + STAGING_US,
	};
	enum pli_status st = principal_may(who, RIGHT_DEPOSIT, NULL, NULL, err);

	if (st == PLI_OK)
		st = office_room(office, OFFICE_RESERVE_DEPOSIT, err);
	if (st == PLI_OK)
		st = object_stage(office->parts.objects, &options, os_r, &part_r->object, err);
	return st;
}

enum pli_status deposit_stage_close(struct ostream *os, struct deposit_part *part_r, struct err *err)
{
	struct object_info info;
	enum pli_status st = ostream_finish(os, err);

	if (st != PLI_OK)
		return st;
	object_staged_info(os, &info);
	part_r->object = info.object;
	part_r->size = info.size;
	part_r->crc32 = info.crc32;
	memcpy(part_r->sha256, info.sha256, 32);
	return PLI_OK;
}

void deposit_stage_discard(struct office *office, const struct principal *who, const struct deposit_part *parts, unsigned count)
{
	/* What cannot be removed now is removed by the sweep. */
	for (unsigned i = 0; i < count; i++)
		(void)!object_discard(office->parts.objects, &who->entity, &parts[i].object, NULL);
}

/* ---- uploads become parts ---- */

static enum pli_status uploads_take(struct deposit_work *w, struct err *err)
{
	struct letter *l = &w->letter;
	struct db_conn *conn;
	enum pli_status st = PLI_OK;

	if (!w->upload_count)
		return PLI_OK;
	conn = db_reader_take(w->office->parts.db);
	for (unsigned i = 0; st == PLI_OK && i < w->upload_count; i++) {
		l->parts[l->part_count].n = l->part_count + 1;
		st = upload_as_part(w->office, w->who, w->pool, conn, &w->uploads[i], &l->parts[l->part_count], err);
		l->part_count++;
	}
	db_reader_give(w->office->parts.db, conn);
	return st;
}

/* ---- 2 and 3: policy and trust ---- */

/* Where the settings say so, no registered letter is taken whose time nobody outside will stamp soon. */
static enum pli_status clock_there(struct deposit_work *w, struct err *err)
{
	return str_eq(w->letter.class_, "registered") ? external_check(w->office, err) : PLI_OK;
}

static enum pli_status verdict(struct deposit_work *w, struct err *err)
{
	struct verdict_facts facts = { .class_ = w->letter.class_, .recipients = w->letter.recipient_count,
				       .parts = w->letter.part_count, .bytes = w->letter.message_size,
				       .sender_level = w->who->level, .level_asked = 0 };
	struct verdict_result result;

	for (unsigned i = 0; i < w->letter.part_count; i++)
		facts.bytes += w->letter.parts[i].size;
	verdict_give(&facts, &result);
	if (result.verdict != VERDICT_ACCEPT)
		return err_field(err, PLI_DENIED, result.reason, "", "The rules of this server do not let this letter pass.");
	return PLI_OK;
}

/* ---- 4: keys, and everything sealed ---- */

static struct deposit_bytes kept(struct deposit_work *w, struct buf *scratch)
{
	struct deposit_bytes b = { pool_dup(w->pool, scratch->p, scratch->n), scratch->n };

	buf_reset(scratch);
	return b;
}

/* Letter key and link tokens, wrapped by the keeper.  They bring the letter's id, unless it was a draft: then it has both already, and
 * its files lie under the key. */
static enum pli_status keys_take(struct deposit_work *w, struct reserved_keys *keys, struct err *err)
{
	const struct draft *draft = w->deposit->draft;
	struct key_reserve *reserve = w->office->keys;

	if (!draft)
		return key_reserve_take(reserve, &w->who->entity, w->kid, w->letter.recipient_count, w->pool, keys, err);
	keys->letter = draft->draft;
	memcpy(keys->key, draft->letter_key, sizeof(keys->key));
	return key_reserve_wrap(reserve, &w->who->entity, w->kid, w->letter.recipient_count, w->pool, keys, err);
}

static enum pli_status kek_find(struct deposit_work *w, struct err *err)
{
	return directory_kek(w->office->parts.directory, "letter", &w->who->entity, clock_month(w->due_us), w->kid, err);
}

/* Under the month's KEK; its place may just have been taken by another. */
static enum pli_status keys_take_now(struct deposit_work *w, struct reserved_keys *keys, struct err *err)
{
	enum pli_status st = kek_find(w, err);

	if (st == PLI_OK)
		st = keys_take(w, keys, err);
	if (st != PLI_ABSENT)
		return st;
	directory_keks_forget(w->office->parts.directory);
	st = kek_find(w, err);
	return st == PLI_OK ? keys_take(w, keys, err) : st;
}

static enum pli_status keys_make(struct deposit_work *w, struct err *err)
{
	unsigned count = w->letter.recipient_count;
	struct reserved_keys *keys = POOL_NEW(w->pool, struct reserved_keys);
	enum pli_status st = keys_take_now(w, keys, err);

	if (st == PLI_OK) {
		w->letter.letter = keys->letter;
		memcpy(w->letter_key, keys->key, sizeof(w->letter_key));
	}
	mem_wipe(keys->key, sizeof(keys->key));
	if (st != PLI_OK)
		return st;
	w->wrapped_key = (struct deposit_bytes){ keys->wrapped_key, sizeof(keys->wrapped_key) };
	w->recipients = POOL_ARRAY(w->pool, struct deposit_recipient, count);
	for (unsigned i = 0; i < count; i++) {
		struct deposit_recipient *d = &w->recipients[i];
		mem_random(d->sheet.salt, sizeof(d->sheet.salt));
		link_key(keys->tokens[i].token, d->link_key);
		mem_wipe(keys->tokens[i].token, sizeof(keys->tokens[i].token));
		d->wrapped_token = (struct deposit_bytes){ keys->tokens[i].wrapped, sizeof(keys->tokens[i].wrapped) };
		uuid_make(&d->notice);
	}
	return PLI_OK;
}

static enum pli_status recipients_seal(struct deposit_work *w, struct buf *scratch, struct err *err)
{
	struct letter *l = &w->letter;
	const uint8_t *key = w->who->meta_key;
	uint8_t withheld_salt[32];
	enum pli_status st = PLI_OK;

	mem_random(withheld_salt, sizeof(withheld_salt));
	for (unsigned i = 0; st == PLI_OK && i < l->recipient_count; i++) {
		const struct letter_recipient *r = &l->recipients[i];
		struct deposit_recipient *d = &w->recipients[i];
		const char *texts[RECIPIENT_TEXTS] = { [RECIPIENT_NAME] = r->name, [RECIPIENT_ADDRESS] = r->address };
		AUTO_BUF sheet;

		st = meta_seal_texts(key, RECIPIENT_PLACE(&l->entity, &l->letter, r->n), texts, RECIPIENT_TEXTS, scratch, err);
		if (st != PLI_OK)
			return st;
		d->sealed = kept(w, scratch);
		if (letter_withholds(l))
			d->sheet.withheld = "";
		memcpy(d->sheet.withheld_salt, withheld_salt, sizeof(withheld_salt));
		letter_sheet_write(w->pool, l, r, &d->sheet);
		buf_init_secret(&sheet);
		buf_add(&sheet, d->sheet.salt, sizeof(d->sheet.salt));
		buf_str(&sheet, d->sheet.json);
		if (d->sheet.withheld) {
			buf_ch(&sheet, '\0');
			buf_add(&sheet, d->sheet.withheld_salt, sizeof(d->sheet.withheld_salt));
			buf_str(&sheet, d->sheet.withheld);
		}
		st = meta_seal(key, SHEET_PLACE(&l->entity, &l->letter, r->n), sheet.p, sheet.n, scratch, err);
		d->sealed_sheet = kept(w, scratch);
	}
	return st;
}

static enum pli_status parts_seal(struct deposit_work *w, struct buf *scratch, struct err *err)
{
	struct letter *l = &w->letter;
	enum pli_status st = PLI_OK;

	w->parts_sealed = POOL_ARRAY(w->pool, struct deposit_bytes, l->part_count + 1);
	for (unsigned i = 0; st == PLI_OK && !w->deposit->draft && i < l->part_count; i++) {
		const char *texts[PART_TEXTS] = { [PART_NAME] = l->parts[i].name, [PART_TYPE] = l->parts[i].type };
		st = meta_seal_texts(w->who->meta_key, PART_PLACE(&l->entity, &l->letter, l->parts[i].n), texts, PART_TEXTS,
				     scratch, err);
		w->parts_sealed[i] = kept(w, scratch);
	}
	return st;
}

static enum pli_status letter_seal(struct deposit_work *w, struct buf *scratch, struct err *err)
{
	const struct letter *l = &w->letter;
	char level[12];
	const char *texts[LETTER_TEXTS] = {
		[LETTER_SUBJECT] = l->subject, [LETTER_SENDER_NAME] = l->sender_name, [LETTER_SENDER_EMAIL] = l->sender_email,
		[LETTER_SENDER_METHOD] = l->sender_method, [LETTER_SENDER_LEVEL] = level,
		[LETTER_ENTITY_NAME] = l->entity_name, [LETTER_SIREN] = l->siren,
	};
	enum pli_status st;

	snprintf(level, sizeof(level), "%d", l->sender_level);
	st = meta_seal_texts(w->who->meta_key, LETTER_PLACE(&l->entity, &l->letter), texts, LETTER_TEXTS, scratch, err);
	w->sealed = kept(w, scratch);
	if (st == PLI_OK && w->message_n && !w->has_message_object) {
		st = meta_seal(w->letter_key, MESSAGE_PLACE(&l->entity, &l->letter), w->message, w->message_n, scratch, err);
		w->message_sealed = kept(w, scratch);
	}
	return st;
}

/* The keeper hashes the password slowly, in threads of its own; the hash lies under the letter key. */
static enum pli_status password_seal(struct deposit_work *w, struct buf *scratch, struct err *err)
{
	const struct letter *l = &w->letter;
	char hash[128];
	enum pli_status st;

	if (!w->password)
		return PLI_OK;
	st = keeper_password_make(w->office->parts.keeper, "letter", w->password, hash, err);
	if (st == PLI_OK)
		st = meta_seal(w->letter_key, PASSWORD_PLACE(&l->entity, &l->letter), hash, strlen(hash), scratch, err);
	w->password_sealed = kept(w, scratch);
	mem_wipe(hash, sizeof(hash));
	return st;
}

static enum pli_status all_seal(struct deposit_work *w, struct err *err)
{
	AUTO_BUF scratch;
	enum pli_status st;

	buf_init(&scratch);
	st = letter_seal(w, &scratch, err);
	if (st == PLI_OK)
		st = recipients_seal(w, &scratch, err);
	if (st == PLI_OK)
		st = parts_seal(w, &scratch, err);
	if (st == PLI_OK)
		st = password_seal(w, &scratch, err);
	return st;
}

/* The texts that the journal's entries carry. */
static void texts_prepare(struct deposit_work *w)
{
	const struct letter *l = &w->letter;
	AUTO_BUF json;
	struct jsonw j;

	buf_init(&json);
	jsonw_init(&j, &json, true);
	jsonw_object(&j, NULL);
	if (w->book.of_kind[ADDRESS_BCC])
		jsonw_int(&j, "bcc", w->book.of_kind[ADDRESS_BCC]);
	jsonw_int(&j, "cc", w->book.of_kind[ADDRESS_CC]);
	jsonw_str(&j, "class", l->class_);
	jsonw_time(&j, "expires", l->expires_us);
	jsonw_str(&j, "mode", l->mode);
	jsonw_str(&j, "profile", l->profile);
	jsonw_str(&j, "pw", l->password);
	jsonw_int(&j, "to", w->book.of_kind[ADDRESS_TO]);
	jsonw_object_end(&j);
	w->accepted_d = pool_strn(w->pool, json.p, json.n);
	buf_reset(&json);
	jsonw_init(&j, &json, true);
	jsonw_object(&j, NULL);
	jsonw_hex(&j, "manifest", l->manifest, 32);
	jsonw_object_end(&j);
	w->manifest_h = pool_strn(w->pool, json.p, json.n);
	w->shown = letter_shown(w->pool, l, l->sender_name);
	search_terms(w->pool, w->who->meta_key, l, &w->terms);
}

/* ---- objects ---- */

/* A message that is too long for the row becomes an object like any part. */
static enum pli_status message_stage(struct deposit_work *w, struct err *err)
{
	struct object_stage_options options = {
		.entity = &w->who->entity, .account = &w->who->account, .limit_bytes = DEPOSIT_MESSAGE_MAX,
		.reserve_bytes = w->office->parts.settings->reserve_deposit_bytes, .expires_us = clock_now_us() + STAGING_US,
	};
	struct ostream *os = NULL;
	enum pli_status st;

	if (w->message_n <= LETTER_MESSAGE_INLINE_BYTES)
		return PLI_OK;
	st = object_stage(w->office->parts.objects, &options, &os, &w->message_object, err);
	if (st != PLI_OK)
		return st;
	st = ostream_write(os, w->message, w->message_n, err);
	if (st == PLI_OK)
		st = ostream_finish(os, err);
	ostream_close(os);
	w->has_message_object = st == PLI_OK;
	return st;
}

static enum pli_status upload_lost(struct err *err)
{
	return err_field(err, PLI_CONFLICT, "upload-used", "uploads", "An upload was used by another letter or removed meanwhile.");
}

static enum pli_status objects_prepare(struct deposit_work *w, struct err *err)
{
	const struct letter *l = &w->letter;
	unsigned count = 0;
	struct uuid *ids = POOL_ARRAY(w->pool, struct uuid, l->part_count + 1);
	enum pli_status st;

	for (unsigned i = 0; !w->deposit->draft && i < l->part_count; i++)
		ids[count++] = l->parts[i].object;
	if (w->has_message_object)
		ids[count++] = w->message_object;
	if (!count)
		return PLI_OK;
	st = object_commit_prepare(w->office->parts.objects, w->pool, &w->who->entity, &l->letter, w->letter_key, ids, count,
				   &w->objects, err);
	if (w->upload_count && (st == PLI_ABSENT || st == PLI_CONFLICT))	/* since uploads_take looked */
		return upload_lost(err);
	return st;
}

/* ---- the path ---- */

static enum pli_status refused_late(struct deposit_work *w, enum pli_status st)
{
	if (st == PLI_OK || st == PLI_UNCERTAIN)
		return st;
	if (w->objects)		/* so that who staged them can give them back */
		object_commit_abandon(w->objects);
	if (w->has_message_object)
		(void)!object_discard(w->office->parts.objects, &w->who->entity, &w->message_object, NULL);
	return st;
}

static enum pli_status confirmed(enum pli_status st, struct err *err)
{
	if (st != PLI_UNCERTAIN)
		return st;
	err_field(err, st, "uncertain", "", "The letter is stored, its proof is not confirmed yet.");
	if (err)
		err->retry_after_s = 5;
	return err_hint(err, "Repeat the request with the same Idempotency-Key to get the answer.");
}

/* The KEK was retired between the wrapping and the commit. */
static enum pli_status keys_wrap_again(struct deposit_work *w, struct err *err)
{
	unsigned count = w->letter.recipient_count + 1;
	struct rewrap_value *values = POOL_ARRAY(w->pool, struct rewrap_value, count);
	char from[64];
	enum pli_status st;

	memcpy(from, w->kid, sizeof(from));
	values[0] = (struct rewrap_value){ 0, w->wrapped_key.p, w->wrapped_key.n };
	for (unsigned i = 1; i < count; i++)
		values[i] = (struct rewrap_value){ i, w->recipients[i - 1].wrapped_token.p, w->recipients[i - 1].wrapped_token.n };
	st = kek_find(w, err);
	if (st == PLI_OK)
		st = rewrap_values(w->office, w->pool, &w->letter.entity, &w->letter.letter, from, w->kid, values, count, err);
	if (st != PLI_OK) {
		memcpy(w->kid, from, sizeof(from));	/* under which they still lie */
		return st;
	}
	w->wrapped_key = (struct deposit_bytes){ values[0].wrapped, values[0].wrapped_n };
	for (unsigned i = 1; i < count; i++)
		w->recipients[i - 1].wrapped_token = (struct deposit_bytes){ values[i].wrapped, values[i].wrapped_n };
	return PLI_OK;
}

/* What came of the transaction; done again when its KEK was not the one any more. */
static enum pli_status settled(struct deposit_work *w, enum pli_status st, struct err *err)
{
	for (int tries = 0; st == PLI_BUSY && w->retired && tries < 3; tries++) {
		w->retired = false;
		st = keys_wrap_again(w, err);
		if (st == PLI_ABSENT) {		/* that one was left meanwhile, too */
			directory_keks_forget(w->office->parts.directory);
			st = keys_wrap_again(w, err);
		}
		if (st == PLI_OK)
			st = db_write(w->office->parts.db, deposit_write, w, err);
	}
	return confirmed(st, err);
}

static void committed(void *work, enum pli_status status)
{
	struct deposit_work *w = work;

	w->status = status;
	w->then(w->then_arg);
}

/* PLI_AGAIN: under way, and w is not ours any more. */
static enum pli_status commit(struct deposit_work *w, struct err *err)
{
	struct db *db = w->office->parts.db;
	enum pli_status st;

	mem_wipe(w->letter_key, sizeof(w->letter_key));	/* all is sealed */
	if (!w->then)
		return settled(w, db_write(db, deposit_write, w, err), err);
	st = db_write_later(db, deposit_write, w, committed, w, &w->err);
	if (st != PLI_OK && err)
		*err = w->err;
	return st == PLI_OK ? PLI_AGAIN : st;
}

/* Steps 2 to 6 of a deposit whose envelope is good and whose key is new. */
static enum pli_status proceed(struct deposit_work *w, struct err *err)
{
	enum pli_status st = uploads_take(w, err);

	if (st == PLI_OK)
		st = clock_there(w, err);
	if (st == PLI_OK)
		st = verdict(w, err);
	if (st == PLI_OK)
		st = message_stage(w, err);
	if (st == PLI_OK) {
		letter_manifest(&w->letter, w->letter.manifest);
		st = keys_make(w, err);
	}
	if (st == PLI_OK)
		st = objects_prepare(w, err);
	if (st == PLI_OK)
		st = all_seal(w, err);
	if (st == PLI_OK) {
		texts_prepare(w);
		st = deposit_entries(w, err);
	}
	if (st == PLI_OK) {
		st = commit(w, err);
		if (st == PLI_AGAIN)
			return st;
	} else if (st == PLI_AGAIN) {	/* of a step: then nothing is under way */
		st = PLI_BUSY;
	}
	mem_wipe(w->letter_key, sizeof(w->letter_key));
	return refused_late(w, st);
}

static void password_wipe(struct deposit_work *w)
{
	if (w->password)
		mem_wipe((void *)(uintptr_t)w->password, strlen(w->password));
}

/* Under the Idempotency-Key, if there is one: *replayed_r, or a new letter whose expiry is good. */
static enum pli_status begin(struct deposit_work *w, bool *replayed_r, struct uuid *letter_r, struct buf *body_out, struct err *err)
{
	const struct deposit *d = w->deposit;
	AUTO_BUF content;
	struct once_request request = { .key = d->idempotency_key, .route = d->route ? d->route : "deposit", .patient = d->patient };
	enum pli_status st;

	buf_init_secret(&content);
	/* A draft is sent once; its id, in the route, is all that a repeat can name. */
	if (request.key && !d->draft)
		deposit_content(w, &content);
	request.content = content.p;
	request.content_n = content.n;
	st = once_begin(w->office, w->who, w->pool, &request, &w->once, replayed_r, letter_r, body_out, err);
	if (st == PLI_OK && *replayed_r)
		deposit_stage_discard(w->office, w->who, d->parts, d->part_count);
	if (st == PLI_OK && !*replayed_r)
		st = deposit_expiry(w, err);
	return st;
}

static enum pli_status answer(struct deposit_work *w, enum pli_status st, bool replayed, struct uuid *letter_r, struct buf *body_out)
{
	once_end(w->office, &w->once);
	password_wipe(w);
	if (st != PLI_OK || replayed)
		return st;
	*letter_r = w->letter.letter;
	buf_reset(body_out);
	letter_json(&w->letter, body_out);
	office_notices_due(w->office);
	return PLI_OK;
}

static enum pli_status deposit_do(struct deposit_work *w, struct uuid *letter_r, struct buf *body_out, struct err *err)
{
	bool replayed = false;
	enum pli_status st = principal_may(w->who, RIGHT_DEPOSIT, NULL, NULL, err);

	if (st == PLI_OK)
		st = deposit_envelope(w, err);
	if (st == PLI_OK)
		st = begin(w, &replayed, letter_r, body_out, err);
	if (st == PLI_OK && !replayed)
		st = office_room(w->office, OFFICE_RESERVE_DEPOSIT, err);
	if (st == PLI_OK && !replayed) {
		st = proceed(w, err);
		if (st == PLI_AGAIN)
			return st;
	}
	return answer(w, st, replayed, letter_r, body_out);
}

enum pli_status deposit_commit(struct office *office, const struct principal *who, const struct journal_actor *actor,
			       struct pool *pool, const struct deposit *deposit, struct uuid *letter_r, struct buf *body_out,
			       struct err *err)
{
	struct deposit_work *w = POOL_NEW(pool, struct deposit_work);

	*w = (struct deposit_work){ .office = office, .who = who, .actor = actor, .pool = pool, .deposit = deposit };
	return deposit_do(w, letter_r, body_out, err);
}

enum pli_status deposit_begin(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
			      const struct deposit *deposit, void (*then)(void *arg), void *arg, struct deposit_work **work_r,
			      struct uuid *letter_r, struct buf *body_out, struct err *err)
{
	struct deposit_work *w = POOL_NEW(pool, struct deposit_work);

	*w = (struct deposit_work){ .office = office, .who = who, .actor = actor, .pool = pool, .deposit = deposit,
				    .then = then, .then_arg = arg };
	*work_r = w;
	return deposit_do(w, letter_r, body_out, err);
}

bool deposit_is_quick(const struct deposit_work *work)
{
	return work->status == PLI_OK;
}

enum pli_status deposit_end(struct deposit_work *work, struct uuid *letter_r, struct buf *body_out, struct err *err)
{
	if (err)
		*err = work->err;
	return answer(work, refused_late(work, settled(work, work->status, err)), false, letter_r, body_out);
}

enum pli_status deposit_check(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
			      const struct deposit *deposit, struct letter **letter_r, struct err *err)
{
	struct deposit_work *w = POOL_NEW(pool, struct deposit_work);
	enum pli_status st = principal_may(who, RIGHT_DEPOSIT, NULL, NULL, err);

	*w = (struct deposit_work){ .office = office, .who = who, .actor = actor, .pool = pool, .deposit = deposit };
	if (st == PLI_OK)
		st = deposit_envelope(w, err);
	if (st == PLI_OK)
		st = deposit_expiry(w, err);
	if (st == PLI_OK)
		st = clock_there(w, err);
	password_wipe(w);
	*letter_r = &w->letter;
	return st;
}

enum pli_status deposit_replay(struct office *office, const struct principal *who, struct pool *pool, const char *key, const char *route,
			       struct uuid *letter_r, struct buf *body_out, struct err *err)
{
	struct once_request request = { .key = key, .route = route, .content = "", .patient = true };
	struct once once;
	bool replayed;
	enum pli_status st = once_begin(office, who, pool, &request, &once, &replayed, letter_r, body_out, err);

	once_end(office, &once);
	if (st == PLI_OK && !replayed)
		return err_field(err, PLI_CONFLICT, "already-sent", "", "This letter is sent already.");
	return st;
}
