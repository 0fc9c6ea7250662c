/* Bounds for people without an account, see visitors.h.
 *
 * Buckets that leak, in a table of fixed size: an address has four places (a keyed hash chooses them, so that nobody can aim at
 * another's) and takes the one that has been quiet longest when all are others'. */
#include <pthread.h>
#include <string.h>

#include <sodium.h>

#include "pool.h"

#include "visitors.h"

#define SETS 2048
#define WAYS 4
#define SECOND_US INT64_C(1000000)

struct place {
	uint64_t who;
	int64_t due_us;		/* when the bucket is empty again */
};
struct visitors {
	pthread_mutex_t lock;
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct place places[SETS][WAYS];
	size_t held, held_max;
};

struct visitors *visitors_new(size_t held_max_bytes)
{
	struct visitors *v = mem_alloc(sizeof(*v));

	pthread_mutex_init(&v->lock, NULL);
	mem_random(v->key, sizeof(v->key));
	v->held_max = held_max_bytes;
	return v;
}

void visitors_free(struct visitors *v)
{
	if (!v)
		return;
	pthread_mutex_destroy(&v->lock);
	mem_free(v);
}

static struct place *place_of(struct visitors *v, const char *from)
{
	struct place *set, *quiet;
	uint64_t who;

	crypto_shorthash((unsigned char *)&who, (const unsigned char *)from, strlen(from), v->key);
	set = quiet = v->places[who % SETS];
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].who == who)
			return &set[i];
		if (set[i].due_us < quiet->due_us)
			quiet = &set[i];
	}
	*quiet = (struct place){ .who = who };
	return quiet;
}

bool visitors_admit(struct visitors *v, const char *from, unsigned cost, int64_t now_us, unsigned *wait_s_r)
{
	struct place *place;
	bool admitted;

	pthread_mutex_lock(&v->lock);
	place = place_of(v, from);
	if (place->due_us < now_us)
		place->due_us = now_us;
	admitted = place->due_us - now_us <= ((int64_t)VISITORS_BURST - cost) * SECOND_US;
	if (admitted)
		place->due_us += cost * SECOND_US;
	else
		*wait_s_r = (unsigned)((place->due_us - now_us) / SECOND_US - ((int64_t)VISITORS_BURST - cost)) + 1;
	pthread_mutex_unlock(&v->lock);
	return admitted;
}

bool visitors_hold(struct visitors *v, size_t n)
{
	bool room;

	pthread_mutex_lock(&v->lock);
	room = n <= v->held_max - v->held;
	if (room)
		v->held += n;
	pthread_mutex_unlock(&v->lock);
	return room;
}

void visitors_release(struct visitors *v, size_t n)
{
	pthread_mutex_lock(&v->lock);
	v->held -= n;
	pthread_mutex_unlock(&v->lock);
}
