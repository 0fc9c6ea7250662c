/* Link tokens as text and as digest. */
#include <string.h>

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

void link_hash(const uint8_t token[LINK_BYTES], uint8_t hash_r[32])
{
	cipher_sha256(token, LINK_BYTES, hash_r);
}
