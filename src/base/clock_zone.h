/* Time zones for clock.c: the system's zone files (TZif, RFC 8536), read once and kept. */
#ifndef PLI_CLOCK_ZONE_H
#define PLI_CLOCK_ZONE_H

#include <stdint.h>

/* Seconds east of UTC in force at t_s (seconds since 1970); 0 for an unknown zone or NULL.  The first
 * use of a zone reads its file; later ones work in a confined process too.  Thread-safe. */
int64_t clock_zone_offset_s(const char *zone, int64_t t_s);

/* Days since 1970 of a date, and back (clock.c). */
int64_t clock_days_of(int64_t year, unsigned month, unsigned day);
void clock_date_of(int64_t days, int *year_r, int *month_r, int *day_r);

#endif
