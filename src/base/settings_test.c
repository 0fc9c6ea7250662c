/* pli.conf: what is read, what is refused and how it is said, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "pool.h"

#include "settings.h"

static void test_defaults(void **state)
{
	AUTO_POOL pool = pool_new();
	struct settings s;
	struct err err;

	(void)state;
	assert_int_equal(settings_parse(pool, "pli.conf", "[server]\nhost = Letters.Example.org\n", NULL, &s,
					&err), PLI_OK);
	assert_string_equal(s.host, "letters.example.org");
	assert_int_equal(s.listen_count, 1);
	assert_string_equal(s.listen[0], "127.0.0.1:8443");
	assert_string_equal(s.timezone, "Europe/Paris");
	assert_string_equal(s.lang, "fr");
	assert_false(s.demo);
	assert_string_equal(s.mail, "outbox");
	assert_string_equal(s.mail_from, "no-reply@letters.example.org");
	assert_string_equal(s.signin_policy, "strong");
	assert_true(s.quota_bytes == 0);
	assert_true(s.reserve_deposit_bytes == UINT64_C(256) << 20);
	assert_true(s.reserve_read_bytes == UINT64_C(64) << 20);
	assert_int_equal(s.content_days, 30);
	assert_int_equal(s.evidence_days, 1826);
	assert_int_equal(s.head_s, 10);
	assert_int_equal(s.body_rate_bytes, 1024);
	assert_string_equal(s.log_level, "info");
}

static void test_read(void **state)
{
	static const char text[] =
		"\xEF\xBB\xBF# comment\r\n"
		"  [ server ]  # here too\n"
		"host=localhost\n"
		"listen = 127.0.0.1:1, [::1]:2\n"
		"listen = 0.0.0.0:0\n"
		"demo = Yes\n"
		"public_port = 443\n"
		"[storage]\n"
		"quota = 2 GiB\n"
		"reserve_deposit = 1048576\n"
		"reserve_read = 1K\n"
		"[mail]\n"
		"mail = smtps://relay.example.org:465\n"
		"from = a#b@example.org\n"
		"[server]\n"
		"lang = en";
	char home[] = "HOME=/", server[] = "PLI_SERVER=https://x", lang[] = "PLI_SERVER_LANG=fr";
	char level[] = "PLI_LOG_LEVEL=debug", token[] = "PLI_TOKEN=x";
	char *env[] = { home, server, lang, level, token, NULL };
	AUTO_POOL pool = pool_new();
	struct settings s;
	struct err err;

	(void)state;
	if (settings_parse(pool, "f", text, NULL, &s, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_string_equal(s.host, "localhost");
	assert_int_equal(s.listen_count, 3);
	assert_string_equal(s.listen[1], "[::1]:2");
	assert_string_equal(s.listen[2], "0.0.0.0:0");
	assert_true(s.demo);
	assert_int_equal(s.public_port, 443);
	assert_true(s.quota_bytes == UINT64_C(2) << 30);
	assert_true(s.reserve_deposit_bytes == 1048576);
	assert_true(s.reserve_read_bytes == 1024);
	assert_string_equal(s.mail, "smtps://relay.example.org:465");
	assert_string_equal(s.mail_from, "a#b@example.org");
	assert_string_equal(s.lang, "en");
	assert_string_equal(s.log_level, "info");
	assert_int_equal(settings_parse(pool, "f", text, env, &s, &err), PLI_OK);
	assert_string_equal(s.lang, "fr");
	assert_string_equal(s.log_level, "debug");
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "", "f: [server] host is missing" },
		{ "[server]\nhost = x\nlisten = 8443\n",
		  "f:3: listen is ADDRESS:PORT such as 0.0.0.0:443 or [::]:443, not '8443'" },
		{ "[server]\nhots = x\n", "f:2: unknown key hots in [server]; did you mean host?" },
		{ "[sever]\nhost = x\n", "f:1: unknown section [sever]; did you mean [server]?" },
		{ "[qqqqqqqq]\n", "f:1: unknown section [qqqqqqqq]" },
		{ "[server]\nqqqqqqqq = 1\n", "f:2: unknown key qqqqqqqq in [server]" },
		{ "[mail]\nhost = x\n", "f:2: host belongs into section [server], not [mail]" },
		{ "host = x\n", "f:1: host stands before the first [section]" },
		{ "[server\n", "f:1: a section is written [name]" },
		{ "[server]\nhost\n", "f:2: expected `key = value`, not 'host'" },
		{ "[server]\nhost =\n", "f:2: host has no value" },
		{ "[server]\nhost = # x\n", "f:2: host has no value" },
		{ "[server]\nhost = a\nhost = b\n", "f:3: host is given twice, first in line 2" },
		{ "[server]\nhost = a b\n",
		  "f:2: host is a host name such as letters.example.org, not 'a b'" },
		{ "[server]\nlang = fra\n", "f:2: lang is one of fr, en, not 'fra'; did you mean fr?" },
		{ "[server]\ndemo = maybe\n", "f:2: demo is yes or no, not 'maybe'" },
		{ "[server]\nworkers = many\n", "f:2: workers is a number, not 'many'" },
		{ "[server]\nworkers = 1\n", "f:2: workers must lie between 2 and 256" },
		{ "[server]\npublic_port = 65536\n", "f:2: public_port must lie between 0 and 65535" },
		{ "[storage]\nquota = 1X\n", "f:2: quota is a size such as 500M or 20G, not '1X'" },
		{ "[storage]\nquota = 99999999999T\n",
		  "f:2: quota is a size such as 500M or 20G, not '99999999999T'" },
		{ "[storage]\nquota = -1\n", "f:2: quota is a size such as 500M or 20G, not '-1'" },
		{ "[server]\nhost = x\n[storage]\nreserve_deposit = 1K\n",
		  "f: [storage] reserve_read must not be larger than reserve_deposit" },
		{ "[server]\ntimezone = Europe/Pari\n",
		  "f:2: timezone is a zone of the IANA database such as Europe/Paris or UTC, "
		  "not 'Europe/Pari'" },
		{ "[server]\nhost = a\xE2\x80\xAE\n", "f:2: host holds a control character or is not UTF-8" },
		{ "[server]\nhost = a\xFF\n", "f:2: host holds a control character or is not UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct settings s;
		struct err err;

		if (settings_parse(pool, "f", cases[i].text, NULL, &s, &err) != PLI_INPUT)
			fail_msg("case %zu accepted", i);
		assert_string_equal(err.text, cases[i].said);
	}
}

static void test_values(void **state)
{
	static const struct {
		const char *section, *key, *value;
		bool good;
	} cases[] = {
		{ "server", "host", "127.0.0.1", true }, { "server", "host", "::1", true },
		{ "server", "host", "a-b.c", true }, { "server", "host", "-a.b", false },
		{ "server", "host", "a..b", false }, { "server", "host", "a.b.", false },
		{ "server", "host", "999.1.1.1", false }, { "server", "host", "a_b", false },
		{ "server", "host", "a/b", false }, { "server", "host", "a:1", false },
		{ "server", "listen", "[::]:443", true }, { "server", "listen", ":443", false },
		{ "server", "listen", "::1:443", false }, { "server", "listen", "localhost:1", false },
		{ "server", "listen", "0.0.0.0:65536", false }, { "server", "listen", "0.0.0.0:", false },
		{ "server", "listen", "[::1:443", false }, { "server", "listen", "256.0.0.1:1", false },
		{ "server", "listen", ", ,", false },
		{ "mail", "mail", "outbox", true }, { "mail", "mail", "smtp://mx:25", true },
		{ "mail", "mail", "smtp://[::1]:25", true }, { "mail", "mail", "smtp://mx", false },
		{ "mail", "mail", "http://mx:25", false }, { "mail", "mail", "smtp://u@mx:25", false },
		{ "mail", "mail", "smtp://mx:0", false }, { "mail", "mail", "inbox", false },
		{ "mail", "from", "a@b", true }, { "mail", "from", "a@[127.0.0.1]", true },
		{ "mail", "from", "a b@c", false }, { "mail", "from", "@c", false },
		{ "mail", "from", "a@b>", false }, { "mail", "from", "a@[1.2.3.4", false },
		{ "mail", "tls", "required", true }, { "mail", "tls", "yes", false },
		{ "mail", "bounce_domain", "b.example.org", true }, { "mail", "bounce_domain", "192.0.2.1", false },
		{ "mail", "bounce_domain", "b@c", false }, { "mail", "dkim_selector", "s.x", false },
		{ "mail", "retry", "30s, 5m 1h,2d", true }, { "mail", "retry", "5m,", false },
		{ "mail", "retry", "0m", false }, { "mail", "retry", "5", false }, { "mail", "retry", "8d", false },
		{ "mail", "retry", "1m,1m,1m,1m,1m,1m,1m,1m,1m,1m,1m,1m,1m,1m,1m,1m,1m", false },
		{ "mail", "retry", "99999999999999999999h", false }, { "mail", "retry", "-1h", false },
		{ "mail", "user", "x", false }, { "mail", "password_file", "relay.password", false },
		{ "mail", "sessions", "0", false }, { "mail", "dkim", "both", true },
		{ "server", "demo", "on", true }, { "server", "demo", "2", false },
		{ "log", "level", "INFO", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct settings s;
		struct err err;
		const char *text = pool_fmt(pool, "%s[%s]\n%s = %s\n",
					    strcmp(cases[i].key, "host") ? "[server]\nhost = x\n" : "",
					    cases[i].section, cases[i].key, cases[i].value);
		enum pli_status status = settings_parse(pool, "f", text, NULL, &s, &err);

		if ((status == PLI_OK) != cases[i].good)
			fail_msg("case %zu: %s = %s", i, cases[i].key, cases[i].value);
	}
}

static void test_relay(void **state)
{
	static const struct {
		const char *text;
		bool good, here;
	} cases[] = {
		{ "mail = smtp://127.0.0.1:25\ntls = off\n", true, true },
		{ "mail = smtp://[::1]:25\ntls = off\n", true, true },
		{ "mail = smtp://localhost:25\n", true, true },
		{ "mail = smtp://localhost.example.org:25\n", true, false },
		{ "mail = smtp://localhost.example.org:25\ntls = off\n", false, false },
		{ "mail = smtp://10.0.0.1:25\ntls = off\n", false, false },
		{ "mail = smtps://127.0.0.1:465\ntls = off\n", false, false },
		{ "mail = smtp://mx:587\nuser = u\npassword_file = p\n", true, false },
		{ "mail = smtp://mx:587\nuser = u\npassword_file = p\ntls = opportunistic\n", false, false },
		{ "tls = off\n", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct settings s;
		struct err err;
		const char *text = pool_fmt(pool, "[server]\nhost = letters.example.org\n[mail]\n%s", cases[i].text);
		enum pli_status status = settings_parse(pool, "f", text, NULL, &s, &err);

		if ((status == PLI_OK) != cases[i].good)
			fail_msg("case %zu", i);
		if (status != PLI_OK)
			continue;
		assert_int_equal(settings_relay_is_here(&s), cases[i].here);
		assert_string_equal(settings_helo(&s), "letters.example.org");
		assert_string_equal(settings_dkim_domain(&s), "letters.example.org");
	}
}

static void test_environment_refused(void **state)
{
	char variable[] = "PLI_SERVER_LISTEN=x";
	char *env[] = { variable, NULL };
	AUTO_POOL pool = pool_new();
	struct settings s;
	struct err err;

	(void)state;
	assert_int_equal(settings_parse(pool, "f", "[server]\nhost = x\n", env, &s, &err), PLI_INPUT);
	assert_string_equal(err.text, "environment PLI_SERVER_LISTEN: listen is ADDRESS:PORT such as "
			    "0.0.0.0:443 or [::]:443, not 'x'");
}

static void test_written(void **state)
{
	static const char text[] =
		"[server]\nhost = x\nlisten = 0.0.0.0:443, [::]:443\nlang = en\ndemo = yes\n"
		"[storage]\nquota = 10G\n[limits]\nbody_rate = 3000\nidle_s = 61\n"
		"[mail]\nmail = smtp://mx:25\nfrom = no-reply@[127.0.0.1]\n";
	AUTO_POOL pool = pool_new();
	AUTO_BUF first = { 0 };
	AUTO_BUF second = { 0 };
	AUTO_BUF names = { 0 };
	struct settings a, b;
	struct err err;

	(void)state;
	assert_int_equal(settings_parse(pool, "f", text, NULL, &a, &err), PLI_OK);
	settings_write(&first, &a);
	if (settings_parse(pool, "written", first.p, NULL, &b, &err) != PLI_OK)
		fail_msg("%s\n%s", err.text, first.p);
	assert_string_equal(b.mail_from, "no-reply@[127.0.0.1]");
	assert_true(b.quota_bytes == UINT64_C(10) << 30);
	assert_int_equal(b.body_rate_bytes, 3000);
	assert_int_equal(b.listen_count, 2);
	settings_write(&second, &b);
	assert_string_equal(first.p, second.p);
	assert_non_null(strstr(first.p, "\n#content_days = 30\n"));
	assert_non_null(strstr(first.p, "\nlisten = 0.0.0.0:443, [::]:443\n"));
	assert_false(settings_need_restart(&a, &b, &names));
	b.listen_count = 1;
	b.lang = "fr";
	b.workers = 7;
	assert_true(settings_need_restart(&a, &b, &names));
	assert_string_equal(names.p, "server.listen, server.workers");
}

/* Every kind of value that may change does, and nothing else. */
static void test_renew(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF names = { 0 };
	AUTO_BUF got = { 0 };
	AUTO_BUF wanted = { 0 };
	struct settings live, from;
	struct err err;

	(void)state;
	assert_int_equal(settings_parse(pool, "pli.conf", "[server]\nhost = a.example\n", NULL, &live, &err), PLI_OK);
	assert_int_equal(settings_parse(pool, "pli.conf",
					"[server]\nhost = a.example\nlisten = 127.0.0.1:1\nlang = en\nworkers = 7\n[mail]\n"
					"from = x@a.example\npaused = yes\n[storage]\nreserve_deposit = 20G\n[retention]\ncontent_days = 9\n"
					"[limits]\nbody_rate = 3K\nidle_s = 5\n[log]\nlevel = error\n", NULL, &from, &err), PLI_OK);
	settings_renew(&live, &from);
	assert_true(settings_need_restart(&live, &from, &names));
	assert_string_equal(names.p, "server.listen, server.workers");
	/* All that is left to differ: as if the file had said so from the start. */
	live.listen[0] = from.listen[0];
	live.workers = from.workers;
	settings_write(&got, &live);
	settings_write(&wanted, &from);
	assert_string_equal(got.p, wanted.p);
}

/* As init does: settings that were never parsed. */
static void test_written_bare(void **state)
{
	struct settings s = { .host = "x", .listen = { "127.0.0.1:1" }, .listen_count = 1 };
	AUTO_BUF out = { 0 };

	(void)state;
	settings_write(&out, &s);
	assert_non_null(strstr(out.p, "\n#from = \n"));
	buf_reset(&out);
	settings_manual(&out, false);
	assert_non_null(strstr(out.p, "content_days"));
	buf_reset(&out);
	settings_manual(&out, true);
	assert_non_null(strstr(out.p, ".SS [retention]\n.TP\n.B content_days\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_environment_refused),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_written_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
