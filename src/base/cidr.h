/* Nets of IP addresses: "192.0.2.0/24", "2001:db8::/32", or one address alone.  IPv4-mapped IPv6 addresses are IPv4. */
#ifndef PLI_CIDR_H
#define PLI_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr_storage;

struct cidr {
	uint8_t address[16];	/* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;		/* of the 128 */
};

/* One net; bits beyond the prefix must be zero.  False when malformed. */
bool cidr_parse(const char *text, size_t n, struct cidr *net_r);
/* Nets separated by commas or blanks: at most cap of them.  Returns how many; -1: one is malformed, or there are more. */
int cidr_list(const char *text, struct cidr *nets_r, size_t cap);
/* Whether one of the nets holds the address; other families than IPv4 and IPv6 lie in none. */
bool cidr_holds(const struct cidr *nets, size_t count, const struct sockaddr_storage *addr);

#endif
