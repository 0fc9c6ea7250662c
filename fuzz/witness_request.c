/* Bodies of add-checkpoint: what is taken is written back as the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#include "witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct witness_request r;
	AUTO_BUF again = { 0 };

	if (witness_request_parse((const char *)data, size, &r, NULL) != PLI_OK)
		return 0;
	witness_request_write(r.old, (const uint8_t (*)[32])r.path, r.count, r.note, r.note_n, &again);
	if (again.n != size || memcmp(again.p, data, size) != 0 || r.count > WITNESS_PROOF_MAX || !r.checkpoint.signatures)
		abort();
	return 0;
}
