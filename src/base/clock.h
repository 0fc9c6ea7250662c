/* Time.  All times are int64_t microseconds since 1970, UTC; suffix _us (durations: _us, _ms, _s). */
#ifndef PLI_CLOCK_H
#define PLI_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND_US INT64_C(1000000)
#define DAY_US (INT64_C(86400) * SECOND_US)

int64_t clock_now_us(void);		/* wall clock */
int64_t clock_mono_us(void);		/* monotonic, for timers */
int64_t clock_boot_us(void);		/* monotonic, and goes on while the machine sleeps: what no setting of the clock moves */

/* "2026-11-21T20:34:35.123Z"; out holds 25 bytes.  Returns out. */
char *clock_rfc3339(char *out, int64_t t_us);
/* Accepts a date ("2026-12-31" = end of that day UTC) or RFC 3339 with zone. */
bool clock_parse(const char *s, int64_t *t_us_r);
/* Broken-down time in an IANA zone ("Europe/Paris"); thread-safe; unknown zone = UTC. */
struct clock_parts {
	int year, month, day, hour, minute, second, millisecond;
	int offset_min;
};
void clock_local(int64_t t_us, const char *zone, struct clock_parts *parts_r);
/* Days since 1970 of the local date at t, and the moment at which a local date begins in an IANA zone (NULL: UTC). */
int64_t clock_local_day(int64_t t_us, const char *zone);
int64_t clock_day_begin(int64_t local_day, const char *zone);
bool clock_zone_known(const char *zone);
/* Year*12 + month-1 of t in UTC. */
int clock_month(int64_t t_us);
/* Days since 1970 UTC. */
int64_t clock_day(int64_t t_us);

#endif
