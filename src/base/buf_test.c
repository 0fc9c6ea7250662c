/* Buffers and cursors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"

static void test_growth(void **state)
{
	struct buf plain, secret;

	(void)state;
	buf_init(&plain);
	buf_init_secret(&secret);
	for (int i = 0; i < 3000; i++) {
		buf_fmt(&plain, "%d,", i);
		buf_fmt(&secret, "%d,", i);
		assert_int_equal(plain.p[plain.n], 0);
	}
	assert_int_equal(plain.n, secret.n);
	assert_memory_equal(plain.p, secret.p, plain.n);
	assert_memory_equal(plain.p, "0,1,2,", 6);
	assert_memory_equal(plain.p + plain.n - 5, "2999,", 5);
	buf_reset(&secret);
	assert_int_equal(secret.n, 0);
	assert_string_equal(secret.p, "");
	buf_free(&plain);
	buf_free(&secret);
	buf_str(&plain, "again");
	assert_string_equal(plain.p, "again");
	buf_free(&plain);
}

static void test_format_long(void **state)
{
	AUTO_BUF b = { 0 };
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	buf_fmt(&b, "<%s>", text);
	assert_int_equal(b.n, sizeof(text) + 1);
	assert_int_equal(b.p[b.n - 1], '>');
	assert_int_equal(strlen(b.p), b.n);
}

static void test_shift(void **state)
{
	AUTO_BUF b = { 0 };

	(void)state;
	buf_str(&b, "abcdef");
	buf_shift(&b, 2);
	assert_string_equal(b.p, "cdef");
	buf_shift(&b, 0);
	buf_shift(&b, 4);
	assert_int_equal(b.n, 0);
	assert_string_equal(b.p, "");
}

static void test_round_trip(void **state)
{
	AUTO_BUF b = { 0 };
	struct cursor c;
	const uint8_t *p;
	size_t n;

	(void)state;
	buf_u8(&b, 0xAB);
	buf_u16(&b, 0x1234);
	buf_u32(&b, 0xDEADBEEF);
	buf_u64(&b, UINT64_C(0x0102030405060708));
	buf_blob(&b, "xyz", 3);
	buf_blob(&b, NULL, 0);
	assert_memory_equal(b.p, "\xAB\x12\x34\xDE\xAD\xBE\xEF\1\2\3\4\5\6\7\10\0\0\0\3xyz\0\0\0\0", b.n);
	cursor_init(&c, b.p, b.n);
	assert_int_equal(cursor_u8(&c), 0xAB);
	assert_int_equal(cursor_u16(&c), 0x1234);
	assert_int_equal(cursor_u32(&c), 0xDEADBEEF);
	assert_true(cursor_u64(&c) == UINT64_C(0x0102030405060708));
	p = cursor_blob(&c, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(p, "xyz", 3);
	p = cursor_blob(&c, &n);
	assert_non_null(p);
	assert_int_equal(n, 0);
	assert_int_equal(c.n, 0);
	assert_false(c.bad);
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(c.bad);
}

static void test_short(void **state)
{
	static const uint8_t lying[] = { 0xFF, 0xFF, 0xFF, 0xFF, 1, 2 };
	struct cursor c;
	size_t n = 9;

	(void)state;
	cursor_init(&c, lying, sizeof(lying));
	assert_null(cursor_blob(&c, &n));
	assert_int_equal(n, 0);
	assert_true(c.bad);
	/* Once bad, always bad: what follows is not read as something else. */
	assert_int_equal(cursor_u8(&c), 0);
	assert_null(cursor_bytes(&c, 0));
	cursor_init(&c, lying, 3);
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(c.bad);
	cursor_init(&c, NULL, 0);
	assert_non_null(cursor_bytes(&c, 0));
	assert_false(c.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_format_long),
		cmocka_unit_test(test_shift),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
