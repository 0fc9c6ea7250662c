/* The PROXY header.  Properties: what is read has exactly the announced length; its address lies in it; what is too short is
 * refused whatever it holds. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "http_peers.h"
#include "proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header h;
	struct http_peer peer = { 0 };
	size_t n;

	if (size < PROXY_HEADER_FIXED) {
		assert(!proxy_header_parse(data, size, &h));
		return 0;
	}
	n = proxy_header_length(data);
	assert(n == 0 || (n >= PROXY_HEADER_FIXED && n <= PROXY_HEADER_MAX));
	if (n == 0 || n > size) {
		assert(!proxy_header_parse(data, size, &h));
		return 0;
	}
	for (size_t less = PROXY_HEADER_FIXED; less < n; less++)
		assert(!proxy_header_parse(data, less, &h));
	if (proxy_header_parse(data, n, &h) && !h.local) {
		http_peer_name(&h.source, &peer);
		assert(peer.ip[0] && peer.net[0] && strlen(peer.ip) < sizeof(peer.ip));
	}
	return 0;
}
