/* Bounces: a failure is entered once and shows; a delay changes nothing. */
#include "office_testing.h"

#include "bounce.h"
#include "notice.h"
#include "verp.h"

#define DOMAIN "bounces.example.org"

static struct instance in;

static enum pli_status render(void *arg, struct pool *pool, const struct notice_view *view, struct buf *mail_out,
			       size_t *content_at_r, struct err *err)
{
	(void)content_at_r;
	(void)arg;
	(void)pool;
	(void)view;
	(void)err;
	buf_str(mail_out, "mail");
	return PLI_OK;
}

/* A letter to so many, its notices leased; settled when wanted.  Jobs in order of the recipients. */
static void letter_out(const char *const *to, unsigned count, struct notice_job *jobs, bool settle, struct uuid *letter_r)
{
	struct notice_result results[8];
	struct deposit d = { .to = to, .subject = "S" };
	AUTO_BUF body = { 0 };
	struct err err = { 0 };
	const struct journal_actor actor = { .account = &in.editor.account, .method = "api-token", .level = 1, .channel = "api" };
	unsigned got = 0;

	OK(deposit_commit(in.office, &in.editor, &actor, in.pool, &d, letter_r, &body, &err));
	OK(notice_lease(in.office, in.pool, render, NULL, 8, jobs, &got, &err));
	assert_int_equal(got, count);
	for (unsigned i = 0; i < count; i++)
		results[i] = (struct notice_result){ .entity = jobs[i].entity, .notice = jobs[i].notice, .outcome = NOTICE_SENT,
						     .reply = "250 2.0.0 ok", .message_id = jobs[i].message_id };
	if (settle)
		OK(notice_settle(in.office, results, count, &err));
}

static struct letter *look(const struct uuid *letter)
{
	struct letter *l;
	struct err err = { 0 };
	char id[37];

	OK(letter_get(in.office, &in.editor, in.pool, uuid_format(id, letter), &l, &err));
	return l;
}

static int64_t count(const char *sql)
{
	struct db_conn *conn = db_reader_take(in.db);
	struct db_rows rows = { 0 };
	struct err err = { 0 };
	int64_t n;

	OK(db_query(conn, &rows, &err, sql, ""));
	OK(db_next(&rows, &err));
	n = db_int(&rows, 0);
	db_end(&rows);
	db_reader_give(in.db, conn);
	return n;
}

static struct bounce report(bool failed, uint8_t digest)
{
	return (struct bounce){ .failed = failed, .status = failed ? "5.1.1" : "4.4.1",
				.diagnostic = failed ? "550 5.1.1 <a@example.net>: unknown" : "connection timed out", .remote = "mx.example.net",
				.digest = { digest } };
}

static void failure_shows_once(void **state)
{
	const char *const to[] = { "a@example.net", "b@example.net", NULL };
	struct notice_job jobs[8];
	struct uuid letter, notice;
	struct bounce failed = report(true, 1), delayed = report(false, 2), other = report(true, 3);
	char address[VERP_MAX + 1];
	struct letter *l;
	struct err err = { 0 };

	(void)state;
	letter_out(to, 2, jobs, true, &letter);
	verp_make(in.directory, &jobs[0].notice, DOMAIN, address);
	OK(bounce_known(in.office, address, &notice, &err));
	assert_memory_equal(&notice, &jobs[0].notice, sizeof(notice));
	OK(bounce_record(in.office, &notice, &delayed, &err));
	OK(bounce_record(in.office, &notice, &delayed, &err));
	assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE event = 'notice.delayed'"), 1);
	assert_string_equal(look(&letter)->recipients[0].state, "sent");
	OK(bounce_record(in.office, &notice, &failed, &err));
	OK(bounce_record(in.office, &notice, &failed, &err));
	OK(bounce_record(in.office, &notice, &other, &err));
	OK(bounce_record(in.office, &notice, &delayed, &err));
	assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE event = 'notice.failed'"), 1);
	l = look(&letter);
	assert_string_equal(l->recipients[0].state, "failed");
	assert_string_equal(l->recipients[0].reply, "550 5.1.1 <(address)>: unknown");
	assert_string_equal(l->recipients[0].peer, "mx.example.net");
	assert_string_equal(l->recipients[1].state, "sent");
	assert_string_equal(l->state, "sent");
	OK(bounce_record(in.office, &jobs[1].notice, &failed, &err));
	l = look(&letter);
	assert_string_equal(l->recipients[1].state, "failed");
	assert_string_equal(l->state, "failed");
	assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE event = 'document.failed'"), 1);
}

/* The report overtakes the answer of the relay: later, so that nothing is lost. */
static void too_early_comes_again(void **state)
{
	const char *const to[] = { "early@example.net", NULL };
	struct notice_job jobs[8];
	struct notice_result result;
	struct uuid letter;
	struct bounce failed = report(true, 7);
	struct err err = { 0 };

	(void)state;
	letter_out(to, 1, jobs, false, &letter);
	REFUSED(bounce_record(in.office, &jobs[0].notice, &failed, &err), PLI_BUSY, NULL);
	result = (struct notice_result){ .entity = jobs[0].entity, .notice = jobs[0].notice, .outcome = NOTICE_SENT, .reply = "250 ok",
					 .message_id = jobs[0].message_id };
	OK(notice_settle(in.office, &result, 1, &err));
	OK(bounce_record(in.office, &jobs[0].notice, &failed, &err));
	assert_string_equal(look(&letter)->recipients[0].state, "failed");
	assert_string_equal(look(&letter)->state, "failed");
}

/* A mail sent anew counts, whatever comes back for the one before; and a delay is not entered for ever. */
static void newer_mail_counts(void **state)
{
	const char *const to[] = { "again@example.net", NULL };
	struct notice_job jobs[8], newer[8];
	struct notice_result result;
	struct uuid letter;
	struct bounce failed = report(true, 9);
	const struct journal_actor actor = { .account = &in.editor.account, .method = "api-token", .level = 1, .channel = "api" };
	struct err err = { 0 };
	unsigned got = 0;
	int64_t before;
	char id[37];

	(void)state;
	letter_out(to, 1, jobs, true, &letter);
	OK(letter_resend(in.office, &in.editor, &actor, in.pool, uuid_format(id, &letter), NULL, NULL, &err));
	OK(notice_lease(in.office, in.pool, render, NULL, 8, newer, &got, &err));
	assert_int_equal(got, 1);
	result = (struct notice_result){ .entity = newer[0].entity, .notice = newer[0].notice, .outcome = NOTICE_SENT, .reply = "250 ok",
					 .message_id = newer[0].message_id };
	OK(notice_settle(in.office, &result, 1, &err));
	OK(bounce_record(in.office, &jobs[0].notice, &failed, &err));
	assert_string_equal(look(&letter)->recipients[0].state, "sent");
	before = count("SELECT COUNT(*) FROM journal WHERE event = 'notice.delayed'");
	for (uint8_t i = 0; i < 2 * BOUNCE_DELAYS_MAX; i++) {
		struct bounce delayed = report(false, (uint8_t)(100 + i));
		OK(bounce_record(in.office, &newer[0].notice, &delayed, &err));
	}
	assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE event = 'notice.delayed'"), before + BOUNCE_DELAYS_MAX);
	OK(bounce_record(in.office, &newer[0].notice, &failed, &err));
	assert_string_equal(look(&letter)->recipients[0].state, "failed");
}

static void others_are_unknown(void **state)
{
	struct uuid notice = { { 1 } }, got;
	char address[VERP_MAX + 1];
	struct bounce failed = report(true, 1);
	struct err err = { 0 };

	(void)state;
	verp_make(in.directory, &notice, DOMAIN, address);
	REFUSED(bounce_known(in.office, address, &got, &err), PLI_ABSENT, NULL);
	REFUSED(bounce_known(in.office, "bounce+x@" DOMAIN, &got, &err), PLI_ABSENT, NULL);
	REFUSED(bounce_known(in.office, "", &got, &err), PLI_ABSENT, NULL);
	REFUSED(bounce_record(in.office, &notice, &failed, &err), PLI_ABSENT, NULL);
}

static int setup(void **state)
{
	(void)state;
	instance_make(&in);
	in.settings.mail_bounce_domain = DOMAIN;
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
		cmocka_unit_test(failure_shows_once),
		cmocka_unit_test(too_early_comes_again),
		cmocka_unit_test(newer_mail_counts),
		cmocka_unit_test(others_are_unknown),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
