/* Windows of registered letters: their ends as dates, acts at the last moment and the first one too late, and a clock that is moved.
 * Linked with --wrap, so that both clocks of the program are the ones below. */
#include "office_testing.h"

#include "deadline.h"
#include "delivery.h"
#include "notice.h"

#define MINUTE_US (60 * SECOND_US)
#define HOUR_US (60 * MINUTE_US)

static struct instance in;
/* What is added to the machine's clocks. */
static int64_t wall_off_us, boot_off_us;

int64_t __real_clock_now_us(void);
int64_t __real_clock_boot_us(void);
int64_t __wrap_clock_now_us(void);
int64_t __wrap_clock_boot_us(void);

/* While it stands, time does not go on: the moment of an act is exactly the one set. */
static int64_t stands_us;

int64_t __wrap_clock_now_us(void)
{
	return stands_us ? stands_us : __real_clock_now_us() + wall_off_us;
}

int64_t __wrap_clock_boot_us(void)
{
	return stands_us ? stands_us - wall_off_us + boot_off_us : __real_clock_boot_us() + boot_off_us;
}

static const char *const ONE[] = { "a@example.org", NULL };
static const struct journal_actor READER = { .method = "link", .level = 1, .channel = "web", .ip = "192.0.2.9", .tls = "TLSv1.3" };

static int64_t at(const char *rfc3339)
{
	int64_t t_us;

	assert_true(clock_parse(rfc3339, &t_us));
	return t_us;
}

/* ---- dates ---- */

static void ends_are_dates(void **state)
{
	static const struct {
		const char *notice, *zone, *end;
	} ROWS[] = {
		{ "2026-06-01T08:00:00Z", "Europe/Paris", "2026-06-16T22:00:00Z" },
		/* In Paris it is the next day already. */
		{ "2026-06-01T22:00:00Z", "Europe/Paris", "2026-06-17T22:00:00Z" },
		{ "2026-06-01T21:59:59.999Z", "Europe/Paris", "2026-06-16T22:00:00Z" },
		{ "2026-06-01T22:00:00Z", "UTC", "2026-06-17T00:00:00Z" },
		/* Summer time begins (29 March 2026) and ends (25 October 2026) within the window … */
		{ "2026-03-20T09:00:00Z", "Europe/Paris", "2026-04-04T22:00:00Z" },
		{ "2026-10-20T09:00:00Z", "Europe/Paris", "2026-11-04T23:00:00Z" },
		/* … or on its last day … */
		{ "2026-03-14T09:00:00Z", "Europe/Paris", "2026-03-29T22:00:00Z" },
		{ "2026-10-10T09:00:00Z", "Europe/Paris", "2026-10-25T23:00:00Z" },
		/* … or on the day of the notice. */
		{ "2026-03-28T23:30:00Z", "Europe/Paris", "2026-04-13T22:00:00Z" },
		/* Over a 29 February and the end of a year; where midnight is skipped. */
		{ "2028-02-20T12:00:00Z", "Europe/Paris", "2028-03-06T23:00:00Z" },
		{ "2026-12-25T12:00:00Z", "Europe/Paris", "2027-01-09T23:00:00Z" },
		{ "2026-06-01T12:00:00Z", "Indian/Reunion", "2026-06-16T20:00:00Z" },
	};
	char text[25];

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		int64_t end = deadline_end_us(at(ROWS[i].notice), 15, ROWS[i].zone);

		if (end != at(ROWS[i].end))
			fail_msg("%s in %s: ends %s, not %s", ROWS[i].notice, ROWS[i].zone, clock_rfc3339(text, end), ROWS[i].end);
	}
}

static void reminders_are_mornings(void **state)
{
	int64_t notice = at("2026-03-20T09:00:00Z"), end = deadline_end_us(notice, 15, "Europe/Paris");
	unsigned days[SETTINGS_SPANS_MAX], count;

	(void)state;
	assert_int_equal(deadline_reminder_us("7, 12", notice, notice, end, "Europe/Paris"), at("2026-03-27T08:00:00Z"));
	assert_int_equal(deadline_reminder_us("7, 12", notice, at("2026-03-27T08:00:00Z"), end, "Europe/Paris"), at("2026-04-01T07:00:00Z"));
	assert_int_equal(deadline_reminder_us("7, 12", notice, at("2026-04-01T07:00:00Z"), end, "Europe/Paris"), 0);
	assert_int_equal(deadline_reminder_us("15", notice, notice, end, "Europe/Paris"), at("2026-04-04T07:00:00Z"));
	assert_int_equal(deadline_reminder_us("16", notice, notice, end, "Europe/Paris"), 0);
	assert_int_equal(deadline_reminder_us("0", notice, notice, end, "Europe/Paris"), 0);
	assert_true(settings_days("1 2,3", days, &count));
	assert_int_equal(count, 3);
	assert_false(settings_days("3, 3", days, &count));
	assert_false(settings_days("0, 3", days, &count));
	assert_false(settings_days("7d", days, &count));
	assert_false(settings_days("366", days, &count));
	assert_false(settings_days("", days, &count));
}

/* ---- the clock ---- */

static void clock_that_is_moved(void **state)
{
	struct deadline_clock c = { 0 };
	int64_t wall = at("2026-06-01T12:00:00Z"), boot = 1000 * SECOND_US;

	(void)state;
	assert_int_equal(deadline_clock_read(&c, wall, boot), wall);
	/* A correction is followed. */
	assert_int_equal(deadline_clock_read(&c, wall + MINUTE_US + SECOND_US, boot + MINUTE_US), wall + MINUTE_US + SECOND_US);
	wall += MINUTE_US + SECOND_US;
	boot += MINUTE_US;
	/* Twenty days forward: time goes on as if nothing had been, and is right again once it is set back. */
	assert_int_equal(deadline_clock_read(&c, wall + 20 * DAY_US + HOUR_US, boot + HOUR_US), wall + HOUR_US);
	assert_int_equal(c.off_us, 20 * DAY_US);
	assert_int_equal(deadline_clock_read(&c, wall + 20 * DAY_US + 2 * HOUR_US, boot + 2 * HOUR_US), wall + 2 * HOUR_US);
	assert_int_equal(deadline_clock_read(&c, wall + 3 * HOUR_US, boot + 3 * HOUR_US), wall + 3 * HOUR_US);
	assert_int_equal(c.off_us, 0);
	/* Back by a week: no window is prolonged. */
	assert_int_equal(deadline_clock_read(&c, wall - 7 * DAY_US, boot + 4 * HOUR_US), wall + 4 * HOUR_US);
	/* A second jump is another one; one that has stood for a day is believed. */
	assert_int_equal(deadline_clock_read(&c, wall + 3 * DAY_US + 5 * HOUR_US, boot + 5 * HOUR_US), wall + 5 * HOUR_US);
	assert_int_equal(c.off_us, 3 * DAY_US);
	assert_int_equal(deadline_clock_read(&c, wall + 3 * DAY_US + 28 * HOUR_US, boot + 28 * HOUR_US), wall + 28 * HOUR_US);
	assert_int_equal(deadline_clock_read(&c, wall + 3 * DAY_US + 29 * HOUR_US, boot + 29 * HOUR_US), wall + 3 * DAY_US + 29 * HOUR_US);
	assert_int_equal(c.off_us, 0);
}

/* ---- letters ---- */

static enum pli_status render(void *arg, struct pool *pool, const struct notice_view *view, struct buf *mail_out,
			       size_t *content_at_r, struct err *err)
{
	(void)arg;
	(void)pool;
	(void)content_at_r;
	(void)err;
	buf_str(mail_out, strrchr(view->link, '/') + 1);
	return PLI_OK;
}

/* A registered letter whose notice goes out at that moment; the clocks stand there.  Time only grows from test to test, as in a journal. */
static const char *sent_at(struct pool *pool, const char *rfc3339, struct uuid *letter_r)
{
	struct deposit d = { .to = ONE, .subject = "s", .message = "m", .class_ = "fr-lre" };
	struct notice_job job;
	struct notice_result result;
	struct err err = { 0 };
	unsigned count = 0;
	AUTO_BUF body;

	stands_us = at(rfc3339);
	buf_init(&body);
	OK(instance_deposit(&in, &in.editor, &d, letter_r, &body, &err));
	OK(journal_wait(in.journal, journal_size(in.journal), 5000, &err));
	OK(notice_lease(in.office, pool, render, NULL, 1, &job, &count, &err));
	assert_int_equal(count, 1);
	result = (struct notice_result){ .entity = job.entity, .notice = job.notice, .outcome = NOTICE_SENT, .reply = "250 2.0.0 Ok",
					 .message_id = job.message_id };
	OK(notice_settle(in.office, &result, 1, &err));
	return pool_strn(pool, job.mail, job.mail_n);
}

/* Both clocks come to that moment: the time between has passed. */
static void passes_to(int64_t t_us)
{
	stands_us = t_us;
}

/* The wall clock is set; no time passes. */
static void set_by(int64_t us)
{
	wall_off_us += us;
	stands_us += us;
}

static int64_t events(const char *event, const struct uuid *letter)
{
	static const char COUNT[] = "SELECT COUNT(*) FROM journal WHERE event = $1 AND letter = $2";
	struct err err = { 0 };
	struct db_conn *conn = db_reader_take(in.db);
	struct db_rows rows = { 0 };
	int64_t n;

	OK(db_query(conn, &rows, &err, COUNT, "tu", event, letter));
	OK(db_next(&rows, &err));
	n = db_int(&rows, 0);
	db_end(&rows);
	db_reader_give(in.db, conn);
	return n;
}

static const char *state_of(struct pool *pool, const struct uuid *letter)
{
	struct letter *l;
	struct err err = { 0 };
	char id[37];

	OK(letter_get(in.office, &in.editor, pool, uuid_format(id, letter), &l, &err));
	return pool_fmt(pool, "%s %s", l->state, l->recipients[0].state);
}

static void sweep(void)
{
	struct err err = { 0 };

	OK(deadline_sweep(in.office, &err));
}

/* The last moment accepts, the first one after it does not, and the sweep says so; for a notice at `notice` and a window to `end`. */
static void edge(const char *notice, const char *end)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct uuid first, second, third;
	const char *last, *late, *refused;
	char cookie[64];

	last = sent_at(pool, notice, &first);
	late = sent_at(pool, notice, &second);
	refused = sent_at(pool, notice, &third);
	passes_to(at(end) - 1000);
	sweep();
	assert_string_equal(state_of(pool, &first), "sent sent");
	OK(delivery_open(in.office, pool, last, NULL, &READER, cookie, &err));
	OK(delivery_refuse(in.office, pool, refused, &READER, &err));
	assert_string_equal(state_of(pool, &first), "received opened");
	assert_string_equal(state_of(pool, &third), "refused refused");
	passes_to(at(end));
	REFUSED(delivery_open(in.office, pool, late, NULL, &READER, cookie, &err), PLI_GONE, "letter-unclaimed");
	REFUSED(delivery_refuse(in.office, pool, late, &READER, &err), PLI_GONE, "letter-unclaimed");
	OK(delivery_open(in.office, pool, last, NULL, &READER, cookie, &err));	/* accepted stays accepted */
	passes_to(at(end) + MINUTE_US);
	sweep();
	sweep();
	assert_string_equal(state_of(pool, &second), "not_received not_received");
	assert_int_equal(events("lre.unclaimed", &second), 1);
	assert_int_equal(events("doc.expired", &second), 1);
	assert_int_equal(events("lre.unclaimed", &first) + events("lre.unclaimed", &third), 0);
	assert_int_equal(events("lre.accepted", &first), 1);
	REFUSED(delivery_open(in.office, pool, late, NULL, &READER, cookie, &err), PLI_GONE, "letter-unclaimed");
}

static void last_moment_accepts(void **state)
{
	(void)state;
	edge("2027-01-10T10:00:00Z", "2027-01-25T23:00:00Z");
	/* Summer time begins on 28 March and ends on 31 October 2027. */
	edge("2027-03-20T22:59:59.999Z", "2027-04-04T22:00:00Z");
	edge("2027-10-20T21:59:59.999Z", "2027-11-04T23:00:00Z");
}

static int64_t jumps_told(void)
{
	return instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'clock.jumped'");
}

static void moved_clock_ends_nothing(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct uuid letter;
	char cookie[64];
	int64_t jumps = jumps_told();
	const char *link = sent_at(pool, "2028-05-01T10:00:00Z", &letter);

	(void)state;
	sweep();
	/* Forward by a month, for an hour: nobody loses a day. */
	set_by(30 * DAY_US);
	sweep();
	passes_to(stands_us + HOUR_US);
	sweep();
	assert_string_equal(state_of(pool, &letter), "sent sent");
	assert_int_equal(jumps_told(), jumps + 1);
	set_by(-30 * DAY_US);
	sweep();
	assert_string_equal(state_of(pool, &letter), "sent sent");
	/* The window's last second has passed; then the clock is set back by a week: nobody wins one. */
	passes_to(at("2028-05-16T22:00:00Z"));
	REFUSED(delivery_open(in.office, pool, link, NULL, &READER, cookie, &err), PLI_GONE, "letter-unclaimed");
	set_by(-7 * DAY_US);
	REFUSED(delivery_open(in.office, pool, link, NULL, &READER, cookie, &err), PLI_GONE, "letter-unclaimed");
	passes_to(stands_us + MINUTE_US);
	sweep();
	assert_string_equal(state_of(pool, &letter), "not_received not_received");
	set_by(7 * DAY_US);
	sweep();
	assert_int_equal(events("lre.unclaimed", &letter), 1);
}

static void two_acts_at_once(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct uuid letter;
	char cookie[64];
	const char *link = sent_at(pool, "2028-09-01T10:00:00Z", &letter);

	(void)state;
	/* He decided, and the row was not seen yet by the other request: what stands in the row counts. */
	OK(delivery_refuse(in.office, pool, link, &READER, &err));
	OK(delivery_refuse(in.office, pool, link, &READER, &err));
	REFUSED(delivery_open(in.office, pool, link, NULL, &READER, cookie, &err), PLI_GONE, "letter-refused");
	assert_int_equal(events("lre.refused", &letter), 1);
	assert_int_equal(events("lre.accepted", &letter) + events("handover", &letter), 0);
}

static int setup(void **state)
{
	(void)state;
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
		cmocka_unit_test(ends_are_dates),	    cmocka_unit_test(reminders_are_mornings),
		cmocka_unit_test(clock_that_is_moved),	    cmocka_unit_test(last_moment_accepts),
		cmocka_unit_test(moved_clock_ends_nothing), cmocka_unit_test(two_acts_at_once),
	};

	return cmocka_run_group_tests_name("deadline", tests, setup, teardown);
}
