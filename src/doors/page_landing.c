/* The recipient's way in: landing page (changes nothing), opening (the act that counts), and the way out of a lock. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "cookie.h"
#include "form.h"
#include "http.h"

#include "delivery.h"

#include "answer.h"
#include "door.h"
#include "door_form.h"
#include "landing.h"

#include "handlers.h"

#define SESSION_HOURS 12

const char *landing_say(struct door_call *c, const char *key, const char *arg)
{
	AUTO_BUF out = { 0 };

	locale_add(&out, c->locale, key, &arg, 1);
	return pool_strn(c->pool, out.p ? out.p : "", out.n);
}

static void add_fact(struct door_call *c, struct view *v, const char *key, const char *value)
{
	struct view *item = view_item(v, "facts");

	view_str(item, "name", locale_text(c->locale, key));
	view_str(item, "value", value);
}

struct view *landing_message(struct door_call *c, const struct delivery_landing *landing)
{
	struct view *v = view_new(c->pool);

	view_str(v, "token", c->params[0]);
	if (landing && landing->entity_name) {
		if (*landing->entity_name)
			add_fact(c, v, "fact.from", landing->entity_name);
		if (landing->registered)
			add_fact(c, v, "registered.kind", registered_kind(c->doors->settings, c->locale));
		add_fact(c, v, "fact.sent", answer_date_text(c, landing->sent_us));
		if (!landing->decision || str_eq(landing->decision, "accepted"))
			add_fact(c, v, "fact.until", answer_date_text(c, landing->expires_us));
	}
	return v;
}

void landing_key_put(struct door_call *c, struct view *v)
{
	char key[65];

	delivery_form_key(c->doors->office, c->params[0], clock_now_us(), key);
	view_str(v, "form_key", key);
}

/* Whom to ask; not by name before that may be told. */
static const char *sender_of(struct door_call *c, const struct delivery_landing *landing)
{
	if (landing->hides_sender)
		return locale_text(c->locale, "registered.the_sender");
	return landing->entity_name ? landing->entity_name : "";
}

enum pli_status landing_shut(struct door_call *c, const struct delivery_landing *landing, enum pli_status st, struct err *err)
{
	const char *sender = sender_of(c, landing);
	struct view *v;

	if (st != PLI_ABSENT && st != PLI_GONE && st != PLI_LOCKED)
		return st;
	v = landing_message(c, st == PLI_ABSENT ? NULL : landing);
	if (st == PLI_ABSENT) {
		view_str(v, "lead", locale_text(c->locale, "unknown.lead"));
		view_str(v, "help", locale_text(c->locale, "unknown.help"));
		view_str(v, "heading", locale_text(c->locale, "unknown.title"));
		answer_page(c, 404, &tpl_pages_message_html, v, locale_text(c->locale, "unknown.title"));
	} else if (st == PLI_LOCKED) {
		view_str(v, "act", "renew");
		view_str(v, "act_label", locale_text(c->locale, "locked.act"));
		view_str(v, "act_consequence", locale_text(c->locale, "locked.consequence"));
		landing_key_put(c, v);
		view_str(v, "lead", locale_text(c->locale, "locked.lead"));
		view_str(v, "help", landing_say(c, "locked.help", sender));
		view_str(v, "heading", locale_text(c->locale, "locked.title"));
		answer_page(c, 423, &tpl_pages_message_html, v, locale_text(c->locale, "locked.title"));
	} else if (str_eq(err->type, "letter-refused") || str_eq(err->type, "letter-unclaimed")) {
		bool refused = str_eq(err->type, "letter-refused");

		landing_decided_put(c, v, landing, refused);
		answer_page(c, 410, &tpl_pages_message_html, v,
			    locale_text(c->locale, refused ? "registered.refused_title" : "registered.unclaimed_title"));
	} else {
		bool retired = str_eq(err->type, "link-replaced");
		const char *heading = locale_text(c->locale, retired ? "retired.title" : "expired.title");

		view_str(v, "heading", heading);
		view_str(v, "lead", retired ? landing_say(c, "retired.lead", sender)
					    : landing_say(c, "expired.lead", answer_date_text(c, landing->expires_us)));
		view_str(v, "help", landing_say(c, retired ? "retired.help" : "expired.help", sender));
		answer_page(c, 410, &tpl_pages_message_html, v, heading);
	}
	return PLI_OK;
}

static enum pli_status answer_landing(struct door_call *c, const struct delivery_landing *landing, int code, const char *fault)
{
	struct view *v;

	if (landing->registered && !landing->decision)
		return landing_registered(c, landing, code, fault);
	v = view_new(c->pool);
	view_str(v, "token", c->params[0]);
	view_str(v, "entity_name", landing->entity_name);
	view_str(v, "sender_name", landing->sender_name);
	view_str(v, "sender_entity", str_eq(landing->sender_name, landing->entity_name) ? "" : landing->entity_name);
	answer_date(c, v, "sent", "sent_iso", landing->sent_us);
	answer_date(c, v, "expires", "expires_iso", landing->expires_us);
	view_bool(v, "opened_before", landing->opened_before);
	view_bool(v, "has_password", landing->has_password);
	view_str(v, "password_help", landing_say(c, "landing.password_help", landing->sender_name));
	view_str(v, "fault", fault);
	landing_key_put(c, v);
	answer_page(c, code, &tpl_pages_landing_html, v, landing_say(c, "landing.title", landing->entity_name));
	return PLI_OK;
}

/* The browser says that a person's gesture led here. */
static bool by_user(struct door_call *c)
{
	const char *user = http_field(&c->x->req, "sec-fetch-user");

	return user && str_eq(user, "?1");
}

/* Whether anything shows that a person came here: a browser that says so, of a page that is to be looked at now.  It can be feigned, and is no
 * reading: only an act is. */
static enum delivery_visit visited_by(struct door_call *c)
{
	const struct http_request *req = &c->x->req;
	const char *mode = http_field(req, "sec-fetch-mode");

	if (req->method == HTTP_HEAD || http_field(req, "purpose") || http_field(req, "sec-purpose") || http_field(req, "x-moz") ||
	    !mode || !str_eq(mode, "navigate") || !by_user(c))
		return DELIVERY_MACHINE;
	return DELIVERY_PERSON;
}

enum pli_status page_landing(struct door_call *c, struct err *err)
{
	struct delivery_landing landing = { 0 };
	enum pli_status st = delivery_landing(c->doors->office, c->pool, c->params[0], visited_by(c), &landing, err);

	return st == PLI_OK ? answer_landing(c, &landing, 200, NULL) : landing_shut(c, &landing, st, err);
}

bool landing_wants_confirmation(struct door_call *c, const struct form *form)
{
	return http_field(&c->x->req, "sec-fetch-mode") && !by_user(c) && !form_get(form, "confirmed");
}

const char *landing_act(struct door_call *c, const struct form *form)
{
	if (by_user(c))
		return "user";
	return form_get(form, "confirmed") ? "confirmed" : "form";
}

static enum pli_status answer_confirm(struct door_call *c, const struct delivery_landing *landing)
{
	struct view *v = landing_message(c, landing);
	const char *heading = locale_text(c->locale, "confirm.title");

	view_str(v, "heading", heading);
	view_str(v, "lead", locale_text(c->locale, "confirm.lead"));
	view_str(v, "act", "open");
	if (landing->registered && !landing->decision) {
		view_str(v, "act_label", locale_text(c->locale, "registered.accept"));
		view_str(v, "act_consequence", locale_text(c->locale, "registered.accept_text"));
	} else {
		view_str(v, "act_label", locale_text(c->locale, "landing.open"));
		view_str(v, "act_consequence", landing_say(c, "landing.consequence", landing->sender_name));
	}
	view_bool(v, "confirmed", true);
	view_bool(v, "has_password", landing->has_password);
	view_str(v, "password_help", locale_text(c->locale, "confirm.password_help"));
	landing_key_put(c, v);
	answer_page(c, 200, &tpl_pages_message_html, v, heading);
	return PLI_OK;
}

enum pli_status landing_form(struct door_call *c, struct form *form, struct err *err)
{
	static const char *const NAMES[] = { "form", "password", "confirmed", "lang", NULL };
	enum pli_status st;

	form_init(form, c->pool);
	st = form_parse(form, c->x->body.p ? c->x->body.p : "", c->x->body.n, 16, err);
	if (st == PLI_OK)
		st = form_only(form, NAMES, err);
	if (st == PLI_OK)
		(void)door_choose_lang(c, form_get(form, "lang"));
	return st != PLI_OK ? st : door_same_site(c, err);
}

static void set_cookie(struct door_call *c, const char *value)
{
	AUTO_BUF line = { .secret = 1 };
	char suffix[9];

	delivery_cookie_suffix(c->params[0], suffix);
	cookie_write(&line, pool_fmt(c->pool, "__Host-r%s", suffix), value, SESSION_HOURS * 3600L);
	http_header(&c->x->res, "Set-Cookie", line.p);
}

enum pli_status page_open(struct door_call *c, struct err *err)
{
	struct delivery_landing landing = { 0 };
	struct err opening = { 0 };
	struct form form;
	char cookie[64];
	enum pli_status st = landing_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	st = delivery_landing(c->doors->office, c->pool, c->params[0], DELIVERY_NO_VISIT, &landing, err);
	if (st != PLI_OK)
		return landing_shut(c, &landing, st, err);
	if (!delivery_form_check(c->doors->office, c->params[0], form_get(&form, "form"), clock_now_us()))
		return answer_landing(c, &landing, 403, locale_text(c->locale, "landing.form_old"));
	if (landing_wants_confirmation(c, &form))
		return answer_confirm(c, &landing);
	c->actor.method = landing.has_password ? "link+password" : "link";
	c->actor.act = landing_act(c, &form);
	st = delivery_open(c->doors->office, c->pool, c->params[0], form_get(&form, "password"), &c->actor, cookie, &opening);
	switch (st) {
	case PLI_OK:
		set_cookie(c, cookie);
		mem_wipe(cookie, sizeof cookie);
		answer_see_other(c, pool_fmt(c->pool, "/l/%s/letter%s", c->params[0], answer_lang_query(c)));
		return PLI_OK;
	case PLI_DENIED:
		st = delivery_landing(c->doors->office, c->pool, c->params[0], DELIVERY_NO_VISIT, &landing, err);
		if (st != PLI_OK)
			return landing_shut(c, &landing, st, err);
		return answer_landing(c, &landing, 403, landing_say(c, "landing.wrong_password", pool_fmt(c->pool, "%u", landing.tries_left)));
	case PLI_BUSY:
		http_header(&c->x->res, "Retry-After", "3");
		return answer_landing(c, &landing, 503, locale_text(c->locale, "landing.busy"));
	default:
		*err = opening;
		return landing_shut(c, &landing, st, err);
	}
}

enum pli_status page_renew(struct door_call *c, struct err *err)
{
	struct delivery_landing landing = { 0 };
	struct form form;
	struct view *v;
	const char *heading;
	bool too_many;
	enum pli_status st = landing_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	st = delivery_landing(c->doors->office, c->pool, c->params[0], DELIVERY_NO_VISIT, &landing, err);
	if (st == PLI_OK) {
		answer_see_other(c, pool_fmt(c->pool, "/l/%s%s", c->params[0], answer_lang_query(c)));
		return PLI_OK;
	}
	if (st != PLI_LOCKED)
		return landing_shut(c, &landing, st, err);
	if (!delivery_form_check(c->doors->office, c->params[0], form_get(&form, "form"), clock_now_us()))
		return landing_shut(c, &landing, PLI_LOCKED, err);
	st = delivery_renew(c->doors->office, c->pool, c->params[0], &c->actor, err);
	if (st != PLI_OK && st != PLI_RATE)
		return st;
	too_many = st == PLI_RATE;
	v = landing_message(c, &landing);
	heading = locale_text(c->locale, too_many ? "renewed.too_many" : "renewed.title");
	view_str(v, "heading", heading);
	view_str(v, "lead", too_many ? landing_say(c, "renewed.too_many_lead", sender_of(c, &landing)) : locale_text(c->locale, "renewed.lead"));
	answer_page(c, too_many ? 429 : 200, &tpl_pages_message_html, v, heading);
	return PLI_OK;
}
