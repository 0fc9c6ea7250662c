/* Heads and floods of HTTP/2 without a wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "pool.h"
#include "status.h"

#include "http.h"
#include "http2_flood.h"
#include "http2_head.h"

/* Judges fields given as name, value, …, NULL. */
static int judge(struct pool *pool, const char *const *fields, struct http_request *req, const char **why_r)
{
	struct http2_head h;
	struct err err = { 0 };
	int status;

	http2_head_init(&h, pool, 16384);
	for (; *fields; fields += 2)
		http2_head_field(&h, fields[0], strlen(fields[0]), fields[1], strlen(fields[1]));
	status = http2_head_finish(&h, req, &err);
	http2_head_free(&h);
	if (why_r)
		*why_r = pool_str(pool, err.text);
	return status;
}

#define GOOD ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/"

static void good_heads(void **state)
{
	const char *fields[] = { ":method", "POST", ":scheme", "https", ":path", "/a%20b?c=d", ":authority", "LocalHost:8443", "cookie", "a=1",
				 "x-y", "z", "cookie", "b=2", "content-length", "12", "x-empty", "", "expect", "100-continue", NULL };
	AUTO_POOL pool = pool_new();
	struct http_request req = { 0 };

	(void)state;
	assert_int_equal(judge(pool, fields, &req, NULL), 0);
	assert_int_equal(req.method, HTTP_POST);
	assert_string_equal(req.path, "/a b");
	assert_string_equal(req.query, "c=d");
	assert_string_equal(req.target, "/a%20b?c=d");
	assert_string_equal(req.host, "localhost");
	assert_string_equal(http_field(&req, "host"), "LocalHost:8443");
	assert_string_equal(http_field(&req, "cookie"), "a=1; b=2");
	assert_string_equal(http_field(&req, "x-y"), "z");
	assert_string_equal(http_field(&req, "x-empty"), "");
	assert_string_equal(http_field(&req, "content-length"), "12");
	assert_null(http_field(&req, ":path"));
	assert_int_equal(req.field_count, 6);
}

static void bad_heads(void **state)
{
	static const struct {
		int status;
		const char *fields[20];
		const char *why;
	} cases[] = {
		{ 400, { GOOD, ":path", "/" }, "a pseudo-field stands there more than once" },
		{ 400, { ":method", "GET", "x", "y", ":path", "/" }, "a pseudo-field stands behind the others" },
		{ 400, { GOOD, ":status", "200" }, "a pseudo-field is not known" },
		{ 400, { GOOD, "X-Y", "z" }, "a header name is not a token in lower case" },
		{ 400, { GOOD, "x y", "z" }, "a header name is not a token in lower case" },
		{ 400, { GOOD, "", "z" }, "a header name is not a token in lower case" },
		{ 400, { GOOD, "x", "a\rb" }, "a header value holds control characters or is not UTF-8" },
		{ 400, { GOOD, "x", "a " }, "a header value holds control characters or is not UTF-8" },
		{ 400, { GOOD, "x", "\xc3" }, "a header value holds control characters or is not UTF-8" },
		{ 400, { GOOD, "connection", "close" }, "a header field is for connections of HTTP/1 only" },
		{ 400, { GOOD, "transfer-encoding", "chunked" }, "a header field is for connections of HTTP/1 only" },
		{ 400, { GOOD, "upgrade", "websocket" }, "a header field is for connections of HTTP/1 only" },
		{ 400, { GOOD, "te", "trailers, deflate" }, "a header field is for connections of HTTP/1 only" },
		{ 400, { GOOD, "content-length", "1", "content-length", "1" }, "Content-Length stands there more than once" },
		{ 400, { GOOD, "content-length", "-1" }, "Content-Length is not one plain number" },
		{ 400, { GOOD, "content-length", "" }, "Content-Length is not a number that can be meant" },
		{ 400, { GOOD, "host", "localhost", "host", "localhost" }, "Host stands there more than once" },
		{ 400, { GOOD, "host", "other" }, "Host differs from the target's authority" },
		{ 417, { GOOD, "expect", "200-ok" }, "only Expect: 100-continue is understood" },
		{ 400, { ":method", "GET", ":scheme", "https", ":path", "/" }, "Host is missing" },
		{ 400, { ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "" }, "Host is missing" },
		{ 400, { ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a b" }, "Host is malformed" },
		{ 400, { ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a" }, "the scheme is not https" },
		{ 400, { ":method", "GET", ":path", "/", ":authority", "a" }, "the scheme is not https" },
		{ 400, { ":method", "GET", ":scheme", "https", ":authority", "a" }, "the path does not begin with a slash" },
		{ 400, { ":method", "GET", ":scheme", "https", ":path", "", ":authority", "a" }, "the path does not begin with a slash" },
		{ 400, { ":method", "GET", ":scheme", "https", ":path", "https://a/", ":authority", "a" }, "the path does not begin with a slash" },
		{ 400, { ":method", "GET", ":scheme", "https", ":path", "*", ":authority", "a" }, "the target * is for OPTIONS only" },
		{ 400, { ":method", "GET", ":scheme", "https", ":path", "/\x7f", ":authority", "a" }, "the target holds bytes that must be percent-encoded" },
		{ 400, { ":scheme", "https", ":path", "/", ":authority", "a" }, "the method is not a token" },
		{ 501, { ":method", "get", ":scheme", "https", ":path", "/", ":authority", "a" }, "the method is not known" },
		{ 501, { ":method", "CONNECT", ":authority", "a:1" }, "the method is not known" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_POOL pool = pool_new();
		struct http_request req = { 0 };
		const char *why = "";
		int status = judge(pool, cases[i].fields, &req, &why);

		if (status != cases[i].status || strcmp(why, cases[i].why) != 0)
			fail_msg("case %zu: %d %s", i, status, why);
	}
}

static void large_heads(void **state)
{
	AUTO_POOL pool = pool_new();
	struct http_request req = { 0 };
	struct http2_head h;
	struct err err;
	char value[4000];

	(void)state;
	memset(value, 'v', sizeof(value));
	http2_head_init(&h, pool, 16384);
	for (int i = 0; i < 1000; i++)
		http2_head_field(&h, "x", 1, value, sizeof(value));
	assert_int_equal(h.bytes, 1000 * 4001);
	assert_int_equal(h.field_count, 4);
	assert_int_equal(http2_head_finish(&h, &req, &err), 431);
	http2_head_free(&h);
	http2_head_init(&h, pool, 16384);
	for (int i = 0; i < 200; i++)
		http2_head_field(&h, "x", 1, "y", 1);
	assert_int_equal(h.field_count, HEAD_GUARD_FIELDS);
	assert_int_equal(http2_head_finish(&h, &req, &err), 431);
	http2_head_free(&h);
}

static void floods_leak(void **state)
{
	struct http2_flood f = { 0 };
	int64_t now = 5 * SECOND_US;
	unsigned n = 0;

	(void)state;
	while (!http2_flood_reset(&f, now))
		n++;
	assert_int_equal(n, HTTP2_RESETS_BURST);
	/* after a while as many more as have leaked */
	now += 10 * SECOND_US;
	for (n = 0; !http2_flood_reset(&f, now); n++)
		;
	assert_int_equal(n, 10 * HTTP2_RESETS_PER_S - 1);
	/* at the rate that leaks: without end */
	f = (struct http2_flood){ 0 };
	for (n = 0; n < 100000; n++, now += SECOND_US / HTTP2_RESETS_PER_S)
		assert_false(http2_flood_reset(&f, now));
	/* what our own frames explain costs nothing */
	for (n = 0; n < 100000; n++) {
		http2_flood_excuse(&f, 3);
		for (int i = 0; i < 3; i++)
			assert_false(http2_flood_frame(&f, now));
	}
	for (n = 0; !http2_flood_frame(&f, now); n++)
		;
	assert_true(n >= HTTP2_FRAMES_BURST - 3);
	/* a clock that stands still or jumps is no trouble */
	now += INT64_C(1000000) * SECOND_US;
	assert_false(http2_flood_frame(&f, now));
	assert_false(http2_flood_frame(&f, now - SECOND_US));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_heads),
		cmocka_unit_test(bad_heads),
		cmocka_unit_test(large_heads),
		cmocka_unit_test(floods_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
