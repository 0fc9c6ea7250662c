/* The deposit: stage what has no size limit, then commit everything in one transaction (A1, A5, A17, B4, B18–B24, C5).
 *
 * deposit_commit, in this order: envelope, policy, trust level, keeper wraps, ONE transaction (letter, recipients, parts, journal entries, notices,
 * idempotency row), keeper's head, answer.  Before the commit nothing is visible, after it nothing is lost. */
#ifndef PLI_DEPOSIT_H
#define PLI_DEPOSIT_H

#include <stdbool.h>
#include <stdint.h>

#include "principal.h"
#include "status.h"
#include "uuid.h"

struct buf;
struct draft;
struct journal_actor;
struct letter;
struct office;
struct ostream;
struct pool;

#define DEPOSIT_RECIPIENTS_MAX 1000
#define DEPOSIT_PARTS_MAX 500
#define DEPOSIT_SUBJECT_MAX 255		/* bytes */
#define DEPOSIT_MESSAGE_MAX (1024 * 1024)
#define DEPOSIT_PART_MAX (UINT64_C(1) << 40)

/* One staged file of a one-request deposit (multipart).  Rights and space are checked here, before a byte is taken. */
struct deposit_part {
	struct uuid object;
	const char *name, *type;	/* name already made harmless by filename_clean; type: a plain media type or application/octet-stream */
	uint64_t size;
	uint8_t sha256[32];
	uint32_t crc32;
};
MUST enum pli_status deposit_stage_open(struct office *office, const struct principal *who, struct ostream **os_r,
					struct deposit_part *part_r, struct err *err);
MUST enum pli_status deposit_stage_close(struct ostream *os, struct deposit_part *part_r, struct err *err);	/* finishes; caller still closes os */
/* A request that failed gives its staged parts back at once. */
void deposit_stage_discard(struct office *office, const struct principal *who, const struct deposit_part *parts, unsigned count);

struct deposit {
	const char *const *to, *const *cc, *const *bcc;	/* raw fields, each may hold several addresses; NULL-terminated arrays or NULL */
	const char *subject, *message, *password;	/* password NULL or "" = none; message NULL = empty */
	const char *expires;				/* text as given (date or RFC 3339) or NULL */
	/* simple | registered | fr-lre (registered with that profile); NULL or "": the entity's.  profile: fr-lre | none, or NULL; only with a
	 * registered class. */
	const char *class_, *profile;
	const char *retention;				/* name of a span (retention.h); NULL: that of the letter's class */
	const struct deposit_part *parts;
	unsigned part_count;
	const char *const *uploads;			/* ids of finished tus uploads, after the parts; NULL-terminated or NULL */
	const char *idempotency_key;			/* NULL = none; 1..255 printable ASCII */
	const char *route;				/* scope of the key: "POST /api/v1/letters" */
	bool patient;					/* waits for the same key under way rather than refuse */
	const struct draft *draft;			/* becomes the letter: its id, key and files; NULL: a new letter */
};
/* body_out receives the API's JSON of the letter (as of its creation; byte-equal when repeated with the same key).
 * PLI_INVALID with the field, PLI_CONFLICT (same key still running, retry_after), PLI_INVALID (type "idempotency-mismatch"), PLI_FULL, PLI_BUSY,
 * PLI_UNCERTAIN (committed, proof not confirmed: repeat with the same key). */
MUST enum pli_status deposit_commit(struct office *office, const struct principal *who, const struct journal_actor *actor,
				    struct pool *pool, const struct deposit *deposit,
				    struct uuid *letter_r, struct buf *body_out, struct err *err);
/* The same in two halves, for whoever does not want to wait for the commit.  PLI_AGAIN: it is under way, and then(arg) will be called once,
 * from any thread, and may only pass that on; deposit, who, actor, pool and err live until deposit_end(), which then says what
 * deposit_commit() would have said.  Anything else: that is the answer already, and there is no second half. */
struct deposit_work;
MUST enum pli_status deposit_begin(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
				   const struct deposit *deposit, void (*then)(void *arg), void *arg, struct deposit_work **work_r,
				   struct uuid *letter_r, struct buf *body_out, struct err *err);
/* False: deposit_end() has something to take back, and may wait for that. */
bool deposit_is_quick(const struct deposit_work *work);
MUST enum pli_status deposit_end(struct deposit_work *work, struct uuid *letter_r, struct buf *body_out, struct err *err);
/* The envelope alone, as deposit_commit would take it now; letter_r (in pool) has what was read, as far as it came. */
MUST enum pli_status deposit_check(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
				   const struct deposit *deposit, struct letter **letter_r, struct err *err);
/* The kept answer of a draft sent before under this key; PLI_CONFLICT "already-sent" when it was sent under another. */
MUST enum pli_status deposit_replay(struct office *office, const struct principal *who, struct pool *pool, const char *key, const char *route,
				    struct uuid *letter_r, struct buf *body_out, struct err *err);

#endif
