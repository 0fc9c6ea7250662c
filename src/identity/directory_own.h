/* Inside of the directory, for directory_*.c only.
 *
 * Caches hold what only this process changes (one front writes the database): entities and key-encrypting keys are never
 * wrong, principals of tokens are dropped all at once whenever an account or a token changes. */
#ifndef PLI_DIRECTORY_OWN_H
#define PLI_DIRECTORY_OWN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "keywrap.h"

#include "directory.h"

#define DIRECTORY_BUCKETS 256

/* Kept until directory_close, so that pointers to key and texts stay valid. */
struct directory_known {
	struct directory_known *next;
	struct uuid entity;
	uint8_t meta_key[32];
	char *name, *siren;
	const char *_Atomic state;	/* "active" | "disabled": literals */
	const char *_Atomic letter_class;	/* of letters whose sender says none; a literal */
	int64_t created_us;
};
struct directory_kek {
	struct directory_kek *next;
	char purpose[8];
	struct uuid entity;
	int64_t period;
	char kid[64];
};
struct directory_bearer {
	struct directory_bearer *next;
	uint8_t token_hash[32];
	int64_t expires_us;
	const struct directory_known *known;
	struct uuid account;
	enum role role;
	bool instance_admin;
	char *name, *email;
};

struct directory {
	struct db *db;
	struct keeper *keeper;
	struct journal *journal;
	struct keywrap keywrap;
	uint8_t instance_key[32];

	atomic_uint_fast64_t retirements;	/* of letter KEKs: what the keeper said before is not written after */
	pthread_mutex_t adding;		/* entities: look, then make a key, then write */
	pthread_mutex_t lock;		/* of all that follows; held for memory work only */
	struct directory_known *known[DIRECTORY_BUCKETS];
	struct directory_kek *keks[DIRECTORY_BUCKETS];
	struct directory_bearer *bearers[DIRECTORY_BUCKETS];
	unsigned bearer_count;
	uint64_t generation;		/* grows when bearers are dropped: what was read before is not cached after */
};

/* The literal of that name; "simple" for any other word and for NULL. */
const char *directory_letter_class(const char *word);
/* Reads every entity into the cache.  Done at start, so that who holds a reader of the database never needs a second one to
 * open what he reads: with all readers out, that would be waiting for each other. */
MUST enum pli_status directory_known_all(struct directory *d, struct err *err);
/* Entity with its key and texts, from the cache or read.  PLI_ABSENT. */
MUST enum pli_status directory_known_get(struct directory *d, const struct uuid *entity,
					 const struct directory_known **known_r, struct err *err);
/* state: a literal. */
void directory_known_state(struct directory *d, const struct uuid *entity, const char *state);
void directory_known_class(struct directory *d, const struct uuid *entity, const char *letter_class);
void directory_known_free(struct directory_known *known);
/* Texts shown in a journal row that concerns no letter: {entity, siren, user}. */
struct pool;
const char *directory_shown(struct pool *pool, const char *entity_name, const char *siren, const char *user);
/* Every row of a query: copied into row_bytes of memory by `copy` while the reader is out, and, once it is given back, unsealed and
 * told by `tell`.  Who tells may so use the database himself. */
struct db_rows;
struct directory_listing {
	const char *sql;
	size_t row_bytes;
	enum pli_status (*copy)(struct db_rows *rows, struct pool *pool, void *row_r, struct err *err);
	enum pli_status (*tell)(struct directory *d, struct pool *pool, void *row, void *arg, struct err *err);
};
MUST enum pli_status directory_rows_each(struct directory *d, const struct directory_listing *listing, void *arg, struct err *err);
/* After any change of accounts or tokens. */
void directory_bearers_drop(struct directory *d);
/* Look-up of an account by its e-mail address, whatever the case of its letters. */
void directory_email_mac(struct directory *d, struct pool *pool, const char *addr, uint8_t mac_r[32]);
/* One account by id.  PLI_ABSENT. */
MUST enum pli_status directory_account_read(struct directory *d, struct pool *pool, const struct uuid *entity,
					    const struct uuid *account, struct directory_account *account_r,
					    struct err *err);

#endif
