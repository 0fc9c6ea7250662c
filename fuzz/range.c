/* Range, If-Range and entity-tag lists.  First byte: the size of the representation; then the field value, a NUL, the
 * second field value.  Property: a range lies inside the representation. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"

#include "range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char tag[] = "\"a1\"";
	AUTO_POOL pool = pool_new();
	const char *first, *second, *nul;
	uint64_t length;
	struct range r;

	if (size < 1)
		return 0;
	length = data[0] == 255 ? UINT64_MAX : data[0];
	first = pool_strn(pool, (const char *)data + 1, size - 1);
	nul = memchr(data + 1, 0, size - 1);
	second = nul ? first + (nul + 1 - (const char *)data - 1) : NULL;
	switch (range_pick(first, second, tag, length, &r)) {
	case RANGE_PART:
		assert(r.length > 0 && r.first < length && r.length <= length - r.first);
		break;
	case RANGE_WHOLE:
		assert(r.first == 0 && r.length == length);
		break;
	case RANGE_UNSATISFIABLE:
		break;
	}
	if (range_match_hit(first, tag))
		assert(range_none_match_hit(first, tag));
	return 0;
}
