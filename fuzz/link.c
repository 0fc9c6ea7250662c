/* Link tokens out of a path: one token has one value, in any case. */
#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	const char *text = pool_strn(pool, (const char *)data, size);
	uint8_t token[LINK_BYTES], again[LINK_BYTES];
	char own[LINK_CHARS + 1];

	if (!link_parse(text, token))
		return 0;
	link_text(own, token);
	for (size_t i = 0; i < LINK_CHARS; i++)
		assert(tolower((unsigned char)text[i]) == own[i]);
	assert(link_parse(own, again) && memcmp(token, again, sizeof(token)) == 0);
	return 0;
}
