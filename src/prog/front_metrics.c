#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "clock.h"
#include "meter.h"
#include "openmetrics.h"
#include "settings.h"

#include "db.h"

#include "event.h"
#include "journal.h"
#include "keeper.h"

#include "alert.h"
#include "notice.h"
#include "office.h"
#include "selfproof.h"

#include "http.h"

#include "doors.h"

#include "dispatch.h"
#include "front.h"

#include "front_metrics.h"

static void gauge(struct openmetrics *m, const char *name, const char *help, int64_t value)
{
	openmetrics_family(m, name, METRIC_GAUGE, help);
	openmetrics_int(m, NULL, value);
}

static void process(struct openmetrics *m, struct front_metrics *fm)
{
	char label[40];

	openmetrics_family(m, "pli_start_time_seconds", METRIC_GAUGE, "When the serving process began, Unix time.");
	openmetrics_double(m, NULL, (double)fm->started_us / 1e6);
	openmetrics_family(m, "pli_process_restarts", METRIC_COUNTER, "How often the parent has started a process again.");
	for (int i = 0; i < CHILD_COUNT; i++) {
		snprintf(label, sizeof(label), "process=\"%s\"", child_name((enum child_kind)i));
		openmetrics_int(m, label, atomic_load(&fm->restarts[i]));
	}
	if (atomic_load(&fm->certificate_end_us)) {
		int64_t left_us = atomic_load(&fm->certificate_end_us) - clock_now_us();
		openmetrics_family(m, "pli_certificate_days", METRIC_GAUGE, "Days that the TLS certificate is still valid.");
		openmetrics_double(m, NULL, (double)left_us / (double)DAY_US);
	}
}

static void readiness(struct openmetrics *m, struct front_metrics *fm)
{
	struct err err;
	struct http_server_load load;

	gauge(m, "pli_ready", "1 when a deposit would succeed now.", office_ready(fm->front->office, &err) == PLI_OK);
	http_server_load(fm->server, &load);
	gauge(m, "pli_connections", "Open connections of clients.", load.connections);
	gauge(m, "pli_writes_queued", "Writes that wait for their commit group.", db_queued(fm->front->db));
}

static void journal(struct openmetrics *m, struct front_metrics *fm)
{
	struct journal *j = fm->front->journal;
	uint64_t signed_now = journal_signed(j), size = journal_size(j);
	const struct event *events;
	struct meter *asked, *appended;
	char label[64];
	unsigned count;

	gauge(m, "pli_journal_entries", "Entries of the journal.", (int64_t)size);
	gauge(m, "pli_journal_unsigned_entries", "Entries that no signed head covers yet.", size > signed_now ? (int64_t)(size - signed_now) : 0);
	events = event_table(&count);
	openmetrics_family(m, "pli_events", METRIC_COUNTER,
			   "Entries written since the start, by event: deposit.accepted are letters, handover are readings.");
	for (unsigned i = 0; i < count; i++) {
		snprintf(label, sizeof(label), "event=\"%s\"", events[i].name);
		openmetrics_int(m, label, (int64_t)journal_event_count(j, i));
	}
	keeper_meters(fm->front->keeper, &asked, &appended);
	openmetrics_family(m, "pli_keeper_duration_seconds", METRIC_HISTOGRAM,
			   "Until the keeper answered: questions (keys, passwords), and appends (leaves and signed head durable).");
	openmetrics_meter(m, "what=\"question\"", asked);
	openmetrics_meter(m, "what=\"append\"", appended);
}

static void notices(struct openmetrics *m, struct front_metrics *fm)
{
	uint64_t waiting, results[DISPATCH_RESULTS];
	int64_t oldest_us;
	char label[40];
	struct err err;

	if (notice_backlog(fm->front->office, &waiting, &oldest_us, &err) == PLI_OK) {
		gauge(m, "pli_notices_waiting", "Notices that are not settled.", (int64_t)waiting);
		openmetrics_family(m, "pli_notices_oldest_seconds", METRIC_GAUGE, "Age of the oldest of those next to be sent.");
		openmetrics_double(m, NULL, oldest_us ? (double)(clock_now_us() - oldest_us) / 1e6 : 0);
	}
	dispatch_results(fm->dispatch, results);
	openmetrics_family(m, "pli_notices", METRIC_COUNTER, "Attempts to send a notice, by result.");
	for (unsigned i = 0; i < DISPATCH_RESULTS; i++) {
		snprintf(label, sizeof(label), "result=\"%s\"", dispatch_result_names[i]);
		openmetrics_int(m, label, (int64_t)results[i]);
	}
}

static void alerts(struct openmetrics *m, struct front_metrics *fm)
{
	char label[40];

	openmetrics_family(m, "pli_alert", METRIC_GAUGE, "Evidence alerts that are on, by kind; 0: all is well.");
	for (int i = 0; i < ALERT_KINDS; i++) {
		snprintf(label, sizeof(label), "kind=\"%s\"", alert_kind_name((enum alert_kind)i));
		openmetrics_int(m, label, alert_count(fm->front->office, (enum alert_kind)i));
	}
}

static void nightly(struct openmetrics *m, struct front_metrics *fm)
{
	struct selfproof run;
	struct err err;

	if (selfproof_newest(fm->front->office, &run, &err) != PLI_OK)
		return;
	gauge(m, "pli_selfproof_holds", "1 when the newest proof of itself holds.", selfproof_holds(&run));
	gauge(m, "pli_selfproof_timestamp_seconds", "When the newest proof of itself was begun.", run.at_us / SECOND_US);
	openmetrics_family(m, "pli_selfproof_duration_seconds", METRIC_GAUGE, "How long it took.");
	openmetrics_double(m, NULL, (double)run.took_us / 1e6);
	gauge(m, "pli_selfproof_backup_entries", "Entries of the backup that it restored; -1: none.", run.backup);
}

static void storage(struct openmetrics *m, struct front_metrics *fm)
{
	const struct settings *s = fm->front->settings;
	uint64_t free_bytes;
	int64_t backup_us;
	struct err err;

	if (db_space(fm->front->db, &free_bytes, &err) == PLI_OK)
		gauge(m, "pli_storage_free_bytes", "What is left of file system or quota.", (int64_t)free_bytes);
	if (front_backup_time(fm->front, &backup_us, &err) == PLI_OK)
		gauge(m, "pli_backup_timestamp_seconds", "When the newest backup was made.", backup_us / SECOND_US);
	openmetrics_family(m, "pli_storage_reserve_bytes", METRIC_GAUGE, "Below this much free space deposits or readings are refused.");
	openmetrics_int(m, "step=\"deposit\"", (int64_t)s->reserve_deposit_bytes);
	openmetrics_int(m, "step=\"read\"", (int64_t)s->reserve_read_bytes);
}

void front_metrics_page(void *arg, struct buf *out, bool open)
{
	struct front_metrics *fm = arg;
	struct openmetrics m;

	openmetrics_begin(&m, out, open);
	readiness(&m, fm);
	doors_metrics(fm->doors, &m);
	journal(&m, fm);
	alerts(&m, fm);
	nightly(&m, fm);
	notices(&m, fm);
	storage(&m, fm);
	process(&m, fm);
	openmetrics_end(&m);
}

void front_metrics_restarts(struct front_metrics *metrics, const char *text)
{
	for (int i = 0; i < CHILD_COUNT; i++) {
		char *end;
		unsigned long n = strtoul(text, &end, 10);
		if (end == text)
			return;
		atomic_store(&metrics->restarts[i], (unsigned)n);
		text = end;
	}
}
