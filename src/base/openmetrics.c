#include <inttypes.h>
#include <stdio.h>

#include "buf.h"
#include "meter.h"

#include "openmetrics.h"

void openmetrics_begin(struct openmetrics *m, struct buf *out, bool open)
{
	*m = (struct openmetrics){ .out = out, .open = open };
}

void openmetrics_end(struct openmetrics *m)
{
	if (m->open)
		buf_str(m->out, "# EOF\n");
}

void openmetrics_family(struct openmetrics *m, const char *name, enum openmetrics_type type, const char *help)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };
	const char *suffix = type == METRIC_COUNTER && !m->open ? "_total" : "";

	m->name = name;
	m->type = type;
	buf_fmt(m->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix, types[type]);
}

static void name(struct openmetrics *m, const char *suffix, const char *labels, const char *more)
{
	bool any = labels && *labels;

	buf_fmt(m->out, "%s%s", m->name, suffix);
	if (any || more)
		buf_fmt(m->out, "{%s%s%s}", any ? labels : "", any && more ? "," : "", more ? more : "");
	buf_ch(m->out, ' ');
}

void openmetrics_int(struct openmetrics *m, const char *labels, int64_t value)
{
	name(m, m->type == METRIC_COUNTER ? "_total" : "", labels, NULL);
	buf_fmt(m->out, "%" PRId64 "\n", value);
}

void openmetrics_double(struct openmetrics *m, const char *labels, double value)
{
	name(m, m->type == METRIC_COUNTER ? "_total" : "", labels, NULL);
	buf_fmt(m->out, "%.6f\n", value);
}

/* Buckets hold what they and all smaller ones counted. */
void openmetrics_meter(struct openmetrics *m, const char *labels, struct meter *meter)
{
	uint64_t so_far = 0;
	char bound[32];

	for (unsigned i = 0; i <= METER_BUCKETS; i++) {
		so_far += atomic_load_explicit(&meter->counts[i], memory_order_relaxed);
		if (i < METER_BUCKETS)
			snprintf(bound, sizeof(bound), "le=\"%g\"", (double)meter_bounds_us[i] / 1e6);
		else
			snprintf(bound, sizeof(bound), "le=\"+Inf\"");
		name(m, "_bucket", labels, bound);
		buf_fmt(m->out, "%" PRIu64 "\n", so_far);
	}
	name(m, "_count", labels, NULL);
	buf_fmt(m->out, "%" PRIu64 "\n", so_far);
	name(m, "_sum", labels, NULL);
	buf_fmt(m->out, "%.6f\n", (double)atomic_load_explicit(&meter->sum_us, memory_order_relaxed) / 1e6);
}

void openmetrics_label(struct buf *out, const char *label, const char *value)
{
	buf_fmt(out, "%s%s=\"", out->n ? "," : "", label);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buf_ch(out, '\\');
		if (*value == '\n')
			buf_str(out, "\\n");
		else
			buf_ch(out, *value);
	}
	buf_ch(out, '"');
}
