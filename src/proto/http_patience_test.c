/* The HTTP engine end to end, by time: slow and idle clients, and the graceful stop. */
#include <stdatomic.h>

#include "http_testbed.h"

/* A client that sends a byte of its head (or body) at a time is told 408; others are served meanwhile. */
static void slow_clients_are_told(void **state)
{
	static const char head[] = "GET /hello HTTP/1.1\r\n" H "X-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct http_limits limits = usual_limits;
	struct fixture f;
	struct client slow_head, slow_body, slow_sink;
	struct client *slow[3] = { &slow_head, &slow_body, &slow_sink };
	struct pollfd fds[3];
	bool told[3] = { false };
	int64_t from = clock_mono_us();
	struct reply r;

	(void)state;
	limits.head_s = 2;
	limits.body_rate_s = 2;
	limits.body_rate_bytes = 1024;
	server_up(&f, &limits);
	for (int i = 0; i < 3; i++) {
		client_open(&f, slow[i]);
		fds[i] = (struct pollfd){ .fd = slow[i]->fd, .events = POLLIN };
	}
	client_say(&slow_body, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5000\r\n\r\n");
	client_say(&slow_sink, "PUT /sink HTTP/1.1\r\n" H "Content-Length: 500000\r\n\r\n");
	for (size_t at = 0; !(told[0] && told[1] && told[2]); at++) {
		assert_true(clock_mono_us() - from < WAIT_S * SECOND_US);
		if (!told[0] && at < sizeof(head) - 1)
			client_send(&slow_head, head + at, 1);
		for (int i = 1; i < 3; i++)
			if (!told[i])
				client_send(slow[i], "", 1);
		assert_int_equal(one_request(&f, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
		assert_true(poll(fds, 3, 50) >= 0);
		for (int i = 0; i < 3; i++) {
			if (told[i] || !(fds[i].revents & POLLIN))
				continue;
			/* TLS tickets wake us too: look for a head, one read at a time */
			if (client_more(slow[i]) && slow[i]->in.n) {
				assert_true(client_reply(slow[i], &r));
				assert_int_equal(r.status, 408);
				reply_free(&r);
			}
			told[i] = true;
			fds[i].fd = -1;
		}
	}
	assert_true(clock_mono_us() - from >= SECOND_US);
	for (int i = 0; i < 3; i++)
		client_close(slow[i]);
	seen_wait(&seen.broken, 1);
	server_down(&f);
}

/* A peer that never begins TLS, one that stays idle, one that never reads its answer: each loses its connection. */
static void idle_peers_are_let_go(void **state)
{
	struct http_limits limits = usual_limits;
	struct fixture f;
	struct client idle, deaf;
	int raw, small = 4096;
	char ch;

	(void)state;
	limits.handshake_s = 3;
	limits.idle_s = 3;
	limits.stall_s = 3;
	server_up(&f, &limits);
	raw = tcp_open(&f);
	client_open(&f, &deaf);
	setsockopt(deaf.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	client_say(&deaf, "GET /source?100000000 HTTP/1.1\r\n" H "\r\n");
	client_open(&f, &idle);
	client_say(&idle, "GET /hello HTTP/1.1\r\n" H "\r\n");
	expect_reply(&idle, 200, "hello");
	assert_int_equal(recv(raw, &ch, 1, 0), 0);
	expect_end(&idle);
	seen_wait(&seen.aborted, 1);
	close(raw);
	client_close(&idle);
	client_close(&deaf);
	server_down(&f);
	assert_true(seen.last_sent < 100000000);
}

struct load {
	struct fixture *f;
	int number;
	atomic_int answers;
};

/* Asks until the server goes away; every answer that comes is whole. */
static void *load_main(void *arg)
{
	struct load *l = arg;
	struct client c;

	client_open(l->f, &c);
	for (;;) {
		struct reply r;
		bool whole;

		if (l->number % 2)
			whole = client_say(&c, "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello") &&
				client_reply(&c, &r);
		else
			whole = client_say(&c, "GET /source?300000 HTTP/1.1\r\n" H "\r\n") && client_reply(&c, &r);
		if (!whole)
			break;
		l->answers++;
		reply_free(&r);
		if (r.close)
			break;
	}
	client_close(&c);
	return NULL;
}

static void stop_under_load_is_clean(void **state)
{
	struct fixture f;
	struct load loads[8];
	pthread_t threads[8];
	struct client blocked;

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &blocked);
	client_say(&blocked, "GET /block HTTP/1.1\r\n" H "\r\n");
	seen_wait(&seen.waiting, 1);
	for (int i = 0; i < 8; i++) {
		loads[i].f = &f;
		loads[i].number = i;
		atomic_init(&loads[i].answers, 0);
		assert_int_equal(pthread_create(&threads[i], NULL, load_main, &loads[i]), 0);
	}
	seen_wait(&seen.done, 200);
	for (int i = 0; i < 8; i++)
		while (!loads[i].answers)
			sched_yield();
	gate_set(true);
	server_down(&f);
	/* what was under way was answered */
	expect_reply(&blocked, 200, "opened");
	client_close(&blocked);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}

/* The grace ends before a peer has read: it is cut off, the server still ends. */
static void stop_does_not_wait_for_the_deaf(void **state)
{
	struct fixture f;
	struct client c;

	(void)state;
	server_up(&f, &usual_limits);
	client_open(&f, &c);
	client_say(&c, "GET /source?100000000 HTTP/1.1\r\n" H "\r\n");
	assert_true(client_more(&c));
	http_server_stop(f.server, 100);
	f.server = NULL;
	client_close(&c);
	server_down(&f);
	assert_int_equal(seen.aborted, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_clients_are_told),
		cmocka_unit_test(idle_peers_are_let_go),
		cmocka_unit_test(stop_under_load_is_clean),
		cmocka_unit_test(stop_does_not_wait_for_the_deaf),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
