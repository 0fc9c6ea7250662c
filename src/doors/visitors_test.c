/* Bounds for people without an account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "visitors.h"

#define SECOND_US INT64_C(1000000)

static void test_a_burst_then_one_a_second(void **state)
{
	struct visitors *v = visitors_new(100);
	int64_t now = 5000 * SECOND_US;
	unsigned wait = 0, admitted = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		admitted += visitors_admit(v, "192.0.2.1", 1, now, &wait);
	assert_int_equal(admitted, VISITORS_BURST);
	assert_in_range(wait, 1, 2);
	assert_true(visitors_admit(v, "192.0.2.2", 1, now, &wait));
	assert_true(visitors_admit(v, "192.0.2.1", 1, now + SECOND_US, &wait));
	assert_false(visitors_admit(v, "192.0.2.1", 1, now + SECOND_US, &wait));
	for (int i = 0; i < VISITORS_BURST; i++)
		assert_true(visitors_admit(v, "192.0.2.1", 1, now + 120 * SECOND_US, &wait));
	assert_false(visitors_admit(v, "192.0.2.1", 1, now + 120 * SECOND_US, &wait));
	/* What costs ten needs room for ten. */
	assert_true(visitors_admit(v, "192.0.2.1", 10, now + 130 * SECOND_US, &wait));
	assert_false(visitors_admit(v, "192.0.2.1", 10, now + 131 * SECOND_US, &wait));
	assert_int_equal(wait, 10);
	assert_true(visitors_admit(v, "192.0.2.1", 1, now + 131 * SECOND_US, &wait));
	visitors_free(v);
}

/* A hundred thousand others do not make one forgotten who keeps on knocking. */
static void test_a_crowd_hides_nobody(void **state)
{
	struct visitors *v = visitors_new(100);
	unsigned wait, admitted = 0;
	char from[32];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		int64_t now = 5000 * SECOND_US + i;

		snprintf(from, sizeof(from), "2001:db8:0:%x::/64", (unsigned)i);
		(void)visitors_admit(v, from, 1, now, &wait);
		admitted += visitors_admit(v, "192.0.2.1", 1, now, &wait);
	}
	assert_int_equal(admitted, VISITORS_BURST);
	visitors_free(v);
}

static void test_bytes_are_bounded(void **state)
{
	struct visitors *v = visitors_new(100);

	(void)state;
	assert_true(visitors_hold(v, 60));
	assert_false(visitors_hold(v, 41));
	assert_true(visitors_hold(v, 40));
	assert_false(visitors_hold(v, 1));
	visitors_release(v, 60);
	assert_true(visitors_hold(v, 60));
	assert_false(visitors_hold(v, (size_t)-1));
	visitors_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_burst_then_one_a_second),
		cmocka_unit_test(test_a_crowd_hides_nobody),
		cmocka_unit_test(test_bytes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
