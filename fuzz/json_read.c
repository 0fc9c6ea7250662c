/* JSON from outside, read in every way. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "text.h"
#include "json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const struct json_read *object)
{
	static const char *const names[] = { "a", NULL };
	const char *s = "", **items = NULL;
	struct json_read *child = NULL, **children = NULL;
	size_t count = 0;
	int64_t n = 0;
	bool flag = false;
	struct err err = { 0 };

	if (json_read_str(object, "a", &s, &err) == PLI_OK)
		assert(utf8_valid(s, strlen(s)));
	if (json_read_strs(object, "a", 3, &items, &count, &err) == PLI_OK)
		assert(count <= 3);
	for (size_t i = 0; i < count; i++)
		assert(utf8_valid(items[i], strlen(items[i])));
	if (json_read_int(object, "a", -5, 5, &n, &err) == PLI_OK)
		assert(n >= -5 && n <= 5);
	if (json_read_bool(object, "a", &flag, &err) != PLI_OK)
		assert(*err.text);
	if (json_read_objects(object, "a", names, 3, &children, &count, &err) == PLI_OK && children)
		for (size_t i = 0; i < count; i++)
			read_all(children[i]);
	if (json_read_object(object, "a", names, &child, &err) == PLI_OK && child)
		read_all(child);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "a", "subject", NULL };
	AUTO_POOL pool = pool_new();
	struct json_read *object;
	struct err err = { 0 };

	if (json_read_open(pool, data, size, 4096, names, &object, &err) == PLI_OK)
		read_all(object);
	else
		assert(*err.text && text_is_line(err.text, strlen(err.text)));
	return 0;
}
