/* See key_memory.h.  A table whose places follow from the session's digest, which is random: four places to choose from, the one that
 * ends first gives way. */
#include <pthread.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "uuid.h"

#include "cipher.h"

#include "letter_own.h"

#include "key_memory.h"

#define SETS 256u
#define WAYS 4u
#define WRAPPED_MAX 128		/* as the keeper's link takes them */

struct remembered {
	uint8_t session[32];
	struct uuid letter;
	int64_t until_us;	/* 0: empty */
	uint8_t sealed[32 + CIPHER_SEAL_BYTES];
};

struct key_memory {
	pthread_mutex_t lock;
	struct remembered places[SETS][WAYS];
};

struct key_memory *key_memory_new(void)
{
	struct key_memory *m = mem_alloc(sizeof(*m));

	pthread_mutex_init(&m->lock, NULL);
	return m;
}

void key_memory_free(struct key_memory *memory)
{
	if (!memory)
		return;
	pthread_mutex_destroy(&memory->lock);
	mem_wipe(memory, sizeof(*memory));
	mem_free(memory);
}

void key_memory_secret(const uint8_t cookie[32], uint8_t secret_r[32])
{
	static const char LABEL[] = "pli/reading-key/1";

	cipher_hmac(cookie, LABEL, sizeof(LABEL) - 1, secret_r);
}

/* The letter's place, then its wrapped key: another letter's or another wrap of it does not open. */
static size_t aad_of(const struct key_memory_place *place, uint8_t out[META_AAD_MAX + WRAPPED_MAX])
{
	size_t n = meta_aad(out, LETTER_KEY_PLACE(place->entity, place->letter));

	if (place->wrapped_n)
		memcpy(out + n, place->wrapped, place->wrapped_n);
	return n + place->wrapped_n;
}

static struct remembered *set_of(struct key_memory *m, const uint8_t session[32])
{
	return m->places[session[0] % SETS];
}

static struct remembered *find(struct key_memory *m, const struct key_memory_place *place)
{
	struct remembered *set = set_of(m, place->session);

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].until_us && memcmp(set[i].session, place->session, 32) == 0 && uuid_same(&set[i].letter, place->letter))
			return &set[i];
	return NULL;
}

static void forget(struct remembered *r)
{
	mem_wipe(r, sizeof(*r));
}

bool key_memory_get(struct key_memory *memory, const struct key_memory_place *place, int64_t now_us, uint8_t key_r[32])
{
	uint8_t sealed[sizeof(((struct remembered *)0)->sealed)], aad[META_AAD_MAX + WRAPPED_MAX];
	AUTO_BUF key = { .secret = 1 };
	struct remembered *r;
	bool found;

	if (place->wrapped_n > WRAPPED_MAX)
		return false;
	pthread_mutex_lock(&memory->lock);
	r = find(memory, place);
	if (r && r->until_us <= now_us) {
		forget(r);
		r = NULL;
	}
	if (r)
		memcpy(sealed, r->sealed, sizeof(sealed));
	pthread_mutex_unlock(&memory->lock);
	found = r && cipher_open(place->secret, aad, aad_of(place, aad), sealed, sizeof(sealed), &key, NULL) == PLI_OK && key.n == 32;
	if (found)
		memcpy(key_r, key.p, 32);
	return found;
}

void key_memory_put(struct key_memory *memory, const struct key_memory_place *place, int64_t now_us, const uint8_t key[32])
{
	uint8_t aad[META_AAD_MAX + WRAPPED_MAX];
	struct remembered *set = set_of(memory, place->session), *r;
	AUTO_BUF sealed = { 0 };

	if (place->wrapped_n > WRAPPED_MAX ||
	    cipher_seal(place->secret, aad, aad_of(place, aad), key, 32, &sealed, NULL) != PLI_OK || sealed.n != sizeof(r->sealed))
		return;
	pthread_mutex_lock(&memory->lock);
	r = find(memory, place);
	for (unsigned i = 0; !r && i < WAYS; i++)
		if (!set[i].until_us)
			r = &set[i];
	if (!r) {
		r = set;
		for (unsigned i = 1; i < WAYS; i++)
			if (set[i].until_us < r->until_us)
				r = &set[i];
	}
	memcpy(r->session, place->session, 32);
	r->letter = *place->letter;
	r->until_us = now_us + KEY_MEMORY_US;
	memcpy(r->sealed, sealed.p, sizeof(r->sealed));
	pthread_mutex_unlock(&memory->lock);
}

void key_memory_forget(struct key_memory *memory, const struct uuid *letter)
{
	pthread_mutex_lock(&memory->lock);
	for (struct remembered *r = memory->places[0], *end = r + SETS * WAYS; r < end; r++)
		if (r->until_us && uuid_same(&r->letter, letter))
			forget(r);
	pthread_mutex_unlock(&memory->lock);
}

void key_memory_sweep(struct key_memory *memory, int64_t now_us)
{
	pthread_mutex_lock(&memory->lock);
	for (struct remembered *r = memory->places[0], *end = r + SETS * WAYS; r < end; r++)
		if (r->until_us && r->until_us <= now_us)
			forget(r);
	pthread_mutex_unlock(&memory->lock);
}
