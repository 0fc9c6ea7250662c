/* How many rows of the journal each choice of type, state, user and period would leave; see letter_journal.h. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "directory.h"

#include "office_own.h"

#include "letter_journal_own.h"

#define TYPES_MAX (sizeof(((struct letter_journal_counts *)NULL)->types) / sizeof(struct letter_journal_count) - 1)
#define STATES_MAX (sizeof(((struct letter_journal_counts *)NULL)->states) / sizeof(struct letter_journal_count) - 1)

/* $1 entity $2 owner of the letter (null: any) $3 1: without hidden copies and document chain $4 $5 from, to $6 $7 $8 beginnings of the
 * periods $9 rows looked at $10 letter (null: any) */
static const char KINDS[] =
	"SELECT k.type, k.state, k.account, k.period, k.in_range, COUNT(*) FROM (SELECT j.type AS type, j.state AS state, j.account AS account, "
	"CASE WHEN j.t >= $6 THEN 0 WHEN j.t >= $7 THEN 1 WHEN j.t >= $8 THEN 2 ELSE 3 END AS period, "
	"CASE WHEN j.t >= $4 AND j.t <= $5 THEN 1 ELSE 0 END AS in_range "
	"FROM journal j LEFT JOIN letter l ON l.entity = j.entity AND l.letter = j.letter "
	"WHERE j.entity = $1 AND ($2 IS NULL OR l.account = $2 OR (l.letter IS NULL AND j.letter IS NOT NULL AND j.account = $2)) "
	"AND ($10 IS NULL OR j.letter = $10) "
	"AND ($3 = 0 OR EXISTS (SELECT 1 FROM recipient r WHERE r.entity = j.entity AND r.letter = j.letter "
	"AND r.recipient = j.recipient AND r.kind <> 'bcc')) ORDER BY j.seq DESC LIMIT $9) k "
	"GROUP BY k.type, k.state, k.account, k.period, k.in_range";

void journal_periods(const struct office *office, int64_t begin_us_r[3])
{
	const char *zone = office->parts.settings->timezone;
	int64_t today = clock_local_day(clock_now_us(), zone);

	begin_us_r[0] = clock_day_begin(today, zone);
	begin_us_r[1] = clock_day_begin(today - 6, zone);
	begin_us_r[2] = clock_day_begin(today - 29, zone);
}

void journal_counts_init(struct letter_journal_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
}

/* The slot of a code, made at the end of the list; NULL: the list is full. */
static struct letter_journal_count *slot(struct letter_journal_count *list, size_t max, const char *code, struct pool *pool)
{
	size_t i;

	for (i = 0; i < max && list[i].code; i++)
		if (str_eq(list[i].code, code))
			return &list[i];
	if (i == max)
		return NULL;
	list[i].code = pool_str(pool, code);
	return &list[i];
}

/* Until journal_counts_finish a user's code is his id in hex. */
static const char *user_code(const struct uuid *account, char out[33])
{
	return hex_encode(out, account->b, sizeof(account->b));
}

static void count(struct letter_journal_count *list, size_t max, const char *code, struct pool *pool, unsigned n)
{
	struct letter_journal_count *c = slot(list, max, code, pool);

	if (c)
		c->n += n;
}

void journal_counts_add(struct journal_find *find, const struct journal_kind *k)
{
	const struct letter_journal_query *q = find->query;
	struct letter_journal_counts *c = find->counts;
	bool type = !q->type || str_eq(q->type, k->type), state = !q->state || str_eq(q->state, k->state);
	bool user = !find->nobody && (!find->of_account || (k->has_account && uuid_same(&k->account, &find->account)));
	char id[33];

	if (state && user && k->in_range)
		count(c->types, TYPES_MAX, k->type, find->pool, k->n);
	if (type && user && k->in_range && k->state)
		count(c->states, STATES_MAX, k->state, find->pool, k->n);
	if (type && state && k->in_range && k->has_account)
		count(c->users, LETTER_JOURNAL_USERS_MAX, user_code(&k->account, id), find->pool, k->n);
	for (unsigned p = k->period; type && state && user && p < 4; p++)
		c->periods[p] += k->n;
}

enum pli_status journal_counts_read(struct journal_find *find, struct err *err)
{
	const struct uuid *owner = principal_sees_own_only(find->who) ? &find->who->account : NULL;
	int64_t narrowed = !owner && !principal_sees_bcc(find->who, NULL), p[3];
	AUTO_ROWS rows = { 0 };
	unsigned all = 0;
	enum pli_status st;

	journal_periods(find->office, p);
	st = db_query(find->conn, &rows, err, KINDS, "uuiiiiiiiu", &find->who->entity, owner, narrowed, find->from_us, find->to_us, p[0], p[1],
		      p[2], (int64_t)LETTER_JOURNAL_COUNTED_MAX, find->of_letter ? &find->letter : NULL);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct journal_kind k = { .type = db_text(&rows, 0), .state = db_text(&rows, 1), .period = (unsigned)db_int(&rows, 3),
					  .in_range = db_int(&rows, 4) != 0, .n = (unsigned)db_int(&rows, 5) };

		k.has_account = db_uuid(&rows, 2, &k.account);
		journal_counts_add(find, &k);
		all += k.n;
	}
	find->counts->capped = all >= LETTER_JOURNAL_COUNTED_MAX;
	return st == PLI_ABSENT ? PLI_OK : st;
}

static int most_first(const void *a, const void *b)
{
	const struct letter_journal_count *x = a, *y = b;

	return x->n < y->n ? 1 : x->n > y->n ? -1 : strcmp(x->code, y->code);
}

static int by_code(const void *a, const void *b)
{
	return strcmp(((const struct letter_journal_count *)a)->code, ((const struct letter_journal_count *)b)->code);
}

static size_t length(const struct letter_journal_count *list)
{
	size_t n = 0;

	while (list[n].code)
		n++;
	return n;
}

enum pli_status journal_counts_finish(struct journal_find *find, struct err *err)
{
	struct letter_journal_counts *c = find->counts;
	size_t users = length(c->users), kept = 0;

	qsort(c->types, length(c->types), sizeof(c->types[0]), by_code);
	qsort(c->states, length(c->states), sizeof(c->states[0]), by_code);
	qsort(c->users, users, sizeof(c->users[0]), most_first);
	for (size_t i = 0; i < users; i++) {
		struct directory_account account;
		struct uuid id;
		enum pli_status st;

		if (!hex_decode(id.b, sizeof(id.b), c->users[i].code, 32))
			continue;
		st = directory_account_get(find->office->parts.directory, find->conn, find->pool, &find->who->entity, &id, &account, err);
		if (st == PLI_ABSENT)	/* an operator of another entity */
			continue;
		if (st != PLI_OK)
			return st;
		c->users[kept++] = (struct letter_journal_count){ .code = account.email, .name = account.name, .n = c->users[i].n };
	}
	memset(&c->users[kept], 0, (LETTER_JOURNAL_USERS_MAX + 1 - kept) * sizeof(c->users[0]));
	return PLI_OK;
}
