#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"

#include "journal.h"

#include "journal_erase.h"

static const char *read_all(const char *text, char out[200])
{
	struct journal_erase_scan scan = { .p = text };
	uint64_t first, last;
	size_t n = 0;

	out[0] = 0;
	while (journal_erase_next(&scan, &first, &last))
		n += (size_t)snprintf(out + n, 200 - n, "%d..%d ", (int)first, (int)last);
	return scan.bad ? "bad" : out;
}

static void test_scan(void **state)
{
	static const char *const wrong[] = { "-", ",", "1,", ",1", "1-", "2-1", "3-3", "1,1", "1-3,3", "5,4", "1 ", "a", "1--2", "12345678901234567",
					     "1,,2", "+1" };
	char out[200];

	(void)state;
	assert_string_equal(read_all("", out), "");
	assert_string_equal(read_all("0", out), "0..0 ");
	assert_string_equal(read_all("0-2,4,6-7", out), "0..2 4..4 6..7 ");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_string_equal(read_all(wrong[i], out), "bad");
}

/* Each column that stays is in the line: none can be changed under the digest. */
static void test_line(void **state)
{
	struct journal_row base = { .seq = 7, .t_us = 1000, .event = "handover", .type = "secure_mail", .state = "opened", .has_entity = true,
				    .has_letter = true, .has_recipient = true };
	AUTO_BUF line = { 0 };

	(void)state;
	journal_erase_line(&base, &line);
	for (int i = 0; i < 9; i++) {
		struct journal_row r = base;
		AUTO_BUF other = { 0 };

		switch (i) {
		case 0: r.seq++; break;
		case 1: r.t_us++; break;
		case 2: r.event = "access"; break;
		case 3: r.type = "action"; break;
		case 4: r.state = NULL; break;
		case 5: r.entity.b[3] = 1; break;
		case 6: r.letter.b[3] = 1; break;
		case 7: r.recipient.b[3] = 1; break;
		case 8: r.has_recipient = false; break;
		}
		journal_erase_line(&r, &other);
		assert_true(other.n != line.n || memcmp(other.p, line.p, line.n) != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_scan), cmocka_unit_test(test_line) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
