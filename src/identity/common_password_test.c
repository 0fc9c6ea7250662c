/* Passwords that are refused although long enough, and some that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common_password.h"

static void refuses(void **state)
{
	static const char *const BAD[] = {
		"password", "Password1", "PASSWORD123!", "motdepasse", "MotDePasse2026", "azertyuiop", "Azerty123!", "qwertyuiop",
		"12345678", "123456789", "23456789", "987654321", "aaaaaaaaaaaa", "abcdefgh", "hgfedcba", "iloveyou", "Iloveyou1",
		"doudou123", "marseille13", "1q2w3e4r", "q1w2e3r4t5", "bonjour1", "soleil2024", "00000000", "admin123", "letmein!!",
		"P@ssw0rd", "zxcvbnm1", "football", "princess", "sunshine", "administrateur", "11223344", "changeme", "welcome1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		if (!common_password_is(BAD[i]))
			fail_msg("%s was accepted", BAD[i]);
}

static void accepts(void **state)
{
	static const char *const GOOD[] = {
		"correct horse battery staple", "k7#pQ2vL", "Le facteur passe à midi", "zut-la-bougie", "tournesol-ardoise-42",
		"passwordmanagement", "9f8e7d6c", "", "ab",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]) - 2; i++)
		if (common_password_is(GOOD[i]))
			fail_msg("%s was refused", GOOD[i]);
	for (size_t i = sizeof(GOOD) / sizeof(GOOD[0]) - 2; i < sizeof(GOOD) / sizeof(GOOD[0]); i++)
		(void)common_password_is(GOOD[i]);	/* must not read beyond the text */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(refuses), cmocka_unit_test(accepts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
