/* Signed notes. */
#include <stdint.h>
#include <stdlib.h>

#include "checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[32] = { 1 };
	struct checkpoint c;
	uint8_t public_key[32];

	if (checkpoint_parse((const char *)data, size, &c, NULL) == PLI_OK && (c.signed_bytes >= size || !c.signatures || !*c.origin))
		abort();
	/* Nobody signs with that key. */
	if (checkpoint_verify((const char *)data, size, NULL, key, &c, NULL) == PLI_OK)
		abort();
	(void)!checkpoint_public_key((const char *)data, size, public_key, NULL);
	return 0;
}
