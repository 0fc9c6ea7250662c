/* What the metrics page shows, gathered from the parts of front when it is asked for. */
#ifndef PLI_FRONT_METRICS_H
#define PLI_FRONT_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "child.h"

struct buf;
struct dispatch;
struct doors;
struct front;
struct http_server;

struct front_metrics {
	const struct front *front;
	struct doors *doors;
	struct dispatch *dispatch;
	struct http_server *server;
	int64_t started_us;
	atomic_int_fast64_t certificate_end_us;		/* notAfter; 0: not known */
	atomic_uint restarts[CHILD_COUNT];		/* as the parent last said */
};
/* "0 1 0": how often each process was started again, in the order of enum child_kind. */
void front_metrics_restarts(struct front_metrics *metrics, const char *text);
/* arg: a struct front_metrics. */
void front_metrics_page(void *arg, struct buf *out, bool open);

#endif
