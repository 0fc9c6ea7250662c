/* The one transaction of a deposit.  All sealing is done before; the writer thread only inserts.
 *
 * Entries are queued in this order: draft.created (a draft has its own already), deposit.accepted (document chain), consigned for each recipient in
 * To, Cc, Bcc order.  The letter's row, its notices and the kept answer are written when deposit.accepted has its number. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "db.h"
#include "object.h"

#include "journal.h"

#include "directory.h"

#include "deposit_own.h"
#include "draft_own.h"
#include "office_own.h"
#include "upload_own.h"

static const char LETTER_ADD[] =
	"INSERT INTO letter (entity, letter, account, number, created, expires, state, mode, class, password, password_hash, kid, "
	"letter_key, manifest, recipients, opened, settled, failures, sealed, message, message_object, message_size, message_sha256, "
	"retention, content_until, evidence_until, retention_due, profile) "
	"VALUES ($1, $2, $3, $4, $5, $6, 'created', $7, $8, $9, $10, $11, $12, $13, $14, 0, 0, 0, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)";
static const char RECIPIENT_ADD[] =
	"INSERT INTO recipient (entity, letter, n, recipient, kind, state, sends, tries, renewals, renewal_day, token, sealed, sheet) "
	"VALUES ($1, $2, $3, $4, $5, 'pending', 0, 0, 0, 0, $6, $7, $8)";
static const char LINK_ADD[] = "INSERT INTO link (token_hash, entity, letter, n) VALUES ($1, $2, $3, $4)";
static const char PART_ADD[] = "INSERT INTO part (entity, letter, n, object, size, sha256, crc32, sealed) "
			       "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
static const char NOTICE_ADD[] =
	"INSERT INTO notice (entity, notice, letter, n, kind, send, created, due, tries, gate) "
	"VALUES ($1, $2, $3, $4, 'first', 1, $5, $5, 0, $6)";

static enum pli_status letter_insert(struct db_tx *tx, struct deposit_work *w, struct err *err)
{
	const struct letter *l = &w->letter;

	return db_run(tx->conn, NULL, err, LETTER_ADD, "uuuiiitttbtbbibbuibtiiit", &l->entity, &l->letter, &l->account,
		      (int64_t)l->number, l->created_us, l->expires_us, l->mode, l->class_, l->password, w->password_sealed.p,
		      w->password_sealed.n, w->kid, w->wrapped_key.p, w->wrapped_key.n, l->manifest, (size_t)32,
		      (int64_t)l->recipient_count, w->sealed.p, w->sealed.n, w->message_sealed.p, w->message_sealed.n,
		      w->has_message_object ? &w->message_object : NULL, (int64_t)l->message_size, l->message_sha256, (size_t)32,
		      l->retention, l->content_until_us, l->evidence_until_us, w->due_us, l->profile);
}

static enum pli_status notices_insert(struct db_tx *tx, struct deposit_work *w, int64_t t_us, struct err *err)
{
	const struct letter *l = &w->letter;
	/* The journal's time never goes back: after a clock that was ahead it may be next year's, and nobody waits for that. */
	int64_t now_us = clock_now_us(), due_us = t_us < now_us ? t_us : now_us;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < l->recipient_count; i++)
		st = db_run(tx->conn, NULL, err, NOTICE_ADD, "uuuiii", &l->entity, &w->recipients[i].notice, &l->letter,
			    (int64_t)l->recipients[i].n, due_us, (int64_t)l->number);
	return st;
}

static enum pli_status answer_keep(struct db_tx *tx, const struct deposit_work *w, int64_t t_us, struct err *err)
{
	AUTO_BUF body;

	buf_init(&body);
	letter_json(&w->letter, &body);
	return once_keep(tx, &w->once, w->who, &w->letter.letter, body.p, body.n, t_us, err);
}

/* deposit.accepted has its number: the letter's. */
static enum pli_status accepted_numbered(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	struct deposit_work *w = arg;
	enum pli_status st;

	w->letter.number = seq + 1;
	st = letter_insert(tx, w, err);
	if (st == PLI_OK)
		st = search_add(tx, &w->letter, &w->terms, err);
	if (st == PLI_OK)
		st = notices_insert(tx, w, t_us, err);
	if (st == PLI_OK && w->once.used)
		st = answer_keep(tx, w, t_us, err);
	return st;
}

static enum pli_status recipients_insert(struct db_tx *tx, struct deposit_work *w, struct err *err)
{
	const struct letter *l = &w->letter;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < l->recipient_count; i++) {
		const struct letter_recipient *r = &l->recipients[i];
		const struct deposit_recipient *d = &w->recipients[i];
		st = db_run(tx->conn, NULL, err, RECIPIENT_ADD, "uuiutbbb", &l->entity, &l->letter, (int64_t)r->n, &r->recipient,
			    r->kind, d->wrapped_token.p, d->wrapped_token.n, d->sealed.p, d->sealed.n, d->sealed_sheet.p,
			    d->sealed_sheet.n);
		if (st == PLI_OK)
			st = db_run(tx->conn, NULL, err, LINK_ADD, "buui", d->link_key, (size_t)32, &l->entity, &l->letter,
				    (int64_t)r->n);
	}
	return st;
}

static enum pli_status parts_insert(struct db_tx *tx, struct deposit_work *w, struct err *err)
{
	const struct letter *l = &w->letter;
	enum pli_status st = PLI_OK;

	/* Those of a draft stand there already. */
	for (unsigned i = 0; st == PLI_OK && !w->deposit->draft && i < l->part_count; i++) {
		const struct letter_part *p = &l->parts[i];
		st = db_run(tx->conn, NULL, err, PART_ADD, "uuiuibib", &l->entity, &l->letter, (int64_t)p->n, &p->object,
			    (int64_t)p->size, p->sha256, (size_t)32, (int64_t)p->crc32, w->parts_sealed[i].p, w->parts_sealed[i].n);
	}
	for (unsigned i = 0; st == PLI_OK && i < w->upload_count; i++)
		st = upload_use_apply(tx, &l->entity, &w->uploads[i], err);
	return st;
}

enum pli_status deposit_entries(struct deposit_work *w, struct err *err)
{
	const struct letter *l = &w->letter;
	struct journal *journal = w->office->parts.journal;
	struct journal_event created = { .ev = "draft.created", .actor = w->actor, .entity = &l->entity, .letter = &l->letter,
					 .shown_json = w->shown, .meta_key = w->who->meta_key, .owner = &l->account };
	struct journal_event accepted = created;
	struct journal_actor system = { .method = "system", .channel = "system" };
	enum pli_status st = PLI_OK;

	w->entries = POOL_ARRAY(w->pool, struct journal_entry *, l->recipient_count + 2);
	if (!w->deposit->draft)
		st = journal_prepare(journal, w->pool, &created, &w->entries[w->entry_count++], err);
	accepted.ev = "deposit.accepted";
	accepted.d_json = w->accepted_d;
	accepted.h_json = w->manifest_h;
	accepted.numbered = accepted_numbered;
	accepted.arg = w;
	accepted.bytes = l->message_size;
	for (unsigned i = 0; i < l->part_count; i++)
		accepted.bytes += l->parts[i].size;
	if (st == PLI_OK)
		st = journal_prepare(journal, w->pool, &accepted, &w->entries[w->entry_count++], err);
	for (unsigned i = 0; st == PLI_OK && i < l->recipient_count; i++) {
		struct journal_event consigned = {
			.ev = "consigned", .actor = &system, .entity = &l->entity, .letter = &l->letter,
			.recipient = &l->recipients[i].recipient, .h_json = w->manifest_h, .shown_json = w->recipients[i].sheet.json,
			.sheet_salt = w->recipients[i].sheet.salt, .shown_elsewhere = true, .meta_key = w->who->meta_key,
			.owner = &l->account, .hidden = str_eq(l->recipients[i].kind, "bcc"),
		};
		st = journal_prepare(journal, w->pool, &consigned, &w->entries[w->entry_count++], err);
	}
	return st;
}

enum pli_status deposit_write(struct db_tx *tx, void *work, struct err *err)
{
	struct deposit_work *w = work;
	enum pli_status st = directory_kek_current(w->office->parts.directory, tx, &w->letter.entity, clock_month(w->due_us), w->kid, err);

	w->retired = st == PLI_BUSY;
	if (st == PLI_OK && w->deposit->draft)
		st = draft_end_apply(tx, w->deposit->draft, err);
	if (st == PLI_OK && w->objects)
		st = object_commit_apply(tx, w->objects, err);
	if (st == PLI_OK)
		st = recipients_insert(tx, w, err);
	if (st == PLI_OK)
		st = parts_insert(tx, w, err);
	for (unsigned i = 0; st == PLI_OK && i < w->entry_count; i++)
		st = journal_put(w->office->parts.journal, tx, w->entries[i], err);
	return st;
}
