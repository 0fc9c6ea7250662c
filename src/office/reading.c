/* Degrees of reading, counted over a letter's entries; see reading.h. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "letter.h"
#include "office_own.h"

#include "reading.h"

#define ENTRIES_MAX 50000

static const char ENTRIES_GET[] =
	"SELECT recipient, event, t, entry FROM journal WHERE letter = $1 AND entity = $2 "
	"AND event IN ('notice.opened', 'handover', 'access', 'access.complete') ORDER BY seq LIMIT $3";
static const char VISITS_GET[] = "SELECT n, visits, machines FROM visit WHERE entity = $1 AND letter = $2";

static struct letter_recipient *recipient_of(const struct letter *l, const struct uuid *id, unsigned n)
{
	for (unsigned i = 0; i < l->recipient_count; i++)
		if (id ? uuid_same(&l->recipients[i].recipient, id) : l->recipients[i].n == n)
			return &l->recipients[i];
	return NULL;
}

static unsigned count_of(const json_t *d, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(d, name));

	return n > 0 && n < 1000000000 ? (unsigned)n : 0;
}

static void visits_add(struct reading *r, unsigned all, unsigned machines)
{
	machines = machines < all ? machines : all;
	r->machine_visits += machines;
	r->page_visits += all - machines;
}

/* A part of that number, at its place. */
static struct reading_part *part_of(struct reading *r, unsigned n, unsigned most)
{
	unsigned at = 0;

	while (at < r->part_count && r->parts[at].n < n)
		at++;
	if (at < r->part_count && r->parts[at].n == n)
		return &r->parts[at];
	if (r->part_count == most)
		return NULL;
	memmove(&r->parts[at + 1], &r->parts[at], (r->part_count - at) * sizeof(*r->parts));
	r->parts[at] = (struct reading_part){ .n = n };
	r->part_count++;
	return &r->parts[at];
}

static void opening_add(struct reading *r, struct pool *pool, const json_t *entry, const json_t *d, int64_t t_us, bool first)
{
	const json_t *act = json_object_get(entry, "act");
	const char *method = json_string_value(json_object_get(act, "m"));
	const char *by = json_string_value(json_object_get(d, "by"));

	r->method = pool_str(pool, method ? method : "link");
	r->level = (int)json_integer_value(json_object_get(act, "lvl"));
	if (!first || r->acknowledged_us)
		return;
	r->acknowledged_us = t_us;
	r->act = by ? pool_str(pool, by) : NULL;
}

static void entry_add(struct reading *r, struct pool *pool, const struct letter *l, const char *event, int64_t t_us, const json_t *entry)
{
	const json_t *d = json_object_get(entry, "d");
	unsigned part = count_of(d, "part");

	if (str_eq(event, "notice.opened")) {
		/* What was counted before machines were told apart is no sign of a person. */
		unsigned all = count_of(d, "visits");

		visits_add(r, all, json_object_get(d, "machines") ? count_of(d, "machines") : all);
	} else if (str_eq(event, "handover") || (str_eq(event, "access") && !part)) {
		opening_add(r, pool, entry, d, t_us, str_eq(event, "handover"));
	} else if (part) {
		struct reading_part *p = part_of(r, part, l->part_count);

		if (p && str_eq(event, "access.complete"))
			p->complete = true;
	}
}

static enum pli_status entries_read(struct db_conn *conn, struct pool *pool, struct letter *l, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ENTRIES_GET, "uui", &l->letter, &l->entity, (int64_t)ENTRIES_MAX);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct uuid id;
		struct letter_recipient *who = db_uuid(&rows, 0, &id) ? recipient_of(l, &id, 0) : NULL;
		size_t n;
		const char *text = db_blob(&rows, 3, &n);
		json_t *entry = who && text ? json_loadb(text, n, 0, NULL) : NULL;

		if (entry)
			entry_add(who->reading, pool, l, db_text(&rows, 1), db_int(&rows, 2), entry);
		json_decref(entry);
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* Of hours that are not closed yet. */
static enum pli_status visits_read(struct db_conn *conn, struct letter *l, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, VISITS_GET, "uu", &l->entity, &l->letter);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct letter_recipient *who = recipient_of(l, NULL, (unsigned)db_int(&rows, 0));

		if (who)
			visits_add(who->reading, (unsigned)db_int(&rows, 1), (unsigned)db_int(&rows, 2));
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status reading_load(struct office *office, struct pool *pool, struct letter *letter, struct err *err)
{
	struct db_conn *conn;
	enum pli_status st;

	if (letter->archived_us)	/* its entries are another journal's */
		return PLI_OK;
	for (unsigned i = 0; i < letter->recipient_count; i++) {
		letter->recipients[i].reading = POOL_NEW(pool, struct reading);
		letter->recipients[i].reading->parts = POOL_ARRAY(pool, struct reading_part, letter->part_count + 1);
	}
	conn = db_reader_take(office->parts.db);
	st = db_snapshot(conn, err);
	if (st == PLI_OK)
		st = entries_read(conn, pool, letter, err);
	if (st == PLI_OK)
		st = visits_read(conn, letter, err);
	db_reader_give(office->parts.db, conn);
	return st;
}

void reading_json(const struct reading *r, struct jsonw *w)
{
	jsonw_object(w, "reading");
	jsonw_int(w, "machine_visits", r->machine_visits);
	jsonw_int(w, "page_visits", r->page_visits);
	if (r->method) {
		jsonw_str(w, "identified_by", r->method);
		jsonw_int(w, "level", r->level);
	} else {
		jsonw_null(w, "identified_by");
	}
	jsonw_array(w, "files");
	for (unsigned i = 0; i < r->part_count; i++) {
		jsonw_object(w, NULL);
		jsonw_int(w, "n", r->parts[i].n);
		jsonw_bool(w, "complete", r->parts[i].complete);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_str(w, "act", r->act);
	jsonw_time(w, "acknowledged_at", r->acknowledged_us);
	jsonw_object_end(w);
}
