/* A plain connection with deadlines: lines in any pieces, what is left for the next call, slowness, ends, cuts.  (TLS: the scenarios.) */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"

#include "wire.h"

static struct wire *wire;
static int peer;

static int setup(void **state)
{
	int pair[2];
	struct err err;

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0 || wire_open(pair[0], NULL, &wire, &err) != PLI_OK)
		return -1;
	peer = pair[1];
	return wire_handshake(wire, 0, &err) == PLI_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	wire_close(wire);
	if (peer >= 0)
		close(peer);
	return 0;
}

static int64_t soon(void)
{
	return clock_mono_us() + 50000;
}

static void say(const char *text)
{
	assert_int_equal(send(peer, text, strlen(text), 0), strlen(text));
}

static enum pli_status line(const char *wanted)
{
	AUTO_BUF b = { 0 };
	struct err err;
	enum pli_status st = wire_line(wire, 16, soon(), &b, &err);

	if (st == PLI_OK)
		assert_string_equal(b.p ? b.p : "", wanted);
	return st;
}

static void lines(void **state)
{
	(void)state;
	say("one\r\n\r\nthr");
	assert_int_equal(line("one"), PLI_OK);
	assert_true(wire_pending(wire));
	assert_int_equal(line(""), PLI_OK);
	assert_int_equal(line(NULL), PLI_AGAIN);
	say("ee\r");
	assert_int_equal(line(NULL), PLI_AGAIN);
	say("\n");
	assert_int_equal(line("three"), PLI_OK);
	assert_false(wire_pending(wire));
	say("12345678901234\r\n");
	assert_int_equal(line("12345678901234"), PLI_OK);
	say("123456789012345\r\n");
	assert_int_equal(line(NULL), PLI_LIMIT);
}

static void odd_ends(void **state)
{
	(void)state;
	say("a\n");
	assert_int_equal(line(NULL), PLI_INPUT);
}

static void odd_ends_too(void **state)
{
	(void)state;
	say("a\rb\r\n");
	assert_int_equal(line(NULL), PLI_INPUT);
}

static void a_line_that_does_not_end(void **state)
{
	(void)state;
	say("1234567890123456");
	assert_int_equal(line(NULL), PLI_LIMIT);
}

static void bytes_and_end(void **state)
{
	const char *p;
	struct err err;
	size_t n;

	(void)state;
	say("abc");
	assert_int_equal(wire_fill(wire, soon(), &p, &n, &err), PLI_OK);
	assert_int_equal(n, 3);
	wire_use(wire, 1);
	assert_int_equal(wire_fill(wire, soon(), &p, &n, &err), PLI_OK);
	assert_true(n == 2 && memcmp(p, "bc", 2) == 0);
	wire_use(wire, 2);
	close(peer);
	peer = -1;
	assert_int_equal(wire_fill(wire, soon(), &p, &n, &err), PLI_GONE);
	assert_int_equal(wire_send(wire, "x", 1, soon(), &err), PLI_GONE);
}

/* A peer that reads nothing: the deadline ends it. */
static void nobody_reads(void **state)
{
	static char much[4 << 20];
	struct err err;
	int64_t begun = clock_mono_us();

	(void)state;
	assert_int_equal(wire_send(wire, much, sizeof(much), soon(), &err), PLI_AGAIN);
	assert_true(clock_mono_us() - begun >= 45000);
}

static void *cutter(void *arg)
{
	wire_cut(arg);
	return NULL;
}

static void cut_from_outside(void **state)
{
	pthread_t thread;
	const char *p;
	struct err err;
	size_t n;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, cutter, wire), 0);
	assert_int_equal(wire_fill(wire, clock_mono_us() + 20 * SECOND_US, &p, &n, &err), PLI_GONE);
	pthread_join(thread, NULL);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(lines), CASE(odd_ends), CASE(odd_ends_too), CASE(a_line_that_does_not_end), CASE(bytes_and_end), CASE(nobody_reads),
		CASE(cut_from_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
