/* PKCS#11 URIs, as pli.conf and the files beside keys hold them. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "hsm_uri.h"
#include "pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	const char *text = pool_strn(pool, (const char *)data, size);
	struct hsm_uri uri, again;

	if (hsm_uri_parse(text, &uri, NULL) != PLI_OK)
		return 0;
	assert(strncmp(text, "pkcs11:", 7) == 0 && (uri.token[0] || uri.serial[0]) && uri.id_n <= HSM_ID_MAX);
	assert(strlen(uri.token) < sizeof(uri.token) && strlen(uri.object) < sizeof(uri.object) && strlen(uri.serial) < sizeof(uri.serial) &&
	       strlen(uri.model) < sizeof(uri.model) && strlen(uri.manufacturer) < sizeof(uri.manufacturer));
	/* Nothing of what was before decides. */
	memset(&again, 0xff, sizeof(again));
	assert(hsm_uri_parse(text, &again, NULL) == PLI_OK && memcmp(&again, &uri, sizeof(uri)) == 0);
	return 0;
}
