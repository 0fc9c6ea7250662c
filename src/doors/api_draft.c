/* Drafts over the API: made and changed from JSON or multipart/form-data, listed, sent, deleted. */
#include <string.h>

#include "buf.h"
#include "jsonw.h"
#include "pool.h"
#include "text.h"

#include "form.h"
#include "http.h"
#include "json_read.h"
#include "stream.h"

#include "draft.h"

#include "answer.h"
#include "door.h"
#include "letter_form.h"

#include "handlers.h"

#define ROUTE_SCOPE "POST /api/v1/drafts"
#define JSON_MAX_BYTES (2 * 1024 * 1024)
#define RAW_RECIPIENTS_MAX 20000
#define LIMIT_MAX 200

static const char *const FIELDS[] = { "to", "cc", "bcc", "subject", "message", "password", "expires", "class", "uploads", "remove", "version", NULL };

/* Several values of one field are kept as lines. */
static const char *joined(struct pool *pool, const char *const *items, size_t count)
{
	AUTO_BUF all;

	buf_init(&all);
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_ch(&all, '\n');
		buf_str(&all, items[i]);
	}
	return pool_strn(pool, all.n ? all.p : "", all.n);
}

static enum pli_status number_read(const char *s, const char *field, uint64_t *n_r, struct err *err)
{
	size_t n = strlen(s);

	*n_r = 0;
	for (size_t i = 0; i < n && n <= 9; i++)
		*n_r = *n_r * 10 + (uint64_t)(s[i] - '0');
	if (n == 0 || n > 9 || strspn(s, "0123456789") != n)
		return err_field(err, PLI_INVALID, "wrong-type", field, "This is a number.");
	return PLI_OK;
}

static enum pli_status removals(struct pool *pool, const char *const *items, size_t count, struct draft_change *d, struct err *err)
{
	unsigned *numbers = POOL_ARRAY(pool, unsigned, count + 1);
	enum pli_status st = PLI_OK;

	for (size_t i = 0; st == PLI_OK && i < count; i++) {
		uint64_t n;

		st = number_read(items[i], "remove", &n, err);
		numbers[i] = (unsigned)n;
	}
	d->remove = numbers;
	d->remove_count = (unsigned)count;
	return st;
}

static const char *joined_of(struct door_call *c, const struct form *form, const char *name)
{
	const char *const *all = letter_form_all(form, c->pool, name);
	size_t count = 0;

	while (all[count])
		count++;
	return count ? joined(c->pool, all, count) : NULL;
}

static enum pli_status change_from_form(struct door_call *c, const struct form *form, struct draft_change *d, struct err *err)
{
	const char *const *remove = letter_form_all(form, c->pool, "remove");
	const char *version = NULL;
	size_t count = 0;
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
		st = form_one(form, "version", &version, err);
	if (st == PLI_OK && version)
		st = number_read(version, "version", &d->version, err);
	while (remove[count])
		count++;
	if (st == PLI_OK)
		st = removals(c->pool, remove, count, d, err);
	d->to = joined_of(c, form, "to");
	d->cc = joined_of(c, form, "cc");
	d->bcc = joined_of(c, form, "bcc");
	d->uploads = letter_form_all(form, c->pool, "uploads");
	return st;
}

static enum pli_status json_joined(struct door_call *c, const struct json_read *o, const char *name, const char **text_r, struct err *err)
{
	const char **items = NULL;
	size_t count = 0;
	enum pli_status st = json_read_strs(o, name, RAW_RECIPIENTS_MAX, &items, &count, err);

	if (st == PLI_OK && json_read_has(o, name))
		*text_r = joined(c->pool, items, count);
	return st;
}

static enum pli_status json_terminated(struct door_call *c, const struct json_read *o, const char *name, const char *const **list_r,
				       size_t *count_r, struct err *err)
{
	const char **items = NULL, **list;
	enum pli_status st = json_read_strs(o, name, RAW_RECIPIENTS_MAX, &items, count_r, err);

	if (st != PLI_OK)
		return st;
	list = POOL_ARRAY(c->pool, const char *, *count_r + 1);
	if (*count_r)
		memcpy(list, items, *count_r * sizeof *items);
	*list_r = list;
	return PLI_OK;
}

static enum pli_status change_from_json(struct door_call *c, struct draft_change *d, struct err *err)
{
	struct json_read *o;
	const char *const *remove = NULL;
	size_t count = 0, uploads = 0;
	int64_t version = 0;
	enum pli_status st = json_read_open(c->pool, c->x->body.p, c->x->body.n, JSON_MAX_BYTES, FIELDS, &o, err);

	if (st == PLI_OK)
		st = json_joined(c, o, "to", &d->to, err);
	if (st == PLI_OK)
		st = json_joined(c, o, "cc", &d->cc, err);
	if (st == PLI_OK)
		st = json_joined(c, o, "bcc", &d->bcc, err);
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
		st = json_read_int(o, "version", 1, INT32_MAX, &version, err);
	if (st == PLI_OK)
		st = json_terminated(c, o, "uploads", &d->uploads, &uploads, err);
	if (st == PLI_OK)
		st = json_terminated(c, o, "remove", &remove, &count, err);
	d->version = (uint64_t)version;
	return st == PLI_OK ? removals(c->pool, remove, count, d, err) : st;
}

static enum pli_status change_read(struct door_call *c, struct draft_change *d, struct err *err)
{
	struct letter_form *form = c->sink_state;
	enum pli_status st;

	if (!form)
		return change_from_json(c, d, err);
	st = ostream_finish(&form->os, err);
	if (st == PLI_OK)
		st = change_from_form(c, &form->form, d, err);
	d->parts = form->parts;
	d->part_count = form->part_count;
	return st;
}

static void given(struct door_call *c)
{
	struct letter_form *form = c->sink_state;

	if (form)
		form->given = true;
}

static enum pli_status draft_answer(struct door_call *c, const char *id, int code, struct err *err)
{
	struct draft *draft;
	enum pli_status st = draft_get(c->doors->office, &c->principal, c->pool, id, &draft, err);

	if (st != PLI_OK)
		return st;
	draft_json(draft, &c->x->res.body);
	answer_json(c, code);
	return PLI_OK;
}

enum pli_status api_draft_post(struct door_call *c, struct err *err)
{
	struct draft_change d = { .idempotency_key = http_field(&c->x->req, "idempotency-key"), .route = ROUTE_SCOPE };
	struct uuid draft;
	bool replayed;
	char id[37];
	enum pli_status st = principal_may(&c->principal, RIGHT_DEPOSIT, &c->principal.entity, NULL, err);

	if (st == PLI_OK)
		st = change_read(c, &d, err);
	if (st == PLI_OK)
		st = draft_create(c->doors->office, &c->principal, &c->actor, c->pool, &d, &draft, &replayed, err);
	if (st != PLI_OK)
		return st;
	if (!replayed)
		given(c);
	http_headerf(&c->x->res, "Location", "/api/v1/drafts/%s", uuid_format(id, &draft));
	st = draft_answer(c, id, 201, err);
	return st == PLI_ABSENT ? err_set(err, PLI_GONE, "The draft that this key made is sent or deleted.") : st;
}

enum pli_status api_draft_patch(struct door_call *c, struct err *err)
{
	struct draft_change d = { 0 };
	struct draft *known;
	enum pli_status st = draft_get(c->doors->office, &c->principal, c->pool, c->params[0], &known, err);

	if (st == PLI_OK)
		st = change_read(c, &d, err);
	if (st == PLI_OK)
		st = draft_change(c->doors->office, &c->principal, &c->actor, c->pool, c->params[0], &d, err);
	if (st != PLI_OK)
		return st;
	given(c);
	return draft_answer(c, c->params[0], 200, err);
}

enum pli_status api_draft_get(struct door_call *c, struct err *err)
{
	return draft_answer(c, c->params[0], 200, err);
}

enum pli_status api_draft_delete(struct door_call *c, struct err *err)
{
	enum pli_status st = draft_delete(c->doors->office, &c->principal, &c->actor, c->pool, c->params[0], err);

	if (st == PLI_OK)
		answer_empty(c, 204);
	return st;
}

enum pli_status api_draft_send(struct door_call *c, struct err *err)
{
	static const char *const NAMES[] = { "version", NULL };
	struct json_read *o;
	struct uuid letter;
	int64_t version = 0;
	char id[37];
	enum pli_status st = PLI_OK;

	if (c->x->body.n) {
		st = json_read_open(c->pool, c->x->body.p, c->x->body.n, JSON_MAX_BYTES, NAMES, &o, err);
		if (st == PLI_OK)
			st = json_read_int(o, "version", 1, INT32_MAX, &version, err);
	}
	if (st == PLI_OK)
		st = draft_send(c->doors->office, &c->principal, &c->actor, c->pool, c->params[0], (uint64_t)version,
				http_field(&c->x->req, "idempotency-key"), &letter, &c->x->res.body, err);
	if (st != PLI_OK)
		return st;
	http_headerf(&c->x->res, "Location", "/api/v1/letters/%s", uuid_format(id, &letter));
	answer_json(c, 201);
	return PLI_OK;
}

static enum pli_status one_write(void *arg, const struct draft *draft, struct err *err)
{
	struct jsonw *w = arg;
	AUTO_BUF json;

	(void)err;
	buf_init_secret(&json);
	draft_json(draft, &json);
	jsonw_raw(w, NULL, json.p, json.n);
	return w->out->n > 1024 * 1024 ? PLI_AGAIN : PLI_OK;
}

enum pli_status api_draft_list(struct door_call *c, struct err *err)
{
	static const char *const NAMES[] = { "cursor", "limit", NULL };
	struct jsonw w;
	struct form q;
	const char *next, *cursor = NULL, *limit = NULL;
	uint64_t n = 0;
	enum pli_status st;

	form_init(&q, c->pool);
	st = form_parse(&q, c->x->req.query, strlen(c->x->req.query), 64, err);
	if (st == PLI_OK)
		st = form_only(&q, NAMES, err);
	if (st == PLI_OK)
		st = form_one(&q, "cursor", &cursor, err);
	if (st == PLI_OK)
		st = form_one(&q, "limit", &limit, err);
	if (st == PLI_OK && limit && (number_read(limit, "limit", &n, NULL) != PLI_OK || n < 1 || n > LIMIT_MAX))
		st = err_field(err, PLI_INVALID, "bad-limit", "limit", "limit is a number from 1 to %d.", LIMIT_MAX);
	if (st != PLI_OK)
		return st;
	jsonw_init(&w, &c->x->res.body, false);
	jsonw_object(&w, NULL);
	jsonw_array(&w, "drafts");
	st = draft_list(c->doors->office, &c->principal, c->pool, cursor, (unsigned)n, one_write, &w, &next, err);
	jsonw_array_end(&w);
	if (next)
		jsonw_str(&w, "next", next);
	else
		jsonw_null(&w, "next");
	jsonw_object_end(&w);
	if (st == PLI_OK)
		answer_json(c, 200);
	return st;
}
