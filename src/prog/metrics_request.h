/* What a collector asks of the metrics listener: the request line and Accept, nothing else is read. */
#ifndef PLI_METRICS_REQUEST_H
#define PLI_METRICS_REQUEST_H

#include <stdbool.h>

struct metrics_request {
	enum { METRICS_PAGE, METRICS_ABSENT, METRICS_METHOD } what;	/* 200, 404, 405 */
	bool head_only;		/* HEAD: no body is sent */
	bool open;		/* Accept names OpenMetrics, else the Prometheus text format */
};

/* head: from the request line on, NUL-terminated; outside bytes. */
struct metrics_request metrics_request_parse(const char *head);

#endif
