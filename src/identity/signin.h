/* Signing in: what is tried, how often, and by whom it may be tried again.
 *
 * A sign-in by password alone ends with signin_password; an account with a second factor is then half in, under a value of its own, until
 * signin_code.  Whoever is unknown, disabled or without a password gets the answer of a wrong password, after the same work.
 * Everything here blocks (database, keeper). */
#ifndef PLI_SIGNIN_H
#define PLI_SIGNIN_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct db_conn;
struct directory;
struct guess;
struct pool;

#define SIGNIN_VALUE_CHARS 52		/* of the cookies: base 32 of 256 random bits */

struct signin_try {
	const char *from;		/* network address of whoever tries: an IPv4 address, an IPv6 /64 */
	const char *device;		/* the cookie of a browser where somebody has signed in before; NULL if none */
};
struct signin_account {
	struct uuid entity, account;
	bool has_factor;
};
/* Who has this address and password.  PLI_DENIED; PLI_RATE with retry_after_s; PLI_BUSY when too many are being checked. */
MUST enum pli_status signin_password(struct directory *directory, struct pool *pool, const struct signin_try *by, const char *email,
				     const char *password, struct signin_account *account_r, struct err *err);

/* Half in: value_r is kept by the browser for at most ten minutes. */
MUST enum pli_status signin_half_open(struct directory *directory, const struct signin_account *account,
				      char value_r[SIGNIN_VALUE_CHARS + 1], struct err *err);
/* The code of the second factor, or one of the recovery codes, of whoever is half in; once.  PLI_UNAUTH: nobody is (any more); PLI_DENIED;
 * PLI_RATE. */
MUST enum pli_status signin_code(struct directory *directory, struct pool *pool, const struct signin_try *by, const char *value,
				 const char *code, struct signin_account *account_r, struct err *err);

/* Shown again within a session, before a weighty act: the code where the account has a second factor, else the password.
 * session: its id.  PLI_DENIED, PLI_RATE, PLI_BUSY. */
MUST enum pli_status signin_again(struct directory *directory, struct pool *pool, const struct uuid *session,
				  const struct signin_account *account, const char *shown, struct err *err);

/* This browser is known from now on: value_r for its cookie. */
MUST enum pli_status signin_device_add(struct directory *directory, const struct signin_account *account,
				       char value_r[SIGNIN_VALUE_CHARS + 1], struct err *err);
/* Inside a write function: no browser of the account is known any more. */
MUST enum pli_status signin_devices_drop(struct db_conn *conn, const struct uuid *entity, const struct uuid *account, struct err *err);

/* Closed hours with failures become `session.failed`; halves and browsers that are over are deleted.  Called by housekeeping. */
MUST enum pli_status signin_sweep(struct directory *directory, int64_t now_us, struct err *err);

#endif
