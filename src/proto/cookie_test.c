/* Cookies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "cookie.h"

static void test_get(void **state)
{
	static const struct {
		const char *header, *want;
	} rows[] = {
		{ "__Host-s=abc", "abc" },
		{ "a=1; __Host-s=abc; b=2", "abc" },
		{ "a=1;__Host-s=abc;b=2", "abc" },
		{ " __Host-s=abc ", "abc" },
		{ "__Host-s=a=b", "a=b" },
		{ "__Host-s=", "" },
		{ NULL, NULL },
		{ "", NULL },
		{ ";;;", NULL },
		{ "__Host-s", NULL },
		{ "__host-s=abc", NULL },
		{ "__Host-sx=abc", NULL },
		{ "x__Host-s=abc", NULL },
		{ "__Host-s =abc", NULL },
		{ "a=__Host-s=abc", NULL },
		{ "__Host-s=1; __Host-s=2", NULL },
		{ "__Host-s=1; a=b; __Host-s=1", NULL },
		{ "__Host-s=a b", NULL },
		{ "__Host-s=\"abc\"", NULL },
		{ "__Host-s=a,b", NULL },
		{ "__Host-s=\xC3\xA9", NULL },
		{ "a=\"; __Host-s=abc", "abc" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_POOL pool = pool_new();
		const char *value = cookie_get(pool, rows[i].header, "__Host-s");

		if (rows[i].want ? !str_eq(value, rows[i].want) : value != NULL)
			fail_msg("row %zu: %s", i, value ? value : "absent");
	}
}

static void test_write(void **state)
{
	AUTO_BUF out = { 0 };

	(void)state;
	cookie_write(&out, "__Host-r1a2b3c4d", "xyz", 0);
	assert_string_equal(out.p, "__Host-r1a2b3c4d=xyz; Path=/; Secure; HttpOnly; SameSite=Strict");
	buf_reset(&out);
	cookie_write(&out, "__Host-s", "xyz", 3600);
	assert_string_equal(out.p, "__Host-s=xyz; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=3600");
	buf_reset(&out);
	cookie_write(&out, "__Host-s", "", -1);
	assert_string_equal(out.p, "__Host-s=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_get), cmocka_unit_test(test_write) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
