#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "text.h"

#include "args.h"

static const struct args_option options[] = {
	{ "--to", "A", "", true, 0 }, { "--subject", "S", "", false, 0 }, { "--json", NULL, "", false, 0 },
	{ "--output", "F", "", false, 'o' }, { "--days", "N", "", false, 0 }, { NULL, NULL, NULL, false, 0 },
};

static int count(char **argv)
{
	int n = 0;

	while (argv[n])
		n++;
	return n;
}

static enum pli_status parse(struct pool *pool, char **argv, struct args **args_r, struct err *err)
{
	return args_parse(pool, options, "verb A [B]", 1, 2, count(argv), argv, args_r, err);
}

static void reads_every_form(void **state)
{
	AUTO_POOL pool = pool_new();
	char *argv[] = { (char *)"--to", (char *)"a", (char *)"one", (char *)"--to=b", (char *)"-oout", (char *)"--json",
			 (char *)"--days", (char *)"12", (char *)"--", (char *)"--two", NULL };
	struct args *args;
	struct err err;
	unsigned n;
	int64_t days = 1;

	(void)state;
	assert_int_equal(parse(pool, argv, &args, &err), PLI_OK);
	assert_string_equal(args_values(args, "--to", &n)[1], "b");
	assert_int_equal(n, 2);
	assert_null(args_values(args, "--to", NULL)[2]);
	assert_null(args_value(args, "--subject"));
	assert_null(args_values(args, "--subject", NULL)[0]);
	assert_string_equal(args_value(args, "--output"), "out");
	assert_true(args_flag(args, "--json"));
	assert_int_equal(args_number(args, "--days", 1, 30, &days, &err), PLI_OK);
	assert_int_equal(days, 12);
	assert_int_equal(args_number(args, "--days", 1, 3, &days, &err), PLI_INPUT);
	assert_string_equal(args_word(args, 0), "one");
	assert_string_equal(args_word(args, 1), "--two");
	assert_null(args_word(args, 2));
}

static void refuses(void **state)
{
	static const struct {
		const char *argv[5];
		const char *text;
	} cases[] = {
		{ { "x", "--subjet", "s" }, "did you mean --subject" },
		{ { "x", "--subject" }, "needs a value" },
		{ { "x", "--subject", "a", "--subject=b" }, "given twice" },
		{ { "x", "--json=1" }, "takes no value" },
		{ { "--json" }, "missing" },
		{ { "a", "b", "c" }, "one word too many: c" },
		{ { "a", "-q" }, "unknown option -q" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct args *args;
		struct err err = { 0 };
		if (parse(pool, (char **)cases[i].argv, &args, &err) != PLI_INPUT || !strstr(err.text, cases[i].text))
			fail_msg("case %zu: %s", i, err.text);
	}
}

static void refuses_numbers(void **state)
{
	static const char *const values[] = { "", "x", "1x", "0", "31", "-1", "99999999999999999999" };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		AUTO_POOL pool = pool_new();
		char *argv[] = { (char *)"w", (char *)"--days", (char *)values[i], NULL };
		struct args *args;
		struct err err;
		int64_t days = 7;
		assert_int_equal(parse(pool, argv, &args, &err), PLI_OK);
		if (args_number(args, "--days", 1, 30, &days, &err) != PLI_INPUT || days != 7)
			fail_msg("case %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_form), cmocka_unit_test(refuses), cmocka_unit_test(refuses_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
