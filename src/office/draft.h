/* Letters being written (states Créé, En cours de rédaction): kept as typed, with their files, until they are sent or given up.
 *
 * A draft takes anything that a person may have typed so far; only draft_check and draft_send are strict.  It has the id and the key of the
 * letter that it becomes, so that its files are staged once and have no limit of a week; `draft.created`, `draft.modified` and
 * `deposit.accepted` stand on one document chain.  A draft is seen by its author alone.  Untouched for half a year it is deleted. */
#ifndef PLI_DRAFT_H
#define PLI_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "letter.h"
#include "principal.h"
#include "status.h"
#include "uuid.h"

struct buf;
struct deposit_part;
struct journal_actor;
struct office;
struct pool;

struct draft {
	struct uuid entity, draft, account;
	int64_t created_us, changed_us, expires_us, noted_us;
	uint64_t version;
	const char *to, *cc, *bcc;		/* as typed; one line for each value given */
	const char *subject, *message, *password, *expires;	/* as typed; "" = nothing */
	const char *class_;			/* as in struct deposit; "": the entity's */
	struct letter_part *parts;
	unsigned part_count;
	uint8_t letter_key[32];			/* wiped with the pool */
};

/* What a save changes; NULL leaves a field as it is, "" empties it.  Fields are bounded (PLI_INVALID "draft-too-long", for message PLI_LIMIT)
 * and valid UTF-8 (PLI_INPUT), otherwise free. */
struct draft_change {
	const char *to, *cc, *bcc, *subject, *message, *password, *expires, *class_;
	const struct deposit_part *parts;	/* staged files to add */
	unsigned part_count;
	const char *const *uploads;		/* ids of finished uploads to add, after the parts; NULL-terminated or NULL */
	const unsigned *remove;			/* numbers of files to take out */
	unsigned remove_count;
	uint64_t version;			/* the version that was changed; 0: whichever there is */
	const char *idempotency_key, *route;	/* for draft_create */
	bool patient;				/* draft_create: waits for the same key under way rather than refuse */
};

/* PLI_CONFLICT, PLI_INVALID, PLI_FULL as deposit_commit.  On success the staged parts belong to the draft.  *replayed_r: the key made this draft
 * before; nothing of the change was taken. */
MUST enum pli_status draft_create(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
				  const struct draft_change *change, struct uuid *draft_r, bool *replayed_r, struct err *err);
/* PLI_ABSENT; PLI_CONFLICT type "draft-changed" when the draft is no longer the version named.  A save that changes nothing writes nothing.
 * The journal takes a change down at once, further ones within the next minute not again. */
MUST enum pli_status draft_change(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
				  const char *id, const struct draft_change *change, struct err *err);
MUST enum pli_status draft_get(struct office *office, const struct principal *who, struct pool *pool, const char *id,
			       struct draft **draft_r, struct err *err);
MUST enum pli_status draft_delete(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
				  const char *id, struct err *err);
/* What sending would refuse, with the field; letter_r: what would be sent, recipients parsed, for the last look.  Nothing is written. */
MUST enum pli_status draft_check(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
				 const struct draft *draft, struct letter **letter_r, struct err *err);
/* The deposit of a draft, as deposit_commit says; version 0: whichever there is, else PLI_CONFLICT "draft-changed" for another.  After it the id
 * is the letter's: PLI_CONFLICT "already-sent" for one that is sent. */
MUST enum pli_status draft_send(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
				const char *id, uint64_t version, const char *key, struct uuid *letter_r, struct buf *body_out, struct err *err);

/* The API's JSON of one draft. */
void draft_json(const struct draft *draft, struct buf *out);
/* Last changed first; fn is called for each; PLI_AGAIN from it ends the page with this one.  cursor NULL: from the newest; *next_r: the
 * cursor of the next page, NULL at the end. */
typedef enum pli_status draft_fn(void *arg, const struct draft *draft, struct err *err);
MUST enum pli_status draft_list(struct office *office, const struct principal *who, struct pool *pool, const char *cursor, unsigned limit,
				draft_fn *fn, void *arg, const char **next_r, struct err *err);

#endif
