/* Command lines: what is taken, and as what; what is refused, and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "pool.h"

#include "smtp_command.h"

static struct pool *pool;

static struct smtp_command good(const char *line, enum smtp_verb verb, const char *word)
{
	struct smtp_command c;
	struct err err = { 0 };

	if (smtp_command_parse(pool, line, strlen(line), &c, &err) != PLI_OK)
		fail_msg("%s: %s", line, err.text);
	assert_int_equal(c.verb, verb);
	assert_string_equal(c.word, word);
	return c;
}

static void bad(const char *line, enum pli_status status)
{
	struct smtp_command c;
	struct err err = { 0 };

	assert_int_equal(smtp_command_parse(pool, line, strlen(line), &c, &err), status);
}

static void commands(void **state)
{
	struct smtp_command c;

	(void)state;
	good("EHLO a.example", SMTP_EHLO, "a.example");
	good("helo [127.0.0.1]", SMTP_HELO, "[127.0.0.1]");
	good("LHLO x ", SMTP_LHLO, "x");
	good("NOOP anything at all", SMTP_NOOP, "");
	good("quit", SMTP_QUIT, "");
	good("RSET  ", SMTP_RSET, "");
	c = good("MAIL FROM:<a@b.example>", SMTP_MAIL, "a@b.example");
	assert_false(c.has_size || c.eight_bit || c.utf8);
	c = good("mail from:<a@b.example> size=123 body=8bitmime smtputf8 AUTH=<>", SMTP_MAIL, "a@b.example");
	assert_true(c.has_size && c.size == 123 && c.eight_bit && c.utf8);
	good("MAIL FROM: <a@b.example>", SMTP_MAIL, "a@b.example");
	good("MAIL FROM:<>", SMTP_MAIL, "");
	good("RCPT TO:<\"a> b\"@c.example>", SMTP_RCPT, "\"a> b\"@c.example");
	good("RCPT TO:<\xC3\xA9@c.example>", SMTP_RCPT, "\xC3\xA9@c.example");
	c = good("AUTH PLAIN AGEAYg==", SMTP_AUTH, "PLAIN");
	assert_string_equal(c.initial, "AGEAYg==");
	c = good("auth login", SMTP_AUTH, "LOGIN");
	assert_null(c.initial);
	c = good("AUTH PLAIN =", SMTP_AUTH, "PLAIN");
	assert_string_equal(c.initial, "");
}

static void refusals(void **state)
{
	static const char *const malformed[] = {
		"EHLO", "EHLO a b", "MAIL", "MAIL FROM", "MAIL FROM:", "MAIL FROM:a@b", "MAIL FROM:<a@b", "MAIL FROM:<<a@b>", "MAIL TO:<a@b>",
		"MAIL FROM:<@x:a@b>", "MAIL FROM:<a@b>SIZE=1", "MAIL FROM:<a@b>  SIZE=1", "MAIL FROM:<a@b> SIZE=-1", "MAIL FROM:<a@b> SIZE=",
		"MAIL FROM:<a@b> SIZE=99999999999999999999", "RCPT TO:a", "DATA x", "QUIT now", "RSET x", "AUTH", "AUTH PLAIN a b",
		"AUTH WAY-TOO-LONG-A-MECHANISM", "NO\tOP", "NOOP \x7f", "NOOP \xff", "NOOP \xE2\x80\xA8",
	};
	char line[SMTP_LINE_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
		bad(malformed[i], PLI_INPUT);
	bad("", PLI_METHOD);
	bad(" EHLO x", PLI_METHOD);
	bad("XYZZY", PLI_METHOD);
	bad("GET / HTTP/1.1", PLI_METHOD);
	bad("MAIL FROM:<a@b> BODY=BINARYMIME", PLI_INVALID);
	bad("MAIL FROM:<a@b> RET=FULL", PLI_INVALID);
	bad("MAIL FROM:<a@b> SMTPUTF8=1", PLI_INVALID);
	bad("MAIL FROM:<a@b> SIZE=1 SIZE=2", PLI_INVALID);
	bad("RCPT TO:<a@b> NOTIFY=NEVER", PLI_INVALID);
	memset(line, 'x', sizeof(line));
	memcpy(line, "NOOP ", 5);
	line[sizeof(line) - 1] = '\0';
	bad(line, PLI_INPUT);
}

static void sign_in(void **state)
{
	const char *user, *password;
	struct err err;

	(void)state;
	assert_int_equal(smtp_auth_plain(pool, "AGFAYi5jAHNlY3JldA==", &user, &password, &err), PLI_OK);
	assert_string_equal(user, "a@b.c");
	assert_string_equal(password, "secret");
	assert_int_equal(smtp_auth_plain(pool, "YUBiLmMAYUBiLmMAc2VjcmV0", &user, &password, &err), PLI_OK);
	/* another authzid; one NUL too few, one too many; an empty user; not base64 */
	assert_int_equal(smtp_auth_plain(pool, "eABhQGIuYwBzZWNyZXQ=", &user, &password, &err), PLI_INPUT);
	assert_int_equal(smtp_auth_plain(pool, "YUBiLmMAc2VjcmV0", &user, &password, &err), PLI_INPUT);
	assert_int_equal(smtp_auth_plain(pool, "AGEAYgBj", &user, &password, &err), PLI_INPUT);
	assert_int_equal(smtp_auth_plain(pool, "AABi", &user, &password, &err), PLI_INPUT);
	assert_int_equal(smtp_auth_plain(pool, "", &user, &password, &err), PLI_INPUT);
	assert_int_equal(smtp_auth_plain(pool, "!", &user, &password, &err), PLI_INPUT);
	assert_int_equal(smtp_auth_text(pool, "YUBiLmM=", &user, &err), PLI_OK);
	assert_string_equal(user, "a@b.c");
	assert_int_equal(smtp_auth_text(pool, "YQBi", &user, &err), PLI_INPUT);
	assert_int_equal(smtp_auth_text(pool, "YQo=", &user, &err), PLI_INPUT);
	assert_int_equal(smtp_auth_text(pool, "", &user, &err), PLI_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(refusals),
		cmocka_unit_test(sign_in),
	};
	int r;

	pool = pool_new();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	pool_free(pool);
	return r;
}
