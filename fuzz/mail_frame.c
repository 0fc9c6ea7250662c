/* Frames between front and the reader of mails: whatever is read must be written back as the same bytes. */
#include <assert.h>
#include <string.h>

#include "buf.h"

#include "mail_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0, used = 0;
	struct mail_frame frame;
	struct err err;

	while (mail_frame_read(data + at, size - at, &frame, &used, &err) == PLI_OK) {
		AUTO_BUF out = { 0 };

		assert(used > 4 && used <= size - at);
		assert(mail_frame_write(&out, &frame, &err) == PLI_OK);
		assert(out.n == used && memcmp(out.p, data + at, used) == 0);
		at += used;
	}
	return 0;
}
