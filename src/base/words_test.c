/* Words: case, accents, what parts them, what is too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"

#include "words.h"

static void add(void *arg, const char *word, size_t n)
{
	struct buf *b = arg;

	buf_add(b, word, n);
	buf_ch(b, '|');
}

static void same(const char *text, size_t n, const char *expected)
{
	AUTO_BUF got;

	buf_init(&got);
	words_each(text, n, add, &got);
	assert_string_equal(got.n ? got.p : "", expected);
}
#define SAME(text, expected) same(text, sizeof(text) - 1, expected)

static void words(void **state)
{
	(void)state;
	SAME("", "");
	SAME("Hello, World 42!", "hello|world|42|");
	SAME("L’Hôtel-Dieu n° 12", "l|hotel|dieu|n|12|");
	SAME("paul.martin@example.org", "paul|martin|example|org|");
	SAME("CONTRÔLE contrôle contro\xcc\x82le controle", "controle|controle|controle|controle|");
	SAME("Straße STRASSE", "strasse|strasse|");
	SAME("ﬁche ①", "fiche|1|");
	SAME("Œuvre œuvre oeuvre Øre Ærø", "oeuvre|oeuvre|oeuvre|ore|aero|");
	SAME("ΟΔΟΣ οδος", "οδοσ|οδοσ|");
	SAME("東京 2026", "東京|2026|");
	SAME("\xc3\x28 broken", "");
	SAME("a\x00""b", "a|b|");
	SAME("---", "");
}

static void long_words_are_cut(void **state)
{
	char text[200];
	char expected[WORD_MAX_BYTES + 2];

	(void)state;
	memset(text, 'x', sizeof(text));
	memset(expected, 'x', sizeof(expected));
	memcpy(expected + WORD_MAX_BYTES, "|", 2);
	same(text, sizeof(text), expected);
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "б", 2);	/* two bytes each: cut between characters */
	for (size_t i = 0; i < WORD_MAX_BYTES; i += 2)
		memcpy(expected + i, "б", 2);
	same(text, sizeof(text), expected);
}

static void prefixes(void **state)
{
	(void)state;
	assert_int_equal(word_prefix("facture", 7, 3), 3);
	assert_int_equal(word_prefix("fac", 3, 3), 3);
	assert_int_equal(word_prefix("fa", 2, 3), 0);
	assert_int_equal(word_prefix("бvre", strlen("бvre"), 3), 4);
	assert_int_equal(word_prefix("", 0, 3), 0);
	assert_int_equal(word_prefix("東京", 6, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(long_words_are_cut),
		cmocka_unit_test(prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
