/* Links by which somebody sets his password: mailed when his account is made (seven days), or when he says that he forgot it (one hour).
 * Single use; a newer link ends the older ones; a password set by one ends all sessions, and leaves the second factor as it was.
 * Everything here blocks. */
#ifndef PLI_SIGNIN_LINK_H
#define PLI_SIGNIN_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "signin.h"
#include "status.h"

struct directory;
struct directory_account;
struct journal_actor;
struct pool;

#define SIGNIN_LINK_CHARS 52

/* Makes a link and puts the mail that holds it into the queue.  token_r (may be NULL): for who shows it otherwise, then no mail. */
MUST enum pli_status signin_link_send(struct directory *directory, struct pool *pool, const struct directory_account *account,
				      bool setup, const char **token_r, struct err *err);
/* Somebody says that he forgot the password of this address: PLI_OK whoever he is and whether there is an account or not, after the same
 * work; few an hour for an address and for where they come from (beyond that nothing is sent, and PLI_OK all the same). */
MUST enum pli_status signin_link_ask(struct directory *directory, struct pool *pool, const char *email, const char *from, struct err *err);

struct signin_link {
	bool setup;
	int64_t expires_us;
	const char *name, *email;
	struct signin_account account;
};
/* PLI_ABSENT: no such link; PLI_GONE: used, replaced or expired; PLI_RATE: too many wrong ones from there.  Changes nothing but the
 * count of wrong ones. */
MUST enum pli_status signin_link_look(struct directory *directory, struct pool *pool, const char *token, const char *from,
				      struct signin_link *link_r, struct err *err);
/* Sets the password; of many at the same time one succeeds, the others get PLI_GONE.  PLI_INVALID with field: a bad password, the link
 * stays good. */
MUST enum pli_status signin_link_use(struct directory *directory, struct pool *pool, const char *token, const char *password,
				     const struct journal_actor *by, const char *from, struct signin_link *link_r, struct err *err);
/* Called by housekeeping. */
MUST enum pli_status signin_link_sweep(struct directory *directory, int64_t now_us, struct err *err);

#endif
