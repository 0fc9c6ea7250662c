/* Lists of letters, newest first, page by page: as JSON for programs, one by one for the pages. */
#include <string.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "draft.h"
#include "letter_own.h"
#include "office_own.h"
#include "search.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200
#define AT_ONCE 64
/* A page ends early rather than grow beyond this, or look at more letters than that. */
#define PAGE_BYTES (1024 * 1024)
#define LOOKED_AT_MAX 2000

/* The number grows with every deposit: it is the order; the id of the last letter is the cursor. */
static const char LETTERS_OF_ENTITY[] = "SELECT letter, number FROM letter WHERE entity = $1 AND number < $2 ORDER BY number DESC LIMIT $3";
static const char LETTERS_OF_ACCOUNT[] =
	"SELECT letter, number FROM letter WHERE entity = $1 AND account = $4 AND number < $2 ORDER BY number DESC LIMIT $3";
static const char NUMBER_OF[] = "SELECT number FROM letter WHERE entity = $1 AND letter = $2";
static const char ANY_OF[] = "SELECT EXISTS (SELECT 1 FROM letter WHERE entity = $1 AND account = $2)";
/* By the index of letters that not everybody has received. */
static const char STATES_OF[] = "SELECT state, COUNT(*) FROM letter WHERE entity = $1 AND account = $2 AND state <> 'received' GROUP BY state";
static const char DRAFTS_OF[] = "SELECT COUNT(*) FROM draft WHERE entity = $1 AND account = $2";

static const char *const STATES[] = { "draft", "created", "sent", "partly_received", "received", "not_received", "refused",
				      "expired", "failed", "deleted", "archived", NULL };

struct page {
	struct office *office;
	const struct principal *who;
	const struct letter_list_query *query;
	const struct search_query *search;	/* NULL: any letter */
	letter_fn *fn;
	void *arg;
	unsigned limit, taken, looked_at;
	int64_t before;			/* number of the last letter looked at */
	struct uuid last;
};

static enum pli_status found_read(struct page *p, struct db_conn *conn, struct search_found *found, unsigned *count_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st;

	*count_r = 0;
	if (p->search)
		return search_candidates(conn, p->who, p->search, p->before, AT_ONCE, found, count_r, err);
	if (principal_sees_own_only(p->who))
		st = db_query(conn, &rows, err, LETTERS_OF_ACCOUNT, "uiiu", &p->who->entity, p->before, (int64_t)AT_ONCE, &p->who->account);
	else
		st = db_query(conn, &rows, err, LETTERS_OF_ENTITY, "uii", &p->who->entity, p->before, (int64_t)AT_ONCE);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		if (*count_r == AT_ONCE || !db_uuid(&rows, 0, &found[*count_r].letter))
			continue;
		found[(*count_r)++].number = db_int(&rows, 1);
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

static bool state_wanted(const struct letter_list_query *query, const char *state)
{
	const char *const *s = query->states;

	while (s && *s && !str_eq(*s, state))
		s++;
	return !s || *s;
}

static enum pli_status letter_show(struct page *p, struct db_conn *conn, const struct uuid *id, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct letter *letter;
	enum pli_status st = letter_load(p->office, conn, pool, &p->who->entity, id, &letter, NULL, err);

	if (st != PLI_OK)
		return st;
	if (!principal_sees_bcc(p->who, &letter->account))
		letter_narrow(letter, 0);
	if (!state_wanted(p->query, letter->state) || (p->search && !search_holds(p->search, letter)))
		return PLI_OK;
	p->taken++;
	return p->fn(p->arg, letter, err);
}

/* Fills the page; *more_r: there are letters after p->last.  PLI_AGAIN from the caller's function: the page is full. */
static enum pli_status page_fill(struct page *p, struct db_conn *conn, bool *more_r, struct err *err)
{
	struct search_found found[AT_ONCE];
	unsigned count = AT_ONCE;
	enum pli_status st = PLI_OK;

	*more_r = false;
	while (st == PLI_OK && count == AT_ONCE) {
		st = found_read(p, conn, found, &count, err);
		for (unsigned i = 0; st == PLI_OK && i < count; i++) {
			if (p->taken == p->limit || p->looked_at == LOOKED_AT_MAX) {
				*more_r = true;
				return PLI_OK;
			}
			st = letter_show(p, conn, &found[i].letter, err);
			p->looked_at++;
			p->last = found[i].letter;
			p->before = found[i].number;
		}
	}
	if (st == PLI_AGAIN) {
		*more_r = true;
		return PLI_OK;
	}
	return st;
}

static enum pli_status states_checked(const char *const *states, struct err *err)
{
	for (; states && *states; states++) {
		const char *const *s = STATES;
		const char *near;

		while (*s && !str_eq(*s, *states))
			s++;
		if (*s)
			continue;
		near = str_nearest(*states, STATES);
		err_field(err, PLI_INVALID, "bad-state", "state", "There is no such state.");
		return near ? err_hint(err, "Did you mean \"%s\"?", near) : PLI_INVALID;
	}
	return PLI_OK;
}

static enum pli_status bad_cursor(struct err *err)
{
	return err_field(err, PLI_INVALID, "bad-cursor", "cursor", "The cursor is not one that this server gave.");
}

static enum pli_status cursor_read(struct page *p, struct db_conn *conn, const char *cursor, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st;

	p->before = INT64_MAX;
	if (!cursor)
		return PLI_OK;
	if (!uuid_parse(&p->last, cursor))
		return bad_cursor(err);
	st = db_query(conn, &rows, err, NUMBER_OF, "uu", &p->who->entity, &p->last);
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		p->before = db_int(&rows, 0);
	return st == PLI_ABSENT ? bad_cursor(err) : st;
}

enum pli_status letter_each(struct office *office, const struct principal *who, struct pool *pool, const struct letter_list_query *query,
			    letter_fn *fn, void *arg, const char **next_r, struct err *err)
{
	struct page p = { .office = office, .who = who, .query = query, .fn = fn, .arg = arg, .limit = query->limit };
	struct db_conn *conn;
	bool more = false;
	char id[37];
	enum pli_status st = principal_may(who, RIGHT_LETTER_SEE, NULL, NULL, err);

	*next_r = NULL;
	p.limit = p.limit == 0 ? LIMIT_DEFAULT : p.limit > LIMIT_MAX ? LIMIT_MAX : p.limit;
	if (st == PLI_OK)
		st = states_checked(query->states, err);
	if (st == PLI_OK)
		st = search_parse(pool, who, query->q, &p.search, err);
	if (st != PLI_OK)
		return st;
	conn = db_reader_take(office->parts.db);
	st = db_snapshot(conn, err);
	if (st == PLI_OK)
		st = cursor_read(&p, conn, query->cursor, err);
	if (st == PLI_OK)
		st = page_fill(&p, conn, &more, err);
	db_reader_give(office->parts.db, conn);
	if (st == PLI_OK && more)
		*next_r = pool_str(pool, uuid_format(id, &p.last));
	return st;
}

/* ---- as JSON ---- */

struct writing {
	struct jsonw w;
	struct buf *out;
	size_t out_begin;
};

static enum pli_status room_left(const struct writing *w)
{
	return w->out->n - w->out_begin > PAGE_BYTES ? PLI_AGAIN : PLI_OK;
}

static enum pli_status letter_write(void *arg, const struct letter *letter, struct err *err)
{
	struct writing *w = arg;
	AUTO_BUF json;

	(void)err;
	buf_init(&json);
	letter_json(letter, &json);
	jsonw_raw(&w->w, NULL, json.p, json.n);
	return room_left(w);
}

static enum pli_status draft_write(void *arg, const struct draft *draft, struct err *err)
{
	struct writing *w = arg;
	AUTO_BUF json;

	(void)err;
	buf_init_secret(&json);
	draft_json(draft, &json);
	jsonw_raw(&w->w, NULL, json.p, json.n);
	return room_left(w);
}

enum pli_status letter_list(struct office *office, const struct principal *who, struct pool *pool, const char *state, const char *q,
			    const char *cursor, unsigned limit, struct buf *json_out, struct err *err)
{
	const char *const states[] = { state, NULL };
	struct letter_list_query query = { .states = state ? states : NULL, .q = q, .cursor = cursor, .limit = limit };
	struct writing w = { .out = json_out, .out_begin = json_out->n };
	const char *next = NULL;
	enum pli_status st;

	jsonw_init(&w.w, json_out, false);
	jsonw_object(&w.w, NULL);
	jsonw_array(&w.w, "letters");
	if (str_eq(state, "draft"))
		st = draft_list(office, who, pool, cursor, limit, draft_write, &w, &next, err);
	else
		st = letter_each(office, who, pool, &query, letter_write, &w, &next, err);
	jsonw_array_end(&w.w);
	if (next)
		jsonw_str(&w.w, "next", next);
	else
		jsonw_null(&w.w, "next");
	jsonw_object_end(&w.w);
	return st;
}

/* ---- counted ---- */

static enum pli_status number_get(struct db_conn *conn, const char *sql, const struct principal *who, unsigned *n_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "uu", &who->entity, &who->account);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		*n_r = (unsigned)db_int(&rows, 0);
	return st;
}

static enum pli_status states_count(struct db_conn *conn, const struct principal *who, struct letter_counts *counts, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, STATES_OF, "uu", &who->entity, &who->account);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		const char *state = db_text(&rows, 0);
		unsigned n = (unsigned)db_int(&rows, 1);

		if (str_eq(state, "created") || str_eq(state, "sent") || str_eq(state, "partly_received"))
			counts->waiting += n;
		else if (str_eq(state, "failed") || str_eq(state, "refused") || str_eq(state, "expired") || str_eq(state, "not_received"))
			counts->failed += n;
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status letter_count(struct office *office, const struct principal *who, struct letter_counts *counts_r, struct err *err)
{
	struct db_conn *conn;
	unsigned any = 0;
	enum pli_status st = principal_may(who, RIGHT_LETTER_SEE, NULL, NULL, err);

	*counts_r = (struct letter_counts){ .drafts = 0 };
	if (st != PLI_OK)
		return st;
	conn = db_reader_take(office->parts.db);
	st = states_count(conn, who, counts_r, err);
	if (st == PLI_OK)
		st = number_get(conn, ANY_OF, who, &any, err);
	if (st == PLI_OK)
		st = number_get(conn, DRAFTS_OF, who, &counts_r->drafts, err);
	counts_r->any = any > 0;
	db_reader_give(office->parts.db, conn);
	return st;
}
