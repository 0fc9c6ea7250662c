/* The strict ZIP reader: whatever it accepts, our writer can write again and it reads the same. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF out = { 0 };
	struct zip_file *files, *again;
	size_t count, count_again, total = 0;
	struct err err = { 0 };

	if (zip_read_open(pool, data, size, 1 << 20, &files, &count, &err) != PLI_OK) {
		assert(*err.text);
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		total += files[i].n;
		assert(*files[i].name && *files[i].name != '/' && !strchr(files[i].name, '\\'));
		if (strstr(files[i].name, ".."))
			return 0; /* "a..b" is a name, but not one that we write */
	}
	assert(total <= 1 << 20);
	zip_write(&out, files, count, 0);
	assert(zip_read_open(pool, out.p, out.n, 1 << 20, &again, &count_again, &err) == PLI_OK &&
	       count == count_again);
	for (size_t i = 0; i < count; i++)
		assert(strcmp(files[i].name, again[i].name) == 0 && files[i].n == again[i].n &&
		       (!files[i].n || memcmp(files[i].p, again[i].p, files[i].n) == 0));
	return 0;
}
