/* Names of months; see month.h. */
#include <assert.h>

#include "text.h"

#include "month.h"

static const char *const fr[] = { "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
				  "novembre", "décembre" };
static const char *const en[] = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
				  "November", "December" };

const char *month_name(const char *lang, int month)
{
	assert(month >= 1 && month <= 12);
	return str_eq(lang, "fr") ? fr[month - 1] : en[month - 1];
}
