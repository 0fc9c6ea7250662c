/* tus headers: the first byte chooses which. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "tus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	struct tus_metadata metadata = { 0 };
	uint8_t digest[32];
	uint64_t n = 0;
	const char *text;
	enum pli_status status;

	if (!size)
		return 0;
	text = pool_strn(pool, (const char *)data + 1, size - 1);
	switch (data[0] % 3) {
	case 0:
		status = tus_number(text, "Upload-Offset", 1000, &n, NULL);
		assert(status == PLI_OK ? n <= 1000 : n == 0);
		break;
	case 1:
		status = tus_checksum_parse(text, digest, NULL);
		assert(status == PLI_OK || status == PLI_INPUT);
		break;
	default:
		status = tus_metadata_parse(pool, text, &metadata, NULL);
		assert(status == PLI_OK || metadata.count == 0);
		for (int i = 0; i < metadata.count; i++)
			assert(tus_metadata_get(&metadata, metadata.items[i].key) == &metadata.items[i] &&
			       metadata.items[i].value[metadata.items[i].value_n] == '\0');
	}
	return 0;
}
