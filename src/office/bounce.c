#include <stdio.h>
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "mask.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "directory.h"

#include "letter_own.h"
#include "office_own.h"
#include "verp.h"

#include "bounce.h"

/* By the id alone: a return address names no entity.  Bounces are few, entities not many. */
static const char NOTICE_FIND[] = "SELECT e.entity FROM entity e JOIN notice x ON x.entity = e.entity AND x.notice = $1";
static const char NOTICE_GET[] =
	"SELECT x.letter, x.n, x.kind, x.send, x.due, r.recipient, r.state, "
	"(SELECT COUNT(*) FROM notice y WHERE y.entity = x.entity AND y.letter = x.letter AND y.n = x.n AND y.send > x.send), l.class "
	"FROM notice x JOIN recipient r ON r.entity = x.entity AND r.letter = x.letter AND r.n = x.n "
	"JOIN letter l ON l.entity = x.entity AND l.letter = x.letter "
	"WHERE x.entity = $1 AND x.notice = $2";
static const char BOUNCES_GET[] = "SELECT failed, digest FROM bounce WHERE entity = $1 AND notice = $2";
static const char BOUNCE_ADD[] = "INSERT INTO bounce (entity, notice, digest, failed, created) VALUES ($1, $2, $3, $4, $5)";
/* Of a registered letter, too, no window runs for a notice that did not arrive. */
static const char RECIPIENT_FAILED[] =
	"UPDATE recipient SET state = 'failed', window_end = NULL, remind = NULL WHERE entity = $1 AND letter = $2 AND n = $3";
static const char RECIPIENT_REPLY[] =
	"UPDATE recipient SET reply = $1, peer = $2, tls = '' WHERE entity = $3 AND letter = $4 AND n = $5";
static const char LETTER_FAILED[] = "UPDATE letter SET state = 'failed' WHERE entity = $1 AND letter = $2 AND state = 'sent'";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "smtp" };

/* ---- which notice ---- */

static enum pli_status entity_of(struct office *office, const struct uuid *notice, struct uuid *entity_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, NOTICE_FIND, "u", notice);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && !db_uuid(&rows, 0, entity_r))
		st = err_set(err, PLI_IO, "A notice's row is damaged.");
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st;
}

enum pli_status bounce_known(struct office *office, const char *address, struct uuid *notice_r, struct err *err)
{
	const char *domain = office->parts.settings->mail_bounce_domain;
	struct uuid entity;

	if (!domain || !verp_parse(office->parts.directory, domain, address, notice_r))
		return err_set(err, PLI_ABSENT, "There is no such address here.");
	return entity_of(office, notice_r, &entity, err);
}

/* ---- the record ---- */

struct record {
	struct office *office;
	struct uuid entity;
	const struct uuid *notice;
	const struct bounce *bounce;
	const char *words, *remote;	/* masked */
	const uint8_t *meta_key;
};

/* The notice as it stands. */
struct standing {
	struct uuid letter, recipient;
	unsigned n, send;
	bool first, settled, newest, registered, reminder;
	const char *state;
};

static enum pli_status standing_get(struct record *r, struct db_tx *tx, struct standing *s, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(tx->conn, &rows, err, NOTICE_GET, "uu", &r->entity, r->notice);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st;
	if (!db_uuid(&rows, 0, &s->letter) || !db_uuid(&rows, 5, &s->recipient))
		return err_set(err, PLI_IO, "A notice's row is damaged.");
	s->n = (unsigned)db_int(&rows, 1);
	s->first = str_eq(db_text(&rows, 2), "first");
	s->reminder = str_eq(db_text(&rows, 2), "reminder");
	s->send = (unsigned)db_int(&rows, 3);
	s->settled = db_is_null(&rows, 4);
	s->state = pool_str(tx->pool, db_text(&rows, 6));
	s->newest = db_int(&rows, 7) == 0;
	s->registered = str_eq(db_text(&rows, 8), "registered");
	return PLI_OK;
}

/* Was it entered, has the notice failed already, or are there enough delays? */
static enum pli_status entered_before(struct record *r, struct db_tx *tx, bool *before_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	unsigned delays = 0;
	enum pli_status st = db_query(tx->conn, &rows, err, BOUNCES_GET, "uu", &r->entity, r->notice);

	*before_r = false;
	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		size_t n;
		const void *digest = db_blob(&rows, 1, &n);
		bool failed = db_int(&rows, 0) != 0;

		delays += !failed;
		*before_r = *before_r || failed || (n == 32 && memcmp(digest, r->bounce->digest, 32) == 0);
	}
	*before_r = *before_r || (!r->bounce->failed && delays >= BOUNCE_DELAYS_MAX);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status entry_add(struct record *r, struct db_tx *tx, const struct standing *s, struct err *err)
{
	const char *failed = s->registered ? "lre.notice.failed" : "notice.failed";
	AUTO_BUF d = { 0 };
	struct jsonw w;

	jsonw_init(&w, &d, true);
	jsonw_object(&w, NULL);
	if (*r->remote)
		jsonw_str(&w, "peer", r->remote);
	jsonw_str(&w, "reply", r->words);
	jsonw_int(&w, "send", s->send);
	if (*r->bounce->status)
		jsonw_str(&w, "status", r->bounce->status);
	jsonw_str(&w, "via", "report");
	jsonw_object_end(&w);
	return journal_add(r->office->parts.journal, tx,
			   &(struct journal_event){ .ev = r->bounce->failed ? failed : "notice.delayed", .actor = &SYSTEM,
						    .entity = &r->entity, .letter = &s->letter, .recipient = &s->recipient, .d_json = d.p },
			   err);
}

/* When nobody got it, the document could not be sent. */
static enum pli_status document_look(struct record *r, struct db_tx *tx, const struct standing *s, struct err *err)
{
	struct letter *letter;
	struct journal_actor actor = SYSTEM;
	int64_t changed = 0;
	enum pli_status st = letter_load(r->office, tx->conn, tx->pool, &r->entity, &s->letter, &letter, NULL, err);

	if (st == PLI_OK && str_eq(letter_state_of(letter), "failed"))
		st = db_run(tx->conn, &changed, err, LETTER_FAILED, "uu", &r->entity, &s->letter);
	if (st != PLI_OK || !changed)
		return st;
	actor.account = &letter->account;
	return journal_add(r->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "document.failed", .actor = &actor, .entity = &r->entity, .letter = &s->letter,
						    .shown_json = letter_shown(tx->pool, letter, letter->sender_name),
						    .meta_key = r->meta_key },
			   err);
}

static enum pli_status record_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct record *r = arg;
	struct standing s;
	bool before = false;
	enum pli_status st = standing_get(r, tx, &s, err);

	if (st == PLI_OK)
		st = entered_before(r, tx, &before, err);
	if (st != PLI_OK || before)
		return st;
	/* Its sending is being entered just now; what is entered after that must not be lost before. */
	if (!s.settled)
		return err_set(err, PLI_BUSY, "The sending of this notice is not entered yet.");
	st = db_run(tx->conn, NULL, err, BOUNCE_ADD, "uubii", &r->entity, r->notice, r->bounce->digest, (size_t)32,
		    (int64_t)r->bounce->failed, clock_now_us());
	if (st == PLI_OK)
		st = entry_add(r, tx, &s, err);
	if (st == PLI_OK && s.newest)
		st = db_run(tx->conn, NULL, err, RECIPIENT_REPLY, "ttuui", r->words, r->remote, &r->entity, &s.letter, (int64_t)s.n);
	/* A reminder that comes back undoes nothing: the notice before it had arrived, and its window runs. */
	if (st != PLI_OK || !r->bounce->failed || !s.newest || s.reminder || !str_eq(s.state, "sent"))
		return st;
	st = db_run(tx->conn, NULL, err, RECIPIENT_FAILED, "uui", &r->entity, &s.letter, (int64_t)s.n);
	return st == PLI_OK ? document_look(r, tx, &s, err) : st;
}

enum pli_status bounce_record(struct office *office, const struct uuid *notice, const struct bounce *bounce, struct err *err)
{
	struct record r = { .office = office, .notice = notice, .bounce = bounce };
	AUTO_BUF words = { 0 }, remote = { 0 };
	enum pli_status st = entity_of(office, notice, &r.entity, err);

	mask_addresses(&words, bounce->diagnostic, strlen(bounce->diagnostic));
	mask_addresses(&remote, bounce->remote, strlen(bounce->remote));
	r.words = words.p ? words.p : "";
	r.remote = remote.p ? remote.p : "";
	/* Into the cache now: a write function must not wait for the keeper. */
	if (st == PLI_OK)
		st = directory_meta_key(office->parts.directory, &r.entity, &r.meta_key, err);
	return st == PLI_OK ? db_write(office->parts.db, record_fn, &r, err) : st;
}
