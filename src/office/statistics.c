/* Figures of a span of time, see statistics.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "clock_zone.h"
#include "jsonw.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "principal.h"

#include "office_own.h"

#include "statistics.h"

/* So many steps of a count that is not finished are done for who asks; after that he is told to come back. */
#define FILL_STEPS 10

/* $1 entity $2 $3 days $4 account (null: any) $5 1: hidden copies of all, else of $6 alone */
#define SPAN "entity = $1 AND day >= $2 AND day <= $3 AND ($4 IS NULL OR account = $4) AND (hidden = 0 OR $5 = 1 OR account = $6)"
static const char COUNTERS[] = "SELECT day, event, SUM(n), SUM(bytes) FROM counter WHERE " SPAN
			       " AND event IN ('document.sent', 'notice.sent', 'notice.failed', "
			       "'lre.notice.sent', 'lre.notice.failed', 'deposit.accepted') GROUP BY day, event";
static const char READINGS[] = "SELECT day, seconds FROM reading WHERE " SPAN " ORDER BY day";

static const char *const BY[] = { "day", "week", "month", NULL };

/* ---- what is asked ---- */

static enum pli_status by_read(const char *given, enum statistics_by *by_r, struct err *err)
{
	const char *near;

	for (unsigned i = 0; BY[i]; i++) {
		if (str_eq(given ? given : "day", BY[i])) {
			*by_r = (enum statistics_by)i;
			return PLI_OK;
		}
	}
	near = str_nearest(given, BY);
	err_field(err, PLI_INVALID, "bad-period", "by", "by is day, week or month.");
	return near ? err_hint(err, "Did you mean \"%s\"?", near) : PLI_INVALID;
}

static enum pli_status day_read(const char *given, const char *field, int64_t *day_r, struct err *err)
{
	int64_t t_us;

	if (!given || !*given)
		return PLI_OK;
	if (strlen(given) != 10 || !clock_parse(given, &t_us)) {
		err_field(err, PLI_INVALID, "bad-date", field, "This is not a date.");
		return err_hint(err, "Write a day: 2026-12-31.");
	}
	*day_r = clock_day(t_us);
	return PLI_OK;
}

/* 1970-01-01 was a Thursday. */
static int64_t monday_of(int64_t day)
{
	return day - ((day + 3) % 7 + 7) % 7;
}

static int64_t month_begin(int64_t day, int months_later)
{
	int year, month, d, n;

	clock_date_of(day, &year, &month, &d);
	n = year * 12 + month - 1 + months_later;
	return clock_days_of(n / 12, (unsigned)(n % 12 + 1), 1);
}

static int64_t period_begin(enum statistics_by by, int64_t day)
{
	return by == STATISTICS_DAY ? day : by == STATISTICS_WEEK ? monday_of(day) : month_begin(day, 0);
}

static int64_t period_next(enum statistics_by by, int64_t begin)
{
	return by == STATISTICS_DAY ? begin + 1 : by == STATISTICS_WEEK ? begin + 7 : month_begin(begin, 1);
}

static int64_t span_begin(enum statistics_by by, int64_t last_day)
{
	return by == STATISTICS_DAY ? last_day - 29 : by == STATISTICS_WEEK ? monday_of(last_day) - 11 * 7 : month_begin(last_day, -11);
}

static void period_name(enum statistics_by by, int64_t begin, char out[12])
{
	int year, month, day;
	int64_t thursday = begin + 3;		/* an ISO week belongs to the year of its Thursday */

	clock_date_of(by == STATISTICS_WEEK ? thursday : begin, &year, &month, &day);
	if (by == STATISTICS_DAY)
		snprintf(out, 12, "%04u-%02u-%02u", (unsigned)year % 10000, (unsigned)month % 100, (unsigned)day % 100);
	else if (by == STATISTICS_MONTH)
		snprintf(out, 12, "%04u-%02u", (unsigned)year % 10000, (unsigned)month % 100);
	else
		snprintf(out, 12, "%04u-W%02u", (unsigned)year % 10000, (unsigned)((thursday - clock_days_of(year, 1, 1)) / 7 + 1) % 100);
}

static void date_name(int64_t day, char out[11])
{
	int year, month, d;

	clock_date_of(day, &year, &month, &d);
	snprintf(out, 11, "%04u-%02u-%02u", (unsigned)year % 10000, (unsigned)month % 100, (unsigned)d % 100);
}

static enum pli_status periods_make(struct statistics *s, struct pool *pool, int64_t first_day, int64_t last_day, struct err *err)
{
	s->rows = POOL_ARRAY(pool, struct statistics_row, STATISTICS_ROWS_MAX);
	date_name(first_day, s->from);
	date_name(last_day, s->to);
	s->total = (struct statistics_row){ .first_day = first_day, .last_day = last_day };
	for (int64_t begin = period_begin(s->by, first_day); begin <= last_day; begin = period_next(s->by, begin)) {
		struct statistics_row *row = &s->rows[s->count];
		int64_t last = period_next(s->by, begin) - 1;

		if (s->count == STATISTICS_ROWS_MAX) {
			err_field(err, PLI_INVALID, "too-long", "from", "That is more than %d periods.", STATISTICS_ROWS_MAX);
			return err_hint(err, "Ask for a shorter time, or for weeks or months.");
		}
		period_name(s->by, begin, row->period);
		row->first_day = begin > first_day ? begin : first_day;
		row->last_day = last < last_day ? last : last_day;
		s->count++;
	}
	return PLI_OK;
}

static enum pli_status query_read(struct office *office, struct pool *pool, const struct statistics_query *q, struct statistics *s,
				  struct err *err)
{
	int64_t first = INT64_MIN, last = clock_local_day(clock_now_us(), office->parts.settings->timezone);
	enum pli_status st = by_read(q->by, &s->by, err);

	s->zone = office->parts.settings->timezone;
	if (st == PLI_OK)
		st = day_read(q->to, "to", &last, err);
	if (st == PLI_OK)
		st = day_read(q->from, "from", &first, err);
	if (st != PLI_OK)
		return st;
	if (first == INT64_MIN)
		first = span_begin(s->by, last);
	if (first > last)
		return err_field(err, PLI_INVALID, "bad-date", "from", "The beginning is after the end.");
	return periods_make(s, pool, first, last, err);
}

/* ---- the figures ---- */

/* Whose letters and whose hidden copies: what all statements ask alike. */
struct scope {
	const struct principal *who;
	struct db_conn *conn;
	const struct uuid *account;
	int64_t all_hidden;
};

static struct statistics_row *row_of(struct statistics *s, int64_t day)
{
	unsigned low = 0, high = s->count;

	while (high - low > 1) {
		unsigned middle = (low + high) / 2;

		if (s->rows[middle].first_day <= day)
			low = middle;
		else
			high = middle;
	}
	return &s->rows[low];
}

static void counter_add(struct statistics_row *row, const char *event, int64_t n, int64_t bytes)
{
	row->sent += str_eq(event, "document.sent") ? n : 0;
	row->delivered += str_eq(event, "notice.sent") || str_eq(event, "lre.notice.sent") ? n : 0;
	row->failures += str_eq(event, "notice.failed") || str_eq(event, "lre.notice.failed") ? n : 0;
	row->bytes += bytes;
}

static enum pli_status counters_read(struct statistics *s, const struct scope *scope, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(scope->conn, &rows, err, COUNTERS, "uiiuiu", &scope->who->entity, s->total.first_day,
				      s->total.last_day, scope->account, scope->all_hidden, &scope->who->account);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		counter_add(row_of(s, db_int(&rows, 0)), db_text(&rows, 1), db_int(&rows, 2), db_int(&rows, 3));
		counter_add(&s->total, db_text(&rows, 1), db_int(&rows, 2), db_int(&rows, 3));
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

static int by_size(const void *a, const void *b)
{
	int64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* The middle one, or the mean of both; seconds are put in order. */
static void median_set(struct statistics_row *row, int64_t *seconds, size_t n)
{
	row->read = (int64_t)n;
	row->has_median = n != 0;
	if (!n)
		return;
	qsort(seconds, n, sizeof(*seconds), by_size);
	row->median_seconds = n % 2 ? seconds[n / 2] : (seconds[n / 2 - 1] + seconds[n / 2]) / 2;
}

/* Readings come in order of days: each row's stand together. */
static enum pli_status readings_read(struct statistics *s, const struct scope *scope, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	AUTO_BUF seconds;
	struct statistics_row *row = NULL;
	size_t begin = 0, all;
	int64_t *all_seconds;
	enum pli_status st = db_query(scope->conn, &rows, err, READINGS, "uiiuiu", &scope->who->entity, s->total.first_day,
				      s->total.last_day, scope->account, scope->all_hidden, &scope->who->account);

	buf_init(&seconds);
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct statistics_row *its = row_of(s, db_int(&rows, 0));
		int64_t took = db_int(&rows, 1);

		if (row && its != row) {
			median_set(row, (int64_t *)(void *)seconds.p + begin, seconds.n / sizeof(took) - begin);
			begin = seconds.n / sizeof(took);
		}
		row = its;
		buf_add(&seconds, &took, sizeof(took));
	}
	if (st != PLI_ABSENT)
		return st;
	all_seconds = (int64_t *)(void *)seconds.p;
	all = seconds.n / sizeof(int64_t);
	if (row)
		median_set(row, all_seconds + begin, all - begin);
	median_set(&s->total, all_seconds, all);
	return PLI_OK;
}

static enum pli_status counted(struct office *office, struct err *err)
{
	bool done = false;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; i < FILL_STEPS && st == PLI_OK && !done; i++)
		st = statistics_fill(office, &done, err);
	if (st != PLI_OK || done)
		return st;
	err_set(err, PLI_BUSY, "The journal is still being counted; try again in a moment.");
	if (err)
		err->retry_after_s = 10;
	return PLI_BUSY;
}

enum pli_status statistics_read(struct office *office, const struct principal *who, struct pool *pool, const struct statistics_query *query,
				struct statistics *statistics_r, struct err *err)
{
	struct scope scope = { .who = who, .account = principal_sees_own_only(who) ? &who->account : NULL,
			       .all_hidden = principal_sees_bcc(who, NULL) };
	enum pli_status st = principal_may(who, RIGHT_JOURNAL, NULL, NULL, err);

	*statistics_r = (struct statistics){ 0 };
	if (st == PLI_OK)
		st = query_read(office, pool, query, statistics_r, err);
	if (st == PLI_OK)
		st = counted(office, err);
	if (st != PLI_OK)
		return st;
	scope.conn = db_reader_take(office->parts.db);
	st = db_snapshot(scope.conn, err);
	if (st == PLI_OK)
		st = counters_read(statistics_r, &scope, err);
	if (st == PLI_OK)
		st = readings_read(statistics_r, &scope, err);
	db_reader_give(office->parts.db, scope.conn);
	return st;
}

/* ---- JSON ---- */

static void row_json(struct jsonw *w, const char *name, const struct statistics_row *row)
{
	char rate[32];

	jsonw_object(w, name);
	if (row->period[0])
		jsonw_str(w, "period", row->period);
	jsonw_int(w, "sent", row->sent);
	jsonw_int(w, "delivered", row->delivered);
	jsonw_int(w, "read", row->read);
	if (row->delivered)
		jsonw_raw(w, "read_rate", rate, (size_t)snprintf(rate, sizeof(rate), "%.4f", (double)row->read / (double)row->delivered));
	else
		jsonw_null(w, "read_rate");
	if (row->has_median)
		jsonw_int(w, "median_seconds_to_read", row->median_seconds);
	else
		jsonw_null(w, "median_seconds_to_read");
	jsonw_int(w, "failures", row->failures);
	jsonw_int(w, "bytes", row->bytes);
	jsonw_object_end(w);
}

void statistics_json(const struct statistics *s, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "from", s->from);
	jsonw_str(&w, "to", s->to);
	jsonw_str(&w, "by", BY[s->by]);
	jsonw_str(&w, "zone", s->zone);
	jsonw_array(&w, "rows");
	for (unsigned i = 0; i < s->count; i++)
		row_json(&w, NULL, &s->rows[i]);
	jsonw_array_end(&w);
	row_json(&w, "total", &s->total);
	jsonw_object_end(&w);
}
