/* The one date form that HTTP writes (RFC 9110 section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". */
#ifndef PLI_HTTP_DATE_H
#define PLI_HTTP_DATE_H

#include <stdint.h>

#define HTTP_DATE_BYTES 30

/* out holds HTTP_DATE_BYTES, NUL included; t_us is of the years 1970 to 9999.  Returns out. */
char *http_date_format(char out[HTTP_DATE_BYTES], int64_t t_us);

#endif
