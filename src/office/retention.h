/* How long letters are kept, and what goes when (A16, B43–B45).
 *
 * A letter is deposited under a named span: so many days of content, so many of evidence.  Until the first has passed nobody deletes its
 * content (write-once); then, and once its links have expired, the content goes: its keys, message, files, kept receipts.  What stays is
 * the sheet, the proofs and the statistics, until the evidence's days have passed as well: then the letter's rows go and its journal
 * entries lose their texts, while their leaves stay in the tree.  A legal hold stops both.
 *
 * Rows and files are one thing, copies another: letter keys are wrapped under the KEK of (entity, month in which the content goes), and
 * the keeper destroys that KEK when the month is over.  What still needs it by then (letters held) is wrapped anew before. */
#ifndef PLI_RETENTION_H
#define PLI_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "principal.h"
#include "status.h"
#include "uuid.h"

struct journal_actor;
struct office;
struct pool;

#define RETENTION_NAME_MAX 31
#define RETENTION_DAYS_MAX 36525

struct retention_span {
	char name[RETENTION_NAME_MAX + 1];	/* [a-z0-9-] */
	unsigned content_days, evidence_days;
};
/* The span of that name as it holds for the entity: its own, else "simple" as the settings have it, "registered" (a year of both at
 * least).  PLI_INVALID, type unknown-retention. */
MUST enum pli_status retention_find(struct office *office, const struct uuid *entity, const char *name, struct retention_span *span_r,
				    struct err *err);
/* Gives the entity a span of its own, for letters from now on; journaled.  PLI_INVALID: a name or a number of days that cannot be, evidence
 * shorter than content, "registered" under a year. */
MUST enum pli_status retention_set(struct office *office, const struct journal_actor *by, const struct uuid *entity,
				   const struct retention_span *span, struct err *err);
/* The spans that an entity has to choose from, by name. */
typedef enum pli_status retention_fn(void *arg, const struct retention_span *span, bool own, struct err *err);
MUST enum pli_status retention_each(struct office *office, const struct uuid *entity, retention_fn *fn, void *arg, struct err *err);

/* Legal hold: nothing of the letter goes until it is released.  who NULL: the operator.  reason: one line, at most 255 bytes, kept sealed
 * beside the letter, not in the journal.  PLI_CONFLICT, type already-held or not-held. */
MUST enum pli_status retention_hold(struct office *office, const struct principal *who, const struct journal_actor *by, const char *id,
				    const char *reason, struct err *err);
MUST enum pli_status retention_release(struct office *office, const struct principal *who, const struct journal_actor *by, const char *id,
				       struct err *err);
/* Why a letter is held, and by whom; "" when it is not.  In pool. */
struct letter;
MUST enum pli_status retention_hold_reason(struct office *office, struct pool *pool, const struct letter *letter, const char **reason_r,
					   const char **by_r, struct err *err);

/* The content of a letter goes now, its links with it.  Before its retention has ended, or while it is held: PLI_CONFLICT, type
 * under-retention or under-hold, and the attempt is journaled.  Gone already: PLI_OK. */
MUST enum pli_status retention_delete(struct office *office, const struct principal *who, const struct journal_actor *by, const char *id,
				      struct err *err);

/* What time brings: content, then evidence of letters goes, KEKs of months that are over are destroyed.  Part of the housekeeping. */
MUST enum pli_status retention_run(struct office *office, int64_t now_us, struct err *err);
/* How many contents should have gone an hour ago, and how many letters are held. */
MUST enum pli_status retention_overdue(struct office *office, int64_t now_us, uint64_t *overdue_r, uint64_t *held_r, struct err *err);

#endif
