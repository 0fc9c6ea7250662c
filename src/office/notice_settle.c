/* What became of the notices: entries of the recipients' chains, and of the document's once every first notice is settled. */
#include <stdlib.h>
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "directory.h"

#include "account_notice.h"
#include "deadline.h"
#include "letter_own.h"
#include "notice_own.h"
#include "office_own.h"

#include "notice.h"

#define DOUBT_US (3600 * SECOND_US)	/* between tries that may each have arrived */
#define PUT_OFF_US (4 * 3600 * SECOND_US)

static const char NOTICE_GET[] =
	"SELECT x.letter, x.n, x.kind, x.send, x.tries, r.recipient, r.state, r.sends, x.created, x.doubts, r.kind, l.account, l.class, l.profile "
	"FROM notice x "
	"JOIN recipient r ON r.entity = x.entity AND r.letter = x.letter AND r.n = x.n "
	"JOIN letter l ON l.entity = x.entity AND l.letter = x.letter "
	"WHERE x.entity = $1 AND x.notice = $2 AND x.due IS NOT NULL";
static const char NOTICE_DONE[] = "UPDATE notice SET due = NULL, lease = NULL WHERE entity = $1 AND notice = $2";
static const char NOTICE_AGAIN[] =
	"UPDATE notice SET due = $1, lease = NULL, tries = tries + $2, doubts = doubts + $3 WHERE entity = $4 AND notice = $5";
static const char RECIPIENT_REPLY[] =
	"UPDATE recipient SET reply = $1, peer = $2, tls = $3 WHERE entity = $4 AND letter = $5 AND n = $6";
static const char RECIPIENT_SENT[] =
	"UPDATE recipient SET first_sent = COALESCE(first_sent, $1), last_sent = $1 WHERE entity = $2 AND letter = $3 AND n = $4";
static const char RECIPIENT_STATE[] =
	"UPDATE recipient SET state = $1, sends = sends + $2 WHERE entity = $3 AND letter = $4 AND n = $5";
static const char LETTER_SETTLED[] =
	"UPDATE letter SET settled = settled + 1, failures = failures + $1 WHERE entity = $2 AND letter = $3";
static const char LETTER_COUNTS[] = "SELECT recipients, settled, failures, state FROM letter WHERE entity = $1 AND letter = $2";
static const char LETTER_STATE[] = "UPDATE letter SET state = $1 WHERE entity = $2 AND letter = $3";
static const char LETTER_SENT[] = "UPDATE letter SET sent = $1 WHERE entity = $2 AND letter = $3";
/* From the first notice that went out on; what a recipient has decided stays. */
static const char WINDOW_SET[] =
	"UPDATE recipient SET window_end = $1, remind = $2 WHERE entity = $3 AND letter = $4 AND n = $5 "
	"AND window_end IS NULL AND decision IS NULL";
static const char WINDOW_SET_ALONE[] =
	"UPDATE recipient SET window_end = $1 WHERE entity = $2 AND letter = $3 AND n = $4 AND window_end IS NULL AND decision IS NULL";
/* All first notices had failed; one that was sent again has not. */
static const char LETTER_REVIVED[] =
	"UPDATE letter SET state = 'sent', sent = $1 WHERE entity = $2 AND letter = $3 AND state = 'failed'";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

struct settle {
	struct office *office;
	const struct notice_result *results;
	struct notice_sent **sent;	/* one each; NULL: to be read first */
	unsigned count;
};

/* Where a time of an entry belongs; lives in the transaction's pool. */
struct stamp {
	struct uuid entity, letter;
	unsigned n;
	const struct settings *settings;
	unsigned days;			/* of the window that the notice opens; 0: a simple letter */
};

static enum pli_status window_open(struct db_tx *tx, const struct stamp *s, int64_t t_us, struct err *err)
{
	const char *zone = s->settings->timezone;
	int64_t end_us = deadline_end_us(t_us, s->days, zone);
	int64_t remind_us = deadline_reminder_us(s->settings->registered_reminders, t_us, t_us, end_us, zone);

	if (!remind_us)
		return db_run(tx->conn, NULL, err, WINDOW_SET_ALONE, "iuui", end_us, &s->entity, &s->letter, (int64_t)s->n);
	return db_run(tx->conn, NULL, err, WINDOW_SET, "iiuui", end_us, remind_us, &s->entity, &s->letter, (int64_t)s->n);
}

static enum pli_status recipient_stamp(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	const struct stamp *s = arg;

	enum pli_status st = db_run(tx->conn, NULL, err, RECIPIENT_SENT, "iuui", t_us, &s->entity, &s->letter, (int64_t)s->n);

	(void)seq;
	if (st == PLI_OK && s->days)
		st = window_open(tx, s, t_us, err);
	return st != PLI_OK ? st : db_run(tx->conn, NULL, err, LETTER_REVIVED, "iuu", t_us, &s->entity, &s->letter);
}

static enum pli_status letter_stamp(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	const struct stamp *s = arg;

	(void)seq;
	return db_run(tx->conn, NULL, err, LETTER_SENT, "iuu", t_us, &s->entity, &s->letter);
}

struct settled {
	struct stamp *stamp;
	struct uuid recipient, owner;
	bool hidden, registered;
	const char *kind, *state;
	unsigned send, tries, sends, doubts;
	int64_t created_us;
};

static enum pli_status settled_get(struct settle *settle, struct db_tx *tx, const struct notice_result *result, struct settled *s, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(tx->conn, &rows, err, NOTICE_GET, "uu", &result->entity, &result->notice);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st;
	s->stamp = POOL_NEW(tx->pool, struct stamp);
	s->stamp->entity = result->entity;
	if (!db_uuid(&rows, 0, &s->stamp->letter) || !db_uuid(&rows, 5, &s->recipient))
		return err_set(err, PLI_IO, "A notice's row is damaged.");
	s->stamp->n = (unsigned)db_int(&rows, 1);
	s->kind = pool_str(tx->pool, db_text(&rows, 2));
	s->hidden = str_eq(db_text(&rows, 10), "bcc");
	if (!db_uuid(&rows, 11, &s->owner))
		return err_set(err, PLI_IO, "A letter's row is damaged.");
	s->send = (unsigned)db_int(&rows, 3);
	s->tries = (unsigned)db_int(&rows, 4);
	s->state = pool_str(tx->pool, db_text(&rows, 6));
	s->sends = (unsigned)db_int(&rows, 7);
	s->created_us = db_int(&rows, 8);
	s->doubts = (unsigned)db_int(&rows, 9);
	s->registered = str_eq(db_text(&rows, 12), "registered");
	s->stamp->settings = settle->office->parts.settings;
	if (s->registered)
		s->stamp->days = deadline_days(s->stamp->settings, db_text(&rows, 13));
	return PLI_OK;
}

static const char *event_of(const struct settled *s, bool sent)
{
	if (s->registered && !sent)
		return "lre.notice.failed";
	if (s->registered)
		return str_eq(s->kind, "first") ? "lre.notice.sent" : str_eq(s->kind, "reminder") ? "lre.reminder" : "lre.notice.resent";
	return !sent ? "notice.failed" : str_eq(s->kind, "first") ? "notice.sent" : "notice.resent";
}

static enum pli_status entry_add(struct settle *settle, struct db_tx *tx, const struct notice_result *result,
				 const struct settled *s, struct err *err)
{
	bool sent = result->outcome == NOTICE_SENT;
	struct journal_actor actor = SYSTEM;

	/* Of the hop that took the mail, or would not. */
	if (result->tls && *result->tls)
		actor.tls = result->tls;
	return journal_add(settle->office->parts.journal, tx,
			   &(struct journal_event){
				   .ev = event_of(s, sent),
				   .actor = &actor, .entity = &s->stamp->entity, .letter = &s->stamp->letter,
				   .recipient = &s->recipient, .d_json = notice_words(tx->pool, result, s->send), .owner = &s->owner, .hidden = s->hidden,
				   .numbered = sent ? recipient_stamp : NULL, .arg = s->stamp },
			   err);
}

/* What the letter's own entries show, and its depositor. */
static enum pli_status shown_get(struct settle *settle, struct db_tx *tx, const struct stamp *stamp, const struct notice_facts *facts,
				 const char **shown_r, struct uuid *owner_r, struct err *err)
{
	struct letter *letter;
	enum pli_status st;

	if (facts) {
		*shown_r = facts->shown;
		*owner_r = facts->owner;
		return PLI_OK;
	}
	st = letter_load(settle->office, tx->conn, tx->pool, &stamp->entity, &stamp->letter, &letter, NULL, err);
	if (st != PLI_OK)
		return st;
	*shown_r = letter_shown(tx->pool, letter, letter->sender_name);
	*owner_r = letter->account;
	return PLI_OK;
}

/* The document is sent once every first notice is settled; failed if all of them failed. */
static enum pli_status document_settle(struct settle *settle, struct db_tx *tx, const struct stamp *stamp, bool failed,
				       const struct notice_facts *facts, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	const char *shown;
	struct uuid owner;
	struct journal_actor actor = SYSTEM;
	const uint8_t *key;
	const char *ev, *state;
	bool waiting;
	enum pli_status st;

	st = db_run(tx->conn, NULL, err, LETTER_SETTLED, "iuu", (int64_t)failed, &stamp->entity, &stamp->letter);
	if (st == PLI_OK)
		st = db_query(tx->conn, &rows, err, LETTER_COUNTS, "uu", &stamp->entity, &stamp->letter);
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK || db_int(&rows, 1) < db_int(&rows, 0))
		return st;
	state = db_int(&rows, 2) == db_int(&rows, 0) ? "failed" : "sent";
	ev = str_eq(state, "failed") ? "document.failed" : "document.sent";
	waiting = str_eq(db_text(&rows, 3), "created");
	db_end(&rows);
	rows = (struct db_rows){ 0 };
	st = shown_get(settle, tx, stamp, facts, &shown, &owner, err);
	if (st == PLI_OK)
		st = directory_meta_key(settle->office->parts.directory, &stamp->entity, &key, err);
	if (st == PLI_OK && waiting)
		st = db_run(tx->conn, NULL, err, LETTER_STATE, "tuu", state, &stamp->entity, &stamp->letter);
	if (st != PLI_OK)
		return st;
	actor.account = &owner;
	return journal_add(settle->office->parts.journal, tx,
			   &(struct journal_event){ .ev = ev, .actor = &actor, .entity = &stamp->entity, .letter = &stamp->letter,
						    .shown_json = shown, .meta_key = key, .owner = &owner,
						    .numbered = str_eq(state, "sent") ? letter_stamp : NULL, .arg = (void *)stamp },
			   err);
}

/* The span of [mail] retry for that many tries before, up to a fifth longer or shorter: what was put off together comes apart. */
static int64_t backoff_us(const struct settings *settings, unsigned tries)
{
	unsigned spans[SETTINGS_SPANS_MAX], count = 0;
	uint32_t chance;
	int64_t wait_us;

	if (!settings_spans(settings->mail_retry, spans, &count))
		return PUT_OFF_US;
	wait_us = spans[tries < count ? tries : count - 1] * SECOND_US;
	mem_random(&chance, sizeof(chance));
	return wait_us - wait_us / 5 + (int64_t)(chance % 1024) * (wait_us * 2 / 5) / 1024;
}

/* When it is tried again; 0: never, its time is over. */
static int64_t again_us(const struct settle *settle, const struct notice_result *result, const struct settled *s)
{
	const struct settings *settings = settle->office->parts.settings;
	int64_t now = clock_now_us(), until = s->created_us + (int64_t)settings->mail_retry_hours * 3600 * SECOND_US;
	int64_t due = result->outcome == NOTICE_AWAY ? result->retry_us : now + backoff_us(settings, s->tries);

	/* Not by a clock that jumped. */
	if (now >= until && deadline_now_us(settle->office) >= until)
		return 0;
	until = until > now ? until : now + backoff_us(settings, s->tries);
	if (result->outcome == NOTICE_DOUBT && s->doubts > 0 && due < now + DOUBT_US)
		due = now + DOUBT_US;
	return due < until ? due : until;
}

static enum pli_status reply_keep(struct db_tx *tx, const struct notice_result *result, const struct settled *s, struct err *err)
{
	return db_run(tx->conn, NULL, err, RECIPIENT_REPLY, "tttuui", result->reply, result->peer ? result->peer : "",
		      result->tls ? result->tls : "", &s->stamp->entity, &s->stamp->letter, (int64_t)s->stamp->n);
}

static enum pli_status one_again(struct db_tx *tx, const struct notice_result *result, const struct settled *s, int64_t due_us,
				 struct err *err)
{
	enum pli_status st = db_run(tx->conn, NULL, err, NOTICE_AGAIN, "iiiuu", due_us, (int64_t)(result->outcome != NOTICE_AWAY),
				    (int64_t)(result->outcome == NOTICE_DOUBT), &result->entity, &result->notice);

	return st == PLI_OK ? reply_keep(tx, result, s, err) : st;
}

static enum pli_status one_settle(struct settle *settle, struct db_tx *tx, const struct notice_result *result, struct err *err)
{
	struct settled s;
	bool sent = result->outcome == NOTICE_SENT;
	enum pli_status st = settled_get(settle, tx, result, &s, err);

	if (st == PLI_ABSENT)	/* of an account holder's mail, or settled before: an answer that came twice */
		return account_notice_settle(tx, result, err);
	if (st != PLI_OK)
		return st;
	if (!sent && result->outcome != NOTICE_FAILED) {
		int64_t due_us = again_us(settle, result, &s);

		if (due_us)
			return one_again(tx, result, &s, due_us, err);
	}
	st = entry_add(settle, tx, result, &s, err);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, NOTICE_DONE, "uu", &result->entity, &result->notice);
	if (st == PLI_OK)
		st = reply_keep(tx, result, &s, err);
	if (st == PLI_OK) {
		bool open = str_eq(s.state, "pending") || str_eq(s.state, "failed");
		const char *state = open ? (sent ? "sent" : "failed") : s.state;

		st = db_run(tx->conn, NULL, err, RECIPIENT_STATE, "tiuui", state, (int64_t)sent, &s.stamp->entity,
			    &s.stamp->letter, (int64_t)s.stamp->n);
	}
	if (st == PLI_OK && str_eq(s.kind, "first"))
		st = document_settle(settle, tx, s.stamp, !sent, NULL, err);
	return st;
}

static enum pli_status one_sent(struct settle *settle, struct db_tx *tx, unsigned i, struct err *err)
{
	const struct notice_result *result = &settle->results[i];
	struct stamp *stamp = POOL_NEW(tx->pool, struct stamp);
	bool open;
	enum pli_status st = notice_sent_apply(settle->sent[i], tx, &open, err);

	*stamp = (struct stamp){ .entity = result->entity, .letter = result->facts->letter, .n = result->facts->n };
	return st == PLI_OK && open ? document_settle(settle, tx, stamp, false, result->facts, err) : st;
}

static enum pli_status settle_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct settle *settle = arg;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < settle->count; i++)
		st = settle->sent[i] ? one_sent(settle, tx, i, err) : one_settle(settle, tx, &settle->results[i], err);
	return st;
}

static enum pli_status settle_some(struct office *office, const struct notice_result *results, unsigned count, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct settle settle = { office, results, POOL_ARRAY(pool, struct notice_sent *, count + 1), count };
	const uint8_t *key;
	enum pli_status st = PLI_OK;

	/* Keys come into the cache now: a write function must not wait for the keeper. */
	for (unsigned i = 0; st == PLI_OK && i < count; i++)
		if (results[i].facts && results[i].outcome == NOTICE_SENT)
			st = notice_sent_prepare(office, pool, &results[i], &settle.sent[i], err);
		else
			st = directory_meta_key(office->parts.directory, &results[i].entity, &key, err);
	return st == PLI_OK && count ? db_write(office->parts.db, settle_fn, &settle, err) : st;
}

/* A fault of the moment concerns all of them: they are settled later. */
static bool concerns_all(enum pli_status st)
{
	return st == PLI_FULL || st == PLI_BUSY || st == PLI_UNCERTAIN;
}

static enum pli_status put_off_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct notice_result *result = arg;

	return db_run(tx->conn, NULL, err, NOTICE_AGAIN, "iiiuu", clock_now_us() + PUT_OFF_US, INT64_C(1), INT64_C(0), &result->entity,
		      &result->notice);
}

/* One whose rows are damaged must not keep the others waiting: it is tried again much later. */
static enum pli_status settle_alone(struct office *office, struct notice_result result, struct err *err)
{
	char id[37];
	enum pli_status st = settle_some(office, &result, 1, err);

	if (st == PLI_OK || concerns_all(st))
		return st;
	log_error("notice.unsettled", "notice %s cannot be settled: %s", uuid_format(id, &result.notice), pli_status_name(st));
	return db_write(office->parts.db, put_off_fn, &result, err);
}

enum pli_status notice_settle(struct office *office, const struct notice_result *results, unsigned count, struct err *err)
{
	enum pli_status st = settle_some(office, results, count, err);

	if (st == PLI_OK || concerns_all(st))
		return st;
	st = PLI_OK;
	for (unsigned i = 0; st == PLI_OK && i < count; i++)
		st = settle_alone(office, results[i], err);
	return st;
}
