/* Staged objects and the keeper's wrapping key: see object_stage_rekey. */
#include <string.h>

#include "clock.h"
#include "pool.h"
#include "text.h"

#include "db.h"
#include "keywrap.h"

#include "object_private.h"

#include "object.h"

#define AT_ONCE 64u
#define KID_DATE (6 + 32 + 1)		/* "stage-", entity, "-" stand before the day; kek_store.h */

static const char STAGED_GET[] =
	"SELECT s.entity, s.object, s.n, s.kid, s.wrapped FROM object o JOIN segment s ON s.entity = o.entity AND s.object = o.object "
	"WHERE o.expires > 0 AND s.kid IS NOT NULL AND (s.entity, s.object, s.n) > ($1, $2, $3) ORDER BY s.entity, s.object, s.n LIMIT $4";
static const char SEGMENT_SET[] =
	"UPDATE segment SET kid = $1, wrapped = $2 WHERE entity = $3 AND object = $4 AND n = $5 AND kid = $6 AND wrapped = $7";

struct staged {
	struct uuid entity, object;
	struct object_segment was, is;
	bool moves;
};
struct rekey {
	struct object_store *store;
	struct staged *all;
	unsigned count;
};

static enum pli_status page_read(struct rekey *r, const struct object_rekey_at *after, struct err *err)
{
	struct db_conn *conn = db_reader_take(r->store->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, STAGED_GET, "uuii", &after->entity, &after->object, (int64_t)after->n,
				      (int64_t)AT_ONCE);

	for (r->count = 0; st == PLI_OK && r->count < AT_ONCE && (st = db_next(&rows, err)) == PLI_OK; r->count++) {
		struct staged *s = &r->all[r->count];
		const char *kid = db_text(&rows, 3);
		const void *wrapped = db_blob(&rows, 4, &s->was.wrapped_n);

		memset(&s->is, 0, sizeof(s->is));
		s->was.n = (uint32_t)db_int(&rows, 2);
		if (!db_uuid(&rows, 0, &s->entity) || !db_uuid(&rows, 1, &s->object) || !kid || strlen(kid) >= sizeof(s->was.kid) || !wrapped ||
		    s->was.wrapped_n > sizeof(s->was.wrapped)) {
			st = err_set(err, PLI_IO, "segment row: bad key");
			break;
		}
		snprintf(s->was.kid, sizeof(s->was.kid), "%s", kid);
		memcpy(s->was.wrapped, wrapped, s->was.wrapped_n);
	}
	db_end(&rows);
	db_reader_give(r->store->db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* The day whose staging key it is, or -1. */
static int64_t kid_day(const char *kid)
{
	char date[11];
	int64_t t_us;

	if (strlen(kid) < KID_DATE + 8)
		return -1;
	kid += KID_DATE;
	snprintf(date, sizeof(date), "%.4s-%.2s-%.2s", kid, kid + 4, kid + 6);
	return clock_parse(date, &t_us) ? clock_day(t_us - 1) : -1;
}

static enum pli_status wrap_again(struct rekey *r, struct staged *s, struct err *err)
{
	const struct keywrap *kw = &r->store->keywrap;
	int64_t day = kid_day(s->was.kid);
	uint8_t key[1][32];
	enum pli_status st;

	s->moves = false;
	st = day < 0 ? PLI_GONE : kw->kek(kw->arg, "stage", &s->entity, day, s->is.kid, err);
	if (st == PLI_GONE || (st == PLI_OK && str_eq(s->is.kid, s->was.kid)))	/* its time is over; or it is the one in use */
		return PLI_OK;
	if (st == PLI_OK)
		st = object_stage_unwrap(r->store, &s->entity, &s->object, &s->was, 1, key, err);
	if (st == PLI_ABSENT || st == PLI_INPUT)	/* nobody can send it any more: left to the sweep */
		return PLI_OK;
	s->is.n = s->was.n;
	if (st == PLI_OK)
		st = object_stage_wrap_under(r->store, &s->entity, &s->object, key[0], &s->is, err);
	mem_wipe(key, sizeof(key));
	s->moves = st == PLI_OK;
	return st;
}

static enum pli_status put_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct rekey *r = arg;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < r->count; i++) {
		const struct staged *s = &r->all[i];

		/* Sent, gone on with or given up meanwhile: then there is nothing to change. */
		if (s->moves)
			st = db_run(tx->conn, NULL, err, SEGMENT_SET, "tbuuitb", s->is.kid, s->is.wrapped, s->is.wrapped_n, &s->entity, &s->object,
				    (int64_t)s->was.n, s->was.kid, s->was.wrapped, s->was.wrapped_n);
	}
	return st;
}

enum pli_status object_stage_rekey(struct object_store *store, struct object_rekey_at *at, unsigned *moved_r, struct err *err)
{
	struct rekey r = { .store = store, .all = mem_alloc(AT_ONCE * sizeof(*r.all)) };
	enum pli_status st = page_read(&r, at, err);
	unsigned moves = 0;

	for (unsigned i = 0; st == PLI_OK && i < r.count; i++) {
		st = wrap_again(&r, &r.all[i], err);
		moves += st == PLI_OK && r.all[i].moves;
	}
	if (st == PLI_OK && moves)
		st = db_write(store->db, put_fn, &r, err);
	*moved_r = st == PLI_OK ? moves : 0;
	if (st == PLI_OK && r.count)
		*at = (struct object_rekey_at){ r.all[r.count - 1].entity, r.all[r.count - 1].object, r.all[r.count - 1].was.n };
	else if (st == PLI_OK)
		st = PLI_ABSENT;
	mem_free(r.all);
	return st;
}
