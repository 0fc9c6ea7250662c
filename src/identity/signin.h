/* Signing in with e-mail address and password: what is tried, how often, and by whom it may be tried again.
 * Everything here blocks (database, keeper). */
#ifndef PLI_SIGNIN_H
#define PLI_SIGNIN_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct directory;
struct pool;

struct signin_account {
	struct uuid entity, account;
	bool has_factor;
};
/* Who has this address and password.  PLI_DENIED, one text and one duration for whoever is unknown, disabled, without a password, or
 * whose password is another; PLI_BUSY when too many are being checked. */
MUST enum pli_status signin_password(struct directory *directory, struct pool *pool, const char *email, const char *password,
				     struct signin_account *account_r, struct err *err);
/* The password of an account that is known already (step-up).  PLI_DENIED, PLI_BUSY. */
MUST enum pli_status signin_password_again(struct directory *directory, struct pool *pool, const struct uuid *entity,
					   const struct uuid *account, const char *password, struct err *err);

#endif
