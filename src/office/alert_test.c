/* Alerts with a whole instance: rows, mails and entries, each once; who is told; a clock that was set; what
 * was on before a start. */
#include "office_testing.h"

#include "account_mail.h"
#include "alert.h"
#include "security_admin.h"

static struct instance in;

static int64_t count(const char *sql)
{
	return instance_count(&in, sql);
}

static void said_once(void **state)
{
	struct err err = { 0 };
	struct alert *list;
	unsigned n;

	(void)state;
	for (int i = 0; i < 3; i++) {
		alert_raise(in.office, ALERT_TSA, "", "no answer");
		alert_round(in.office);
	}
	assert_int_equal(alert_count(in.office, ALERT_TSA), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM alert WHERE kind = 'tsa' AND ended IS NULL"), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE event = 'alert.raised'"), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM account_mail WHERE kind = 'alert'"), count("SELECT told FROM alert WHERE kind = 'tsa'"));
	OK(alert_list(in.office, in.pool, 10, &list, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].kind, ALERT_TSA);
	assert_true(list[0].entry > 0 && !list[0].ended_us);
	for (int i = 0; i < 3; i++) {
		alert_end(in.office, ALERT_TSA, "");
		alert_round(in.office);
	}
	assert_int_equal(alert_count(in.office, ALERT_TSA), 0);
	assert_int_equal(count("SELECT COUNT(*) FROM alert WHERE ended IS NOT NULL AND entry_end > entry"), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE event = 'alert.ended'"), 1);
	assert_int_equal(count("SELECT COUNT(*) FROM account_mail WHERE kind = 'alert_over'"), count("SELECT told_end FROM alert"));
	alert_raise(in.office, ALERT_TSA, "", "no answer");
	alert_round(in.office);
	assert_int_equal(count("SELECT COUNT(*) FROM alert"), 2);
	alert_end(in.office, ALERT_TSA, "");
	alert_round(in.office);
}

/* One that comes and goes is mailed once within the time, and once more if it is on when that is over; rows, entries and what is on are exact. */
static void one_that_flaps(void **state)
{
	static const char BEGUN[] = "SELECT COUNT(*) FROM account_mail WHERE kind = 'alert'", OVER[] = "SELECT COUNT(*) FROM account_mail WHERE kind = 'alert_over'";
	static const char ROWS[] = "SELECT COUNT(*) FROM alert WHERE subject = 'flaps'";
	static const char ENTRIES[] = "SELECT COUNT(*) FROM journal WHERE event LIKE 'alert.%'";
	int64_t begun, over, entries;
	struct err err = { 0 };

	(void)state;
	OK(security_admin_choose(in.directory, &in.admin, true, &err));
	begun = count(BEGUN);
	over = count(OVER);
	entries = count(ENTRIES);
	for (int i = 0; i < 4; i++) {
		alert_raise(in.office, ALERT_PROOF, "flaps", "x");
		alert_round(in.office);
		assert_int_equal(alert_count(in.office, ALERT_PROOF), 1);
		alert_end(in.office, ALERT_PROOF, "flaps");
		alert_round(in.office);
		assert_int_equal(alert_count(in.office, ALERT_PROOF), 0);
	}
	assert_int_equal(count(BEGUN), begun + 1);
	assert_int_equal(count(OVER), over + 1);
	assert_int_equal(count(ROWS), 4);
	assert_int_equal(count(ENTRIES), entries + 8);
	assert_int_equal(count("SELECT COUNT(*) FROM alert WHERE subject = 'flaps' AND told = 0 AND told_end = 0 AND entry_end > entry"), 3);
	/* Another subject is another alert. */
	alert_raise(in.office, ALERT_PROOF, "other", "x");
	alert_round(in.office);
	assert_int_equal(count(BEGUN), begun + 2);
	alert_end(in.office, ALERT_PROOF, "other");
	/* It comes back and stays, over a start too; when the time is over that is told, once, and its end. */
	alert_raise(in.office, ALERT_PROOF, "flaps", "x");
	alert_round(in.office);
	instance_restart(&in);
	alert_round(in.office);
	alert_round(in.office);
	assert_int_equal(count(BEGUN), begun + 2);
	assert_true(in.office->alerts.held_us > clock_now_us());
	in.settings.alerts_again_s = 0;
	alert_round(in.office);
	assert_int_equal(count(BEGUN), begun + 2);	/* not before its time is there */
	in.office->alerts.held_us = 1;
	alert_round(in.office);
	alert_round(in.office);
	assert_int_equal(count(BEGUN), begun + 3);
	over = count(OVER);
	alert_end(in.office, ALERT_PROOF, "flaps");
	alert_round(in.office);
	assert_int_equal(count(OVER), over + 1);
	assert_int_equal(count(ENTRIES), entries + 12);
	in.settings.alerts_again_s = 3600;
}

/* The entry of a witness is written by who noticed it. */
static void entries_of_others(void **state)
{
	int64_t before = count("SELECT COUNT(*) FROM journal WHERE event LIKE 'alert.%'");

	(void)state;
	alert_raise(in.office, ALERT_WITNESS, "w.example", "x");
	alert_round(in.office);
	alert_end(in.office, ALERT_WITNESS, "w.example");
	alert_round(in.office);
	assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE event LIKE 'alert.%'"), before);
	assert_int_equal(count("SELECT COUNT(*) FROM alert WHERE subject = 'w.example' AND entry = 0 AND entry_end = 0"), 1);
}

static void who_is_told(void **state)
{
	struct err err = { 0 };
	int64_t before = count("SELECT COUNT(*) FROM account_mail");
	bool told;

	(void)state;
	OK(security_admin_told(in.directory, &in.admin, &told, &err));
	assert_int_equal(told, in.admin.instance_admin);
	OK(security_admin_choose(in.directory, &in.admin, true, &err));
	OK(security_admin_choose(in.directory, &in.editor, true, &err));	/* no page lets him: and he gets none */
	OK(security_admin_told(in.directory, &in.admin, &told, &err));
	assert_true(told);
	alert_raise(in.office, ALERT_PROOF, "scrub", "x");
	alert_round(in.office);
	assert_int_equal(count("SELECT COUNT(*) FROM account_mail"), before + 1);
	OK(security_admin_choose(in.directory, &in.admin, false, &err));
	alert_end(in.office, ALERT_PROOF, "scrub");
	alert_round(in.office);
	assert_int_equal(count("SELECT COUNT(*) FROM account_mail"), before + 1);
	assert_int_equal(count("SELECT told FROM alert WHERE subject = 'scrub'"), 1);
	assert_int_equal(count("SELECT told_end FROM alert WHERE subject = 'scrub'"), 0);
	OK(security_admin_choose(in.directory, &in.admin, true, &err));
}

/* Both clocks as if the wall clock had been set back an hour; then as if it had been set right. */
static void a_clock_that_was_set(void **state)
{
	(void)state;
	(void)deadline_now_us(in.office);
	in.office->clock.wall_us += 3600 * SECOND_US;
	alert_round(in.office);
	assert_int_equal(alert_count(in.office, ALERT_CLOCK), 1);
	alert_round(in.office);
	assert_int_equal(count("SELECT COUNT(*) FROM alert WHERE kind = 'clock' AND ended IS NULL AND detail LIKE '%was set by -3%'"), 1);
	in.office->clock = (struct deadline_clock){ 0 };
	alert_round(in.office);
	assert_int_equal(alert_count(in.office, ALERT_CLOCK), 0);
	assert_int_equal(count("SELECT COUNT(*) FROM journal WHERE event = 'alert.ended' AND CAST(entry AS TEXT) LIKE '%\"kind\":\"clock\"%'"), 1);
}

static void from_before_a_start(void **state)
{
	int64_t mails;

	(void)state;
	alert_raise(in.office, ALERT_PROOF, "selfproof", "x");
	alert_flush(in.office);
	instance_restart(&in);
	mails = count("SELECT COUNT(*) FROM account_mail WHERE kind = 'alert'");
	assert_int_equal(alert_count(in.office, ALERT_PROOF), 1);
	/* What was not said before is said now, once. */
	alert_round(in.office);
	alert_round(in.office);
	assert_int_equal(count("SELECT COUNT(*) FROM account_mail WHERE kind = 'alert'"), mails + 1);
	assert_int_equal(count("SELECT COUNT(*) FROM alert WHERE subject = 'selfproof' AND entry > 0"), 1);
	alert_end(in.office, ALERT_PROOF, "selfproof");
	alert_round(in.office);
	assert_int_equal(alert_count(in.office, ALERT_PROOF), 0);
}

static int begin(void **state)
{
	(void)state;
	instance_make(&in);
	return 0;
}

static int end(void **state)
{
	(void)state;
	instance_drop(&in);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(said_once),		cmocka_unit_test(entries_of_others),
		cmocka_unit_test(who_is_told),		cmocka_unit_test(a_clock_that_was_set),
		cmocka_unit_test(from_before_a_start),	cmocka_unit_test(one_that_flaps),
	};

	return cmocka_run_group_tests_name("alert", tests, begin, end);
}
