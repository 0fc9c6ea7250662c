/* Clients that misbehave at random, in parallel: cut heads, cut bodies, unread answers, sudden resets.  Afterwards the
 * server still answers, every planned exchange was ended once, and (in the sanitizer builds) nothing was touched after
 * its time.  The seed is printed, and taken from the first argument when there is one. */
#include "http_testbed.h"

#define CHAOS_THREADS 6
#define CHAOS_ROUNDS 100

static unsigned chaos_seed;

struct chaos {
	const struct fixture *f;
	unsigned state;
};

static unsigned chaos_next(struct chaos *c, unsigned below)
{
	c->state = c->state * 1664525u + 1013904223u;
	return (c->state >> 8) % below;
}

/* Sends the first n bytes of a request, in pieces. */
static void chaos_send(struct chaos *ch, struct client *c, const char *p, size_t n)
{
	while (n) {
		size_t piece = 1 + chaos_next(ch, 40000);

		piece = piece < n ? piece : n;
		if (!client_send(c, p, piece))
			return;
		p += piece;
		n -= piece;
	}
}

static void chaos_round(struct chaos *ch, char *text, size_t cap)
{
	static const char *const requests[] = {
		"GET /hello HTTP/1.1\r\n" H "\r\n",
		"GET /source?%u HTTP/1.1\r\n" H "\r\n",
		"GET /source/broken?%u HTTP/1.1\r\n" H "\r\n",
		"HEAD /source?%u HTTP/1.1\r\n" H "\r\n",
		"PUT /sink HTTP/1.1\r\n" H "Content-Length: %u\r\n\r\n",
		"PUT /sink/slow HTTP/1.1\r\n" H "Content-Length: %u\r\n\r\n",
		"PUT /sink/full HTTP/1.1\r\n" H "Content-Length: %u\r\n\r\n",
		"PUT /sink/denied HTTP/1.1\r\n" H "Content-Length: %u\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" H "Content-Length: %u\r\n\r\n",
		"POST /refused HTTP/1.1\r\n" H "Content-Length: %u\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: %u\r\n\r\n",
		"GET /../ HTTP/1.1\r\n" H "\r\n",
	};
	unsigned kind = chaos_next(ch, sizeof(requests) / sizeof(requests[0]));
	unsigned n = chaos_next(ch, 1 << (4 + chaos_next(ch, 17)));
	struct linger hard = { 1, 0 };
	struct timeval patience = { 0, 30000 };
	struct client c;
	size_t len;

	client_open(ch->f, &c);
	setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (unsigned again = chaos_next(ch, 3); again < 3; again++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		len = (size_t)snprintf(text, cap, requests[kind], n);
#pragma GCC diagnostic pop
		if (strstr(text, "Content-Length"))
			len += n;
		if (chaos_next(ch, 2))
			len = chaos_next(ch, (unsigned)len + 1);
		chaos_send(ch, &c, text, len);
		if (chaos_next(ch, 2))
			client_more(&c);
	}
	if (chaos_next(ch, 2))
		setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	if (chaos_next(ch, 2))
		SSL_shutdown(c.ssl);
	client_close(&c);
}

static void *chaos_main(void *arg)
{
	struct chaos *ch = arg;
	size_t cap = (1 << 21) + 1024;
	char *text = mem_alloc(cap);

	for (int i = 0; i < CHAOS_ROUNDS; i++)
		chaos_round(ch, text, cap);
	mem_free(text);
	return NULL;
}

static void chaos_leaves_nothing(void **state)
{
	struct http_limits limits = usual_limits;
	struct chaos chaos[CHAOS_THREADS];
	pthread_t threads[CHAOS_THREADS];
	struct fixture f;

	(void)state;
	print_message("seed %u\n", chaos_seed);
	limits.head_s = limits.idle_s = limits.stall_s = limits.body_rate_s = 1;
	server_up(&f, &limits);
	for (unsigned i = 0; i < CHAOS_THREADS; i++) {
		chaos[i] = (struct chaos){ &f, chaos_seed + i };
		assert_int_equal(pthread_create(&threads[i], NULL, chaos_main, &chaos[i]), 0);
	}
	for (unsigned i = 0; i < CHAOS_THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(one_request(&f, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
	server_down(&f);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chaos_leaves_nothing),
	};

	signal(SIGPIPE, SIG_IGN);
	chaos_seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : (unsigned)getpid();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
