/* Cookie headers. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	const char *header = pool_strn(pool, (const char *)data, size),
		   *value = cookie_get(pool, header, "__Host-s");

	if (value)
		assert(strstr(header, value) && !strpbrk(value, " ;,\"\\\t\r\n"));
	return 0;
}
