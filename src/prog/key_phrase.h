/* The pass phrase of an instance's key files, for the verbs; the keeper gets it as a descriptor (child.h). */
#ifndef PLI_KEY_PHRASE_H
#define PLI_KEY_PHRASE_H

#include "status.h"

struct instance;
struct keyring;
struct pool;

/* From file if not NULL, else from where [keys] passphrase_file says; *phrase_r NULL when neither is given.  pool should wipe. */
MUST enum pli_status key_phrase(struct pool *pool, const struct instance *instance, const char *file, const char **phrase_r,
				struct err *err);
/* The key files, opened by that pass phrase. */
MUST enum pli_status key_phrase_ring(const struct instance *instance, struct keyring *ring_r, struct err *err);

#endif
