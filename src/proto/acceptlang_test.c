/* Accept-Language. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "acceptlang.h"

static void test_pick(void **state)
{
	static const struct {
		const char *header, *want; /* fallback is en */
	} rows[] = {
		{ NULL, "en" },
		{ "", "en" },
		{ "fr", "fr" },
		{ "fr-CA", "fr" },
		{ "FR-fr,en;q=0.9", "fr" },
		{ "en,fr", "en" },
		{ "fr,en", "fr" },
		{ "en;q=0.5, fr;q=0.8", "fr" },
		{ "de, fr;q=0.3", "fr" },
		{ "de", "en" },
		{ "*", "en" },
		{ "fr;q=0", "en" },
		{ "fr;q=0.000,de", "en" },
		{ "fr ; q=0.7 , en ; q=0.6", "fr" },
		{ "fra", "en" },
		{ "frr-DE", "en" },
		{ "fr;q=2", "en" },
		{ "fr;q=1.5", "en" },
		{ "fr;q=x", "en" },
		{ "fr;q=0.8888", "en" },
		{ "fr;q=", "en" },
		{ "fr;level=1", "en" },
		{ ",,fr,", "fr" },
	};
	static char big[2000];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(acceptlang_pick(rows[i].header, "en"), rows[i].want) != 0)
			fail_msg("%s", rows[i].header);
	memset(big, ',', sizeof(big) - 1);
	memcpy(big, "fr", 2);
	assert_string_equal(acceptlang_pick(big, "en"), "en");
	assert_string_equal(acceptlang_pick(NULL, "fr"), "fr");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pick) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
