/* Texts that the keeper is asked to sign.  What is taken for a receipt has the entries it names, by rising number, below its size. */
#include <stdint.h>

#include "pool.h"
#include "certify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	struct certify_text text;
	struct err err = { 0 };

	if (certify_parse(pool, data, size, &text, &err) != PLI_OK)
		return 0;
	for (size_t i = 0; i < text.entry_count; i++)
		if (text.entries[i].seq >= text.tree_size || (i && text.kind != CERTIFY_LIST && text.entries[i].seq <= text.entries[i - 1].seq))
			__builtin_trap();
	if (text.kind == CERTIFY_RECEIPT && !text.entry_count)
		__builtin_trap();
	return 0;
}
