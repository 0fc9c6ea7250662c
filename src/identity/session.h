/* Sessions of people signed in with a browser: a random value in a cookie, its SHA-256 in the database.
 *
 * The value is made anew at sign-in and at each raise of the level; what was known before is dead then.  A session ends when nobody has
 * asked for anything during its idle time, at its absolute end, when it is revoked, and when its account or entity is disabled.
 * Everything here blocks. */
#ifndef PLI_SESSION_H
#define PLI_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "principal.h"
#include "status.h"
#include "uuid.h"

struct db_conn;
struct directory;
struct journal_actor;
struct pool;

#define SESSION_VALUE_CHARS 52		/* base 32 of 256 random bits */

struct session {
	struct uuid session;
	struct principal principal;	/* method password (level 2) | password+totp (level 3) */
	int64_t created_us, seen_us, ends_us;
	int64_t proved_us;		/* a factor was last shown: what is asked again before weighty acts */
	bool strong;			/* by password and second factor */
	bool has_factor;		/* the account has a second factor */
	const char *lang;		/* the person's own choice, NULL if none */
	char form_key[65];		/* what each form of this session carries; the same for its whole life */
};
/* Who holds this cookie value.  PLI_UNAUTH, one text for all, when nobody does (any more). */
MUST enum pli_status session_find(struct directory *directory, struct pool *pool, const char *value, int64_t now_us,
				  struct session *session_r, struct err *err);
/* The same for what a page asks by itself: its idle time goes on as if nobody were there. */
MUST enum pli_status session_look(struct directory *directory, struct pool *pool, const char *value, int64_t now_us,
				  struct session *session_r, struct err *err);

struct session_new {
	struct uuid entity, account;
	bool strong;
	int64_t idle_us, life_us;
	const char *address, *browser;	/* shown in the list of sessions; browser: as it names itself, cut at 200 bytes; NULL if none */
	const struct journal_actor *by;	/* the account itself, by what it showed */
};
/* Writes `session.opened` and gives the value for the cookie. */
MUST enum pli_status session_begin(struct directory *directory, const struct session_new *wanted,
				   char value_r[SESSION_VALUE_CHARS + 1], struct err *err);
/* A factor was shown again: a new value, and the old one is dead.  strong: from now on, never taken back. */
MUST enum pli_status session_raise(struct directory *directory, const struct session *session, bool strong,
				   char value_r[SESSION_VALUE_CHARS + 1], struct err *err);
/* One session of the account, PLI_ABSENT if it is none of his. */
MUST enum pli_status session_revoke(struct directory *directory, const struct uuid *entity, const struct uuid *account,
				    const struct uuid *session, struct err *err);
/* All of the account but one (NULL: all). */
MUST enum pli_status session_revoke_others(struct directory *directory, const struct uuid *entity, const struct uuid *account,
					   const struct uuid *kept, struct err *err);
/* The same inside a write function. */
MUST enum pli_status session_drop(struct db_conn *conn, const struct uuid *entity, const struct uuid *account,
				  const struct uuid *kept, struct err *err);

struct session_item {
	struct uuid session;
	int64_t created_us, seen_us;
	bool strong;
	const char *address, *browser;
};
/* Those alive, last seen first; in pool. */
MUST enum pli_status session_list(struct directory *directory, struct pool *pool, const struct uuid *entity,
				  const struct uuid *account, int64_t now_us, struct session_item **items_r, unsigned *count_r,
				  struct err *err);
/* Deletes those that are over; called by housekeeping. */
MUST enum pli_status session_sweep(struct directory *directory, int64_t now_us, struct err *err);

#endif
