/* The end of a message: one form of it, whatever the pieces, and a refusal of everything that another program might take for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "buf.h"

#include "smtp_data.h"

/* Status after all of it; out and *used_r as of the end. */
static enum pli_status feed(const char *p, size_t n, size_t step, struct buf *out, size_t *used_r)
{
	struct smtp_data d = { 0 };
	enum pli_status st = PLI_AGAIN;
	struct err err;

	*used_r = 0;
	while (st == PLI_AGAIN && *used_r < n) {
		size_t piece = n - *used_r < step ? n - *used_r : step, used;

		st = smtp_data_feed(&d, p + *used_r, piece, &used, out, &err);
		*used_r += used;
	}
	return st;
}

static void ends(const char *text, const char *wanted, size_t behind)
{
	for (size_t step = 1; step <= 16; step++) {
		AUTO_BUF out = { 0 };
		size_t used;

		assert_int_equal(feed(text, strlen(text), step, &out, &used), PLI_OK);
		assert_int_equal(strlen(text) - used, behind);
		assert_string_equal(out.p ? out.p : "", wanted);
	}
}

static void whole_texts(void **state)
{
	(void)state;
	ends(".\r\n", "", 0);
	ends("\r\n.\r\n", "\r\n", 0);
	ends("a\r\n.\r\nQUIT\r\n", "a\r\n", 6);
	ends("..\r\n.\r\n", ".\r\n", 0);
	ends("...a\r\n..\r\n.b\r\n.\r\n", "..a\r\n.\r\nb\r\n", 0);
	ends("a.\r\n.\r\n", "a.\r\n", 0);
	ends("\r\n. \r\n.\r\n", "\r\n \r\n", 0);
	ends("\x85.\x85\r\n.\r\n", "\x85.\x85\r\n", 0);
}

/* Every text of up to seven bytes of this alphabet, against a second reading of the rules. */
static bool refused_by_rule(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == '\0' || (p[i] == '\n' && (!i || p[i - 1] != '\r')) || (p[i] == '\r' && i + 1 < n && p[i + 1] != '\n'))
			return true;
	return false;
}

static size_t end_by_rule(const char *p, size_t n)
{
	const char *end;

	if (n >= 3 && memcmp(p, ".\r\n", 3) == 0)
		return 3;
	end = memmem(p, n, "\r\n.\r\n", 5);
	return end ? (size_t)(end - p) + 5 : 0;
}

static void every_short_text(void **state)
{
	static const char alphabet[] = { '\r', '\n', '.', 'a', '\0' };
	char text[7];

	(void)state;
	for (size_t n = 1; n <= sizeof(text); n++) {
		size_t count = 1;
		for (size_t i = 0; i < n; i++)
			count *= sizeof(alphabet);
		for (size_t k = 0; k < count; k++) {
			AUTO_BUF out = { 0 };
			size_t rest = k, used, end;
			enum pli_status st;

			for (size_t i = 0; i < n; i++, rest /= sizeof(alphabet))
				text[i] = alphabet[rest % sizeof(alphabet)];
			end = end_by_rule(text, n);
			st = feed(text, n, 1 + k % 3, &out, &used);
			if (refused_by_rule(text, end ? end : n))
				assert_int_equal(st, PLI_INPUT);
			else
				assert_int_equal(st, end ? PLI_OK : PLI_AGAIN);
			if (st == PLI_OK)
				assert_int_equal(used, end);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_texts),
		cmocka_unit_test(every_short_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
