/* Letters and drafts moved away from month keys that were in keys/ before the wrapping key was changed.
 *
 * Whoever has an old copy of keys/ can open what lies under the KEKs in it, in every later copy of the database, too.  So those KEKs are
 * retired: nothing new lies under them from then on; the keys of what does are wrapped anew under a fresh KEK of the same entity and
 * month, in small groups, beside deposits and readings; when none is left, the journal says so (`key.moved`), and the keeper destroys the old
 * KEK some days later (`key.destroyed`, kek_end.h).  A letter's content so goes when it would have gone before.
 *
 * What is retired, and what was left, stands in the database: a move that was broken off is gone on with by the housekeeping, or by who asks for
 * it again. */
#ifndef PLI_KEY_MOVE_H
#define PLI_KEY_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct key_move;
struct office;

struct key_move *key_move_new(void);
void key_move_free(struct key_move *move);

/* Retires all that was made under another wrapping key than this; root: hexadecimal digits of its id, none when it was never changed
 * (PLI_CONFLICT). */
MUST enum pli_status key_move_begin(struct office *office, const char *root, int64_t now_us, struct err *err);

struct key_move_state {
	uint64_t letters, moved;	/* to be moved, drafts among them, and moved, since the server has known of it */
	uint64_t stuck;			/* whose keys do not open, or cannot be wrapped: they stay as they are, and so does their KEK */
	unsigned keys;			/* KEKs that something may still lie under */
	unsigned left;			/* KEKs that letters have moved away from, and that the keeper still has */
	int64_t due_us;			/* then: the last of them is not destroyed before; 0: it has not said so yet */
	unsigned destroyed;
	unsigned waiting;		/* KEKs of either kind whose end was put off: the clock is not believed, or something failed; later by itself */
	bool done;			/* nothing is left that could be moved */
};
/* Goes on for about budget_us (0: only looks what is to be done); one caller at a time works, others wait for him.  What others change
 * meanwhile is moved in a later round.  asked: by a person, so that what could not be moved is tried again. */
MUST enum pli_status key_move_step(struct office *office, int64_t now_us, int64_t budget_us, bool asked, struct key_move_state *state_r,
				   struct err *err);

#endif
