/* One key of the keeper's in the place of another, in steps that a crash leaves whole:
 *
 *   prepare   the new key is made (prefix "next-") with its public part; old and new each sign the same statement
 *   (front writes the journal's entry `key.rotated`, which holds both signatures, and waits until it lies under a signed head)
 *   commit    the keeper reads that entry, checks that its tree holds it and that both keys have signed, and takes the new key
 *
 * keys/  next-NAME.key|.token with next-seal.pem next-operator.pem next-tsa.pem next-log.pub next-root.id: prepared.  The change has happened when the
 *        second file has its final name; what is left to do then, key_change_settle does, at once or at the next start.
 *        log-former.pub: public log keys of before, PEM.  until-SECONDS-log.*: former log keys that still sign beside the new one.
 *        former-root.*: the wrapping key of before, until nothing lies under it (kek_store.h).
 * Statement: "pli key change 1\n" origin "\n" NAME "\n" old "\n" new "\n", fingerprints in hex: of certificates (seal, operator, tsa), of public keys
 * (log; both SHA-256 of DER), or random (wrap). */
#ifndef PLI_KEY_CHANGE_H
#define PLI_KEY_CHANGE_H

#include <stdint.h>

#include "buf.h"
#include "key.h"
#include "status.h"

struct pool;

#define KEY_OVERLAP_MAX_S (366u * 86400)
#define KEY_OVERLAPS_MAX 8

struct key_change {
	char old[65], new[65];
	struct buf public;	/* PEM: certificate, or public log key; wrap: nothing */
	struct buf d;		/* canonical JSON, the entry's d */
};
void key_change_free(struct key_change *change);

/* Makes it, or takes up what was prepared before.  root_pem: the evidence root's certificate, for all that have one; its key must lie in keys/.
 * overlap_s: how long a log key of before signs on.  PLI_ABSENT: root.key is not there; PLI_BUSY: the last change of the wrapping key is
 * still at work. */
MUST enum pli_status key_change_prepare(const struct keyring *ring, const char *origin, enum key_name name, const char *root_pem,
					uint32_t overlap_s, struct key_change *change_r, struct err *err);
/* Is the entry one of the change that is prepared, signed by both keys?  PLI_CONFLICT. */
MUST enum pli_status key_change_check(const struct keyring *ring, const char *origin, enum key_name name, const void *entry, size_t n,
				      uint32_t *overlap_s_r, struct err *err);
MUST enum pli_status key_change_commit(const struct keyring *ring, enum key_name name, uint32_t overlap_s, int64_t now_us, struct err *err);
/* Finishes what was committed, for every key; destroys former log keys whose time is over.  Before keys are opened. */
MUST enum pli_status key_change_settle(const struct keyring *ring, int64_t now_us, struct err *err);
/* Fingerprint of the key in use; "" for a wrapping key that was never changed. */
MUST enum pli_status key_change_current(const struct keyring *ring, enum key_name name, char hex_r[65], struct err *err);
/* For those who have the public parts alone: d, an entry's, names keys of the lists (pem_list.h; one for each name, NULL: not asked), and both
 * have signed.  Of a wrapping key nothing can be told.  PLI_CONFLICT. */
MUST enum pli_status key_change_verify(struct pool *pool, const char *origin, const char *d, size_t n, const char *const lists[KEY_NAMES],
				       struct err *err);
/* Is there a key of that name with its certificate, in a file or a token, in use or in the middle of a change, which key_change_settle finishes?
 * For who has no ring. */
bool key_change_has(int keys_dir_fd, enum key_name name);
/* Is there a prepared one? */
bool key_change_pending(const struct keyring *ring, enum key_name name);

/* Public log keys of before, oldest first. */
MUST enum pli_status key_change_former_logs(const struct keyring *ring, uint8_t (*publics_r)[32], unsigned max, unsigned *count_r,
					    struct err *err);
/* Log keys of before that still sign, newest last; at most KEY_OVERLAPS_MAX.  until_us_r of each.  Owned by the caller. */
MUST enum pli_status key_change_overlaps(const struct keyring *ring, int64_t now_us, struct key *keys_r[KEY_OVERLAPS_MAX],
					 int64_t until_us_r[KEY_OVERLAPS_MAX], unsigned *count_r, struct err *err);

#endif
