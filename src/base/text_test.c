/* Encodings and text checks; vectors of RFC 4648 section 10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pool.h"

#include "text.h"

static void test_hex(void **state)
{
	char out[9];
	uint8_t bytes[4];

	(void)state;
	assert_string_equal(hex_encode(out, "\x00\xAB\xFF\x10", 4), "00abff10");
	assert_true(hex_decode(bytes, 4, "00ABff10", 8));
	assert_memory_equal(bytes, "\x00\xAB\xFF\x10", 4);
	assert_false(hex_decode(bytes, 4, "00abff1", 7));
	assert_false(hex_decode(bytes, 4, "00abff100", 9));
	assert_false(hex_decode(bytes, 4, "00abffg0", 8));
	assert_false(hex_decode(bytes, 4, "00abff 0", 8));
	assert_true(hex_decode(bytes, 0, "", 0));
}

static void test_base64(void **state)
{
	static const char *const vectors[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = {
		"Zg=", "Zg", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zm-_", "=Zg=",
		"Zg=a", "Zm9vZ",
	};
	char out[32];
	uint8_t bytes[32];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		assert_string_equal(base64_encode(out, vectors[i][0], strlen(vectors[i][0])), vectors[i][1]);
		assert_true(base64_decode(bytes, &n, vectors[i][1], strlen(vectors[i][1])));
		assert_int_equal(n, strlen(vectors[i][0]));
		assert_memory_equal(bytes, vectors[i][0], n);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (base64_decode(bytes, &n, bad[i], strlen(bad[i])))
			fail_msg("case %zu accepted: %s", i, bad[i]);
}

static void test_base32(void **state)
{
	static const char *const vectors[][2] = {
		{ "", "" }, { "f", "my" }, { "fo", "mzxq" }, { "foo", "mzxw6" },
		{ "foob", "mzxw6yq" }, { "fooba", "mzxw6ytb" }, { "foobar", "mzxw6ytboi" },
	};
	static const char *const bad[] = { "mz", "mzxw6ytboj", "mzxw6ytbo1", "mzxw6ytbo", "mzxw6ytboi=" };
	uint8_t bytes[32], random[32];
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t n = strlen(vectors[i][0]);

		assert_string_equal(base32_encode(out, vectors[i][0], n), vectors[i][1]);
		assert_true(base32_decode(bytes, n, vectors[i][1], strlen(vectors[i][1])));
		assert_memory_equal(bytes, vectors[i][0], n);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (base32_decode(bytes, 6, bad[i], strlen(bad[i])))
			fail_msg("case %zu accepted: %s", i, bad[i]);
	assert_true(base32_decode(bytes, 6, "MZXW6YTBOI", 10));
	mem_random(random, sizeof(random));
	base32_encode(out, random, sizeof(random));
	assert_int_equal(strlen(out), 52);
	assert_true(base32_decode(bytes, sizeof(bytes), out, 52));
	assert_memory_equal(bytes, random, sizeof(random));
}

static void test_utf8(void **state)
{
	static const struct {
		const char *s;
		size_t n;
		bool valid, line;
	} cases[] = {
		{ "", 0, true, true },
		{ "abc é € \xF0\x9F\x93\xAE", 15, true, true },
		{ "a\0b", 3, false, false },
		{ "\x80", 1, false, false },
		{ "\xC0\x80", 2, false, false },
		{ "\xC1\xBF", 2, false, false },
		{ "\xE0\x9F\xBF", 3, false, false },
		{ "\xED\xA0\x80", 3, false, false },
		{ "\xED\x9F\xBF", 3, true, true },
		{ "\xF0\x8F\xBF\xBF", 4, false, false },
		{ "\xF4\x8F\xBF\xBD", 4, true, true },
		{ "\xF4\x90\x80\x80", 4, false, false },
		{ "\xF5\x80\x80\x80", 4, false, false },
		{ "\xE2\x82", 2, false, false },
		{ "\xC3", 1, false, false },
		{ "a\nb", 3, true, false },
		{ "a\tb", 3, true, false },
		{ "a\x7F", 2, true, false },
		{ "a\xC2\x85", 3, true, false },
		{ "\xE2\x80\xAE", 3, true, false },	/* right-to-left override */
		{ "\xE2\x80\xA8", 3, true, false },	/* line separator */
		{ "\xE2\x81\xA7", 3, true, false },	/* isolate */
		{ "\xEF\xBB\xBF", 3, true, false },	/* byte order mark */
		{ "\xEF\xBF\xBE", 3, true, false },	/* noncharacter */
		{ "\xF3\xA0\x81\xA1", 4, true, false },	/* tag */
		{ "\xE2\x80\x8D", 3, true, true },	/* joiner, as in emoji */
		{ "\xD8\xA7", 2, true, true },		/* Arabic letter */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (utf8_valid(cases[i].s, cases[i].n) != cases[i].valid)
			fail_msg("case %zu: valid", i);
		if (cases[i].valid && text_is_line(cases[i].s, cases[i].n) != cases[i].line)
			fail_msg("case %zu: line", i);
	}
}

static void test_nfc(void **state)
{
	size_t n = 99;
	char *p = text_nfc("e\xCC\x81!", 4, &n);

	(void)state;
	assert_int_equal(n, 3);
	assert_string_equal(p, "é!");
	mem_free(p);
	p = text_nfc("", 0, &n);
	assert_string_equal(p, "");
	assert_int_equal(n, 0);
	mem_free(p);
	assert_null(text_nfc("\xFF", 1, &n));
}

static void test_strings(void **state)
{
	static const char *const names[] = { "listen", "host", "timezone", NULL };

	(void)state;
	assert_true(str_eq(NULL, NULL));
	assert_false(str_eq(NULL, ""));
	assert_true(str_eq("a", "a"));
	assert_true(str_ieq("HoSt", "hOsT"));
	assert_false(str_ieq("host", "hosts"));
	assert_false(str_ieq("hosts", "host"));
	assert_false(str_ieq("é", "É"));
	assert_true(str_starts("abc", "ab"));
	assert_true(str_starts("abc", ""));
	assert_false(str_starts("ab", "abc"));
	assert_string_equal(str_nearest("lisetn", names), "listen");
	assert_string_equal(str_nearest("Hots", names), "host");
	assert_string_equal(str_nearest("time-zone", names), "timezone");
	assert_null(str_nearest("xy", names));
	assert_null(str_nearest("", names));
	assert_null(str_nearest("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", names));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base32),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_nfc),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
