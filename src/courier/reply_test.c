/* Replies of mail servers as the journal shows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "reply.h"

static void addresses_go(void **state)
{
	static const struct {
		const char *words, *wanted;
	} rows[] = {
		{ "250 2.0.0 Ok: queued as 4XYZ\r\n", "250 2.0.0 Ok: queued as 4XYZ" },
		{ "550 5.1.1 <a.b+c@example.org>: Recipient address rejected", "550 5.1.1 <(address)>: Recipient address rejected" },
		{ "tabs\tand\r\nlines  \x01\xc3\xa9", "tabs and lines ???" },
		{ "", "" },
	};
	char out[REPLY_MAX + 1], longest[2000];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reply_clean(out, rows[i].words, strlen(rows[i].words));
		assert_string_equal(out, rows[i].wanted);
	}
	/* Masks longer than what they stand for do not run over, and nothing comes through at the end. */
	for (size_t i = 0; i + 4 <= sizeof(longest); i += 4)
		memcpy(longest + i, "a@b ", 4);
	reply_clean(out, longest, sizeof(longest));
	assert_true(strlen(out) <= REPLY_MAX);
	assert_null(strchr(out, '@'));
	/* Nor of an address that stands across the end. */
	memset(longest, 'x', sizeof(longest));
	longest[REPLY_MAX - 4] = ' ';
	memcpy(longest + REPLY_MAX + 4, "@example.org", 12);
	reply_clean(out, longest, sizeof(longest));
	assert_string_equal(out + REPLY_MAX - 4, " (ad");
}

static void take(struct reply *reply, const char *line)
{
	reply_take(reply, line, strlen(line));
}

static void lines_are_joined(void **state)
{
	struct reply r = { 0 };

	(void)state;
	take(&r, "250-mx.example.org\r\n");
	assert_true(r.open);
	take(&r, "250-PIPELINING\r\n");
	take(&r, "250 8BITMIME\r\n");
	assert_false(r.open);
	assert_int_equal(r.code, 250);
	assert_string_equal(r.text, "250 mx.example.org PIPELINING 8BITMIME");
	take(&r, "550-5.1.1 No such user a@b.c.\r\n");
	take(&r, "550 5.1.1 Try again.\r\n");
	assert_int_equal(r.code, 550);
	assert_string_equal(r.text, "550 5.1.1 No such user (address) 5.1.1 Try again.");
	take(&r, "354\r\n");
	assert_int_equal(r.code, 354);
	assert_string_equal(r.text, "354");
	take(&r, "hello there\r\n");
	assert_int_equal(r.code, 0);
	assert_string_equal(r.text, "hello there");
	take(&r, "250-a");
	take(&r, "junk");
	take(&r, "451 other code");
	assert_int_equal(r.code, 451);
	assert_string_equal(r.text, "451 other code");
	take(&r, "2500 x");
	assert_int_equal(r.code, 0);
	take(&r, "");
	assert_string_equal(r.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_go),
		cmocka_unit_test(lines_are_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
