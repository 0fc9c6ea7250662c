/* File names: always harmless, and of its own result filename_clean changes nothing. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"
#include "filename.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *name)
{
	size_t n = strlen(name);

	assert(n >= 1 && n <= FILENAME_MAX_BYTES && text_is_line(name, n) && !strpbrk(name, "/\\<>:\"|?*"));
	assert(!strchr(". -", name[0]) && !strchr(". ", name[n - 1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF disposition = { 0 };
	const char *name = filename_clean(pool, (const char *)data, size);
	const char *names[3] = { name, name, name };

	check(name);
	assert(strcmp(filename_clean(pool, name, strlen(name)), name) == 0);
	filename_unique(pool, names, 3);
	for (int i = 0; i < 3; i++)
		check(names[i]);
	assert(strcmp(names[0], names[1]) && strcmp(names[0], names[2]) && strcmp(names[1], names[2]));
	filename_disposition(&disposition, name);
	for (const char *c = disposition.p; *c; c++)
		assert(*c >= ' ' && *c < 0x7f);
	return 0;
}
