/* Codes of a second factor: the vectors of RFC 4226 appendix D and RFC 6238 appendix B, and the window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "totp.h"

static const uint8_t SECRET[] = "12345678901234567890";

static void the_vectors_of_rfc_4226(void **state)
{
	static const uint32_t CODES[] = { 755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489 };

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(totp_code(SECRET, 20, i), CODES[i]);
}

/* The RFC shows eight digits; ours are the last six. */
static void the_vectors_of_rfc_6238(void **state)
{
	static const struct {
		int64_t time_s;
		uint32_t code;
	} VECTORS[] = { { 59, 287082 }, { 1111111109, 81804 }, { 1111111111, 50471 }, { 1234567890, 5924 }, { 2000000000, 279037 },
			{ INT64_C(20000000000), 353130 } };
	uint64_t step;

	(void)state;
	for (size_t i = 0; i < sizeof(VECTORS) / sizeof(*VECTORS); i++) {
		assert_int_equal(totp_code(SECRET, 20, (uint64_t)VECTORS[i].time_s / 30), VECTORS[i].code);
		assert_true(totp_check(SECRET, 20, VECTORS[i].code, VECTORS[i].time_s, &step));
		assert_int_equal(step, VECTORS[i].time_s / 30);
	}
}

static void one_step_either_way(void **state)
{
	uint64_t step;
	int64_t now = 1111111111;

	(void)state;
	for (int64_t away = -3; away <= 3; away++) {
		uint32_t code = totp_code(SECRET, 20, (uint64_t)(now / 30 + away));
		bool right = totp_check(SECRET, 20, code, now, &step);

		assert_int_equal(right, away >= -1 && away <= 1);
		if (right)
			assert_int_equal(step, now / 30 + away);
	}
	assert_false(totp_check(SECRET, 20, 1, now, &step));
	assert_true(totp_check(SECRET, 20, totp_code(SECRET, 20, 0), 0, &step));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_rfc_4226), cmocka_unit_test(the_vectors_of_rfc_6238), cmocka_unit_test(one_step_either_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
