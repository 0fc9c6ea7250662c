/* Accept-Language. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "acceptlang.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	const char *lang = acceptlang_pick(pool_strn(pool, (const char *)data, size), "en");

	assert(strcmp(lang, "fr") == 0 || strcmp(lang, "en") == 0);
	return 0;
}
