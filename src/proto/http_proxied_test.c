/* The PROXY header: read alone, and in front of a connection from a trusted or an untrusted peer. */
#include "http_testbed.h"

#include "cidr.h"
#include "proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* A header of command and family with n bytes behind it. */
static void header(struct buf *out, uint8_t command, uint8_t family, const void *p, size_t n)
{
	const uint8_t fixed[4] = { command, family, (uint8_t)(n >> 8), (uint8_t)n };

	buf_add(out, SIGNATURE, 12);
	buf_add(out, fixed, 4);
	buf_add(out, p, n);
}

static const char tcp4[] = "\xcb\0\x71\x09\x7f\0\0\1\x12\x34\x01\xbb";	/* 203.0.113.9 to 127.0.0.1 */
static const char tcp6[] = "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x12\x34\x01\xbb";

static void headers_are_read(void **state)
{
	AUTO_BUF b = { 0 };
	struct proxy_header h;

	(void)state;
	header(&b, 0x21, 0x11, tcp4, 12);
	assert_int_equal(proxy_header_length((const uint8_t *)b.p), 28);
	assert_true(proxy_header_parse((const uint8_t *)b.p, b.n, &h));
	assert_false(h.local);
	assert_int_equal(h.source.ss_family, AF_INET);
	assert_memory_equal(&((struct sockaddr_in *)&h.source)->sin_addr, tcp4, 4);
	assert_int_equal(ntohs(((struct sockaddr_in *)&h.source)->sin_port), 0x1234);
	buf_reset(&b);
	header(&b, 0x21, 0x21, tcp6, 36);
	assert_true(proxy_header_parse((const uint8_t *)b.p, b.n, &h));
	assert_int_equal(h.source.ss_family, AF_INET6);
	assert_memory_equal(&((struct sockaddr_in6 *)&h.source)->sin6_addr, tcp6, 16);
	buf_reset(&b);
	header(&b, 0x20, 0x00, "", 0);		/* LOCAL */
	assert_true(proxy_header_parse((const uint8_t *)b.p, b.n, &h));
	assert_true(h.local);
	buf_reset(&b);
	header(&b, 0x21, 0x00, "", 0);		/* unknown client */
	assert_true(proxy_header_parse((const uint8_t *)b.p, b.n, &h));
	assert_true(h.local);
}

static void extensions_are_checked(void **state)
{
	AUTO_BUF b = { 0 };
	AUTO_BUF rest = { 0 };
	struct proxy_header h;

	(void)state;
	buf_add(&rest, tcp4, 12);
	buf_add(&rest, "\x04\0\3abc", 6);		/* NOOP */
	buf_add(&rest, "\x03\0\4\x28\x67\x47\x62", 7);	/* CRC-32C */
	header(&b, 0x21, 0x11, rest.p, rest.n);
	assert_true(proxy_header_parse((const uint8_t *)b.p, b.n, &h));
	/* What is altered is noticed, unless it says that there is nothing to check (LOCAL; another type than a checksum's). */
	for (size_t at = 13; at < b.n; at++) {
		b.p[at] ^= 1;
		if (at != 16 + 12 + 6)
			assert_false(proxy_header_length((const uint8_t *)b.p) == b.n && proxy_header_parse((const uint8_t *)b.p, b.n, &h));
		b.p[at] ^= 1;
	}
	for (size_t n = 0; n < b.n; n++)
		assert_false(proxy_header_parse((const uint8_t *)b.p, n, &h));
}

static void nothing_else_is_a_header(void **state)
{
	static const struct { uint8_t command, family; size_t n; } cases[] = {
		{ 0x11, 0x11, 12 }, { 0x31, 0x11, 12 }, { 0x22, 0x11, 12 }, { 0x2f, 0x11, 12 }, { 0x21, 0x12, 12 }, { 0x21, 0x22, 36 },
		{ 0x21, 0x41, 12 }, { 0x21, 0x11, 11 }, { 0x21, 0x21, 35 }, { 0x21, 0x31, 215 }, { 0x21, 0x11, 13 }, { 0x21, 0x11, 14 },
		{ 0x21, 0x11, 2033 },
	};
	static const uint8_t zeros[2048];
	struct proxy_header h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF b = { 0 };

		header(&b, cases[i].command, cases[i].family, zeros, cases[i].n);
		if (proxy_header_parse((const uint8_t *)b.p, b.n, &h))
			fail_msg("case %zu", i);
	}
	assert_int_equal(proxy_header_length((const uint8_t *)"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), 0);
	assert_int_equal(proxy_header_length((const uint8_t *)"\x16\x03\x01\x02\0\1\0\1\xfc\3\3abcde"), 0);
}

static void server_up_behind(struct fixture *f, const char *fronts, unsigned per_net)
{
	struct http_server_config config = { .listen_count = 1, .loops = 1, .workers_max = 4, .limits = usual_limits, .http2 = true };
	struct cidr nets[4];
	struct err err;

	make_certificate(&f->cert_pem, &f->key_pem);
	f->listen_fd = listen_somewhere(&f->port);
	config.listen_fds = &f->listen_fd;
	config.cert_pem = f->cert_pem;
	config.key_pem = f->key_pem;
	config.limits.connections_per_net = per_net;
	config.limits.handshake_s = 3;
	config.proxy_from = nets;
	config.proxy_count = (size_t)cidr_list(fronts, nets, 4);
	if (http_server_start(&config, &test_app, &f->server, &err) != PLI_OK)
		fail_msg("%s", err.text);
	f->client_ctx = SSL_CTX_new(TLS_client_method());
	seen.planned = seen.done = 0;
}

/* A connection that begins with those bytes, in pieces; false when there is no TLS behind them. */
static bool open_behind(const struct fixture *f, struct client *c, const struct buf *first, size_t piece)
{
	c->fd = tcp_open(f);
	for (size_t at = 0; at < first->n; at += piece) {
		size_t n = piece < first->n - at ? piece : first->n - at;

		assert_int_equal(send(c->fd, first->p + at, n, MSG_NOSIGNAL), (ssize_t)n);
	}
	c->ssl = SSL_new(f->client_ctx);
	SSL_set_fd(c->ssl, c->fd);
	buf_init(&c->in);
	ERR_clear_error();
	return SSL_connect(c->ssl) == 1;
}

static void clients_are_named(void **state)
{
	struct fixture f;
	struct client c;
	AUTO_BUF four = { 0 };
	AUTO_BUF six = { 0 };
	AUTO_BUF local = { 0 };
	AUTO_BUF none = { 0 };
	AUTO_BUF broken = { 0 };
	AUTO_BUF half = { 0 };

	(void)state;
	header(&four, 0x21, 0x11, tcp4, 12);
	header(&six, 0x21, 0x21, tcp6, 36);
	header(&local, 0x20, 0, "", 0);
	header(&broken, 0x21, 0x12, tcp4, 12);
	buf_add(&half, four.p, 20);
	server_up_behind(&f, "192.0.2.0/24, 127.0.0.0/8", 0);
	assert_true(open_behind(&f, &c, &four, 100));
	client_say(&c, "GET /peer HTTP/1.1\r\n" H "\r\n");
	expect_reply(&c, 200, "203.0.113.9 203.0.113.0/24 TLSv1.3 http/1.1");
	client_close(&c);
	assert_true(open_behind(&f, &c, &six, 1));
	client_say(&c, "GET /peer HTTP/1.1\r\n" H "\r\n");
	expect_reply(&c, 200, "2001:db8::7 2001:db8::/64 TLSv1.3 http/1.1");
	client_close(&c);
	assert_true(open_behind(&f, &c, &local, 7));
	client_say(&c, "GET /peer HTTP/1.1\r\n" H "\r\n");
	expect_reply(&c, 200, "127.0.0.1 127.0.0.0/24 TLSv1.3 http/1.1");
	client_close(&c);
	/* A front that says nothing, nonsense or too little gets nothing. */
	assert_false(open_behind(&f, &c, &none, 1));
	client_close(&c);
	assert_false(open_behind(&f, &c, &broken, 100));
	client_close(&c);
	assert_false(open_behind(&f, &c, &half, 100));
	client_close(&c);
	server_down(&f);
}

static void strangers_may_not(void **state)
{
	struct fixture f;
	struct client c;
	AUTO_BUF four = { 0 };
	AUTO_BUF none = { 0 };

	(void)state;
	header(&four, 0x21, 0x11, tcp4, 12);
	server_up_behind(&f, "192.0.2.0/24", 0);
	assert_false(open_behind(&f, &c, &four, 100));
	client_close(&c);
	assert_true(open_behind(&f, &c, &none, 1));
	client_say(&c, "GET /peer HTTP/1.1\r\n" H "\r\n");
	expect_reply(&c, 200, "127.0.0.1 127.0.0.0/24 TLSv1.3 http/1.1");
	client_close(&c);
	server_down(&f);
}

/* The limit of connections is the clients', not the front's. */
static void clients_are_counted(void **state)
{
	struct fixture f;
	struct client same[2], more, other;
	AUTO_BUF four = { 0 };
	AUTO_BUF six = { 0 };

	(void)state;
	header(&four, 0x21, 0x11, tcp4, 12);
	header(&six, 0x21, 0x21, tcp6, 36);
	server_up_behind(&f, "127.0.0.1", 2);
	assert_true(open_behind(&f, &same[0], &four, 100));
	assert_true(open_behind(&f, &same[1], &four, 100));
	assert_false(open_behind(&f, &more, &four, 100));
	client_close(&more);
	assert_true(open_behind(&f, &other, &six, 100));
	client_say(&other, "GET /hello HTTP/1.1\r\n" H "\r\n");
	expect_reply(&other, 200, "hello");
	client_close(&other);
	client_close(&same[0]);
	client_close(&same[1]);
	server_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(extensions_are_checked),
		cmocka_unit_test(nothing_else_is_a_header),
		cmocka_unit_test(clients_are_named),
		cmocka_unit_test(strangers_may_not),
		cmocka_unit_test(clients_are_counted),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
