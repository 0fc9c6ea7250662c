/* See certificate_make.h. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "certificate.h"
#include "journal.h"

#include "address_book.h"

#include "letter_own.h"
#include "office_own.h"
#include "proof.h"

#include "certificate_make.h"

struct target {
	const struct letter *letter;
	const struct letter_recipient *recipient;
};
struct making {
	struct office *office;
	const struct principal *who;
	const struct journal_actor *actor;
	const struct certificate_order *order;
	struct pool *pool;
	struct target *targets;		/* at most CERTIFICATE_PROOFS_MAX */
	unsigned count;
	bool *found;			/* of order->recipients */
};

static bool is_asked(struct making *m, const struct letter_recipient *r)
{
	bool asked = !m->order->recipient_count;

	for (size_t i = 0; i < m->order->recipient_count; i++)
		if (address_book_same(r->address, m->order->recipients[i]))
			asked = m->found[i] = true;
	return asked;
}

static enum pli_status letter_add(struct making *m, const char *id, struct err *err)
{
	struct letter *l;
	unsigned n;
	/* For those who may have the sender's proof: they see every recipient. */
	enum pli_status st = proof_target(m->office, m->who, m->pool, id, NULL, &l, &n, err);

	if (st != PLI_OK)
		return st;
	if (!l->number || l->archived_us)
		return err_field(err, PLI_CONFLICT, "no-chain", "letters", "The letter %.60s has no journal of its own here: a draft, or of an archive.", id);
	for (unsigned i = 0; i < m->count; i++)
		if (uuid_same(&m->targets[i].letter->letter, &l->letter))
			return err_field(err, PLI_INVALID, "letter-twice", "letters", "The letter %.60s is named twice.", id);
	for (unsigned i = 0; i < l->recipient_count; i++) {
		if (!is_asked(m, &l->recipients[i]))
			continue;
		if (m->count == CERTIFICATE_PROOFS_MAX)
			return err_field(err, PLI_LIMIT, "too-many-proofs", "letters", "A certificate is about at most %d recipients in all.",
					 CERTIFICATE_PROOFS_MAX);
		m->targets[m->count++] = (struct target){ l, &l->recipients[i] };
	}
	return PLI_OK;
}

static enum pli_status targets_choose(struct making *m, struct err *err)
{
	enum pli_status st = PLI_OK;

	if (!m->order->letter_count || m->order->letter_count > CERTIFICATE_LETTERS_MAX)
		return err_field(err, PLI_INVALID, "letters-count", "letters", "Name 1 to %d letters.", CERTIFICATE_LETTERS_MAX);
	m->targets = POOL_ARRAY(m->pool, struct target, CERTIFICATE_PROOFS_MAX);
	m->found = POOL_ARRAY(m->pool, bool, m->order->recipient_count + 1);
	memset(m->found, 0, m->order->recipient_count + 1);
	for (size_t i = 0; st == PLI_OK && i < m->order->letter_count; i++)
		st = letter_add(m, m->order->letters[i], err);
	for (size_t i = 0; st == PLI_OK && i < m->order->recipient_count; i++)
		if (!m->found[i])
			st = err_field(err, PLI_INVALID, "not-a-recipient", "recipients", "%.200s is a recipient of none of these letters.",
				       m->order->recipients[i]);
	return st;
}

/* In one transaction, so that silence is shown up to one moment for all. */
static enum pli_status entries_write(struct db_tx *tx, void *arg, struct err *err)
{
	const struct making *m = arg;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < m->count; i++) {
		const struct letter *l = m->targets[i].letter;
		const struct letter_recipient *r = m->targets[i].recipient;

		st = journal_add(m->office->parts.journal, tx,
				 &(struct journal_event){ .ev = CERTIFICATE_EVENT, .actor = letter_actor_told(l, m->actor), .entity = &l->entity,
							  .letter = &l->letter, .recipient = &r->recipient, .owner = &l->account,
							  .hidden = str_eq(r->kind, "bcc") },
				 err);
	}
	return st;
}

static enum pli_status proofs_make(struct making *m, struct certificate_proof *proofs, struct err *err)
{
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < m->count; i++) {
		const struct target *t = &m->targets[i];
		AUTO_BUF bundle = { 0 };

		st = proof_make(m->office, m->pool, &t->letter->entity, &t->letter->letter, t->recipient->n, &(struct proof_form){ .copy = PROOF_SENDERS },
				&bundle, err);
		if (st == PLI_OK)
			proofs[i] = (struct certificate_proof){ pool_dup(m->pool, bundle.p, bundle.n), bundle.n };
	}
	return st;
}

enum pli_status certificate_make(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
				 const struct certificate_order *order, const char *lang, struct buf *out, struct err *err)
{
	struct making m = { .office = office, .who = who, .actor = actor, .order = order, .pool = pool };
	struct certificate_proof *proofs;
	int64_t deadline_us = 0;
	enum pli_status st;

	if (order->deadline && *order->deadline && (!clock_parse(order->deadline, &deadline_us) || deadline_us <= 0))
		return err_field(err, PLI_INVALID, "bad-date", "deadline", "The deadline is no date and no time as in RFC 3339.");
	/* Of a day that is not over nobody knows yet who will have done what. */
	if (deadline_us > clock_now_us())
		return err_field(err, PLI_INVALID, "deadline-ahead", "deadline",
				 "The deadline has not passed yet; name one that has, or none: the certificate is then about now.");
	st = targets_choose(&m, err);
	if (st == PLI_OK)
		st = office_room(office, OFFICE_RESERVE_READ, err);
	if (st == PLI_OK)
		st = db_write(office->parts.db, entries_write, &m, err);
	if (st != PLI_OK)
		return st;
	proofs = POOL_ARRAY(pool, struct certificate_proof, m.count);
	st = proofs_make(&m, proofs, err);
	return st == PLI_OK ? certificate_write(pool, proofs, m.count, deadline_us, lang, office->parts.keeper, out, err) : st;
}
