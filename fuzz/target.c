/* Request targets.  Properties: an accepted path begins with a slash, holds no control character, backslash or dot
 * segment; parsing does not change with the bytes behind the end. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "status.h"
#include "text.h"

#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path)
{
	size_t n = strlen(path);

	if (strcmp(path, "*") == 0)
		return;
	assert(path[0] == '/' && utf8_valid(path, n));
	assert(!strstr(path, "//") && !strstr(path, "/../") && !strstr(path, "/./") && !strchr(path, '\\'));
	assert(n < 3 || strcmp(path + n - 3, "/..") != 0);
	assert(n < 2 || strcmp(path + n - 2, "/.") != 0);
	for (size_t i = 0; i < n; i++)
		assert((unsigned char)path[i] >= ' ' && path[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	struct target t = { 0 };
	struct err err;

	if (target_parse(pool, (const char *)data, size, &t, &err) == PLI_OK) {
		check_path(t.path);
		assert(!strpbrk(t.query, "#\" <>\r\n"));
	}
	return 0;
}
