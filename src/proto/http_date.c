#include <stdio.h>

#include "http_date.h"

/* Days since 1970 to year, month, day: the calendar is counted from 1 March of year 0, so that leap days come last. */
static void civil_date(int64_t days, int *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097;
	unsigned of_era = (unsigned)(z - era * 146097);
	unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned from_march = (5 * of_year + 2) / 153;

	*day = of_year - (153 * from_march + 2) / 5 + 1;
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = (int)(year_of_era + era * 400) + (*month <= 2);
}

char *http_date_format(char out[HTTP_DATE_BYTES], int64_t t_us)
{
	static const char days[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	int64_t seconds = t_us / 1000000;
	unsigned rest = (unsigned)(seconds % 86400);
	unsigned month, day;
	int year;

	civil_date(seconds / 86400, &year, &month, &day);
	snprintf(out, HTTP_DATE_BYTES, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[(seconds / 86400) % 7], day % 100,
		 months[(month - 1) % 12], (unsigned)year % 10000, rest / 3600, rest / 60 % 60, rest % 60);
	return out;
}
