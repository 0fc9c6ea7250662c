#include <stdatomic.h>
#include <stdio.h>

#include "buf.h"
#include "meter.h"
#include "openmetrics.h"
#include "pool.h"

#include "http.h"

#include "route.h"

#include "door_meter.h"

#define CODE_LEAST 100
#define CODE_COUNT 500

struct row {
	atomic_uint_fast64_t codes[CODE_COUNT];
	struct meter duration;
};

/* Rows in the order of the table of routes; one more for what has none. */
struct door_meter {
	atomic_uint_fast64_t faults[CODE_COUNT];
	unsigned count;
	struct row rows[];
};

struct door_meter *door_meter_new(void)
{
	unsigned count;
	struct door_meter *meter;

	(void)route_table(&count);
	meter = mem_alloc(sizeof(*meter) + (count + 1) * sizeof(struct row));
	meter->count = count;
	return meter;
}

void door_meter_free(struct door_meter *meter)
{
	mem_free(meter);
}

void door_meter_add(struct door_meter *meter, const struct route *route, int code, int64_t us)
{
	unsigned count;
	struct row *row = &meter->rows[route ? (unsigned)(route - route_table(&count)) : meter->count];

	if (code >= CODE_LEAST && code < CODE_LEAST + CODE_COUNT)
		atomic_fetch_add_explicit(&row->codes[code - CODE_LEAST], 1, memory_order_relaxed);
	if (us >= 0)
		meter_add(&row->duration, us);
}

void door_meter_fault(struct door_meter *meter, int code)
{
	if (code >= CODE_LEAST && code < CODE_LEAST + CODE_COUNT)
		atomic_fetch_add_explicit(&meter->faults[code - CODE_LEAST], 1, memory_order_relaxed);
}

static void faults_write(struct door_meter *meter, struct openmetrics *out)
{
	char label[24];

	openmetrics_family(out, "pli_http_faults", METRIC_COUNTER, "Requests that were no proper HTTP, too large or too slow, by code.");
	for (int c = 0; c < CODE_COUNT; c++) {
		uint64_t n = atomic_load_explicit(&meter->faults[c], memory_order_relaxed);
		if (!n)
			continue;
		snprintf(label, sizeof(label), "code=\"%d\"", c + CODE_LEAST);
		openmetrics_int(out, label, (int64_t)n);
	}
}

static void labels_of(struct buf *labels, const struct route *route)
{
	buf_reset(labels);
	openmetrics_label(labels, "method", route ? http_method_name(route->method) : "");
	openmetrics_label(labels, "route", route ? route->pattern : "");
}

void door_meter_write(struct door_meter *meter, struct openmetrics *out)
{
	unsigned count;
	const struct route *routes = route_table(&count);
	AUTO_BUF labels = { 0 };

	openmetrics_family(out, "pli_http_requests", METRIC_COUNTER, "Requests answered, by route and code.");
	for (unsigned r = 0; r <= meter->count; r++) {
		for (int c = 0; c < CODE_COUNT; c++) {
			uint64_t n = atomic_load_explicit(&meter->rows[r].codes[c], memory_order_relaxed);
			char code[12];
			if (!n)
				continue;
			labels_of(&labels, r < meter->count ? &routes[r] : NULL);
			snprintf(code, sizeof(code), "%d", c + CODE_LEAST);
			openmetrics_label(&labels, "code", code);
			openmetrics_int(out, labels.p, (int64_t)n);
		}
	}
	faults_write(meter, out);
	openmetrics_family(out, "pli_http_request_duration_seconds", METRIC_HISTOGRAM,
			   "From the head of a request to the last byte of its answer.");
	for (unsigned r = 0; r < meter->count; r++) {
		uint64_t any = 0;
		for (unsigned b = 0; b <= METER_BUCKETS; b++)
			any |= atomic_load_explicit(&meter->rows[r].duration.counts[b], memory_order_relaxed);
		if (!any)
			continue;
		labels_of(&labels, &routes[r]);
		openmetrics_meter(out, labels.p, &meter->rows[r].duration);
	}
}
