/* What becomes of notices: tried again by the settings, given up after their time, uncertain ones seldom, a relay that is away counts
 * against none; the relay's words where people look; return addresses. */
#include "office_testing.h"

#include "notice.h"
#include "verp.h"

static struct instance in;

static enum pli_status render(void *arg, struct pool *pool, const struct notice_view *view, struct buf *mail_out, size_t *content_at_r,
			       struct err *err)
{
	(void)arg;
	(void)pool;
	(void)view;
	(void)err;
	*content_at_r = 0;
	buf_str(mail_out, "mail");
	return PLI_OK;
}

static unsigned lease(struct notice_job *jobs, unsigned limit)
{
	unsigned count = 0;
	struct err err = { 0 };

	OK(notice_lease(in.office, in.pool, render, NULL, limit, jobs, &count, &err));
	return count;
}

static struct notice_job letter_out(struct uuid *letter_r)
{
	static const char *const to[] = { "a@example.org", NULL };
	struct deposit d = { .to = to, .subject = "S" };
	AUTO_BUF body = { 0 };
	struct notice_job job;
	struct err err = { 0 };
	const struct journal_actor actor = { .account = &in.editor.account, .method = "api-token", .level = 1, .channel = "api" };

	OK(deposit_commit(in.office, &in.editor, &actor, in.pool, &d, letter_r, &body, &err));
	assert_int_equal(lease(&job, 1), 1);
	return job;
}

static struct { int64_t from_us, to_us; } settled;

static void settle(const struct notice_job *job, int outcome, const char *reply, int64_t retry_us)
{
	struct notice_result r = { .entity = job->entity, .notice = job->notice, .facts = job->facts, .reply = reply, .peer = "mx [192.0.2.1]:25", .tls = "TLSv1.3",
				   .message_id = job->message_id, .retry_us = retry_us };
	struct err err = { 0 };

	r.outcome = outcome;
	settled.from_us = clock_now_us();
	OK(notice_settle(in.office, &r, 1, &err));
	settled.to_us = clock_now_us();
}

/* A column of the youngest notice. */
#define YOUNGEST(column) instance_count(&in, "SELECT COALESCE(" column ", 0) FROM notice ORDER BY created DESC LIMIT 1")

static const struct letter_recipient *look(const struct uuid *letter)
{
	struct letter *l;
	struct err err = { 0 };
	char id[37];

	OK(letter_get(in.office, &in.editor, in.pool, uuid_format(id, letter), &l, &err));
	return &l->recipients[0];
}

/* It is due again so many seconds after its last result was settled. */
static void due_in(int64_t min_s, int64_t max_s)
{
	int64_t due_us = YOUNGEST("due");

	assert_in_range(due_us, settled.from_us + min_s * SECOND_US, settled.to_us + max_s * SECOND_US);
}

static void due_now(void)
{
	instance_run(&in, "UPDATE notice SET due = 1 WHERE due IS NOT NULL");
}

static void put_off_by_the_settings(void **state)
{
	static const int64_t SPANS[] = { 60, 300, 300, 300 };
	struct uuid letter;
	struct notice_job job = letter_out(&letter), again;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		settle(&job, NOTICE_RETRY, "450 4.2.0 later", 0);
		due_in(SPANS[i] * 4 / 5, SPANS[i] * 6 / 5);
		assert_int_equal(YOUNGEST("tries"), i + 1);
		assert_int_equal(lease(&again, 1), 0);
		assert_string_equal(look(&letter)->state, "pending");
		assert_string_equal(look(&letter)->reply, "450 4.2.0 later");
		due_now();
		assert_int_equal(lease(&again, 1), 1);
		assert_string_equal(again.message_id, job.message_id);
	}
	/* The last try stands at the end of its time, not behind it; then it has failed, in the last words. */
	instance_run(&in, "UPDATE notice SET created = (CAST(strftime('%s', 'now') AS INTEGER) - 48 * 3600 + 100) * 1000000 WHERE due IS NOT NULL");
	settle(&job, NOTICE_RETRY, "450 4.2.0 later", 0);
	assert_int_equal(YOUNGEST("due"), YOUNGEST("created") + INT64_C(48) * 3600 * SECOND_US);
	instance_run(&in, "UPDATE notice SET created = created - 200000000 WHERE due IS NOT NULL");
	settle(&job, NOTICE_RETRY, "450 4.2.0 never", 0);
	assert_int_equal(YOUNGEST("due"), 0);
	assert_string_equal(look(&letter)->state, "failed");
	assert_string_equal(look(&letter)->reply, "450 4.2.0 never");
	assert_int_equal(look(&letter)->sends, 0);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'notice.failed' AND CAST(entry AS TEXT) LIKE '%450 4.2.0 never%'"), 1);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'document.failed'"), 1);
}

static void away_counts_against_none(void **state)
{
	struct uuid letter;
	struct notice_job job = letter_out(&letter);
	int64_t at = clock_now_us() + 7 * SECOND_US;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		settle(&job, NOTICE_AWAY, "no connection to the relay: refused", at);
	assert_int_equal(YOUNGEST("tries"), 0);
	assert_true(YOUNGEST("due") == at);
	assert_string_equal(look(&letter)->reply, "no connection to the relay: refused");
	/* Yet not for ever. */
	instance_run(&in, "UPDATE notice SET created = 1 WHERE due IS NOT NULL");
	settle(&job, NOTICE_AWAY, "no connection to the relay: refused", at);
	assert_string_equal(look(&letter)->state, "failed");
}

static void doubt_is_repeated_once_soon(void **state)
{
	struct uuid letter;
	struct notice_job job = letter_out(&letter);

	(void)state;
	settle(&job, NOTICE_DOUBT, "the relay broke off", 0);
	due_in(40, 75);
	settle(&job, NOTICE_DOUBT, "the relay broke off", 0);
	due_in(3600, 3600);
	settle(&job, NOTICE_SENT, "250 2.0.0 Ok: queued as X", 0);
	assert_string_equal(look(&letter)->state, "sent");
	assert_string_equal(look(&letter)->tls, "TLSv1.3");
	assert_string_equal(look(&letter)->peer, "mx [192.0.2.1]:25");
	/* Answers that come late change nothing. */
	settle(&job, NOTICE_FAILED, "550 5.1.1 no", 0);
	assert_string_equal(look(&letter)->state, "sent");
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'notice.sent' AND CAST(entry AS TEXT) LIKE '%\"tls\":\"TLSv1.3\"%' "
					      "AND CAST(entry AS TEXT) LIKE '%\"peer\":\"mx [192.0.2.1]:25\"%'"), 1);
}

static void return_addresses(void **state)
{
	struct uuid letter, notice;
	struct notice_job job = letter_out(&letter);

	(void)state;
	assert_string_equal(job.from, in.settings.mail_from);
	settle(&job, NOTICE_SENT, "250 ok", 0);
	in.settings.mail_bounce_domain = "bounces.example.org";
	job = letter_out(&letter);
	assert_true(verp_parse(in.directory, "bounces.example.org", job.from, &notice));
	assert_true(uuid_same(&notice, &job.notice));
	settle(&job, NOTICE_SENT, "250 ok", 0);
}

#define FORMER "(SELECT letter FROM letter ORDER BY number DESC LIMIT 1 OFFSET 1)"
#define LATTER "(SELECT letter FROM letter ORDER BY number DESC LIMIT 1)"

/* How many rows of the two youngest letters differ in what settling writes. */
static int64_t differences(void)
{
	static const char *const SQL[] = {
		"SELECT COUNT(*) FROM recipient a JOIN recipient b ON b.letter = " LATTER " AND b.n = a.n WHERE a.letter = " FORMER " AND (a.state <> b.state "
		"OR a.sends <> b.sends OR (a.first_sent IS NULL) <> (b.first_sent IS NULL) OR (a.last_sent IS NULL) <> (b.last_sent IS NULL) "
		"OR a.reply IS NOT b.reply OR a.peer IS NOT b.peer OR a.tls IS NOT b.tls)",
		"SELECT COUNT(*) FROM letter a JOIN letter b ON b.letter = " LATTER " WHERE a.letter = " FORMER " AND (a.state <> b.state OR "
		"a.settled <> b.settled OR a.failures <> b.failures OR (a.sent IS NULL) <> (b.sent IS NULL))",
		"SELECT COUNT(*) FROM notice a JOIN notice b ON b.letter = " LATTER " AND b.n = a.n WHERE a.letter = " FORMER " AND "
		"((a.due IS NULL) <> (b.due IS NULL) OR (a.lease IS NULL) <> (b.lease IS NULL))",
		"WITH e(letter, line) AS (SELECT letter, group_concat(event || coalesce(type, '') || coalesce(state, '') || hex(coalesce(account, '')) "
		"|| (shown IS NULL) || coalesce(json_extract(CAST(entry AS TEXT), '$.tls'), '') || coalesce(json_extract(CAST(entry AS TEXT), '$.d.reply'), '') "
		"|| coalesce(json_extract(CAST(entry AS TEXT), '$.d.peer'), '') || coalesce(json_extract(CAST(entry AS TEXT), '$.d.send'), ''), ' ') FROM "
		"(SELECT * FROM journal ORDER BY seq) GROUP BY letter) SELECT (SELECT line FROM e WHERE letter = " FORMER ") IS NOT (SELECT line FROM e "
		"WHERE letter = " LATTER ")",
	};
	int64_t n = 0;

	for (unsigned i = 0; i < sizeof(SQL) / sizeof(*SQL); i++) {
		int64_t found = instance_count(&in, SQL[i]);

		if (found)
			print_message("they differ: %s\n", SQL[i]);
		n += found;
	}
	return n;
}

/* The youngest letter's notices, leased and settled. */
static void all_settle(unsigned count, bool facts, int outcome)
{
	struct notice_job jobs[4];
	struct notice_result r[4];
	struct err err = { 0 };

	assert_int_equal(lease(jobs, 4), count);
	for (unsigned i = 0; i < count; i++)
		r[i] = (struct notice_result){ .entity = jobs[i].entity, .notice = jobs[i].notice, .reply = "250 ok", .outcome = outcome,
					       .peer = "mx [192.0.2.1]:25", .tls = i ? "" : "TLSv1.3", .message_id = "id@example.org",
					       .facts = facts ? jobs[i].facts : NULL };
	OK(notice_settle(in.office, r, count, &err));
	/* An answer that comes twice. */
	OK(notice_settle(in.office, r, count, &err));
}

/* Settling by what the lease has read writes what settling by the rows writes. */
static void both_ways_write_the_same(void **state)
{
	static const char *const TO[] = { "a@example.org", "b@example.org", "c@example.org", NULL };
	/* What happened before: nothing, the first one read it, all had failed and are sent again, sent a second time. */
	static const char *const BEFORE[] = { NULL, "UPDATE recipient SET state = 'opened' WHERE n = 1", NULL, NULL };
	const struct journal_actor actor = { .account = &in.editor.account, .method = "api-token", .level = 1, .channel = "api" };

	(void)state;
	for (unsigned count = 1; count <= 3; count += 2) {
		for (unsigned how = 0; how < 4; how++) {
			for (int facts = 0; facts < 2; facts++) {
				struct deposit d = { .to = TO + 3 - count, .subject = "S" };
				AUTO_BUF body = { 0 };
				struct err err = { 0 };
				struct uuid letter;

				OK(deposit_commit(in.office, &in.editor, &actor, in.pool, &d, &letter, &body, &err));
				if (BEFORE[how])
					instance_run(&in, BEFORE[how]);
				all_settle(count, facts, how == 2 ? NOTICE_FAILED : NOTICE_SENT);
				if (how < 2)
					continue;
				instance_run(&in, "UPDATE notice SET due = 1, kind = 'resend', send = 2 WHERE letter = " LATTER);
				all_settle(count, facts, NOTICE_SENT);
			}
			assert_int_equal(differences(), 0);
		}
	}
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM letter WHERE state = 'failed' AND letter IN (SELECT letter FROM notice WHERE kind = 'resend')"), 0);
}

static int setup(void **state)
{
	(void)state;
	instance_make(&in);
	in.settings.mail_retry = "1m, 5m";
	in.settings.mail_retry_hours = 48;
	return 0;
}

static int teardown(void **state)
{
	struct err err = { 0 };

	(void)state;
	(void)instance_verify(&in, &err);
	instance_drop(&in);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_off_by_the_settings),
		cmocka_unit_test(away_counts_against_none),
		cmocka_unit_test(doubt_is_repeated_once_soon),
		cmocka_unit_test(return_addresses),
		cmocka_unit_test(both_ways_write_the_same),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
