/* Second factors: a code of an app (RFC 6238), and ten recovery codes for the day when it is lost.
 *
 * The secret is seen once, by its owner, when he adds the factor; from then on it lies wrapped by the keeper, who checks codes and gives it out
 * to nobody.  A code counts once: the step of the last one is kept, and only a later one is taken.  Everything here blocks. */
#ifndef PLI_FACTOR_H
#define PLI_FACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct db_conn;
struct directory;
struct journal_actor;
struct pool;
struct session;
struct uuid;

#define FACTOR_RECOVERY_CODES 10
#define FACTOR_RECOVERY_CHARS 11	/* xxxxx-xxxxx, base 32: 50 bits */

/* A secret on offer: nothing is stored; `sealed` travels in the form and opens for this session alone. */
struct factor_offer {
	char secret[33];		/* base 32, upper case, as apps want it */
	const char *uri;		/* otpauth://… for the QR code */
	const char *sealed;
};
MUST enum pli_status factor_offer(struct directory *directory, struct pool *pool, const struct session *session, const char *issuer,
				  struct factor_offer *offer_r, struct err *err);
/* The same offer again, from the form (a wrong code does not make a new secret).  PLI_INPUT: it is not this session's. */
MUST enum pli_status factor_offered(struct directory *directory, struct pool *pool, const struct session *session, const char *issuer,
				    const char *sealed, struct factor_offer *offer_r, struct err *err);
/* The code proves that the app has the secret: it is kept, replacing another, with new recovery codes, which are shown this once.  Writes
 * `factor.added`.  PLI_DENIED: wrong code; PLI_INPUT: no such offer. */
MUST enum pli_status factor_add(struct directory *directory, struct pool *pool, const struct session *session,
				const struct journal_actor *by, const char *sealed, const char *code,
				char codes_r[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_CHARS + 1], struct err *err);
/* Writes `factor.removed`; sessions opened by it are none of a second factor any more.  PLI_ABSENT: there is none. */
MUST enum pli_status factor_remove(struct directory *directory, const struct uuid *entity, const struct uuid *account,
				   const struct journal_actor *by, struct err *err);
/* New recovery codes; the old ones are dead. */
MUST enum pli_status factor_recovery_renew(struct directory *directory, const struct uuid *entity, const struct uuid *account,
					   char codes_r[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_CHARS + 1], struct err *err);

struct factor_state {
	bool there;
	int64_t since_us;
	unsigned recovery_left;
};
MUST enum pli_status factor_state(struct directory *directory, const struct uuid *entity, const struct uuid *account,
				  struct factor_state *state_r, struct err *err);

/* Six digits of the app, or a recovery code; spaces and hyphens do not matter.  Each is right once.  PLI_DENIED, PLI_BUSY. */
MUST enum pli_status factor_check(struct directory *directory, const struct uuid *entity, const struct uuid *account, const char *code,
				  struct err *err);

#endif
