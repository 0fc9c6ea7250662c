/* A draft becomes a letter: the same deposit as from any door. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "pool.h"
#include "text.h"

#include "deposit.h"
#include "deposit_own.h"
#include "draft_own.h"
#include "office_own.h"

/* Everything a deposit asks for; lives in pool. */
static struct deposit deposit_of(struct pool *pool, const struct draft *d)
{
	const char **lists = POOL_ARRAY(pool, const char *, 6);

	lists[0] = d->to;
	lists[2] = d->cc;
	lists[4] = d->bcc;
	return (struct deposit){ .to = lists, .cc = lists + 2, .bcc = lists + 4, .subject = d->subject, .message = d->message,
				 .password = d->password, .expires = d->expires, .class_ = d->class_, .draft = d };
}

enum pli_status draft_check(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
			    const struct draft *draft, struct letter **letter_r, struct err *err)
{
	struct deposit d = deposit_of(pool, draft);

	return deposit_check(office, who, actor, pool, &d, letter_r, err);
}

static enum pli_status is_sent(struct office *office, const struct principal *who, struct pool *pool, const char *id)
{
	struct letter *letter;

	return letter_get(office, who, pool, id, &letter, NULL);
}

/* What a draft that is not there any more has become. */
static enum pli_status gone(struct office *office, const struct principal *who, struct pool *pool, const char *id, struct err *err)
{
	if (is_sent(office, who, pool, id) != PLI_OK)
		return PLI_ABSENT;
	err_field(err, PLI_CONFLICT, "already-sent", "", "This letter is sent already.");
	return err_hint(err, "GET /api/v1/letters/%s shows it.", id);
}

enum pli_status draft_send(struct office *office, const struct principal *who, const struct journal_actor *actor, struct pool *pool,
			   const char *id, uint64_t version, const char *key, struct uuid *letter_r, struct buf *body_out, struct err *err)
{
	struct draft *draft;
	struct deposit d;
	enum pli_status st = draft_get(office, who, pool, id, &draft, err);

	/* With a key the answer of the first time is asked for; without one the id itself says that it was sent. */
	if (st == PLI_ABSENT) {
		struct uuid letter;

		if (!uuid_parse(&letter, id) || gone(office, who, pool, id, err) != PLI_CONFLICT)
			return err_set(err, PLI_ABSENT, "There is no draft with that id.");
		return key ? deposit_replay(office, who, pool, key, pool_fmt(pool, "send %s", id), letter_r, body_out, err) : PLI_CONFLICT;
	}
	if (st == PLI_OK && version && version != draft->version) {
		err_field(err, PLI_CONFLICT, "draft-changed", "", "The draft was changed since you looked at it.");
		st = err_hint(err, "Look at it again before you send it.");
	}
	if (st != PLI_OK)
		return st;
	d = deposit_of(pool, draft);
	d.idempotency_key = key;
	d.route = pool_fmt(pool, "send %s", id);
	d.patient = str_eq(actor->channel, "web");	/* a person pressed twice */
	st = deposit_commit(office, who, actor, pool, &d, letter_r, body_out, err);
	if (st == PLI_CONFLICT && err && str_eq(err->type, "draft-changed"))
		(void)!gone(office, who, pool, id, err);
	return st;
}
