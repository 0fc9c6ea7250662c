/* pli.conf of any bytes: read or refused with a reason; what was read can be written and read again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF first = { 0 };
	AUTO_BUF second = { 0 };
	struct settings a, b;
	struct err err = { 0 };

	if (settings_parse(pool, "f", pool_strn(pool, (const char *)data, size), NULL, &a, &err) != PLI_OK) {
		assert(err.status == PLI_INPUT && err.text[0]);
		return 0;
	}
	settings_write(&first, &a);
	assert(settings_parse(pool, "f", first.p, NULL, &b, &err) == PLI_OK);
	settings_write(&second, &b);
	assert(first.n == second.n && memcmp(first.p, second.p, first.n) == 0);
	return 0;
}
