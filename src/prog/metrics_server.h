/* GET /metrics over plain HTTP/1.1 on a listener of its own, for a collector beside the server: one thread, one connection after the
 * other, a few seconds for each.  Nothing but this address is served, no header but Accept is read. */
#ifndef PLI_METRICS_SERVER_H
#define PLI_METRICS_SERVER_H

#include <stdbool.h>

#include "status.h"

struct buf;
struct metrics_server;

/* open: OpenMetrics is asked for, else the Prometheus text format. */
typedef void metrics_page(void *arg, struct buf *out, bool open);
/* Takes listen_fd. */
MUST enum pli_status metrics_server_start(int listen_fd, metrics_page *page, void *arg, struct metrics_server **server_r,
					  struct err *err);
/* NULL is allowed. */
void metrics_server_stop(struct metrics_server *server);

#endif
