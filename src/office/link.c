/* Link tokens as text and as digest. */
#include <string.h>

#include "pool.h"
#include "text.h"

#include "cipher.h"

#include "link.h"

void link_text(char out[LINK_CHARS + 1], const uint8_t token[LINK_BYTES])
{
	base32_encode(out, token, LINK_BYTES);
}

bool link_parse(const char *s, uint8_t token_r[LINK_BYTES])
{
	size_t n = strlen(s);

	return n == LINK_CHARS && base32_decode(token_r, LINK_BYTES, s, n);
}

void link_make(uint64_t place, uint8_t token_r[LINK_BYTES])
{
	for (int i = 0; i < LINK_PLACE_BYTES; i++)
		token_r[i] = (uint8_t)(place >> (8 * (LINK_PLACE_BYTES - 1 - i)));
	mem_random(token_r + LINK_PLACE_BYTES, LINK_BYTES - LINK_PLACE_BYTES);
}

uint64_t link_place(int64_t t_us)
{
	return (uint64_t)t_us / LINK_PLACE_US & LINK_PLACE_MAX;
}

uint64_t link_place_of(const uint8_t token[LINK_BYTES])
{
	uint64_t place = 0;

	for (int i = 0; i < LINK_PLACE_BYTES; i++)
		place = place << 8 | token[i];
	return place;
}

void link_key(const uint8_t token[LINK_BYTES], uint8_t key_r[32])
{
	uint8_t hash[32];

	link_hash(token, hash);
	memcpy(key_r, token, LINK_PLACE_BYTES);
	memcpy(key_r + LINK_PLACE_BYTES, hash, 32 - LINK_PLACE_BYTES);
}

void link_hash(const uint8_t token[LINK_BYTES], uint8_t hash_r[32])
{
	cipher_sha256(token, LINK_BYTES, hash_r);
}
