/* What can be said of an instance's keys without opening one: for `pli key list` and `pli check`. */
#ifndef PLI_KEY_FACTS_H
#define PLI_KEY_FACTS_H

#include <stdint.h>

#include "status.h"

struct key_facts {
	const char *name;		/* root | seal | operator | tsa | log | wrap | mail */
	const char *state;		/* current | former: its public part is kept for what it signed */
	const char *place;		/* plain | protected | token | absent | destroyed (former ones) */
	char fingerprint[65];		/* SHA-256 of certificate or public key, hex; "" when there is none to show */
	int64_t since_us, until_us;	/* of the certificate; 0: it has none */
};
#define KEY_FACTS_MAX 256

/* keys_r: KEY_FACTS_MAX of them, in the order above, current ones before former ones. */
MUST enum pli_status key_facts(int keys_dir_fd, int public_dir_fd, struct key_facts *keys_r, unsigned *count_r, struct err *err);

#endif
