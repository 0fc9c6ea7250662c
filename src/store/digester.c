/* The digest thread of a large object; see digester.h. */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "pool.h"

#include "crc32.h"

#include "digester.h"

#define STACK_BYTES (128u << 10)
#define BLOCK_BYTES (32u << 10)	/* both sums over a block while it is in the first cache */

struct piece {
	const uint8_t *p;
	size_t n;
};

struct digester {
	struct digest digest;
	uint32_t crc32;
	bool threaded, stopping;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t came, done;
	struct piece pieces[DIGESTER_PIECES];
	unsigned first, count;	/* ring; pieces[first] is the one being worked on */
};

struct digester *digester_new(void)
{
	struct digester *d = mem_alloc(sizeof(*d));

	digest_init(&d->digest);
	return d;
}

static void add_now(struct digester *d, const uint8_t *p, size_t n)
{
	while (n) {
		size_t take = n < BLOCK_BYTES ? n : BLOCK_BYTES;

		d->crc32 = crc32_add(d->crc32, p, take);
		digest_add(&d->digest, p, take);
		p += take;
		n -= take;
	}
}

static void *digester_main(void *arg)
{
	struct digester *d = arg;

	pthread_setname_np(pthread_self(), "pli-digest");
	pthread_mutex_lock(&d->lock);
	for (;;) {
		struct piece piece;

		while (!d->count && !d->stopping)
			pthread_cond_wait(&d->came, &d->lock);
		if (!d->count)
			break;
		piece = d->pieces[d->first];
		pthread_mutex_unlock(&d->lock);
		add_now(d, piece.p, piece.n);
		pthread_mutex_lock(&d->lock);
		d->first = (d->first + 1) % DIGESTER_PIECES;
		d->count--;
		pthread_cond_signal(&d->done);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

void digester_start(struct digester *d)
{
	pthread_attr_t attr;
	sigset_t all, before;

	if (d->threaded)
		return;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->came, NULL);
	pthread_cond_init(&d->done, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	d->threaded = pthread_create(&d->thread, &attr, digester_main, d) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (!d->threaded) {
		pthread_cond_destroy(&d->done);
		pthread_cond_destroy(&d->came);
		pthread_mutex_destroy(&d->lock);
	}
}

void digester_add(struct digester *d, const void *p, size_t n)
{
	if (!n)
		return;
	if (!d->threaded) {
		add_now(d, p, n);
		return;
	}
	pthread_mutex_lock(&d->lock);
	while (d->count == DIGESTER_PIECES)
		pthread_cond_wait(&d->done, &d->lock);
	d->pieces[(d->first + d->count) % DIGESTER_PIECES] = (struct piece) { p, n };
	d->count++;
	pthread_cond_signal(&d->came);
	pthread_mutex_unlock(&d->lock);
}

void digester_wait(struct digester *d, unsigned left)
{
	if (!d->threaded)
		return;
	pthread_mutex_lock(&d->lock);
	while (d->count > left)
		pthread_cond_wait(&d->done, &d->lock);
	pthread_mutex_unlock(&d->lock);
}

void digester_state(struct digester *d, uint8_t stored_r[DIGEST_STORED_BYTES], uint32_t *crc32_r)
{
	digester_wait(d, 0);
	digest_store(&d->digest, stored_r);
	*crc32_r = d->crc32;
}

int digester_restore(struct digester *d, const uint8_t stored[DIGEST_STORED_BYTES], uint32_t crc32)
{
	digester_wait(d, 0);
	d->crc32 = crc32;
	return digest_restore(&d->digest, stored);
}

void digester_final(struct digester *d, uint8_t sha256_r[32], uint32_t *crc32_r)
{
	digester_wait(d, 0);
	digest_final(&d->digest, sha256_r);
	*crc32_r = d->crc32;
}

void digester_free(struct digester *d)
{
	if (!d)
		return;
	if (d->threaded) {
		pthread_mutex_lock(&d->lock);
		d->stopping = true;
		pthread_cond_signal(&d->came);
		pthread_mutex_unlock(&d->lock);
		pthread_join(d->thread, NULL);
		pthread_cond_destroy(&d->done);
		pthread_cond_destroy(&d->came);
		pthread_mutex_destroy(&d->lock);
	}
	mem_wipe(d, sizeof(*d));
	mem_free(d);
}
