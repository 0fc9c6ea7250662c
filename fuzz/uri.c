/* Percent encoding and URLs. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const schemes[] = { "https", "http", "smtp", "smtps", NULL };
	AUTO_POOL pool = pool_new();
	AUTO_BUF decoded = { 0 };
	AUTO_BUF encoded = { 0 };
	AUTO_BUF again = { 0 };
	struct uri uri;

	if (uri_decode(&decoded, (const char *)data, size, true) && decoded.n) {
		uri_encode(&encoded, decoded.p, decoded.n);
		assert(uri_decode(&again, encoded.p, encoded.n, false));
		assert(again.n == decoded.n && memcmp(again.p, decoded.p, again.n) == 0);
	}
	if (uri_parse(pool, pool_strn(pool, (const char *)data, size), schemes, &uri, NULL) == PLI_OK)
		assert(*uri.host && uri.port <= 65535 && (!*uri.path || *uri.path == '/') &&
		       !strpbrk(uri.host, "/@ \r\n"));
	return 0;
}
