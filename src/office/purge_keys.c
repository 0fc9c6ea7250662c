/* The end of a month's KEK.  Letters whose content goes in a month lie under that month's KEK; when the month is over and their content has
 * gone, the keeper destroys it, and with it every copy of their keys, wherever backups may lie.  Letters that outlive it (held), and drafts,
 * are wrapped under a later month's first: key by key, content untouched. */
#include <inttypes.h>
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "db.h"
#include "keywrap.h"

#include "journal.h"
#include "keeper.h"

#include "directory.h"

#include "draft_own.h"
#include "letter_own.h"
#include "office_own.h"
#include "retention_own.h"

#define AT_ONCE 64
#define WRAPS_AT_ONCE 256
#define ROUNDS_MAX 64		/* of AT_ONCE letters; more next time */
#define GRACE_US DAY_US		/* after the month's end, for what was under way */

static const char LETTERS_UNDER[] = "SELECT letter, held FROM letter WHERE entity = $1 AND kid = $2 LIMIT $3";
static const char DRAFTS_UNDER[] = "SELECT draft, letter_key FROM draft WHERE entity = $1 AND kid = $2 LIMIT $3";
static const char TOKENS_GET[] = "SELECT n, token FROM recipient WHERE entity = $1 AND letter = $2 ORDER BY n";
static const char KEY_GET[] = "SELECT letter_key FROM letter WHERE entity = $1 AND letter = $2 AND kid = $3";
static const char KEY_SET[] = "UPDATE letter SET kid = $1, letter_key = $2 WHERE entity = $3 AND letter = $4 AND kid = $5";
static const char DRAFT_SET[] = "UPDATE draft SET kid = $1, letter_key = $2 WHERE entity = $3 AND draft = $4 AND kid = $5 AND letter_key = $6";
static const char TOKEN_SET[] = "UPDATE recipient SET token = $1 WHERE entity = $2 AND letter = $3 AND n = $4 AND token = $5";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

/* ---- one letter from one KEK to another ---- */

struct wrapped {
	unsigned n;			/* recipient; 0: the letter key */
	uint8_t old[128], fresh[128];
	size_t old_n, fresh_n;
};
struct rewrap {
	struct office *office;
	struct uuid entity, letter;
	const char *from, *to;
	struct wrapped *all;
	unsigned count;
};

static enum pli_status wrapped_add(struct buf *list, unsigned n, struct db_rows *rows, int column, struct err *err)
{
	struct wrapped w = { .n = n };
	const void *p = db_blob(rows, column, &w.old_n);

	if (!p || w.old_n > sizeof(w.old))
		return err_set(err, PLI_IO, "A wrapped key's row is damaged.");
	memcpy(w.old, p, w.old_n);
	if (w.old_n)
		buf_add(list, &w, sizeof(w));
	return PLI_OK;
}

static enum pli_status wrapped_read(struct rewrap *r, struct db_conn *conn, struct buf *list, struct err *err)
{
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, KEY_GET, "uut", &r->entity, &r->letter, r->from);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		st = wrapped_add(list, 0, &rows, 0, err);
	db_end(&rows);
	if (st == PLI_OK)
		st = db_query(conn, &rows, err, TOKENS_GET, "uu", &r->entity, &r->letter);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		st = wrapped_add(list, (unsigned)db_int(&rows, 0), &rows, 1, err);
	db_end(&rows);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status exchange(struct rewrap *r, struct wrapped *some, unsigned count, struct err *err)
{
	struct keywrap_item *items = mem_alloc(count * sizeof(*items));
	uint8_t (*aads)[META_AAD_MAX] = mem_alloc(count * sizeof(*aads));
	struct keywrap keywrap;
	enum pli_status st;

	keeper_keywrap(r->office->parts.keeper, &keywrap);
	for (unsigned i = 0; i < count; i++) {
		const struct meta_place *place = some[i].n ? LINK_PLACE(&r->entity, &r->letter, some[i].n) : LETTER_KEY_PLACE(&r->entity, &r->letter);

		items[i] = (struct keywrap_item){ .kid = r->from, .aad = aads[i], .in = some[i].old, .in_n = some[i].old_n };
		items[i].aad_n = meta_aad(aads[i], place);
	}
	st = keywrap.unwrap(keywrap.arg, items, count, err);
	for (unsigned i = 0; st == PLI_OK && i < count; i++) {
		memcpy(some[i].fresh, items[i].out, items[i].out_n);
		items[i].kid = r->to;
		items[i].in = some[i].fresh;
		items[i].in_n = items[i].out_n;
	}
	if (st == PLI_OK)
		st = keywrap.wrap(keywrap.arg, items, count, err);
	for (unsigned i = 0; i < count; i++) {
		mem_wipe(some[i].fresh, sizeof(some[i].fresh));
		if (st != PLI_OK)
			continue;
		some[i].fresh_n = items[i].out_n;
		memcpy(some[i].fresh, items[i].out, items[i].out_n);
	}
	mem_wipe(items, count * sizeof(*items));
	mem_free(items);
	mem_free(aads);
	return st;
}

/* All or nothing: who changed one of them meanwhile makes this wait for the next round. */
static enum pli_status rewrap_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct rewrap *r = arg;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < r->count; i++) {
		const struct wrapped *w = &r->all[i];
		int64_t changed = 0;

		if (w->n)
			st = db_run(tx->conn, &changed, err, TOKEN_SET, "buuib", w->fresh, w->fresh_n, &r->entity, &r->letter, (int64_t)w->n,
				    w->old, w->old_n);
		else
			st = db_run(tx->conn, &changed, err, KEY_SET, "tbuut", r->to, w->fresh, w->fresh_n, &r->entity, &r->letter, r->from);
		if (st == PLI_OK && changed != 1)
			st = err_set(err, PLI_BUSY, "A letter's keys changed while they were wrapped anew.");
	}
	return st;
}

static enum pli_status rewrap(struct office *office, const struct uuid *entity, const struct uuid *letter, const char *from, const char *to,
			      struct err *err)
{
	struct rewrap r = { .office = office, .entity = *entity, .letter = *letter, .from = from, .to = to };
	struct db_conn *conn = db_reader_take(office->parts.db);
	AUTO_BUF list = { .secret = 1 };
	enum pli_status st = db_snapshot(conn, err);

	if (st == PLI_OK)
		st = wrapped_read(&r, conn, &list, err);
	db_reader_give(office->parts.db, conn);
	r.all = (struct wrapped *)(void *)list.p;
	r.count = (unsigned)(list.n / sizeof(struct wrapped));
	for (unsigned at = 0; st == PLI_OK && at < r.count; at += WRAPS_AT_ONCE)
		st = exchange(&r, r.all + at, r.count - at < WRAPS_AT_ONCE ? r.count - at : WRAPS_AT_ONCE, err);
	if (st == PLI_OK && r.count && !r.all[0].n)
		st = db_write(office->parts.db, rewrap_fn, &r, err);
	return st;
}

/* ---- one draft ---- */

static enum pli_status draft_rewrap_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct rewrap *r = arg;
	const struct wrapped *w = r->all;

	/* Changed, sent or given up meanwhile: the next round sees what is left. */
	return db_run(tx->conn, NULL, err, DRAFT_SET, "tbuutb", r->to, w->fresh, w->fresh_n, &r->entity, &r->letter, r->from, w->old, w->old_n);
}

/* A draft's key lies in the place of the letter's that it becomes. */
static enum pli_status draft_rewrap(struct office *office, const struct uuid *entity, struct wrapped *w, const struct uuid *draft, const char *from,
				    const char *to, struct err *err)
{
	struct rewrap r = { .office = office, .entity = *entity, .letter = *draft, .from = from, .to = to, .all = w, .count = 1 };
	enum pli_status st = exchange(&r, w, 1, err);

	return st == PLI_OK ? db_write(office->parts.db, draft_rewrap_fn, &r, err) : st;
}

/* ---- one KEK ---- */

struct kek_end {
	struct office *office;
	int64_t now_us;
	const struct directory_kek_over *kek;
};

/* Drafts under it move on, all of them. */
static enum pli_status drafts_move(struct kek_end *e, bool *some_r, struct err *err)
{
	struct uuid drafts[AT_ONCE];
	struct db_conn *conn = db_reader_take(e->office->parts.db);
	struct db_rows rows = { 0 };
	AUTO_BUF list = { .secret = 1 };
	unsigned count = 0;
	char to[64];
	enum pli_status st = db_query(conn, &rows, err, DRAFTS_UNDER, "uti", &e->kek->entity, e->kek->kid, (int64_t)AT_ONCE);

	while (st == PLI_OK && count < AT_ONCE && (st = db_next(&rows, err)) == PLI_OK)
		if (db_uuid(&rows, 0, &drafts[count]) && (st = wrapped_add(&list, 0, &rows, 1, err)) == PLI_OK)
			count++;
	db_end(&rows);
	db_reader_give(e->office->parts.db, conn);
	*some_r = count != 0;
	st = st == PLI_ABSENT ? PLI_OK : st;
	if (st == PLI_OK && count)
		st = directory_kek(e->office->parts.directory, "letter", &e->kek->entity, clock_month(e->now_us + DRAFT_KEY_US), to, err);
	for (unsigned i = 0; st == PLI_OK && i < count; i++)
		st = draft_rewrap(e->office, &e->kek->entity, (struct wrapped *)(void *)list.p + i, &drafts[i], e->kek->kid, to, err);
	return st;
}

/* Letters under it: those held move on, any other keeps it alive (its purge comes first, in another round). */
static enum pli_status letters_move(struct kek_end *e, bool *needed_r, bool *moved_r, struct err *err)
{
	struct uuid held[AT_ONCE];
	struct db_conn *conn = db_reader_take(e->office->parts.db);
	struct db_rows rows = { 0 };
	unsigned count = 0;
	char to[64];
	enum pli_status st = db_query(conn, &rows, err, LETTERS_UNDER, "uti", &e->kek->entity, e->kek->kid, (int64_t)AT_ONCE);

	*needed_r = false;
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		*needed_r = true;
		if (!db_is_null(&rows, 1) && db_uuid(&rows, 0, &held[count]))
			count++;
	}
	db_end(&rows);
	db_reader_give(e->office->parts.db, conn);
	st = st == PLI_ABSENT ? PLI_OK : st;
	if (st == PLI_OK && count)
		st = directory_kek(e->office->parts.directory, "letter", &e->kek->entity, clock_month(e->now_us), to, err);
	for (unsigned i = 0; st == PLI_OK && i < count; i++)
		st = rewrap(e->office, &e->kek->entity, &held[i], e->kek->kid, to, err);
	*moved_r = count != 0;
	return st;
}

static enum pli_status ended_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct kek_end *e = arg;
	enum pli_status st = directory_kek_destroyed(tx, e->kek, e->now_us, err);

	if (st != PLI_OK)
		return st;
	return journal_add(e->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "key.destroyed", .actor = &SYSTEM, .entity = &e->kek->entity,
						    .d_json = pool_fmt(tx->pool, "{\"kid\":\"%s\"}", e->kek->kid) },
			   err);
}

static enum pli_status kek_end(void *arg, const struct directory_kek_over *kek, struct err *err)
{
	struct kek_end e = *(const struct kek_end *)arg;
	bool needed, moved;
	bool drafts = false;
	enum pli_status st;
	unsigned rounds = 0;

	e.kek = kek;
	do {
		st = letters_move(&e, &needed, &moved, err);
		if (st == PLI_OK)
			st = drafts_move(&e, &drafts, err);
	} while (st == PLI_OK && (moved || drafts) && ++rounds < ROUNDS_MAX);
	needed |= drafts;
	if (st != PLI_OK || needed)
		return st;
	st = keeper_kek_destroy(e.office->parts.keeper, kek->kid, err);
	if (st == PLI_OK)
		st = db_write(e.office->parts.db, ended_fn, &e, err);
	if (st != PLI_OK)
		return st;
	log_info("retention.key", "key %s is destroyed", kek->kid);
	return PLI_OK;
}

enum pli_status purge_keys(struct office *office, int64_t now_us, struct err *err)
{
	struct kek_end e = { .office = office, .now_us = now_us };

	return directory_kek_over(office->parts.directory, clock_month(now_us - GRACE_US), kek_end, &e, err);
}
