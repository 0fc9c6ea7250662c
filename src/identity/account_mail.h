/* Mails to those who have an account: a link to set the password, and word of what was changed.  Put into the queue in the transaction
 * of what they tell of; leased, rendered and settled like notices of letters.  A row holds the link only until it is handed over. */
#ifndef PLI_ACCOUNT_MAIL_H
#define PLI_ACCOUNT_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct db_conn;
struct db_tx;
struct directory;
struct directory_account;
struct pool;

/* One row, ready to be put. */
struct account_mail {
	struct uuid entity, mail, account;
	const char *kind;
	const void *sealed;
	size_t sealed_n;
	int64_t now_us;
};
/* kind: setup | reset | changed | alert | alert_over.  what: with changed, password | factor_added | factor_removed; with alerts, their
 * kind, a space, and which one; else NULL.  expires_us: with alerts, when it began or ended.  token: of the link, NULL if none.
 * Everything in pool. */
MUST enum pli_status account_mail_make(struct directory *directory, struct pool *pool, const struct directory_account *account,
				       const char *kind, const char *what, const char *token, int64_t expires_us,
				       struct account_mail *mail_r, struct err *err);
/* Inside a write function, where nothing may be waited for: to whom is read when it is leased.  kind: accepted | refused | unclaimed, of the letter
 * that it is about; what: its number; t_us: when.  Nothing when one of that kind about that letter waits already.  The entity's metadata
 * key is in the cache. */
MUST enum pli_status account_mail_put_about(struct directory *directory, struct db_tx *tx, const struct uuid *entity, const struct uuid *account,
					    const char *kind, const struct uuid *letter, const char *what, int64_t t_us, struct err *err);
/* Inside a write function. */
MUST enum pli_status account_mail_put(struct db_conn *conn, const struct account_mail *mail, struct err *err);

struct account_mail_due {
	struct uuid entity, mail;
	const char *kind, *what;
	const char *name, *address, *entity_name;
	const char *lang;		/* "" if the person has chosen none */
	const char *token;		/* "" if none; of a mail about a letter, its id */
	int64_t created_us, expires_us;
	unsigned tries;
};
/* Up to limit of those due, leased until lease_until_us; in pool.  kinds: two of them, no others; NULL: any. */
MUST enum pli_status account_mail_lease(struct directory *directory, struct pool *pool, const char *const *kinds, int64_t now_us,
					int64_t lease_until_us, unsigned limit, struct account_mail_due *due_r, unsigned *count_r, struct err *err);
/* Is any of those two kinds in the queue, due or not? */
bool account_mail_any(struct directory *directory, const char *const kinds[2]);
/* Handed over, or failed for good: the row goes.  Returns PLI_ABSENT when there is none. */
MUST enum pli_status account_mail_done(struct db_conn *conn, const struct uuid *entity, const struct uuid *mail, struct err *err);
/* Again later, at due_us; PLI_ABSENT when it is older than since_us, or there is none. */
MUST enum pli_status account_mail_later(struct db_conn *conn, const struct uuid *entity, const struct uuid *mail, int64_t due_us,
					int64_t since_us, struct err *err);
/* All leases are void: called at start. */
MUST enum pli_status account_mail_reset(struct db_conn *conn, struct err *err);

#endif
