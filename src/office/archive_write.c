/* The one transaction of an import, and what must be ready before it. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "stream.h"

#include "db.h"
#include "object.h"

#include "journal.h"

#include "directory.h"

#include "archive_work.h"
#include "key_reserve.h"
#include "office_own.h"
#include "search.h"

static const char LETTER_ADD[] =
	"INSERT INTO letter (entity, letter, account, number, created, sent, expires, state, mode, class, password, kid, letter_key, manifest, "
	"recipients, opened, settled, failures, sealed, message, message_object, message_size, message_sha256, retention, content_until, "
	"evidence_until, retention_due, purged, profile, archived, archive) "
	"VALUES ($1, $2, $3, $4, $5, NULLIF($6, 0), $7, 'archived', $8, $9, $10, $11, $12, $13, $14, 0, 0, 0, $15, $16, $17, $18, $19, $20, $21, $22, $23, "
	"NULLIF($24, 0), $25, $26, $27)";
static const char RECIPIENT_ADD[] =
	"INSERT INTO recipient (entity, letter, n, recipient, kind, state, first_sent, last_sent, sends, read_at, tries, renewals, renewal_day, "
	"token, sealed, sheet, decision, decided) "
	"VALUES ($1, $2, $3, $4, $5, $6, NULLIF($7, 0), NULLIF($8, 0), $9, NULLIF($10, 0), 0, 0, 0, $11, $12, $11, $13, NULLIF($14, 0))";
static const char PART_ADD[] = "INSERT INTO part (entity, letter, n, object, size, sha256, crc32, sealed) "
			       "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
static const char PROOF_ADD[] = "INSERT INTO archived_proof (entity, letter, n, object, size, sha256) VALUES ($1, $2, $3, $4, $5, $6)";
static const char PROOF_GET[] = "SELECT object, size FROM archived_proof WHERE entity = $1 AND letter = $2 AND n = $3";

/* ---- before ---- */

static struct deposit_bytes kept(struct archive_import *a, struct buf *scratch)
{
	struct deposit_bytes b = { pool_dup(a->pool, scratch->p, scratch->n), scratch->n };

	buf_reset(scratch);
	return b;
}

static enum pli_status key_wrap(struct archive_import *a, struct archived *l, struct err *err)
{
	struct reserved_keys *keys = POOL_NEW(a->pool, struct reserved_keys);
	enum pli_status st = directory_kek(a->office->parts.directory, "letter", &a->entity, clock_month(a->content_until_us), l->kid, err);

	keys->letter = l->letter.letter;
	memcpy(keys->key, l->letter_key, 32);
	if (st == PLI_OK)
		st = key_reserve_wrap(a->office->keys, &a->entity, l->kid, 0, a->pool, keys, err);
	l->wrapped_key = (struct deposit_bytes){ keys->wrapped_key, sizeof(keys->wrapped_key) };
	mem_wipe(keys->key, sizeof(keys->key));
	return st;
}

static enum pli_status people_seal(struct archive_import *a, struct archived *l, struct buf *scratch, struct err *err)
{
	const struct letter *x = &l->letter;
	enum pli_status st = PLI_OK;

	l->recipients_sealed = POOL_ARRAY(a->pool, struct deposit_bytes, x->recipient_count + 1);
	for (unsigned i = 0; st == PLI_OK && i < x->recipient_count; i++) {
		const char *texts[RECIPIENT_TEXTS] = { [RECIPIENT_NAME] = x->recipients[i].name, [RECIPIENT_ADDRESS] = x->recipients[i].address };

		st = meta_seal_texts(a->meta_key, RECIPIENT_PLACE(&x->entity, &x->letter, x->recipients[i].n), texts, RECIPIENT_TEXTS, scratch, err);
		l->recipients_sealed[i] = kept(a, scratch);
	}
	l->parts_sealed = POOL_ARRAY(a->pool, struct deposit_bytes, x->part_count + 1);
	for (unsigned i = 0; st == PLI_OK && i < x->part_count; i++) {
		const char *texts[PART_TEXTS] = { [PART_NAME] = x->parts[i].name, [PART_TYPE] = x->parts[i].type };

		st = meta_seal_texts(a->meta_key, PART_PLACE(&x->entity, &x->letter, x->parts[i].n), texts, PART_TEXTS, scratch, err);
		l->parts_sealed[i] = kept(a, scratch);
	}
	return st;
}

static enum pli_status letter_seal(struct archive_import *a, struct archived *l, struct buf *scratch, struct err *err)
{
	const struct letter *x = &l->letter;
	char level[12], number[24], list[65], key[65];
	const char *texts[LETTER_TEXTS] = {
		[LETTER_SUBJECT] = x->subject, [LETTER_SENDER_NAME] = x->sender_name, [LETTER_SENDER_EMAIL] = x->sender_email,
		[LETTER_SENDER_METHOD] = x->sender_method, [LETTER_SENDER_LEVEL] = level, [LETTER_ENTITY_NAME] = x->entity_name,
		[LETTER_SIREN] = x->siren,
	};
	const char *origin[ARCHIVE_TEXTS] = { [ARCHIVE_LOG] = x->origin_log, [ARCHIVE_NUMBER] = number, [ARCHIVE_STATE] = x->origin_state,
					      [ARCHIVE_LIST] = list, [ARCHIVE_KEY] = key };
	enum pli_status st;

	snprintf(level, sizeof(level), "%d", x->sender_level);
	snprintf(number, sizeof(number), "%" PRIu64, x->origin_number);
	hex_encode(list, l->list_sha256, 32);
	hex_encode(key, l->proof_key, 32);
	st = meta_seal_texts(a->meta_key, LETTER_PLACE(&x->entity, &x->letter), texts, LETTER_TEXTS, scratch, err);
	l->sealed = kept(a, scratch);
	if (st == PLI_OK)
		st = meta_seal_texts(a->meta_key, ARCHIVE_PLACE(&x->entity, &x->letter), origin, ARCHIVE_TEXTS, scratch, err);
	mem_wipe(key, sizeof(key));
	l->sealed_archive = kept(a, scratch);
	if (st == PLI_OK && l->message_n) {
		st = meta_seal(l->letter_key, MESSAGE_PLACE(&x->entity, &x->letter), l->message, l->message_n, scratch, err);
		l->sealed_message = kept(a, scratch);
	}
	return st;
}

/* Content under one key, proofs under another: the first goes earlier. */
static enum pli_status objects_prepare(struct archive_import *a, struct archived *l, struct err *err)
{
	struct object_store *store = a->office->parts.objects;
	const struct letter *x = &l->letter;
	struct uuid *ids = POOL_ARRAY(a->pool, struct uuid, x->part_count + l->proof_count + 1);
	unsigned count = 0;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; l->has_content && i < x->part_count; i++)
		ids[count++] = x->parts[i].object;
	if (l->has_message_object)
		ids[count++] = l->message_object;
	if (count)
		st = object_commit_prepare(store, a->pool, &x->entity, &x->letter, l->letter_key, ids, count, &l->content, err);
	for (unsigned i = 0; i < l->proof_count; i++)
		ids[i] = l->proofs[i].info.object;
	if (st == PLI_OK)
		st = object_commit_prepare(store, a->pool, &x->entity, &x->letter, l->proof_key, ids, l->proof_count, &l->evidence, err);
	return st;
}

static enum pli_status letter_insert(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	struct archived *l = arg;
	struct letter *x = &l->letter;
	int64_t purged = l->has_content ? 0 : t_us;
	enum pli_status st;

	x->number = seq + 1;
	st = db_run(tx->conn, NULL, err, LETTER_ADD, "uuuiiiitttt" "bbi" "bbuib" "tiiii" "tib", &x->entity, &x->letter, &x->account,
		    (int64_t)x->number, x->created_us, x->sent_us, x->expires_us, x->mode, x->class_, x->password, l->kid, l->wrapped_key.p,
		    l->wrapped_key.n, x->manifest, (size_t)32, (int64_t)x->recipient_count, l->sealed.p, l->sealed.n, l->sealed_message.p,
		    l->sealed_message.n, l->has_message_object ? &l->message_object : NULL, (int64_t)x->message_size, x->message_sha256, (size_t)32,
		    x->retention, x->content_until_us, x->evidence_until_us, l->has_content ? x->content_until_us : x->evidence_until_us, purged,
		    x->profile, x->archived_us, l->sealed_archive.p, l->sealed_archive.n);
	return st == PLI_OK ? search_add(tx, x, &l->terms, err) : st;
}

static enum pli_status entry_prepare(struct archive_import *a, struct archived *l, struct err *err)
{
	const struct letter *x = &l->letter;
	struct journal_event event = { .ev = "archive.imported", .actor = a->by, .entity = &x->entity, .letter = &x->letter, .owner = &x->account,
				       .shown_json = letter_shown(a->pool, x, NULL), .meta_key = a->meta_key, .numbered = letter_insert, .arg = l };
	AUTO_BUF d = { 0 }, h = { 0 };
	struct jsonw w;

	jsonw_init(&w, &d, true);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "log", x->origin_log);
	jsonw_int(&w, "number", (int64_t)x->origin_number);
	jsonw_object_end(&w);
	event.d_json = pool_strn(a->pool, d.p, d.n);
	jsonw_init(&w, &h, true);
	jsonw_object(&w, NULL);
	jsonw_hex(&w, "list", l->list_sha256, 32);
	jsonw_hex(&w, "manifest", x->manifest, 32);
	jsonw_hex(&w, "proof", l->proofs[0].info.sha256, 32);
	jsonw_object_end(&w);
	event.h_json = pool_strn(a->pool, h.p, h.n);
	return journal_prepare(a->office->parts.journal, a->pool, &event, &l->entry, err);
}

enum pli_status archive_letter_prepare(struct archive_import *a, struct archived *l, struct err *err)
{
	AUTO_BUF scratch = { 0 };
	enum pli_status st = PLI_OK;

	l->wrapped_key = (struct deposit_bytes){ "", 0 };
	if (l->has_content)
		st = key_wrap(a, l, err);
	if (st == PLI_OK)
		st = letter_seal(a, l, &scratch, err);
	if (st == PLI_OK)
		st = people_seal(a, l, &scratch, err);
	if (st == PLI_OK)
		st = objects_prepare(a, l, err);
	mem_wipe(l->letter_key, 32);
	mem_wipe(l->proof_key, 32);
	if (st == PLI_OK)
		st = entry_prepare(a, l, err);
	if (st == PLI_OK)
		search_terms(a->pool, a->meta_key, &l->letter, &l->terms);
	return st;
}

/* ---- inside ---- */

static enum pli_status people_insert(struct db_tx *tx, const struct archived *l, struct err *err)
{
	const struct letter *x = &l->letter;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < x->recipient_count; i++) {
		const struct letter_recipient *r = &x->recipients[i];

		st = db_run(tx->conn, NULL, err, RECIPIENT_ADD, "uuiuttiiiibbti", &x->entity, &x->letter, (int64_t)r->n, &r->recipient, r->kind,
			    r->state, r->first_sent_us, r->last_sent_us, (int64_t)r->sends, r->read_us, "", (size_t)0, l->recipients_sealed[i].p,
			    l->recipients_sealed[i].n, r->decision, r->decided_us);
	}
	return st;
}

static enum pli_status files_insert(struct db_tx *tx, const struct archived *l, struct err *err)
{
	const struct letter *x = &l->letter;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < x->part_count; i++) {
		const struct letter_part *p = &x->parts[i];

		st = db_run(tx->conn, NULL, err, PART_ADD, "uuiuibib", &x->entity, &x->letter, (int64_t)p->n, &p->object, (int64_t)p->size, p->sha256,
			    (size_t)32, (int64_t)p->crc32, l->parts_sealed[i].p, l->parts_sealed[i].n);
	}
	for (unsigned i = 0; st == PLI_OK && i < l->proof_count; i++) {
		const struct archived_proof *p = &l->proofs[i];

		st = db_run(tx->conn, NULL, err, PROOF_ADD, "uuiuib", &x->entity, &x->letter, (int64_t)p->n, &p->info.object, (int64_t)p->info.size,
			    p->info.sha256, (size_t)32);
	}
	return st;
}

static enum pli_status import_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct archive_import *a = arg;
	enum pli_status st = PLI_OK;

	for (struct archived *l = a->first; l && st == PLI_OK; l = l->next) {
		if (l->has_content)
			st = directory_kek_current(a->office->parts.directory, tx, &a->entity, clock_month(a->content_until_us), l->kid, err);
		if (st == PLI_OK && l->content)
			st = object_commit_apply(tx, l->content, err);
		if (st == PLI_OK)
			st = object_commit_apply(tx, l->evidence, err);
		if (st == PLI_OK)
			st = people_insert(tx, l, err);
		if (st == PLI_OK)
			st = files_insert(tx, l, err);
		if (st == PLI_OK)
			st = journal_put(a->office->parts.journal, tx, l->entry, err);
	}
	return st;
}

enum pli_status archive_import_commit(struct archive_import *a, struct archive_import_counts *counts_r, struct err *err)
{
	struct archive_import_counts counts = { .imported = a->imported, .known = a->known, .content_until_us = a->content_until_us };
	enum pli_status st = a->first ? db_write(a->office->parts.db, import_fn, a, err) : PLI_OK;

	a->done = st == PLI_OK || st == PLI_UNCERTAIN;
	for (struct archived *l = a->first; l; l = l->next)
		counts.without += !l->has_content;
	if (st == PLI_OK)
		*counts_r = counts;
	return st;
}

/* ---- afterwards ---- */

enum pli_status archive_import_proof_get(struct office *office, struct pool *pool, const struct letter *letter, unsigned n, struct buf *out,
					 struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	struct letter_keys keys;
	struct letter *again;
	struct istream *is = NULL;
	struct uuid object;
	size_t got = 1;
	enum pli_status st = letter_load(office, conn, pool, &letter->entity, &letter->letter, &again, &keys, err);

	if (st == PLI_OK)
		st = db_query(conn, &rows, err, PROOF_GET, "uui", &letter->entity, &letter->letter, (int64_t)n);
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && !db_uuid(&rows, 0, &object))
		st = err_set(err, PLI_IO, "The stored letter is damaged.");
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	if (st == PLI_OK)
		st = object_read(office->parts.objects, &letter->entity, &letter->letter, &object, keys.proof_key, 0, &is, err);
	while (st == PLI_OK && got) {
		st = istream_read(is, buf_reserve(out, 65536), 65536, &got, err);
		out->n += st == PLI_OK ? got : 0;
	}
	istream_close(is);
	mem_wipe(keys.proof_key, sizeof(keys.proof_key));
	return st;
}
