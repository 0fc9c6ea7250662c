/* Writes a page of metrics: the Prometheus text format 0.0.4, or OpenMetrics 1.0 (which names a counter's family without _total and
 * ends with # EOF).  A family's values follow its head at once.  Labels: `code="200",route="/"`, values escaped by the caller with
 * openmetrics_label(), or NULL. */
#ifndef PLI_OPENMETRICS_H
#define PLI_OPENMETRICS_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct meter;

enum openmetrics_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct openmetrics {
	struct buf *out;
	bool open;			/* OpenMetrics */
	const char *name;		/* of the family under way, without _total */
	enum openmetrics_type type;
};
void openmetrics_begin(struct openmetrics *m, struct buf *out, bool open);
void openmetrics_end(struct openmetrics *m);
/* name without unit suffix rules of its own: "pli_http_requests" (a counter gets _total).  Static strings. */
void openmetrics_family(struct openmetrics *m, const char *name, enum openmetrics_type type, const char *help);
void openmetrics_int(struct openmetrics *m, const char *labels, int64_t value);
void openmetrics_double(struct openmetrics *m, const char *labels, double value);
/* A histogram, in seconds. */
void openmetrics_meter(struct openmetrics *m, const char *labels, struct meter *meter);
/* name="value" with value escaped, behind a comma when out holds something. */
void openmetrics_label(struct buf *out, const char *name, const char *value);

#endif
