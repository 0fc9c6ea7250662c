/* Decoders of text: what they accept they spell the same again; escapes leave no dangerous byte. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "escape.h"
#include "pool.h"
#include "text.h"
#include "uuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void codecs(const char *s, size_t n, struct pool *pool)
{
	uint8_t *bytes = pool_alloc(pool, n + 1);
	char *again = pool_alloc(pool, n * 2 + 8);
	size_t made;

	if (base64_decode(bytes, &made, s, n)) {
		base64_encode(again, bytes, made);
		assert(strlen(again) == n && memcmp(again, s, n) == 0);
	}
	if (base32_decode(bytes, n * 5 / 8, s, n)) {
		base32_encode(again, bytes, n * 5 / 8);
		assert(strlen(again) == n && strncasecmp(again, s, n) == 0);
	}
	if (hex_decode(bytes, n / 2, s, n)) {
		hex_encode(again, bytes, n / 2);
		assert(strncasecmp(again, s, n) == 0);
	}
}

static void escapes(const char *s, size_t n)
{
	AUTO_BUF out = { 0 };

	escape_html(&out, s, n);
	assert(utf8_valid(out.p, out.n));
	assert(!memchr(out.p, '<', out.n) && !memchr(out.p, '"', out.n) && !memchr(out.p, '\'', out.n));
	buf_reset(&out);
	escape_url(&out, s, n);
	assert(text_is_line(out.p, out.n) && !memchr(out.p, '"', out.n) && !memchr(out.p, ' ', out.n));
	assert(strncasecmp(out.p, "javascript:", 11) != 0 && strncmp(out.p, "//", 2) != 0);
	buf_reset(&out);
	escape_url_part(&out, s, n);
	assert(!out.n || !out.p[strspn(out.p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%")]);
	buf_reset(&out);
	escape_line(&out, s, n);
	assert(!out.n || text_is_line(out.p, out.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	const char *s = pool_strn(pool, (const char *)data, size);
	const char *at = (const char *)data, *end = at + size;
	struct uuid id;
	int64_t t_us;
	size_t length;
	char text[40], *normal;
	bool valid = true;

	while (at < end) {
		const char *before = at;

		valid &= utf8_next(&at, end) != (uint32_t)-1 && *before;
		assert(at > before && at <= end);
	}
	assert(valid == utf8_valid((const char *)data, size));
	normal = text_nfc((const char *)data, size, &length);
	assert(!!normal == valid);
	mem_free(normal);
	codecs((const char *)data, size, pool);
	escapes((const char *)data, size);
	if (clock_parse(s, &t_us) && t_us >= 0) {
		int64_t again_us;

		assert(clock_parse(clock_rfc3339(text, t_us), &again_us));
		assert(again_us == t_us - t_us % 1000 || t_us > INT64_C(253402300799999000));
	}
	if (uuid_parse(&id, s))
		assert(strcasecmp(uuid_format(text, &id), s) == 0);
	return 0;
}
