/* Percent encoding and URLs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "pool.h"
#include "uri.h"

static void test_encode(void **state)
{
	AUTO_BUF out = { 0 };
	AUTO_BUF back = { 0 };
	uint8_t all[256];

	(void)state;
	uri_encode(&out, "a/b c\xC3\xA9~", 8);
	assert_string_equal(out.p, "a%2Fb%20c%C3%A9~");
	buf_reset(&out);
	uri_encode_path(&out, "/a/b c?#", 8);
	assert_string_equal(out.p, "/a/b%20c%3F%23");
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	buf_reset(&out);
	uri_encode(&out, all, 256);
	assert_true(uri_decode(&back, out.p, out.n, false));
	assert_int_equal(back.n, 256);
	assert_memory_equal(back.p, all, 256);
	assert_false(uri_decode(&back, "%", 1, false));
	assert_false(uri_decode(&back, "%4", 2, false));
	assert_false(uri_decode(&back, "%4g", 3, false));
	assert_false(uri_decode(&back, "%%41", 4, false));
}

static void test_https(void **state)
{
	static const struct {
		const char *host;
		unsigned port;
		const char *want;
	} rows[] = {
		{ "pli.example", 0, "https://pli.example/l/x" },
		{ "pli.example", 443, "https://pli.example/l/x" },
		{ "localhost", 8443, "https://localhost:8443/l/x" },
		{ "::1", 8443, "https://[::1]:8443/l/x" },
		{ "[::1]", 0, "https://[::1]/l/x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF out = { 0 };

		uri_https(&out, rows[i].host, rows[i].port, "/l/x");
		assert_string_equal(out.p, rows[i].want);
	}
}

static void test_parse(void **state)
{
	static const char *const schemes[] = { "https", "smtp", NULL };
	static const struct {
		const char *s, *host;
		unsigned port;
		const char *path, *query;
		enum pli_status status;
	} rows[] = {
		{ "https://A.example", "a.example", 0, "", "", PLI_OK },
		{ "HTTPS://a.example:8443/x/y?q=1&r", "a.example", 8443, "/x/y", "q=1&r", PLI_OK },
		{ "https://[::1]:25/", "::1", 25, "/", "", PLI_OK },
		{ "https://[2001:db8::7]", "2001:db8::7", 0, "", "", PLI_OK },
		{ "smtp://localhost:2525", "localhost", 2525, "", "", PLI_OK },
		{ "https://192.0.2.1?x", "192.0.2.1", 0, "", "x", PLI_OK },
		{ "http://a.example", NULL, 0, NULL, NULL, PLI_INVALID },
		{ "ftp://a.example", NULL, 0, NULL, NULL, PLI_INVALID },
		{ "https://user@a.example", NULL, 0, NULL, NULL, PLI_INVALID },
		{ "https://user:pw@a.example/", NULL, 0, NULL, NULL, PLI_INVALID },
		{ "https://a.example/#x", NULL, 0, NULL, NULL, PLI_INVALID },
		{ "a.example", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https:/a.example", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https:///x", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://:80", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://a:", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://a:0", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://a:65536", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://a:99999999999", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://a:8o", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://[::1", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://[::1]x", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://[a.example]", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://a_b", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://a b", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://a/\r\nX: y", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://\xC3\xA9.fr", NULL, 0, NULL, NULL, PLI_INPUT },
		{ "https://a\\b", NULL, 0, NULL, NULL, PLI_INPUT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct uri uri;

		if (uri_parse(pool, rows[i].s, schemes, &uri, NULL) != rows[i].status)
			fail_msg("%s", rows[i].s);
		if (rows[i].status != PLI_OK)
			continue;
		assert_string_equal(uri.host, rows[i].host);
		assert_int_equal(uri.port, rows[i].port);
		assert_string_equal(uri.path, rows[i].path);
		assert_string_equal(uri.query, rows[i].query);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_encode), cmocka_unit_test(test_https),
					    cmocka_unit_test(test_parse) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
