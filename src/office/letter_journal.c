/* The journal for its readers, see letter_journal.h: as JSON, as a table, as rows of a page. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"

#include "db.h"

#include "principal.h"

#include "journal_line.h"
#include "letter_own.h"
#include "office_own.h"

#include "letter_journal_own.h"

/* Pages are not counted, whole tables are: each holds a reader of the database and a worker for seconds, and letters must not wait. */
#define PAGE_MAX 200
#define EXPORTS_MAX 2

static const char *cursor_after(struct journal_find *v)
{
	return v->more ? pool_fmt(v->pool, "%" PRIu64, v->seqs[v->count - 1]) : NULL;
}

static enum pli_status lines_write(struct journal_find *v, struct buf *out, struct err *err)
{
	struct journal_lines *lines = journal_lines_new(v->office, v->conn, &v->who->entity, v->query->lang, v->query->csv, out);
	struct jsonw w;
	enum pli_status st = PLI_OK;

	jsonw_init(&w, out, false);
	if (!v->query->csv) {
		jsonw_object(&w, NULL);
		jsonw_array(&w, "entries");
	}
	for (unsigned i = 0; st == PLI_OK && i < v->count; i++)
		st = journal_lines_add(lines, v->query->csv ? NULL : &w, v->seqs[i], err);
	if (!v->query->csv) {
		jsonw_array_end(&w);
		if (v->more)
			jsonw_str(&w, "next", cursor_after(v));
		else
			jsonw_null(&w, "next");
		if (v->cut)
			jsonw_bool(&w, "cut", true);
		jsonw_object_end(&w);
	}
	journal_lines_free(lines);
	return st;
}

static enum pli_status export_begin(struct office *office, struct err *err)
{
	bool taken;

	pthread_mutex_lock(&office->lock);
	taken = office->exports < EXPORTS_MAX;
	office->exports += taken;
	pthread_mutex_unlock(&office->lock);
	if (taken)
		return PLI_OK;
	err_set(err, PLI_BUSY, "Other tables of the journal are being written; try again in a moment.");
	if (err)
		err->retry_after_s = 5;
	return PLI_BUSY;
}

static void export_end(struct office *office)
{
	pthread_mutex_lock(&office->lock);
	office->exports--;
	pthread_mutex_unlock(&office->lock);
}

enum pli_status letter_journal(struct office *office, const struct principal *who, struct pool *pool,
			       const struct letter_journal_query *query, struct buf *out, struct err *err)
{
	struct journal_find v = { .office = office, .who = who, .pool = pool, .query = query };
	enum pli_status st = journal_find_read(&v, err);

	if (st == PLI_OK && v.limit > PAGE_MAX)
		st = export_begin(office, err);
	if (st != PLI_OK)
		return st;
	v.seqs = mem_alloc(v.limit * sizeof(*v.seqs));
	v.conn = db_reader_take(office->parts.db);
	st = db_snapshot(v.conn, err);
	if (st == PLI_OK)
		st = journal_find_rows(&v, err);
	if (st == PLI_OK)
		st = lines_write(&v, out, err);
	db_reader_give(office->parts.db, v.conn);
	mem_free(v.seqs);
	if (v.limit > PAGE_MAX)
		export_end(office);
	return st;
}

enum pli_status letter_journal_page(struct office *office, const struct principal *who, struct pool *pool,
				    const struct letter_journal_query *query, letter_journal_fn *fn, void *arg,
				    struct letter_journal_page *page_r, struct err *err)
{
	struct journal_find v = { .office = office, .who = who, .pool = pool, .query = query, .counts = &page_r->counts };
	struct journal_lines *lines;
	enum pli_status st = journal_find_read(&v, err);

	if (st != PLI_OK)
		return st;
	v.seqs = mem_alloc(v.limit * sizeof(*v.seqs));
	v.conn = db_reader_take(office->parts.db);
	st = db_snapshot(v.conn, err);
	if (st == PLI_OK)
		st = journal_find_rows(&v, err);
	lines = journal_lines_new(office, v.conn, &who->entity, query->lang, false, NULL);
	for (unsigned i = 0; st == PLI_OK && i < v.count; i++)
		st = journal_lines_show(lines, v.seqs[i], fn, arg, err);
	journal_lines_free(lines);
	page_r->next = v.more ? cursor_after(&v) : NULL;
	page_r->cut = v.cut;
	db_reader_give(office->parts.db, v.conn);
	mem_free(v.seqs);
	return st;
}
