/* Journal entries: what is read must be what would be written, byte for byte. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "canon.h"
#include "entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF again = { 0 }, with = { 0 };
	struct entry_view view;
	char *text;

	if (entry_parse(pool, data, size, &view, NULL) == PLI_OK) {
		if (entry_write(&view.e, &again, NULL) != PLI_OK || again.n != size || memcmp(again.p, data, size) != 0)
			abort();
	}
	/* An object that takes a further member is an object still. */
	text = pool_strn(pool, (const char *)data, size);
	if (canon_object_valid((const char *)data, size) && !memchr(data, 0, size)) {
		const char *value;

		if (canon_with_str(text, "sheet", "v", &with, NULL) != PLI_OK || !canon_object_valid(with.p, with.n))
			abort();
		value = canon_member_str(pool, with.p, with.n, "sheet");
		if (!value || strcmp(value, "v") != 0)
			abort();
	}
	return 0;
}
