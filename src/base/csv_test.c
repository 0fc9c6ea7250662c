/* CSV: quoting, and no cell that runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "csv.h"

static void test_cells(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ NULL, "" },
		{ "\xC3\xA9t\xC3\xA9", "\xC3\xA9t\xC3\xA9" },
		{ "a;b", "\"a;b\"" },
		{ "a,b", "\"a,b\"" },
		{ "a\"b", "\"a\"\"b\"" },
		{ "a\nb", "\"a\nb\"" },
		{ " a", "\" a\"" },
		{ "a ", "\"a \"" },
		{ "=1+1", "'=1+1" },
		{ "=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0" },
		{ "+1", "'+1" },
		{ "-1", "'-1" },
		{ "@SUM(1,1)", "\"'@SUM(1,1)\"" },
		{ "=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"" },
		{ "\t=1", "\"'\t=1\"" },
		{ "\r=1", "\"'\r=1\"" },
		{ "\n=1", "\"'\n=1\"" },
		{ " =1", "\"' =1\"" },
		{ " \t=1", "\"' \t=1\"" },
		{ "\xEF\xBB\xBF=1", "'\xEF\xBB\xBF=1" },
		{ "\xC2\xA0=1", "'\xC2\xA0=1" },
		{ "\xEF\xBC\x9D" "1", "'\xEF\xBC\x9D" "1" },
		{ "\xEF\xBC\xA0x", "'\xEF\xBC\xA0x" },
		{ "\xE2\x88\x92" "1", "'\xE2\x88\x92" "1" },
		{ "1=1", "1=1" },
		{ "a@b.fr", "a@b.fr" },
		{ "'x", "'x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF out = { 0 };
		struct csv csv;

		csv_begin(&csv, &out, ';');
		csv_cell(&csv, rows[i].text);
		if (strcmp(out.p + 3, rows[i].want) != 0)
			fail_msg("row %zu: %s", i, out.p + 3);
	}
}

static void test_rows(void **state)
{
	AUTO_BUF out = { 0 };
	struct csv csv;

	(void)state;
	csv_begin(&csv, &out, ';');
	csv_cell(&csv, "a");
	csv_int(&csv, -7);
	csv_cell(&csv, NULL);
	csv_row_end(&csv);
	csv_cell(&csv, "");
	csv_cell(&csv, "b");
	csv_row_end(&csv);
	assert_string_equal(out.p, "\xEF\xBB\xBF" "a;-7;\r\n;b\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cells), cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
