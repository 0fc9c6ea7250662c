/* Media types and dispositions. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "mediatype.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	const char *text = pool_strn(pool, (const char *)data, size), *clean = mediatype_clean(pool, text);
	struct mediatype type;

	assert(strchr(clean, '/') && strlen(clean) <= 127 && !strpbrk(clean, " ;\"\r\n<>"));
	if (mediatype_parse(pool, (const char *)data, size, &type, NULL) != PLI_OK)
		return 0;
	assert(*type.type && type.param_count <= MEDIATYPE_PARAMS_MAX);
	for (int i = 0; i < type.param_count; i++)
		assert(mediatype_param(&type, type.params[i].name) == type.params[i].value &&
		       !strpbrk(type.params[i].value, "\r\n"));
	return 0;
}
