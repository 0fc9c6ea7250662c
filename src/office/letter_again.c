/* What a sender or an operator may do with a letter that is out: notices again, a locked link set free. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "address_book.h"

#include "decision.h"
#include "deposit.h"
#include "letter_own.h"
#include "office_own.h"
#include "once.h"

static const char NOTICE_ADD[] =
	"INSERT INTO notice (entity, notice, letter, n, kind, send, created, due, tries, gate) "
	"SELECT $1, $2, $3, $4, 'resend', COALESCE(MAX(send), 0) + 1, $5, $5, 0, $6 FROM notice "
	"WHERE entity = $1 AND letter = $3 AND n = $4";
static const char ENTITY_OF[] = "SELECT entity FROM letter WHERE letter = $1";
static const char UNLOCK[] = "UPDATE recipient SET tries = 0, locked = NULL WHERE entity = $1 AND letter = $2 AND n = $3 "
			     "AND locked IS NOT NULL";

struct again {
	struct office *office;
	const struct principal *who;
	const struct journal_actor *actor;
	const struct letter *letter;
	bool *chosen;			/* letter->recipient_count */
	const struct letter_recipient *one;
	int64_t now_us;
	struct once once;
};

static enum pli_status recipient_choose(struct again *a, struct pool *pool, const char *text, unsigned *index_r, struct err *err)
{
	const char *address;
	enum pli_status st = address_book_one(pool, text, "recipients", &address, err);

	if (st != PLI_OK)
		return st;
	for (unsigned i = 0; i < a->letter->recipient_count; i++) {
		if (address_book_same(a->letter->recipients[i].address, address)) {
			*index_r = i;
			return PLI_OK;
		}
	}
	return err_field(err, PLI_INVALID, "not-a-recipient", "recipients", "%s is not a recipient of this letter.", address);
}

/* Nobody is written to again who has refused a registered letter, or whose time for it is over. */
static enum pli_status closed_leave(struct again *a, struct err *err)
{
	bool any = false, left = false;

	for (unsigned i = 0; i < a->letter->recipient_count; i++) {
		if (!a->chosen[i])
			continue;
		if (decision_open(a->letter, &a->letter->recipients[i], deadline_now_us(a->office), err) == PLI_OK) {
			any = true;
		} else {
			a->chosen[i] = false;
			left = true;
		}
	}
	if (left && !any)
		return err_field(err, PLI_CONFLICT, "recipient-closed", "recipients", "It was refused, or the time to accept it is over.");
	return PLI_OK;
}

static enum pli_status recipients_choose(struct again *a, struct pool *pool, const char *const *addresses, struct err *err)
{
	unsigned i, count = 0;
	enum pli_status st = PLI_OK;

	a->chosen = POOL_ARRAY(pool, bool, a->letter->recipient_count + 1);
	if (!addresses) {
		memset(a->chosen, 1, a->letter->recipient_count);
		return PLI_OK;
	}
	for (; st == PLI_OK && addresses[count]; count++) {
		if (count == DEPOSIT_RECIPIENTS_MAX)
			return err_field(err, PLI_INVALID, "too-many-recipients", "recipients", "More than %d addresses.",
					 DEPOSIT_RECIPIENTS_MAX);
		st = recipient_choose(a, pool, addresses[count], &i, err);
		if (st == PLI_OK)
			a->chosen[i] = true;
	}
	if (st == PLI_OK && !count) {
		err_field(err, PLI_INVALID, "no-recipient", "recipients", "The list of recipients is empty.");
		return err_hint(err, "Leave it out to send to all again.");
	}
	return st;
}

static enum pli_status notices_queue(struct db_tx *tx, void *arg, struct err *err)
{
	const struct again *a = arg;
	const struct letter *l = a->letter;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < l->recipient_count; i++) {
		struct uuid notice;
		if (!a->chosen[i])
			continue;
		uuid_make(&notice);
		st = db_run(tx->conn, NULL, err, NOTICE_ADD, "uuuiii", &l->entity, &notice, &l->letter, (int64_t)l->recipients[i].n,
			    a->now_us, (int64_t)l->number);
	}
	/* The answer, 202, says nothing of its own. */
	return st == PLI_OK ? once_keep(tx, &a->once, a->who, &l->letter, NULL, 0, a->now_us, err) : st;
}

/* Under the Idempotency-Key, whose scope is this letter. */
static enum pli_status resend_begin(struct again *a, struct pool *pool, const char *key, bool *replayed_r, struct err *err)
{
	AUTO_BUF ignored = { 0 };
	struct uuid letter;
	char id[37];
	struct once_request request = {
		.key = key, .route = pool_fmt(pool, "resend %s", uuid_format(id, &a->letter->letter)),
		.content = a->chosen, .content_n = a->letter->recipient_count * sizeof(*a->chosen),
	};

	return once_begin(a->office, a->who, pool, &request, &a->once, replayed_r, &letter, &ignored, err);
}

static enum pli_status resend_now(struct again *a, struct err *err)
{
	enum pli_status st;

	if (a->letter->expires_us <= a->now_us)
		return err_field(err, PLI_CONFLICT, "expired", "", "The letter has expired; its links no longer open it.");
	st = closed_leave(a, err);
	if (st == PLI_OK)
		st = office_room(a->office, OFFICE_RESERVE_DEPOSIT, err);
	if (st == PLI_OK)
		st = db_write(a->office->parts.db, notices_queue, a, err);
	if (st == PLI_OK)
		office_notices_due(a->office);
	return st;
}

enum pli_status letter_resend(struct office *office, const struct principal *who, const struct journal_actor *actor,
			      struct pool *pool, const char *id, const char *const *addresses, const char *key, struct err *err)
{
	struct letter *letter;
	struct again a = { .office = office, .who = who, .actor = actor, .now_us = clock_now_us() };
	bool replayed = false;
	enum pli_status st = letter_get(office, who, pool, id, &letter, err);

	if (st == PLI_OK)
		st = principal_may(who, RIGHT_LETTER_RESEND, &letter->entity, &letter->account, err);
	if (st == PLI_OK && letter->archived_us)
		st = err_field(err, PLI_CONFLICT, "archived", "", "This letter came from an archive: it is not sent again.");
	if (st != PLI_OK)
		return st;
	a.letter = letter;
	st = recipients_choose(&a, pool, addresses, err);
	if (st == PLI_OK)
		st = resend_begin(&a, pool, key, &replayed, err);
	if (st == PLI_OK && !replayed)
		st = resend_now(&a, err);
	once_end(office, &a.once);
	return st;
}

/* ---- unlocking ---- */

static enum pli_status unlock(struct db_tx *tx, void *arg, struct err *err)
{
	const struct again *a = arg;
	const struct letter *l = a->letter;
	struct journal_event ev = { .ev = "link.unlocked", .actor = letter_actor_told(l, a->actor), .entity = &l->entity, .letter = &l->letter,
				    .recipient = &a->one->recipient, .owner = &l->account, .hidden = str_eq(a->one->kind, "bcc") };
	int64_t changed;
	enum pli_status st = db_run(tx->conn, &changed, err, UNLOCK, "uui", &l->entity, &l->letter, (int64_t)a->one->n);

	if (st == PLI_OK && !changed)
		return err_field(err, PLI_CONFLICT, "not-locked", "recipient", "The link of this recipient is not locked.");
	return st == PLI_OK ? journal_add(a->office->parts.journal, tx, &ev, err) : st;
}

enum pli_status letter_anywhere(struct office *office, struct pool *pool, const char *id, struct letter **letter_r, struct err *err)
{
	struct uuid letter_id, entity = { { 0 } };
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = uuid_parse(&letter_id, id) ? PLI_OK : PLI_ABSENT;

	if (st == PLI_OK)
		st = db_query(conn, &rows, err, ENTITY_OF, "u", &letter_id);
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		db_uuid(&rows, 0, &entity);
	db_end(&rows);
	if (st == PLI_OK)
		st = letter_load(office, conn, pool, &entity, &letter_id, letter_r, NULL, err);
	db_reader_give(office->parts.db, conn);
	if (st == PLI_ABSENT)
		return err_field(err, st, "no-letter", "id", "There is no letter with that id.");
	return st;
}

enum pli_status letter_unlock(struct office *office, const struct journal_actor *actor, const char *id, const char *address,
			      struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct again a = { .office = office, .actor = actor };
	struct letter *letter;
	unsigned i;
	enum pli_status st = letter_anywhere(office, pool, id, &letter, err);

	if (st != PLI_OK)
		return st;
	a.letter = letter;
	st = recipient_choose(&a, pool, address, &i, err);
	if (st != PLI_OK)
		return st;
	a.one = &letter->recipients[i];
	st = office_room(office, OFFICE_RESERVE_READ, err);
	return st != PLI_OK ? st : db_write(office->parts.db, unlock, &a, err);
}
