/* When the nightly proof is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"

#include "nightly.h"

#define MINUTE_US (60 * SECOND_US)

static int64_t at(const char *rfc3339)
{
	int64_t t_us;

	assert_true(clock_parse(rfc3339, &t_us));
	return t_us;
}

static struct nightly_facts facts(const char *now)
{
	return (struct nightly_facts){ .at = "03:10", .zone = "Europe/Paris", .now_us = at(now), .begun_us = at("2026-06-01T00:00:00Z"),
				       .made_us = at("2026-01-01T00:00:00Z"), .last_us = at("2026-06-09T01:10:05Z") };
}

static void once_a_night(void **state)
{
	struct nightly_facts f = facts("2026-06-10T01:09:59.999Z");

	(void)state;
	assert_false(nightly_due(&f));
	f = facts("2026-06-10T01:10:00Z");
	assert_true(nightly_due(&f));
	f.last_us = f.now_us;
	assert_false(nightly_due(&f));
	f.now_us = at("2026-06-11T01:09:59Z");
	assert_false(nightly_due(&f));
	f.now_us = at("2026-06-11T01:10:00Z");
	assert_true(nightly_due(&f));
	/* One that an operator had made in the afternoon does not stand for the night's. */
	f.last_us = at("2026-06-10T14:00:00Z");
	assert_true(nightly_due(&f));
}

static void never(void **state)
{
	struct nightly_facts f = facts("2026-06-10T12:00:00Z");

	(void)state;
	f.at = "off";
	assert_false(nightly_due(&f));
	f = facts("2026-06-10T12:00:00Z");
	f.clock_off = true;
	assert_false(nightly_due(&f));
	f = facts("2026-06-10T12:00:00Z");
	f.made_us = f.now_us - DAY_US + 1;
	assert_false(nightly_due(&f));
	f.made_us = f.now_us - DAY_US;
	assert_true(nightly_due(&f));
}

static void a_clock_that_was_ahead_once(void **state)
{
	struct nightly_facts f = facts("2026-06-10T01:10:00Z");

	(void)state;
	f.made_us = f.last_us = f.tried_us = at("2027-06-10T01:10:00Z");
	assert_true(nightly_due(&f));
}

static void a_missed_one_waits_for_the_start_to_be_over(void **state)
{
	struct nightly_facts f = facts("2026-06-10T09:00:00Z");

	(void)state;
	f.begun_us = f.now_us - 10 * MINUTE_US + 1;
	assert_false(nightly_due(&f));
	f.begun_us = f.now_us - 10 * MINUTE_US;
	assert_true(nightly_due(&f));
	f.last_us = 0;
	assert_true(nightly_due(&f));
}

static void tried_again_after_half_an_hour(void **state)
{
	struct nightly_facts f = facts("2026-06-10T01:40:00Z");

	(void)state;
	f.tried_us = f.now_us - 30 * MINUTE_US + 1;
	assert_false(nightly_due(&f));
	f.tried_us = f.now_us - 30 * MINUTE_US;
	assert_true(nightly_due(&f));
	/* Last night's try does not count. */
	f = facts("2026-06-10T01:10:00Z");
	f.tried_us = f.now_us - MINUTE_US;
	assert_true(nightly_due(&f));
}

/* On the nights when summer time begins (03:10 follows 01:59) and ends (02:10 is there twice). */
static void when_the_hour_is_changed(void **state)
{
	struct nightly_facts f = facts("2026-03-29T03:30:00Z");
	unsigned count = 0;

	(void)state;
	f.begun_us = at("2026-03-01T00:00:00Z");
	for (int zone = 0; zone < 2; zone++) {
		f.at = zone ? "02:10" : "03:10";
		for (int end = 0; end < 2; end++) {
			int64_t first = at(end ? "2026-10-24T12:00:00Z" : "2026-03-28T12:00:00Z");

			f.last_us = first;
			count = 0;
			for (f.now_us = first; f.now_us < first + 2 * DAY_US; f.now_us += MINUTE_US) {
				if (!nightly_due(&f))
					continue;
				count++;
				f.last_us = f.now_us;
			}
			assert_int_equal(count, 2);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(once_a_night), cmocka_unit_test(never), cmocka_unit_test(a_clock_that_was_ahead_once), cmocka_unit_test(a_missed_one_waits_for_the_start_to_be_over),
		cmocka_unit_test(tried_again_after_half_an_hour), cmocka_unit_test(when_the_hour_is_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
