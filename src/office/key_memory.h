/* Letter keys of readings under way, so that a page or a document asked for again does not ask the keeper again.
 *
 * What is remembered opens for nobody but the reader: each key is sealed under a value that only his cookie gives, which this server
 * keeps nowhere (its database holds the digest of the cookie).  Between two of his requests there is no letter key in this process,
 * as if nothing were remembered.  Whether he may still read is asked of the database at each request, before this; what is remembered
 * spares the keeper's work and decides nothing.
 *
 * A key is found again only for the same session, letter and wrapped key: a letter whose key was wrapped anew, or destroyed, misses.
 * It is forgotten KEY_MEMORY_US after the keeper gave it, whether it was used or not, and at once when the letter's readings end. */
#ifndef PLI_KEY_MEMORY_H
#define PLI_KEY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

struct uuid;

#define KEY_MEMORY_US (INT64_C(5) * 60 * SECOND_US)

struct key_memory;

/* Of one reading. */
struct key_memory_place {
	const uint8_t *session;		/* 32 bytes: the digest of the cookie's value */
	const uint8_t *secret;		/* 32 bytes that follow from the cookie's value and not from its digest: key_memory_secret() */
	const struct uuid *entity, *letter;
	const void *wrapped;		/* the letter's key as it lies in its row */
	size_t wrapped_n;
};

struct key_memory *key_memory_new(void);
void key_memory_free(struct key_memory *memory);
/* What the cookie's value gives for sealing.  Times are of the monotonic clock. */
void key_memory_secret(const uint8_t cookie[32], uint8_t secret_r[32]);

/* False: not remembered (any more). */
bool key_memory_get(struct key_memory *memory, const struct key_memory_place *place, int64_t now_us, uint8_t key_r[32]);
/* A full memory forgets another reading. */
void key_memory_put(struct key_memory *memory, const struct key_memory_place *place, int64_t now_us, const uint8_t key[32]);

/* All readings of a letter: it is over, or its key goes. */
void key_memory_forget(struct key_memory *memory, const struct uuid *letter);
/* What is over its time. */
void key_memory_sweep(struct key_memory *memory, int64_t now_us);

#endif
