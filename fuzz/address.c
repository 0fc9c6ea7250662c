/* Lists of addresses. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "text.h"
#include "address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	struct address_list list = { 0 };
	struct err err = { 0 };

	if (address_list_parse(pool, &list, (const char *)data, size, "to", 50, &err) != PLI_OK)
		assert(*err.text && text_is_line(err.text, strlen(err.text)));
	assert(list.count <= 50);
	for (size_t i = 0; i < list.count; i++) {
		const struct address *a = &list.items[i];
		struct address again;

		assert(strlen(a->addr) <= ADDRESS_MAX && strlen(a->name) <= ADDRESS_NAME_MAX);
		for (const char *c = a->addr; *c; c++)
			assert(*c > ' ' && *c < 0x7f && !strchr("<>()[],;:\"\\", *c));
		assert(text_is_line(a->name, strlen(a->name)) && text_is_line(a->show, strlen(a->show)));
		/* what came out goes in again and stays the same */
		assert(address_parse(pool, a->addr, strlen(a->addr), "to", &again, &err) == PLI_OK);
		assert(strcmp(again.addr, a->addr) == 0 && strcmp(again.show, a->show) == 0);
	}
	return 0;
}
