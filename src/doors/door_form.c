/* Forms of people signed in, see door_form.h. */
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "form.h"
#include "http.h"
#include "mediatype.h"
#include "multipart.h"

#include "session.h"

#include "door.h"

#include "door_form.h"

#define FIELD_MAX_BYTES (1u << 20)

enum pli_status door_same_site(struct door_call *c, struct err *err)
{
	const char *origin = http_field(&c->x->req, "origin");
	const char *site = http_field(&c->x->req, "sec-fetch-site");

	if (origin && !str_eq(origin, "null") && !str_eq(origin, c->doors->base_url)) {
		const char *host = http_field(&c->x->req, "host");

		if (!str_eq(origin, pool_fmt(c->pool, "https://%s", host ? host : "")))
			return err_set(err, PLI_DENIED, "This form was sent from another site.");
	}
	if (site && !str_eq(site, "same-origin") && !str_eq(site, "none"))
		return err_set(err, PLI_DENIED, "This form was sent from another site.");
	return PLI_OK;
}

enum pli_status door_form_key(struct door_call *c, const char *key, struct err *err)
{
	const char *own = c->session->form_key;

	if (!key || strlen(key) != strlen(own) || !mem_same(key, own, strlen(own)))
		return err_field(err, PLI_DENIED, "foreign-form", "form", "This form does not come from a page of this session.");
	return PLI_OK;
}

/* ---- multipart without files ---- */

struct fields {
	struct form *form;
	struct pool *pool;
	const char *name;
	struct buf value;
};

static enum pli_status field_begin(void *arg, const struct multipart_part *part, struct err *err)
{
	struct fields *f = arg;

	if (part->filename)
		return err_field(err, PLI_INVALID, "unknown-field", part->name, "This form takes no files.");
	f->name = pool_str(f->pool, part->name);
	buf_reset(&f->value);
	return PLI_OK;
}

static enum pli_status field_data(void *arg, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(&((struct fields *)arg)->value, p, n);
	return PLI_OK;
}

static enum pli_status field_end(void *arg, struct err *err)
{
	struct fields *f = arg;

	return form_add(f->form, f->name, f->value.p ? f->value.p : "", f->value.n, err);
}

static enum pli_status multipart_read(struct door_call *c, struct form *form, struct err *err)
{
	static const struct multipart_events EVENTS = { field_begin, field_data, field_end };
	struct multipart_limits limits = { .field_bytes = FIELD_MAX_BYTES };
	struct fields f = { .form = form, .pool = c->pool };
	struct multipart *mp;
	enum pli_status st = multipart_new(c->pool, &limits, http_field(&c->x->req, "content-type"), &EVENTS, &f, &mp, err);

	buf_init_secret(&f.value);
	if (st == PLI_OK)
		st = multipart_feed(mp, c->x->body.p ? c->x->body.p : "", c->x->body.n, err);
	if (st == PLI_OK)
		st = multipart_finish(mp, err);
	buf_free(&f.value);
	return st;
}

enum pli_status door_form(struct door_call *c, struct form *form, struct err *err)
{
	enum pli_status st = door_same_site(c, err);

	form_init(form, c->pool);
	if (st != PLI_OK)
		return st;
	if (mediatype_is(http_field(&c->x->req, "content-type"), "multipart/form-data"))
		st = multipart_read(c, form, err);
	else
		st = form_parse(form, c->x->body.p ? c->x->body.p : "", c->x->body.n, 0, err);
	return st == PLI_OK ? door_form_key(c, form_get(form, "form"), err) : st;
}
