/* The proof of one letter, for office/ only: the sender's (n = 0) or recipient n's. */
#ifndef PLI_PROOF_H
#define PLI_PROOF_H

#include "status.h"

struct buf;
struct office;
struct letter;
struct pool;
struct principal;
struct receipt_kind;
struct uuid;

/* Waits at most 2 s for a head over everything committed before the call.  until: nothing after the event that this kind is about, under
 * the first head that covers it; PLI_ABSENT when it has not happened.  NULL: all, under the newest.  A recipient who may not know yet who
 * wrote to him gets a proof that withholds it; when his own copy is wanted (PROOF_OWN), else the sender's copy about him is made, which says it. */
enum proof_copy { PROOF_OWN, PROOF_SENDERS };
struct proof_form {
	enum proof_copy copy;
	const struct receipt_kind *until;
	const char *lang;		/* of VERIFY.md; NULL: the instance's */
};
MUST enum pli_status proof_make(struct office *office, struct pool *pool, const struct uuid *entity, const struct uuid *letter, unsigned n,
				const struct proof_form *form, struct buf *out, struct err *err);
/* Whose proof is asked for, and that he may have it: n = 0, the sender's, or a recipient by address. */
MUST enum pli_status proof_target(struct office *office, const struct principal *who, struct pool *pool, const char *id,
				  const char *recipient_address, struct letter **letter_r, unsigned *n_r, struct err *err);

#endif
