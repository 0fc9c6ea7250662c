/* Clocks, RFC 3339 and calendar arithmetic in the proleptic Gregorian calendar; zones are in
 * clock_zone.c. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock_zone.h"

#include "clock.h"

int64_t clock_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

int64_t clock_boot_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t clock_days_of(int64_t year, unsigned month, unsigned day)
{
	/* Years begin in March, so that the leap day is the last of its year; eras of 400 years. */
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(y, 400);
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

void clock_date_of(int64_t days, int *year_r, int *month_r, int *day_r)
{
	int64_t shifted = days + 719468;
	int64_t era = floor_div(shifted, 146097);
	int64_t day_of_era = shifted - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			       day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;

	*day_r = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	*month_r = (int)(month < 10 ? month + 3 : month - 9);
	*year_r = (int)(year_of_era + era * 400 + (*month_r <= 2));
}

static void parts_of(int64_t t_us, int64_t offset_s, struct clock_parts *parts_r)
{
	int64_t local_us = t_us + offset_s * SECOND_US;
	int64_t days = floor_div(local_us, DAY_US);
	int64_t rest_us = local_us - days * DAY_US;

	memset(parts_r, 0, sizeof(*parts_r));
	clock_date_of(days, &parts_r->year, &parts_r->month, &parts_r->day);
	parts_r->hour = (int)(rest_us / (3600 * SECOND_US));
	parts_r->minute = (int)(rest_us / (60 * SECOND_US) % 60);
	parts_r->second = (int)(rest_us / SECOND_US % 60);
	parts_r->millisecond = (int)(rest_us / 1000 % 1000);
	parts_r->offset_min = (int)(offset_s / 60);
}

/* v in n digits, then `after`. */
static char *put(char *at, int v, int n, char after)
{
	for (int i = n; i-- > 0; v /= 10)
		at[i] = (char)('0' + v % 10);
	at[n] = after;
	return at + n + 1;
}

char *clock_rfc3339(char *out, int64_t t_us)
{
	/* 0001-01-01 … 9999-12-31: what RFC 3339 can write. */
	static const int64_t least_us = INT64_C(-62135596800) * SECOND_US;
	static const int64_t most_us = INT64_C(253402300800) * SECOND_US - 1;
	struct clock_parts p;
	char *at = out;

	if (t_us < least_us)
		t_us = least_us;
	if (t_us > most_us)
		t_us = most_us;
	parts_of(t_us, 0, &p);
	at = put(at, p.year, 4, '-');
	at = put(at, p.month, 2, '-');
	at = put(at, p.day, 2, 'T');
	at = put(at, p.hour, 2, ':');
	at = put(at, p.minute, 2, ':');
	at = put(at, p.second, 2, '.');
	*put(at, p.millisecond, 3, 'Z') = 0;
	return out;
}

/* Exactly n digits. */
static bool digits(const char **s, int n, int *v_r)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (**s - '0');
	}
	*v_r = v;
	return true;
}

static bool literal(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static bool parse_date(const char **s, int64_t *days_r)
{
	int year, month, day;

	if (!digits(s, 4, &year) || !literal(s, '-') || !digits(s, 2, &month) || !literal(s, '-') ||
	    !digits(s, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
		return false;
	*days_r = clock_days_of(year, (unsigned)month, (unsigned)day);
	return true;
}

/* Up to nine digits of a second's fraction; what is below a microsecond is cut off. */
static bool parse_fraction(const char **s, int64_t *us_r)
{
	int64_t unit_us = SECOND_US / 10;
	int n = 0;

	*us_r = 0;
	if (!literal(s, '.'))
		return true;
	for (; **s >= '0' && **s <= '9'; (*s)++, n++) {
		*us_r += (**s - '0') * unit_us;
		unit_us /= 10;
	}
	return n >= 1 && n <= 9;
}

static bool parse_offset(const char **s, int64_t *offset_s_r)
{
	int hours, minutes;
	bool west;

	*offset_s_r = 0;
	if (literal(s, 'Z') || literal(s, 'z'))
		return true;
	west = **s == '-';
	if (!literal(s, '+') && !literal(s, '-'))
		return false;
	if (!digits(s, 2, &hours) || !literal(s, ':') || !digits(s, 2, &minutes) || hours > 23 ||
	    minutes > 59)
		return false;
	*offset_s_r = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

bool clock_parse(const char *s, int64_t *t_us_r)
{
	int64_t days, fraction_us, offset_s;
	int hour, minute, second;

	if (!s || !parse_date(&s, &days))
		return false;
	if (!*s) {
		*t_us_r = (days + 1) * DAY_US - 1000;
		return true;
	}
	if (!literal(&s, 'T') && !literal(&s, 't'))
		return false;
	if (!digits(&s, 2, &hour) || !literal(&s, ':') || !digits(&s, 2, &minute) ||
	    !literal(&s, ':') || !digits(&s, 2, &second))
		return false;
	/* A leap second (60) is the beginning of the next second, as POSIX time has none. */
	if (hour > 23 || minute > 59 || second > 60 || (second == 60 && minute != 59))
		return false;
	if (!parse_fraction(&s, &fraction_us) || !parse_offset(&s, &offset_s) || *s)
		return false;
	*t_us_r = days * DAY_US + (hour * 3600 + minute * 60 + second - offset_s) * SECOND_US +
		  fraction_us;
	return true;
}

void clock_local(int64_t t_us, const char *zone, struct clock_parts *parts_r)
{
	parts_of(t_us, clock_zone_offset_s(zone, floor_div(t_us, SECOND_US)), parts_r);
}

int clock_month(int64_t t_us)
{
	int year, month, day;

	clock_date_of(clock_day(t_us), &year, &month, &day);
	return year * 12 + month - 1;
}

int64_t clock_day(int64_t t_us)
{
	return floor_div(t_us, DAY_US);
}

int64_t clock_local_day(int64_t t_us, const char *zone)
{
	int64_t t_s = floor_div(t_us, SECOND_US);

	return floor_div(t_s + clock_zone_offset_s(zone, t_s), DAY_US / SECOND_US);
}

/* The offset in force at midnight: a first guess by that of the day's UTC midnight is at most a change away. */
int64_t clock_day_begin(int64_t local_day, const char *zone)
{
	int64_t midnight_s = local_day * (DAY_US / SECOND_US), t_s = midnight_s;

	for (int i = 0; i < 2; i++)
		t_s = midnight_s - clock_zone_offset_s(zone, t_s);
	/* Where clocks jump over midnight, the day begins later than that. */
	while (clock_local_day(t_s * SECOND_US, zone) < local_day)
		t_s += 1800;
	return t_s * SECOND_US;
}
