/* META-INF/ASiCManifest.xml, as the keeper gets it to seal and a verifier to compare: what is accepted is written
 * again byte for byte. */
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "asic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new();
	struct asic_manifest manifest;
	struct buf again;
	struct err err;

	buf_init(&again);
	if (asic_manifest_parse(pool, data, size, &manifest, &err) == PLI_OK) {
		asic_manifest_write(&manifest, &again);
		if (again.n != size || memcmp(again.p, data, size) != 0)
			__builtin_trap();
	}
	buf_free(&again);
	pool_free(pool);
	return 0;
}
