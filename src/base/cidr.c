#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "cidr.h"

#define MAPPED_BITS 96u

static void cidr_map(uint8_t address[16], const void *ip4)
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	memcpy(address + 12, ip4, 4);
}

/* A prefix length of at most `most`, without leading zeros. */
static bool cidr_bits(const char *text, unsigned most, unsigned *bits_r)
{
	size_t n = strspn(text, "0123456789");
	unsigned bits = 0;

	if (n < 1 || n > 3 || text[n] || (n > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++)
		bits = bits * 10 + (unsigned)(text[i] - '0');
	*bits_r = bits;
	return bits <= most;
}

static bool cidr_rest_is_zero(const struct cidr *net)
{
	for (unsigned bit = net->bits; bit < 128; bit++)
		if (net->address[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

bool cidr_parse(const char *text, size_t n, struct cidr *net_r)
{
	char copy[64], *slash;
	struct in_addr ip4;
	unsigned bits;

	memset(net_r, 0, sizeof(*net_r));
	if (n >= sizeof(copy) || memchr(text, '\0', n))
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	if (inet_pton(AF_INET, copy, &ip4) == 1) {
		bits = 32;
		if (slash && !cidr_bits(slash, 32, &bits))
			return false;
		cidr_map(net_r->address, &ip4);
		net_r->bits = MAPPED_BITS + bits;
	} else if (inet_pton(AF_INET6, copy, net_r->address) == 1) {
		net_r->bits = 128;
		if (slash && !cidr_bits(slash, 128, &net_r->bits))
			return false;
	} else {
		return false;
	}
	return cidr_rest_is_zero(net_r);
}

int cidr_list(const char *text, struct cidr *nets_r, size_t cap)
{
	size_t count = 0;

	for (;;) {
		size_t n;

		text += strspn(text, ", \t");
		if (!*text)
			return (int)count;
		n = strcspn(text, ", \t");
		if (count == cap || !cidr_parse(text, n, &nets_r[count]))
			return -1;
		count++;
		text += n;
	}
}

static bool cidr_has(const struct cidr *net, const uint8_t address[16])
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	if (memcmp(net->address, address, whole) != 0)
		return false;
	return rest == 0 || ((net->address[whole] ^ address[whole]) & 0xff << (8 - rest) & 0xff) == 0;
}

bool cidr_holds(const struct cidr *nets, size_t count, const struct sockaddr_storage *addr)
{
	uint8_t address[16];

	if (addr->ss_family == AF_INET)
		cidr_map(address, &((const struct sockaddr_in *)addr)->sin_addr);
	else if (addr->ss_family == AF_INET6)
		memcpy(address, &((const struct sockaddr_in6 *)addr)->sin6_addr, sizeof(address));
	else
		return false;
	for (size_t i = 0; i < count; i++)
		if (cidr_has(&nets[i], address))
			return true;
	return false;
}
