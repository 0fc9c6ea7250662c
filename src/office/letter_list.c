/* Lists of letters, newest first, page by page. */
#include <string.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "letter_own.h"
#include "office_own.h"
#include "search.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200
/* A page ends early rather than grow beyond this, or look at more letters than that. */
#define PAGE_BYTES (1024 * 1024)
#define LOOKED_AT_MAX 2000

/* The id grows with time, so that it is both order and cursor.  $2 empty: from the newest. */
static const char LETTERS_OF_ENTITY[] = "SELECT letter FROM letter WHERE entity = $1 AND ($2 IS NULL OR letter < $2) "
					"ORDER BY letter DESC LIMIT $3";
static const char LETTERS_OF_ACCOUNT[] = "SELECT letter FROM letter WHERE entity = $1 AND account = $4 "
					 "AND ($2 IS NULL OR letter < $2) ORDER BY letter DESC LIMIT $3";

static const char *const STATES[] = { "draft", "created", "sent", "partly_received", "received", "not_received", "refused",
				      "expired", "failed", "deleted", NULL };

struct page {
	struct office *office;
	const struct principal *who;
	const char *state;
	const struct search_query *search;	/* NULL: any letter */
	unsigned limit, taken, looked_at;
	struct buf *out;
	size_t out_begin;
	struct jsonw w;
};

static enum pli_status ids_read(struct page *p, struct db_conn *conn, const struct uuid *before, unsigned limit, struct uuid *ids,
				unsigned *count_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st;

	*count_r = 0;
	if (p->search)
		return search_candidates(conn, p->who, p->search, before, limit, ids, count_r, err);
	if (principal_sees_own_only(p->who))
		st = db_query(conn, &rows, err, LETTERS_OF_ACCOUNT, "uuiu", &p->who->entity, before, (int64_t)limit, &p->who->account);
	else
		st = db_query(conn, &rows, err, LETTERS_OF_ENTITY, "uui", &p->who->entity, before, (int64_t)limit);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		if (*count_r < limit && db_uuid(&rows, 0, &ids[*count_r]))
			(*count_r)++;
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status letter_add(struct page *p, struct db_conn *conn, const struct uuid *id, struct err *err)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF json;
	struct letter *letter;
	enum pli_status st = letter_load(p->office, conn, pool, &p->who->entity, id, &letter, NULL, err);

	buf_init(&json);
	if (st != PLI_OK)
		return st;
	if (!principal_sees_bcc(p->who, &letter->account))
		letter_narrow(letter, 0);
	if ((p->state && !str_eq(p->state, letter->state)) || (p->search && !search_holds(p->search, letter)))
		return PLI_OK;
	letter_json(letter, &json);
	jsonw_raw(&p->w, NULL, json.p, json.n);
	p->taken++;
	return PLI_OK;
}

/* Fills the page; *more_r: there are letters after *last. */
static enum pli_status page_fill(struct page *p, struct db_conn *conn, struct uuid *last, bool from_newest, bool *more_r,
				 struct err *err)
{
	struct uuid ids[64];
	unsigned count = 1;
	enum pli_status st = PLI_OK;

	while (st == PLI_OK) {
		unsigned i;
		st = ids_read(p, conn, from_newest ? NULL : last, sizeof(ids) / sizeof(ids[0]), ids, &count, err);
		for (i = 0; st == PLI_OK && i < count; i++) {
			if (p->taken == p->limit || p->looked_at == LOOKED_AT_MAX || p->out->n - p->out_begin > PAGE_BYTES) {
				*more_r = true;
				return PLI_OK;
			}
			st = letter_add(p, conn, &ids[i], err);
			p->looked_at++;
			*last = ids[i];
			from_newest = false;
		}
		if (count < sizeof(ids) / sizeof(ids[0]))
			break;
	}
	*more_r = false;
	return st;
}

static enum pli_status state_checked(const char *state, struct err *err)
{
	const char *near;

	for (const char *const *s = STATES; state && *s; s++)
		if (str_eq(*s, state))
			return PLI_OK;
	if (!state)
		return PLI_OK;
	near = str_nearest(state, STATES);
	err_field(err, PLI_INVALID, "bad-state", "state", "There is no such state.");
	return near ? err_hint(err, "Did you mean \"%s\"?", near) : PLI_INVALID;
}

enum pli_status letter_list(struct office *office, const struct principal *who, struct pool *pool, const char *state,
			    const char *q, const char *cursor, unsigned limit, struct buf *json_out, struct err *err)
{
	struct page p = { .office = office, .who = who, .state = state, .limit = limit ? limit : LIMIT_DEFAULT, .out = json_out,
			  .out_begin = json_out->n };
	struct uuid last = { { 0 } };
	struct db_conn *conn;
	bool more = false;
	char id[37];
	enum pli_status st = principal_may(who, RIGHT_LETTER_SEE, NULL, NULL, err);

	if (p.limit > LIMIT_MAX)
		p.limit = LIMIT_MAX;
	if (st == PLI_OK)
		st = state_checked(state, err);
	if (st == PLI_OK)
		st = search_parse(pool, who, q, &p.search, err);
	if (st == PLI_OK && cursor && !uuid_parse(&last, cursor))
		st = err_field(err, PLI_INVALID, "bad-cursor", "cursor", "The cursor is not one that this server gave.");
	if (st != PLI_OK)
		return st;
	jsonw_init(&p.w, json_out, false);
	jsonw_object(&p.w, NULL);
	jsonw_array(&p.w, "letters");
	conn = db_reader_take(office->parts.db);
	st = db_snapshot(conn, err);
	if (st == PLI_OK)
		st = page_fill(&p, conn, &last, !cursor, &more, err);
	db_reader_give(office->parts.db, conn);
	jsonw_array_end(&p.w);
	if (more)
		jsonw_str(&p.w, "next", uuid_format(id, &last));
	else
		jsonw_null(&p.w, "next");
	jsonw_object_end(&p.w);
	return st;
}
