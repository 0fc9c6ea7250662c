/* CRC-32: known values, any split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crc32.h"

static void test_known(void **state)
{
	(void)state;
	assert_int_equal(crc32_add(0, "", 0), 0);
	assert_int_equal(crc32_add(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(crc32_add(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
}

/* Bit by bit, as ISO 3309 says it. */
static uint32_t reference(const uint8_t *p, size_t n)
{
	uint32_t crc = ~UINT32_C(0);

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}

static void test_splits(void **state)
{
	static uint8_t data[4096 + 7];
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		x = x * 1103515245 + 12345;
		data[i] = (uint8_t)(x >> 16);
	}
	for (size_t n = 0; n < 600; n++)
		assert_int_equal(crc32_add(0, data + n % 17, n), reference(data + n % 17, n));
	for (size_t cut = 0; cut < sizeof(data); cut += 13)
		assert_int_equal(crc32_add(crc32_add(0, data, cut), data + cut, sizeof(data) - cut),
				 reference(data, sizeof(data)));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_known), cmocka_unit_test(test_splits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
