/* What a mail server says: always one printable line without an address, however it is cut into lines. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void check(const char *text)
{
	assert(strlen(text) <= REPLY_MAX);
	for (const char *c = text; *c; c++)
		assert(*c >= 0x20 && *c <= 0x7e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply reply = { 0 };
	char out[REPLY_MAX + 1];
	const char *p = (const char *)data, *end = p + size;

	reply_clean(out, p, size);
	check(out);
	for (const char *c = out; *c; c++)
		assert(*c != '@' || c == out || !is_word(c[-1]) || !is_word(c[1]));
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t n = lf ? (size_t)(lf - p) + 1 : (size_t)(end - p);

		reply_take(&reply, p, n);
		check(reply.text);
		assert(reply.code == 0 || (reply.code >= 200 && reply.code <= 599));
		p += n;
	}
	return 0;
}
