/* Reason phrases of status lines (RFC 9110 section 15 and the registry). */
#ifndef PLI_HTTP_REASON_H
#define PLI_HTTP_REASON_H

/* Static; "" for a status without a phrase. */
const char *http_reason(int status);

#endif
