/* See archive_import.h.  Here: what is staged; archive_write.c has the transaction. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "stream.h"

#include "db.h"
#include "object.h"

#include "bundle_facts.h"

#include "directory.h"

#include "archive_work.h"
#include "office_own.h"
#include "retention.h"

#define STAGING_US DAY_US

static const char LETTER_THERE[] = "SELECT 1 FROM letter WHERE entity = $1 AND letter = $2";
/* Its entries are chained by the letter's id: those of two entities cannot stand in one journal. */
static const char ELSEWHERE[] = "SELECT 1 FROM journal WHERE letter = $1 AND entity <> $2 LIMIT 1";

enum pli_status archive_import_new(struct office *office, const struct journal_actor *by, const struct uuid *entity, const char *retention,
				   struct archive_import **import_r, struct err *err)
{
	struct retention_span span;
	struct archive_import *a;
	const uint8_t *key;
	struct pool *pool;
	enum pli_status st = retention_find(office, entity, retention, &span, err);

	if (st == PLI_OK)
		st = directory_meta_key(office->parts.directory, entity, &key, err);
	if (st == PLI_OK)
		st = office_room(office, OFFICE_RESERVE_DEPOSIT, err);
	if (st != PLI_OK)
		return st;
	pool = pool_new_secret();
	a = POOL_NEW(pool, struct archive_import);
	*a = (struct archive_import){ .office = office, .by = by, .entity = *entity, .meta_key = key, .pool = pool, .now_us = clock_now_us() };
	a->span = span;
	a->content_until_us = a->now_us + (int64_t)span.content_days * DAY_US;
	a->evidence_until_us = a->now_us + (int64_t)span.evidence_days * DAY_US;
	a->last = &a->first;
	*import_r = a;
	return PLI_OK;
}

void archive_import_free(struct archive_import *a)
{
	if (!a)
		return;
	ostream_close(a->os);
	/* What cannot be removed now is removed by the sweep. */
	for (struct archived *l = a->done ? NULL : a->first; l; l = l->next) {
		if (l->content)
			object_commit_abandon(l->content);
		if (l->evidence)
			object_commit_abandon(l->evidence);
		for (unsigned i = 0; i < l->staged_count; i++)
			(void)!object_discard(a->office->parts.objects, &a->entity, &l->staged[i], NULL);
	}
	buf_free(&a->message);
	pool_free(a->pool);
}

/* ---- one letter ---- */

static enum pli_status there(struct archive_import *a, const char *sql, const struct uuid *x, const struct uuid *y, bool *there_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(a->office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "uu", x, y);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	*there_r = st == PLI_OK;
	db_end(&rows);
	db_reader_give(a->office->parts.db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static const char *text(struct archive_import *a, const char *s)
{
	return pool_str(a->pool, s ? s : "");
}

static void people_copy(struct archive_import *a, const struct bundle_facts *facts, struct letter *l)
{
	l->recipient_count = facts->sheet_count;
	l->recipients = POOL_ARRAY(a->pool, struct letter_recipient, facts->sheet_count + 1);
	for (unsigned i = 0; i < facts->sheet_count; i++) {
		const struct facts_sheet *s = &facts->sheets[i];

		l->recipients[i] = (struct letter_recipient){ .n = i + 1, .recipient = *s->recipient, .name = text(a, s->s.recipient_name),
							      .address = text(a, s->s.recipient_address), .kind = text(a, s->s.recipient_kind) };
	}
}

static void parts_copy(struct archive_import *a, const struct bundle_facts *facts, struct letter *l)
{
	l->part_count = facts->part_count;
	l->parts = POOL_ARRAY(a->pool, struct letter_part, facts->part_count + 1);
	for (unsigned i = 0; i < facts->part_count; i++) {
		const struct bundle_part *p = &facts->parts[i];

		l->parts[i] = (struct letter_part){ .n = p->n, .name = text(a, p->name), .type = text(a, p->type), .size = p->size };
		memcpy(l->parts[i].sha256, p->sha256, 32);
	}
	l->message_size = facts->message_size;
	memcpy(l->message_sha256, facts->message_sha256, 32);
	memcpy(l->manifest, facts->manifest, 32);
}

/* Whose it is here: the account with the sender's address, if it is one of this entity's; else nobody's, and for readers and auditors alone. */
static enum pli_status owner_find(struct archive_import *a, struct letter *l, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct directory_account account;
	enum pli_status st = directory_account_find(a->office->parts.directory, pool, l->sender_email, &account, err);

	if (st == PLI_OK && uuid_same(&account.entity, &a->entity))
		l->account = account.account;
	return st == PLI_ABSENT ? PLI_OK : st;
}

static void letter_copy(struct archive_import *a, const struct uuid *id, const struct bundle_facts *facts, struct letter *l)
{
	const struct bundle_sheet *s = &facts->sheets[0].s;

	*l = (struct letter){
		.entity = a->entity, .letter = *id, .subject = text(a, s->subject), .state = "archived", .mode = text(a, s->mode),
		.class_ = text(a, s->class_), .password = text(a, s->password), .sender_name = text(a, s->sender_name),
		.sender_email = text(a, s->sender_address), .sender_method = text(a, s->sender_method), .sender_level = s->sender_level,
		.entity_name = text(a, s->entity_name), .siren = text(a, s->siren), .retention = a->span.name,
		.content_until_us = a->content_until_us, .evidence_until_us = a->evidence_until_us, .archived_us = a->now_us,
		.origin_log = text(a, facts->origin), .origin_number = facts->deposit->v.e.seq + 1,
	};
	people_copy(a, facts, l);
	parts_copy(a, facts, l);
	archive_state(a->pool, facts, l);
}

enum pli_status archive_import_letter(struct archive_import *a, const struct uuid *id, const struct bundle_facts *facts,
				      const uint8_t list_sha256[32], struct err *err)
{
	bool known, elsewhere;
	struct archived *l;
	enum pli_status st = there(a, LETTER_THERE, &a->entity, id, &known, err);

	if (st == PLI_OK)
		st = there(a, ELSEWHERE, id, &a->entity, &elsewhere, err);
	if (st == PLI_OK && elsewhere)
		st = err_set(err, PLI_CONFLICT, "a letter of the archive is another entity's here");
	if (st != PLI_OK)
		return st;
	a->now = NULL;
	if (known) {
		a->known++;
		return PLI_OK;
	}
	a->rows += 1 + (uint64_t)facts->sheet_count + facts->part_count;
	if (a->imported == ARCHIVE_IMPORT_MAX || (a->imported && a->rows > ARCHIVE_IMPORT_ROWS_MAX))
		return err_set(err, PLI_LIMIT, "too much for one import (at most %d letters, and %d letters, recipients and files together): split it, by "
			       "exporting some of the letters at a time (pli archive export --letter)", ARCHIVE_IMPORT_MAX, ARCHIVE_IMPORT_ROWS_MAX);
	l = POOL_NEW(a->pool, struct archived);
	*l = (struct archived){ .work = a };
	letter_copy(a, id, facts, &l->letter);
	memcpy(l->list_sha256, list_sha256, 32);
	mem_random(l->letter_key, 32);
	mem_random(l->proof_key, 32);
	l->staged = POOL_ARRAY(a->pool, struct uuid, facts->part_count + facts->sheet_count + 2);
	l->proofs = POOL_ARRAY(a->pool, struct archived_proof, facts->sheet_count + 1);
	*a->last = l;
	a->last = &l->next;
	a->now = l;
	a->imported++;
	return owner_find(a, &l->letter, err);
}

/* ---- what belongs to it ---- */

/* What was begun and not ended, as its file was altered, is gone: row, file and stream. */
static void unstage(struct archive_import *a)
{
	ostream_close(a->os);
	a->os = NULL;
}

static enum pli_status stage(struct archive_import *a, uint64_t size, struct err *err)
{
	struct object_stage_options options = {
		.entity = &a->entity, .limit_bytes = size, .reserve_bytes = a->office->parts.settings->reserve_deposit_bytes,
		.expires_us = clock_now_us() + STAGING_US,
	};

	unstage(a);
	return object_stage(a->office->parts.objects, &options, &a->os, &a->now->staged[a->now->staged_count], err);
}

static enum pli_status staged(struct archive_import *a, struct object_info *info_r, struct err *err)
{
	enum pli_status st = ostream_finish(a->os, err);

	if (st == PLI_OK)
		object_staged_info(a->os, info_r);
	ostream_close(a->os);
	a->os = NULL;
	a->now->staged_count += st == PLI_OK;
	return st;
}

enum pli_status archive_import_proof(struct archive_import *a, unsigned n, const void *zip, size_t zip_n, struct err *err)
{
	struct archived *l = a->now;
	struct object_info info;
	enum pli_status st;

	if (!l)
		return PLI_OK;
	st = stage(a, zip_n, err);
	if (st == PLI_OK)
		st = ostream_write(a->os, zip, zip_n, err);
	if (st == PLI_OK)
		st = staged(a, &info, err);
	if (st == PLI_OK)
		l->proofs[l->proof_count++] = (struct archived_proof){ .n = n, .info = info };
	return st;
}

enum pli_status archive_import_content(struct archive_import *a, unsigned n, uint64_t size, struct err *err)
{
	if (!a->now)
		return PLI_OK;
	unstage(a);
	a->content_n = n;
	buf_reset(&a->message);
	a->now->has_content = true;
	if (!n && size <= LETTER_MESSAGE_INLINE_BYTES)
		return PLI_OK;
	return stage(a, size, err);
}

enum pli_status archive_import_bytes(struct archive_import *a, const void *p, size_t n, struct err *err)
{
	if (!a->now)
		return PLI_OK;
	if (a->os)
		return ostream_write(a->os, p, n, err);
	buf_add(&a->message, p, n);
	return PLI_OK;
}

enum pli_status archive_import_content_end(struct archive_import *a, struct err *err)
{
	struct archived *l = a->now;
	struct object_info info;
	enum pli_status st;

	if (!l)
		return PLI_OK;
	if (!a->os) {
		l->message = pool_dup(a->pool, a->message.p ? a->message.p : "", a->message.n);
		l->message_n = a->message.n;
		return PLI_OK;
	}
	st = staged(a, &info, err);
	if (st == PLI_OK && !a->content_n) {
		l->has_message_object = true;
		l->message_object = info.object;
	}
	for (unsigned i = 0; st == PLI_OK && a->content_n && i < l->letter.part_count; i++) {
		if (l->letter.parts[i].n != a->content_n)
			continue;
		l->letter.parts[i].object = info.object;
		l->letter.parts[i].crc32 = info.crc32;
	}
	return st;
}

enum pli_status archive_import_letter_end(struct archive_import *a, struct err *err)
{
	enum pli_status st = a->now ? archive_letter_prepare(a, a->now, err) : PLI_OK;

	a->now = NULL;
	return st;
}
