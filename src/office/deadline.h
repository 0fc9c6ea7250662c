/* How long a recipient of a registered letter may take to accept or refuse it, and by which clock that is measured.
 *
 * A notice sent on local day D opens a window from D+1 00:00 to the end of day D+N (N = 15 for the profile fr-lre): the first moment of
 * day D+N+1 is too late, whatever a change to or from summer time makes of the hours between.  The moment of the act counts, not that of its
 * entry.  A clock that is set forward ends no window, one that is set back prolongs none: once it has jumped, time goes on by the machine's
 * steady clock, until the wall clock agrees again, has stood by its word for a day, or somebody confirms it: an authority or a witness
 * outside whose own time is the same, or the operator.  Links and contents do not end before that either (delivery.c, housekeeping.c).
 *
 * The moment that was believed last is kept (deadline_clock.c).  As long as the machine runs, its steady clock says exactly how long
 * the server was away.  After a start of the machine nothing does: a wall clock up to DEADLINE_AWAY_US ahead is a machine that was off, and
 * believed; one that is further ahead, or behind, is believed by nobody's patience, only when it is confirmed or has become plausible. */
#ifndef PLI_DEADLINE_H
#define PLI_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct journal_actor;
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

/* A month's holidays and some days.  Shorter than the two months after which somebody would have asked where the service is. */
#define DEADLINE_AWAY_US (35 * DAY_US)
#define DEADLINE_BOOT_MAX 36

/* The present moment for all that concerns windows. */
struct deadline_clock {
	int64_t wall_us, boot_us;	/* a moment at which both were believed; 0: not yet */
	int64_t off_us, off_boot_us;	/* how far the wall clock has jumped, and since when (steady clock); 0: it has not */
	bool told;			/* the journal says so */
	bool away;			/* wall_us is of an earlier start of the machine: how long it was off is not known */
	int64_t limit_us;		/* with away: what is believed to have been its being off */
};
int64_t deadline_now_us(struct office *office);
/* The same, pure: what deadline_now_us does with its two clocks. */
int64_t deadline_clock_read(struct deadline_clock *clock, int64_t wall_us, int64_t boot_us);
/* Does only somebody's word help? */
bool deadline_clock_waits(const struct deadline_clock *clock);

/* From one process to the next, pure: as text, with the name of this start of the machine (NULL: unknown), and back.  False: damaged. */
void deadline_clock_write(const struct deadline_clock *clock, int64_t boot_us, const char *boot, struct buf *out);
bool deadline_clock_resume(struct deadline_clock *clock_r, const char *text, size_t n, int64_t boot_us, const char *boot);

/* At start.  Without a kept moment the newest entry's is taken. */
MUST enum pli_status deadline_load(struct office *office, struct err *err);
/* Keeps the moment believed now, when it is time to, or what is thought of the clock has changed; always: at the end. */
void deadline_keep(struct office *office, bool always);

/* How far off the clock is; 0: it is believed.  waits_r: and will not be before somebody confirms it. */
int64_t deadline_off_us(struct office *office, bool *waits_r);
/* Somebody outside says that it is t_us now: where that is the time of our clock, too, within five minutes, the clock is believed from here on,
 * and the journal says by whom (`clock.confirmed`).  by: "tsa", "witness"; blocks only when there was something to confirm. */
void deadline_confirm(struct office *office, const char *by, int64_t t_us);
/* The operator says that our clock is right.  off_us_r: how far it was off, 0 when nothing was to be confirmed. */
MUST enum pli_status deadline_confirm_own(struct office *office, const struct journal_actor *actor, int64_t *off_us_r, struct err *err);

/* Housekeeping: windows that have ended, reminders that are due; a jump of the clock is entered into the journal. */
MUST enum pli_status deadline_sweep(struct office *office, struct err *err);

#endif
