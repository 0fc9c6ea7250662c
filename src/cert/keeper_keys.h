/* Changes of the keeper's own keys, and the end of months' keys, asked for over its link: KEY_STATE, KEY_PREPARE, KEY_COMMIT, KEK_DESTROY
 * (keeper_frame.h). */
#ifndef PLI_KEEPER_KEYS_H
#define PLI_KEEPER_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct keeper_heads;
struct keeper_request;
struct kek_store;
struct keyring;
struct signatures;

/* known: it was said before, too. */
typedef void keeper_said_fn(const char *event, const char *text, bool known);

struct keeper_keys {
	const struct keyring *ring;
	const char *origin;
	struct kek_store *keks;
	struct keeper_heads *heads;
	keeper_said_fn *said;		/* NULL: nobody listens */
	struct signatures *signatures;
};
/* Tells of keys that were given up before this start, in a line for all. */
void keeper_keys_started(const struct keeper_keys *keys);
/* Appends the answer's frame to out; a commit of a signing key is answered on the link later, by its generation, and nothing is appended.
 * PLI_IO after a commit: the disk is broken, the process must end. */
MUST enum pli_status keeper_keys_handle(const struct keeper_keys *keys, const struct keeper_request *request, uint64_t generation,
					struct buf *out, struct err *err);

#endif
