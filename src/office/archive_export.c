/* See archive_export.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "archive_list.h"
#include "journal.h"
#include "keeper.h"
#include "pem_list.h"

#include "letter.h"
#include "office_own.h"

#include "archive_export.h"

#define HEAD_MS 2000

static const char HEAD_GET[] = "SELECT size, root, checkpoint FROM head ORDER BY size DESC LIMIT 1";
static const char OF_ENTITY[] =
	"SELECT letter, number FROM letter WHERE entity = $1 AND number <= $2 AND archived IS NULL ORDER BY number DESC LIMIT $3";
static const char OF_ACCOUNT[] =
	"SELECT letter, number FROM letter WHERE entity = $1 AND account = $4 AND number <= $2 AND archived IS NULL ORDER BY number DESC LIMIT $3";
static const char LEAF_GET[] = "SELECT leaf FROM journal WHERE seq = $1";
static const char LATEST_GET[] = "SELECT seq, leaf FROM journal WHERE letter = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1";

struct export {
	struct office *office;
	const struct principal *who;
	struct pool *pool;
	struct archive_list list;
	struct archive_list_letter letters[ARCHIVE_EXPORT_MAX];
	bool more;
};

static bool leaf_copy(struct db_rows *rows, int column, uint8_t out[32])
{
	size_t n;
	const void *p = db_blob(rows, column, &n);

	if (!p || n != 32)
		return false;
	memcpy(out, p, 32);
	return true;
}

static enum pli_status head_read(struct export *x, struct db_conn *conn, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	const char *note;
	size_t n;
	enum pli_status st = db_query(conn, &rows, err, HEAD_GET, "");

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st == PLI_ABSENT ? err_set(err, PLI_BUSY, "The journal's signed head is not there yet; try again.") : st;
	x->list.tree_size = (uint64_t)db_int(&rows, 0);
	note = db_blob(&rows, 2, &n);
	x->list.origin = pool_str(x->pool, pool_strn(x->pool, note, (size_t)((const char *)memchr(note, '\n', n) - note)));
	return leaf_copy(&rows, 1, x->list.tree_root) ? PLI_OK : err_set(err, PLI_IO, "A head's row is damaged.");
}

/* The entries that stand for it in the list. */
static enum pli_status entries_read(struct export *x, struct db_conn *conn, struct archive_list_letter *l, struct err *err)
{
	struct db_rows rows = { 0 };
	bool ok = false;
	enum pli_status st = db_query(conn, &rows, err, LEAF_GET, "i", (int64_t)l->seq);

	if (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		ok = leaf_copy(&rows, 0, l->leaf);
	db_end(&rows);
	rows = (struct db_rows){ 0 };
	if (st == PLI_OK)
		st = db_query(conn, &rows, err, LATEST_GET, "ui", &l->letter, (int64_t)x->list.tree_size);
	if (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		l->latest_seq = (uint64_t)db_int(&rows, 0);
		ok &= leaf_copy(&rows, 1, l->latest_leaf);
	}
	db_end(&rows);
	return st == PLI_OK && !ok ? err_set(err, PLI_IO, "The journal lacks an entry of a letter.") : st;
}

/* A page of them, which come newest first and stand in the list the other way round. */
static enum pli_status page_read(struct export *x, struct db_conn *conn, struct err *err)
{
	bool own = principal_sees_own_only(x->who);
	AUTO_ROWS rows = { 0 };
	struct archive_list_letter found[ARCHIVE_EXPORT_MAX + 1];
	unsigned count = 0;
	enum pli_status st;

	if (own)
		st = db_query(conn, &rows, err, OF_ACCOUNT, "uiiu", &x->who->entity, (int64_t)x->list.to, (int64_t)ARCHIVE_EXPORT_MAX + 1, &x->who->account);
	else
		st = db_query(conn, &rows, err, OF_ENTITY, "uii", &x->who->entity, (int64_t)x->list.to, (int64_t)ARCHIVE_EXPORT_MAX + 1);
	while (st == PLI_OK && count < ARCHIVE_EXPORT_MAX + 1 && (st = db_next(&rows, err)) == PLI_OK)
		if (db_uuid(&rows, 0, &found[count].letter))
			found[count++].seq = (uint64_t)db_int(&rows, 1) - 1;
	if (st != PLI_OK && st != PLI_ABSENT)
		return st;
	x->list.scope = own ? "own" : "entity";
	x->more = count > ARCHIVE_EXPORT_MAX;
	count -= x->more;
	x->list.from = x->more ? found[count - 1].seq + 1 : 1;
	x->list.count = count;
	for (unsigned i = 0; i < count; i++)
		x->letters[i] = found[count - 1 - i];
	return PLI_OK;
}

static int by_number(const void *a, const void *b)
{
	const struct archive_list_letter *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static enum pli_status chosen_read(struct export *x, const char *const *ids, size_t count, struct err *err)
{
	enum pli_status st = PLI_OK;

	for (size_t i = 0; st == PLI_OK && i < count; i++) {
		struct letter *l;

		st = letter_get(x->office, x->who, x->pool, ids[i], &l, err);
		if (st == PLI_OK)
			st = principal_may(x->who, RIGHT_LETTER_PROOF, &l->entity, &l->account, err);
		if (st == PLI_OK && l->archived_us)
			st = err_field(err, PLI_CONFLICT, "archived", "letter", "A letter came from an archive: its list is the one that came with it.");
		if (st != PLI_OK)
			return st;
		x->letters[i] = (struct archive_list_letter){ .letter = l->letter, .seq = l->number - 1 };
	}
	x->list.scope = "chosen";
	x->list.count = (unsigned)count;
	qsort(x->letters, count, sizeof(x->letters[0]), by_number);
	for (size_t i = 1; i < count; i++)
		if (x->letters[i].seq == x->letters[i - 1].seq)
			return err_field(err, PLI_INVALID, "letter-twice", "letter", "A letter stands twice.");
	return PLI_OK;
}

static enum pli_status gather(struct export *x, const char *cursor, bool chosen, struct err *err)
{
	struct db_conn *conn = db_reader_take(x->office->parts.db);
	char *end;
	enum pli_status st = db_snapshot(conn, err);

	if (st == PLI_OK)
		st = head_read(x, conn, err);
	if (st == PLI_OK && !chosen) {
		x->list.to = cursor ? strtoull(cursor, &end, 10) : x->list.tree_size;
		if (cursor && (*cursor < '1' || *cursor > '9' || *end || x->list.to > x->list.tree_size))
			st = err_field(err, PLI_INVALID, "bad-cursor", "cursor", "The cursor is not one that this server gave.");
		if (st == PLI_OK)
			st = page_read(x, conn, err);
	}
	for (unsigned i = 0; st == PLI_OK && i < x->list.count; i++)
		st = entries_read(x, conn, &x->letters[i], err);
	db_reader_give(x->office->parts.db, conn);
	return st;
}

static void base64_member(struct export *x, struct jsonw *w, const char *key, const struct buf *b)
{
	jsonw_str(w, key, base64_encode(pool_alloc(x->pool, (b->n + 2) / 3 * 4 + 1), b->p, b->n));
}

static void answer_write(struct export *x, const struct buf *text, const struct buf *p7s, const struct buf *token, struct buf *out)
{
	const struct office_parts *p = &x->office->parts;
	struct jsonw w;
	char id[37];

	jsonw_init(&w, out, false);
	jsonw_object(&w, NULL);
	jsonw_strn(&w, "list", text->p, text->n);
	base64_member(x, &w, "signature", p7s);
	base64_member(x, &w, "timestamp", token);
	jsonw_object(&w, "certificates");
	jsonw_str(&w, "root", p->root_pem);
	jsonw_str(&w, "seal", pem_list_get(x->pool, p->seal_pem, 0));
	jsonw_str(&w, "operator", pem_list_get(x->pool, p->operator_pem, 0));
	jsonw_str(&w, "tsa", pem_list_of_token(x->pool, p->tsa_pem, token->p, token->n));
	jsonw_object_end(&w);
	jsonw_array(&w, "letters");
	for (unsigned i = 0; i < x->list.count; i++)
		jsonw_str(&w, NULL, uuid_format(id, &x->letters[i].letter));
	jsonw_array_end(&w);
	if (x->more)
		jsonw_str(&w, "next", pool_fmt(x->pool, "%" PRIu64, x->list.from - 1));
	else
		jsonw_null(&w, "next");
	jsonw_object_end(&w);
}

enum pli_status archive_export_list(struct office *office, const struct principal *who, struct pool *pool, const char *const *ids,
				    size_t count, const char *cursor, struct buf *json_out, struct err *err)
{
	struct export *x = POOL_NEW(pool, struct export);
	AUTO_BUF text = { 0 }, p7s = { 0 }, token = { 0 };
	char date[40];
	enum pli_status st = principal_may(who, RIGHT_LETTER_PROOF, NULL, NULL, err);

	if (st == PLI_OK && count > ARCHIVE_EXPORT_MAX)
		st = err_field(err, PLI_INVALID, "too-many-letters", "letter", "At most %d letters at a time.", ARCHIVE_EXPORT_MAX);
	*x = (struct export){ .office = office, .who = who, .pool = pool,
			      .list = { .date = clock_rfc3339(date, clock_now_us()), .entity = who->entity_name } };
	x->list.letters = x->letters;
	if (st == PLI_OK)
		st = journal_wait(office->parts.journal, journal_size(office->parts.journal), HEAD_MS, err);
	if (st == PLI_OK && count)
		st = chosen_read(x, ids, count, err);
	if (st == PLI_OK)
		st = gather(x, cursor, count > 0, err);
	if (st != PLI_OK)
		return st;
	archive_list_write(&x->list, &text);
	st = keeper_certify(office->parts.keeper, text.p, text.n, &p7s, &token, err);
	if (st == PLI_OK)
		answer_write(x, &text, &p7s, &token, json_out);
	return st;
}
