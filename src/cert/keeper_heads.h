/* The keeper's tree as a service: one thread that makes groups durable and signs their heads, so that wrapping never waits for a disk.
 * Appends that have queued up meanwhile become one group with one head; each is answered. */
#ifndef PLI_KEEPER_HEADS_H
#define PLI_KEEPER_HEADS_H

#include <stdbool.h>
#include <stdint.h>

#include "keeper.h"
#include "status.h"

struct keeper_heads;
struct keeper_link;
struct keyring;
struct signatures;

/* Opens keys (log.key, tsa.pem, tsa.key, counter) and tree; starts the thread.  Descriptors and link are borrowed.  An older or damaged
 * tree is no fault here: the service runs and refuses.  fatal(arg) is called from the thread when the disk is broken. */
MUST enum pli_status keeper_heads_new(const struct keyring *ring, int journal_dir_fd, const char *origin, struct keeper_link *link,
				      struct signatures *signatures, void (*fatal)(void *arg, const struct err *err), void *arg,
				      struct keeper_heads **heads_r, struct err *err);
/* Finishes what is queued, then stops. */
void keeper_heads_free(struct keeper_heads *heads);

/* Answered on the link later.  leaves: count × 32 bytes, copied.  ahead: front has not committed them yet.  Their head is then signed, in memory
 * only, while front commits; the rest waits for keeper_heads_committed, which may never come: the next one ahead takes its place. */
void keeper_heads_append(struct keeper_heads *heads, uint64_t generation, uint64_t id, uint64_t first, const uint8_t *leaves, size_t count, bool ahead);
void keeper_heads_committed(struct keeper_heads *heads, uint64_t generation, uint64_t id);
void keeper_heads_list(struct keeper_heads *heads, uint64_t generation, uint64_t id, uint64_t since, uint32_t limit);
/* Seals a manifest that names a checkpoint (size, root) of this tree: checked, then passed to `seal` on the service's thread. */
void keeper_heads_seal(struct keeper_heads *heads, uint64_t generation, uint64_t id, const void *manifest, size_t n);

/* Is this the leaf at that number, under the newest signed head?  Any thread. */
bool keeper_heads_holds(struct keeper_heads *heads, uint64_t seq, const uint8_t leaf[32]);
/* A signing key was changed: the new ones are opened between two groups, then the request (KEY_COMMIT) is answered. */
void keeper_heads_rekey(struct keeper_heads *heads, uint64_t generation, uint64_t id);

void keeper_heads_status(struct keeper_heads *heads, struct keeper_status *status_r);

#endif
