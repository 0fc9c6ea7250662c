/* Frames between front and courier: whatever is read must be written back as the same bytes. */
#include <assert.h>
#include <string.h>

#include "buf.h"

#include "job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0, used = 0;
	struct job job;
	struct err err;

	while (job_read(data + at, size - at, &job, &used, &err) == PLI_OK) {
		AUTO_BUF out = { 0 };
		assert(used > 0 && used <= size - at);
		if (job_write(&out, &job, &err) == PLI_OK)
			assert(out.n == used && memcmp(out.p, data + at, used) == 0);
		at += used;
	}
	return 0;
}
