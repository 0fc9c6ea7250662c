/* The directory on a real database with a real keeper: people, tokens, what dies when. */
#include "office_testing.h"

static struct instance in;

static void entities(void **state)
{
	struct err err = { 0 };
	AUTO_POOL pool = pool_new();
	struct directory_entity e;
	struct uuid id;
	int64_t before = instance_count(&in, "SELECT COUNT(*) FROM journal");

	(void)state;
	OK(directory_entity_find(in.directory, pool, "New York", &e, &err));
	assert_true(uuid_same(&e.entity, &in.mairie));
	assert_string_equal(e.siren, "000000000");
	OK(directory_entity_find(in.directory, pool, "NEW york", &e, &err));
	REFUSED(directory_entity_find(in.directory, pool, "Nulle part", &e, &err), PLI_ABSENT, "no-entity");
	REFUSED(directory_entity_add(in.directory, &INSTANCE_OPERATOR, "new YORK", NULL, &id, &err), PLI_CONFLICT, "entity-exists");
	REFUSED(directory_entity_add(in.directory, &INSTANCE_OPERATOR, "", NULL, &id, &err), PLI_INVALID, "bad-name");
	REFUSED(directory_entity_add(in.directory, &INSTANCE_OPERATOR, "a\nb", NULL, &id, &err), PLI_INVALID, "bad-name");
	REFUSED(directory_entity_add(in.directory, &INSTANCE_OPERATOR, "x", "12345678", &id, &err), PLI_INVALID, "bad-siren");
	REFUSED(directory_entity_add(in.directory, &INSTANCE_OPERATOR, "x", "12345678a", &id, &err), PLI_INVALID, "bad-siren");
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal"), before);
}

static void accounts(void **state)
{
	static const struct {
		const char *email, *name, *password;
		enum pli_status status;
		const char *type;
	} ROWS[] = {
		{ "SENDER@pli.example", "Twice", NULL, PLI_CONFLICT, "email-taken" },
		{ "nobody", "N", NULL, PLI_INVALID, "bad-address" },
		{ "n@pli.example", "", NULL, PLI_INVALID, "bad-name" },
		{ "n@pli.example", "N\r\nX", NULL, PLI_INVALID, "bad-name" },
		{ "n@pli.example", "N", "short", PLI_INVALID, "bad-password" },
		{ "n@pli.example", "N", "Password1", PLI_INVALID, "common-password" },
		{ "n@pli.example", "N", "n@pli.example", PLI_INVALID, "common-password" },
		{ "n@pli.example", "N", "\xff\xff\xff\xff\xff\xff\xff\xff\xff", PLI_INVALID, "bad-password" },
	};
	struct err err = { 0 };
	struct uuid id;
	AUTO_POOL pool = pool_new();
	struct directory_account a;
	int64_t before = instance_count(&in, "SELECT (SELECT COUNT(*) FROM account) + (SELECT COUNT(*) FROM journal)");

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
		REFUSED(directory_account_add(in.directory, &INSTANCE_OPERATOR, &in.mairie, ROWS[i].email, ROWS[i].name, ROLE_EDITOR,
					      false, ROWS[i].password, &id, &err), ROWS[i].status, ROWS[i].type);
	assert_int_equal(instance_count(&in, "SELECT (SELECT COUNT(*) FROM account) + (SELECT COUNT(*) FROM journal)"), before);
	OK(directory_account_add(in.directory, &INSTANCE_OPERATOR, &in.mairie, "Pass@pli.example", "With Password", ROLE_READER, false,
				 INSTANCE_PASSWORD, &id, &err));
	OK(directory_account_find(in.directory, pool, "pass@PLI.example", &a, &err));
	assert_string_equal(a.name, "With Password");
	assert_string_equal(a.email, "Pass@pli.example");
	assert_int_equal(a.role, ROLE_READER);
	OK(directory_account_password(in.directory, &INSTANCE_OPERATOR, "pass@pli.example", "une autre phrase", &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM account WHERE password LIKE '$argon2id$%'"), 1);
	REFUSED(directory_account_find(in.directory, pool, "who@pli.example", &a, &err), PLI_ABSENT, "no-account");
}

static enum pli_status count_account(void *arg, const struct directory_account *account, struct err *err)
{
	(void)err;
	(*(unsigned *)arg)++;
	assert_non_null(account->email);
	return PLI_OK;
}

struct found_token {
	const char *email;
	char id[37];
};

static enum pli_status find_token(void *arg, const struct directory_token *token, struct err *err)
{
	struct found_token *f = arg;

	(void)err;
	if (str_eq(token->email, f->email))
		uuid_format(f->id, &token->token);
	return PLI_OK;
}

static void tokens(void **state)
{
	struct err err = { 0 };
	AUTO_POOL pool = pool_new();
	struct principal p;
	struct found_token found = { .email = "colleague@pli.example" };
	const char *token, *second;
	char bent[128];
	unsigned count = 0;

	(void)state;
	OK(directory_account_each(in.directory, count_account, &count, &err));
	assert_int_equal(count, instance_count(&in, "SELECT COUNT(*) FROM account"));
	OK(directory_token_principal(in.directory, pool, in.tokens[0], &p, &err));
	assert_string_equal(p.email, "sender@pli.example");
	assert_string_equal(p.entity_name, "New York");
	assert_string_equal(p.method, "api-token");
	assert_true(uuid_same(&p.entity, &in.mairie));
	/* Every changed character, a cut and a longer one are refused. */
	for (size_t i = 0; i < strlen(in.tokens[0]); i++) {
		snprintf(bent, sizeof(bent), "%.100s", in.tokens[0]);
		bent[i] = bent[i] == 'x' ? 'y' : 'x';
		REFUSED(directory_token_principal(in.directory, pool, bent, &p, &err), PLI_UNAUTH, "bad-token");
	}
	snprintf(bent, sizeof(bent), "%.100s", in.tokens[0]);
	bent[strlen(bent) - 1] = '\0';
	REFUSED(directory_token_principal(in.directory, pool, bent, &p, &err), PLI_UNAUTH, "bad-token");
	REFUSED(directory_token_principal(in.directory, pool, "", &p, &err), PLI_UNAUTH, "bad-token");

	OK(directory_token_add(in.directory, &INSTANCE_OPERATOR, "colleague@pli.example", "second", 1, pool, &second, &err));
	OK(directory_token_principal(in.directory, pool, second, &p, &err));
	OK(directory_token_each(in.directory, find_token, &found, &err));
	OK(directory_token_revoke(in.directory, &INSTANCE_OPERATOR, found.id, &err));
	OK(directory_token_revoke(in.directory, &INSTANCE_OPERATOR, found.id, &err));
	REFUSED(directory_token_principal(in.directory, pool, second, &p, &err), PLI_UNAUTH, "bad-token");
	REFUSED(directory_token_revoke(in.directory, &INSTANCE_OPERATOR, "nonsense", &err), PLI_ABSENT, "no-token");
	REFUSED(directory_token_revoke(in.directory, &INSTANCE_OPERATOR, "0193a7a0-0000-7000-8000-000000000000", &err), PLI_ABSENT,
		"no-token");

	OK(directory_token_add(in.directory, &INSTANCE_OPERATOR, "colleague@pli.example", NULL, 1, pool, &token, &err));
	OK(directory_token_principal(in.directory, pool, token, &p, &err));
	OK(directory_account_disable(in.directory, &INSTANCE_OPERATOR, "colleague@pli.example", &err));
	REFUSED(directory_token_principal(in.directory, pool, token, &p, &err), PLI_UNAUTH, "bad-token");
	REFUSED(directory_token_add(in.directory, &INSTANCE_OPERATOR, "colleague@pli.example", NULL, 1, pool, &token, &err), PLI_INVALID,
		"account-disabled");
	REFUSED(directory_token_add(in.directory, &INSTANCE_OPERATOR, "sender@pli.example", NULL, 0, pool, &token, &err), PLI_INVALID,
		"bad-days");
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'token.revoked'"), 1);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'user.disabled'"), 1);
}

/* All is found again by a new process: the caches were not the truth. */
static void restart(void **state)
{
	struct err err = { 0 };
	AUTO_POOL pool = pool_new();
	struct principal p;
	struct directory_account a;

	(void)state;
	instance_restart(&in);
	OK(directory_token_principal(in.directory, pool, in.tokens[0], &p, &err));
	assert_string_equal(p.name, "Sender Name");
	OK(directory_account_find(in.directory, pool, "auditor@pli.example", &a, &err));
	assert_int_equal(a.role, ROLE_AUDITOR);
}

static void nothing_readable_in_the_database(void **state)
{
	static const char *const CLEAR[] = { "sender@pli.example", "Sender Name", "New York" };
	AUTO_BUF file;
	int fd = openat(in.data, "pli.db", O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	(void)state;
	buf_init(&file);
	assert_true(fd >= 0);
	while (n > 0) {
		n = read(fd, buf_reserve(&file, 65536), 65536);
		file.n += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	assert_true(file.n > 4096);
	for (size_t i = 0; i < sizeof(CLEAR) / sizeof(CLEAR[0]); i++)
		if (memmem(file.p, file.n, CLEAR[i], strlen(CLEAR[i])))
			fail_msg("%s stands in the database", CLEAR[i]);
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

/* An entity whose key is gone is closed; the house and the others are not. */
static void lost_key_closes_one_entity(void **state)
{
	struct err err = { 0 };
	char hex[33], name[64];

	(void)state;
	snprintf(name, sizeof(name), "kek/meta-%s", hex_encode(hex, in.agence.b, 16));
	assert_int_equal(renameat(in.keys, name, in.keys, "kek-away"), 0);
	instance_restart(&in);
	assert_non_null(in.editor.meta_key);
	assert_null(in.stranger.meta_key);
	OK(office_housekeeping(in.office, clock_now_us(), &err));
	assert_int_equal(renameat(in.keys, "kek-away", in.keys, name), 0);
	instance_restart(&in);
	assert_non_null(in.stranger.meta_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entities),
		cmocka_unit_test(accounts),
		cmocka_unit_test(tokens),
		cmocka_unit_test(restart),
		cmocka_unit_test(lost_key_closes_one_entity),
		cmocka_unit_test(nothing_readable_in_the_database),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
