/* Windows of registered letters as dates, and the clock that measures them; see deadline.h. */
#include <stdlib.h>

#include "clock.h"
#include "settings.h"
#include "text.h"

#include "deadline.h"
#include "office_own.h"

#define MORNING_US (9 * 3600 * SECOND_US)
/* Small steps are corrections. */
#define SLACK_US (120 * SECOND_US)
/* A clock that stays where it was set for so long is believed. */
#define BELIEVED_US DAY_US

unsigned deadline_days(const struct settings *settings, const char *profile)
{
	return profile && str_eq(profile, "fr-lre") ? DEADLINE_DAYS_FR_LRE : settings->registered_days;
}

int64_t deadline_end_us(int64_t notice_us, unsigned days, const char *zone)
{
	return clock_day_begin(clock_local_day(notice_us, zone) + (int64_t)days + 1, zone);
}

int64_t deadline_reminder_us(const char *list, int64_t notice_us, int64_t after_us, int64_t end_us, const char *zone)
{
	unsigned days[SETTINGS_SPANS_MAX], count = 0;

	if (!settings_days(list, days, &count))
		return 0;
	for (unsigned i = 0; i < count; i++) {
		int64_t at = clock_day_begin(clock_local_day(notice_us, zone) + (int64_t)days[i], zone) + MORNING_US;

		if (at > after_us && at < end_us)
			return at;
	}
	return 0;
}

static bool close_to(int64_t a, int64_t b)
{
	return a - b <= SLACK_US && b - a <= SLACK_US;
}

static bool believed(const struct deadline_clock *c, int64_t off_us)
{
	return close_to(off_us, 0) || (c->away && off_us >= -SLACK_US && off_us <= c->limit_us);
}

bool deadline_clock_waits(const struct deadline_clock *c)
{
	return c->away && (c->off_us < -SLACK_US || c->off_us > DEADLINE_AWAY_US);
}

int64_t deadline_clock_read(struct deadline_clock *c, int64_t wall_us, int64_t boot_us)
{
	int64_t steady_us = c->wall_us + (boot_us - c->boot_us), off_us = wall_us - steady_us;
	bool known = c->wall_us != 0;

	if (known && !believed(c, off_us)) {
		if (!c->off_us || !close_to(off_us, c->off_us)) {
			c->off_us = off_us;
			c->off_boot_us = boot_us;
			c->told = false;
		}
		if (deadline_clock_waits(c) || boot_us - c->off_boot_us < BELIEVED_US)
			return steady_us;
	}
	*c = (struct deadline_clock){ .wall_us = wall_us, .boot_us = boot_us };
	return wall_us;
}

int64_t deadline_now_us(struct office *office)
{
	int64_t now_us;

	pthread_mutex_lock(&office->lock);
	now_us = deadline_clock_read(&office->clock, clock_now_us(), clock_boot_us());
	pthread_mutex_unlock(&office->lock);
	return now_us;
}
