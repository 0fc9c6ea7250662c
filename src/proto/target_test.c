#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pool.h"
#include "status.h"

#include "target.h"

static const struct {
	const char *in;
	const char *path;	/* NULL: refused */
	const char *query;
	const char *authority;
} cases[] = {
	{ "/", "/", "", NULL },
	{ "/a/b", "/a/b", "", NULL },
	{ "/a/", "/a/", "", NULL },
	{ "/a?b=c&d", "/a", "b=c&d", NULL },
	{ "/a?", "/a", "", NULL },
	{ "/a?x=/../?", "/a", "x=/../?", NULL },
	{ "/%61%20%C3%A9", "/a \xc3\xa9", "", NULL },
	{ "/%2561", "/%61", "", NULL },		/* decoded once */
	{ "/a;b=1,2/@:!$&'()*+=~", "/a;b=1,2/@:!$&'()*+=~", "", NULL },
	{ "/...", "/...", "", NULL },
	{ "/.a/..b/c..", "/.a/..b/c..", "", NULL },
	{ "*", "*", "", NULL },
	{ "https://pli.example/a?b", "/a", "b", "pli.example" },
	{ "HTTPS://pli.example:1/", "/", "", "pli.example:1" },
	{ "/?a[]=1|2^3`{}", "/", "a[]=1|2^3`{}", NULL },
	{ "", NULL, NULL, NULL },
	{ "a", NULL, NULL, NULL },
	{ "a/b", NULL, NULL, NULL },
	{ "?a", NULL, NULL, NULL },
	{ "http://pli.example/", NULL, NULL, NULL },
	{ "https://pli.example", NULL, NULL, NULL },
	{ "https://pli.example?a", NULL, NULL, NULL },
	{ "pli.example:443", NULL, NULL, NULL },
	{ "//", NULL, NULL, NULL },
	{ "//a", NULL, NULL, NULL },
	{ "/a//b", NULL, NULL, NULL },
	{ "/a//", NULL, NULL, NULL },
	{ "/.", NULL, NULL, NULL },
	{ "/..", NULL, NULL, NULL },
	{ "/a/../b", NULL, NULL, NULL },
	{ "/a/./b", NULL, NULL, NULL },
	{ "/a/..", NULL, NULL, NULL },
	{ "/%2e%2e/b", NULL, NULL, NULL },
	{ "/a/%2E/b", NULL, NULL, NULL },
	{ "/a/.%2e", NULL, NULL, NULL },
	{ "/a%2fb", NULL, NULL, NULL },
	{ "/a%2Fb", NULL, NULL, NULL },
	{ "/a%5cb", NULL, NULL, NULL },
	{ "/a\\b", NULL, NULL, NULL },
	{ "/a%00", NULL, NULL, NULL },
	{ "/a%0d%0aX:y", NULL, NULL, NULL },
	{ "/a%7f", NULL, NULL, NULL },
	{ "/a%", NULL, NULL, NULL },
	{ "/a%4", NULL, NULL, NULL },
	{ "/a%zz", NULL, NULL, NULL },
	{ "/a%+1", NULL, NULL, NULL },
	{ "/%ff", NULL, NULL, NULL },
	{ "/%c0%af", NULL, NULL, NULL },
	{ "/%ed%a0%80", NULL, NULL, NULL },
	{ "/a#b", NULL, NULL, NULL },
	{ "/a?b#c", NULL, NULL, NULL },
	{ "/a b", NULL, NULL, NULL },
	{ "/\"", NULL, NULL, NULL },
	{ "/<x>", NULL, NULL, NULL },
	{ "/a?<x>", NULL, NULL, NULL },
	{ "/a?%", NULL, NULL, NULL },
	{ "/a?%g0", NULL, NULL, NULL },
	{ "/\xc3\xa9", NULL, NULL, NULL },
};

static void targets_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct target t = { 0 };
		struct err err = { 0 };
		enum pli_status st = target_parse(pool, cases[i].in, strlen(cases[i].in), &t, &err);

		if ((st == PLI_OK) != (cases[i].path != NULL))
			fail_msg("case %zu '%s': %s %s", i, cases[i].in, pli_status_name(st), err.text);
		if (st != PLI_OK) {
			assert_int_equal(st, PLI_INPUT);
			assert_true(err.text[0] != '\0');
			continue;
		}
		assert_string_equal(t.path, cases[i].path);
		assert_string_equal(t.query, cases[i].query);
		if (cases[i].authority)
			assert_string_equal(t.authority, cases[i].authority);
		else
			assert_null(t.authority);
	}
}

static void long_targets_have_their_status(void **state)
{
	AUTO_POOL pool = pool_new();
	char text[TARGET_MAX + 1];
	struct target t;
	struct err err;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	assert_int_equal(target_parse(pool, text, TARGET_MAX, &t, &err), PLI_OK);
	assert_int_equal(target_parse(pool, text, TARGET_MAX + 1, &t, &err), PLI_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_judged),
		cmocka_unit_test(long_targets_have_their_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
