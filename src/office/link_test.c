/* Link tokens: in order of their places, whole in what they are found by, as text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"

#include "link.h"

static void order_is_that_of_places(void **state)
{
	const uint64_t places[] = { 0, 1, 255, 256, 65535, 65536, UINT64_C(1) << 32, LINK_PLACE_MAX };
	uint8_t token[LINK_BYTES], key[32], last[32];

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		link_make(places[i], token);
		assert_int_equal(link_place_of(token), places[i]);
		link_key(token, key);
		if (i)
			assert_true(memcmp(key, last, sizeof(key)) > 0);
		memcpy(last, key, sizeof(key));
	}
}

/* Whoever knows a place, or a part of the token, finds nothing. */
static void every_byte_counts(void **state)
{
	uint8_t token[LINK_BYTES], key[32], other[32];

	(void)state;
	link_make(link_place(SECOND_US), token);
	link_key(token, key);
	for (unsigned i = 0; i < LINK_BYTES; i++) {
		token[i] ^= 1;
		link_key(token, other);
		assert_memory_not_equal(key + LINK_PLACE_BYTES, other + LINK_PLACE_BYTES, sizeof(key) - LINK_PLACE_BYTES);
		token[i] ^= 1;
	}
	/* And the key does not hold it. */
	assert_memory_not_equal(key + LINK_PLACE_BYTES, token + LINK_PLACE_BYTES, sizeof(key) - LINK_PLACE_BYTES);
}

static void places_are_of_time(void **state)
{
	(void)state;
	assert_int_equal(link_place(0), 0);
	assert_int_equal(link_place(SECOND_US), 250);
	assert_int_equal(link_place(INT64_C(1763816400) * SECOND_US), INT64_C(1763816400) * 250);
	assert_true(link_place(INT64_MAX) <= LINK_PLACE_MAX);
}

static void text_and_back(void **state)
{
	uint8_t token[LINK_BYTES], back[LINK_BYTES];
	char text[LINK_CHARS + 1];

	(void)state;
	link_make(12345, token);
	link_text(text, token);
	assert_int_equal(strlen(text), LINK_CHARS);
	assert_true(link_parse(text, back));
	assert_memory_equal(token, back, LINK_BYTES);
	text[LINK_CHARS - 1] = '\0';
	assert_false(link_parse(text, back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_that_of_places),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(places_are_of_time),
		cmocka_unit_test(text_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
