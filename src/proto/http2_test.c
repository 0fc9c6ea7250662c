/* HTTP/2 end to end: requests, heads, bodies both ways, back-pressure, stalled neighbours, good-bye. */
#include "http2_testbed.h"

#define HEAD_FIELDS_TRIED 101

/* On a thread of its own: what is under way has time to end. */
static void *stop_server(void *arg)
{
	struct fixture *f = arg;

	http_server_stop(f->server, 120000);
	f->server = NULL;
	return NULL;
}

static int up(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	server_up(f, &usual_limits);
	*state = f;
	return 0;
}

static int down(void **state)
{
	server_down(*state);
	mem_free(*state);
	return 0;
}

static void expect(struct h2 *h, int32_t id, int status, const char *body)
{
	struct h2_answer *a = h2_answer(h, id);

	if (!h2_wait(h, id))
		fail_msg("the connection ended where %d was expected; %s, %llu bytes, GOAWAY %d %u", status, h->c.impatient ? "waited" : "closed",
			 (unsigned long long)a->bytes, h->goaway, h->goaway_code);
	if (a->status != status || a->error)
		fail_msg("%d (%u) instead of %d: %s", a->status, a->error, status, a->body.p ? a->body.p : "");
	if (body)
		assert_string_equal(a->body.p ? a->body.p : "", body);
}

static void methods_and_heads(void **state)
{
	struct h2 h;
	int32_t ids[8];
	const char *fields[] = { "x-test", "value", "cookie", "a=1", "cookie", "b=2", NULL };

	h2_open(*state, &h, 0);
	/* all at once: answers come as they are ready */
	ids[0] = h2_ask(&h, "GET", "/", -1, NULL);
	ids[1] = h2_ask(&h, "HEAD", "/big", -1, NULL);
	ids[2] = h2_ask(&h, "GET", "/request?a=b%20c", -1, fields);
	ids[3] = h2_ask(&h, "GET", "/empty", -1, NULL);
	ids[4] = h2_ask(&h, "GET", "/big", -1, NULL);
	ids[5] = h2_ask(&h, "POST", "/echo", 10, NULL);
	ids[6] = h2_ask(&h, "GET", "/refused", -1, NULL);
	ids[7] = h2_ask(&h, "POST", "/echo", 0, NULL);
	expect(&h, ids[0], 200, "hello");
	expect(&h, ids[1], 200, "");
	assert_int_equal(h2_answer(&h, ids[1])->length, 300000);
	expect(&h, ids[2], 200, "localhost|/request|a=b%20c|value");
	expect(&h, ids[3], 204, "");
	assert_int_equal(h2_answer(&h, ids[3])->length, UINT64_MAX);
	expect(&h, ids[4], 200, NULL);
	assert_int_equal(h2_answer(&h, ids[4])->bytes, 300000);
	assert_false(h2_answer(&h, ids[4])->wrong);
	expect(&h, ids[5], 200, NULL);
	assert_int_equal(h2_answer(&h, ids[5])->bytes, 10);
	assert_false(h2_answer(&h, ids[5])->wrong);
	expect(&h, ids[6], 403, "refused");
	expect(&h, ids[7], 200, "");
	ids[0] = h2_ask(&h, "GET", "/peer", -1, NULL);
	expect(&h, ids[0], 200, "127.0.0.1 127.0.0.0/24 TLSv1.3 h2");
	ids[0] = h2_ask(&h, "GET", "/cookie", -1, fields);
	expect(&h, ids[0], 200, "a=1; b=2");
	ids[0] = h2_ask(&h, "GET", "/host", -1, fields);
	expect(&h, ids[0], 200, "localhost");
	h2_close(&h);
}

/* Heads that are wrong get the answer that HTTP/1.1 gives, or the stream is reset; a wrong one harms no other. */
static void wrong_heads(void **state)
{
	static const struct {
		const char *what;
		const char *nv[16];
		int status;
		uint32_t reset;
	} cases[] = {
		{ "good", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/" }, 200, 0 },
		{ "host alone", { ":method", "GET", ":scheme", "https", ":path", "/", "host", "localhost" }, 200, 0 },
		{ "host agrees", { ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "localhost:1", "host", "LOCALHOST:1" }, 200, 0 },
		{ "host differs", { ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "localhost", "host", "other" }, 400, 0 },
		{ "no host", { ":method", "GET", ":scheme", "https", ":path", "/" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "other host", { ":method", "GET", ":scheme", "https", ":authority", "evil.example", ":path", "/" }, 421, 0 },
		{ "user in host", { ":method", "GET", ":scheme", "https", ":authority", "x@localhost", ":path", "/" }, 400, 0 },
		{ "http", { ":method", "GET", ":scheme", "http", ":authority", "localhost", ":path", "/" }, 400, 0 },
		{ "no scheme", { ":method", "GET", ":authority", "localhost", ":path", "/" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "two paths", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", ":path", "/" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "late pseudo", { ":method", "GET", ":scheme", "https", ":authority", "localhost", "x", "y", ":path", "/" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "unknown pseudo", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", ":x", "y" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "absolute path", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "https://localhost/" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "dots", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/a/../b" }, 400, 0 },
		{ "encoded dots", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/a/%2e%2e/b" }, 400, 0 },
		{ "blank in path", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/a b" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "connection", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", "connection", "close" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "transfer-encoding", { ":method", "POST", ":scheme", "https", ":authority", "localhost", ":path", "/echo", "transfer-encoding", "chunked" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "te", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", "te", "gzip" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "te trailers", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", "te", "trailers" }, 200, 0 },
		{ "line break", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", "x", "a\r\nb: c" }, 400, 0 },
		{ "blank before", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", "x", " a" }, 400, 0 },
		{ "bad UTF-8", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", "x", "a\xff" }, 400, 0 },
		{ "name with blank", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", "x y", "a" }, 400, 0 },
		{ "two lengths", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", "content-length", "0", "content-length", "0" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "signed length", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", "content-length", "+0" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "length without body", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", "content-length", "4" }, 0, NGHTTP2_PROTOCOL_ERROR },
		{ "other expectation", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/", "expect", "much" }, 417, 0 },
		{ "unknown method", { ":method", "GETS", ":scheme", "https", ":authority", "localhost", ":path", "/" }, 501, 0 },
		{ "CONNECT", { ":method", "CONNECT", ":authority", "localhost" }, 501, 0 },
		{ "star", { ":method", "OPTIONS", ":scheme", "https", ":authority", "localhost", ":path", "*" }, 200, 0 },
		{ "star, GET", { ":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "*" }, 0, NGHTTP2_PROTOCOL_ERROR },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		nghttp2_nv nv[8];
		size_t n = 0;
		uint32_t error = 0;
		int status;

		for (; n < 8 && cases[i].nv[2 * n]; n++)
			nv[n] = h2_nv(cases[i].nv[2 * n], cases[i].nv[2 * n + 1]);
		status = h2_one(*state, nv, n, &error);
		if (status != cases[i].status || error != cases[i].reset)
			fail_msg("%s: %d, reset %u", cases[i].what, status, error);
	}
}

static void large_heads(void **state)
{
	struct h2 h;
	char value[9000];
	const char *two[] = { "x", value, "y", value, NULL }, *one[] = { "x", value, NULL };
	char names[HEAD_FIELDS_TRIED][16];
	nghttp2_nv nv[HEAD_FIELDS_TRIED + 4] = { h2_nv(":method", "GET"), h2_nv(":scheme", "https"),
						 h2_nv(":authority", "localhost"), h2_nv(":path", "/") };
	int32_t id;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	h2_open(*state, &h, 0);
	id = h2_ask(&h, "GET", "/", -1, two);
	expect(&h, id, 431, NULL);
	id = h2_ask(&h, "GET", "/", -1, one);
	expect(&h, id, 200, "hello");
	for (int i = 0; i < HEAD_FIELDS_TRIED; i++) {
		snprintf(names[i], sizeof(names[i]), "x%d", i);
		nv[4 + i] = h2_nv(names[i], "1");
	}
	id = nghttp2_submit_request(h.session, NULL, nv, HEAD_FIELDS_TRIED + 4, NULL, NULL);
	expect(&h, id, 431, NULL);
	h2_close(&h);
}

static void uploads(void **state)
{
	struct h2 h;
	const char *expects[] = { "expect", "100-continue", NULL };
	char wanted[64];
	int32_t id, other;

	h2_open(*state, &h, 0);
	id = h2_ask(&h, "POST", "/sink", (long long)BIG_BYTES, NULL);
	other = h2_ask(&h, "POST", "/sink", 100000, NULL);
	snprintf(wanted, sizeof(wanted), "%llu right", (unsigned long long)BIG_BYTES);
	expect(&h, id, 201, wanted);
	expect(&h, other, 201, "100000 right");
	id = h2_ask(&h, "POST", "/sink/slow", 4 << 20, NULL);
	expect(&h, id, 201, "4194304 right");
	id = h2_ask(&h, "POST", "/sink", 1, expects);
	expect(&h, id, 201, "1 right");
	/* What would be thrown away is not sent when the client waits. */
	id = h2_ask(&h, "POST", "/sink", 1 << 20, expects);
	h2_answer(&h, id)->hold = 0;
	while (!h2_answer(&h, id)->continues)
		assert_true(h2_turn(&h));
	h2_answer(&h, id)->hold = UINT64_MAX;
	nghttp2_session_resume_data(h.session, id);
	expect(&h, id, 201, "1048576 right");
	id = h2_ask(&h, "POST", "/sink/denied", 1 << 20, expects);
	h2_answer(&h, id)->hold = 0;
	expect(&h, id, 409, "no sink here");
	assert_int_equal(h2_answer(&h, id)->continues, 0);
	/* Answers before the end of the body: the rest is not wanted, the connection goes on. */
	id = h2_ask(&h, "POST", "/sink/full", 2 << 20, NULL);
	expect(&h, id, 507, "the sink is full as asked");
	id = h2_ask(&h, "POST", "/echo", 2 << 20, NULL);
	expect(&h, id, 413, NULL);
	id = h2_ask(&h, "GET", "/", -1, NULL);
	expect(&h, id, 200, "hello");
	h2_close(&h);
}

/* A short body need not say its length; a long one must. */
static void bodies_without_length(void **state)
{
	nghttp2_nv nv[4] = { h2_nv(":method", "POST"), h2_nv(":scheme", "https"), h2_nv(":authority", "localhost"),
			     h2_nv(":path", "/sink") };
	nghttp2_data_provider give = { .read_callback = h2_give };
	const struct { uint64_t bytes; int status; const char *body; } cases[] = {
		{ 0, 201, "0 right" }, { 1, 201, "1 right" }, { 32768, 201, "32768 right" }, { 32769, 411, NULL }, { 1 << 20, 411, NULL },
	};
	struct h2 h;

	h2_open(*state, &h, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int32_t id = nghttp2_submit_request(h.session, NULL, nv, 4, &give, NULL);

		h2_answer(&h, id)->send = cases[i].bytes;
		expect(&h, id, cases[i].status, cases[i].body);
	}
	h2_close(&h);
}

static ssize_t give_then_trailers(nghttp2_session *session, int32_t id, uint8_t *p, size_t cap, uint32_t *flags,
				  nghttp2_data_source *source, void *user)
{
	nghttp2_nv trailer = h2_nv("x-checksum", "0");
	ssize_t n = h2_give(session, id, p, cap, flags, source, user);

	if (*flags & NGHTTP2_DATA_FLAG_EOF) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, id, &trailer, 1);
	}
	return n;
}

static void trailers(void **state)
{
	nghttp2_nv nv[5] = { h2_nv(":method", "POST"), h2_nv(":scheme", "https"), h2_nv(":authority", "localhost"),
			     h2_nv(":path", "/sink"), h2_nv("content-length", "100000") };
	nghttp2_data_provider give = { .read_callback = give_then_trailers };
	struct h2 h;
	int32_t id;

	h2_open(*state, &h, 0);
	for (size_t n = 5; n >= 4; n--) {
		id = nghttp2_submit_request(h.session, NULL, nv, n, &give, NULL);
		h2_answer(&h, id)->send = n == 5 ? 100000 : 1000;
		expect(&h, id, 201, n == 5 ? "100000 right" : "1000 right");
	}
	h2_close(&h);
}

static void downloads(void **state)
{
	struct h2 h;
	char path[64];
	int32_t id, other, cut;

	snprintf(path, sizeof(path), "/source?%llu", (unsigned long long)BIG_BYTES);
	h2_open(*state, &h, 0);
	id = h2_ask(&h, "GET", path, -1, NULL);
	other = h2_ask(&h, "GET", "/source?1000000", -1, NULL);
	/* A long answer lets others pass. */
	expect(&h, other, 200, NULL);
	assert_int_equal(h2_answer(&h, other)->bytes, 1000000);
	assert_true(h2_answer(&h, id)->bytes < BIG_BYTES);
	expect(&h, id, 200, NULL);
	assert_int_equal(h2_answer(&h, id)->bytes, BIG_BYTES);
	assert_false(h2_answer(&h, id)->wrong);
	/* A source that fails cuts its stream only; before its first byte it is a 500. */
	cut = h2_ask(&h, "GET", "/source/broken?1000000", -1, NULL);
	assert_true(h2_wait(&h, cut));
	assert_int_equal(h2_answer(&h, cut)->error, NGHTTP2_INTERNAL_ERROR);
	assert_int_equal(h2_answer(&h, cut)->status, 200);
	cut = h2_ask(&h, "GET", "/source/late?9000000", -1, NULL);
	assert_true(h2_wait(&h, cut));
	assert_int_equal(h2_answer(&h, cut)->error, NGHTTP2_INTERNAL_ERROR);
	assert_false(h2_answer(&h, cut)->wrong);
	assert_true(h2_answer(&h, cut)->bytes > 5000000 && h2_answer(&h, cut)->bytes <= 5700000);
	id = h2_ask(&h, "GET", "/source/none?1000000", -1, NULL);
	expect(&h, id, 500, NULL);
	id = h2_ask(&h, "HEAD", "/source?5000000", -1, NULL);
	expect(&h, id, 200, "");
	assert_int_equal(h2_answer(&h, id)->length, 5000000);
	h2_close(&h);
}

/* A reader who takes nothing holds back his own stream, after his window and two pieces; his others go on. */
static void downloads_held_back(void **state)
{
	struct h2 h;
	int32_t held, id;

	h2_open(*state, &h, 65535);
	held = h2_ask(&h, "GET", "/source?100000000", -1, NULL);
	while (h2_answer(&h, held)->bytes < 65535)
		assert_true(h2_turn(&h));
	nghttp2_submit_window_update(h.session, NGHTTP2_FLAG_NONE, 0, 1 << 20);
	for (int i = 0; i < 20; i++) {
		id = h2_ask(&h, "GET", "/", -1, NULL);
		expect(&h, id, 200, "hello");
	}
	assert_int_equal(h2_answer(&h, held)->bytes, 65535);
	nghttp2_submit_window_update(h.session, NGHTTP2_FLAG_NONE, held, 100000);
	while (h2_answer(&h, held)->bytes < 165535)
		assert_true(h2_turn(&h));
	assert_false(h2_answer(&h, held)->wrong);
	h2_close(&h);
}

/* 99 uploads that stopped in the middle, some in their first piece, some after many: the hundredth goes through. */
static void stalled_neighbours(void **state)
{
	struct h2 h;
	int32_t ids[99], id;
	struct h2_answer *a;

	h2_open(*state, &h, 0);
	for (int i = 0; i < 99; i++) {
		ids[i] = h2_ask(&h, "POST", "/sink", 500000, NULL);
		h2_answer(&h, ids[i])->hold = (uint64_t)(1 + i * 1000);
	}
	id = h2_ask(&h, "POST", "/sink", 20000000, NULL);
	expect(&h, id, 201, "20000000 right");
	for (int i = 0; i < 99; i++) {
		a = h2_answer(&h, ids[i]);
		assert_false(a->closed);
		a->hold = UINT64_MAX;
		nghttp2_session_resume_data(h.session, ids[i]);
	}
	for (int i = 0; i < 99; i += 33)
		expect(&h, ids[i], 201, "500000 right");
	h2_close(&h);
}

/* Uploads whose sink takes nothing: their windows close, the neighbour goes on, and nothing is lost. */
static void sinks_held_back(void **state)
{
	struct h2 h;
	int32_t ids[6], id;
	uint64_t given;

	h2_open(*state, &h, 0);
	for (int i = 0; i < 6; i++)
		ids[i] = h2_ask(&h, "POST", "/sink/gate", 8000000, NULL);
	id = h2_ask(&h, "POST", "/sink", 3000000, NULL);
	expect(&h, id, 201, "3000000 right");
	given = 0;
	for (int i = 0; i < 6; i++)
		given += h2_answer(&h, ids[i])->given;
	/* Four large windows and pieces, two small ones: far below what they want to send. */
	assert_true(given < UINT64_C(4) * (1048576 + 2 * 262144) + UINT64_C(2) * (65535 + 2 * 32768) + 6 * 16384);
	gate_set(true);
	for (int i = 0; i < 6; i++)
		expect(&h, ids[i], 201, "8000000 right");
	h2_close(&h);
}

static void broken_uploads(void **state)
{
	struct h2 h;
	int32_t id;

	/* Reset by the peer: what has come is kept. */
	h2_open(*state, &h, 0);
	id = h2_ask(&h, "POST", "/sink", 10000000, NULL);
	h2_answer(&h, id)->hold = 1000000;
	h2_give_up_to(&h, id, 1000000);
	nghttp2_submit_rst_stream(h.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
	assert_true(h2_flush(&h));
	seen_wait(&seen.broken, 1);
	assert_int_equal(seen.broken_bytes, 1000000);
	/* Cut off. */
	id = h2_ask(&h, "POST", "/sink", 10000000, NULL);
	h2_answer(&h, id)->hold = 500000;
	h2_give_up_to(&h, id, 500000);
	h2_close(&h);
	seen_wait(&seen.broken, 2);
	assert_int_equal(seen.broken_bytes, 500000);
	seen_wait(&seen.aborted, 2);
}

/* Given up while the handler works: the answer goes nowhere, the exchange ends once. */
static void given_up(void **state)
{
	struct h2 h;
	int32_t ids[3], id;

	h2_open(*state, &h, 0);
	for (int i = 0; i < 3; i++)
		ids[i] = h2_ask(&h, "GET", i ? "/block" : "/later/held", -1, NULL);
	assert_true(h2_flush(&h));
	seen_wait(&seen.waiting, 3);
	for (int i = 0; i < 3; i++)
		nghttp2_submit_rst_stream(h.session, NGHTTP2_FLAG_NONE, ids[i], NGHTTP2_CANCEL);
	id = h2_ask(&h, "GET", "/", -1, NULL);
	expect(&h, id, 200, "hello");
	gate_set(true);
	later_answer();
	seen_wait(&seen.aborted, 3);
	id = h2_ask(&h, "GET", "/later/worker", -1, NULL);
	expect(&h, id, 200, "later, by a worker");
	h2_close(&h);
}

/* The answer that ends the connection, when its neighbours have ended. */
static void closing_answer(void **state)
{
	struct h2 h;
	int32_t id, other;

	h2_open(*state, &h, 0);
	other = h2_ask(&h, "GET", "/block", -1, NULL);
	id = h2_ask(&h, "GET", "/close", -1, NULL);
	expect(&h, id, 200, "bye");
	while (!h.goaway || h.goaway_last == INT32_MAX)
		assert_true(h2_turn(&h));
	assert_int_equal(h.goaway_code, NGHTTP2_NO_ERROR);
	assert_int_equal(h.goaway_last, id);
	gate_set(true);
	expect(&h, other, 200, "opened");
	while (h2_turn(&h))
		;
	assert_false(h.c.impatient);
	h2_close(&h);
}

/* A stop lets what is under way come to its end, and ends the rest. */
static void stop_during_transfer(void **state)
{
	struct fixture f;
	struct h2 busy, idle;
	pthread_t stopper;
	int32_t down_id, up_id;

	(void)state;
	server_up(&f, &usual_limits);
	h2_open(&f, &idle, 0);
	expect(&idle, h2_ask(&idle, "GET", "/", -1, NULL), 200, "hello");
	h2_open(&f, &busy, 0);
	down_id = h2_ask(&busy, "GET", "/source?30000000", -1, NULL);
	up_id = h2_ask(&busy, "POST", "/sink", 30000000, NULL);
	h2_give_up_to(&busy, up_id, 1000000);
	assert_int_equal(pthread_create(&stopper, NULL, stop_server, &f), 0);
	while (h2_turn(&idle))
		;
	assert_true(idle.goaway);
	assert_false(idle.c.impatient);
	expect(&busy, down_id, 200, NULL);
	assert_int_equal(h2_answer(&busy, down_id)->bytes, 30000000);
	assert_false(h2_answer(&busy, down_id)->wrong);
	expect(&busy, up_id, 201, "30000000 right");
	while (h2_turn(&busy))
		;
	assert_true(busy.goaway);
	assert_int_equal(busy.goaway_code, NGHTTP2_NO_ERROR);
	h2_close(&idle);
	h2_close(&busy);
	pthread_join(stopper, NULL);
	server_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(methods_and_heads, up, down),
		cmocka_unit_test_setup_teardown(wrong_heads, up, down),
		cmocka_unit_test_setup_teardown(large_heads, up, down),
		cmocka_unit_test_setup_teardown(uploads, up, down),
		cmocka_unit_test_setup_teardown(bodies_without_length, up, down),
		cmocka_unit_test_setup_teardown(trailers, up, down),
		cmocka_unit_test_setup_teardown(downloads, up, down),
		cmocka_unit_test_setup_teardown(downloads_held_back, up, down),
		cmocka_unit_test_setup_teardown(stalled_neighbours, up, down),
		cmocka_unit_test_setup_teardown(sinks_held_back, up, down),
		cmocka_unit_test_setup_teardown(broken_uploads, up, down),
		cmocka_unit_test_setup_teardown(given_up, up, down),
		cmocka_unit_test_setup_teardown(closing_answer, up, down),
		cmocka_unit_test(stop_during_transfer),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
