/* The HTTP engine end to end, by what a client may say: kept-alive, pipelined, after 100 Continue, hostile, over
 * narrow TLS. */
#include "http_testbed.h"

static void answers_are_kept_alive(void **state)
{
	struct fixture f;
	struct client c;
	struct reply r;
	char text[64];

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	for (int i = 0; i < 50; i++) {
		client_say(&c, "GET /hello HTTP/1.1\r\n" H "\r\n");
		expect_reply(&c, 200, "hello");
		client_say(&c, "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc");
		expect_reply(&c, 200, "abc");
	}
	client_say(&c, "GET /empty HTTP/1.1\r\n" H "\r\n");
	assert_true(client_reply(&c, &r));
	assert_int_equal(r.status, 204);
	assert_true(r.length == UINT64_MAX && !r.close);
	reply_free(&r);
	client_say(&c, "POST /echo HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n");
	expect_reply(&c, 200, "");
	client_say(&c, "GET /request?a=b HTTP/1.1\r\nHost: LocalHost:8443\r\nX-Test:  v w \r\n\r\n");
	expect_reply(&c, 200, "localhost|/request|a=b|v w");
	client_say(&c, "GET /peer HTTP/1.1\r\n" H "\r\n");
	expect_reply(&c, 200, "127.0.0.1 127.0.0.0/24 TLSv1.3 http/1.1");
	client_say(&c, "GET /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
	assert_true(client_reply(&c, &r));
	assert_true(r.close);
	assert_non_null(reply_field(&r, "Content-Type", text, sizeof(text)));
	reply_free(&r);
	expect_end(&c);
	client_close(&c);
	assert_int_equal(one_request(&f, "GET /hello HTTP/1.0\r\n" H "\r\n"), 200);
	assert_int_equal(one_request(&f, "GET /close HTTP/1.1\r\n" H "\r\n"), 200);
	server_down(&f);
}

static void pipelined_requests_stay_in_order(void **state)
{
	static const char three[] = "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\noneGET /hello HTTP/1.1\r\n" H
				    "\r\nPOST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nthree";
	struct fixture f;
	struct client c;

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	client_say(&c, three);
	expect_reply(&c, 200, "one");
	expect_reply(&c, 200, "hello");
	expect_reply(&c, 200, "three");
	/* in pieces that cut everywhere */
	for (size_t cut = 1; cut < sizeof(three) - 1; cut += 7) {
		client_send(&c, three, cut);
		client_send(&c, three + cut, sizeof(three) - 1 - cut);
		expect_reply(&c, 200, "one");
		expect_reply(&c, 200, "hello");
		expect_reply(&c, 200, "three");
	}
	/* many at once: more than one turn of the loop */
	for (int i = 0; i < 200; i++)
		client_say(&c, "GET /hello HTTP/1.1\r\n" H "\r\n");
	for (int i = 0; i < 200; i++)
		expect_reply(&c, 200, "hello");
	client_close(&c);
	server_down(&f);
}

static void expect_is_answered_in_time(void **state)
{
	struct fixture f;
	struct client c;
	struct reply r;

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	client_say(&c, "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_true(client_head(&c, &r));
	assert_int_equal(r.status, 100);
	reply_free(&r);
	client_say(&c, "abc");
	expect_reply(&c, 200, "abc");
	client_say(&c, "PUT /sink HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n");
	assert_true(client_head(&c, &r));
	assert_int_equal(r.status, 100);
	reply_free(&r);
	client_send(&c, "", 1);
	expect_reply(&c, 201, "1 right");
	/* no 100 for what is refused, and the connection ends: the body may come or not */
	client_say(&c, "PUT /sink/denied HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n");
	assert_true(client_reply(&c, &r));
	assert_true(r.status == 409 && r.close);
	reply_free(&r);
	expect_end(&c);
	client_close(&c);
	assert_int_equal(one_request(&f, "POST /echo HTTP/1.1\r\n" H
					 "Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"),
			 413);
	assert_int_equal(one_request(&f, "POST /echo HTTP/1.1\r\n" H "Expect: x\r\nContent-Length: 1\r\n\r\nx"), 417);
	server_down(&f);
}

static void head_has_no_body(void **state)
{
	struct fixture f;
	struct client c;
	struct reply r;
	static const struct {
		const char *target;
		uint64_t length;
	} cases[] = { { "/hello", 5 }, { "/source?5000000", 5000000 }, { "/big", 300000 } };

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "HEAD %s HTTP/1.1\r\n" H "\r\n", cases[i].target);
		client_say(&c, text);
		assert_true(client_head(&c, &r));
		assert_int_equal(r.status, 200);
		assert_int_equal(r.length, cases[i].length);
		reply_free(&r);
		client_say(&c, "GET /hello HTTP/1.1\r\n" H "\r\n");
		expect_reply(&c, 200, "hello");
	}
	client_close(&c);
	server_down(&f);
}

static void hostile_heads_are_refused(void **state)
{
	static const struct {
		int status;
		const char *request, *twin;
	} cases[] = {
		{ 411, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		  "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n0\r\n\r\n" },
		{ 411, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		  "POST /echo HTTP/1.1\r\n" H "X-Transfer-Encoding: chunked\r\n\r\n" },
		{ 400, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
		  "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello" },
		{ 400, "GET /hello HTTP/1.1\r\n" H "X : y\r\n\r\n", "GET /hello HTTP/1.1\r\n" H "X: y\r\n\r\n" },
		{ 400, "GET /hello HTTP/1.1\n" H "\r\n", "GET /hello HTTP/1.1\r\n" H "\r\n" },
		{ 400, "GET /hello\n\n", "GET /hello HTTP/1.0\r\n" H "\r\n" },
		{ 400, "GET /hello HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n",
		  "GET /hello HTTP/1.1\r\n" H "X: a b\r\n\r\n" },
		{ 400, "GET /hello HTTP/1.1\r\n\r\n", "GET /hello HTTP/1.1\r\n" H "\r\n" },
		{ 400, "GET /hello HTTP/1.1\r\n" H H "\r\n", "GET /hello HTTP/1.1\r\n" H "\r\n" },
		{ 400, "GET /a/../hello HTTP/1.1\r\n" H "\r\n", "GET /hello HTTP/1.1\r\n" H "\r\n" },
		{ 400, "GET /%2e%2e/hello HTTP/1.1\r\n" H "\r\n", "GET /%68ello HTTP/1.1\r\n" H "\r\n" },
		{ 400, "GET https://other/hello HTTP/1.1\r\n" H "\r\n",
		  "GET https://localhost/hello HTTP/1.1\r\n" H "\r\n" },
		{ 400, "GET * HTTP/1.1\r\n" H "\r\n", "OPTIONS * HTTP/1.1\r\n" H "\r\n" },
		{ 421, "GET /hello HTTP/1.1\r\nHost: other.example\r\n\r\n",
		  "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:9\r\n\r\n" },
		{ 501, "BREW /hello HTTP/1.1\r\n" H "\r\n", "DELETE /hello HTTP/1.1\r\n" H "\r\n" },
		{ 505, "GET /hello HTTP/2.0\r\n" H "\r\n", "GET /hello HTTP/1.1\r\n" H "\r\n" },
	};
	struct fixture f;

	(void)state;
	server_up(&f, &usual_limits);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client c;
		struct reply r;
		int handled = seen_get(&seen.handled);

		client_open(&f, &c);
		client_say(&c, cases[i].request);
		client_say(&c, "GET /hello HTTP/1.1\r\n" H "\r\n");	/* what would be smuggled */
		if (!client_reply(&c, &r))
			fail_msg("case %zu: no answer", i);
		if (r.status != cases[i].status || !r.close)
			fail_msg("case %zu: %d instead of %d", i, r.status, cases[i].status);
		reply_free(&r);
		expect_end(&c);
		client_close(&c);
		assert_int_equal(seen_get(&seen.handled), handled);
		if (one_request(&f, cases[i].twin) != 200)
			fail_msg("case %zu: its twin was refused", i);
	}
	server_down(&f);
}

static void large_heads_are_refused(void **state)
{
	struct fixture f;
	struct client c;
	struct reply r;
	char *text = mem_alloc(210000);
	size_t n;

	(void)state;
	server_up(&f, &usual_limits);
	n = (size_t)snprintf(text, 210000, "GET /hello HTTP/1.1\r\n" H);
	for (int i = 0; n < 200 * 1024; i++)
		n += (size_t)snprintf(text + n, 210000 - n, "X-%d: %0100d\r\n", i, i);
	client_open(&f, &c);
	assert_true(client_send(&c, text, n));
	assert_true(client_reply(&c, &r));
	assert_int_equal(r.status, 431);
	reply_free(&r);
	expect_end(&c);
	client_close(&c);
	/* one line */
	memset(text, 'a', 200000);
	memcpy(text, "GET /", 5);
	client_open(&f, &c);
	assert_true(client_send(&c, text, 200000));
	expect_reply(&c, 414, NULL);
	client_close(&c);
	/* just below the limit */
	memset(text, 'a', 16384);
	n = (size_t)snprintf(text, 210000, "GET /hello HTTP/1.1\r\n" H "X: ");
	text[n] = 'a';
	memcpy(text + 16380, "\r\n\r\n", 4);
	client_open(&f, &c);
	client_send(&c, text, 16384);
	expect_reply(&c, 200, "hello");
	client_close(&c);
	server_down(&f);
	mem_free(text);
}

static void nets_are_limited(void **state)
{
	struct http_limits limits = usual_limits;
	struct fixture f;
	struct client c[3];
	int fd;
	char ch;

	(void)state;
	limits.connections_per_net = 3;
	server_up(&f, &limits);
	for (int i = 0; i < 3; i++)
		client_open(&f, &c[i]);
	fd = tcp_open(&f);
	assert_true(recv(fd, &ch, 1, 0) <= 0);
	close(fd);
	client_say(&c[0], "GET /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
	expect_reply(&c[0], 200, "hello");
	expect_end(&c[0]);
	client_close(&c[0]);
	for (int i = 1; i < 3; i++) {
		client_say(&c[i], "GET /hello HTTP/1.1\r\n" H "\r\n");
		expect_reply(&c[i], 200, "hello");
		client_close(&c[i]);
	}
	server_down(&f);
}

static void tls_is_narrow(void **state)
{
	struct fixture f;
	struct client c;
	struct err err;
	char *cert, *key;
	static const unsigned char other[] = "\x02h3", both[] = "\x08http/1.1\x02h2", old[] = "\x08http/1.1";
	const unsigned char *chosen;
	unsigned chosen_n;

	(void)state;
	server_up(&f, &usual_limits);
	/* TLS 1.1 is refused */
	c.fd = tcp_open(&f);
	c.ssl = SSL_new(f.client_ctx);
	SSL_set_fd(c.ssl, c.fd);
	SSL_set_security_level(c.ssl, 0);
	SSL_set_min_proto_version(c.ssl, TLS1_VERSION);
	SSL_set_max_proto_version(c.ssl, TLS1_1_VERSION);
	assert_int_not_equal(SSL_connect(c.ssl), 1);
	SSL_free(c.ssl);
	close(c.fd);
	/* no protocol in common */
	c.fd = tcp_open(&f);
	c.ssl = SSL_new(f.client_ctx);
	SSL_set_fd(c.ssl, c.fd);
	SSL_set_alpn_protos(c.ssl, other, 3);
	assert_int_not_equal(SSL_connect(c.ssl), 1);
	SSL_free(c.ssl);
	close(c.fd);
	/* of two protocols the newer one, whatever the client's order */
	c.fd = tcp_open(&f);
	c.ssl = SSL_new(f.client_ctx);
	SSL_set_fd(c.ssl, c.fd);
	SSL_set_alpn_protos(c.ssl, both, 12);
	assert_int_equal(SSL_connect(c.ssl), 1);
	SSL_get0_alpn_selected(c.ssl, &chosen, &chosen_n);
	assert_int_equal(chosen_n, 2);
	SSL_free(c.ssl);
	close(c.fd);
	/* TLS 1.2, and the older protocol alone */
	c.fd = tcp_open(&f);
	c.ssl = SSL_new(f.client_ctx);
	SSL_set_fd(c.ssl, c.fd);
	SSL_set_alpn_protos(c.ssl, old, 9);
	SSL_set_max_proto_version(c.ssl, TLS1_2_VERSION);
	assert_int_equal(SSL_connect(c.ssl), 1);
	SSL_get0_alpn_selected(c.ssl, &chosen, &chosen_n);
	assert_int_equal(chosen_n, 8);
	buf_init(&c.in);
	client_say(&c, "GET /peer HTTP/1.1\r\n" H "\r\n");
	expect_reply(&c, 200, "127.0.0.1 127.0.0.0/24 TLSv1.2 http/1.1");
	assert_int_not_equal(SSL_renegotiate(c.ssl) == 1 && SSL_do_handshake(c.ssl) == 1, 1);
	client_close(&c);
	/* another certificate for new connections; a bad one changes nothing */
	assert_int_equal(http_server_certificate(f.server, "no pem", f.key_pem, &err), PLI_INPUT);
	make_certificate(&cert, &key);
	assert_int_equal(http_server_certificate(f.server, cert, f.key_pem, &err), PLI_INPUT);
	assert_int_equal(http_server_certificate(f.server, cert, key, &err), PLI_OK);
	assert_int_equal(one_request(&f, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
	mem_free(cert);
	mem_free(key);
	/* something that is no TLS at all */
	c.fd = tcp_open(&f);
	assert_true(send(c.fd, "GET / HTTP/1.1\r\n\r\n", 18, 0) == 18);
	{
		char junk[256];

		while (recv(c.fd, junk, sizeof(junk), 0) > 0)
			;
	}
	close(c.fd);
	server_down(&f);
}

static void tickets_resume(void **state)
{
	struct fixture f;
	struct client c;
	SSL_SESSION *session;

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	client_say(&c, "GET /hello HTTP/1.1\r\n" H "\r\n");
	expect_reply(&c, 200, "hello");
	session = SSL_get1_session(c.ssl);
	assert_true(SSL_SESSION_is_resumable(session));
	SSL_shutdown(c.ssl);
	client_close(&c);
	c.fd = tcp_open(&f);
	c.ssl = SSL_new(f.client_ctx);
	SSL_set_fd(c.ssl, c.fd);
	SSL_set_session(c.ssl, session);
	assert_int_equal(SSL_connect(c.ssl), 1);
	assert_true(SSL_session_reused(c.ssl));
	buf_init(&c.in);
	client_say(&c, "GET /hello HTTP/1.1\r\n" H "\r\n");
	expect_reply(&c, 200, "hello");
	client_close(&c);
	SSL_SESSION_free(session);
	server_down(&f);
}

static void count_call(void *arg)
{
	seen_add(arg);
}

static void short_jobs_run(void **state)
{
	struct fixture f;
	int before;

	(void)state;
	server_up(&f, &usual_limits);
	before = seen_get(&seen.waiting);
	for (int i = 0; i < 100; i++)
		assert_true(http_server_submit(f.server, count_call, &seen.waiting));
	seen_wait(&seen.waiting, before + 100);
	server_down(&f);
}

/* An answer that holds no thread: at once, by a worker where it has to wait, after a while, and when its client has left. */
static void answers_come_later(void **state)
{
	struct fixture f;
	struct client c;

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	for (int i = 0; i < 50; i++) {
		client_say(&c, "GET /later HTTP/1.1\r\n" H "\r\n");
		expect_reply(&c, 200, "later");
		client_say(&c, "GET /later/worker HTTP/1.1\r\n" H "\r\n");
		expect_reply(&c, 200, "later, by a worker");
	}
	client_say(&c, "GET /later/held HTTP/1.1\r\n" H "\r\n");
	seen_wait(&seen.waiting, 1);
	assert_int_equal(one_request(&f, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
	later_answer();
	expect_reply(&c, 200, "later");
	client_say(&c, "GET /later/held HTTP/1.1\r\n" H "\r\n");
	seen_wait(&seen.waiting, 2);
	client_close(&c);
	assert_int_equal(one_request(&f, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
	later_answer();
	seen_wait(&seen.done, 104);
	server_down(&f);
}

static void *later_main(void *arg)
{
	later_answer();
	return arg;
}

/* A server that stops waits for the answers it owes. */
static void a_late_answer_ends_the_stop(void **state)
{
	struct fixture f;
	struct client c;
	pthread_t thread;

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	client_say(&c, "GET /later/held HTTP/1.1\r\n" H "\r\n");
	seen_wait(&seen.waiting, 1);
	assert_int_equal(pthread_create(&thread, NULL, later_main, NULL), 0);
	server_down(&f);
	pthread_join(thread, NULL);
	client_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_kept_alive),
		cmocka_unit_test(pipelined_requests_stay_in_order),
		cmocka_unit_test(expect_is_answered_in_time),
		cmocka_unit_test(head_has_no_body),
		cmocka_unit_test(hostile_heads_are_refused),
		cmocka_unit_test(large_heads_are_refused),
		cmocka_unit_test(nets_are_limited),
		cmocka_unit_test(tls_is_narrow),
		cmocka_unit_test(tickets_resume),
		cmocka_unit_test(short_jobs_run),
		cmocka_unit_test(answers_come_later),
		cmocka_unit_test(a_late_answer_ends_the_stop),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
