/* What a monitor fetches of a log by HTTPS: fits log_fetch_fn. */
#ifndef PLI_LOG_CLIENT_H
#define PLI_LOG_CLIENT_H

#include <stddef.h>

#include "status.h"

struct buf;
struct log_client;
struct pool;

/* url: https://HOST[:PORT] of an instance, whose log lies below /log, or the prefix of any log.  ca: a file of PEM authorities, NULL: the
 * system's.  Lives in pool. */
MUST enum pli_status log_client_open(struct pool *pool, const char *url, const char *ca, struct log_client **client_r, struct err *err);
void log_client_close(struct log_client *client);
MUST enum pli_status log_client_get(void *client, const char *path, size_t max, struct buf *out, struct err *err);

#endif
