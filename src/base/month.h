/* Names of months, in the languages of the pages. */
#ifndef PLI_MONTH_H
#define PLI_MONTH_H

/* month: 1 … 12; any language but "fr" is English. */
const char *month_name(const char *lang, int month);

#endif
