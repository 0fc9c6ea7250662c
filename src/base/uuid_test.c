/* UUIDv7: form, order, order across threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"

#include "uuid.h"

#define PER_THREAD 20000

static void test_form(void **state)
{
	struct uuid a, b;
	char text[37];
	uint64_t ms = 0;
	int64_t before_ms = clock_now_us() / 1000;

	(void)state;
	uuid_make(&a);
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | a.b[i];
	assert_true((int64_t)ms >= before_ms && (int64_t)ms <= before_ms + 60000);
	assert_int_equal(a.b[6] >> 4, 7);
	assert_int_equal(a.b[8] >> 6, 2);
	uuid_format(text, &a);
	assert_int_equal(strlen(text), 36);
	assert_true(uuid_parse(&b, text));
	assert_true(uuid_same(&a, &b));
	assert_false(uuid_is_nil(&a));
	assert_true(uuid_parse(&b, "00000000-0000-0000-0000-000000000000"));
	assert_true(uuid_is_nil(&b));
	assert_true(uuid_parse(&b, "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"));
	uuid_format(text, &b);
	assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
		"017f22e279b07cc398c4dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
		"{17f22e2-79b0-7cc3-98c4-dc0c0c07398f}", "017f22e2_79b0-7cc3-98c4-dc0c0c07398f",
		"017f22e-279b0-7cc3-98c4-dc0c0c07398f",
	};
	struct uuid id;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(uuid_parse(&id, bad[i]));
	assert_false(uuid_parse(&id, NULL));
}

static void *make_many(void *arg)
{
	struct uuid *ids = arg;

	for (int i = 0; i < PER_THREAD; i++)
		uuid_make(&ids[i]);
	return NULL;
}

static struct uuid made[3][PER_THREAD];

static void test_order(void **state)
{
	pthread_t threads[3];
	size_t at[3] = { 0 };
	struct uuid last = { { 0 } };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_many, made[i]), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	/* Each thread's ids grow, and no time and counter were given twice. */
	for (int i = 0; i < 3; i++)
		for (int k = 1; k < PER_THREAD; k++)
			assert_true(memcmp(made[i][k - 1].b, made[i][k].b, 8) < 0);
	for (int n = 0; n < 3 * PER_THREAD; n++) {
		int least = -1;

		for (int i = 0; i < 3; i++)
			if (at[i] < PER_THREAD &&
			    (least < 0 || memcmp(made[i][at[i]].b, made[least][at[least]].b, 16) < 0))
				least = i;
		assert_true(memcmp(last.b, made[least][at[least]].b, 8) < 0);
		last = made[least][at[least]++];
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
