#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "json_read.h"

#include "db.h"

#include "journal.h"
#include "keeper.h"

#include "security_admin.h"

#include "alert.h"
#include "deadline.h"
#include "external_time.h"
#include "notice.h"
#include "office.h"
#include "retention.h"
#include "selfproof.h"

#include "front.h"

#include "ctl_check.h"

#define LATE_US (600 * SECOND_US)

static const char NEWEST_HEAD[] = "SELECT size, root FROM head ORDER BY size DESC LIMIT 1";
static const char NEWEST_ENTRY[] = "SELECT seq, t FROM journal ORDER BY seq DESC LIMIT 1";

static void finding(struct ctl_call *call, const char *level, const char *hint, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void finding(struct ctl_call *call, const char *level, const char *hint, const char *fmt, ...)
{
	AUTO_BUF row = { 0 };
	AUTO_BUF text = { 0 };
	struct jsonw w;
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&text, fmt, ap);
	va_end(ap);
	jsonw_init(&w, &row, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "level", level);
	jsonw_str(&w, "text", text.p);
	jsonw_str(&w, "hint", hint && *hint ? hint : NULL);
	jsonw_object_end(&w);
	ctl_call_row(call, row.p);
}

static void check_database(struct front *front, struct ctl_call *call)
{
	struct err err = { 0 };

	if (db_quick_check(front->db, &err) != PLI_OK)
		finding(call, "wrong", "Stop the server, keep a copy of DIR as it is, and go back to the newest copy that is sound.", "%s", err.text);
	else
		finding(call, "good", NULL, "the database is sound");
}

/* ------------------------------------------------------------------ journal */

struct newest {
	uint64_t head_size, entries;
	uint8_t root[32];
	int64_t t_us;
	bool has_head;
};

static enum pli_status newest_get(struct db_conn *conn, struct newest *n, struct err *err)
{
	AUTO_ROWS head = { 0 };
	AUTO_ROWS entry = { 0 };
	enum pli_status st = db_query(conn, &head, err, NEWEST_HEAD, "");
	const void *root;
	size_t root_n = 0;

	if (st == PLI_OK && (st = db_next(&head, err)) == PLI_OK) {
		n->head_size = (uint64_t)db_int(&head, 0);
		root = db_blob(&head, 1, &root_n);
		n->has_head = root && root_n == 32;
		if (n->has_head)
			memcpy(n->root, root, 32);
	}
	if (st != PLI_OK && st != PLI_ABSENT)
		return st;
	st = db_query(conn, &entry, err, NEWEST_ENTRY, "");
	if (st == PLI_OK && (st = db_next(&entry, err)) == PLI_OK) {
		n->entries = (uint64_t)db_int(&entry, 0) + 1;
		n->t_us = db_int(&entry, 1);
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

static void compare(struct ctl_call *call, const struct newest *n, const struct keeper_status *k)
{
	static const char hint[] = "pli journal verify reads everything and says which entry is the first that is wrong.";

	if (k->counter_size > k->size)
		finding(call, "wrong", "journal/ is an older copy than keys/: bring back the newest.",
			"the keeper's counter knows %" PRIu64 " entries, its tree only %" PRIu64, k->counter_size, k->size);
	else if (n->entries < k->size)
		finding(call, "wrong", "data/ is an older copy: bring back the newest.", "the database has %" PRIu64 " entries, the keeper %" PRIu64,
			n->entries, k->size);
	else if (n->has_head && n->head_size == k->size && memcmp(n->root, k->root, 32) != 0)
		finding(call, "wrong", hint, "database and keeper have different journals of %" PRIu64 " entries", k->size);
	else
		finding(call, "good", NULL, "database and keeper have the same journal: %" PRIu64 " entries, %" PRIu64 " under the keeper's head", n->entries,
			k->size);
	if (n->t_us > clock_now_us() + 60 * SECOND_US)
		finding(call, "wrong", "Set the clock right; until it has caught up, entries carry the time of the newest.",
			"the clock has gone back: the newest entry is %" PRId64 " s ahead of it", (n->t_us - clock_now_us()) / SECOND_US);
}

static void check_journal(struct front *front, struct ctl_call *call)
{
	struct db_conn *conn = db_reader_take(front->db);
	struct keeper_status keeper;
	struct newest newest = { 0 };
	struct err err = { 0 };
	/* The keeper first: what it has, the database had before. */
	enum pli_status st = keeper_status(front->keeper, &keeper, &err);

	if (st != PLI_OK) {
		finding(call, "wrong", err.hint, "the keeper does not answer: %s", err.text);
	} else if (keeper.refusing) {
		finding(call, "wrong", "pli journal verify says where the journal is damaged.", "the keeper refuses to sign: %s", keeper.reason);
	} else if (newest_get(conn, &newest, &err) != PLI_OK) {
		finding(call, "wrong", err.hint, "%s", err.text);
	} else {
		compare(call, &newest, &keeper);
	}
	db_reader_give(front->db, conn);
}

/* ------------------------------------------------------------------ letters */

static void check_letters(struct front *front, struct ctl_call *call)
{
	struct err err = { 0 };
	uint64_t waiting;
	int64_t oldest_us;

	if (front->verify_only) {
		finding(call, "wrong", front->why.hint, "%s", front->why.text);
		return;
	}
	if (office_ready(front->office, &err) != PLI_OK)
		finding(call, "wrong", err.hint, "no letter can be deposited now: %s", err.text);
	else
		finding(call, "good", NULL, "a letter can be deposited now");
	if (notice_backlog(front->office, &waiting, &oldest_us, &err) != PLI_OK)
		finding(call, "wrong", err.hint, "%s", err.text);
	else if (waiting && clock_now_us() - oldest_us > LATE_US)
		finding(call, "weaker", "pli check DIR mail, and the log, say why.", "%" PRIu64 " notices wait, the oldest for %" PRId64 " minutes", waiting,
			(clock_now_us() - oldest_us) / (60 * SECOND_US));
	else
		finding(call, "good", NULL, "no notice waits for long");
}

/* ------------------------------------------------------------------ backup, retention */

#define BACKUP_OLD_US (8 * DAY_US)
#define SELFPROOF_OLD_US (2 * DAY_US)

static void check_backup(struct front *front, struct ctl_call *call)
{
	static const char hint[] = "pli backup DIR FILE, every day; pli backup --keys DIR FILE, elsewhere.";
	struct err err = { 0 };
	int64_t t_us = 0;
	enum pli_status st = front_backup_time(front, &t_us, &err);

	if (st == PLI_ABSENT)
		finding(call, "weaker", hint, "no backup was ever made");
	else if (st != PLI_OK)
		finding(call, "wrong", err.hint, "%s", err.text);
	else if (clock_now_us() - t_us > BACKUP_OLD_US)
		finding(call, "weaker", hint, "the newest backup is %" PRId64 " days old", (clock_now_us() - t_us) / DAY_US);
	else
		finding(call, "good", NULL, "the newest backup is %" PRId64 " hours old", (clock_now_us() - t_us) / (3600 * SECOND_US));
}

static void check_retention(struct front *front, struct ctl_call *call)
{
	struct err err = { 0 };
	uint64_t overdue, held;

	if (front->verify_only)
		return;
	if (retention_overdue(front->office, clock_now_us(), &overdue, &held, &err) != PLI_OK)
		finding(call, "wrong", err.hint, "%s", err.text);
	else if (overdue)
		finding(call, "wrong", "The log says why (retention, housekeeping).",
			"the content of %" PRIu64 " letters should be gone for an hour and is not", overdue);
	else
		finding(call, "good", NULL, "no content is kept beyond its retention; %" PRIu64 " letters are held", held);
}

/* ------------------------------------------------------------------ alerts, and the proof of itself */

#define ALERTS_SHOWN 20

static enum pli_status count_one(void *arg, const struct directory_account *account, struct err *err)
{
	unsigned *count = arg;

	(void)account;
	(void)err;
	(*count)++;
	return PLI_OK;
}

static void check_alerts(struct front *front, struct ctl_call *call)
{
	struct alert *list;
	struct err err = { 0 };
	unsigned count = 0, on = 0, admins = 0;

	if (front->verify_only)
		return;
	if (alert_list(front->office, call->pool, ALERTS_SHOWN, &list, &count, &err) != PLI_OK ||
	    security_admin_each(front->directory, count_one, &admins, &err) != PLI_OK) {
		finding(call, "wrong", err.hint, "%s", err.text);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		char since[25];

		if (list[i].ended_us)
			continue;
		on++;
		finding(call, "wrong", "Administration, Alerts, and doc/alerts.md say what to do.", "an alert is on (%s%s%s) since %s: %s",
			alert_kind_name(list[i].kind), *list[i].subject ? ", " : "", list[i].subject, clock_rfc3339(since, list[i].since_us),
			list[i].detail);
	}
	if (!on)
		finding(call, "good", NULL, "no alert about the evidence is on");
	if (!admins)
		finding(call, "weaker", "Settings, on the pages of an administrator.", "nobody gets mails about alerts");
	else
		finding(call, "good", NULL, "%u administrators get mails about alerts", admins);
}

static void check_selfproof(struct front *front, struct ctl_call *call)
{
	static const char hint[] = "pli selfproof DIR makes it now.";
	bool off = str_eq(front->settings->selfproof_at, "off");
	struct selfproof run;
	struct err err = { 0 };
	enum pli_status st;

	if (front->verify_only)
		return;
	st = selfproof_newest(front->office, &run, &err);
	if (st != PLI_OK && st != PLI_ABSENT) {
		finding(call, "wrong", err.hint, "%s", err.text);
		return;
	}
	if (st == PLI_ABSENT)
		finding(call, off ? "weaker" : "good", off ? hint : NULL, "the instance has not proved itself yet%s",
			off ? ", and [selfproof] at = off" : "; it does once a night, from its second day on");
	for (unsigned i = 0; st == PLI_OK && i < run.count; i++)
		if (run.checks[i].outcome != SELFPROOF_HOLDS)
			finding(call, run.checks[i].outcome == SELFPROOF_FAILS ? "wrong" : "weaker", "doc/alerts.md; once mended: pli selfproof DIR.",
				"the newest proof of itself: %s: %s", run.checks[i].name, run.checks[i].text);
	if (st == PLI_OK && clock_now_us() - run.at_us > SELFPROOF_OLD_US)
		finding(call, "weaker", hint, "the newest proof of itself is %" PRId64 " days old", (clock_now_us() - run.at_us) / DAY_US);
	else if (st == PLI_OK && selfproof_holds(&run))
		finding(call, "good", NULL, "the instance has proved itself %" PRId64 " hours ago", (clock_now_us() - run.at_us) / (3600 * SECOND_US));
	if (!front->settings->selfproof_backup)
		finding(call, "weaker", "[selfproof] backup = /srv/backups/pli-*.backup: where your backups lie.",
			"no backup is restored at night to prove that it could be");
}

/* ------------------------------------------------------------------ the authority outside */

static void check_time(struct front *front, struct ctl_call *call)
{
	struct err err = { 0 };
	struct external_state s;
	int64_t now_us = clock_now_us(), off_us;
	bool waits = false;

	if (front->verify_only)
		return;
	off_us = deadline_off_us(front->office, &waits);
	if (off_us)
		finding(call, "wrong", waits ? "Set the clock right.  If it is right: pli clock confirm DIR." :
					       "Set the clock right.  If it is right, it is believed after a day, or at once: pli clock confirm DIR.",
			"the machine's clock is %" PRId64 " s from the time that is known; nothing ends by it", off_us / SECOND_US);
	if (!front->settings->tsa_url)
		return;
	if (external_state(front->office, &s, &err) != PLI_OK)
		finding(call, "wrong", err.hint, "%s", err.text);
	else if (s.waiting && s.tries)
		finding(call, "wrong", "The log says why (tsa.away); [tsa] in pli.conf has its address and its roots.",
			"the time-stamping authority outside has failed %u times; entries wait for %" PRId64 " minutes", s.tries,
			(now_us - s.since_us) / (60 * SECOND_US));
	else if (!s.covered)
		finding(call, "weaker", "It is asked once the server runs.", "the time-stamping authority outside has stamped nothing yet");
	else
		finding(call, "good", NULL, "the time-stamping authority outside has stamped the first %" PRIu64 " entries, %" PRId64 " minutes ago", s.covered,
			(now_us - s.covered_us) / (60 * SECOND_US));
}

enum pli_status ctl_check(void *arg, struct ctl_call *call, struct err *err)
{
	static const struct {
		const char *name;
		void (*run)(struct front *front, struct ctl_call *call);
	} parts[] = { { "database", check_database }, { "journal", check_journal }, { "letters", check_letters },
		    { "backup", check_backup }, { "retention", check_retention },
		    { "alerts", check_alerts }, { "selfproof", check_selfproof }, { "time", check_time } };
	const char *part = NULL;
	enum pli_status st = json_read_str(call->args, "part", &part, err);

	for (size_t i = 0; st == PLI_OK && i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!part || str_eq(part, parts[i].name))
			parts[i].run(arg, call);
	return st;
}
