/* The other act of a registered letter's recipient: he will not have it.  Nothing is shown to him, and nothing can be opened after. */
#include "actor.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "directory.h"

#include "decision.h"
#include "delivery_own.h"
#include "office_own.h"

struct refusal {
	struct decision decision;
	bool now;
};

static enum pli_status refuse_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct refusal *r = arg;

	return decision_refuse(tx, &r->decision, &r->now, err);
}

static enum pli_status accepted_before(struct err *err)
{
	return err_field(err, PLI_CONFLICT, "letter-accepted", "", "This letter is accepted already; it can no longer be refused.");
}

/* Another request was first: what it did counts. */
static enum pli_status other_did(struct office *office, struct pool *pool, const char *token, struct err *err)
{
	struct delivery_place place;
	const char *decision;
	enum pli_status st = delivery_place_read(office, pool, token, &place, err);

	if (st != PLI_OK)
		return st;
	decision = delivery_place_who(&place)->decision;
	if (str_eq(decision, "refused"))
		return PLI_OK;
	return str_eq(decision, "accepted") ? accepted_before(err) : delivery_place_open(office, &place, err);
}

enum pli_status delivery_refuse(struct office *office, struct pool *pool, const char *token, const struct journal_actor *actor,
				struct err *err)
{
	struct delivery_place place;
	struct refusal r = { .decision = { .office = office, .actor = actor, .at_us = deadline_now_us(office) } };
	const uint8_t *key;
	enum pli_status st = delivery_place_read(office, pool, token, &place, err);

	if (st != PLI_OK)
		return st;
	r.decision.letter = place.letter;
	r.decision.who = delivery_place_who(&place);
	if (!decision_wanted(place.letter) || (r.decision.who->decision && str_eq(r.decision.who->decision, "accepted")))
		return accepted_before(err);
	if (r.decision.who->decision && str_eq(r.decision.who->decision, "refused") && !place.retired)
		return PLI_OK;
	st = delivery_place_open(office, &place, err);
	/* Who has lost the password can still say that he does not want it. */
	if (st == PLI_LOCKED)
		st = PLI_OK;
	if (st == PLI_OK)
		st = office_room(office, OFFICE_RESERVE_READ, err);
	if (st == PLI_OK)	/* into the cache: a write function must not wait for the keeper */
		st = directory_meta_key(office->parts.directory, &place.entity, &key, err);
	if (st == PLI_OK)
		st = db_write(office->parts.db, refuse_fn, &r, err);
	if (st == PLI_OK && r.now)	/* its sender may want to be told */
		office_notices_due(office);
	return st == PLI_OK && !r.now ? other_did(office, pool, token, err) : st;
}
