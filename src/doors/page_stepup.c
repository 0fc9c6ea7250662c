/* Who is there, once more, before a weighty act.  A form that comes after the proof has grown old is not lost: its fields are held in the
 * page that asks, and stand in the page that follows, whose one button sends them to where they were going. */
#include <string.h>

#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"

#include "directory.h"
#include "session.h"
#include "signin.h"

#include "answer.h"
#include "door.h"
#include "door_form.h"
#include "portal.h"
#include "route.h"

#include "handlers.h"

/* Before the names of the fields that are held. */
#define HELD "held."

/* The fields of a form that was on its way to `to`, under the names that they have in it. */
struct held {
	const char *to;		/* a path; NULL: there is none */
	const struct route *route;
	struct form fields;
};

static void held_put(struct view *v, const struct held *held, const char *prefix)
{
	if (!held->to)
		return;
	view_str(v, "to", held->to);
	for (unsigned i = 0; i < held->fields.count; i++) {
		struct view *item = view_item(v, "held");

		view_fmt(item, "name", "%s%s", prefix, held->fields.items[i].name);
		view_str(item, "value", held->fields.items[i].value);
	}
}

static enum pli_status answer_stepup(struct door_call *c, int code, const char *next, const struct held *held, const char *fault)
{
	struct view *v = view_new(c->pool);

	view_str(v, "next", next);
	view_str(v, "fault", fault);
	view_bool(v, "by_code", c->session->has_factor);
	held_put(v, held, HELD);
	portal_page(c, code, &tpl_pages_step_up_html, v, locale_text(c->locale, "stepup.title"), PORTAL_NOWHERE);
	return PLI_OK;
}

enum pli_status page_stepup(struct door_call *c, struct err *err)
{
	(void)err;
	return answer_stepup(c, 200, portal_next(c, door_query(c, "next")), &(struct held){ 0 }, NULL);
}

bool portal_hold(struct door_call *c, const char *next)
{
	struct held held = { .to = c->x->req.path, .route = c->route };
	struct form form;
	struct err err = { 0 };
	bool whole;

	if (!c->route->act || c->x->sink_failed)
		return false;
	whole = door_form(c, &form, &err) == PLI_OK;
	form_init(&held.fields, c->pool);
	for (unsigned i = 0; whole && i < form.count; i++) {
		const struct form_item *item = &form.items[i];

		whole = str_eq(item->name, "form") || (strlen(HELD) + strlen(item->name) <= FORM_NAME_MAX &&
			form_add(&held.fields, item->name, item->value, strlen(item->value), &err) == PLI_OK);
	}
	return whole && answer_stepup(c, 403, next, &held, NULL) == PLI_OK;
}

/* Only to where a form of somebody signed in may go. */
static const struct route *held_route(struct door_call *c, const char *to)
{
	const struct route *route = portal_route(c, HTTP_POST, to);

	return route && route->act && !strchr(to, '?') ? route : NULL;
}

/* What the button does, in words: that of the account or the entity which is switched off is another than of one switched on again. */
static const char *held_act(struct door_call *c, const struct held *held)
{
	const char *state = form_get(&held->fields, "state"), *act = held->route->act;
	const char *key = state && strlen(state) < 20 ? pool_fmt(c->pool, "stepup.do.%s.%s", act, state) : "";

	return locale_text(c->locale, locale_has(c->locale, key) ? key : pool_fmt(c->pool, "stepup.do.%s", act));
}

static enum pli_status held_read(struct door_call *c, const struct form *form, struct held *held, struct err *err)
{
	const char *to = form_get(form, "to");
	enum pli_status st = PLI_OK;

	form_init(&held->fields, c->pool);
	held->route = held_route(c, to);
	held->to = held->route ? to : NULL;
	for (unsigned i = 0; st == PLI_OK && i < form->count; i++) {
		const struct form_item *item = &form->items[i];

		if (str_starts(item->name, HELD))
			st = form_add(&held->fields, item->name + strlen(HELD), item->value, strlen(item->value), err);
	}
	return st;
}

enum pli_status portal_raise(struct door_call *c, bool strong, struct err *err)
{
	char value[SESSION_VALUE_CHARS + 1];
	enum pli_status st = session_raise(c->doors->directory, c->session, strong, value, err);

	if (st == PLI_OK)
		portal_cookie_set(c, SESSION_COOKIE, value, 0);
	mem_wipe(value, sizeof(value));
	return st;
}

/* He was there: what he had begun waits for one press of a button. */
static void answer_held(struct door_call *c, const struct held *held, const char *next)
{
	struct view *v = view_new(c->pool);

	view_str(v, "next", next);
	view_str(v, "act", held_act(c, held));
	held_put(v, held, "");
	portal_page(c, 200, &tpl_pages_step_up_held_html, v, locale_text(c->locale, "stepup.held_title"), PORTAL_NOWHERE);
}

enum pli_status page_stepup_post(struct door_call *c, struct err *err)
{
	const struct session *s = c->session;
	struct signin_account who = { s->principal.entity, s->principal.account, s->has_factor };
	struct held held = { 0 };
	struct form form;
	const char *next, *fault, *given;
	int code;
	enum pli_status st = door_form(c, &form, err);

	if (st == PLI_OK)
		st = held_read(c, &form, &held, err);
	if (st != PLI_OK)
		return st;
	next = portal_next(c, form_get(&form, "next"));
	given = form_get(&form, s->has_factor ? "code" : "password");
	st = signin_again(c->doors->directory, c->pool, &s->session, &who, given ? given : "", err);
	fault = portal_try_fault(c, st, err, s->has_factor ? "code.wrong" : "stepup.wrong", &code);
	if (fault)
		return answer_stepup(c, code, next, &held, fault);
	if (st == PLI_OK)
		st = portal_raise(c, s->has_factor, err);
	if (st != PLI_OK)
		return st;
	if (held.to)
		answer_held(c, &held, next);
	else
		answer_see_other(c, next);
	return PLI_OK;
}
