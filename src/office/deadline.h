/* How long a recipient of a registered letter may take to accept or refuse it, and by which clock that is measured.
 *
 * A notice sent on local day D opens a window from D+1 00:00 to the end of day D+N (N = 15 for the profile fr-lre): the first moment of
 * day D+N+1 is too late, whatever a change to or from summer time makes of the hours between.  The moment of the act counts, not that of its
 * entry.  A clock that is set forward ends no window, one that is set back prolongs none: once it has jumped, time goes on by the machine's
 * steady clock, until the wall clock agrees again or has stood by its word for a day.  Links and contents do not end before that either
 * (delivery.c, housekeeping.c).  At its start the server believes the clock it finds. */
#ifndef PLI_DEADLINE_H
#define PLI_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct letter;
struct office;
struct settings;

#define DEADLINE_DAYS_FR_LRE 15

/* Days of the window of a letter of that profile (NULL: none). */
unsigned deadline_days(const struct settings *settings, const char *profile);
/* The first moment that is too late, for a notice sent at notice_us.  zone: IANA. */
int64_t deadline_end_us(int64_t notice_us, unsigned days, const char *zone);
/* The first reminder of `list` (settings_days) that is due after after_us and before the window's end; 0: none.  Reminders go out at nine in the
 * morning. */
int64_t deadline_reminder_us(const char *list, int64_t notice_us, int64_t after_us, int64_t end_us, const char *zone);

/* The present moment for all that concerns windows. */
struct deadline_clock {
	int64_t wall_us, boot_us;	/* a moment at which both were believed; 0: not yet */
	int64_t off_us, off_boot_us;	/* how far the wall clock has jumped, and since when (steady clock); 0: it has not */
	bool told;			/* the journal says so */
};
int64_t deadline_now_us(struct office *office);
/* The same, pure: what deadline_now_us does with its two clocks. */
int64_t deadline_clock_read(struct deadline_clock *clock, int64_t wall_us, int64_t boot_us);

/* Housekeeping: windows that have ended, reminders that are due; a jump of the clock is entered into the journal. */
MUST enum pli_status deadline_sweep(struct office *office, struct err *err);

#endif
