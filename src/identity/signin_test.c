/* Signing in on a real database with a real keeper: guesses, codes, links, sessions. */
#include "office_testing.h"

#include "factor.h"
#include "guess.h"
#include "session.h"
#include "signin.h"
#include "signin_link.h"
#include "totp.h"

#define PASSWORD "Trois-oiseaux-gris-7"
#define MINUTE_US (60 * INT64_C(1000000))

static struct instance in;
static const struct signin_try HERE = { .from = "192.0.2.1" };
static const struct journal_actor WEB = { .method = "password", .level = 2, .channel = "web" };

static struct signin_account account_new(const char *email, const char *password)
{
	struct signin_account a = { .entity = in.mairie };
	struct err err = { 0 };

	OK(directory_account_add(in.directory, &INSTANCE_OPERATOR, &in.mairie, email, "A Person", ROLE_EDITOR, false, password, &a.account,
				 &err));
	return a;
}

/* ---- guesses ---- */

static void delays_double_up_to_a_bound(void **state)
{
	(void)state;
	assert_int_equal(guess_delay_us(GUESS_NAME_FROM, 0), 0);
	assert_int_equal(guess_delay_us(GUESS_NAME_FROM, 4), 0);
	assert_int_equal(guess_delay_us(GUESS_NAME_FROM, 5), 1000000);
	assert_int_equal(guess_delay_us(GUESS_NAME_FROM, 6), 2000000);
	assert_int_equal(guess_delay_us(GUESS_NAME_FROM, 14), 512000000);
	assert_int_equal(guess_delay_us(GUESS_NAME_FROM, 15), 900 * INT64_C(1000000));
	assert_int_equal(guess_delay_us(GUESS_NAME_FROM, INT64_MAX), 900 * INT64_C(1000000));
}

static struct guess guess_of(const char *what)
{
	struct guess g = { 0 };

	guess_add(in.directory, &g, GUESS_NAME_FROM, what, strlen(what));
	guess_add(in.directory, &g, GUESS_FROM, "there", 5);
	return g;
}

static void guesses_are_counted_before_they_are_evaluated(void **state)
{
	struct guess g = guess_of("a"), other = guess_of("b");
	int64_t now = clock_now_us();
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		OK(guess_reserve(in.directory, &g, now, &err));
	REFUSED(guess_reserve(in.directory, &g, now, &err), PLI_RATE, "too-many-tries");
	assert_int_equal(err.retry_after_s, 1);
	REFUSED(guess_reserve(in.directory, &g, now + 999999, &err), PLI_RATE, "too-many-tries");
	OK(guess_reserve(in.directory, &g, now + 1000000, &err));
	REFUSED(guess_reserve(in.directory, &g, now + 2999999, &err), PLI_RATE, "too-many-tries");
	/* What is refused was not counted; what is shared was: six of ten. */
	for (int i = 0; i < 4; i++)
		OK(guess_reserve(in.directory, &other, now + 1000000, &err));
	REFUSED(guess_reserve(in.directory, &other, now + 1000000, &err), PLI_RATE, "too-many-tries");
	/* Right: its own count is gone, the shared one has one less. */
	OK(guess_give_back(in.directory, &other, true, &err));
	assert_int_equal(instance_count(&in, "SELECT MAX(tries) FROM guess"), 9);
	OK(guess_reserve(in.directory, &other, now + 1000000, &err));
	/* A quiet hour halves. */
	OK(guess_reserve(in.directory, &g, now + 61 * MINUTE_US + 3000000, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM guess WHERE tries = 4"), 1);
	OK(guess_sweep(in.directory, now + 26 * 60 * MINUTE_US, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM guess"), 0);
}

static void passwords(void **state)
{
	AUTO_POOL pool = pool_new();
	struct signin_account a = account_new("who@pli.example", PASSWORD), found;
	struct signin_try known = HERE;
	char device[SIGNIN_VALUE_CHARS + 1];
	struct err err = { 0 };

	(void)state;
	OK(signin_password(in.directory, pool, &HERE, "WHO@pli.example", PASSWORD, &found, &err));
	assert_true(uuid_same(&found.account, &a.account));
	assert_false(found.has_factor);
	REFUSED(signin_password(in.directory, pool, &HERE, "who@pli.example", PASSWORD " ", &found, &err), PLI_DENIED, "wrong-password");
	REFUSED(signin_password(in.directory, pool, &HERE, "nobody@pli.example", PASSWORD, &found, &err), PLI_DENIED, "wrong-password");
	REFUSED(signin_password(in.directory, pool, &HERE, "sender@pli.example", "", &found, &err), PLI_DENIED, "wrong-password");
	REFUSED(signin_password(in.directory, pool, &HERE, "no address", "x", &found, &err), PLI_DENIED, "wrong-password");
	for (int i = 0; i < 4; i++)
		REFUSED(signin_password(in.directory, pool, &HERE, "who@pli.example", "guess", &found, &err), PLI_DENIED, "wrong-password");
	REFUSED(signin_password(in.directory, pool, &HERE, "who@pli.example", PASSWORD, &found, &err), PLI_RATE, "too-many-tries");
	/* The browser that has been here before; another account's is a stranger. */
	OK(signin_device_add(in.directory, &a, device, &err));
	known.device = device;
	OK(signin_password(in.directory, pool, &known, "who@pli.example", PASSWORD, &found, &err));
	REFUSED(signin_password(in.directory, pool, &known, "nobody@pli.example", PASSWORD, &found, &err), PLI_DENIED, "wrong-password");
	OK(directory_account_disable(in.directory, &INSTANCE_OPERATOR, "who@pli.example", &err));
	REFUSED(signin_password(in.directory, pool, &(struct signin_try){ .from = "192.0.2.7" }, "who@pli.example", PASSWORD, &found, &err),
		PLI_DENIED, "wrong-password");
	/* Failures of a closed hour are one entry; those of nobody none. */
	OK(signin_sweep(in.directory, clock_now_us(), &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'session.failed'"), 0);
	OK(signin_sweep(in.directory, clock_now_us() + 61 * MINUTE_US, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'session.failed'"), 2);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM signin_failure"), 0);
}

/* ---- sessions ---- */

static void session_of(const struct signin_account *a, char value[SESSION_VALUE_CHARS + 1], struct session *s, struct pool *pool)
{
	struct journal_actor by = WEB;
	struct session_new wanted = { .entity = a->entity, .account = a->account, .idle_us = 30 * MINUTE_US, .life_us = 720 * MINUTE_US,
				      .address = "192.0.2.1", .browser = "Mozilla/5.0 \xff Firefox/1", .by = &by };
	struct err err = { 0 };

	by.account = &a->account;
	OK(session_begin(in.directory, &wanted, value, &err));
	OK(session_find(in.directory, pool, value, clock_now_us(), s, &err));
}

static void sessions(void **state)
{
	AUTO_POOL pool = pool_new();
	struct signin_account a = account_new("session@pli.example", PASSWORD);
	char value[SESSION_VALUE_CHARS + 1], second[SESSION_VALUE_CHARS + 1], raised[SESSION_VALUE_CHARS + 1];
	struct session s, t;
	struct session_item *items;
	unsigned count;
	int64_t now = clock_now_us();
	struct err err = { 0 };

	(void)state;
	session_of(&a, value, &s, pool);
	assert_string_equal(s.principal.email, "session@pli.example");
	assert_string_equal(s.principal.method, "password");
	assert_int_equal(s.principal.level, 2);
	assert_int_equal(strlen(s.form_key), 64);
	session_of(&a, second, &t, pool);
	assert_string_not_equal(s.form_key, t.form_key);
	OK(session_list(in.directory, pool, &a.entity, &a.account, now, &items, &count, &err));
	assert_int_equal(count, 2);
	assert_string_equal(items[0].address, "192.0.2.1");
	/* Raised: another value, the same form key. */
	OK(session_raise(in.directory, &s, true, raised, &err));
	REFUSED(session_find(in.directory, pool, value, now, &t, &err), PLI_UNAUTH, "no-session");
	OK(session_find(in.directory, pool, raised, now, &t, &err));
	assert_string_equal(s.form_key, t.form_key);
	assert_true(t.strong);
	assert_string_equal(t.principal.method, "password+totp");
	/* Idle, over, ended. */
	REFUSED(session_find(in.directory, pool, raised, now + 31 * MINUTE_US, &t, &err), PLI_UNAUTH, "no-session");
	OK(session_find(in.directory, pool, raised, now + 29 * MINUTE_US, &t, &err));
	OK(session_find(in.directory, pool, raised, now + 58 * MINUTE_US, &t, &err));
	REFUSED(session_find(in.directory, pool, raised, now + 721 * MINUTE_US, &t, &err), PLI_UNAUTH, "no-session");
	OK(session_revoke_others(in.directory, &a.entity, &a.account, &s.session, &err));
	REFUSED(session_find(in.directory, pool, second, now, &t, &err), PLI_UNAUTH, "no-session");
	assert_int_equal(session_revoke(in.directory, &in.agence, &a.account, &s.session, &err), PLI_ABSENT);
	OK(session_revoke(in.directory, &a.entity, &a.account, &s.session, &err));
	REFUSED(session_find(in.directory, pool, raised, now, &t, &err), PLI_UNAUTH, "no-session");
	REFUSED(session_raise(in.directory, &s, true, raised, &err), PLI_UNAUTH, "no-session");
	REFUSED(session_find(in.directory, pool, "", now, &t, &err), PLI_UNAUTH, "no-session");
	REFUSED(session_find(in.directory, pool, NULL, now, &t, &err), PLI_UNAUTH, "no-session");
	session_of(&a, value, &s, pool);
	OK(session_sweep(in.directory, now + 60 * MINUTE_US, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM session"), 0);
}

/* ---- second factor ---- */

/* The present step of 30 s; one that is about to end is waited out. */
static int64_t step_now(void)
{
	while (clock_now_us() % 30000000 > 25000000)
		usleep(100000);
	return clock_now_us() / 30000000;
}

static const char *code_of(struct pool *pool, const uint8_t secret[20], int64_t step)
{
	return pool_fmt(pool, "%06u", totp_code(secret, 20, (uint64_t)step));
}

static void secret_read(const char *text, uint8_t out[20])
{
	char lower[33];

	for (int i = 0; i < 33; i++)
		lower[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
	assert_true(base32_decode(out, 20, lower, 32));
}

static void factors(void **state)
{
	AUTO_POOL pool = pool_new();
	struct signin_account a = account_new("factor@pli.example", PASSWORD), found;
	struct signin_account b = account_new("other-factor@pli.example", PASSWORD);
	char value[SESSION_VALUE_CHARS + 1], half[SIGNIN_VALUE_CHARS + 1], codes[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_CHARS + 1];
	struct session s, foreign;
	struct factor_offer offer, again;
	struct factor_state st;
	uint8_t secret[20];
	int64_t step;
	struct err err = { 0 };

	(void)state;
	session_of(&a, value, &s, pool);
	session_of(&b, value, &foreign, pool);
	OK(factor_offer(in.directory, pool, &s, "pli.example", &offer, &err));
	secret_read(offer.secret, secret);
	step = step_now();
	assert_non_null(strstr(offer.uri, "otpauth://totp/pli.example:factor%40pli.example?secret="));
	OK(factor_offered(in.directory, pool, &s, "pli.example", offer.sealed, &again, &err));
	assert_string_equal(again.secret, offer.secret);
	/* It is of this session alone. */
	assert_int_equal(factor_offered(in.directory, pool, &foreign, "pli.example", offer.sealed, &again, &err), PLI_INPUT);
	assert_int_equal(factor_add(in.directory, pool, &foreign, &WEB, offer.sealed, code_of(pool, secret, step), codes, &err), PLI_INPUT);
	REFUSED(factor_add(in.directory, pool, &s, &WEB, offer.sealed, "12345", codes, &err), PLI_DENIED, "wrong-code");
	REFUSED(factor_add(in.directory, pool, &s, &WEB, offer.sealed, code_of(pool, secret, step + 9), codes, &err), PLI_DENIED, "wrong-code");
	OK(factor_add(in.directory, pool, &s, &WEB, offer.sealed, code_of(pool, secret, step - 1), codes, &err));
	OK(factor_state(in.directory, &a.entity, &a.account, &st, &err));
	assert_true(st.there);
	assert_int_equal(st.recovery_left, 10);
	/* Each step once, and none before it. */
	REFUSED(factor_check(in.directory, &a.entity, &a.account, code_of(pool, secret, step - 1), &err), PLI_DENIED, "wrong-code");
	OK(factor_check(in.directory, &a.entity, &a.account, code_of(pool, secret, step), &err));
	REFUSED(factor_check(in.directory, &a.entity, &a.account, code_of(pool, secret, step), &err), PLI_DENIED, "wrong-code");
	OK(factor_check(in.directory, &a.entity, &a.account, code_of(pool, secret, step + 1), &err));
	REFUSED(factor_check(in.directory, &a.entity, &a.account, code_of(pool, secret, step), &err), PLI_DENIED, "wrong-code");
	/* Recovery codes: once, of this account alone. */
	REFUSED(factor_check(in.directory, &b.entity, &b.account, codes[0], &err), PLI_DENIED, "wrong-code");
	OK(factor_check(in.directory, &a.entity, &a.account, codes[0], &err));
	REFUSED(factor_check(in.directory, &a.entity, &a.account, codes[0], &err), PLI_DENIED, "wrong-code");
	REFUSED(factor_check(in.directory, &a.entity, &a.account, "", &err), PLI_DENIED, "wrong-code");
	REFUSED(factor_check(in.directory, &a.entity, &a.account, "aaaaa-aaaaa-a", &err), PLI_DENIED, "wrong-code");
	/* The sign-in asks for it, and a half is used up by its tries. */
	OK(signin_password(in.directory, pool, &HERE, "factor@pli.example", PASSWORD, &found, &err));
	assert_true(found.has_factor);
	OK(signin_half_open(in.directory, &found, half, &err));
	OK(signin_code(in.directory, pool, &HERE, half, codes[1], &found, &err));
	REFUSED(signin_code(in.directory, pool, &HERE, half, codes[2], &found, &err), PLI_UNAUTH, "half-over");
	OK(signin_half_open(in.directory, &found, half, &err));
	for (int i = 0; i < 5; i++)
		REFUSED(signin_code(in.directory, pool, &HERE, half, "000000", &found, &err), PLI_DENIED, "wrong-code");
	REFUSED(signin_code(in.directory, pool, &HERE, half, codes[2], &found, &err), PLI_UNAUTH, "half-over");
	REFUSED(signin_code(in.directory, pool, &HERE, "x", codes[2], &found, &err), PLI_UNAUTH, "half-over");
	/* New recovery codes end the old ones; removing ends all. */
	OK(factor_recovery_renew(in.directory, &a.entity, &a.account, codes, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM recovery_code"), 10);
	OK(factor_remove(in.directory, &a.entity, &a.account, &WEB, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM recovery_code"), 0);
	assert_int_equal(factor_remove(in.directory, &a.entity, &a.account, &WEB, &err), PLI_ABSENT);
	REFUSED(factor_check(in.directory, &a.entity, &a.account, code_of(pool, secret, step + 1), &err), PLI_DENIED, "wrong-code");
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event IN ('factor.added', 'factor.removed')"), 2);
}

/* ---- links ---- */

static void links(void **state)
{
	AUTO_POOL pool = pool_new();
	struct directory_account a;
	struct signin_link link;
	struct signin_account found;
	const char *token, *newer;
	struct err err = { 0 };

	(void)state;
	(void)account_new("invited@pli.example", NULL);
	OK(directory_account_find(in.directory, pool, "invited@pli.example", &a, &err));
	OK(signin_link_send(in.directory, pool, &a, true, &token, &err));
	OK(signin_link_look(in.directory, pool, token, "192.0.2.9", &link, &err));
	assert_true(link.setup);
	assert_string_equal(link.email, "invited@pli.example");
	REFUSED(signin_link_use(in.directory, pool, token, "short", &WEB, "192.0.2.9", &link, &err), PLI_INVALID, "bad-password");
	OK(signin_link_use(in.directory, pool, token, PASSWORD, &WEB, "192.0.2.9", &link, &err));
	assert_int_equal(signin_link_use(in.directory, pool, token, PASSWORD "2", &WEB, "192.0.2.9", &link, &err), PLI_GONE);
	OK(signin_password(in.directory, pool, &(struct signin_try){ .from = "192.0.2.10" }, "invited@pli.example", PASSWORD, &found, &err));
	OK(signin_link_send(in.directory, pool, &a, false, &token, &err));
	OK(signin_link_send(in.directory, pool, &a, false, &newer, &err));
	assert_int_equal(signin_link_look(in.directory, pool, token, "192.0.2.9", &link, &err), PLI_GONE);
	OK(signin_link_look(in.directory, pool, newer, "192.0.2.9", &link, &err));
	/* A password set otherwise ends them. */
	OK(directory_account_password(in.directory, &INSTANCE_OPERATOR, "invited@pli.example", PASSWORD "3", &err));
	assert_int_equal(signin_link_look(in.directory, pool, newer, "192.0.2.9", &link, &err), PLI_GONE);
	assert_int_equal(signin_link_look(in.directory, pool, "x", "192.0.2.9", &link, &err), PLI_ABSENT);
	/* "Forgotten": three an hour for one name, and nothing says so. */
	for (int i = 0; i < 5; i++)
		OK(signin_link_ask(in.directory, pool, "invited@pli.example", "192.0.2.11", &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM account_mail WHERE kind = 'reset'"), 3);
	OK(signin_link_ask(in.directory, pool, "nobody@pli.example", "192.0.2.12", &err));
	OK(signin_link_ask(in.directory, pool, "", "192.0.2.12", &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM account_mail WHERE kind = 'reset'"), 3);
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
		cmocka_unit_test(delays_double_up_to_a_bound),
		cmocka_unit_test(guesses_are_counted_before_they_are_evaluated),
		cmocka_unit_test(passwords),
		cmocka_unit_test(sessions),
		cmocka_unit_test(factors),
		cmocka_unit_test(links),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
