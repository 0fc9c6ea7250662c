/* API tokens out of an Authorization header: what is accepted is exactly what would be written. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "bearer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	const char *text = pool_strn(pool, (const char *)data, size);
	char own[BEARER_CHARS + 1];
	uint8_t bytes[BEARER_BYTES] = { 0 };

	if (bearer_wellformed(text))
		assert(strlen(text) == BEARER_CHARS && strncmp(text, "pli_", 4) == 0);
	memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
	bearer_text(own, bytes);
	assert(bearer_wellformed(own));
	own[size % BEARER_CHARS] = own[size % BEARER_CHARS] == 'A' ? 'B' : 'A';
	assert(!bearer_wellformed(own));
	return 0;
}
