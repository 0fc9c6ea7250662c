/* The HTTP engine end to end, by bodies: every size, very large, refused, broken off. */
#include "http_testbed.h"

/* Reads and checks a generated body of n bytes. */
static void expect_pattern(struct client *c, uint64_t n)
{
	uint64_t at = 0;

	for (;;) {
		for (size_t i = 0; i < c->in.n; i++, at++)
			if ((uint8_t)c->in.p[i] != pattern(at))
				fail_msg("byte %llu is wrong", (unsigned long long)at);
		buf_reset(&c->in);
		if (at == n)
			return;
		if (!client_more(c))
			fail_msg("ended after %llu bytes", (unsigned long long)at);
	}
}

static long resident_kb(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void large_bodies_take_constant_memory(void **state)
{
	static uint8_t piece[1 << 16];
	struct fixture f;
	struct client c;
	struct reply r;
	char text[128];
	long before, after;

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	before = resident_kb();
	snprintf(text, sizeof(text), "PUT /sink/slow HTTP/1.1\r\n" H "Content-Length: %llu\r\n\r\n",
		 (unsigned long long)BIG_BYTES);
	client_say(&c, text);
	for (uint64_t at = 0; at < BIG_BYTES; at += sizeof(piece)) {
		for (size_t i = 0; i < sizeof(piece); i++)
			piece[i] = pattern(at + i);
		assert_true(client_send(&c, piece, sizeof(piece)));
	}
	snprintf(text, sizeof(text), "%llu right", (unsigned long long)BIG_BYTES);
	expect_reply(&c, 201, text);
	after = resident_kb();
	if (!SANITIZED && after - before > 8192)
		fail_msg("an upload took %ld KiB", after - before);
	snprintf(text, sizeof(text), "GET /source?%llu HTTP/1.1\r\n" H "\r\n", (unsigned long long)BIG_BYTES);
	client_say(&c, text);
	assert_true(client_head(&c, &r));
	assert_int_equal(r.length, BIG_BYTES);
	reply_free(&r);
	expect_pattern(&c, BIG_BYTES);
	after = resident_kb();
	if (!SANITIZED && after - before > 8192)
		fail_msg("a download took %ld KiB", after - before);
	client_close(&c);
	server_down(&f);
	assert_int_equal(seen.last_sent, BIG_BYTES);
	assert_int_equal(seen.aborted, 0);
}

/* Bodies around the sizes where buffers change. */
static void bodies_of_every_size(void **state)
{
	static const uint64_t sizes[] = { 1, 100, 4095, 4096, 4097, 16000, 16384, 65535, 65536, 65537,
					  262143, 262144, 262145, 327680, 524288, 524289, 1048576 };
	struct fixture f;
	struct client c;
	struct reply r;
	uint8_t *body = mem_alloc(1048576);
	char text[128];

	(void)state;
	for (uint64_t i = 0; i < 1048576; i++)
		body[i] = pattern(i);
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(text, sizeof(text), "PUT /sink HTTP/1.1\r\n" H "Content-Length: %llu\r\n\r\n",
			 (unsigned long long)sizes[i]);
		client_say(&c, text);
		client_send(&c, body, (size_t)sizes[i]);
		snprintf(text, sizeof(text), "%llu right", (unsigned long long)sizes[i]);
		expect_reply(&c, 201, text);
		snprintf(text, sizeof(text), "POST /echo HTTP/1.1\r\n" H "Content-Length: %llu\r\n\r\n",
			 (unsigned long long)sizes[i]);
		client_say(&c, text);
		client_send(&c, body, (size_t)sizes[i]);
		assert_true(client_head(&c, &r));
		assert_int_equal(r.status, 200);
		reply_free(&r);
		expect_pattern(&c, sizes[i]);
		snprintf(text, sizeof(text), "GET /source?%llu HTTP/1.1\r\n" H "\r\n", (unsigned long long)sizes[i]);
		client_say(&c, text);
		assert_true(client_head(&c, &r));
		reply_free(&r);
		expect_pattern(&c, sizes[i]);
	}
	client_say(&c, "GET /source?0 HTTP/1.1\r\n" H "\r\n");
	expect_reply(&c, 200, "");
	client_say(&c, "PUT /sink HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n");
	expect_reply(&c, 201, "0 right");
	client_say(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
	assert_true(client_head(&c, &r));
	reply_free(&r);
	expect_pattern(&c, 300000);
	client_close(&c);
	server_down(&f);
	mem_free(body);
}

static void refused_bodies_are_drained(void **state)
{
	struct fixture f;
	struct client c;
	struct reply r;
	char *body = mem_alloc(1900000);
	char text[128];

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	/* small: the connection goes on */
	client_say(&c, "POST /refused HTTP/1.1\r\n" H "Content-Length: 60000\r\n\r\n");
	client_send(&c, body, 60000);
	expect_reply(&c, 403, "refused");
	client_say(&c, "POST /hello HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nxxxxx");
	expect_reply(&c, 200, "hello");
	/* larger: all of it can be sent, then the answer is there, then the end */
	client_say(&c, "POST /refused HTTP/1.1\r\n" H "Content-Length: 1900000\r\n\r\n");
	assert_true(client_send(&c, body, 1900000));
	assert_true(client_reply(&c, &r));
	assert_int_equal(r.status, 403);
	assert_true(r.close);
	reply_free(&r);
	expect_end(&c);
	client_close(&c);
	/* a sink that fails in the middle answers at once */
	client_open(&f, &c);
	client_say(&c, "PUT /sink/full HTTP/1.1\r\n" H "Content-Length: 1500000\r\n\r\n");
	for (uint64_t i = 0; i < 1500000; i++)
		body[i] = (char)pattern(i);
	client_send(&c, body, 1500000);
	expect_reply(&c, 507, "the sink is full as asked");
	client_close(&c);
	/* too large by its Content-Length: refused before a byte is read */
	client_open(&f, &c);
	snprintf(text, sizeof(text), "POST /echo HTTP/1.1\r\n" H "Content-Length: %d\r\n\r\n", (1 << 20) + 1);
	client_say(&c, text);
	expect_reply(&c, 413, NULL);
	client_close(&c);
	server_down(&f);
	mem_free(body);
}

static void broken_uploads_are_told(void **state)
{
	static uint8_t piece[400000];
	struct fixture f;
	struct client c;

	(void)state;
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = pattern(i);
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	client_say(&c, "PUT /sink HTTP/1.1\r\n" H "Content-Length: 1000000\r\n\r\n");
	assert_true(client_send(&c, piece, sizeof(piece)));
	shutdown(c.fd, SHUT_WR);	/* a close would reset, and then not all of it might have been sent */
	seen_wait(&seen.broken, 1);
	client_close(&c);
	seen_wait(&seen.done, 1);
	/* all that came before the break had reached the sink */
	assert_int_equal(seen.broken_bytes, sizeof(piece));
	assert_int_equal(seen_get(&seen.handled), 0);
	/* cut off hard, in the body of a buffered request and while a handler runs */
	client_open(&f, &c);
	client_say(&c, "POST /echo HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\nabc");
	client_close(&c);
	seen_wait(&seen.done, 2);
	client_open(&f, &c);
	client_say(&c, "GET /block HTTP/1.1\r\n" H "\r\n");
	seen_wait(&seen.waiting, 1);
	{
		struct linger hard = { 1, 0 };

		setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	}
	client_close(&c);
	gate_set(true);
	seen_wait(&seen.done, 3);
	/* and in the middle of a download */
	client_open(&f, &c);
	client_say(&c, "GET /source?100000000 HTTP/1.1\r\n" H "\r\n");
	assert_true(client_more(&c));
	client_close(&c);
	seen_wait(&seen.done, 4);
	server_down(&f);
	assert_int_equal(seen.aborted, 4);
	assert_int_equal(seen.broken, 1);
}

static void broken_sources_are_seen(void **state)
{
	struct fixture f;
	struct client c;
	struct reply r;

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	client_say(&c, "GET /source/none?5000 HTTP/1.1\r\n" H "\r\n");
	expect_reply(&c, 500, NULL);
	for (int i = 0; i < 2; i++) {
		if (i == 1)
			client_open(&f, &c);
		client_say(&c, i == 0 ? "GET /source/broken?5000000 HTTP/1.1\r\n" H "\r\n" : "GET /source/late?9000000 HTTP/1.1\r\n" H "\r\n");
		assert_true(client_head(&c, &r));
		assert_int_equal(r.status, 200);
		reply_free(&r);
		while (client_more(&c))
			;
		assert_true(i == 0 ? c.in.n < 700000 : c.in.n > 5000000 && c.in.n <= 5700000);
		client_close(&c);
		seen_wait(&seen.aborted, i + 1);
	}
	server_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_of_every_size),
		cmocka_unit_test(large_bodies_take_constant_memory),
		cmocka_unit_test(refused_bodies_are_drained),
		cmocka_unit_test(broken_uploads_are_told),
		cmocka_unit_test(broken_sources_are_seen),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
