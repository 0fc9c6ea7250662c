/* Lines on the control socket, both ways: the first byte says which. */
#include "buf.h"
#include "pool.h"

#include "ctl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	struct ctl_request request;
	struct ctl_answer answer;
	struct err err;

	if (size == 0)
		return 0;
	if (data[0] & 1) {
		if (ctl_answer_read(pool, (const char *)data + 1, size - 1, &answer, &err) != PLI_OK)
			return 0;
		if (answer.last && answer.status != PLI_OK && answer.err.status != answer.status)
			__builtin_trap();
	} else if (ctl_request_read(pool, (const char *)data + 1, size - 1, &request, &err) == PLI_OK) {
		if (!request.verb || !request.args)
			__builtin_trap();
	}
	return 0;
}
