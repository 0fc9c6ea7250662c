/* Accepted, refused, unclaimed: see decision.h.  Column and entry are written together; whoever comes second finds the column set. */
#include "actor.h"
#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "directory.h"
#include "sender_alert.h"

#include "decision.h"
#include "letter_own.h"
#include "office_own.h"

static const char DECIDE[] =
	"UPDATE recipient SET decision = $1, decided = $2, remind = NULL, state = COALESCE($3, state) "
	"WHERE entity = $4 AND letter = $5 AND n = $6 AND decision IS NULL";
static const char NOTICES_END[] =
	"UPDATE notice SET due = NULL, lease = NULL WHERE entity = $1 AND letter = $2 AND n = $3 AND kind <> 'first' AND due IS NOT NULL";
static const char LETTER_STATE[] = "UPDATE letter SET state = $1 WHERE entity = $2 AND letter = $3";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

bool decision_wanted(const struct letter *letter)
{
	return str_eq(letter->class_, "registered");
}

enum pli_status decision_open(const struct letter *letter, const struct letter_recipient *who, int64_t at_us, struct err *err)
{
	if (!decision_wanted(letter) || (who->decision && str_eq(who->decision, "accepted")))
		return PLI_OK;
	if (who->decision && str_eq(who->decision, "refused"))
		return err_field(err, PLI_GONE, "letter-refused", "", "The recipient has refused this letter.");
	if (who->decision || (who->window_us && at_us >= who->window_us))
		return err_field(err, PLI_GONE, "letter-unclaimed", "", "The time in which this letter could be accepted is over.");
	return PLI_OK;
}

/* {at, by, until}: the act, what showed that it was a person's, the window's end. */
static const char *details(struct pool *pool, const struct decision *d, bool with_act)
{
	AUTO_BUF json = { 0 };
	struct jsonw w;

	jsonw_init(&w, &json, true);
	jsonw_object(&w, NULL);
	if (with_act)
		jsonw_time(&w, "at", d->at_us);
	if (with_act)
		jsonw_str(&w, "by", d->actor->act);
	if (d->who->window_us)	/* who decides before any notice went out has no window yet */
		jsonw_time(&w, "until", d->who->window_us);
	jsonw_object_end(&w);
	return pool_strn(pool, json.p, json.n);
}

static enum pli_status decide(struct db_tx *tx, const struct decision *d, const char *what, const char *state, bool *now_r, struct err *err)
{
	const struct letter *l = d->letter;
	int64_t changed = 0;
	enum pli_status st = db_run(tx->conn, &changed, err, DECIDE, "tituui", what, d->at_us, state, &l->entity, &l->letter, (int64_t)d->who->n);

	*now_r = st == PLI_OK && changed == 1;
	if (!*now_r)
		return st;
	st = db_run(tx->conn, NULL, err, NOTICES_END, "uui", &l->entity, &l->letter, (int64_t)d->who->n);
	if (st == PLI_OK)
		st = sender_alert_put(d->office->parts.directory, tx,
				      &(struct sender_alert){ .entity = &l->entity, .account = &l->account, .letter = &l->letter, .what = what,
							      .number = l->number, .t_us = d->at_us },
				      err);
	if (st != PLI_OK)
		return st;
	return journal_add(d->office->parts.journal, tx,
			   &(struct journal_event){ .ev = pool_fmt(tx->pool, "lre.%s", what), .actor = d->actor, .entity = &l->entity,
						    .letter = &l->letter, .recipient = &d->who->recipient, .owner = &l->account,
						    .hidden = str_eq(d->who->kind, "bcc"),
						    .d_json = details(tx->pool, d, !str_eq(what, "unclaimed")) },
			   err);
}

/* Nobody is waited for any more, and nobody has accepted: the letter itself is refused, or not received. */
static enum pli_status letter_close(struct db_tx *tx, const struct decision *d, struct err *err)
{
	const struct uuid *entity = &d->letter->entity, *id = &d->letter->letter;
	struct letter *l;
	const uint8_t *key;
	const char *state;
	bool refused;
	enum pli_status st = letter_load(d->office, tx->conn, tx->pool, entity, id, &l, NULL, err);

	if (st == PLI_OK)
		st = directory_meta_key(d->office->parts.directory, entity, &key, err);
	if (st != PLI_OK)
		return st;
	state = letter_state_of(l);
	refused = str_eq(state, "refused");
	if (str_eq(state, l->state) || (!refused && !str_eq(state, "not_received")))
		return PLI_OK;
	st = db_run(tx->conn, NULL, err, LETTER_STATE, "tuu", state, entity, id);
	if (st != PLI_OK)
		return st;
	return journal_add(d->office->parts.journal, tx,
			   &(struct journal_event){ .ev = refused ? "doc.refused" : "doc.expired", .actor = &SYSTEM, .entity = entity, .letter = id,
						    .state = state, .owner = &l->account, .shown_json = letter_shown(tx->pool, l, NULL),
						    .meta_key = key },
			   err);
}

enum pli_status decision_accept(struct db_tx *tx, const struct decision *d, bool *now_r, struct err *err)
{
	return decide(tx, d, "accepted", NULL, now_r, err);
}

enum pli_status decision_refuse(struct db_tx *tx, const struct decision *d, bool *now_r, struct err *err)
{
	enum pli_status st = decide(tx, d, "refused", "refused", now_r, err);

	return st == PLI_OK && *now_r ? letter_close(tx, d, err) : st;
}

enum pli_status decision_unclaimed(struct db_tx *tx, const struct decision *d, bool *now_r, struct err *err)
{
	enum pli_status st = decide(tx, d, "unclaimed", "not_received", now_r, err);

	return st == PLI_OK && *now_r ? letter_close(tx, d, err) : st;
}
