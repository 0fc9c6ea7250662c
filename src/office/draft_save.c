/* Drafts made, changed, given up: each in one transaction with its journal entry.
 *
 * Added files are committed at once under the draft's key, which is the letter's key to be; what the staging of uploads limits to a week ends
 * there.  Everything that asks the keeper comes before the transaction. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "cipher.h"
#include "db.h"
#include "keywrap.h"
#include "object.h"

#include "journal.h"
#include "keeper.h"

#include "directory.h"

#include "deposit.h"
#include "draft_own.h"
#include "letter_own.h"
#include "office_own.h"
#include "once.h"
#include "upload_own.h"

/* A change so soon after one that the journal took down is not taken down again. */
#define NOTE_EVERY_US (60 * SECOND_US)
#define ADDRESSES_MAX (256 * 1024)
#define LINE_MAX 4096
#define CLASS_MAX 32
#define SWEPT_AT_ONCE 100

static const char DRAFT_ADD[] =
	"INSERT INTO draft (entity, draft, account, created, changed, expires, noted, version, kid, letter_key, sealed, content, class) "
	"VALUES ($1, $2, $3, $4, $4, $5, 0, 1, $6, $7, $8, $9, $10)";
static const char DRAFT_SET[] =
	"UPDATE draft SET changed = $1, expires = $2, noted = $3, version = version + 1, kid = $4, letter_key = $5, sealed = $6, "
	"content = $7, class = $8 WHERE entity = $9 AND draft = $10 AND version = $11";
static const char DRAFT_END[] = "DELETE FROM draft WHERE entity = $1 AND draft = $2 AND version = $3";
static const char PARTS_END[] = "DELETE FROM part WHERE entity = $1 AND letter = $2";
static const char PART_ADD[] = "INSERT INTO part (entity, letter, n, object, size, sha256, crc32, sealed) "
			       "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
static const char OVER_GET[] = "SELECT entity, draft, account FROM draft WHERE expires < $1 ORDER BY expires LIMIT $2";

struct bytes {
	const void *p;
	size_t n;
};

struct saving {
	struct office *office;
	const struct principal *who;
	const struct journal_actor *actor;
	struct pool *pool;
	const struct draft_change *change;
	const struct draft *old;	/* NULL: a new one */
	struct draft now;		/* as it will be */
	int64_t now_us;
	bool note;
	struct uuid *added, *removed, *uploads;
	unsigned added_count, removed_count, upload_count;
	bool parts_differ;
	char kid[64];
	bool retired;			/* it was, before the transaction: nothing is written */
	struct bytes wrapped, sealed, content, *parts_sealed;
	struct object_commit *objects;
	struct once once;
};

/* ---- what was typed ---- */

static enum pli_status field_take(struct saving *s, const char *name, const char *given, const char *old, size_t max, const char **to,
				  struct err *err)
{
	size_t n;

	*to = given ? given : old;
	if (!given)
		return PLI_OK;
	n = strlen(given);
	if (n > max && str_eq(name, "message")) {
		err_field(err, PLI_LIMIT, "message-too-long", "message", "The message is longer than 1 MiB.");
		return err_hint(err, "Attach long texts as files.");
	}
	if (n > max)
		return err_field(err, PLI_INVALID, "draft-too-long", name, "This field has %zu bytes; at most %zu are kept.", n, max);
	if (!utf8_valid(given, n))
		return err_field(err, PLI_INPUT, "bad-utf8", name, "This field is not valid UTF-8.");
	*to = pool_str(s->pool, given);
	return PLI_OK;
}

static enum pli_status fields_take(struct saving *s, struct err *err)
{
	static const struct draft EMPTY = { .to = "", .cc = "", .bcc = "", .subject = "", .message = "", .password = "", .expires = "", .class_ = "" };
	const struct draft_change *c = s->change;
	const struct draft *old = s->old ? s->old : &EMPTY;
	struct draft *d = &s->now;
	enum pli_status st = field_take(s, "to", c->to, old->to, ADDRESSES_MAX, &d->to, err);

	if (st == PLI_OK)
		st = field_take(s, "cc", c->cc, old->cc, ADDRESSES_MAX, &d->cc, err);
	if (st == PLI_OK)
		st = field_take(s, "bcc", c->bcc, old->bcc, ADDRESSES_MAX, &d->bcc, err);
	if (st == PLI_OK)
		st = field_take(s, "subject", c->subject, old->subject, LINE_MAX, &d->subject, err);
	if (st == PLI_OK)
		st = field_take(s, "message", c->message, old->message, DEPOSIT_MESSAGE_MAX, &d->message, err);
	if (st == PLI_OK)
		st = field_take(s, "password", c->password, old->password, LINE_MAX, &d->password, err);
	if (st == PLI_OK)
		st = field_take(s, "expires", c->expires, old->expires, LINE_MAX, &d->expires, err);
	if (st == PLI_OK)
		st = field_take(s, "class", c->class_, old->class_, CLASS_MAX, &d->class_, err);
	return st;
}

static bool fields_same(const struct draft *a, const struct draft *b)
{
	return str_eq(a->to, b->to) && str_eq(a->cc, b->cc) && str_eq(a->bcc, b->bcc) && str_eq(a->subject, b->subject) &&
	       str_eq(a->message, b->message) && str_eq(a->password, b->password) && str_eq(a->expires, b->expires) &&
	       str_eq(a->class_, b->class_);
}

/* ---- files ---- */

static bool is_removed(const struct saving *s, unsigned n)
{
	for (unsigned i = 0; i < s->change->remove_count; i++)
		if (s->change->remove[i] == n)
			return true;
	return false;
}

static void part_append(struct saving *s, const struct letter_part *part)
{
	s->now.parts[s->now.part_count] = *part;
	s->now.parts[s->now.part_count].n = s->now.part_count + 1;
	s->now.part_count++;
}

static enum pli_status uploads_take(struct saving *s, struct err *err)
{
	struct db_conn *conn;
	enum pli_status st = PLI_OK;

	if (!s->upload_count)
		return PLI_OK;
	conn = db_reader_take(s->office->parts.db);
	for (unsigned i = 0; st == PLI_OK && i < s->upload_count; i++) {
		struct letter_part part = { 0 };

		if (!uuid_parse(&s->uploads[i], s->change->uploads[i]))
			st = err_field(err, PLI_INVALID, "unknown-upload", "uploads", "There is no upload with that id.");
		if (st == PLI_OK)
			st = upload_as_part(s->office, s->who, s->pool, conn, &s->uploads[i], &part, err);
		if (st == PLI_OK) {
			s->added[s->added_count++] = part.object;
			part_append(s, &part);
		}
	}
	db_reader_give(s->office->parts.db, conn);
	return st;
}

static enum pli_status parts_take(struct saving *s, struct err *err)
{
	const struct draft_change *c = s->change;
	unsigned had = s->old ? s->old->part_count : 0, most;

	while (c->uploads && c->uploads[s->upload_count])
		s->upload_count++;
	most = had + c->part_count + s->upload_count;
	s->now.parts = POOL_ARRAY(s->pool, struct letter_part, most + 1);
	s->added = POOL_ARRAY(s->pool, struct uuid, most + 1);
	s->removed = POOL_ARRAY(s->pool, struct uuid, had + 1);
	s->uploads = POOL_ARRAY(s->pool, struct uuid, s->upload_count + 1);
	for (unsigned i = 0; i < had; i++) {
		if (is_removed(s, s->old->parts[i].n))
			s->removed[s->removed_count++] = s->old->parts[i].object;
		else
			part_append(s, &s->old->parts[i]);
	}
	for (unsigned i = 0; i < c->part_count; i++) {
		const struct deposit_part *from = &c->parts[i];
		struct letter_part part = { .name = from->name, .type = from->type, .size = from->size, .crc32 = from->crc32,
					    .object = from->object };

		memcpy(part.sha256, from->sha256, 32);
		s->added[s->added_count++] = from->object;
		part_append(s, &part);
	}
	if (s->now.part_count + s->upload_count > DEPOSIT_PARTS_MAX)
		return err_field(err, PLI_INVALID, "too-many-parts", "file", "A letter has at most %d files.", DEPOSIT_PARTS_MAX);
	s->parts_differ = s->removed_count || c->part_count || s->upload_count;
	return uploads_take(s, err);
}

/* ---- keys, and everything sealed ---- */

static struct bytes kept(struct saving *s, struct buf *scratch)
{
	struct bytes b = { pool_dup(s->pool, scratch->p, scratch->n), scratch->n };

	buf_reset(scratch);
	return b;
}

static enum pli_status key_wrap_under(struct saving *s, struct err *err)
{
	uint8_t aad[META_AAD_MAX];
	struct keywrap keywrap;
	struct keywrap_item item = { .kid = s->kid, .aad = aad, .in = s->now.letter_key, .in_n = 32 };
	enum pli_status st = directory_kek(s->office->parts.directory, "letter", &s->now.entity, clock_month(s->now_us + DRAFT_KEY_US),
					   s->kid, err);

	if (st != PLI_OK)
		return st;
	item.aad_n = meta_aad(aad, LETTER_KEY_PLACE(&s->now.entity, &s->now.draft));
	keeper_keywrap(s->office->parts.keeper, &keywrap);
	st = keywrap.wrap(keywrap.arg, &item, 1, err);
	if (st == PLI_OK)
		s->wrapped = (struct bytes){ pool_dup(s->pool, item.out, item.out_n), item.out_n };
	return st;
}

/* The month's KEK may just have been changed for another. */
static enum pli_status key_wrap(struct saving *s, struct err *err)
{
	enum pli_status st = key_wrap_under(s, err);

	if (st != PLI_ABSENT)
		return st;
	directory_keks_forget(s->office->parts.directory);
	return key_wrap_under(s, err);
}

static enum pli_status parts_seal(struct saving *s, struct buf *scratch, struct err *err)
{
	enum pli_status st = PLI_OK;

	s->parts_sealed = POOL_ARRAY(s->pool, struct bytes, s->now.part_count + 1);
	for (unsigned i = 0; st == PLI_OK && s->parts_differ && i < s->now.part_count; i++) {
		const struct letter_part *p = &s->now.parts[i];
		const char *texts[PART_TEXTS] = { [PART_NAME] = p->name, [PART_TYPE] = p->type };

		st = meta_seal_texts(s->who->meta_key, PART_PLACE(&s->now.entity, &s->now.draft, p->n), texts, PART_TEXTS, scratch, err);
		s->parts_sealed[i] = kept(s, scratch);
	}
	return st;
}

static enum pli_status all_seal(struct saving *s, struct err *err)
{
	const struct draft *d = &s->now;
	const char *texts[DRAFT_TEXTS] = { [DRAFT_TO] = d->to, [DRAFT_CC] = d->cc, [DRAFT_BCC] = d->bcc, [DRAFT_SUBJECT] = d->subject,
					   [DRAFT_EXPIRES] = d->expires };
	const char *content[DRAFT_CONTENTS] = { [DRAFT_MESSAGE] = d->message, [DRAFT_PASSWORD] = d->password };
	AUTO_BUF scratch;
	enum pli_status st = key_wrap(s, err);

	buf_init(&scratch);
	if (st == PLI_OK)
		st = meta_seal_texts(s->who->meta_key, DRAFT_PLACE(&d->entity, &d->draft), texts, DRAFT_TEXTS, &scratch, err);
	s->sealed = kept(s, &scratch);
	if (st == PLI_OK)
		st = meta_seal_texts(d->letter_key, DRAFT_CONTENT_PLACE(&d->entity, &d->draft), content, DRAFT_CONTENTS, &scratch, err);
	s->content = kept(s, &scratch);
	if (st == PLI_OK)
		st = parts_seal(s, &scratch, err);
	if (st == PLI_OK && s->added_count)
		st = object_commit_prepare(s->office->parts.objects, s->pool, &d->entity, &d->draft, d->letter_key, s->added,
					   s->added_count, &s->objects, err);
	return st;
}

/* ---- the transaction ---- */

static enum pli_status changed_meanwhile(struct err *err)
{
	err_field(err, PLI_CONFLICT, "draft-changed", "", "The draft was changed, sent or deleted meanwhile.");
	return err_hint(err, "Load it again, and make your change there.");
}

static enum pli_status row_write(struct db_tx *tx, struct saving *s, struct err *err)
{
	const struct draft *d = &s->now;
	int64_t changed = 1;
	enum pli_status st;

	if (!s->old)
		return db_run(tx->conn, NULL, err, DRAFT_ADD, "uuuiitbbbt", &d->entity, &d->draft, &d->account, s->now_us, d->expires_us,
			      s->kid, s->wrapped.p, s->wrapped.n, s->sealed.p, s->sealed.n, s->content.p, s->content.n, d->class_);
	st = db_run(tx->conn, &changed, err, DRAFT_SET, "iiitbbbtuui", s->now_us, d->expires_us, s->note ? s->now_us : d->noted_us, s->kid,
		    s->wrapped.p, s->wrapped.n, s->sealed.p, s->sealed.n, s->content.p, s->content.n, d->class_, &d->entity, &d->draft,
		    (int64_t)s->old->version);
	return st == PLI_OK && changed != 1 ? changed_meanwhile(err) : st;
}

static enum pli_status parts_write(struct db_tx *tx, struct saving *s, struct err *err)
{
	const struct draft *d = &s->now;
	enum pli_status st = s->parts_differ ? db_run(tx->conn, NULL, err, PARTS_END, "uu", &d->entity, &d->draft) : PLI_OK;

	for (unsigned i = 0; st == PLI_OK && s->parts_differ && i < d->part_count; i++) {
		const struct letter_part *p = &d->parts[i];

		st = db_run(tx->conn, NULL, err, PART_ADD, "uuiuibib", &d->entity, &d->draft, (int64_t)p->n, &p->object, (int64_t)p->size,
			    p->sha256, (size_t)32, (int64_t)p->crc32, s->parts_sealed[i].p, s->parts_sealed[i].n);
	}
	for (unsigned i = 0; st == PLI_OK && i < s->removed_count; i++)
		st = object_erase_apply(tx, &d->entity, &d->draft, &s->removed[i], err);
	for (unsigned i = 0; st == PLI_OK && i < s->upload_count; i++)
		st = upload_use_apply(tx, &d->entity, &s->uploads[i], err);
	return st;
}

static enum pli_status entry_write(struct db_tx *tx, const struct saving *s, const char *ev, struct err *err)
{
	struct journal_event event = { .ev = ev, .actor = s->actor, .entity = &s->now.entity, .letter = &s->now.draft,
				       .shown_json = draft_shown(tx->pool, s->who, s->now.subject), .meta_key = s->who->meta_key,
				       .owner = &s->who->account };

	return journal_add(s->office->parts.journal, tx, &event, err);
}

static enum pli_status saving_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct saving *s = arg;
	enum pli_status st = directory_kek_current(s->office->parts.directory, tx, &s->now.entity, clock_month(s->now_us + DRAFT_KEY_US), s->kid,
						   err);

	s->retired = st == PLI_BUSY;
	if (st == PLI_OK)
		st = row_write(tx, s, err);
	if (st == PLI_OK && s->objects)
		st = object_commit_apply(tx, s->objects, err);
	if (st == PLI_OK)
		st = parts_write(tx, s, err);
	if (st == PLI_OK && (!s->old || s->note))
		st = entry_write(tx, s, s->old ? "draft.modified" : "draft.created", err);
	return st == PLI_OK ? once_keep(tx, &s->once, s->who, &s->now.draft, NULL, 0, s->now_us, err) : st;
}

static void files_remove(struct office *office, const struct uuid *entity, const struct uuid *objects, unsigned count)
{
	struct err err = { 0 };

	/* What is missed here is found by the sweep: a file without a row. */
	for (unsigned i = 0; i < count; i++)
		if (object_erase_file(office->parts.objects, entity, &objects[i], &err) != PLI_OK)
			log_warn("draft.file", "a file taken out of a draft is left to the sweep: %s", err.text);
}

/* The draft as it is after a transaction that is proven, or (uncertain) will be. */
static enum pli_status save(struct saving *s, struct err *err)
{
	enum pli_status st = office_room(s->office, OFFICE_RESERVE_DEPOSIT, err);

	s->now.expires_us = s->now_us + DRAFT_LIFE_US;
	if (st == PLI_OK)
		st = all_seal(s, err);
	if (st == PLI_OK)
		st = db_write(s->office->parts.db, saving_write, s, err);
	for (int tries = 0; st == PLI_BUSY && s->retired && tries < 3; tries++) {
		st = key_wrap(s, err);
		if (st == PLI_OK)
			st = db_write(s->office->parts.db, saving_write, s, err);
	}
	mem_wipe(s->now.letter_key, sizeof(s->now.letter_key));
	if (st == PLI_UNCERTAIN)	/* stored; nothing is promised of a draft that a head must cover */
		st = PLI_OK;
	if (st != PLI_OK && s->objects)
		object_commit_abandon(s->objects);
	if (st == PLI_OK)
		files_remove(s->office, &s->now.entity, s->removed, s->removed_count);
	return st;
}

/* ---- making ---- */

/* All that was asked, for the fingerprint of the key. */
static void content_write(const struct draft_change *c, struct buf *out)
{
	const char *const texts[] = { c->to, c->cc, c->bcc, c->subject, c->message, c->password, c->expires };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		buf_blob(out, texts[i], texts[i] ? strlen(texts[i]) : 0);
	if (c->class_ && *c->class_)
		buf_blob(out, c->class_, strlen(c->class_));
	for (unsigned i = 0; i < c->part_count; i++) {
		buf_blob(out, c->parts[i].name, strlen(c->parts[i].name));
		buf_add(out, c->parts[i].sha256, 32);
	}
	for (unsigned i = 0; c->uploads && c->uploads[i]; i++)
		buf_blob(out, c->uploads[i], strlen(c->uploads[i]));
}

static enum pli_status create_begin(struct saving *s, bool *replayed_r, struct uuid *draft_r, struct err *err)
{
	const struct draft_change *c = s->change;
	AUTO_BUF content, ignored = { 0 };
	struct once_request request = { .key = c->idempotency_key, .route = c->route ? c->route : "draft", .patient = c->patient };

	buf_init_secret(&content);
	/* A page's key stands for the form that was opened, whatever was typed into it before which button. */
	if (!c->patient)
		content_write(c, &content);
	request.content = content.p;
	request.content_n = content.n;
	return once_begin(s->office, s->who, s->pool, &request, &s->once, replayed_r, draft_r, &ignored, err);
}

enum pli_status draft_create(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
			     const struct draft_change *change, struct uuid *draft_r, bool *replayed_r, struct err *err)
{
	struct saving *s = POOL_NEW(pool, struct saving);
	enum pli_status st = principal_may(who, RIGHT_DEPOSIT, NULL, NULL, err);

	*s = (struct saving){ .office = office, .who = who, .actor = actor, .pool = pool, .change = change, .now_us = clock_now_us() };
	*replayed_r = false;
	s->now.entity = who->entity;
	s->now.account = who->account;
	uuid_make(&s->now.draft);
	mem_random(s->now.letter_key, sizeof(s->now.letter_key));
	if (st == PLI_OK)
		st = fields_take(s, err);
	if (st == PLI_OK)
		st = create_begin(s, replayed_r, draft_r, err);
	if (st == PLI_OK && !*replayed_r)
		st = parts_take(s, err);
	if (st == PLI_OK && !*replayed_r)
		st = save(s, err);
	once_end(office, &s->once);
	if (st == PLI_OK && !*replayed_r)
		*draft_r = s->now.draft;
	return st;
}

enum pli_status draft_change(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
			     const char *id, const struct draft_change *change, struct err *err)
{
	struct saving *s = POOL_NEW(pool, struct saving);
	struct draft *old;
	enum pli_status st = draft_get(office, who, pool, id, &old, err);

	if (st == PLI_OK && change->version && change->version != old->version)
		st = changed_meanwhile(err);
	if (st != PLI_OK)
		return st;
	*s = (struct saving){ .office = office, .who = who, .actor = actor, .pool = pool, .change = change, .old = old, .now = *old,
			      .now_us = clock_now_us() };
	s->now.parts = NULL;
	s->now.part_count = 0;
	s->note = s->now_us - old->noted_us >= NOTE_EVERY_US;
	st = fields_take(s, err);
	if (st == PLI_OK)
		st = parts_take(s, err);
	if (st == PLI_OK && !s->parts_differ && fields_same(old, &s->now))
		return PLI_OK;
	return st == PLI_OK ? save(s, err) : st;
}

/* ---- the end ---- */

enum pli_status draft_end_apply(struct db_tx *tx, const struct draft *draft, struct err *err)
{
	int64_t changed;
	enum pli_status st = db_run(tx->conn, &changed, err, DRAFT_END, "uui", &draft->entity, &draft->draft, (int64_t)draft->version);

	return st == PLI_OK && changed != 1 ? changed_meanwhile(err) : st;
}

static enum pli_status delete_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct saving *s = arg;
	enum pli_status st = draft_end_apply(tx, &s->now, err);

	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, PARTS_END, "uu", &s->now.entity, &s->now.draft);
	for (unsigned i = 0; st == PLI_OK && i < s->now.part_count; i++)
		st = object_erase_apply(tx, &s->now.entity, &s->now.draft, &s->now.parts[i].object, err);
	return st == PLI_OK ? entry_write(tx, s, "draft.deleted", err) : st;
}

static enum pli_status give_up(struct saving *s, const struct draft *draft, struct err *err)
{
	enum pli_status st;

	s->now = *draft;
	st = db_write(s->office->parts.db, delete_write, s, err);
	mem_wipe(s->now.letter_key, sizeof(s->now.letter_key));
	if (st != PLI_OK && st != PLI_UNCERTAIN)
		return st;
	for (unsigned i = 0; i < draft->part_count; i++)
		files_remove(s->office, &draft->entity, &draft->parts[i].object, 1);
	return PLI_OK;
}

enum pli_status draft_delete(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
			     const char *id, struct err *err)
{
	struct saving s = { .office = office, .who = who, .actor = actor, .pool = pool };
	struct draft *draft;
	enum pli_status st = draft_get(office, who, pool, id, &draft, err);

	if (st == PLI_OK)
		st = office_room(office, OFFICE_RESERVE_READ, err);
	return st == PLI_OK ? give_up(&s, draft, err) : st;
}

/* ---- what nobody touched ---- */

static enum pli_status over_find(struct office *office, int64_t now_us, struct uuid ids[SWEPT_AT_ONCE][3], unsigned *count_r,
				 struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, OVER_GET, "ii", now_us, (int64_t)SWEPT_AT_ONCE);

	*count_r = 0;
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct uuid *id = ids[(*count_r)++];

		if (!db_uuid(&rows, 0, &id[0]) || !db_uuid(&rows, 1, &id[1]) || !db_uuid(&rows, 2, &id[2]))
			st = err_set(err, PLI_IO, "A draft's row is damaged.");
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status over_drop(struct office *office, const struct uuid id[3], struct err *err)
{
	static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };
	AUTO_POOL pool = pool_new_secret();
	struct principal author = { .entity = id[0], .account = id[2], .name = "", .siren = "" };
	struct saving s = { .office = office, .who = &author, .actor = &SYSTEM, .pool = pool };
	struct directory_entity entity;
	struct draft *draft;
	enum pli_status st = directory_meta_key(office->parts.directory, &id[0], &author.meta_key, err);

	if (st == PLI_OK)
		st = directory_entity_get(office->parts.directory, pool, &id[0], &entity, err);
	if (st != PLI_OK)
		return st;
	author.entity_name = entity.name;
	author.siren = entity.siren;
	st = draft_load(office, &author, pool, &id[1], &draft, err);
	return st == PLI_OK ? give_up(&s, draft, err) : st;
}

enum pli_status draft_sweep(struct office *office, int64_t now_us, struct err *err)
{
	struct uuid ids[SWEPT_AT_ONCE][3];
	unsigned count;
	struct err why = { 0 };
	enum pli_status st = over_find(office, now_us, ids, &count, err);

	/* One that cannot go now waits alone for the next minute. */
	for (unsigned i = 0; st == PLI_OK && i < count; i++)
		if (over_drop(office, ids[i], &why) != PLI_OK)
			log_warn("draft.sweep", "a draft past its time is still there: %s", why.text);
	return st;
}
