/* Named spans; see retention.h.  All rows of the table are kept in memory: there are few, and every deposit asks. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "office_own.h"
#include "retention_own.h"

#define YEAR_DAYS 366

static const char ALL_GET[] = "SELECT entity, name, content_days, evidence_days FROM retention ORDER BY entity, name";
static const char SPAN_SET[] =
	"INSERT INTO retention (entity, name, content_days, evidence_days) VALUES ($1, $2, $3, $4) "
	"ON CONFLICT (entity, name) DO UPDATE SET content_days = excluded.content_days, evidence_days = excluded.evidence_days";

struct retention_row {
	struct uuid entity;
	struct retention_span span;
};

enum pli_status retention_load(struct office *office, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	AUTO_BUF list = { 0 };
	enum pli_status st = db_query(conn, &rows, err, ALL_GET, "");

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct retention_row row = { .span = { .content_days = (unsigned)db_int(&rows, 2), .evidence_days = (unsigned)db_int(&rows, 3) } };

		if (!db_uuid(&rows, 0, &row.entity))
			continue;
		snprintf(row.span.name, sizeof(row.span.name), "%s", db_text(&rows, 1));
		buf_add(&list, &row, sizeof(row));
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	if (st != PLI_ABSENT)
		return st;
	pthread_mutex_lock(&office->lock);
	mem_free(office->spans);
	office->span_count = (unsigned)(list.n / sizeof(struct retention_row));
	office->spans = list.n ? mem_alloc(list.n) : NULL;
	if (list.n)
		memcpy(office->spans, list.p, list.n);
	pthread_mutex_unlock(&office->lock);
	return PLI_OK;
}

static bool own_span(struct office *office, const struct uuid *entity, const char *name, struct retention_span *span_r)
{
	bool found = false;

	pthread_mutex_lock(&office->lock);
	for (unsigned i = 0; i < office->span_count && !found; i++) {
		const struct retention_row *row = &office->spans[i];

		found = uuid_same(&row->entity, entity) && str_eq(row->span.name, name);
		if (found)
			*span_r = row->span;
	}
	pthread_mutex_unlock(&office->lock);
	return found;
}

/* What everybody has. */
static bool common_span(struct office *office, const char *name, struct retention_span *span_r)
{
	const struct settings *s = office->parts.settings;
	bool registered = str_eq(name, "registered");

	if (!registered && !str_eq(name, "simple"))
		return false;
	*span_r = (struct retention_span){ .content_days = s->content_days, .evidence_days = s->evidence_days };
	if (registered && span_r->content_days < s->registered_keep_days)
		span_r->content_days = s->registered_keep_days;
	if (span_r->evidence_days < span_r->content_days)
		span_r->evidence_days = span_r->content_days;
	snprintf(span_r->name, sizeof(span_r->name), "%s", name);
	return true;
}

enum pli_status retention_find(struct office *office, const struct uuid *entity, const char *name, struct retention_span *span_r,
			       struct err *err)
{
	if (own_span(office, entity, name, span_r) || common_span(office, name, span_r))
		return PLI_OK;
	err_field(err, PLI_INVALID, "unknown-retention", "retention", "There is no retention named \"%.31s\" here.", name);
	return err_hint(err, "simple, registered, or one that the operator has given your entity.");
}

enum pli_status retention_each(struct office *office, const struct uuid *entity, retention_fn *fn, void *arg, struct err *err)
{
	static const char *const common[] = { "registered", "simple" };
	struct retention_span span;
	AUTO_BUF own = { 0 };
	enum pli_status st = PLI_OK;

	for (size_t i = 0; st == PLI_OK && i < sizeof(common) / sizeof(common[0]); i++)
		if (!own_span(office, entity, common[i], &span) && common_span(office, common[i], &span))
			st = fn(arg, &span, false, err);
	pthread_mutex_lock(&office->lock);
	for (unsigned i = 0; i < office->span_count; i++)
		if (uuid_same(&office->spans[i].entity, entity))
			buf_add(&own, &office->spans[i].span, sizeof(span));
	pthread_mutex_unlock(&office->lock);
	for (size_t at = 0; st == PLI_OK && at < own.n; at += sizeof(span)) {
		memcpy(&span, own.p + at, sizeof(span));
		st = fn(arg, &span, true, err);
	}
	return st;
}

static bool name_valid(const char *name)
{
	size_t n = strlen(name);

	return n && n <= RETENTION_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && name[0] != '-';
}

static enum pli_status span_valid(const struct retention_span *s, struct err *err)
{
	if (!name_valid(s->name))
		return err_field(err, PLI_INVALID, "bad-retention", "retention", "A retention is named by at most %d of a-z, 0-9 and -.",
				 RETENTION_NAME_MAX);
	if (!s->content_days || s->content_days > RETENTION_DAYS_MAX || s->evidence_days > RETENTION_DAYS_MAX)
		return err_field(err, PLI_INVALID, "bad-retention", "content_days", "Days are a number from 1 to %d.", RETENTION_DAYS_MAX);
	if (s->evidence_days < s->content_days)
		return err_field(err, PLI_INVALID, "bad-retention", "evidence_days", "Evidence is kept at least as long as content.");
	if (str_eq(s->name, "registered") && s->content_days < YEAR_DAYS)
		return err_field(err, PLI_INVALID, "bad-retention", "content_days",
				 "Registered letters and their evidence are kept for at least a year: %d days.", YEAR_DAYS);
	return PLI_OK;
}

struct setting {
	struct office *office;
	const struct journal_actor *by;
	const struct uuid *entity;
	const struct retention_span *span;
};

static enum pli_status set_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct setting *s = arg;
	AUTO_BUF d = { 0 };
	struct jsonw w;
	enum pli_status st = db_run(tx->conn, NULL, err, SPAN_SET, "utii", s->entity, s->span->name, (int64_t)s->span->content_days,
				    (int64_t)s->span->evidence_days);

	jsonw_init(&w, &d, true);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "content_days", s->span->content_days);
	jsonw_int(&w, "evidence_days", s->span->evidence_days);
	jsonw_str(&w, "name", s->span->name);
	jsonw_object_end(&w);
	if (st != PLI_OK)
		return st;
	return journal_add(s->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "retention.set", .actor = s->by, .entity = s->entity, .d_json = d.p }, err);
}

enum pli_status retention_set(struct office *office, const struct journal_actor *by, const struct uuid *entity,
			      const struct retention_span *span, struct err *err)
{
	struct setting s = { office, by, entity, span };
	enum pli_status st = span_valid(span, err);

	if (st == PLI_OK)
		st = office_room(office, OFFICE_RESERVE_READ, err);
	if (st == PLI_OK)
		st = db_write(office->parts.db, set_fn, &s, err);
	return st == PLI_OK ? retention_load(office, err) : st;
}
