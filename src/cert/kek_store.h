/* Key-encrypting keys: made, kept and used at the keeper only.
 *
 * keys/kek/<kid> = nonce 12 ‖ key 32 ‖ tag 16, AES-256-GCM under the wrapping key (key.h), AAD "pli/kek/1" ‖ 00 ‖ kid.
 * kid = <purpose>-<entity, 32 hex digits>[-<period>][-<root>]: stage-…-20261121 (UTC day), letter-…-202612 (UTC month), meta-….
 * root: the first eight digits of the wrapping key's id (key_change.h) under which it was made; none before its first change.  So what is made
 * after a change is another key than all that stood in keys/ before it, for the same purpose and period.
 * What they wrap: nonce 12 ‖ key ‖ tag 16, AAD = u8 length of kid ‖ kid ‖ the caller's, so that nothing wrapped can change places. */
#ifndef PLI_KEK_STORE_H
#define PLI_KEK_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct keyring;

enum kek_purpose { KEK_STAGE = 1, KEK_LETTER, KEK_META };

#define KEK_WRAPPED_EXTRA 28

struct kek_store;	/* one thread at a time */
/* Opens the ring's wrapping key and keys/kek; ring is borrowed for the store's life. */
MUST enum pli_status kek_store_open(const struct keyring *ring, struct kek_store **store_r, struct err *err);
void kek_store_close(struct kek_store *store);	/* wipes */

#define KEK_ROOT_DIGITS 8

/* The kid of these three under the wrapping key in use; makes the key when there is none, durable on return.  period: UTC day since 1970
 * (stage), year·12 + month - 1 (letter), 0 (meta).  PLI_INPUT for a period out of range, PLI_GONE for a staging key whose day is over for good. */
MUST enum pli_status kek_store_make(struct kek_store *store, enum kek_purpose purpose, const struct uuid *entity, int64_t period,
				    char kid_r[64], struct err *err);
/* out_r holds n + 28 bytes.  PLI_ABSENT: no such key (never made, or destroyed). */
MUST enum pli_status kek_store_wrap(struct kek_store *store, const void *kid, size_t kid_n, const void *aad, size_t aad_n,
				    const void *key, size_t n, uint8_t *out_r, struct err *err);
/* out_r holds n - 28 bytes.  PLI_INPUT: does not open here. */
MUST enum pli_status kek_store_unwrap(struct kek_store *store, const void *kid, size_t kid_n, const void *aad, size_t aad_n,
				      const void *wrapped, size_t n, uint8_t *out_r, struct err *err);

#define KEK_DELAY_DAYS 7
/* How long a key that was left stays; KEK_DELAY_DAYS before it is said. */
void kek_store_delay(struct kek_store *store, unsigned days);
/* Letters were moved away from the key of (entity, month), made under a wrapping key of before, to next: the key of the same entity and month
 * under the one in use, which is there.  From now on it wraps nothing (PLI_ABSENT) and goes on opening; each time it does so its delay begins
 * anew, as then something needs it.  number: of the journal's entry that says so (kek_left.h).  Durable on return.  Of a key that is not there
 * nothing is noted.  leaving: called before it is noted, so that it is heard of whatever ends this process in between; not of one that was left
 * before, or whose month is over.
 * PLI_DENIED for other keys, PLI_CONFLICT for another next. */
struct kek_leaving {
	void (*fn)(void *arg, const char *kid, uint64_t number, int64_t due_us);
	void *arg;
};
MUST enum pli_status kek_store_leave(struct kek_store *store, const void *kid, size_t kid_n, const char *next, uint64_t number, int64_t now_us,
				     const struct kek_leaving *leaving, struct err *err);
/* Marks that stand: how many, the time before which the first of them will not be destroyed (0: none), how many cannot be read. */
MUST enum pli_status kek_store_left(struct kek_store *store, unsigned *count_r, int64_t *due_us_r, unsigned *damaged_r, struct err *err);
/* Destroys the key of (entity, month) once that month is over at now_us, or once it was left and nobody has used it for the delay since:
 * overwritten, then removed, durable on return: *due_us_r is 0 then, and too when it is not there any more.  Else it is the time before which it
 * will not be destroyed.  PLI_DENIED for a key of another purpose, and for one of a month that is not over which was not left. */
MUST enum pli_status kek_store_destroy(struct kek_store *store, const void *kid, size_t kid_n, int64_t now_us, int64_t *due_us_r, struct err *err);
/* Destroys staging keys whose uploads have all expired: 14 days after their day.  *count_r: how many. */
MUST enum pli_status kek_store_sweep(struct kek_store *store, int64_t today, unsigned *count_r, struct err *err);

/* The wrapping key was changed (key_change.h): takes the new one.  Until everything lies under it both open what they sealed. */
MUST enum pli_status kek_store_reroot(struct kek_store *store, struct err *err);
/* Is there something to do?  A key that is damaged keeps the old root, but not this from ending. */
bool kek_store_rerooting(const struct kek_store *store);
/* Puts some keys more under the new root, for at most 20 ms; at the end destroys the old one.  What a crash leaves, the next store goes
 * on with. */
MUST enum pli_status kek_store_reroot_step(struct kek_store *store, struct err *err);

#endif
