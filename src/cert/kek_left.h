/* The mark of a month's key that letters were moved away from: keys/kek/<kid>.left, three lines of text: seconds since 1970, the kid of its
 * successor, the number of the journal's entry `key.moved` that says so.  The seconds are the keeper's own time of that, and later of the last
 * use that somebody had for the key: its delay counts from there (kek_store.h). */
#ifndef PLI_KEK_LEFT_H
#define PLI_KEK_LEFT_H

#include <stdint.h>

#include "status.h"

struct kek_left {
	int64_t used_us;
	char next[64];
	uint64_t number;
};
/* dir_fd: keys/kek.  PLI_ABSENT: it has no mark; PLI_CONFLICT: the mark is damaged. */
MUST enum pli_status kek_left_read(int dir_fd, const char *kid, struct kek_left *left_r, struct err *err);
MUST enum pli_status kek_left_write(int dir_fd, const char *kid, const struct kek_left *left, struct err *err);	/* durable on return */
/* None is no error.  Not synced. */
MUST enum pli_status kek_left_drop(int dir_fd, const char *kid, struct err *err);
/* How many there are, and the oldest one's time; *damaged_r: how many more cannot be read, whatever they are. */
MUST enum pli_status kek_left_count(int dir_fd, unsigned *count_r, int64_t *oldest_us_r, unsigned *damaged_r, struct err *err);

#endif
