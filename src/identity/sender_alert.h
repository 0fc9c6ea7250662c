/* Whether a sender is mailed what becomes of his registered letters: each says so for himself; who says nothing is told of refusals and of
 * letters that were not collected. */
#ifndef PLI_SENDER_ALERT_H
#define PLI_SENDER_ALERT_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct db_tx;
struct directory;
struct pool;
struct principal;
struct uuid;

#define SENDER_ALERT_DEFAULT "closed"

/* none | closed | all. */
bool sender_alert_is(const char *wish);
/* His wish, in pool; and his own choice from now on (asserted to be one). */
MUST enum pli_status sender_alert_get(struct directory *directory, struct pool *pool, const struct principal *who, const char **wish_r,
				      struct err *err);
MUST enum pli_status sender_alert_choose(struct directory *directory, const struct principal *who, const char *wish, struct err *err);

/* Inside a write function, with the entity's metadata key in the cache: a mail to the account, if it wishes so and one about the same does not
 * wait already.  what: accepted | refused | unclaimed. */
struct sender_alert {
	const struct uuid *entity, *account, *letter;
	const char *what;
	uint64_t number;		/* of the letter */
	int64_t t_us;			/* of the act, or the window's end */
};
MUST enum pli_status sender_alert_put(struct directory *directory, struct db_tx *tx, const struct sender_alert *alert, struct err *err);

#endif
