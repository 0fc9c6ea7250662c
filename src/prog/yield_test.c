/* Notices make way only while many letters come in, and never for long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "yield.h"

#define MS INT64_C(1000)
#define START (1000 * MS)

/* The dispatcher, asked every 10 ms for a time in which letters come at a rate; all that wait leave at once when they may.  How many of those
 * askings had to wait; *longest_r: in ms. */
static unsigned play(struct yield *y, int64_t *now_us, uint64_t *came, unsigned letters_s, unsigned ms, unsigned *longest_r)
{
	unsigned waits = 0, row = 0;

	*longest_r = 0;
	for (unsigned t = 0; t < ms; t += 10) {
		*now_us += 10 * MS;
		*came += letters_s / 100;
		if (yield_must(y, *came, *now_us)) {
			waits++;
			row += 10;
		} else {
			yield_done(y);
			row = 0;
		}
		if (row > *longest_r)
			*longest_r = row;
	}
	return waits;
}

static void quiet_times(void **state)
{
	struct yield y = { 0 };
	int64_t now = START;
	uint64_t came = 0;
	unsigned longest;

	(void)state;
	assert_false(yield_must(&y, ++came, now));
	yield_done(&y);
	assert_int_equal(play(&y, &now, &came, 300, 20000, &longest), 0);
	/* One after a long silence, and a handful at once. */
	now += 3600 * 1000 * MS;
	assert_false(yield_must(&y, ++came, now));
	came += 15;
	assert_false(yield_must(&y, came, now + 45 * MS));
}

static void busy_times(void **state)
{
	struct yield y = { 0 };
	int64_t now = START;
	uint64_t came = 0;
	unsigned longest, waits;

	(void)state;
	assert_false(yield_must(&y, ++came, now));
	yield_done(&y);
	/* Three busy seconds: they wait, but for the first moments. */
	waits = play(&y, &now, &came, 3000, 3000, &longest);
	assert_in_range(waits, 280, 299);
	/* It is over: seen within two looks. */
	waits = play(&y, &now, &came, 0, 1000, &longest);
	assert_in_range(waits, 1, 10);
	assert_false(y.since_us);
}

static void never_for_long(void **state)
{
	struct yield y = { 0 };
	int64_t now = START;
	uint64_t came = 0;
	unsigned longest;

	(void)state;
	play(&y, &now, &came, 3000, 60000, &longest);
	assert_in_range(longest, YIELD_MOST_US / MS - 20, YIELD_MOST_US / MS);
}

/* What waits longest decides: leaving some of them does not begin the time anew. */
static void all_must_leave(void **state)
{
	struct yield y = { 0 };
	int64_t now = START, end;
	uint64_t came = 0;

	(void)state;
	for (end = now + YIELD_MOST_US + 200 * MS; now < end; now += 10 * MS)
		(void)yield_must(&y, came += 30, now);
	for (int i = 0; i < 100; i++)
		assert_false(yield_must(&y, came += 30, now += 10 * MS));
	yield_done(&y);
	assert_true(yield_must(&y, came += 30, now += 10 * MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet_times),
		cmocka_unit_test(busy_times),
		cmocka_unit_test(never_for_long),
		cmocka_unit_test(all_must_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
