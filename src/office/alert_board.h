/* Which alerts are on, in memory: a pure state machine between those who notice something (alert_raise, alert_end) and the table that says
 * so (alert.c).  No clock, no lock, no database. */
#ifndef PLI_ALERT_BOARD_H
#define PLI_ALERT_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "alert.h"
#include "uuid.h"

#define ALERT_BOARD_MAX 32
#define ALERT_DETAIL_MAX 240

struct alert_slot {
	enum alert_kind kind;
	char subject[ALERT_SUBJECT_MAX + 1], detail[ALERT_DETAIL_MAX + 1];
	bool on;			/* it is so now, as far as is known */
	bool stored;			/* a row that has no end yet says so: `row` */
	struct uuid row;
	int64_t since_us, seen_us, ended_us;
	int64_t touched_us;		/* seen_us as the row has it */
};
struct alert_board {
	struct alert_slot slots[ALERT_BOARD_MAX];
	unsigned count;
};

/* It is so.  False: there is no place for one more. */
bool alert_board_raise(struct alert_board *board, enum alert_kind kind, const char *subject, const char *detail, int64_t now_us);
/* It is so no more; nothing when it was not.  True: it was. */
bool alert_board_end(struct alert_board *board, enum alert_kind kind, const char *subject, int64_t now_us);
/* Those of the kind that are on end, but these. */
void alert_board_keep(struct alert_board *board, enum alert_kind kind, const char *const *subjects, unsigned count, int64_t now_us);
/* A row without an end, from before this process. */
void alert_board_restore(struct alert_board *board, const struct alert_slot *slot);

/* What the table does not say yet.  The slot is copied out; alert_board_done takes it as said. */
enum alert_step { ALERT_NOTHING, ALERT_OPEN, ALERT_CLOSE, ALERT_TOUCH };
enum alert_step alert_board_next(struct alert_board *board, struct alert_slot *slot_r);
/* slot: as given by alert_board_next, for ALERT_OPEN with its row's id. */
void alert_board_done(struct alert_board *board, enum alert_step step, const struct alert_slot *slot);
/* How many of a kind are on. */
unsigned alert_board_count(const struct alert_board *board, enum alert_kind kind);

#endif
