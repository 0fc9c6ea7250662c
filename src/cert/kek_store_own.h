/* Inside of the store of key-encrypting keys, for kek_store*.c only. */
#ifndef PLI_KEK_STORE_OWN_H
#define PLI_KEK_STORE_OWN_H

#include <openssl/evp.h>

#include "buf.h"

#include "kek_left.h"

#include "kek_store.h"

#define KEK_KID_MAX 63
#define KEK_SLOTS 1024		/* keys kept ready; about 1.5 KiB each in use */
#define KEK_STAGE_DAYS 14	/* an upload lives 7 days, from its last change at most 7 more */
#define KEK_NONCE 12
#define KEK_TAG 16
#define KEK_ENTITY_DIGITS 32

struct key;

/* A key made ready in both directions, so that a wrap costs no key schedule. */
struct kek {
	char kid[KEK_KID_MAX + 1];
	EVP_CIPHER_CTX *seal, *open;
	bool is_left;			/* wraps nothing any more */
	struct kek_left left;
};

struct kek_store {
	int dir_fd;
	const struct keyring *ring;
	struct key *root;
	char root_id[KEK_ROOT_DIGITS + 1];	/* "" before its first change */
	struct key *former;		/* the root before it, while keys lie under it; else NULL */
	struct buf names;		/* those that are still to be looked at for that, each with its zero */
	size_t names_at;
	bool stuck;			/* one of them cannot be read: the former root stays */
	EVP_CIPHER *gcm;
	int64_t delay_us;
	struct kek slots[KEK_SLOTS];	/* by hash of the kid; a newcomer takes the place */
};

/* Our kids only: no separator, no dot, nothing that a path could mean. */
bool kek_kid_valid(const uint8_t *kid, size_t n);
/* What stands behind purpose and entity, "letter-" and 32 digits: a date of so many digits, then perhaps the root's id, *root_r ("": none).
 * The last moment of its day (of the month's first), or -1. */
int64_t kek_period(const char *name, const char *purpose, size_t date_n, const char **root_r);
/* The key made ready, in its slot; borrowed until another takes it. */
MUST enum pli_status kek_store_find(struct kek_store *store, const void *kid, size_t kid_n, struct kek **kek_r, struct err *err);
struct kek *kek_store_slot(struct kek_store *store, const uint8_t *kid, size_t n);
void kek_store_left_load(struct kek_store *store, struct kek *kek);
void kek_forget(struct kek *kek);

#endif
