/* The directory: entities and accounts, their metadata keys, API tokens.  Everything here blocks (database, keeper). */
#ifndef PLI_DIRECTORY_H
#define PLI_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "principal.h"
#include "status.h"
#include "uuid.h"

struct buf;
struct db;
struct db_conn;
struct db_tx;
struct directory;
struct journal;
struct journal_actor;
struct keeper;
struct pool;

/* instance_key: 32 bytes for look-up HMACs (kept wrapped in the instance table, unwrapped at start). */
MUST enum pli_status directory_open(struct db *db, struct keeper *keeper, struct journal *journal,
				    struct directory **directory_r, struct err *err);
void directory_close(struct directory *directory);	/* wipes keys */
/* HMAC(instance key, purpose ‖ 0 ‖ bytes). */
void directory_mac(struct directory *directory, const char *purpose, const void *p, size_t n, uint8_t mac_r[32]);
/* Metadata key of an entity, from the cache or unwrapped by the keeper; valid until directory_close. */
MUST enum pli_status directory_meta_key(struct directory *directory, const struct uuid *entity, const uint8_t **key_r, struct err *err);
/* kid of a KEK, from the kek table's cache or made by the keeper. purpose stage|letter; period day|month.  A letter KEK that the table names
 * and the keeper does not have is retired, and another named; PLI_IO where that would have the same name. */
MUST enum pli_status directory_kek(struct directory *directory, const char *purpose, const struct uuid *entity, int64_t period,
				   char kid_r[64], struct err *err);

/* In the transaction that writes a row under this letter KEK: may it still?  PLI_BUSY: it was retired or destroyed since directory_kek named it;
 * who asks that again gets another. */
MUST enum pli_status directory_kek_current(struct directory *directory, struct db_tx *tx, const struct uuid *entity, int64_t period,
					   const char *kid, struct err *err);
/* Makes directory_kek look anew: after PLI_BUSY from directory_kek_current, or when the keeper does not know the kid any more. */
void directory_keks_forget(struct directory *directory);

struct directory_kek_over {
	struct uuid entity;
	int64_t period;
	char kid[64];
	uint64_t moved;		/* number of the entry that letters were moved away from it; 0: none */
	char next[64];		/* then: where to */
};
typedef enum pli_status directory_kek_over_fn(void *arg, const struct directory_kek_over *kek, struct err *err);
/* Letter KEKs of months before `month` that are not destroyed yet, one by one.  When one is, directory_kek_destroyed takes it down. */
MUST enum pli_status directory_kek_over(struct directory *directory, int64_t month, directory_kek_over_fn *fn, void *arg, struct err *err);
MUST enum pli_status directory_kek_destroyed(struct db_tx *tx, const struct directory_kek_over *kek, int64_t now_us, struct err *err);
/* Takes down kek->moved and kek->next; 0 takes them back. */
MUST enum pli_status directory_kek_moved(struct db_tx *tx, const struct directory_kek_over *kek, struct err *err);
/* Retires the letter KEKs of `month` and later that were made under another wrapping key than `root` (the first KEK_ROOT_DIGITS of its id,
 * kek_store.h): from the return on no new row names one. */
MUST enum pli_status directory_kek_retire(struct directory *directory, const char *root, int64_t month, int64_t now_us, struct err *err);
/* Appends those of `month` and later that are retired and not destroyed, as structs directory_kek_over: first those that letters were not moved
 * away from yet, by entity. */
MUST enum pli_status directory_kek_retired(struct directory *directory, int64_t month, struct buf *list, struct err *err);

/* Entities. siren: nine digits or NULL. PLI_CONFLICT when the name exists. */
MUST enum pli_status directory_entity_add(struct directory *d, const struct journal_actor *by, const char *name, const char *siren,
					  struct uuid *entity_r, struct err *err);
struct directory_entity {
	struct uuid entity;
	const char *name, *siren, *state;
	const char *letter_class;	/* of letters whose sender says none: simple | registered | fr-lre */
	int64_t created_us;
	unsigned people;		/* active accounts; only from directory_entity_each */
};
MUST enum pli_status directory_entity_get(struct directory *d, struct pool *pool, const struct uuid *entity,
					  struct directory_entity *entity_r, struct err *err);
MUST enum pli_status directory_entity_find(struct directory *d, struct pool *pool, const char *name_or_id, struct directory_entity *entity_r, struct err *err);

typedef enum pli_status directory_entity_fn(void *arg, const struct directory_entity *entity, struct err *err);
/* Oldest first. */
MUST enum pli_status directory_entity_each(struct directory *d, directory_entity_fn *fn, void *arg, struct err *err);
/* An entity that is not active: nobody of it signs in, no token of it works; what it sent stays readable.  PLI_CONFLICT, type last-admin,
 * when no administrator of the instance would be left. */
MUST enum pli_status directory_entity_state(struct directory *d, const struct journal_actor *by, const struct uuid *entity, bool active,
					    struct err *err);

/* Class of its letters whose sender says none: simple, registered or fr-lre, else PLI_INVALID. */
MUST enum pli_status directory_entity_class(struct directory *d, const struct journal_actor *by, const struct uuid *entity,
					    const char *class_, struct err *err);

/* Accounts.  password NULL: none (set-up link later).  8 to 256 characters, not on the list of common ones. E-mail unique per instance. */
struct directory_account {
	struct uuid entity, account;
	const char *name, *email, *state;
	enum role role;
	bool instance_admin;
	int64_t created_us;
};
MUST enum pli_status directory_account_add(struct directory *d, const struct journal_actor *by, const struct uuid *entity,
					   const char *email, const char *name, enum role role, bool instance_admin,
					   const char *password, struct uuid *account_r, struct err *err);
MUST enum pli_status directory_account_find(struct directory *d, struct pool *pool, const char *email, struct directory_account *account_r, struct err *err);
/* By id, on a reader that the caller has already.  PLI_ABSENT. */
MUST enum pli_status directory_account_get(struct directory *d, struct db_conn *conn, struct pool *pool, const struct uuid *entity,
					   const struct uuid *account, struct directory_account *account_r, struct err *err);
MUST enum pli_status directory_account_disable(struct directory *d, const struct journal_actor *by, const char *email, struct err *err);
MUST enum pli_status directory_account_password(struct directory *d, const struct journal_actor *by, const char *email, const char *password, struct err *err);
/* The same by id, and more of it.  All sessions end but kept_session, links for a password end, browsers are strangers again; writes
 * `password.changed` and mails the person.  With link_hash only if that link was unused until now: PLI_GONE. */
struct directory_password {
	struct uuid entity, account;
	const char *password;
	const struct uuid *kept_session;	/* NULL: none */
	const uint8_t *link_hash;		/* SHA-256 of a link's token; NULL: no link */
};
MUST enum pli_status directory_account_password_set(struct directory *d, const struct journal_actor *by,
						    const struct directory_password *change, struct err *err);
/* Name and language ("fr", "en", NULL: as the browser says) of an account. */
MUST enum pli_status directory_account_profile(struct directory *d, const struct uuid *entity, const struct uuid *account,
					       const char *name, const char *lang, struct err *err);
/* From the next request on. */
MUST enum pli_status directory_account_role(struct directory *d, const struct journal_actor *by, const struct uuid *entity,
					    const struct uuid *account, enum role role, struct err *err);
/* Takes a disabling back; tokens that were not revoked work again. */
MUST enum pli_status directory_account_enable(struct directory *d, const struct journal_actor *by, const struct uuid *entity,
					      const struct uuid *account, struct err *err);
/* Who was sent a link to set the first password and has not used it, newest first; entity NULL: of all.  At most limit, in pool. */
struct directory_invitation {
	struct directory_account account;
	int64_t created_us, expires_us;
};
MUST enum pli_status directory_invited(struct directory *d, struct pool *pool, const struct uuid *entity, unsigned limit,
				       struct directory_invitation *invited_r, unsigned *count_r, struct err *err);
typedef enum pli_status directory_account_fn(void *arg, const struct directory_account *account, struct err *err);
MUST enum pli_status directory_account_each(struct directory *d, directory_account_fn *fn, void *arg, struct err *err);

/* API tokens: "pli_" + 43 base64url characters + checksum; shown once, SHA-256 stored. days 1..3650. */
MUST enum pli_status directory_token_add(struct directory *d, const struct journal_actor *by, const char *email, const char *name,
					 unsigned days, struct pool *pool, const char **token_r, struct err *err);
struct directory_token {
	struct uuid token;
	const char *email, *name;
	int64_t created_us, expires_us, revoked_us;
};
typedef enum pli_status directory_token_fn(void *arg, const struct directory_token *token, struct err *err);
MUST enum pli_status directory_token_each(struct directory *d, directory_token_fn *fn, void *arg, struct err *err);
MUST enum pli_status directory_token_revoke(struct directory *d, const struct journal_actor *by, const char *id, struct err *err);
/* Who holds this bearer token.  PLI_UNAUTH for unknown, expired, revoked, disabled account (one text for all). Cached briefly in
 * memory, dropped at once on revoke, disable and role change. */
MUST enum pli_status directory_token_principal(struct directory *d, struct pool *pool, const char *token, struct principal *principal_r, struct err *err);

#endif
