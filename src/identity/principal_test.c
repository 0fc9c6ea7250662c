/* Role × right × whose letter, written by hand: what the table in principal.c must say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "principal.h"

/* O ok, D denied (403), A absent (404); columns: no letter, own letter, another's in the entity, another entity's. */
static const struct {
	enum role role;
	enum right right;
	const char *expected;
} ROWS[] = {
	{ ROLE_EDITOR, RIGHT_DEPOSIT, "OOAA" },
	{ ROLE_EDITOR, RIGHT_LETTER_SEE, "OOAA" },
	{ ROLE_EDITOR, RIGHT_LETTER_RESEND, "OOAA" },
	{ ROLE_EDITOR, RIGHT_LETTER_PROOF, "OOAA" },
	{ ROLE_EDITOR, RIGHT_JOURNAL, "OOAA" },
	{ ROLE_EDITOR, RIGHT_CONTENT, "OOAA" },
	{ ROLE_EDITOR, RIGHT_HOLD, "DDAA" },
	{ ROLE_EDITOR, RIGHT_TIMESTAMP, "OOAA" },
	{ ROLE_EDITOR, RIGHT_PEOPLE, "DDAA" },
	{ ROLE_READER, RIGHT_DEPOSIT, "DDDA" },
	{ ROLE_READER, RIGHT_LETTER_SEE, "OOOA" },
	{ ROLE_READER, RIGHT_LETTER_RESEND, "DDDA" },
	{ ROLE_READER, RIGHT_LETTER_PROOF, "DDDA" },
	{ ROLE_READER, RIGHT_JOURNAL, "OOOA" },
	{ ROLE_READER, RIGHT_CONTENT, "OOOA" },
	{ ROLE_READER, RIGHT_HOLD, "DDDA" },
	{ ROLE_READER, RIGHT_TIMESTAMP, "DDDA" },
	{ ROLE_READER, RIGHT_PEOPLE, "DDDA" },
	{ ROLE_AUDITOR, RIGHT_DEPOSIT, "DDDA" },
	{ ROLE_AUDITOR, RIGHT_LETTER_SEE, "OOOA" },
	{ ROLE_AUDITOR, RIGHT_LETTER_RESEND, "DDDA" },
	{ ROLE_AUDITOR, RIGHT_LETTER_PROOF, "OOOA" },
	{ ROLE_AUDITOR, RIGHT_JOURNAL, "OOOA" },
	{ ROLE_AUDITOR, RIGHT_CONTENT, "DDDA" },
	{ ROLE_AUDITOR, RIGHT_HOLD, "OOOA" },
	{ ROLE_AUDITOR, RIGHT_TIMESTAMP, "OOOA" },
	{ ROLE_AUDITOR, RIGHT_PEOPLE, "DDDA" },
	{ ROLE_ADMIN, RIGHT_DEPOSIT, "DAAA" },
	{ ROLE_ADMIN, RIGHT_LETTER_SEE, "DAAA" },
	{ ROLE_ADMIN, RIGHT_LETTER_RESEND, "DAAA" },
	{ ROLE_ADMIN, RIGHT_LETTER_PROOF, "DAAA" },
	{ ROLE_ADMIN, RIGHT_JOURNAL, "DAAA" },
	{ ROLE_ADMIN, RIGHT_CONTENT, "DAAA" },
	{ ROLE_ADMIN, RIGHT_HOLD, "DAAA" },
	{ ROLE_ADMIN, RIGHT_TIMESTAMP, "DAAA" },
	{ ROLE_ADMIN, RIGHT_PEOPLE, "OAAA" },
};

static const struct uuid HOME = { { 1 } }, AWAY = { { 2 } }, ME = { { 3 } }, OTHER = { { 4 } };

static char outcome(enum pli_status st)
{
	return st == PLI_OK ? 'O' : st == PLI_DENIED ? 'D' : st == PLI_ABSENT ? 'A' : '?';
}

static void follows_the_table(void **state)
{
	unsigned cells = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct principal p = { .entity = HOME, .account = ME, .role = ROWS[i].role };
		const struct {
			const struct uuid *entity, *owner;
		} COLUMNS[] = { { NULL, NULL }, { &HOME, &ME }, { &HOME, &OTHER }, { &AWAY, &OTHER } };

		for (size_t c = 0; c < 4; c++, cells++) {
			struct err err = { 0 };
			char got = outcome(principal_may(&p, ROWS[i].right, COLUMNS[c].entity, COLUMNS[c].owner, &err));
			if (got != ROWS[i].expected[c])
				fail_msg("role %s right %d column %zu: %c, not %c", role_name(p.role), (int)ROWS[i].right, c, got,
					 ROWS[i].expected[c]);
			assert_true(got == 'O' || err.text[0]);
		}
	}
	assert_int_equal(cells, 4 * 4 * RIGHT_COUNT);
}

static void instance_admin_manages_people_everywhere(void **state)
{
	struct principal p = { .entity = HOME, .account = ME, .role = ROLE_EDITOR, .instance_admin = true };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(principal_may(&p, RIGHT_PEOPLE, &AWAY, NULL, &err), PLI_OK);
	assert_int_equal(principal_may(&p, RIGHT_LETTER_SEE, &AWAY, &OTHER, &err), PLI_ABSENT);
}

static void hidden_copies(void **state)
{
	struct principal p = { .entity = HOME, .account = ME };
	static const struct {
		enum role role;
		bool own, others;
	} T[] = { { ROLE_EDITOR, true, false }, { ROLE_READER, true, false }, { ROLE_AUDITOR, true, true },
		  { ROLE_ADMIN, false, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(T) / sizeof(T[0]); i++) {
		p.role = T[i].role;
		assert_int_equal(principal_sees_bcc(&p, &ME), T[i].own);
		assert_int_equal(principal_sees_bcc(&p, &OTHER), T[i].others);
		assert_int_equal(principal_sees_own_only(&p), p.role == ROLE_EDITOR);
	}
}

static void role_names(void **state)
{
	enum role role;

	(void)state;
	for (int r = ROLE_EDITOR; r <= ROLE_ADMIN; r++) {
		assert_true(role_parse(role_name((enum role)r), &role));
		assert_int_equal(role, r);
	}
	assert_false(role_parse("owner", &role));
	assert_false(role_parse("", &role));
	assert_false(role_parse(NULL, &role));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_table),
		cmocka_unit_test(instance_admin_manages_people_everywhere),
		cmocka_unit_test(hidden_copies),
		cmocka_unit_test(role_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
