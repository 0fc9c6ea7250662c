/* One entity and what holds for its letters: how they go when their sender says nothing, how long they are kept.  An administrator of the entity
 * sets it for his own, one of the instance for all. */
#include <stdlib.h>
#include <string.h>

#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"

#include "directory.h"
#include "retention.h"

#include "admin.h"
#include "answer.h"
#include "door.h"
#include "door_form.h"

#include "handlers.h"

/* What was typed and is wrong. */
struct typed {
	const char *span;		/* the name of the span it is about, "" a new one; NULL: none is wrong */
	const char *name, *content, *evidence;
	const char *fault;
};

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static enum pli_status entity_of(struct door_call *c, struct directory_entity *e, struct err *err)
{
	const struct uuid *scope = admin_scope(c);
	struct uuid id;
	enum pli_status st = admin_enter(c, err);

	if (st != PLI_OK)
		return st;
	if (!uuid_parse(&id, c->params[0]) || (scope && !uuid_same(scope, &id)))
		return err_set(err, PLI_ABSENT, "There is nothing here under that id.");
	return directory_entity_get(c->doors->directory, c->pool, &id, e, err);
}

static void class_put(struct view *v, const char *chosen)
{
	view_bool(v, "is_simple", str_eq(chosen, "simple"));
	view_bool(v, "is_registered", str_eq(chosen, "registered"));
	view_bool(v, "is_fr_lre", str_eq(chosen, "fr-lre"));
}

struct spans {
	struct door_call *c;
	struct view *v;
	const struct typed *typed;
};

static enum pli_status span_put(void *arg, const struct retention_span *span, bool own, struct err *err)
{
	const struct spans *s = arg;
	struct view *item = view_item(s->v, "spans");
	bool wrong = s->typed && s->typed->span && str_eq(s->typed->span, span->name);
	const char *help = pool_fmt(s->c->pool, "entity.span_%s", span->name);

	(void)err;
	view_str(item, "name", span->name);
	view_str(item, "content_days", wrong ? s->typed->content : pool_fmt(s->c->pool, "%u", span->content_days));
	view_str(item, "evidence_days", wrong ? s->typed->evidence : pool_fmt(s->c->pool, "%u", span->evidence_days));
	view_str(item, "help", locale_text(s->c->locale, locale_has(s->c->locale, help) ? help : "entity.span_other"));
	view_bool(item, "common", !own);
	view_str(item, "fault", wrong ? s->typed->fault : "");
	return PLI_OK;
}

static enum pli_status answer(struct door_call *c, int code, const struct directory_entity *e, const struct typed *typed, struct err *err)
{
	struct view *v = view_new(c->pool);
	struct spans s = { c, v, typed };
	bool new_wrong = typed && typed->span && !*typed->span;
	char id[37];
	enum pli_status st = retention_each(c->doors->office, &e->entity, span_put, &s, err);

	if (st != PLI_OK)
		return st;
	view_str(v, "id", uuid_format(id, &e->entity));
	view_str(v, "name", e->name);
	view_str(v, "siren", e->siren);
	view_bool(v, "active", str_eq(e->state, "active"));
	answer_date(c, v, "created", "created_iso", e->created_us);
	class_put(v, e->letter_class);
	view_fmt(v, "days", "%u", c->doors->settings->registered_days);
	view_str(v, "fault", typed && !typed->span ? typed->fault : "");
	view_str(v, "new_name", new_wrong ? typed->name : "");
	view_str(v, "new_content", new_wrong ? typed->content : "");
	view_str(v, "new_evidence", new_wrong ? typed->evidence : "");
	view_str(v, "new_fault", new_wrong ? typed->fault : "");
	admin_page(c, code, &tpl_pages_admin_entity_html, v, e->name, "entities");
	return PLI_OK;
}

enum pli_status admin_entity(struct door_call *c, struct err *err)
{
	struct directory_entity e;
	enum pli_status st = entity_of(c, &e, err);

	return st == PLI_OK ? answer(c, 200, &e, NULL, err) : st;
}

static void back(struct door_call *c, const char *done)
{
	answer_see_other(c, pool_fmt(c->pool, "/admin/entities/%s?done=%s", c->params[0], done));
}

enum pli_status admin_entity_class(struct door_call *c, struct err *err)
{
	struct directory_entity e;
	struct form form;
	enum pli_status st = entity_of(c, &e, err);

	if (st == PLI_OK)
		st = door_form(c, &form, err);
	if (st != PLI_OK)
		return st;
	st = directory_entity_class(c->doors->directory, &c->actor, &e.entity, or_empty(form_get(&form, "class")), err);
	if (st == PLI_INVALID)
		return answer(c, 422, &e, &(struct typed){ .fault = locale_text(c->locale, "entity.bad_class") }, err);
	if (st == PLI_OK)
		back(c, "entity_class");
	return st;
}

/* A number of days as people type it; 0: none. */
static unsigned days_read(const char *typed)
{
	size_t n = strlen(typed);

	return n && n <= 6 && strspn(typed, "0123456789") == n ? (unsigned)strtoul(typed, NULL, 10) : 0;
}

static const char *span_fault(struct door_call *c, const struct retention_span *span, const struct err *err)
{
	const char *key = str_eq(err->field, "retention")                                        ? "entity.bad_name"
			  : str_eq(err->field, "evidence_days")                                  ? "entity.bad_evidence"
			  : str_eq(span->name, "registered") && span->content_days && span->evidence_days ? "entity.bad_registered"
														       : "entity.bad_days";

	return locale_text(c->locale, key);
}

enum pli_status admin_entity_retention(struct door_call *c, struct err *err)
{
	struct directory_entity e;
	struct retention_span span = { .content_days = 0 };
	struct typed typed;
	struct form form;
	enum pli_status st = entity_of(c, &e, err);

	if (st == PLI_OK)
		st = door_form(c, &form, err);
	if (st != PLI_OK)
		return st;
	/* A form of one that is there says which; that of a new one says its name. */
	typed = (struct typed){ .span = or_empty(form_get(&form, "retention")), .name = or_empty(form_get(&form, "name")),
				.content = or_empty(form_get(&form, "content_days")), .evidence = or_empty(form_get(&form, "evidence_days")) };
	span.content_days = days_read(typed.content);
	span.evidence_days = days_read(typed.evidence);
	{
		const char *name = *typed.span ? typed.span : typed.name;

		if (strlen(name) <= RETENTION_NAME_MAX)	/* longer is no name */
			memcpy(span.name, name, strlen(name));
	}
	st = retention_set(c->doors->office, &c->actor, &e.entity, &span, err);
	if (st == PLI_INVALID) {
		typed.fault = span_fault(c, &span, err);
		return answer(c, 422, &e, &typed, err);
	}
	if (st == PLI_OK)
		back(c, "entity_retention");
	return st;
}
