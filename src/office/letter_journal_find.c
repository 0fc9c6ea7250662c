/* Which rows of the journal: what is asked, checked, and the numbers of the rows that answer it; see letter_journal.h. */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "directory.h"

#include "draft.h"
#include "letter_own.h"
#include "office_own.h"
#include "search.h"

#include "letter_journal_own.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200
/* A table for a spreadsheet is one page, unless a limit is given. */
#define LIMIT_CSV 100000
/* A search looks at so many letters that could have its words, the newest. */
#define CANDIDATES_MAX 2000

/* $1 entity $2 before seq $3 type $4 state $5 account $6 from $7 to $8 owner of the letter (null: any) $9 1: without hidden
 * copies and document chain $10 limit [$11 letter or seq] */
#define JOURNAL_SELECT \
	"SELECT j.seq, j.type, j.state, j.account, j.t FROM journal j LEFT JOIN letter l ON l.entity = j.entity AND l.letter = j.letter WHERE "
#define JOURNAL_WHERE \
	"j.entity = $1 AND j.seq < $2 AND ($3 IS NULL OR j.type = $3) AND ($4 IS NULL OR j.state = $4) " \
	"AND ($5 IS NULL OR j.account = $5) AND j.t >= $6 AND j.t <= $7 " \
	"AND ($8 IS NULL OR l.account = $8 OR (l.letter IS NULL AND j.letter IS NOT NULL AND j.account = $8)) " \
	"AND ($9 = 0 OR EXISTS (SELECT 1 FROM recipient r WHERE r.entity = j.entity AND r.letter = j.letter " \
	"AND r.recipient = j.recipient AND r.kind <> 'bcc')) ORDER BY j.seq DESC LIMIT $10"
static const char ROWS_OF_ENTITY[] = JOURNAL_SELECT JOURNAL_WHERE;
static const char ROWS_OF_LETTER[] = JOURNAL_SELECT "j.letter = $11 AND " JOURNAL_WHERE;
static const char ROW_OF_SEQ[] = JOURNAL_SELECT "j.seq = $11 AND " JOURNAL_WHERE;

static const char *const TYPES[] = { "action", "secure_mail", "proof", "consultation", "journal", "connection", NULL };
static const char *const STATES[] = { "created", "draft", "pending", "sent", "resent", "delivered", "accepted", "opened", "partly_received",
				      "received", "not_received", "refused", "expired", "failed", "deleted", NULL };

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

static enum pli_status cursor_read(struct journal_find *v, struct err *err)
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

static enum pli_status user_read(struct journal_find *v, struct err *err)
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

/* A letter, or a draft of his own. */
static enum pli_status letter_read(struct journal_find *v, struct err *err)
{
	struct letter *letter;
	struct draft *draft;
	enum pli_status st = letter_get(v->office, v->who, v->pool, v->query->letter, &letter, err);

	if (st == PLI_OK)
		v->letter = letter->letter;
	if (st != PLI_ABSENT || draft_get(v->office, v->who, v->pool, v->query->letter, &draft, NULL) != PLI_OK)
		return st;
	v->letter = draft->draft;
	return PLI_OK;
}

enum pli_status journal_find_read(struct journal_find *v, struct err *err)
{
	const struct letter_journal_query *q = v->query;
	enum pli_status st = principal_may(v->who, RIGHT_JOURNAL, NULL, NULL, err);

	v->to_us = INT64_MAX;
	v->limit = q->limit ? q->limit : q->csv ? LIMIT_CSV : LIMIT_DEFAULT;
	if (!q->csv && v->limit > LIMIT_MAX)
		v->limit = LIMIT_MAX;
	if (v->limit > LIMIT_CSV)
		v->limit = LIMIT_CSV;
	if (st == PLI_OK)
		st = code_checked(q->type, TYPES, "type", err);
	if (st == PLI_OK)
		st = code_checked(q->state, STATES, "state", err);
	if (st == PLI_OK)
		st = time_read(q->from, "from", true, &v->from_us, err);
	if (st == PLI_OK)
		st = time_read(q->to, "to", false, &v->to_us, err);
	if (st == PLI_OK)
		st = cursor_read(v, err);
	if (st == PLI_OK && q->letter) {
		v->of_letter = true;
		st = letter_read(v, err);
	}
	if (st == PLI_OK)
		st = user_read(v, err);
	if (st == PLI_OK)
		st = search_parse(v->pool, v->who, q->q, &v->search, err);
	if (st == PLI_OK && v->search)
		v->number = search_number(v->search);
	return st;
}

/* ---- which rows ---- */

/* What every statement asks alike. */
struct bounds {
	const struct uuid *owner;
	int64_t narrowed;
};

static struct bounds bounds_of(const struct principal *who)
{
	struct bounds b = { .owner = principal_sees_own_only(who) ? &who->account : NULL };

	b.narrowed = !b.owner && !principal_sees_bcc(who, NULL);
	return b;
}

static enum pli_status rows_find(struct journal_find *v, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	const struct letter_journal_query *q = v->query;
	const struct bounds b = bounds_of(v->who);
	const struct uuid *account = v->of_account ? &v->account : NULL;
	int64_t ask = (int64_t)v->limit + 1;
	enum pli_status st;

	if (v->of_letter)
		st = db_query(v->conn, &rows, err, ROWS_OF_LETTER, "uittuiiuiiu", &v->who->entity, (int64_t)v->before, q->type, q->state,
			      account, v->from_us, v->to_us, b.owner, b.narrowed, ask, &v->letter);
	else
		st = db_query(v->conn, &rows, err, ROWS_OF_ENTITY, "uittuiiuii", &v->who->entity, (int64_t)v->before, q->type, q->state,
			      account, v->from_us, v->to_us, b.owner, b.narrowed, ask);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		v->more = v->count == v->limit;
		if (!v->more)
			v->seqs[v->count++] = (uint64_t)db_int(&rows, 0);
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* ---- by words: from the letters to their rows ---- */

struct sought {
	struct journal_find *find;
	int64_t period_us[3];
	struct buf seqs;		/* uint64_t, one after the other */
	unsigned counted;
};

static bool row_answers(const struct journal_find *v, const struct journal_kind *k)
{
	const struct letter_journal_query *q = v->query;

	return (!q->type || str_eq(q->type, k->type)) && (!q->state || str_eq(q->state, k->state)) && k->in_range &&
	       (!v->of_account || (k->has_account && uuid_same(&v->account, &k->account)));
}

static void row_take(struct sought *s, struct db_rows *rows)
{
	struct journal_find *v = s->find;
	struct journal_kind kind = { .type = db_text(rows, 1), .state = db_text(rows, 2), .n = 1 };
	uint64_t seq = (uint64_t)db_int(rows, 0);
	int64_t t_us = db_int(rows, 4);

	kind.has_account = db_uuid(rows, 3, &kind.account);
	while (kind.period < 3 && t_us < s->period_us[kind.period])
		kind.period++;
	kind.in_range = t_us >= v->from_us && t_us <= v->to_us;
	if (v->counts)
		journal_counts_add(v, &kind);
	if (seq < v->before && row_answers(v, &kind))
		buf_add(&s->seqs, &seq, sizeof(seq));
}

static enum pli_status rows_take(struct sought *s, const char *sql, const struct uuid *letter, uint64_t seq, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	const struct journal_find *v = s->find;
	const struct bounds b = bounds_of(v->who);
	const struct uuid *nobody = NULL;
	enum pli_status st;

	if (letter)
		st = db_query(v->conn, &rows, err, sql, "uittuiiuiiu", &v->who->entity, INT64_MAX, NULL, NULL, nobody, INT64_C(0), INT64_MAX,
			      b.owner, b.narrowed, (int64_t)LIMIT_CSV, letter);
	else
		st = db_query(v->conn, &rows, err, sql, "uittuiiuiii", &v->who->entity, INT64_MAX, NULL, NULL, nobody, INT64_C(0), INT64_MAX,
			      b.owner, b.narrowed, (int64_t)LIMIT_CSV, (int64_t)seq);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		row_take(s, &rows);
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* The letter, as the asker sees it, has the words: its rows answer. */
static enum pli_status letter_look(struct sought *s, const struct uuid *id, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct journal_find *v = s->find;
	struct letter *letter;
	enum pli_status st = letter_load(v->office, v->conn, pool, &v->who->entity, id, &letter, NULL, err);

	if (st != PLI_OK)
		return st;
	if (!principal_sees_bcc(v->who, &letter->account))
		letter_narrow(letter, 0);
	if (!search_holds(v->search, letter) || (v->of_letter && !uuid_same(&v->letter, id)))
		return PLI_OK;
	return rows_take(s, ROWS_OF_LETTER, id, 0, err);
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? 1 : x > y ? -1 : 0;
}

static void seqs_keep(struct journal_find *v, struct buf *seqs)
{
	size_t all = seqs->n / sizeof(uint64_t);
	uint64_t last = UINT64_MAX, seq;

	if (all)
		qsort(seqs->p, all, sizeof(uint64_t), newest_first);
	for (size_t i = 0; i < all && !v->more; i++) {
		memcpy(&seq, seqs->p + i * sizeof(seq), sizeof(seq));
		if (seq == last)	/* the entry of that number, and a row of a letter found by it */
			continue;
		v->more = v->count == v->limit;
		if (!v->more)
			v->seqs[v->count++] = last = seq;
	}
}

static enum pli_status rows_search(struct journal_find *v, struct err *err)
{
	struct sought s = { .find = v };
	struct search_found *found = mem_alloc((CANDIDATES_MAX + 1) * sizeof(*found));
	unsigned count = 0;
	enum pli_status st;

	buf_init(&s.seqs);
	journal_periods(v->office, s.period_us);
	st = search_candidates(v->conn, v->who, v->search, INT64_MAX, CANDIDATES_MAX + 1, found, &count, err);
	v->cut = count > CANDIDATES_MAX;
	for (unsigned i = 0; st == PLI_OK && i < count && i < CANDIDATES_MAX; i++)
		st = letter_look(&s, &found[i].letter, err);
	if (st == PLI_OK && v->number && !v->of_letter)
		st = rows_take(&s, ROW_OF_SEQ, NULL, v->number - 1, err);
	if (st == PLI_OK)
		seqs_keep(v, &s.seqs);
	buf_free(&s.seqs);
	mem_free(found);
	return st;
}

enum pli_status journal_find_rows(struct journal_find *v, struct err *err)
{
	enum pli_status st = PLI_OK;

	if (v->counts)
		journal_counts_init(v->counts);
	if (v->search && (v->counts || !v->nobody))
		st = rows_search(v, err);
	else if (!v->nobody)
		st = rows_find(v, err);
	if (st == PLI_OK && v->counts && !v->search)
		st = journal_counts_read(v, err);
	if (st == PLI_OK && v->counts)
		st = journal_counts_finish(v, err);
	if (v->nobody)
		v->count = 0;
	return st;
}

enum pli_status journal_find_one(struct journal_find *v, uint64_t seq, struct err *err)
{
	struct sought s = { .find = v };
	bool found;
	enum pli_status st;

	buf_init(&s.seqs);
	v->before = INT64_MAX;
	v->to_us = INT64_MAX;
	st = seq < INT64_MAX ? rows_take(&s, ROW_OF_SEQ, NULL, seq, err) : PLI_OK;
	found = s.seqs.n != 0;
	buf_free(&s.seqs);
	if (st == PLI_OK && !found)
		st = err_set(err, PLI_ABSENT, "There is no such entry.");
	return st;
}
