/* Legal holds, and deletions on request, which meet them; see retention.h. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "directory.h"

#include "key_move.h"
#include "letter_own.h"
#include "office_own.h"
#include "retention_own.h"

#define REASON_MAX 255
#define MOVE_US (INT64_C(5) * SECOND_US)	/* of a round of the housekeeping */

static const char HOLD_ADD[] = "INSERT INTO hold (entity, letter, since, sealed) VALUES ($1, $2, $3, $4)";
static const char HOLD_END[] = "DELETE FROM hold WHERE entity = $1 AND letter = $2";
static const char HOLD_GET[] = "SELECT sealed FROM hold WHERE entity = $1 AND letter = $2";
static const char HELD_SET[] = "UPDATE letter SET held = $1, retention_due = NULL WHERE entity = $2 AND letter = $3 AND held IS NULL";
/* What would be due had it never been held. */
static const char HELD_END[] =
	"UPDATE letter SET held = NULL, retention_due = CASE WHEN purged IS NOT NULL THEN evidence_until "
	"WHEN content_until > expires THEN content_until ELSE expires END WHERE entity = $1 AND letter = $2 AND held IS NOT NULL";

struct holding {
	struct office *office;
	const struct journal_actor *by;
	const struct letter *letter;
	const uint8_t *meta_key;
	const char *by_name;		/* of the person; NULL: the operator */
	const struct buf *sealed;	/* NULL: released */
	const char *d_json;
	int64_t now_us;
};

/* As that person may see it; the operator sees all. */
static enum pli_status letter_of(struct office *office, const struct principal *who, struct pool *pool, const char *id, enum right right,
				 struct holding *h, struct err *err)
{
	struct letter *l;
	enum pli_status st = who ? letter_get(office, who, pool, id, &l, err) : letter_anywhere(office, pool, id, &l, err);

	if (st == PLI_OK && who)
		st = principal_may(who, right, &l->entity, &l->account, err);
	if (st == PLI_OK)
		st = directory_meta_key(office->parts.directory, &l->entity, &h->meta_key, err);
	if (st == PLI_OK)
		st = office_room(office, OFFICE_RESERVE_READ, err);
	if (st != PLI_OK)
		return st;
	h->letter = l;
	h->by_name = who ? who->name : NULL;
	return PLI_OK;
}

static enum pli_status entry_add(const struct holding *h, struct db_tx *tx, const char *ev, struct err *err)
{
	const struct letter *l = h->letter;

	return journal_add(h->office->parts.journal, tx,
			   &(struct journal_event){ .ev = ev, .actor = h->by, .entity = &l->entity, .letter = &l->letter, .owner = &l->account,
						    .shown_json = letter_shown(tx->pool, l, h->by_name), .meta_key = h->meta_key,
						    .d_json = h->d_json },
			   err);
}

static enum pli_status hold_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct holding *h = arg;
	const struct letter *l = h->letter;
	int64_t changed = 0;
	enum pli_status st = db_run(tx->conn, &changed, err, HELD_SET, "iuu", h->now_us, &l->entity, &l->letter);

	if (st == PLI_OK && !changed)
		return err_field(err, PLI_CONFLICT, "already-held", "", "The letter is held already.");
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, HOLD_ADD, "uuib", &l->entity, &l->letter, h->now_us, h->sealed->p, h->sealed->n);
	return st == PLI_OK ? entry_add(h, tx, "hold.placed", err) : st;
}

static enum pli_status release_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct holding *h = arg;
	const struct letter *l = h->letter;
	int64_t changed = 0;
	enum pli_status st = db_run(tx->conn, &changed, err, HELD_END, "uu", &l->entity, &l->letter);

	if (st == PLI_OK && !changed)
		return err_field(err, PLI_CONFLICT, "not-held", "", "The letter is not held.");
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, HOLD_END, "uu", &l->entity, &l->letter);
	return st == PLI_OK ? entry_add(h, tx, "hold.released", err) : st;
}

static enum pli_status reason_valid(const char *reason, struct err *err)
{
	size_t n = reason ? strlen(reason) : 0;

	if (!n || n > REASON_MAX || !utf8_valid(reason, n) || !text_is_line(reason, n))
		return err_field(err, PLI_INVALID, "bad-reason", "reason", "A hold has a reason: one line of at most %d bytes.", REASON_MAX);
	return PLI_OK;
}

enum pli_status retention_hold(struct office *office, const struct principal *who, const struct journal_actor *by, const char *id,
			       const char *reason, struct err *err)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF sealed = { 0 };
	struct holding h = { .office = office, .by = by, .sealed = &sealed, .now_us = clock_now_us() };
	enum pli_status st = letter_of(office, who, pool, id, RIGHT_HOLD, &h, err);

	if (st == PLI_OK)
		st = reason_valid(reason, err);
	if (st == PLI_OK) {
		const char *texts[HOLD_TEXTS] = { [HOLD_REASON] = reason, [HOLD_BY] = h.by_name ? h.by_name : "" };

		st = meta_seal_texts(h.meta_key, HOLD_PLACE(&h.letter->entity, &h.letter->letter), texts, HOLD_TEXTS, &sealed, err);
	}
	return st == PLI_OK ? db_write(office->parts.db, hold_fn, &h, err) : st;
}

enum pli_status retention_release(struct office *office, const struct principal *who, const struct journal_actor *by, const char *id,
				  struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct holding h = { .office = office, .by = by, .now_us = clock_now_us() };
	enum pli_status st = letter_of(office, who, pool, id, RIGHT_HOLD, &h, err);

	return st == PLI_OK ? db_write(office->parts.db, release_fn, &h, err) : st;
}

enum pli_status retention_hold_reason(struct office *office, struct pool *pool, const struct letter *letter, const char **reason_r,
				      const char **by_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	const char *texts[HOLD_TEXTS] = { "", "" };
	struct db_rows rows = { 0 };
	const uint8_t *key;
	enum pli_status st = directory_meta_key(office->parts.directory, &letter->entity, &key, err);

	if (st == PLI_OK)
		st = db_query(conn, &rows, err, HOLD_GET, "uu", &letter->entity, &letter->letter);
	if (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		size_t n;
		const void *sealed = db_blob(&rows, 0, &n);

		st = meta_open_texts(pool, key, HOLD_PLACE(&letter->entity, &letter->letter), sealed, n, texts, HOLD_TEXTS, err);
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	*reason_r = texts[HOLD_REASON];
	*by_r = texts[HOLD_BY];
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* ---- deletion ---- */

static enum pli_status refused_fn(struct db_tx *tx, void *arg, struct err *err)
{
	return entry_add(arg, tx, "delete.refused", err);
}

static enum pli_status refuse(struct holding *h, struct pool *pool, struct err *err)
{
	const struct letter *l = h->letter;
	char until[25];
	enum pli_status st;

	clock_rfc3339(until, l->content_until_us);
	h->d_json = l->held_us ? "{\"reason\":\"hold\"}" : pool_fmt(pool, "{\"reason\":\"retention\",\"until\":\"%s\"}", until);
	st = db_write(h->office->parts.db, refused_fn, h, err);
	if (st != PLI_OK)
		return st;
	if (l->held_us)
		return err_field(err, PLI_CONFLICT, "under-hold", "", "The letter is under a legal hold; nothing of it is deleted.");
	return err_field(err, PLI_CONFLICT, "under-retention", "", "The letter is kept until %s; it cannot be deleted before.", until);
}

enum pli_status retention_delete(struct office *office, const struct principal *who, const struct journal_actor *by, const char *id,
				 struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct holding h = { .office = office, .by = by, .now_us = clock_now_us() };
	enum pli_status st = letter_of(office, who, pool, id, RIGHT_LETTER_RESEND, &h, err);

	if (st != PLI_OK || h.letter->purged_us)
		return st;
	if (h.letter->held_us || h.letter->content_until_us > h.now_us)
		return refuse(&h, pool, err);
	return purge_letter(office, by, &h.letter->entity, &h.letter->letter, h.now_us, err);
}

enum pli_status retention_run(struct office *office, int64_t now_us, struct err *err)
{
	struct key_move_state moved;
	struct err why = { 0 };
	bool unsettled;
	enum pli_status st = purge_content(office, now_us, err);

	if (st == PLI_OK)
		st = purge_evidence(office, now_us, err);
	if (st == PLI_OK)
		st = purge_keys(office, now_us, err);
	/* Broken off, by a restart or by who had asked for it.  Nothing else waits for what is in its way. */
	if (st == PLI_OK && key_move_step(office, now_us, MOVE_US, false, &moved, &why) != PLI_OK)
		log_warn("key.move", "letters do not move to other month keys: %s", why.text);
	pthread_mutex_lock(&office->lock);
	unsettled = office->unsettled;
	pthread_mutex_unlock(&office->lock);
	if (st != PLI_OK || !unsettled)
		return st;
	st = db_settle(office->parts.db, err);
	if (st != PLI_OK)		/* readers; again in a minute */
		return st == PLI_BUSY ? PLI_OK : st;
	pthread_mutex_lock(&office->lock);
	office->unsettled = false;
	pthread_mutex_unlock(&office->lock);
	return PLI_OK;
}
