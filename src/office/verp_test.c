/* Return addresses: what was made is read again, whatever is changed in it is not. */
#include "office_testing.h"

#include "verp.h"

static struct instance in;

static void made_and_read(void **state)
{
	struct uuid notice = { { 1, 2, 3, 250, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } }, got = { { 0 } };
	char address[VERP_MAX + 1], upper[VERP_MAX + 1];
	const char *at;

	(void)state;
	verp_make(in.directory, &notice, "bounces.example.org", address);
	at = strchr(address, '@');
	assert_int_equal(at - address, VERP_LOCAL_CHARS);
	assert_string_equal(at, "@bounces.example.org");
	assert_int_equal(strspn(address, "abcdefghijklmnopqrstuvwxyz234567+."), VERP_LOCAL_CHARS);
	assert_true(verp_parse(in.directory, "bounces.example.org", address, &got));
	assert_memory_equal(&got, &notice, sizeof(notice));
	for (size_t i = 0; i <= strlen(address); i++)
		upper[i] = (char)(address[i] >= 'a' && address[i] <= 'z' ? address[i] - 32 : address[i]);
	assert_true(verp_parse(in.directory, "bounces.example.org", upper, &got));
	assert_memory_equal(&got, &notice, sizeof(notice));
	assert_false(verp_parse(in.directory, "example.org", address, &got));
	assert_false(verp_parse(in.directory, "", address, &got));
}

/* Every character, by every other of the alphabet and some beside it; every cut. */
static void changed_is_refused(void **state)
{
	static const char OTHERS[] = "abcdefghijklmnopqrstuvwxyz234567018+.@-\x80 ";
	struct uuid notice = { { 200, 2, 3, 250, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } }, got = { { 0 } }, none = { { 0 } };
	char address[VERP_MAX + 1], changed[VERP_MAX + 1];

	(void)state;
	verp_make(in.directory, &notice, "b.example", address);
	for (size_t i = 0; i < strlen(address); i++) {
		for (const char *c = OTHERS; *c; c++) {
			if (*c == address[i])
				continue;
			snprintf(changed, sizeof(changed), "%s", address);
			changed[i] = *c;
			assert_false(verp_parse(in.directory, "b.example", changed, &got));
		}
		snprintf(changed, i + 1, "%s", address);
		assert_false(verp_parse(in.directory, "b.example", changed, &got));
	}
	assert_memory_equal(&got, &none, sizeof(got));
	assert_false(verp_parse(in.directory, "b.example", "bounce+@b.example", &got));
	assert_false(verp_parse(in.directory, "b.example", "<>", &got));
}

static int setup(void **state)
{
	(void)state;
	instance_make(&in);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	instance_drop(&in);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_and_read),
		cmocka_unit_test(changed_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
