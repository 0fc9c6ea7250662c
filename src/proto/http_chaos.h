/* Clients that misbehave by chance, several at a time, on the bed of http_testbed.h: what the tests of both wires share.  A test gives
 * what one connection does; afterwards the server still answers, every planned exchange was ended once (server_down() counts), and in
 * the sanitizer builds nothing was touched after its time.  The seed is printed, and taken from the first argument when there is one. */
#ifndef PLI_HTTP_CHAOS_H
#define PLI_HTTP_CHAOS_H

#include "http_testbed.h"

#define CHAOS_THREADS 6

struct chaos {
	const struct fixture *f;
	unsigned state;
	int rounds;
	void (*round)(struct chaos *ch, void *memory);	/* one connection */
	size_t memory_bytes;		/* that a round works in; each thread has its own */
};

static unsigned chaos_seed;

static inline void chaos_seed_set(int argc, char **argv)
{
	chaos_seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : (unsigned)getpid();
}

static inline unsigned chaos_next(struct chaos *c, unsigned below)
{
	c->state = c->state * 1664525u + 1013904223u;
	return (c->state >> 8) % below;
}

/* The client waits so long for an answer, and no longer. */
static inline void chaos_patience(const struct client *c, long us)
{
	struct timeval patience = { 0, us };

	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

/* Half of the connections end by a reset. */
static inline void chaos_end(struct chaos *ch, const struct client *c)
{
	struct linger hard = { 1, 0 };

	if (chaos_next(ch, 2))
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

static inline void *chaos_main(void *arg)
{
	struct chaos *ch = arg;
	void *memory = mem_alloc(ch->memory_bytes);

	for (int i = 0; i < ch->rounds; i++)
		ch->round(ch, memory);
	mem_free(memory);
	return NULL;
}

static inline void chaos_run(void (*round)(struct chaos *ch, void *memory), int rounds, size_t memory_bytes)
{
	struct http_limits limits = usual_limits;
	struct chaos chaos[CHAOS_THREADS];
	pthread_t threads[CHAOS_THREADS];
	struct fixture f;

	print_message("seed %u\n", chaos_seed);
	limits.head_s = limits.idle_s = limits.stall_s = limits.body_rate_s = 1;
	server_up(&f, &limits);
	for (unsigned i = 0; i < CHAOS_THREADS; i++) {
		chaos[i] = (struct chaos){ &f, chaos_seed + i, rounds, round, memory_bytes };
		assert_int_equal(pthread_create(&threads[i], NULL, chaos_main, &chaos[i]), 0);
	}
	for (unsigned i = 0; i < CHAOS_THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(one_request(&f, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
	server_down(&f);
}

#endif
