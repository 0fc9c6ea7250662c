/* HTTP/2 by peers who mean harm, or are slow: floods end the connection with ENHANCE_YOUR_CALM, slowness ends a stream,
 * idleness says good-bye; others are served all the while. */
#include "http2_testbed.h"
#include "http_chaos.h"

static void serves_others(const struct fixture *f)
{
	assert_int_equal(one_request(f, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
}

/* Sends what is in out, several times, until the server has had enough; the code of its GOAWAY. */
static long flood(const struct fixture *f, const struct buf *out, int times)
{
	struct client c;
	long code;

	raw_open(f, &c);
	for (int i = 0; i < times; i++)
		if (!client_send(&c, out->p, out->n))
			break;
	code = raw_goaway(&c);
	assert_false(c.impatient);
	client_close(&c);
	return code;
}

/* Streams opened and given up at once (CVE-2023-44487): the work behind them stays bounded. */
static void rapid_reset(void **state)
{
	struct fixture f;
	struct client c;
	AUTO_BUF out = { 0 };

	(void)state;
	server_up(&f, &usual_limits);
	raw_open(&f, &c);
	for (uint32_t i = 0; i < 20000; i++) {
		buf_reset(&out);
		raw_frame(&out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, 2 * i + 1, RAW_GET, RAW_GET_BYTES);
		raw_frame(&out, NGHTTP2_RST_STREAM, 0, 2 * i + 1, "\0\0\0\x8", 4);
		if (!client_send(&c, out.p, out.n))
			break;
	}
	assert_int_equal(raw_goaway(&c), NGHTTP2_ENHANCE_YOUR_CALM);
	client_close(&c);
	assert_true(seen_get(&seen.planned) <= 1000);
	serves_others(&f);
	server_down(&f);
}

/* A browser that gives up a page with all its streams is no attack. */
static void a_page_given_up(void **state)
{
	struct fixture f;
	struct h2 h;
	int32_t ids[90];

	(void)state;
	server_up(&f, &usual_limits);
	h2_open(&f, &h, 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 90; i++)
			ids[i] = h2_ask(&h, "GET", "/source?1000000", -1, NULL);
		assert_true(h2_turn(&h));
		for (int i = 0; i < 90; i++)
			nghttp2_submit_rst_stream(h.session, NGHTTP2_FLAG_NONE, ids[i], NGHTTP2_CANCEL);
	}
	/* While their jobs are still out there may be no room: then it can be asked again after a pause. */
	for (;;) {
		struct timespec pause = { .tv_nsec = 50000000 };

		ids[0] = h2_ask(&h, "GET", "/", -1, NULL);
		assert_true(h2_wait(&h, ids[0]));
		if (h2_answer(&h, ids[0])->error != NGHTTP2_REFUSED_STREAM)
			break;
		nanosleep(&pause, NULL);
	}
	assert_int_equal(h2_answer(&h, ids[0])->status, 200);
	assert_false(h.goaway);
	h2_close(&h);
	server_down(&f);
}

/* Streams that we are made to reset (CVE-2025-8671): each gets a window update of zero. */
static void made_to_reset(void **state)
{
	struct fixture f;
	struct client c;
	AUTO_BUF out = { 0 };

	(void)state;
	server_up(&f, &usual_limits);
	raw_open(&f, &c);
	for (uint32_t i = 0; i < 20000; i++) {
		buf_reset(&out);
		raw_frame(&out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 2 * i + 1, RAW_GET, RAW_GET_BYTES);
		raw_frame(&out, NGHTTP2_WINDOW_UPDATE, 0, 2 * i + 1, "\0\0\0\0", 4);
		if (!client_send(&c, out.p, out.n))
			break;
	}
	/* The library calls some of these a fault of the connection; either way it ends soon. */
	assert_true(raw_goaway(&c) > 0);
	client_close(&c);
	assert_true(seen_get(&seen.planned) <= 1000);
	serves_others(&f);
	server_down(&f);
}

/* More streams at a time than are allowed, again and again. */
static void too_many_streams(void **state)
{
	struct fixture f;
	struct client c;
	AUTO_BUF out = { 0 };

	(void)state;
	server_up(&f, &usual_limits);
	raw_open(&f, &c);
	for (uint32_t i = 0; i < 6000; i++)
		raw_frame(&out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 2 * i + 1, RAW_GET, RAW_GET_BYTES);
	client_send(&c, out.p, out.n);
	assert_true(raw_goaway(&c) > 0);
	client_close(&c);
	serves_others(&f);
	server_down(&f);
}

/* A header block without end. */
static void continuation_flood(void **state)
{
	static const uint8_t field[] = "\x00\x01x\x01y";
	struct fixture f;
	struct client c;
	AUTO_BUF out = { 0 };

	(void)state;
	server_up(&f, &usual_limits);
	raw_open(&f, &c);
	raw_frame(&out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, RAW_GET, RAW_GET_BYTES);
	for (int i = 0; i < 6000; i++)
		raw_frame(&out, NGHTTP2_CONTINUATION, 0, 1, field, sizeof(field) - 1);
	client_send(&c, out.p, out.n);
	assert_true(raw_goaway(&c) != 0);	/* GOAWAY with a code, or cut off */
	client_close(&c);
	assert_int_equal(seen_get(&seen.planned), 0);
	serves_others(&f);
	server_down(&f);
}

/* A few bytes that unpack to megabytes: one long field in the table, named again and again. */
static void header_bomb(void **state)
{
	struct fixture f;
	struct client c;
	AUTO_BUF out = { 0 };
	AUTO_BUF block = { 0 };

	(void)state;
	server_up(&f, &usual_limits);
	raw_open(&f, &c);
	buf_add(&block, RAW_GET, RAW_GET_BYTES);
	buf_add(&block, "\x40\x01x\x7f\xa1\x1e", 6);	/* to be indexed; a value of 127 + 3873 bytes */
	for (int i = 0; i < 4000; i++)
		buf_ch(&block, 'a');
	for (int i = 0; i < 4000; i++)
		buf_ch(&block, (char)0xbe);		/* the newest entry of the table */
	raw_frame(&out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, 1, block.p, block.n);
	client_send(&c, out.p, out.n);
	assert_int_equal(raw_goaway(&c), NGHTTP2_ENHANCE_YOUR_CALM);
	client_close(&c);
	assert_int_equal(seen_get(&seen.planned), 0);
	serves_others(&f);
	server_down(&f);
}

static void frames_that_carry_nothing(void **state)
{
	static const struct {
		const char *what;
		uint8_t type, flags;
		uint32_t id;
		const char *p;
		size_t n;
	} frames[] = {
		{ "PING", NGHTTP2_PING, 0, 0, "12345678", 8 },
		{ "PING, answered", NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678", 8 },
		{ "SETTINGS", NGHTTP2_SETTINGS, 0, 0, "\0\3\0\0\0\1", 6 },
		{ "PRIORITY", NGHTTP2_PRIORITY, 0, 3, "\0\0\0\0\1", 5 },
		{ "WINDOW_UPDATE", NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4 },
		{ "unknown", 0x42, 0, 0, "", 0 },
		{ "empty DATA", NGHTTP2_DATA, 0, 1, "", 0 },
		{ "padding", NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\1\0", 2 },
	};
	struct fixture f;

	(void)state;
	server_up(&f, &usual_limits);
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		AUTO_BUF out = { 0 };
		long code;

		if (frames[i].type == NGHTTP2_DATA) {	/* a stream to carry them */
			raw_frame(&out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, RAW_GET, RAW_GET_BYTES);
		}
		for (int k = 0; k < 20000; k++)
			raw_frame(&out, frames[i].type, frames[i].flags, frames[i].id, frames[i].p, frames[i].n);
		code = flood(&f, &out, 1);
		/* Unread answers may fill the socket first: then the connection is cut. */
		if (code != NGHTTP2_ENHANCE_YOUR_CALM && code != -1)
			fail_msg("%s: %ld", frames[i].what, code);
		serves_others(&f);
	}
	server_down(&f);
}

static void no_http2_at_all(void **state)
{
	static const char *const texts[] = {
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"PRI * HTTP/1.1\r\n\r\n",
	};
	struct fixture f;

	(void)state;
	server_up(&f, &usual_limits);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct client c;

		h2_connect(&f, &c);
		client_say(&c, texts[i]);
		assert_true(raw_goaway(&c) != 0);
		assert_false(c.impatient);
		client_close(&c);
	}
	assert_int_equal(seen_get(&seen.planned), 0);
	server_down(&f);
}

/* Names in capitals are no field names here (RFC 9113 section 8.2.1). */
static void capitals(void **state)
{
	static const char block[] = RAW_GET "\x00\x03X-Y\x01z";
	struct fixture f;
	struct client c;
	AUTO_BUF out = { 0 };
	bool reset = false;

	(void)state;
	server_up(&f, &usual_limits);
	raw_open(&f, &c);
	raw_frame(&out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, 1, block, sizeof(block) - 1);
	client_send(&c, out.p, out.n);
	while (!reset) {
		assert_true(client_more(&c));
		reset = memmem(c.in.p, c.in.n, "\0\0\4\3\0\0\0\0\1\0\0\0\1", 13) != NULL;	/* RST_STREAM, PROTOCOL_ERROR */
	}
	client_close(&c);
	assert_int_equal(seen_get(&seen.planned), 0);
	server_down(&f);
}

/* ---- time ---- */

static void slow_bodies_and_readers(void **state)
{
	struct http_limits limits = usual_limits;
	struct fixture f;
	struct h2 h;
	int32_t sink, echo, deaf, collect;
	nghttp2_nv nv[4] = { h2_nv(":method", "POST"), h2_nv(":scheme", "https"), h2_nv(":authority", "localhost"),
			     h2_nv(":path", "/sink") };
	nghttp2_data_provider give = { .read_callback = h2_give };

	(void)state;
	limits.body_rate_s = limits.stall_s = 2;
	server_up(&f, &limits);
	h2_open(&f, &h, 65535);
	sink = h2_ask(&h, "POST", "/sink", 500000, NULL);
	echo = h2_ask(&h, "POST", "/echo", 5000, NULL);
	collect = nghttp2_submit_request(h.session, NULL, nv, 4, &give, NULL);
	h2_answer(&h, collect)->send = 500;
	h2_answer(&h, sink)->hold = h2_answer(&h, echo)->hold = h2_answer(&h, collect)->hold = 100;
	deaf = h2_ask(&h, "GET", "/source?10000000", -1, NULL);
	assert_true(h2_wait(&h, deaf));
	assert_int_equal(h2_answer(&h, deaf)->error, NGHTTP2_CANCEL);
	nghttp2_submit_window_update(h.session, NGHTTP2_FLAG_NONE, 0, 1 << 20);
	assert_true(h2_wait(&h, sink) && h2_wait(&h, echo) && h2_wait(&h, collect));
	assert_int_equal(h2_answer(&h, sink)->status, 408);
	assert_int_equal(h2_answer(&h, echo)->status, 408);
	assert_int_equal(h2_answer(&h, collect)->status, 408);
	echo = h2_ask(&h, "GET", "/", -1, NULL);	/* the connection is as good as ever */
	assert_true(h2_wait(&h, echo));
	assert_int_equal(h2_answer(&h, echo)->status, 200);
	h2_close(&h);
	seen_wait(&seen.broken, 1);
	server_down(&f);
}

static void slow_heads_and_idlers(void **state)
{
	struct http_limits limits = usual_limits;
	struct fixture f;
	struct client silent, head, block;
	struct h2 idle;
	AUTO_BUF out = { 0 };

	(void)state;
	limits.head_s = limits.idle_s = 2;
	server_up(&f, &limits);
	h2_connect(&f, &silent);	/* not even a greeting */
	raw_open(&f, &head);		/* half a frame */
	client_send(&head, "\0\0\x20\1\5\0\0\0\1\x82", 10);
	raw_open(&f, &block);		/* half a header block */
	raw_frame(&out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, RAW_GET, RAW_GET_BYTES);
	client_send(&block, out.p, out.n);
	h2_open(&f, &idle, 0);
	assert_true(h2_turn(&idle));
	assert_true(raw_goaway(&silent) != 0 && !silent.impatient);
	assert_true(raw_goaway(&head) != 0 && !head.impatient);
	assert_true(raw_goaway(&block) != 0 && !block.impatient);
	while (h2_turn(&idle))
		;
	assert_true(idle.goaway && idle.goaway_code == NGHTTP2_NO_ERROR && !idle.c.impatient);
	client_close(&silent);
	client_close(&head);
	client_close(&block);
	h2_close(&idle);
	assert_int_equal(seen_get(&seen.planned), 0);
	server_down(&f);
}

/* A peer that takes nothing from the socket at all. */
static void deaf_sockets(void **state)
{
	struct http_limits limits = usual_limits;
	struct fixture f;
	struct h2 h;

	(void)state;
	limits.stall_s = 1;
	server_up(&f, &limits);
	h2_open(&f, &h, INT32_MAX);
	nghttp2_submit_window_update(h.session, NGHTTP2_FLAG_NONE, 0, INT32_MAX - 65535);
	for (int i = 0; i < 8; i++)
		h2_ask(&h, "GET", "/source?100000000", -1, NULL);
	assert_true(h2_flush(&h));
	seen_wait(&seen.aborted, 8);
	h2_close(&h);
	server_down(&f);
}

/* ---- chance ---- */

#define CHAOS_ROUNDS (SANITIZED ? 40 : 100)

static void chaos_ask(struct chaos *ch, struct h2 *h)
{
	static const char *const gets[] = { "/", "/source?300000", "/source/broken?1000000", "/source/none?10", "/big", "/empty",
					    "/a/../b", "/refused", "/close", "/later", "/later/worker" };
	static const char *const posts[] = { "/sink", "/sink/slow", "/sink/full", "/sink/denied", "/echo", "/refused" };
	const char *expects[] = { "expect", "100-continue", NULL };
	int32_t id;

	if (chaos_next(ch, 2)) {
		h2_ask(h, chaos_next(ch, 5) ? "GET" : "HEAD", gets[chaos_next(ch, sizeof(gets) / sizeof(gets[0]))], -1, NULL);
		return;
	}
	id = h2_ask(h, "POST", posts[chaos_next(ch, 6)], chaos_next(ch, 1 << (4 + chaos_next(ch, 17))), chaos_next(ch, 4) ? NULL : expects);
	if (chaos_next(ch, 2))
		h2_answer(h, id)->hold = chaos_next(ch, 200000);
}

/* What one connection does: asks, gives up, goes on, spoils its bytes, goes away. */
static void chaos_round(struct chaos *ch, void *memory)
{
	struct h2 *h = memory;

	h2_open(ch->f, h, chaos_next(ch, 3) ? 0 : 65535);
	chaos_patience(&h->c, 20000);
	for (unsigned steps = chaos_next(ch, 40); steps; steps--) {
		int32_t last = nghttp2_session_get_next_stream_id(h->session);

		switch (chaos_next(ch, 6)) {
		case 0:
		case 1:
			chaos_ask(ch, h);
			break;
		case 2:
			if (last > 1)
				nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, 1 + 2 * (int32_t)chaos_next(ch, (unsigned)last / 2),
							  NGHTTP2_CANCEL);
			break;
		case 3:
			if (last > 1) {
				int32_t id = 1 + 2 * (int32_t)chaos_next(ch, (unsigned)last / 2);

				h2_answer(h, id)->hold = UINT64_MAX;
				nghttp2_session_resume_data(h->session, id);
			}
			break;
		case 4:
			h2_turn(h);
			break;
		default:
			if (!chaos_next(ch, 20))
				client_send(&h->c, &ch->state, sizeof(ch->state));
			h2_flush(h);
			break;
		}
	}
	chaos_end(ch, &h->c);
	h2_close(h);
}

static void chaos_leaves_nothing(void **state)
{
	(void)state;
	chaos_run(chaos_round, CHAOS_ROUNDS, sizeof(struct h2));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rapid_reset),
		cmocka_unit_test(a_page_given_up),
		cmocka_unit_test(made_to_reset),
		cmocka_unit_test(too_many_streams),
		cmocka_unit_test(continuation_flood),
		cmocka_unit_test(header_bomb),
		cmocka_unit_test(frames_that_carry_nothing),
		cmocka_unit_test(no_http2_at_all),
		cmocka_unit_test(capitals),
		cmocka_unit_test(slow_bodies_and_readers),
		cmocka_unit_test(slow_heads_and_idlers),
		cmocka_unit_test(deaf_sockets),
		cmocka_unit_test(chaos_leaves_nothing),
	};

	signal(SIGPIPE, SIG_IGN);
	chaos_seed_set(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
