/* Bearer tokens as text; the form stands in the header. */
#include <string.h>

#include "pool.h"
#include "text.h"

#include "crc32.h"

#include "bearer.h"

#define RANDOM_CHARS 43
#define SUM_CHARS 6
_Static_assert(4 + RANDOM_CHARS + SUM_CHARS == BEARER_CHARS, "parts of a token");

static void base64url(char *out, const void *p, size_t n)
{
	base64_encode(out, p, n);
	for (char *c = out; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	out[strcspn(out, "=")] = '\0';
}

void bearer_text(char out[BEARER_CHARS + 1], const uint8_t random_bytes[BEARER_BYTES])
{
	char text[4 * ((BEARER_BYTES + 2) / 3) + 1], sum[9];
	uint32_t crc = crc32_add(0, random_bytes, BEARER_BYTES);
	uint8_t be[4] = { (uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc };

	base64url(text, random_bytes, BEARER_BYTES);
	base64url(sum, be, sizeof(be));
	memcpy(out, "pli_", 4);
	memcpy(out + 4, text, RANDOM_CHARS);
	memcpy(out + 4 + RANDOM_CHARS, sum, SUM_CHARS + 1);
	mem_wipe(text, sizeof(text));
}

bool bearer_wellformed(const char *token)
{
	char padded[RANDOM_CHARS + 2], again[BEARER_CHARS + 1];
	uint8_t bytes[36];
	size_t n;
	bool good;

	if (strlen(token) != BEARER_CHARS || !str_starts(token, "pli_"))
		return false;
	memcpy(padded, token + 4, RANDOM_CHARS);
	padded[RANDOM_CHARS] = '=';
	padded[RANDOM_CHARS + 1] = '\0';
	for (char *c = padded; *c; c++)
		*c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
	good = base64_decode(bytes, &n, padded, RANDOM_CHARS + 1) && n == BEARER_BYTES;
	if (good) {
		bearer_text(again, bytes);
		good = mem_same(again, token, BEARER_CHARS);
	}
	mem_wipe(padded, sizeof(padded));
	mem_wipe(bytes, sizeof(bytes));
	mem_wipe(again, sizeof(again));
	return good;
}
