/* Statistics as a page (B17, B38): figures, charts made by the server, and a table of the same numbers; and as a file. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "clock_zone.h"
#include "csv.h"
#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "http.h"

#include "statistics.h"

#include "answer.h"
#include "chart.h"
#include "door.h"
#include "page_filter.h"
#include "portal.h"

#include "handlers.h"

static const char *const NAMES[] = { "by", "from", "to", NULL };
static const char *const BY[] = { "day", "week", "month" };

/* ---- numbers in words ---- */

/* "12 345", "12,345" */
static const char *number_text(struct door_call *c, int64_t n)
{
	char digits[24];
	AUTO_BUF out;
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRId64, n);

	buf_init(&out);
	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_str(&out, c->lang[0] == 'f' ? "\xe2\x80\xaf" : ",");
		buf_ch(&out, digits[i]);
	}
	return pool_strn(c->pool, out.p, out.n);
}

static const char *rate_text(struct door_call *c, const struct statistics_row *row)
{
	const char *args[1];
	AUTO_BUF out = { 0 };

	if (!row->delivered)
		return "–";
	args[0] = pool_fmt(c->pool, "%" PRId64, (200 * row->read + row->delivered) / (2 * row->delivered));
	locale_add(&out, c->locale, "stats.percent", args, 1);
	return pool_strn(c->pool, out.p, out.n);
}

static const char *duration_text(struct door_call *c, const struct statistics_row *row)
{
	int64_t s = row->median_seconds;
	const char *key = s < 60 ? "stats.seconds" : s < 3600 ? "stats.minutes" : s < 86400 ? "stats.hours" : "stats.days";
	int64_t big = s < 60 ? s : s < 3600 ? s / 60 : s < 86400 ? s / 3600 : s / 86400;
	int64_t small = s < 60 ? 0 : s < 3600 ? s % 60 : s < 86400 ? s / 60 % 60 : s / 3600 % 24;
	const char *args[2];
	AUTO_BUF out = { 0 };

	if (!row->has_median)
		return "–";
	args[0] = pool_fmt(c->pool, "%" PRId64, big);
	args[1] = pool_fmt(c->pool, "%" PRId64, small);
	locale_add(&out, c->locale, key, args, 2);
	return pool_strn(c->pool, out.p, out.n);
}

/* ---- periods in words ---- */

static const char *month_short(struct door_call *c, int month)
{
	return locale_text(c->locale, pool_fmt(c->pool, "stats.month_%d", month));
}

static const char *period_short(struct door_call *c, enum statistics_by by, const struct statistics_row *row)
{
	int year, month, day;

	clock_date_of(row->first_day, &year, &month, &day);
	if (by == STATISTICS_DAY)
		return pool_fmt(c->pool, "%d %s", day, month_short(c, month));
	if (by == STATISTICS_MONTH)
		return pool_fmt(c->pool, "%s %02d", month_short(c, month), year % 100);
	return pool_fmt(c->pool, "%s%s", locale_text(c->locale, "stats.week_letter"), row->period + 6);
}

static const char *day_text(struct door_call *c, int64_t days)
{
	int year, month, day;

	clock_date_of(days, &year, &month, &day);
	return pool_fmt(c->pool, "%d %s %d", day, month_short(c, month), year);
}

static const char *period_text(struct door_call *c, enum statistics_by by, const struct statistics_row *row)
{
	int year, month, day;

	clock_date_of(row->first_day, &year, &month, &day);
	if (by == STATISTICS_DAY)
		return day_text(c, row->first_day);
	if (by == STATISTICS_MONTH)
		return pool_fmt(c->pool, "%s %d", month_short(c, month), year);
	return pool_fmt(c->pool, "%s%s · %s – %s", locale_text(c->locale, "stats.week_letter"), row->period + 6, day_text(c, row->first_day),
			day_text(c, row->last_day));
}

/* ---- charts ---- */

static const char *count_label(void *arg, int64_t value)
{
	return number_text(arg, value);
}

static const char *bytes_label(void *arg, int64_t value)
{
	return answer_size_text(arg, (uint64_t)value);
}

static const char *bar_title(struct door_call *c, const struct statistics *s, const struct statistics_row *row, const char *key,
			     const char *a, const char *b)
{
	const char *args[] = { period_text(c, s->by, row), a, b };
	AUTO_BUF out = { 0 };

	locale_add(&out, c->locale, key, args, 3);
	return pool_strn(c->pool, out.p, out.n);
}

static void charts_put(struct door_call *c, struct view *v, const struct statistics *s)
{
	struct chart_bar *bars = POOL_ARRAY(c->pool, struct chart_bar, s->count + 1);
	struct view *chart = view_item(v, "charts");

	for (unsigned i = 0; i < s->count; i++) {
		const struct statistics_row *row = &s->rows[i];

		bars[i] = (struct chart_bar){ .label = period_short(c, s->by, row), .back = row->delivered, .front = row->read };
		bars[i].title = bar_title(c, s, row, "stats.bar_read", number_text(c, row->delivered), number_text(c, row->read));
	}
	view_str(chart, "heading", locale_text(c->locale, "stats.chart_read"));
	view_str(chart, "id", "chart-read");
	view_bool(chart, "legend", true);
	view_str(chart, "front_class", "front");
	chart_put(chart, bars, s->count, false, count_label, c);
	if (s->total.failures) {
		for (unsigned i = 0; i < s->count; i++) {
			bars[i].back = 0;
			bars[i].front = s->rows[i].failures;
			bars[i].title = bar_title(c, s, &s->rows[i], "stats.bar_failures", number_text(c, s->rows[i].failures), NULL);
		}
		chart = view_item(v, "charts");
		view_str(chart, "heading", locale_text(c->locale, "stats.chart_failures"));
		view_str(chart, "id", "chart-failures");
		view_bool(chart, "legend", false);
		view_str(chart, "front_class", "failed");
		chart_put(chart, bars, s->count, false, count_label, c);
	}
	for (unsigned i = 0; i < s->count; i++) {
		bars[i].back = 0;
		bars[i].front = s->rows[i].bytes;
		bars[i].title = bar_title(c, s, &s->rows[i], "stats.bar_bytes", answer_size_text(c, (uint64_t)s->rows[i].bytes), NULL);
	}
	chart = view_item(v, "charts");
	view_str(chart, "heading", locale_text(c->locale, "stats.chart_bytes"));
	view_str(chart, "id", "chart-bytes");
	view_bool(chart, "legend", false);
	view_str(chart, "front_class", "volume");
	chart_put(chart, bars, s->count, true, bytes_label, c);
}

/* ---- the page ---- */

static void row_put(struct door_call *c, struct view *v, const struct statistics_row *row)
{
	view_str(v, "sent", number_text(c, row->sent));
	view_str(v, "delivered", number_text(c, row->delivered));
	view_str(v, "read", number_text(c, row->read));
	view_str(v, "rate", rate_text(c, row));
	view_str(v, "median", duration_text(c, row));
	view_str(v, "failures", number_text(c, row->failures));
	view_str(v, "bytes", answer_size_text(c, (uint64_t)row->bytes));
}

static void by_put(struct door_call *c, struct view *v, const struct page_filter *filter, enum statistics_by by)
{
	(void)filter;
	for (unsigned i = 0; i < 3; i++) {
		struct view *item = view_item(v, "bys");

		view_str(item, "href", pool_fmt(c->pool, "/statistics?by=%s", BY[i]));
		view_str(item, "label", locale_text(c->locale, pool_fmt(c->pool, "stats.by_%s", BY[i])));
		view_bool(item, "here", i == by);
	}
}

static void statistics_put(struct door_call *c, struct view *v, const struct page_filter *filter, const struct statistics *s)
{
	row_put(c, v, &s->total);
	view_str(v, "by", BY[s->by]);
	view_str(v, "from", s->from);
	view_str(v, "to", s->to);
	view_str(v, "zone", s->zone);
	view_str(v, "span_first", day_text(c, s->total.first_day));
	view_str(v, "span_last", day_text(c, s->total.last_day));
	view_bool(v, "any", s->total.sent || s->total.delivered || s->total.failures || s->total.bytes);
	by_put(c, v, filter, s->by);
	charts_put(c, v, s);
	for (unsigned i = s->count; i; i--) {		/* newest first, as everywhere */
		struct view *item = view_item(v, "rows");

		view_str(item, "period", period_text(c, s->by, &s->rows[i - 1]));
		row_put(c, item, &s->rows[i - 1]);
	}
	view_str(v, "csv_href", page_filter_href(c, filter, "/statistics.csv", NULL, NULL));
}

static enum pli_status read_asked(struct door_call *c, struct page_filter *filter, struct statistics *s, struct err *err)
{
	struct statistics_query query;
	enum pli_status st = page_filter_read(c, filter, NAMES, err);

	if (st != PLI_OK)
		return st;
	query = (struct statistics_query){ .by = page_filter_get(filter, "by"), .from = page_filter_get(filter, "from"),
					   .to = page_filter_get(filter, "to") };
	return statistics_read(c->doors->office, &c->principal, c->pool, &query, s, err);
}

/* What was typed stays in the form; the rest of the page waits until it can be read. */
static void fault_put(struct door_call *c, struct view *v, const struct page_filter *filter, const struct err *err)
{
	const char *by = page_filter_get(filter, "by"), *from = page_filter_get(filter, "from"), *to = page_filter_get(filter, "to");
	enum statistics_by chosen = str_eq(by, "week") ? STATISTICS_WEEK : str_eq(by, "month") ? STATISTICS_MONTH : STATISTICS_DAY;
	const char *fault;

	by_put(c, v, filter, chosen);
	view_str(v, "by", BY[chosen]);
	view_str(v, "from", from ? from : "");
	view_str(v, "to", to ? to : "");
	fault = str_eq(err->type, "too-long") ? "stats.fault_long" : "journal.fault_date";
	view_str(v, str_eq(err->field, "to") ? "fault_to" : "fault_from", locale_text(c->locale, fault));
}

enum pli_status page_statistics(struct door_call *c, struct err *err)
{
	struct view *v = view_new(c->pool);
	struct page_filter filter;
	struct statistics s;
	enum pli_status st = read_asked(c, &filter, &s, err);

	if (st != PLI_OK && st != PLI_INVALID)
		return st;
	view_bool(v, "own_only", principal_sees_own_only(&c->principal));
	view_bool(v, "readable", st == PLI_OK);
	if (st == PLI_OK)
		statistics_put(c, v, &filter, &s);
	else
		fault_put(c, v, &filter, err);
	portal_page(c, st == PLI_OK ? 200 : 422, &tpl_pages_statistics_html, v, locale_text(c->locale, "place.statistics"), PORTAL_STATISTICS);
	return PLI_OK;
}

/* ---- the file ---- */

static void row_csv(struct csv *csv, const struct statistics_row *row)
{
	csv_cell(csv, row->period);
	csv_int(csv, row->sent);
	csv_int(csv, row->delivered);
	csv_int(csv, row->read);
	if (row->has_median)
		csv_int(csv, row->median_seconds);
	else
		csv_cell(csv, "");
	csv_int(csv, row->failures);
	csv_int(csv, row->bytes);
	csv_row_end(csv);
}

enum pli_status page_statistics_csv(struct door_call *c, struct err *err)
{
	static const char *const COLUMNS[] = { "period", "sent", "delivered", "read", "median_seconds", "failures", "bytes_exact" };
	struct page_filter filter;
	struct statistics s;
	struct csv csv;
	enum pli_status st = read_asked(c, &filter, &s, err);

	if (st != PLI_OK)
		return st;
	csv_begin(&csv, &c->x->res.body, c->lang[0] == 'f' ? ';' : ',');
	for (size_t i = 0; i < sizeof(COLUMNS) / sizeof(*COLUMNS); i++)
		csv_cell(&csv, locale_text(c->locale, pool_fmt(c->pool, "stats.%s", COLUMNS[i])));
	csv_row_end(&csv);
	for (unsigned i = 0; i < s.count; i++)
		row_csv(&csv, &s.rows[i]);
	c->x->res.status = 200;
	answer_download(c, "text/csv; charset=utf-8", c->lang[0] == 'f' ? "statistiques.csv" : "statistics.csv");
	return PLI_OK;
}
