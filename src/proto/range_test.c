#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "range.h"

#define TAG "\"abc\""

static const struct {
	const char *range, *if_range;
	uint64_t size;
	enum range_kind kind;
	uint64_t first, length;
} cases[] = {
	{ NULL, NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=0-0", NULL, 10, RANGE_PART, 0, 1 },
	{ "bytes=0-9", NULL, 10, RANGE_PART, 0, 10 },
	{ "bytes=2-4", NULL, 10, RANGE_PART, 2, 3 },
	{ "bytes=5-", NULL, 10, RANGE_PART, 5, 5 },
	{ "bytes=5-99", NULL, 10, RANGE_PART, 5, 5 },
	{ "bytes=-3", NULL, 10, RANGE_PART, 7, 3 },
	{ "bytes=-10", NULL, 10, RANGE_PART, 0, 10 },
	{ "bytes=-99", NULL, 10, RANGE_PART, 0, 10 },
	{ "Bytes= 2-4 ", NULL, 10, RANGE_PART, 2, 3 },
	{ "bytes=5-99999999999999999999999", NULL, 10, RANGE_PART, 5, 5 },
	{ "bytes=5368709119-", NULL, UINT64_C(5368709120), RANGE_PART, UINT64_C(5368709119), 1 },
	{ "bytes=-18446744073709551615", NULL, 10, RANGE_PART, 0, 10 },
	{ "bytes=10-", NULL, 10, RANGE_UNSATISFIABLE, 0, 0 },
	{ "bytes=99-100", NULL, 10, RANGE_UNSATISFIABLE, 0, 0 },
	{ "bytes=-0", NULL, 10, RANGE_UNSATISFIABLE, 0, 0 },
	{ "bytes=0-", NULL, 0, RANGE_UNSATISFIABLE, 0, 0 },
	{ "bytes=-1", NULL, 0, RANGE_UNSATISFIABLE, 0, 0 },
	{ "bytes=99999999999999999999999-", NULL, 10, RANGE_UNSATISFIABLE, 0, 0 },
	/* malformed, several, other units: ignored */
	{ "bytes=4-2", NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=0-1,4-5", NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=", NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=-", NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=a-b", NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=1", NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=--1", NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=1-2x", NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=1 - 2", NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "bytes 1-2", NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "items=1-2", NULL, 10, RANGE_WHOLE, 0, 10 },
	{ "", NULL, 10, RANGE_WHOLE, 0, 10 },
	/* If-Range */
	{ "bytes=2-4", TAG, 10, RANGE_PART, 2, 3 },
	{ "bytes=2-4", "\"other\"", 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=2-4", "W/" TAG, 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=2-4", "Sun, 06 Nov 1994 08:49:37 GMT", 10, RANGE_WHOLE, 0, 10 },
	{ "bytes=99-", "\"other\"", 10, RANGE_WHOLE, 0, 10 },
};

static void ranges_are_picked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct range r;
		enum range_kind kind = range_pick(cases[i].range, cases[i].if_range, TAG, cases[i].size, &r);

		if (kind != cases[i].kind)
			fail_msg("case %zu '%s': %d", i, cases[i].range ? cases[i].range : "none", (int)kind);
		if (kind != RANGE_UNSATISFIABLE && (r.first != cases[i].first || r.length != cases[i].length))
			fail_msg("case %zu: %llu+%llu", i, (unsigned long long)r.first, (unsigned long long)r.length);
	}
}

static void tags_are_compared(void **state)
{
	static const struct {
		const char *list;
		int weak_hit, strong_hit;
	} tags[] = {
		{ TAG, 1, 1 },
		{ "*", 1, 1 },
		{ "\"x\", " TAG, 1, 1 },
		{ "\"x\"," TAG ",\"y\"", 1, 1 },
		{ "W/" TAG, 1, 0 },
		{ "\"x\"", 0, 0 },
		{ "\"ab\"", 0, 0 },
		{ "abc", 0, 0 },
		{ "\"abc", 0, 0 },
		{ "\"x\" junk, " TAG, 0, 0 },
		{ "", 0, 0 },
		{ "\"a,b\", " TAG, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (range_none_match_hit(tags[i].list, TAG) != tags[i].weak_hit)
			fail_msg("If-None-Match %zu", i);
		if (range_match_hit(tags[i].list, TAG) != tags[i].strong_hit)
			fail_msg("If-Match %zu", i);
	}
	assert_false(range_none_match_hit(NULL, TAG));
	assert_false(range_match_hit(TAG, "W/" TAG));
	assert_true(range_none_match_hit(TAG, "W/" TAG));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_picked),
		cmocka_unit_test(tags_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
