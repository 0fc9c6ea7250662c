/* The PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt, section 2.2): the binary header by which a trusted
 * front says, before the first byte of TLS, who its client is.
 *
 * Version 1 (text), datagrams and unknown families are refused; so are a broken list of extensions and a wrong
 * checksum.  Plain scans, no allocation. */
#ifndef PLI_PROXY_HEADER_H
#define PLI_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define PROXY_HEADER_FIXED 16u	/* bytes that every header has */
#define PROXY_HEADER_MAX 2048u

struct proxy_header {
	bool local;			/* the front speaks for itself, or does not know its client's address */
	struct sockaddr_storage source;	/* AF_INET, AF_INET6, AF_UNIX (nothing but the family) */
};

/* The length of the whole header from its first PROXY_HEADER_FIXED bytes; 0: these are none, or it is too long. */
size_t proxy_header_length(const uint8_t *first);

/* Reads a whole header (as long as proxy_header_length() said).  False when it is malformed. */
bool proxy_header_parse(const uint8_t *p, size_t n, struct proxy_header *h_r);

#endif
