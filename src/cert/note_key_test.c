/* Verifier keys: the example of the specification, and nothing that is written otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "buf.h"
#include "text.h"

#include "note_key.h"

/* Of C2SP signed-note. */
static const char EXAMPLE[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

static enum pli_status parse(const char *text, struct note_key *key)
{
	struct err err = { 0 };
	enum pli_status st = note_key_parse(text, strlen(text), key, &err);

	if (st != PLI_OK)
		assert_true(err.status == PLI_INPUT && err.text[0]);
	return st;
}

static void example(void **state)
{
	struct note_key key, again;
	AUTO_BUF text = { 0 };

	(void)state;
	assert_int_equal(parse(EXAMPLE, &key), PLI_OK);
	assert_string_equal(key.name, "PeterNeumann");
	assert_int_equal(key.type, NOTE_KEY_LOG);
	note_key_write(&key, &text);
	assert_string_equal(text.p, EXAMPLE);
	note_key_init(&again, "PeterNeumann", NOTE_KEY_LOG, key.public_key);
	assert_memory_equal(&again, &key, sizeof(key));
}

/* The same key in another role is another key. */
static void roles(void **state)
{
	struct note_key log, witness, back;
	AUTO_BUF text = { 0 };

	(void)state;
	assert_int_equal(parse(EXAMPLE, &log), PLI_OK);
	note_key_init(&witness, log.name, NOTE_KEY_WITNESS, log.public_key);
	assert_memory_not_equal(witness.id, log.id, 4);
	note_key_write(&witness, &text);
	assert_int_equal(parse(text.p, &back), PLI_OK);
	assert_memory_equal(&back, &witness, sizeof(back));
}

/* One character changed, whichever and to whatever: refused. */
static void one_character(void **state)
{
	static const char others[] = "aAbcC0179+/ =\n\t.é";
	struct note_key key;

	(void)state;
	for (size_t at = 0; at < sizeof(EXAMPLE) - 1; at++) {
		for (const char *c = others; *c; c++) {
			char text[sizeof(EXAMPLE)];

			memcpy(text, EXAMPLE, sizeof(text));
			if (text[at] == *c)
				continue;
			text[at] = *c;
			if (note_key_parse(text, strlen(text), &key, NULL) == PLI_OK)
				fail_msg("taken: %s", text);
		}
	}
	for (size_t n = 0; n < sizeof(EXAMPLE) - 1; n++)
		assert_int_equal(note_key_parse(EXAMPLE, n, &key, NULL), PLI_INPUT);
}

static void malformed(void **state)
{
	static const char *const bad[] = {
		"", "+", "++", "a+b", "PeterNeumann+c74f20a3+", "PeterNeumann++ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW ",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAA==",
	};
	struct note_key key;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parse(bad[i], &key) == PLI_OK)
			fail_msg("taken: %s", bad[i]);
}

/* A kind that is not understood is said to be that, not to be damaged. */
static void other_kind(void **state)
{
	struct note_key key;
	AUTO_BUF text = { 0 };
	struct err err = { 0 };
	uint8_t public_key[32] = { 7 };

	(void)state;
	note_key_init(&key, "log", 2, public_key);
	note_key_write(&key, &text);
	assert_int_equal(note_key_parse(text.p, text.n, &key, &err), PLI_INPUT);
	assert_non_null(strstr(err.text, "kind (2)"));
}

static void names(void **state)
{
	static const char *const good[] = { "a", "example.com/log", "localhost/j/1", "été", "a-b_c:d" };
	static const char *const bad[] = { "", " ", "a b", "a+b", "a\nb", "a\tb", "a\xc2\xa0""b", "a\xe2\x80\x83""b", "a\xe2\x80\xa8""b",
					   "a\xe3\x80\x80", "a\xff", "\xe1\x9a\x80" };
	char longest[NOTE_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!note_name_valid(good[i], strlen(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (note_name_valid(bad[i], strlen(bad[i])))
			fail_msg("taken: number %zu", i);
	memset(longest, 'x', sizeof(longest));
	assert_true(note_name_valid(longest, NOTE_NAME_MAX));
	assert_false(note_name_valid(longest, NOTE_NAME_MAX + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example), cmocka_unit_test(roles), cmocka_unit_test(one_character), cmocka_unit_test(malformed),
		cmocka_unit_test(other_kind), cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
