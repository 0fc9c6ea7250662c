/* A notice that the relay took: by far the most frequent end, and the one that the writer has no time for.  Entries are made before the
 * transaction, and each row is written once, when its entry has a number. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "jsonw.h"
#include "pool.h"

#include "db.h"

#include "journal.h"

#include "directory.h"

#include "notice.h"
#include "office_own.h"

#include "notice_own.h"

static const char NOTICE_DONE[] = "UPDATE notice SET due = NULL, lease = NULL WHERE entity = $1 AND notice = $2 AND due IS NOT NULL";
static const char RECIPIENT_SENT[] =
	"UPDATE recipient SET state = CASE WHEN state IN ('pending', 'failed') THEN 'sent' ELSE state END, sends = sends + 1, "
	"first_sent = COALESCE(first_sent, $1), last_sent = $1, reply = $2, peer = $3, tls = $4 "
	"WHERE entity = $5 AND letter = $6 AND n = $7";
/* Of a letter with one recipient. */
static const char LETTER_SENT[] =
	"UPDATE letter SET settled = settled + 1, state = CASE state WHEN 'created' THEN 'sent' ELSE state END, sent = $1 "
	"WHERE entity = $2 AND letter = $3";
/* All first notices had failed; one that was sent again has not. */
static const char LETTER_REVIVED[] =
	"UPDATE letter SET state = 'sent', sent = $1 WHERE entity = $2 AND letter = $3 AND state = 'failed'";

struct notice_sent {
	struct office *office;
	const struct notice_result *result;
	struct journal_entry *sent, *document;	/* document: NULL unless this notice alone decides */
};

const char *notice_words(struct pool *pool, const struct notice_result *result, unsigned send)
{
	AUTO_BUF d = { 0 };
	struct jsonw w;

	jsonw_init(&w, &d, true);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "msgid", result->message_id);
	if (result->peer && *result->peer)
		jsonw_str(&w, "peer", result->peer);
	jsonw_str(&w, "reply", result->reply);
	jsonw_int(&w, "send", send);
	jsonw_object_end(&w);
	return pool_strn(pool, d.p, d.n);
}

static enum pli_status recipient_numbered(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	const struct notice_result *r = ((const struct notice_sent *)arg)->result;
	const struct notice_facts *f = r->facts;
	enum pli_status st;

	(void)seq;
	st = db_run(tx->conn, NULL, err, RECIPIENT_SENT, "itttuui", t_us, r->reply, r->peer ? r->peer : "", r->tls ? r->tls : "",
		    &r->entity, &f->letter, (int64_t)f->n);
	return st == PLI_OK && !f->first ? db_run(tx->conn, NULL, err, LETTER_REVIVED, "iuu", t_us, &r->entity, &f->letter) : st;
}

static enum pli_status letter_numbered(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	const struct notice_result *r = ((const struct notice_sent *)arg)->result;

	(void)seq;
	return db_run(tx->conn, NULL, err, LETTER_SENT, "iuu", t_us, &r->entity, &r->facts->letter);
}

enum pli_status notice_sent_prepare(struct office *office, struct pool *pool, const struct notice_result *r, struct notice_sent **sent_r,
				    struct err *err)
{
	const struct notice_facts *f = r->facts;
	struct notice_sent *sent = POOL_NEW(pool, struct notice_sent);
	struct journal_actor actor = { .method = "system", .channel = "system", .tls = r->tls && *r->tls ? r->tls : NULL };
	struct journal_event event = {
		.ev = f->first ? "notice.sent" : "notice.resent", .actor = &actor, .entity = &r->entity, .letter = &f->letter,
		.recipient = &f->recipient, .d_json = notice_words(pool, r, f->send), .owner = &f->owner, .hidden = f->hidden,
		.numbered = recipient_numbered, .arg = sent,
	};
	struct journal_actor system = { .method = "system", .channel = "system", .account = &f->owner };
	const uint8_t *key;
	enum pli_status st = directory_meta_key(office->parts.directory, &r->entity, &key, err);

	sent->office = office;
	sent->result = r;
	if (st == PLI_OK)
		st = journal_prepare(office->parts.journal, pool, &event, &sent->sent, err);
	if (st == PLI_OK && f->first && f->recipients == 1) {
		event = (struct journal_event){ .ev = "document.sent", .actor = &system, .entity = &r->entity, .letter = &f->letter,
						.shown_json = f->shown, .meta_key = key, .owner = &f->owner,
						.numbered = letter_numbered, .arg = sent };
		st = journal_prepare(office->parts.journal, pool, &event, &sent->document, err);
	}
	*sent_r = sent;
	return st;
}

enum pli_status notice_sent_apply(struct notice_sent *sent, struct db_tx *tx, bool *open_r, struct err *err)
{
	const struct notice_result *r = sent->result;
	int64_t changed = 0;
	enum pli_status st = db_run(tx->conn, &changed, err, NOTICE_DONE, "uu", &r->entity, &r->notice);

	*open_r = false;
	if (st != PLI_OK || changed == 0)	/* settled before: an answer that came twice */
		return st;
	st = journal_put(sent->office->parts.journal, tx, sent->sent, err);
	if (st == PLI_OK && sent->document)
		st = journal_put(sent->office->parts.journal, tx, sent->document, err);
	*open_r = r->facts->first && !sent->document;
	return st;
}
