/* HTTP/1 by chance: cut heads, cut bodies, unread answers, sudden resets. */
#include "http_chaos.h"

#define ROUNDS 100
#define TEXT_BYTES ((size_t)(1 << 21) + 1024)

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

static void cut_requests(struct chaos *ch, void *memory)
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
		"GET /later HTTP/1.1\r\n" H "\r\n",
		"POST /later/worker HTTP/1.1\r\n" H "\r\n",
	};
	unsigned kind = chaos_next(ch, sizeof(requests) / sizeof(requests[0]));
	unsigned n = chaos_next(ch, 1 << (4 + chaos_next(ch, 17)));
	char *text = memory;
	struct client c;
	size_t len;

	client_open(ch->f, &c);
	chaos_patience(&c, 30000);
	for (unsigned again = chaos_next(ch, 3); again < 3; again++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		len = (size_t)snprintf(text, TEXT_BYTES, requests[kind], n);
#pragma GCC diagnostic pop
		if (strstr(text, "Content-Length"))
			len += n;
		if (chaos_next(ch, 2))
			len = chaos_next(ch, (unsigned)len + 1);
		chaos_send(ch, &c, text, len);
		if (chaos_next(ch, 2))
			client_more(&c);
	}
	chaos_end(ch, &c);
	if (chaos_next(ch, 2))
		SSL_shutdown(c.ssl);
	client_close(&c);
}

static void chaos_leaves_nothing(void **state)
{
	(void)state;
	chaos_run(cut_requests, ROUNDS, TEXT_BYTES);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chaos_leaves_nothing),
	};

	signal(SIGPIPE, SIG_IGN);
	chaos_seed_set(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
