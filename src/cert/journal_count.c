/* Counters of the journal, see journal_count.h. */
#include <string.h>

#include "pool.h"

#include "db.h"

#include "journal_count.h"

static const char ADD[] =
	"INSERT INTO counter (entity, day, account, event, hidden, n, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7) "
	"ON CONFLICT (entity, day, account, event, hidden) DO UPDATE SET n = counter.n + excluded.n, bytes = counter.bytes + excluded.bytes";

struct sum {
	const struct journal_count *of;		/* NULL: free */
	uint64_t n, bytes;
};

static bool same(const struct journal_count *a, const struct journal_count *b)
{
	return a->event == b->event && a->hidden == b->hidden && uuid_same(&a->entity, &b->entity) && uuid_same(&a->owner, &b->owner);
}

static struct sum *slot(struct sum *sums, size_t mask, const struct journal_count *c)
{
	uint64_t hash = (uint64_t)(uintptr_t)c->event * UINT64_C(0x9e3779b97f4a7c15) + c->hidden;
	size_t at;

	for (size_t i = 8; i < sizeof(c->owner.b); i++)
		hash = (hash ^ c->owner.b[i] ^ (uint64_t)c->entity.b[i] << 8) * UINT64_C(1099511628211);
	for (at = (hash >> 20) & mask; sums[at].of && !same(sums[at].of, c); at = (at + 1) & mask)
		;
	return &sums[at];
}

enum pli_status journal_count_add(struct db_conn *conn, struct pool *pool, struct journal_count *counts, size_t count, int64_t day,
				  struct err *err)
{
	enum pli_status st = PLI_OK;
	struct sum *sums;
	size_t size = 16;

	while (size < count * 2)
		size *= 2;
	sums = POOL_ARRAY(pool, struct sum, size);
	for (size_t i = 0; i < count; i++) {
		struct sum *s = counts[i].counted ? slot(sums, size - 1, &counts[i]) : NULL;

		if (!s)
			continue;
		s->of = &counts[i];
		s->n++;
		s->bytes += counts[i].bytes;
	}
	for (size_t i = 0; st == PLI_OK && i < size; i++)
		if (sums[i].of)
			st = db_run(conn, NULL, err, ADD, "uiutiii", &sums[i].of->entity, day, &sums[i].of->owner, sums[i].of->event,
				    (int64_t)sums[i].of->hidden, (int64_t)sums[i].n, (int64_t)sums[i].bytes);
	return st;
}
