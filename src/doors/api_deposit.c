/* POST /api/v1/letters: the same deposit from JSON (taken whole) and from multipart/form-data (files staged as they arrive). */
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "filename.h"
#include "form.h"
#include "http.h"
#include "json_read.h"
#include "mediatype.h"
#include "multipart.h"
#include "stream.h"

#include "deposit.h"

#include "answer.h"
#include "door.h"

#include "handlers.h"

#define ROUTE_SCOPE "POST /api/v1/letters"
#define JSON_MAX_BYTES (2 * 1024 * 1024)
#define RAW_RECIPIENTS_MAX 20000	/* far above what the office accepts, so that its error names the limit */

static const char *const FIELDS[] = { "to", "cc", "bcc", "subject", "message", "password", "expires", "uploads", NULL };

/* A multipart deposit on its way in: an ostream whose bytes are the request's body. */
struct deposit_sink {
	struct ostream os;
	struct door_call *c;
	struct multipart *parser;
	struct form form;
	struct buf field;		/* value of the field being read; may hold a password */
	const char *field_name;		/* NULL while a file is read */
	struct ostream *file;
	struct deposit_part *parts;
	unsigned part_count, part_cap;
	bool given;			/* the parts belong to the letter */
};

static enum pli_status part_begin(void *arg, const struct multipart_part *part, struct err *err)
{
	struct deposit_sink *s = arg;
	struct deposit_part *p;

	buf_reset(&s->field);
	if (!part->filename) {
		s->field_name = pool_str(s->c->pool, part->name);
		return PLI_OK;
	}
	s->field_name = NULL;
	if (!str_eq(part->name, "file"))
		return err_field(err, PLI_INVALID, "unknown-field", part->name, "Files go in fields named `file`.");
	if (s->part_count == s->part_cap) {
		unsigned cap = s->part_cap ? s->part_cap * 2 : 8;
		struct deposit_part *grown = POOL_ARRAY(s->c->pool, struct deposit_part, cap);

		if (s->part_count)
			memcpy(grown, s->parts, s->part_count * sizeof *grown);
		s->parts = grown;
		s->part_cap = cap;
	}
	p = &s->parts[s->part_count];
	*p = (struct deposit_part){ .name = filename_clean(s->c->pool, part->filename, part->filename_n),
				    .type = mediatype_clean(s->c->pool, part->type) };
	return deposit_stage_open(s->c->doors->office, &s->c->principal, &s->file, p, err);
}

static enum pli_status part_data(void *arg, const void *p, size_t n, struct err *err)
{
	struct deposit_sink *s = arg;

	if (s->file)
		return ostream_write(s->file, p, n, err);
	buf_add(&s->field, p, n);
	return PLI_OK;
}

static enum pli_status part_end(void *arg, struct err *err)
{
	struct deposit_sink *s = arg;
	enum pli_status st;

	if (!s->file)
		return form_add(&s->form, s->field_name, s->field.p ? s->field.p : "", s->field.n, err);
	st = deposit_stage_close(s->file, &s->parts[s->part_count], err);
	ostream_close(s->file);
	s->file = NULL;
	if (st == PLI_OK)
		s->part_count++;
	return st;
}

static const struct multipart_events EVENTS = { part_begin, part_data, part_end };

static enum pli_status sink_write(struct ostream *os, const void *p, size_t n, struct err *err)
{
	return multipart_feed(((struct deposit_sink *)os)->parser, p, n, err);
}

static enum pli_status sink_finish(struct ostream *os, struct err *err)
{
	return multipart_finish(((struct deposit_sink *)os)->parser, err);
}

/* Gives back what no letter took. */
static void sink_abandon(struct deposit_sink *s)
{
	if (s->file)
		ostream_close(s->file);
	s->file = NULL;
	if (!s->given && s->part_count)
		deposit_stage_discard(s->c->doors->office, &s->c->principal, s->parts, s->part_count);
	s->part_count = 0;
	buf_free(&s->field);
}

static void sink_close(struct ostream *os)
{
	sink_abandon((struct deposit_sink *)os);
}

static const struct ostream_ops SINK_OPS = { "deposit", sink_write, sink_finish, sink_close };

enum pli_status api_letter_sink(struct door_call *c, struct ostream **sink_r, struct err *err)
{
	struct deposit_sink *s = POOL_NEW(c->pool, struct deposit_sink);
	enum pli_status st;

	s->os.ops = &SINK_OPS;
	s->c = c;
	form_init(&s->form, c->pool);
	buf_init_secret(&s->field);
	st = principal_may(&c->principal, RIGHT_DEPOSIT, &c->principal.entity, NULL, err);
	if (st == PLI_OK)
		st = multipart_new(c->pool, &(struct multipart_limits){ .files = DEPOSIT_PARTS_MAX }, http_field(&c->x->req, "content-type"),
				   &EVENTS, s, &s->parser, err);
	if (st != PLI_OK)
		return st;
	c->sink_state = s;
	*sink_r = &s->os;
	return PLI_OK;
}

void api_letter_broken(struct door_call *c)
{
	if (c->sink_state)
		sink_abandon(c->sink_state);
}

/* All values of a repeatable field, NULL-terminated. */
static const char *const *form_all(const struct form *form, struct pool *pool, const char *name)
{
	const char **all = POOL_ARRAY(pool, const char *, form->count + 1);
	unsigned n = 0;

	for (unsigned i = 0; i < form->count; i++)
		if (str_eq(form->items[i].name, name))
			all[n++] = form->items[i].value;
	return all;
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
	if (st != PLI_OK)
		return st;
	d->to = form_all(form, c->pool, "to");
	d->cc = form_all(form, c->pool, "cc");
	d->bcc = form_all(form, c->pool, "bcc");
	d->uploads = form_all(form, c->pool, "uploads");
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
	return st;
}

enum pli_status api_letter_post(struct door_call *c, struct err *err)
{
	struct deposit_sink *s = c->sink_state;
	struct deposit d = { .idempotency_key = http_field(&c->x->req, "idempotency-key"), .route = ROUTE_SCOPE };
	struct uuid letter;
	char id[37];
	enum pli_status st;

	st = principal_may(&c->principal, RIGHT_DEPOSIT, &c->principal.entity, NULL, err);
	if (st != PLI_OK)
		return st;
	if (s) {
		st = ostream_finish(&s->os, err);
		if (st == PLI_OK)
			st = deposit_from_form(c, &s->form, &d, err);
		d.parts = s->parts;
		d.part_count = s->part_count;
	} else {
		st = deposit_from_json(c, &d, err);
	}
	if (st == PLI_OK)
		st = deposit_commit(c->doors->office, &c->principal, &c->actor, c->pool, &d, &letter, &c->x->res.body, err);
	if (s && (st == PLI_OK || st == PLI_UNCERTAIN))
		s->given = true;
	if (st != PLI_OK)
		return st;
	http_headerf(&c->x->res, "Location", "/api/v1/letters/%s", uuid_format(id, &letter));
	answer_json(c, 201);
	return PLI_OK;
}
