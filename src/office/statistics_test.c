/* Figures against an independent count over the journal: for each viewer, by day, week and month, live and counted again. */
#include <time.h>

#include "office_testing.h"

#include "delivery.h"
#include "notice.h"
#include "statistics.h"

static struct instance in;

static const struct journal_actor READER = { .method = "link", .level = 1, .channel = "web" };

static enum pli_status render(void *arg, struct pool *pool, const struct notice_view *view, struct buf *mail_out,
			       size_t *content_at_r, struct err *err)
{
	(void)arg;
	(void)pool;
	(void)content_at_r;
	(void)err;
	buf_fmt(mail_out, "%s %s", strrchr(view->link, '/') + 1, view->recipient_address);
	return PLI_OK;
}

/* Settles what is due: addresses that begin with "bad" fail, those with "open" read at once. */
static void mails_go_out(void)
{
	AUTO_POOL pool = pool_new();
	struct notice_job jobs[16];
	struct notice_result results[16];
	struct err err = { 0 };
	unsigned count = 0;

	OK(journal_wait(in.journal, journal_size(in.journal), 5000, &err));
	OK(notice_lease(in.office, pool, render, NULL, 16, jobs, &count, &err));
	for (unsigned k = 0; k < count; k++)
		results[k] = (struct notice_result){ .entity = jobs[k].entity, .notice = jobs[k].notice, .facts = jobs[k].facts, .reply = "250 Ok",
						     .outcome = strstr(jobs[k].mail, " bad") ? NOTICE_FAILED : NOTICE_SENT,
						     .message_id = jobs[k].message_id };
	OK(notice_settle(in.office, results, count, &err));
	for (unsigned k = 0; k < count; k++) {
		const char *mail = pool_strn(pool, jobs[k].mail, jobs[k].mail_n);
		char link[64], cookie[64];

		snprintf(link, sizeof(link), "%.52s", mail);
		if (strstr(mail, " open"))
			OK(delivery_open(in.office, pool, link, NULL, &READER, cookie, &err));
	}
}

static void letter_make(const struct principal *who, const char *to, const char *cc, const char *bcc, size_t bytes)
{
	struct err err = { 0 };
	struct uuid letter;
	AUTO_BUF body;
	AUTO_POOL pool = pool_new();
	char *file = pool_alloc(pool, bytes + 1);
	struct deposit_part part;
	const char *tos[] = { to, NULL }, *ccs[] = { cc, NULL }, *bccs[] = { bcc, NULL };
	struct deposit d = { .to = tos, .cc = cc ? ccs : NULL, .bcc = bcc ? bccs : NULL, .subject = "s", .message = "five!",
			     .parts = &part, .part_count = 1 };

	buf_init(&body);
	memset(file, 'x', bytes);
	part = instance_stage(&in, who, "f.bin", file, bytes);
	OK(instance_deposit(&in, who, &d, &letter, &body, &err));
	mails_go_out();
}

static void letters_make(void)
{
	letter_make(&in.editor, "open@a.example", NULL, "open-hidden@a.example", 10);
	letter_make(&in.editor, "shut@a.example", "open-cc@a.example", NULL, 100);
	letter_make(&in.editor, "bad@a.example", NULL, NULL, 1000);
	letter_make(&in.colleague, "open@b.example", "bad@b.example", "shut-hidden@b.example", 10000);
	letter_make(&in.stranger, "open@c.example", NULL, NULL, 100000);
}

/* ---- the independent count ---- */

struct expected {
	int64_t sent, delivered, read, failures, bytes, seconds[64];
};

static const char ROWS[] =
	"SELECT j.event, j.t, l.account, COALESCE(r.kind, ''), l.message_size + (SELECT SUM(size) FROM part p WHERE p.letter = l.letter), "
	"(SELECT MIN(s.t) FROM journal s WHERE s.letter = j.letter AND s.recipient = j.recipient AND s.event = 'notice.sent') "
	"FROM journal j JOIN letter l ON l.letter = j.letter LEFT JOIN recipient r ON r.recipient = j.recipient WHERE j.entity = $1";

/* By the C library's own idea of the zone. */
static bool in_days(int64_t t_us, const char *first, const char *last)
{
	time_t t = (time_t)(t_us / 1000000);
	struct tm tm;
	char day[16];

	localtime_r(&t, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	return strcmp(first, day) <= 0 && strcmp(day, last) <= 0;
}

static void expect(const struct principal *who, const char *first, const char *last, struct expected *e)
{
	struct db_conn *conn = db_reader_take(in.db);
	AUTO_ROWS rows = { 0 };
	struct err err = { 0 };
	enum pli_status st;

	*e = (struct expected){ 0 };
	OK(db_query(conn, &rows, &err, ROWS, "u", &who->entity));
	while ((st = db_next(&rows, &err)) == PLI_OK) {
		const char *event = db_text(&rows, 0);
		bool hidden = str_eq(db_text(&rows, 3), "bcc");
		struct uuid owner;

		assert_true(db_uuid(&rows, 2, &owner));
		if (who->role == ROLE_EDITOR && !uuid_same(&owner, &who->account))
			continue;
		if (who->role == ROLE_READER && hidden)
			continue;
		if (str_eq(event, "handover")) {
			int64_t from_us = db_int(&rows, 5);
			if (in_days(from_us, first, last))
				e->seconds[e->read++] = (db_int(&rows, 1) - from_us) / 1000000;
			continue;
		}
		if (!in_days(db_int(&rows, 1), first, last))
			continue;
		e->sent += str_eq(event, "document.sent");
		e->delivered += str_eq(event, "notice.sent");
		e->failures += str_eq(event, "notice.failed");
		if (str_eq(event, "deposit.accepted"))
			e->bytes += db_int(&rows, 4);
	}
	assert_int_equal(st, PLI_ABSENT);
	db_end(&rows);
	db_reader_give(in.db, conn);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static const char *date(int64_t day, char out[11])
{
	time_t t = (time_t)(day * 86400);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, 11, "%Y-%m-%d", &tm);
	return out;
}

static void row_is(const struct principal *who, const struct statistics_row *row)
{
	struct expected e;
	char first[11], last[11];
	size_t n;

	expect(who, date(row->first_day, first), date(row->last_day, last), &e);
	n = (size_t)e.read;
	if (row->sent != e.sent || row->delivered != e.delivered || row->read != e.read || row->failures != e.failures || row->bytes != e.bytes)
		fail_msg("%s %s…%s: %d %d %d %d %d, counted %d %d %d %d %d", role_name(who->role), first, last, (int)row->sent,
			 (int)row->delivered, (int)row->read, (int)row->failures, (int)row->bytes, (int)e.sent, (int)e.delivered,
			 (int)e.read, (int)e.failures, (int)e.bytes);
	assert_int_equal(row->has_median, n > 0);
	qsort(e.seconds, n, sizeof(e.seconds[0]), compare);
	if (n)
		assert_int_equal(row->median_seconds, n % 2 ? e.seconds[n / 2] : (e.seconds[n / 2 - 1] + e.seconds[n / 2]) / 2);
}

static void all_equal(const char *from, const char *to, const char *by)
{
	const struct principal *const WHO[] = { &in.editor, &in.colleague, &in.reader, &in.auditor, &in.stranger };
	struct statistics_query q = { .from = from, .to = to, .by = by };
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(WHO) / sizeof(WHO[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct statistics s;

		OK(statistics_read(in.office, WHO[i], pool, &q, &s, &err));
		for (unsigned k = 0; k < s.count; k++) {
			row_is(WHO[i], &s.rows[k]);
			if (k)
				assert_int_equal(s.rows[k].first_day, s.rows[k - 1].last_day + 1);
		}
		row_is(WHO[i], &s.total);
	}
}

static void figures_equal_a_count(void **state)
{
	AUTO_POOL pool = pool_new();
	struct statistics_query q = { 0 };
	struct statistics s;
	struct err err = { 0 };

	(void)state;
	letters_make();
	all_equal(NULL, NULL, NULL);
	all_equal(NULL, NULL, "week");
	all_equal(NULL, NULL, "month");
	/* What the mixture must give, so that a count that is always nothing fails. */
	OK(statistics_read(in.office, &in.auditor, pool, &q, &s, &err));
	assert_int_equal(s.count, 30);
	assert_int_equal(s.total.sent, 3);
	assert_int_equal(s.total.delivered, 6);
	assert_int_equal(s.total.read, 4);
	assert_int_equal(s.total.failures, 2);
	assert_int_equal(s.total.bytes, 11110 + 4 * 5);
	OK(statistics_read(in.office, &in.reader, pool, &q, &s, &err));
	assert_int_equal(s.total.delivered, 4);
	assert_int_equal(s.total.read, 3);
}

/* The table as text, in order. */
static const char *table(struct pool *pool, const char *sql)
{
	struct db_conn *conn = db_reader_take(in.db);
	AUTO_ROWS rows = { 0 };
	AUTO_BUF out;
	struct err err = { 0 };
	const char *text;

	buf_init(&out);
	OK(db_query(conn, &rows, &err, sql, ""));
	while (db_next(&rows, &err) == PLI_OK)
		buf_fmt(&out, "%s\n", db_text(&rows, 0));
	text = pool_strn(pool, out.p ? out.p : "", out.n);
	db_end(&rows);
	db_reader_give(in.db, conn);
	return text;
}

static const char COUNTERS[] = "SELECT hex(entity) || day || hex(account) || event || hidden || ' ' || n || ' ' || bytes FROM counter ORDER BY 1";
static const char READINGS[] = "SELECT hex(entity) || day || ' ' || seconds || hex(recipient) || hex(account) || hidden FROM reading ORDER BY 1";

static void counting_again_changes_nothing(void **state)
{
	AUTO_POOL pool = pool_new();
	const char *counters, *readings;
	struct err err = { 0 };

	(void)state;
	OK(office_housekeeping(in.office, clock_now_us() + INT64_C(3600000000) * 2, &err));
	counters = table(pool, COUNTERS);
	readings = table(pool, READINGS);
	assert_true(strlen(counters) > 500 && strlen(readings) > 100);
	instance_run(&in, "DELETE FROM instance WHERE k = 'counter'");
	instance_run(&in, "UPDATE counter SET n = n + 1");
	instance_restart(&in);
	letters_make();		/* counted as they are written, and again */
	all_equal(NULL, NULL, NULL);
	counters = table(pool, COUNTERS);
	readings = table(pool, READINGS);
	instance_run(&in, "DELETE FROM instance WHERE k = 'counter'");
	OK(office_housekeeping(in.office, clock_now_us(), &err));
	assert_string_equal(table(pool, COUNTERS), counters);
	assert_string_equal(table(pool, READINGS), readings);
}

/* Entries spread over three months and both changes of the clock, five hours apart; then another zone. */
static void days_of_the_zone(void **state)
{
	(void)state;
	instance_run(&in, "UPDATE journal SET t = 1772000000000000 + seq * 18000000000");
	instance_run(&in, "UPDATE recipient SET first_sent = (SELECT MIN(t) FROM journal j WHERE j.recipient = recipient.recipient AND "
			  "j.event = 'notice.sent'), read_at = (SELECT t FROM journal j WHERE j.recipient = recipient.recipient AND j.event = 'handover')");
	instance_run(&in, "DELETE FROM instance WHERE k = 'counter'");
	all_equal("2026-02-20", "2026-05-20", "day");
	all_equal("2026-02-20", "2026-05-20", "week");
	all_equal("2026-01-01", "2026-12-31", "month");
	setenv("TZ", "America/Los_Angeles", 1);
	tzset();
	in.settings.timezone = "America/Los_Angeles";
	all_equal("2026-02-20", "2026-05-20", "day");
	setenv("TZ", "Europe/Paris", 1);
	tzset();
	in.settings.timezone = "Europe/Paris";
	all_equal("2026-02-20", "2026-05-20", "day");
}

static void periods(void **state)
{
	static const struct {
		const char *from, *to, *by, *first, *last;
		unsigned count;
	} CASES[] = {
		{ "2026-12-28", "2027-01-04", "week", "2026-W53", "2027-W01", 2 },
		{ "2024-12-30", "2025-01-05", "week", "2025-W01", "2025-W01", 1 },
		{ "2027-01-01", "2027-01-03", "week", "2026-W53", "2026-W53", 1 },
		{ "2024-02-28", "2024-03-01", "day", "2024-02-28", "2024-03-01", 3 },
		{ "2025-11-15", "2026-02-01", "month", "2025-11", "2026-02", 4 },
		{ NULL, "2026-03-31", "month", "2025-04", "2026-03", 12 },
		{ NULL, "2026-03-31", "week", "2026-W03", "2026-W14", 12 },
		{ NULL, "2026-03-31", NULL, "2026-03-02", "2026-03-31", 30 },
	};
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct statistics_query q = { .from = CASES[i].from, .to = CASES[i].to, .by = CASES[i].by };
		struct statistics s;

		OK(statistics_read(in.office, &in.editor, pool, &q, &s, &err));
		assert_int_equal(s.count, CASES[i].count);
		assert_string_equal(s.rows[0].period, CASES[i].first);
		assert_string_equal(s.rows[s.count - 1].period, CASES[i].last);
	}
}

static void refused(void **state)
{
	static const struct {
		struct statistics_query q;
		const char *type;
	} CASES[] = {
		{ { .by = "hour" }, "bad-period" }, { { .from = "yesterday" }, "bad-date" }, { { .to = "2026-02-30" }, "bad-date" },
		{ { .from = "2026-02-02", .to = "2026-02-01" }, "bad-date" }, { { .from = "2024-01-01", .to = "2026-01-01" }, "too-long" },
		{ { .from = "0001-01-01", .to = "9999-12-31", .by = "month" }, "too-long" }, { { .from = "2026-02-02T00:00:00Z" }, "bad-date" },
	};
	AUTO_POOL pool = pool_new();
	struct statistics_query q = { 0 };
	struct statistics s;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		REFUSED(statistics_read(in.office, &in.editor, pool, &CASES[i].q, &s, &err), PLI_INVALID, CASES[i].type);
	REFUSED(statistics_read(in.office, &in.admin, pool, &q, &s, &err), PLI_DENIED, NULL);
}

static int setup(void **state)
{
	(void)state;
	setenv("TZ", "Europe/Paris", 1);
	tzset();
	instance_make(&in);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	instance_drop(&in);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_equal_a_count),
		cmocka_unit_test(counting_again_changes_nothing),
		cmocka_unit_test(days_of_the_zone),
		cmocka_unit_test(periods),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
