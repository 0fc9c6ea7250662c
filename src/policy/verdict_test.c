/* The verdict is a pure function of its facts: a table says it all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "verdict.h"

static void follows_the_table(void **state)
{
	static const struct {
		struct verdict_facts facts;
		enum verdict verdict;
		int level;
		const char *reason;
	} ROWS[] = {
		{ { .class_ = "simple", .recipients = 1 }, VERDICT_ACCEPT, 0, "accepted" },
		{ { .class_ = "simple", .recipients = 1000, .parts = 500, .sender_level = 2, .recipient_level = 1 },
		  VERDICT_ACCEPT, 1, "accepted" },
		{ { .class_ = "registered", .sender_level = 2, .recipient_level = 3, .level_asked = 2 },
		  VERDICT_ACCEPT, 2, "accepted" },
		{ { .class_ = "registered", .sender_level = 4, .recipient_level = 1, .level_asked = 2 },
		  VERDICT_HOLD, 1, "level-too-low" },
		{ { .class_ = "registered", .sender_level = 1, .recipient_level = 4, .level_asked = 2 },
		  VERDICT_HOLD, 1, "level-too-low" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct verdict_result got;
		verdict_give(&ROWS[i].facts, &got);
		if (got.verdict != ROWS[i].verdict || got.level != ROWS[i].level ||
		    strcmp(got.reason, ROWS[i].reason) != 0)
			fail_msg("row %zu: verdict %d level %d %s", i, got.verdict, got.level, got.reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(follows_the_table) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
