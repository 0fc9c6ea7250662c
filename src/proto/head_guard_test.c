/* The guard and the grammar together: each hostile head beside the well-formed twin that is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "head_guard.h"
#include "http1_head.h"

#define HOST "Host: pli.example\r\n"

struct head_case {
	int status;		/* 0: accepted */
	const char *head;
	size_t n;		/* 0: strlen */
};

static const struct head_case head_cases[] = {
	{ 0, "GET / HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ 0, "GET / HTTP/1.0\r\n" HOST "\r\n", 0 },
	{ 0, "PATCH /a?b=c HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", 0 },
	{ 0, "GET / HTTP/1.1\r\nhost:pli.example:8443\r\n\r\n", 0 },
	{ 0, "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", 0 },
	{ 0, "GET / HTTP/1.1\r\n" HOST "X-Empty:\r\nX-Spaces:   \t \r\nX-Tail: a  \r\n\r\n", 0 },
	{ 0, "GET / HTTP/1.1\r\n" HOST "X-Name: \xc3\xa9t\xc3\xa9\r\n\r\n", 0 },
	{ 0, "GET / HTTP/1.1\r\n" HOST "Connection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n\r\n", 0 },
	{ 0, "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", 0 },
	{ 0, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0005\r\n\r\n", 0 },
	{ 0, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0 },
	/* line ends */
	{ 400, "GET / HTTP/1.1\n" HOST "\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost: pli.example\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "X: a\r\r\n\r\n", 0 },
	{ 400, "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ 400, "GET /\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", sizeof("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n") - 1 },
	{ 400, "GET /\0 HTTP/1.1\r\n" HOST "\r\n", sizeof("GET /\0 HTTP/1.1\r\n" HOST "\r\n") - 1 },
	/* request line */
	{ 400, "GET  / HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ 400, "GET / HTTP/1.1 \r\n" HOST "\r\n", 0 },
	{ 400, " GET / HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ 400, "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ 400, "GET / http/1.1\r\n" HOST "\r\n", 0 },
	{ 400, "GET / HTTP/1.1x\r\n" HOST "\r\n", 0 },
	{ 400, "GET / HTTP/11\r\n" HOST "\r\n", 0 },
	{ 400, "GET / x HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ 400, "GET /\x7f HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ 400, "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ 400, "G(T / HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ 501, "BREW / HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ 501, "get / HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ 505, "GET / HTTP/1.2\r\n" HOST "\r\n", 0 },
	{ 505, "GET / HTTP/2.0\r\n" HOST "\r\n", 0 },
	{ 505, "GET / HTTP/0.9\r\n" HOST "\r\n", 0 },
	{ 505, "PRI * HTTP/2.0\r\n\r\n", 0 },
	/* field lines */
	{ 400, "GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "X\t: a\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "X Y: a\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n X: a\r\n" HOST "\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "X\xc3\xa9: a\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "X: \xff\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "X: a\x08\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", 0 },
	/* Host */
	{ 400, "GET / HTTP/1.1\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.0\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\n" HOST "hOST: other.example\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost: a:8o\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost: a..b\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 0 },
	{ 400, "GET / HTTP/1.1\r\nHost: [zz]\r\n\r\n", 0 },
	/* framing */
	{ 411, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 0 },
	{ 411, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },
	{ 411, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 0 },
	{ 411, "POST / HTTP/1.1\r\n" HOST "transfer-encoding: xchunked\r\n\r\n", 0 },
	{ 411, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", 0 },
	{ 411, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 0 },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n", 0 },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 0 },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 0 },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n", 0 },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\n", 0 },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 0 },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\n", 0 },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5 5\r\n\r\n", 0 },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 0 },
	{ 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 0 },
	{ 417, "POST / HTTP/1.1\r\n" HOST "Expect: the unexpected\r\nContent-Length: 1\r\n\r\n", 0 },
};

static void heads_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(head_cases) / sizeof(head_cases[0]); i++) {
		const struct head_case *hc = &head_cases[i];
		size_t n = hc->n ? hc->n : strlen(hc->head);
		struct head_guard g;
		const char *why = NULL;
		int status = http1_head_parse(hc->head, n, &g, &why);

		if (status != hc->status)
			fail_msg("case %zu: %d instead of %d (%s)", i, status, hc->status, why ? why : "accepted");
		if (status != 0)
			assert_non_null(why);
	}
}

static void facts_are_taken(void **state)
{
	static const char head[] = "POST /x?y HTTP/1.1\r\nA:  b c \t\r\n" HOST
				   "Content-Length: 42\r\nConnection: foo , CLOSE\r\nExpect: 100-continue\r\n\r\n";
	struct head_guard g;
	const char *why;

	(void)state;
	assert_int_equal(http1_head_parse(head, sizeof(head) - 1, &g, &why), 0);
	assert_int_equal(g.content_length, 42);
	assert_true(g.has_length && g.wants_close && g.expects_continue);
	assert_int_equal(g.minor, 1);
	assert_int_equal(g.field_count, 5);
	assert_int_equal(g.fields[0].value.n, 3);
	assert_memory_equal(g.fields[0].value.p, "b c", 3);
	assert_int_equal(g.target.n, 4);
	assert_memory_equal(g.host.p, "pli.example", g.host.n);
}

/* Byte by byte the end is found where it is, and never later than a broken line end allows. */
static void end_is_found_while_arriving(void **state)
{
	static const char good[] = "GET / HTTP/1.1\r\n" HOST "\r\nGET /second";
	static const char bad[] = "GET / HTTP/1.1\nHost: pli.example\r\n\r\n";
	size_t len = sizeof("GET / HTTP/1.1\r\n" HOST "\r\n") - 1, line = 0;

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(head_guard_end(good, n, &line), 0);
	assert_int_equal(head_guard_end(good, sizeof(good) - 1, &line), (long)len);
	line = 0;
	assert_int_equal(head_guard_end(bad, 14, &line), 0);
	assert_int_equal(head_guard_end(bad, 15, &line), -1);
	line = 0;
	assert_int_equal(head_guard_end("\r\n", 2, &line), -1);
	line = 0;
	assert_int_equal(head_guard_end("GET\0", 4, &line), -1);
	line = 0;
	assert_int_equal(head_guard_end("GET\rx", 5, &line), -1);
}

static void too_many_fields(void **state)
{
	char head[8192];
	size_t n = 0;
	struct head_guard g;
	const char *why;

	(void)state;
	for (int fields = 100; fields <= 101; fields++) {
		n = (size_t)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\n" HOST);
		for (int i = 1; i < fields; i++)
			n += (size_t)snprintf(head + n, sizeof(head) - n, "X-%d: %d\r\n", i, i);
		n += (size_t)snprintf(head + n, sizeof(head) - n, "\r\n");
		assert_int_equal(http1_head_parse(head, n, &g, &why), fields == 100 ? 0 : 431);
	}
}

static void hosts_are_read(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "Pli.Example", "pli.example" }, { "pli.example:8443", "pli.example" }, { "127.0.0.1:1", "127.0.0.1" },
		{ "[2001:DB8::1]:443", "[2001:db8::1]" }, { "localhost:", "localhost" }, { "a.", "a." },
		{ "", NULL }, { ":1", NULL }, { ".a", NULL }, { "a:b:c", NULL }, { "[]", NULL }, { "a%41", NULL },
	};
	char name[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool ok = head_guard_host((struct head_span){ cases[i].in, strlen(cases[i].in) }, name, sizeof(name));

		if (ok != (cases[i].out != NULL))
			fail_msg("case %zu", i);
		if (ok)
			assert_string_equal(name, cases[i].out);
	}
	assert_false(head_guard_host((struct head_span){ "abcd", 4 }, name, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_judged),	       cmocka_unit_test(facts_are_taken),
		cmocka_unit_test(end_is_found_while_arriving), cmocka_unit_test(too_many_fields),
		cmocka_unit_test(hosts_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
