/* The journal as its readers see it: which rows, in which words (B32 to B36).
 *
 * Who may see hidden copies (the sender, his entity's auditors) sees all rows; others see no row of the document chain,
 * whose counts would tell of a hidden copy, and none of a hidden copy's own chain. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "directory.h"

#include "journal_line.h"
#include "letter_own.h"
#include "office_own.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200
/* A table for a spreadsheet is one page, unless a limit is given. */
#define LIMIT_CSV 100000
/* Each holds a reader of the database and a worker for seconds: letters must not wait for them. */
#define EXPORTS_MAX 2

/* $1 entity $2 before seq $3 type $4 state $5 account $6 from $7 to $8 owner of the letter (null: any) $9 1: without hidden
 * copies and document chain $10 limit [$11 letter] */
#define JOURNAL_SELECT "SELECT j.seq FROM journal j LEFT JOIN letter l ON l.entity = j.entity AND l.letter = j.letter WHERE "
#define JOURNAL_WHERE \
	"j.entity = $1 AND j.seq < $2 AND ($3 IS NULL OR j.type = $3) AND ($4 IS NULL OR j.state = $4) " \
	"AND ($5 IS NULL OR j.account = $5) AND j.t >= $6 AND j.t <= $7 AND ($8 IS NULL OR l.account = $8) " \
	"AND ($9 = 0 OR EXISTS (SELECT 1 FROM recipient r WHERE r.entity = j.entity AND r.letter = j.letter " \
	"AND r.recipient = j.recipient AND r.kind <> 'bcc')) ORDER BY j.seq DESC LIMIT $10"
static const char ROWS_OF_ENTITY[] = JOURNAL_SELECT JOURNAL_WHERE;
static const char ROWS_OF_LETTER[] = JOURNAL_SELECT "j.letter = $11 AND " JOURNAL_WHERE;

static const char *const TYPES[] = { "action", "secure_mail", "proof", "consultation", "journal", NULL };
static const char *const STATES[] = { "created", "draft", "pending", "sent", "resent", "delivered", "opened", "partly_received",
				      "received", "not_received", "refused", "expired", "failed", "deleted", NULL };

struct view {
	struct office *office;
	const struct principal *who;
	struct pool *pool;
	struct db_conn *conn;
	const struct letter_journal_query *query;
	struct uuid letter, account;
	bool of_letter, of_account, nobody;
	int64_t from_us, to_us;
	uint64_t before;
	unsigned limit;
	uint64_t *seqs;
	unsigned count;
	bool more;
};

/* ---- what is asked ---- */

static enum pli_status code_checked(const char *given, const char *const *codes, const char *field, struct err *err)
{
	const char *near;

	for (const char *const *c = codes; given && *c; c++)
		if (str_eq(*c, given))
			return PLI_OK;
	if (!given)
		return PLI_OK;
	near = str_nearest(given, codes);
	err_field(err, PLI_INVALID, "bad-filter", field, "There is no such %s.", field);
	return near ? err_hint(err, "Did you mean \"%s\"?", near) : PLI_INVALID;
}

static enum pli_status time_read(const char *given, const char *field, bool from, int64_t *t_us_r, struct err *err)
{
	if (!given)
		return PLI_OK;
	if (!clock_parse(given, t_us_r)) {
		err_field(err, PLI_INVALID, "bad-date", field, "This is not a date.");
		return err_hint(err, "Write 2026-12-31, or RFC 3339 with a zone: 2026-12-31T18:00:00Z.");
	}
	if (from && strlen(given) == 10)	/* a day begins a day before it ends */
		*t_us_r -= *t_us_r % DAY_US;
	return PLI_OK;
}

static enum pli_status cursor_read(struct view *v, struct err *err)
{
	const char *s = v->query->cursor;
	size_t n = s ? strlen(s) : 0;

	v->before = INT64_MAX;
	if (!s)
		return PLI_OK;
	v->before = 0;
	for (size_t i = 0; i < n && n <= 18; i++)
		v->before = s[i] >= '0' && s[i] <= '9' ? v->before * 10 + (uint64_t)(s[i] - '0') : 0;
	if (n == 0 || n > 18 || strspn(s, "0123456789") != n)
		return err_field(err, PLI_INVALID, "bad-cursor", "cursor", "The cursor is not one that this server gave.");
	return PLI_OK;
}

static enum pli_status user_read(struct view *v, struct err *err)
{
	struct directory_account account;
	enum pli_status st;

	if (!v->query->user)
		return PLI_OK;
	st = directory_account_find(v->office->parts.directory, v->pool, v->query->user, &account, err);
	v->of_account = true;
	if (st == PLI_OK)
		v->account = account.account;
	if (st == PLI_ABSENT || (st == PLI_OK && !uuid_same(&account.entity, &v->who->entity))) {
		v->nobody = true;	/* unknown and another entity's look the same */
		st = PLI_OK;
	}
	return st;
}

static enum pli_status query_read(struct view *v, struct err *err)
{
	const struct letter_journal_query *q = v->query;
	enum pli_status st = code_checked(q->type, TYPES, "type", err);

	v->to_us = INT64_MAX;
	v->limit = q->limit ? q->limit : q->csv ? LIMIT_CSV : LIMIT_DEFAULT;
	if (!q->csv && v->limit > LIMIT_MAX)
		v->limit = LIMIT_MAX;
	if (v->limit > LIMIT_CSV)
		v->limit = LIMIT_CSV;
	if (st == PLI_OK)
		st = code_checked(q->state, STATES, "state", err);
	if (st == PLI_OK)
		st = time_read(q->from, "from", true, &v->from_us, err);
	if (st == PLI_OK)
		st = time_read(q->to, "to", false, &v->to_us, err);
	if (st == PLI_OK)
		st = cursor_read(v, err);
	if (st == PLI_OK && q->letter) {
		struct letter *letter;
		v->of_letter = true;
		st = letter_get(v->office, v->who, v->pool, q->letter, &letter, err);
		if (st == PLI_OK)
			v->letter = letter->letter;
	}
	if (st == PLI_OK)
		st = user_read(v, err);
	return st;
}

/* ---- which rows ---- */

static enum pli_status rows_find(struct view *v, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	const struct letter_journal_query *q = v->query;
	const struct uuid *owner = principal_sees_own_only(v->who) ? &v->who->account : NULL;
	const struct uuid *account = v->of_account ? &v->account : NULL;
	int64_t narrowed = !owner && !principal_sees_bcc(v->who, NULL), ask = (int64_t)v->limit + 1;
	enum pli_status st;

	if (v->of_letter)
		st = db_query(v->conn, &rows, err, ROWS_OF_LETTER, "uittuiiuiiu", &v->who->entity, (int64_t)v->before, q->type, q->state,
			      account, v->from_us, v->to_us, owner, narrowed, ask, &v->letter);
	else
		st = db_query(v->conn, &rows, err, ROWS_OF_ENTITY, "uittuiiuii", &v->who->entity, (int64_t)v->before, q->type, q->state,
			      account, v->from_us, v->to_us, owner, narrowed, ask);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		v->more = v->count == v->limit;
		if (!v->more)
			v->seqs[v->count++] = (uint64_t)db_int(&rows, 0);
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* ---- in which words ---- */

static enum pli_status lines_write(struct view *v, struct buf *out, struct err *err)
{
	struct journal_lines *lines = journal_lines_new(v->office, v->conn, &v->who->entity, v->query->lang, v->query->csv, out);
	struct jsonw w;
	char cursor[24];
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
		snprintf(cursor, sizeof(cursor), "%" PRIu64, v->count ? v->seqs[v->count - 1] : 0);
		if (v->more)
			jsonw_str(&w, "next", cursor);
		else
			jsonw_null(&w, "next");
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
	struct view v = { .office = office, .who = who, .pool = pool, .query = query };
	enum pli_status st = principal_may(who, RIGHT_JOURNAL, NULL, NULL, err);

	if (st == PLI_OK)
		st = query_read(&v, err);
	if (st == PLI_OK && v.limit > LIMIT_MAX)
		st = export_begin(office, err);
	if (st != PLI_OK)
		return st;
	v.seqs = mem_alloc(v.limit * sizeof(*v.seqs));
	v.conn = db_reader_take(office->parts.db);
	st = db_snapshot(v.conn, err);
	if (st == PLI_OK && !v.nobody)
		st = rows_find(&v, err);
	if (st == PLI_OK)
		st = lines_write(&v, out, err);
	db_reader_give(office->parts.db, v.conn);
	mem_free(v.seqs);
	if (v.limit > LIMIT_MAX)
		export_end(office);
	return st;
}
