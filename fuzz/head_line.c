/* Lines of mails that name a journal's head: what is read is written back so that it reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#include "head_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct head_line line, again;
	AUTO_BUF out = { 0 };

	if (!head_line_parse((const char *)data, size, &line))
		return 0;
	head_line_write(&line, true, &out);
	if (!head_line_parse(out.p, out.n, &again) || memcmp(&line, &again, sizeof(line)) != 0)
		abort();
	return 0;
}
