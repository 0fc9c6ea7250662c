/* Drafts from the inside, for office/ only. */
#ifndef PLI_DRAFT_OWN_H
#define PLI_DRAFT_OWN_H

#include <stdint.h>

#include "meta.h"

#include "draft.h"

struct db_conn;
struct db_tx;
struct journal;
struct office;

/* Untouched for so long, a draft is deleted. */
#define DRAFT_LIFE_US (INT64_C(180) * DAY_US)
/* The month of its key: near, so that a copy of what was sent long ago as a letter does not stay readable by the key of its draft.  A draft
 * that lives longer is wrapped under a later month's (purge_keys.c). */
#define DRAFT_KEY_US (INT64_C(31) * DAY_US)

#define DRAFT_PLACE(e, d) (&(struct meta_place){ "draft", (e), (d), 0 })		/* under the metadata key */
#define DRAFT_CONTENT_PLACE(e, d) (&(struct meta_place){ "draft-content", (e), (d), 0 })	/* under the letter key */
enum { DRAFT_TO, DRAFT_CC, DRAFT_BCC, DRAFT_SUBJECT, DRAFT_EXPIRES, DRAFT_TEXTS };
enum { DRAFT_MESSAGE, DRAFT_PASSWORD, DRAFT_CONTENTS };

/* PLI_ABSENT for one that is another's, too. */
MUST enum pli_status draft_load(struct office *office, const struct principal *who, struct pool *pool, const struct uuid *id,
				struct draft **draft_r, struct err *err);
/* The row goes, in the transaction that makes the draft a letter.  PLI_CONFLICT "draft-changed" when it is not the version loaded. */
MUST enum pli_status draft_end_apply(struct db_tx *tx, const struct draft *draft, struct err *err);
/* What a document-chain row of the draft shows. */
const char *draft_shown(struct pool *pool, const struct principal *who, const char *subject);
/* Housekeeping: drafts nobody touched go. */
MUST enum pli_status draft_sweep(struct office *office, int64_t now_us, struct err *err);

#endif
