/* What a recipient of a registered letter decides, or leaves undecided: each once and for good, in one transaction with its entries.  For
 * office/ only; all but decision_open is called inside write functions, with the entity's metadata key in the cache. */
#ifndef PLI_DECISION_H
#define PLI_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct db_tx;
struct journal_actor;
struct letter;
struct letter_recipient;
struct office;

struct decision {
	struct office *office;
	const struct journal_actor *actor;
	const struct letter *letter;
	const struct letter_recipient *who;
	int64_t at_us;			/* the act; of an unclaimed letter the window's end */
};

bool decision_wanted(const struct letter *letter);	/* a registered letter */
/* May he still decide at that moment?  PLI_GONE, types letter-refused and letter-unclaimed (also from the end of the window on, before anything is
 * entered); PLI_OK also once he has accepted. */
MUST enum pli_status decision_open(const struct letter *letter, const struct letter_recipient *who, int64_t at_us, struct err *err);

/* `lre.accepted`, once; *now_r: by this call.  The caller hands the letter over. */
MUST enum pli_status decision_accept(struct db_tx *tx, const struct decision *d, bool *now_r, struct err *err);
/* `lre.refused`, once; what it makes of the letter. */
MUST enum pli_status decision_refuse(struct db_tx *tx, const struct decision *d, bool *now_r, struct err *err);
/* `lre.unclaimed`, once; what it makes of the letter. */
MUST enum pli_status decision_unclaimed(struct db_tx *tx, const struct decision *d, bool *now_r, struct err *err);

#endif
