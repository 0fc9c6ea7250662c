/* POST /api/v1/letters: the same deposit from JSON (taken whole) and from multipart/form-data (files staged as they arrive). */
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "form.h"
#include "http.h"
#include "json_read.h"
#include "stream.h"

#include "deposit.h"

#include "answer.h"
#include "door.h"
#include "letter_form.h"

#include "handlers.h"

#define ROUTE_SCOPE "POST /api/v1/letters"
#define JSON_MAX_BYTES (2 * 1024 * 1024)
#define RAW_RECIPIENTS_MAX 20000	/* far above what the office accepts, so that its error names the limit */

static const char *const FIELDS[] = { "to", "cc", "bcc", "subject", "message", "password", "expires", "retention", "uploads", "class", "profile", NULL };

enum pli_status api_letter_sink(struct door_call *c, struct ostream **sink_r, struct err *err)
{
	return letter_form_open(c, NULL, sink_r, err);
}

void api_letter_broken(struct door_call *c)
{
	if (c->sink_state)
		letter_form_abandon(c->sink_state);
}

static enum pli_status deposit_from_form(struct door_call *c, const struct form *form, struct deposit *d, struct err *err)
{
	enum pli_status st = form_only(form, FIELDS, err);

	if (st == PLI_OK)
		st = form_one(form, "subject", &d->subject, err);
	if (st == PLI_OK)
		st = form_one(form, "message", &d->message, err);
	if (st == PLI_OK)
		st = form_one(form, "password", &d->password, err);
	if (st == PLI_OK)
		st = form_one(form, "expires", &d->expires, err);
	if (st == PLI_OK)
		st = form_one(form, "class", &d->class_, err);
	if (st == PLI_OK)
		st = form_one(form, "profile", &d->profile, err);
	if (st == PLI_OK)
		st = form_one(form, "retention", &d->retention, err);
	if (st != PLI_OK)
		return st;
	d->to = letter_form_all(form, c->pool, "to");
	d->cc = letter_form_all(form, c->pool, "cc");
	d->bcc = letter_form_all(form, c->pool, "bcc");
	d->uploads = letter_form_all(form, c->pool, "uploads");
	return PLI_OK;
}

static enum pli_status json_list(struct pool *pool, const struct json_read *o, const char *name, const char *const **list_r,
				 struct err *err)
{
	const char **items = NULL, **terminated;
	size_t count = 0;
	enum pli_status st = json_read_strs(o, name, RAW_RECIPIENTS_MAX, &items, &count, err);

	if (st != PLI_OK)
		return st;
	terminated = POOL_ARRAY(pool, const char *, count + 1);
	if (count)
		memcpy(terminated, items, count * sizeof *items);
	*list_r = terminated;
	return PLI_OK;
}

static enum pli_status deposit_from_json(struct door_call *c, struct deposit *d, struct err *err)
{
	struct json_read *o;
	enum pli_status st = json_read_open(c->pool, c->x->body.p, c->x->body.n, JSON_MAX_BYTES, FIELDS, &o, err);

	if (st == PLI_OK)
		st = json_list(c->pool, o, "to", &d->to, err);
	if (st == PLI_OK)
		st = json_list(c->pool, o, "cc", &d->cc, err);
	if (st == PLI_OK)
		st = json_list(c->pool, o, "bcc", &d->bcc, err);
	if (st == PLI_OK)
		st = json_list(c->pool, o, "uploads", &d->uploads, err);
	if (st == PLI_OK)
		st = json_read_str(o, "subject", &d->subject, err);
	if (st == PLI_OK)
		st = json_read_str(o, "message", &d->message, err);
	if (st == PLI_OK)
		st = json_read_str(o, "password", &d->password, err);
	if (st == PLI_OK)
		st = json_read_str(o, "expires", &d->expires, err);
	if (st == PLI_OK)
		st = json_read_str(o, "class", &d->class_, err);
	if (st == PLI_OK)
		st = json_read_str(o, "profile", &d->profile, err);
	if (st == PLI_OK)
		st = json_read_str(o, "retention", &d->retention, err);
	return st;
}

static enum pli_status letter_answer(struct door_call *c, enum pli_status st, const struct uuid *letter)
{
	struct letter_form *s = c->sink_state;
	char id[37];

	if (s && (st == PLI_OK || st == PLI_UNCERTAIN))
		s->given = true;
	if (st != PLI_OK)
		return st;
	http_headerf(&c->x->res, "Location", "/api/v1/letters/%s", uuid_format(id, letter));
	answer_json(c, 201);
	return PLI_OK;
}

static void letter_committed(void *call)
{
	http_answer_ready(((struct door_call *)call)->x);
}

static enum pli_status letter_go_on(struct door_call *c, bool may_block, struct err *err)
{
	struct uuid letter;

	if (!may_block && !deposit_is_quick(c->deposit))
		return PLI_AGAIN;
	return letter_answer(c, deposit_end(c->deposit, &letter, &c->x->res.body, err), &letter);
}

/* While the letter's group is committed and signed, it holds no thread. */
enum pli_status api_letter_post(struct door_call *c, struct err *err)
{
	struct letter_form *s = c->sink_state;
	struct deposit *d = POOL_NEW(c->pool, struct deposit);
	struct uuid letter;
	enum pli_status st;

	d->idempotency_key = http_field(&c->x->req, "idempotency-key");
	d->route = ROUTE_SCOPE;
	c->go_on = letter_go_on;

	st = principal_may(&c->principal, RIGHT_DEPOSIT, &c->principal.entity, NULL, err);
	if (st != PLI_OK)
		return st;
	if (s) {
		st = ostream_finish(&s->os, err);
		if (st == PLI_OK)
			st = deposit_from_form(c, &s->form, d, err);
		d->parts = s->parts;
		d->part_count = s->part_count;
	} else {
		st = deposit_from_json(c, d, err);
	}
	if (st == PLI_OK)
		st = deposit_begin(c->doors->office, &c->principal, &c->actor, c->pool, d, letter_committed, c, &c->deposit, &letter,
				   &c->x->res.body, err);
	return st == PLI_AGAIN ? st : letter_answer(c, st, &letter);
}
