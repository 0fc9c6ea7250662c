/* See verp.h. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "pool.h"
#include "text.h"
#include "uuid.h"

#include "directory.h"

#include "verp.h"

#define PREFIX "bounce+"
#define PREFIX_CHARS 7
#define ID_CHARS 26
#define MAC_BYTES 10
#define MAC_CHARS 16

_Static_assert(PREFIX_CHARS + ID_CHARS + 1 + MAC_CHARS == VERP_LOCAL_CHARS, "the local part is as long as it says");

static void mac_of(struct directory *directory, const struct uuid *notice, uint8_t mac_r[32])
{
	directory_mac(directory, "verp", notice->b, sizeof(notice->b), mac_r);
}

void verp_make(struct directory *directory, const struct uuid *notice, const char *domain, char out[VERP_MAX + 1])
{
	char id[ID_CHARS + 1], mac_text[MAC_CHARS + 1];
	uint8_t mac[32];

	mac_of(directory, notice, mac);
	base32_encode(id, notice->b, sizeof(notice->b));
	base32_encode(mac_text, mac, MAC_BYTES);
	snprintf(out, VERP_MAX + 1, PREFIX "%s.%s@%.253s", id, mac_text, domain);
}

bool verp_parse(struct directory *directory, const char *domain, const char *address, struct uuid *notice_r)
{
	const char *id = address + PREFIX_CHARS, *mac_text = id + ID_CHARS + 1;
	struct uuid notice;
	uint8_t given[MAC_BYTES], mac[32];

	if (strlen(address) <= VERP_LOCAL_CHARS || strncasecmp(address, PREFIX, PREFIX_CHARS) != 0 || id[ID_CHARS] != '.' ||
	    address[VERP_LOCAL_CHARS] != '@' || !*domain || !str_ieq(address + VERP_LOCAL_CHARS + 1, domain) ||
	    !base32_decode(notice.b, sizeof(notice.b), id, ID_CHARS) || !base32_decode(given, MAC_BYTES, mac_text, MAC_CHARS))
		return false;
	mac_of(directory, &notice, mac);
	if (!mem_same(mac, given, MAC_BYTES))
		return false;
	*notice_r = notice;
	return true;
}
