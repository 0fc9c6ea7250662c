/* One entry of the journal with what proves it: leaf, inclusion path, signed checkpoint, timestamp; see letter_journal.h. */
#include <string.h>

#include "pool.h"

#include "db.h"

#include "journal.h"

#include "principal.h"

#include "journal_line.h"
#include "office_own.h"

#include "letter_journal_own.h"

/* The first checkpoint that covers the entry: its token gives the timestamp that the journal shows. */
static const char HEAD_OVER[] = "SELECT size, root, checkpoint, token FROM head WHERE size > $1 ORDER BY size LIMIT 1";

struct raw {
	struct letter_journal_entry *entry;
	struct pool *pool;
};

static enum pli_status raw_copy(void *arg, const struct journal_row *row, struct err *err)
{
	struct raw *r = arg;

	(void)err;
	if (row->entry)
		r->entry->json = pool_strn(r->pool, row->entry, row->entry_n);
	memcpy(r->entry->leaf, row->leaf, sizeof(r->entry->leaf));
	return PLI_OK;
}

static enum pli_status head_read(struct db_conn *conn, struct pool *pool, uint64_t seq, struct letter_journal_entry *e, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	const void *p;
	size_t n;
	enum pli_status st = db_query(conn, &rows, err, HEAD_OVER, "i", (int64_t)seq);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st == PLI_ABSENT ? PLI_OK : st;
	e->size = (uint64_t)db_int(&rows, 0);
	p = db_blob(&rows, 1, &n);
	if (!p || n != sizeof(e->root))
		return err_set(err, PLI_IO, "A signed head of the journal is damaged.");
	memcpy(e->root, p, n);
	p = db_blob(&rows, 2, &n);
	e->checkpoint = pool_strn(pool, p ? p : "", p ? n : 0);
	p = db_blob(&rows, 3, &e->token_n);
	e->token = p ? pool_dup(pool, p, e->token_n) : NULL;
	return PLI_OK;
}

static enum pli_status entry_read(struct journal_find *v, uint64_t seq, struct letter_journal_entry *e, struct err *err)
{
	struct journal_filter filter = { .before_seq = seq + 1, .limit = 1 };
	struct raw raw = { .entry = e, .pool = v->pool };
	enum pli_status st = journal_find_one(v, seq, err);

	if (st == PLI_OK)
		st = journal_rows(v->conn, &filter, raw_copy, &raw, err);
	if (st == PLI_OK)
		st = head_read(v->conn, v->pool, seq, e, err);
	if (st == PLI_OK && e->size)
		st = journal_inclusion(v->office->parts.journal, v->conn, v->pool, seq, e->size, &e->path, &e->path_count, err);
	return st;
}

enum pli_status letter_journal_entry(struct office *office, const struct principal *who, struct pool *pool, uint64_t number,
				     const char *lang, letter_journal_fn *fn, void *arg, struct letter_journal_entry *entry_r,
				     struct err *err)
{
	static const struct letter_journal_query NOTHING = { 0 };
	struct journal_find v = { .office = office, .who = who, .pool = pool, .query = &NOTHING };
	struct journal_lines *lines;
	enum pli_status st = principal_may(who, RIGHT_JOURNAL, NULL, NULL, err);

	if (st == PLI_OK && !number)
		st = err_set(err, PLI_ABSENT, "There is no such entry.");
	if (st != PLI_OK)
		return st;
	*entry_r = (struct letter_journal_entry){ 0 };
	v.conn = db_reader_take(office->parts.db);
	st = db_snapshot(v.conn, err);
	if (st == PLI_OK)
		st = entry_read(&v, number - 1, entry_r, err);
	if (st == PLI_OK) {
		lines = journal_lines_new(office, v.conn, &who->entity, lang, false, NULL);
		st = journal_lines_show(lines, number - 1, fn, arg, err);
		journal_lines_free(lines);
	}
	db_reader_give(office->parts.db, v.conn);
	return st;
}
