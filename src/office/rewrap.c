/* See rewrap.h. */
#include <string.h>

#include "pool.h"

#include "db.h"
#include "keywrap.h"

#include "keeper.h"

#include "directory.h"

#include "letter_own.h"
#include "office_own.h"

#include "rewrap.h"

#define WRAPS_AT_ONCE 256

static const char KEY_GET[] = "SELECT letter_key FROM letter WHERE entity = $1 AND letter = $2 AND kid = $3";
static const char TOKENS_GET[] = "SELECT n, token FROM recipient WHERE entity = $1 AND letter = $2 ORDER BY n";
static const char DRAFT_GET[] = "SELECT letter_key FROM draft WHERE entity = $1 AND draft = $2 AND kid = $3";
static const char KEY_SET[] = "UPDATE letter SET kid = $1, letter_key = $2 WHERE entity = $3 AND letter = $4 AND kid = $5 AND letter_key = $6";
static const char TOKEN_SET[] = "UPDATE recipient SET token = $1 WHERE entity = $2 AND letter = $3 AND n = $4 AND token = $5";
static const char DRAFT_SET[] = "UPDATE draft SET kid = $1, letter_key = $2 WHERE entity = $3 AND draft = $4 AND kid = $5 AND letter_key = $6";

struct wrapped {
	const struct uuid *letter;
	const char *from, *to;
	unsigned n;			/* recipient; 0: the letter key */
	uint8_t old[128], fresh[128];
	size_t old_n, fresh_n;
};

/* ---- the keeper's part ---- */

static void place(struct keywrap_item *item, uint8_t aad[META_AAD_MAX], const struct uuid *entity, const struct wrapped *w)
{
	const struct meta_place *place = w->n ? LINK_PLACE(entity, w->letter, w->n) : LETTER_KEY_PLACE(entity, w->letter);

	*item = (struct keywrap_item){ .kid = w->from, .aad = aad, .in = w->old, .in_n = w->old_n };
	item->aad_n = meta_aad(aad, place);
}

static enum pli_status exchange_some(struct office *office, const struct uuid *entity, struct wrapped *some, unsigned count, struct err *err)
{
	struct keywrap_item *items = mem_alloc(count * sizeof(*items));
	uint8_t (*aads)[META_AAD_MAX] = mem_alloc(count * sizeof(*aads));
	struct keywrap keywrap;
	enum pli_status st;

	keeper_keywrap(office->parts.keeper, &keywrap);
	for (unsigned i = 0; i < count; i++)
		place(&items[i], aads[i], entity, &some[i]);
	st = keywrap.unwrap(keywrap.arg, items, count, err);
	for (unsigned i = 0; st == PLI_OK && i < count; i++) {
		memcpy(some[i].fresh, items[i].out, items[i].out_n);
		items[i].kid = some[i].to;
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

static enum pli_status exchange(struct office *office, const struct uuid *entity, struct wrapped *all, unsigned count, struct err *err)
{
	enum pli_status st = PLI_OK;

	for (unsigned at = 0; st == PLI_OK && at < count; at += WRAPS_AT_ONCE)
		st = exchange_some(office, entity, all + at, count - at < WRAPS_AT_ONCE ? count - at : WRAPS_AT_ONCE, err);
	return st;
}

enum pli_status rewrap_values(struct office *office, struct pool *pool, const struct uuid *entity, const struct uuid *letter, const char *from,
			      const char *to, struct rewrap_value *values, unsigned count, struct err *err)
{
	struct wrapped *all = mem_alloc(count * sizeof(*all));
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < count; i++) {
		all[i] = (struct wrapped){ .letter = letter, .from = from, .to = to, .n = values[i].n, .old_n = values[i].wrapped_n };
		if (all[i].old_n > sizeof(all[i].old))
			st = err_set(err, PLI_BUG, "A wrapped key is too long.");
		else
			memcpy(all[i].old, values[i].wrapped, all[i].old_n);
	}
	if (st == PLI_OK)
		st = exchange(office, entity, all, count, err);
	for (unsigned i = 0; st == PLI_OK && i < count; i++) {
		values[i].wrapped = pool_dup(pool, all[i].fresh, all[i].fresh_n);
		values[i].wrapped_n = all[i].fresh_n;
	}
	mem_wipe(all, count * sizeof(*all));
	mem_free(all);
	return st;
}

/* ---- a group ---- */

void rewrap_init(struct rewrap *group, struct office *office, const struct uuid *entity)
{
	memset(group, 0, sizeof(*group));
	group->office = office;
	group->entity = *entity;
	buf_init_secret(&group->keys);
}

void rewrap_free(struct rewrap *group)
{
	buf_free(&group->keys);
}

static struct wrapped *keys_of(const struct rewrap *group)
{
	return (struct wrapped *)(void *)group->keys.p;
}

bool rewrap_full(const struct rewrap *group)
{
	return group->count == REWRAP_LETTERS_MAX || group->keys.n / sizeof(struct wrapped) >= REWRAP_KEYS_FULL;
}

static enum pli_status key_add(struct rewrap *group, unsigned n, struct db_rows *rows, int column, struct err *err)
{
	struct wrapped w = { .n = n };
	const void *p = db_blob(rows, column, &w.old_n);

	if (!p || w.old_n > sizeof(w.old))
		return err_set(err, PLI_INPUT, "A wrapped key's row is damaged.");
	memcpy(w.old, p, w.old_n);
	if (!w.old_n)			/* an archived letter has no links */
		return PLI_OK;
	buf_add(&group->keys, &w, sizeof(w));
	group->letters[group->count].count++;
	return PLI_OK;
}

static enum pli_status tokens_add(struct rewrap *group, struct db_conn *conn, const struct uuid *letter, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, TOKENS_GET, "uu", &group->entity, letter);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		st = key_add(group, (unsigned)db_int(&rows, 0), &rows, 1, err);
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status rewrap_add(struct rewrap *group, struct db_conn *conn, const struct uuid *letter, bool draft, const char *from,
			   int64_t period, struct err *err)
{
	struct rewrap_letter *l = &group->letters[group->count];
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, draft ? DRAFT_GET : KEY_GET, "uut", &group->entity, letter, from);

	*l = (struct rewrap_letter){ .letter = *letter, .draft = draft, .period = period };
	l->first = (unsigned)(group->keys.n / sizeof(struct wrapped));
	snprintf(l->from, sizeof(l->from), "%s", from);
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		st = key_add(group, 0, &rows, 0, err);
	db_end(&rows);
	if (st == PLI_ABSENT)		/* moved, sent or purged meanwhile */
		return PLI_OK;
	if (st == PLI_OK && !draft)
		st = tokens_add(group, conn, letter, err);
	group->count += st == PLI_OK && l->count;
	return st;
}

static enum pli_status letter_apply(struct db_tx *tx, struct rewrap *group, const struct rewrap_letter *l, struct err *err)
{
	int64_t changed = 1;
	enum pli_status st = PLI_OK;

	for (unsigned i = l->first; st == PLI_OK && changed == 1 && i < l->first + l->count; i++) {
		const struct wrapped *w = &keys_of(group)[i];

		if (w->n)
			st = db_run(tx->conn, &changed, err, TOKEN_SET, "buuib", w->fresh, w->fresh_n, &group->entity, &l->letter, (int64_t)w->n,
				    w->old, w->old_n);
		else
			st = db_run(tx->conn, &changed, err, l->draft ? DRAFT_SET : KEY_SET, "tbuutb", l->to, w->fresh, w->fresh_n, &group->entity,
				    &l->letter, l->from, w->old, w->old_n);
	}
	group->raced = st == PLI_OK && changed != 1;
	return group->raced ? err_set(err, PLI_BUSY, "A letter's keys changed while they were wrapped anew.") : st;
}

/* All or nothing: who changed one of them meanwhile makes this wait for the next round. */
static enum pli_status apply_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct rewrap *group = arg;
	enum pli_status st = PLI_OK;

	group->raced = false;
	for (unsigned i = 0; st == PLI_OK && i < group->count; i++) {
		const struct rewrap_letter *l = &group->letters[i];

		st = directory_kek_current(group->office->parts.directory, tx, &group->entity, l->period, l->to, err);
		group->raced = st == PLI_BUSY;
		if (st == PLI_OK)
			st = letter_apply(tx, group, l, err);
	}
	return st;
}

enum pli_status rewrap_run(struct rewrap *group, struct err *err)
{
	enum pli_status st = PLI_OK;

	group->raced = false;
	for (unsigned i = 0; st == PLI_OK && i < group->count; i++) {
		struct rewrap_letter *l = &group->letters[i];

		st = directory_kek(group->office->parts.directory, "letter", &group->entity, l->period, l->to, err);
		for (unsigned k = l->first; k < l->first + l->count; k++) {
			struct wrapped *w = &keys_of(group)[k];

			w->letter = &l->letter;
			w->from = l->from;
			w->to = l->to;
		}
	}
	if (st == PLI_OK && group->count)
		st = exchange(group->office, &group->entity, keys_of(group), (unsigned)(group->keys.n / sizeof(struct wrapped)), err);
	if (st == PLI_OK && group->count)
		st = db_write(group->office->parts.db, apply_fn, group, err);
	return st;
}
