/* Windows of registered letters: their ends as dates, acts at the last moment and the first one too late, and a clock that is moved.
 * Linked with --wrap, so that both clocks of the program are the ones below. */
#include "office_testing.h"

#include <sodium.h>

#include "note_key.h"

#include "cosignature.h"
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

static struct deadline_clock resumed(const struct deadline_clock *c, int64_t kept_boot_us, const char *kept, int64_t boot_us, const char *boot)
{
	AUTO_BUF text = { 0 };
	struct deadline_clock next;

	deadline_clock_write(c, kept_boot_us, kept, &text);
	assert_true(deadline_clock_resume(&next, text.p, text.n, boot_us, boot));
	return next;
}

/* From one process to the next while the machine runs: the steady clock says how long it took. */
static void clock_over_a_restart(void **state)
{
	struct deadline_clock c = { 0 };
	int64_t wall = at("2026-06-01T12:00:00Z"), boot = 1000 * SECOND_US;

	(void)state;
	(void)deadline_clock_read(&c, wall, boot);
	c = resumed(&c, boot + MINUTE_US, "a", boot + HOUR_US, "a");
	assert_int_equal(deadline_clock_read(&c, wall + 300 * DAY_US + 2 * HOUR_US, boot + 2 * HOUR_US), wall + 2 * HOUR_US);
	assert_false(deadline_clock_waits(&c));
	/* A jump keeps its day and its being told. */
	c.told = true;
	c = resumed(&c, boot + 3 * HOUR_US, "a", boot + 4 * HOUR_US, "a");
	assert_true(c.told);
	assert_int_equal(deadline_clock_read(&c, wall + 300 * DAY_US + 25 * HOUR_US, boot + 25 * HOUR_US), wall + 25 * HOUR_US);
	assert_int_equal(deadline_clock_read(&c, wall + 300 * DAY_US + 26 * HOUR_US, boot + 26 * HOUR_US), wall + 300 * DAY_US + 26 * HOUR_US);
}

/* Over a start of the machine: nobody knows how long it was off. */
static void clock_over_a_boot(void **state)
{
	static const char *const NAMES[][2] = { { "a", "b" }, { NULL, NULL }, { "a", NULL } };
	int64_t wall = at("2026-06-01T12:00:00Z"), boot = 1000 * DAY_US;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct deadline_clock before = { 0 }, c;
		int64_t t;

		(void)deadline_clock_read(&before, wall, boot);
		/* Off for a month. */
		c = resumed(&before, boot, NAMES[i][0], 0, NAMES[i][1]);
		assert_int_equal(deadline_clock_read(&c, wall + 31 * DAY_US, MINUTE_US), wall + 31 * DAY_US);
		assert_int_equal(c.off_us, 0);
		assert_int_equal(deadline_clock_read(&c, wall + 62 * DAY_US, HOUR_US), wall + 31 * DAY_US + HOUR_US - MINUTE_US);
		/* For longer than anybody is: however long it stands there, and over restarts and boots. */
		c = resumed(&before, boot, NAMES[i][0], 0, NAMES[i][1]);
		t = 36 * DAY_US;
		assert_int_equal(deadline_clock_read(&c, wall + t, MINUTE_US), wall + MINUTE_US);
		assert_true(deadline_clock_waits(&c));
		assert_int_equal(deadline_clock_read(&c, wall + t + 9 * DAY_US, 9 * DAY_US), wall + 9 * DAY_US);
		c = resumed(&c, 9 * DAY_US, "b", 9 * DAY_US + HOUR_US, "b");
		assert_int_equal(deadline_clock_read(&c, wall + t + 19 * DAY_US, 19 * DAY_US), wall + 19 * DAY_US);
		c = resumed(&c, 19 * DAY_US, "b", 0, "c");
		assert_int_equal(deadline_clock_read(&c, wall + t + 22 * DAY_US, 2 * DAY_US), wall + 21 * DAY_US);
		assert_true(deadline_clock_waits(&c));
		/* Set right, it is believed at once. */
		assert_int_equal(deadline_clock_read(&c, wall + 25 * DAY_US, 3 * DAY_US), wall + 25 * DAY_US);
		assert_int_equal(c.off_us, 0);
		/* Back, at a year that the battery lost. */
		c = resumed(&before, boot, NAMES[i][0], 0, NAMES[i][1]);
		assert_int_equal(deadline_clock_read(&c, SECOND_US, SECOND_US), wall + SECOND_US);
		assert_int_equal(deadline_clock_read(&c, 2 * DAY_US, 2 * DAY_US), wall + 2 * DAY_US);
		assert_true(deadline_clock_waits(&c));
		assert_int_equal(deadline_clock_read(&c, wall + 3 * DAY_US, 2 * DAY_US), wall + 3 * DAY_US);
		/* A jump of ten days that nobody believed yet is no absence of ten days; a shorter one is; and a day's patience still helps. */
		before.off_us = 10 * DAY_US;
		c = resumed(&before, boot, NAMES[i][0], 0, NAMES[i][1]);
		assert_int_equal(deadline_clock_read(&c, wall + 10 * DAY_US + HOUR_US, HOUR_US), wall + HOUR_US);
		assert_false(deadline_clock_waits(&c));
		assert_int_equal(deadline_clock_read(&c, wall + 11 * DAY_US + HOUR_US, DAY_US + HOUR_US), wall + 11 * DAY_US + HOUR_US);
		c = resumed(&before, boot, NAMES[i][0], 0, NAMES[i][1]);
		assert_int_equal(deadline_clock_read(&c, wall + 9 * DAY_US, HOUR_US), wall + 9 * DAY_US);
	}
}

static void damaged_moments(void **state)
{
	static const char *const BAD[] = { "", "1", "2 a 1 2 0 0 0 0 0", "1 a 1 2 0 0 0 0", "1 a 1 2 0 0 0 0 0 0", "1 a 1 0 0 0 0 0 0", "1 a x 2 0 0 0 0 0" };
	struct deadline_clock c;

	(void)state;
	assert_true(deadline_clock_resume(&c, "1 a 1 2 0 0 0 0 0", 17, 5, "a"));
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		assert_false(deadline_clock_resume(&c, BAD[i], strlen(BAD[i]), 5, "a"));
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

static int64_t confirmed(void)
{
	return instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'clock.confirmed'");
}

/* The server starts anew, and the machine too when boot is another; in between the wall clock goes on by so much. */
static void starts_anew(const char *boot, int64_t off_us)
{
	struct err err = { 0 };
	const char *token;

	deadline_keep(in.office, true);
	instance_stop(&in);
	set_by(off_us);
	if (!in.boot || !str_eq(in.boot, boot))
		boot_off_us = wall_off_us - stands_us + 5 * SECOND_US;
	in.boot = boot;
	instance_start(&in);
	/* The tokens ended long ago. */
	OK(directory_token_add(in.directory, &INSTANCE_OPERATOR, INSTANCE_PEOPLE[0].email, "test", 30, in.pool, &token, &err));
	OK(directory_token_principal(in.directory, in.pool, token, &in.editor, &err));
	sweep();
}

static void started_with_a_wrong_clock(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct uuid letter, other;
	int64_t jumps, count = confirmed(), off_us;
	bool waits;

	(void)state;
	starts_anew("a", 0);
	jumps = jumps_told();
	(void)sent_at(pool, "2029-02-01T10:00:00Z", &letter);
	sweep();
	/* Set forward between a stop and a start: the machine's steady clock knows better; and still does at the next start. */
	starts_anew("a", 30 * DAY_US);
	assert_string_equal(state_of(pool, &letter), "sent sent");
	assert_int_equal(jumps_told(), jumps + 1);
	passes_to(stands_us + HOUR_US);
	starts_anew("a", 0);
	assert_string_equal(state_of(pool, &letter), "sent sent");
	assert_int_equal(jumps_told(), jumps + 1);
	set_by(-30 * DAY_US);
	sweep();
	/* The machine is started with a clock that is a year ahead, and left so for a week. */
	starts_anew("b", 365 * DAY_US);
	passes_to(stands_us + 7 * DAY_US);
	sweep();
	assert_string_equal(state_of(pool, &letter), "sent sent");
	assert_int_equal(jumps_told(), jumps + 2);
	assert_int_equal(deadline_off_us(in.office, &waits), 365 * DAY_US);
	assert_true(waits);
	/* Somebody outside who has another time confirms nothing; one who has the same does. */
	deadline_confirm(in.office, "tsa", stands_us - 365 * DAY_US);
	deadline_confirm(in.office, "tsa", stands_us + 6 * MINUTE_US);
	sweep();
	assert_string_equal(state_of(pool, &letter), "sent sent");
	assert_int_equal(confirmed(), count);
	deadline_confirm(in.office, "tsa", stands_us + 4 * MINUTE_US);
	assert_int_equal(deadline_off_us(in.office, &waits), 0);
	assert_false(waits);
	sweep();
	assert_string_equal(state_of(pool, &letter), "not_received not_received");
	deadline_confirm(in.office, "tsa", stands_us);
	assert_int_equal(confirmed(), count + 1);
	/* A machine that was off for a month: it is believed, and the window is over. */
	(void)sent_at(pool, "2031-02-01T10:00:00Z", &letter);
	starts_anew("c", 0);
	jumps = jumps_told();
	starts_anew("d", 31 * DAY_US);
	assert_string_equal(state_of(pool, &letter), "not_received not_received");
	assert_int_equal(jumps_told(), jumps);
	/* The operator confirms. */
	(void)sent_at(pool, "2032-02-01T10:00:00Z", &other);
	starts_anew("e", 50 * DAY_US);
	assert_string_equal(state_of(pool, &other), "sent sent");
	OK(deadline_confirm_own(in.office, &INSTANCE_OPERATOR, &off_us, &err));
	assert_int_equal(off_us, 50 * DAY_US);
	sweep();
	assert_string_equal(state_of(pool, &other), "not_received not_received");
}

static enum pli_status spoil_fn(struct db_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return db_run(tx->conn, NULL, err, "UPDATE instance SET v = x'3120' WHERE k = 'clock'", "");
}

/* A damaged row keeps nobody from serving: the newest entry's moment is as good. */
static void kept_moment_is_damaged(void **state)
{
	struct err err = { 0 };
	int64_t entry_us, jumps = jumps_told();
	bool waits;

	(void)state;
	deadline_keep(in.office, true);
	OK(db_write(in.db, spoil_fn, NULL, &err));
	entry_us = instance_count(&in, "SELECT t FROM journal ORDER BY seq DESC LIMIT 1");
	instance_stop(&in);
	stands_us = entry_us + 60 * DAY_US;
	instance_start(&in);
	assert_int_equal(deadline_now_us(in.office), entry_us);
	assert_int_equal(deadline_off_us(in.office, &waits), 60 * DAY_US);
	assert_true(waits);
	set_by(-40 * DAY_US);
	assert_int_equal(deadline_now_us(in.office), entry_us + 20 * DAY_US);
	assert_int_equal(jumps_told(), jumps);
	deadline_keep(in.office, true);
	assert_int_equal(instance_count(&in, "SELECT LENGTH(v) > 10 FROM instance WHERE k = 'clock'"), 1);
}

/* What a witness signs of our newest head at that time. */
static void witness_signs(const struct note_key *witness, const uint8_t secret[64], int64_t t_us)
{
	AUTO_BUF body = { 0 }, head = { 0 }, line = { 0 };
	struct err err = { 0 };
	uint64_t size;

	OK(journal_wait(in.journal, journal_size(in.journal), 10000, &err));
	OK(cosignature_request(in.office, 0, &size, &body, &err));
	OK(office_head_note(in.office, size, &head, &err));
	checkpoint_cosign(head.p, (size_t)(strstr(head.p, "\n\n") + 1 - head.p), witness->name, secret, (uint64_t)(t_us / SECOND_US), &line);
	OK(cosignature_add(in.office, witness, size, line.p, line.n, &err));
}

static void a_witness_confirms(void **state)
{
	struct note_key witness;
	uint8_t public_key[32], secret[64];
	int64_t count;
	bool waits;

	(void)state;
	crypto_sign_keypair(public_key, secret);
	note_key_init(&witness, "w.example", NOTE_KEY_WITNESS, public_key);
	starts_anew("w", 60 * DAY_US);
	count = confirmed();
	assert_int_equal(deadline_off_us(in.office, &waits), 60 * DAY_US);
	witness_signs(&witness, secret, stands_us - 60 * DAY_US);
	assert_int_equal(confirmed(), count);
	assert_int_equal(deadline_off_us(in.office, &waits), 60 * DAY_US);
	witness_signs(&witness, secret, stands_us + MINUTE_US);
	assert_int_equal(confirmed(), count + 1);
	assert_int_equal(deadline_off_us(in.office, &waits), 0);
	witness_signs(&witness, secret, stands_us + 2 * MINUTE_US);
	assert_int_equal(confirmed(), count + 1);
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
		cmocka_unit_test(clock_over_a_restart),	    cmocka_unit_test(clock_over_a_boot),
		cmocka_unit_test(damaged_moments),	    cmocka_unit_test(started_with_a_wrong_clock),
		cmocka_unit_test(kept_moment_is_damaged),	    cmocka_unit_test(a_witness_confirms),
	};

	return cmocka_run_group_tests_name("deadline", tests, setup, teardown);
}
