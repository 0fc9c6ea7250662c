/* See proxy_header.h. */
#include <netinet/in.h>
#include <string.h>

#include "proxy_header.h"

#define TYPE_CRC32C 0x03
#define CRC_BYTES 4u

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };	/* version 2 in the upper half */
enum { FAMILY_NONE = 0x00, FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21, FAMILY_UNIX = 0x31 };

static const uint8_t proxy_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static unsigned proxy_u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Bytes of addresses and ports; -1: a family that no one should send. */
static int proxy_address_bytes(uint8_t family)
{
	switch (family) {
	case FAMILY_NONE:
		return 0;
	case FAMILY_TCP4:
		return 12;
	case FAMILY_TCP6:
		return 36;
	case FAMILY_UNIX:
		return 216;
	default:
		return -1;
	}
}

size_t proxy_header_length(const uint8_t *first)
{
	unsigned rest = proxy_u16(first + 14);

	if (memcmp(first, proxy_signature, sizeof(proxy_signature)) != 0)
		return 0;
	if (first[12] != COMMAND_LOCAL && first[12] != COMMAND_PROXY)
		return 0;
	if (proxy_address_bytes(first[13]) < 0 || rest > PROXY_HEADER_MAX - PROXY_HEADER_FIXED)
		return 0;
	return PROXY_HEADER_FIXED + rest;
}

/* CRC-32C (Castagnoli) over the header, its own four bytes taken as zero. */
static uint32_t proxy_crc(const uint8_t *p, size_t n, size_t own)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= i >= own && i < own + CRC_BYTES ? 0 : p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~crc;
}

static bool proxy_extensions_are_good(const uint8_t *p, size_t n, size_t at)
{
	while (at < n) {
		size_t length;

		if (n - at < 3)
			return false;
		length = proxy_u16(p + at + 1);
		if (length > n - at - 3)
			return false;
		if (p[at] == TYPE_CRC32C) {
			const uint8_t *own = p + at + 3;
			uint32_t said;

			if (length != CRC_BYTES)
				return false;
			said = (uint32_t)proxy_u16(own) << 16 | proxy_u16(own + 2);
			if (said != proxy_crc(p, n, at + 3))
				return false;
		}
		at += 3 + length;
	}
	return true;
}

static void proxy_source(const uint8_t *address, uint8_t family, struct proxy_header *h)
{
	if (family == FAMILY_TCP4) {
		struct sockaddr_in *a = (struct sockaddr_in *)&h->source;

		a->sin_family = AF_INET;
		memcpy(&a->sin_addr, address, 4);
		memcpy(&a->sin_port, address + 8, 2);
	} else if (family == FAMILY_TCP6) {
		struct sockaddr_in6 *a = (struct sockaddr_in6 *)&h->source;

		a->sin6_family = AF_INET6;
		memcpy(&a->sin6_addr, address, 16);
		memcpy(&a->sin6_port, address + 32, 2);
	} else {
		h->source.ss_family = AF_UNIX;
	}
}

bool proxy_header_parse(const uint8_t *p, size_t n, struct proxy_header *h_r)
{
	uint8_t command, family;
	int bytes;

	memset(h_r, 0, sizeof(*h_r));
	if (n < PROXY_HEADER_FIXED || proxy_header_length(p) != n)
		return false;
	command = p[12];
	family = p[13];
	if (command == COMMAND_LOCAL) {		/* whatever follows is to be skipped */
		h_r->local = true;
		return true;
	}
	bytes = proxy_address_bytes(family);
	if (n - PROXY_HEADER_FIXED < (size_t)bytes || !proxy_extensions_are_good(p, n, PROXY_HEADER_FIXED + (size_t)bytes))
		return false;
	if (family == FAMILY_NONE)
		h_r->local = true;
	else
		proxy_source(p + PROXY_HEADER_FIXED, family, h_r);
	return true;
}
