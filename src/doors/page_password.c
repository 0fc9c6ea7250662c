/* The ways to a password without a session: "I forgot it", and the links of mails by which one is set. */
#include <string.h>

#include "buf.h"
#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"

#include "signin_link.h"

#include "answer.h"
#include "door.h"
#include "portal.h"

#include "handlers.h"

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static enum pli_status answer_words(struct door_call *c, int code, const char *title_key, const char *lead_key)
{
	struct view *v = view_new(c->pool);
	const char *heading = locale_text(c->locale, title_key);

	view_str(v, "heading", heading);
	view_str(v, "lead", locale_text(c->locale, lead_key));
	view_str(v, "way_href", "/sign-in");
	view_str(v, "way_label", locale_text(c->locale, "signin.title"));
	answer_page(c, code, &tpl_pages_words_html, v, heading);
	return PLI_OK;
}

/* ---- forgotten ---- */

static enum pli_status answer_forgotten(struct door_call *c, int code, const char *email, const char *fault)
{
	struct view *v = view_new(c->pool);

	view_str(v, "email", email);
	view_str(v, "fault", fault);
	portal_visit_put(c, v);
	answer_page(c, code, &tpl_pages_forgotten_html, v, locale_text(c->locale, "forgotten.title"));
	return PLI_OK;
}

enum pli_status page_forgotten(struct door_call *c, struct err *err)
{
	(void)err;
	return answer_forgotten(c, 200, "", NULL);
}

/* The same answer whoever is named. */
enum pli_status page_forgotten_post(struct door_call *c, struct err *err)
{
	struct form form;
	const char *email;
	enum pli_status st = portal_read_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	email = or_empty(form_get(&form, "email"));
	if (!portal_visit_right(c, form_get(&form, "form")))
		return answer_forgotten(c, 403, email, locale_text(c->locale, "signin.form_old"));
	st = signin_link_ask(c->doors->directory, c->pool, email, portal_from(c), err);
	return st == PLI_OK ? answer_words(c, 200, "forgotten.sent_title", "forgotten.sent_lead") : st;
}

/* ---- the link ---- */

static enum pli_status answer_link(struct door_call *c, int code, const struct signin_link *link, const char *fault)
{
	struct view *v = view_new(c->pool);
	const char *title = locale_text(c->locale, link->setup ? "setpass.title_setup" : "setpass.title_reset");

	view_str(v, "token", c->params[0]);
	view_str(v, "heading", title);
	view_str(v, "name", link->name);
	view_str(v, "email", link->email);
	view_bool(v, "setup", link->setup);
	view_bool(v, "has_factor", link->account.has_factor);
	view_str(v, "fault", fault);
	portal_visit_put(c, v);
	answer_page(c, code, &tpl_pages_set_password_html, v, title);
	return PLI_OK;
}

/* Unknown, used, too many: each a page that says what can be done now. */
static enum pli_status answer_dead(struct door_call *c, enum pli_status st, const struct err *err)
{
	if (st == PLI_RATE)
		http_headerf(&c->x->res, "Retry-After", "%u", err->retry_after_s);
	switch (st) {
	case PLI_ABSENT:
		return answer_words(c, 404, "setpass.unknown_title", "setpass.unknown_lead");
	case PLI_GONE:
		return answer_words(c, 410, "setpass.gone_title", "setpass.gone_lead");
	case PLI_RATE:
		return answer_words(c, 429, "setpass.many_title", "setpass.many_lead");
	default:
		return st;
	}
}

enum pli_status page_link(struct door_call *c, struct err *err)
{
	struct signin_link link;
	enum pli_status st = signin_link_look(c->doors->directory, c->pool, c->params[0], portal_from(c), &link, err);

	return st == PLI_OK ? answer_link(c, 200, &link, NULL) : answer_dead(c, st, err);
}

/* What is wrong with a password that somebody chose. */
const char *portal_password_fault(struct door_call *c, const struct err *err)
{
	bool common = str_eq(err->type, "common-password");

	return locale_text(c->locale, common ? "setpass.common" : "setpass.length");
}

enum pli_status page_link_post(struct door_call *c, struct err *err)
{
	struct journal_actor by = { .method = "link", .level = 1, .channel = "web", .ip = c->x->req.peer.ip, .tls = c->x->req.peer.tls };
	struct signin_link link;
	struct form form;
	const char *token = c->params[0], *password, *again;
	enum pli_status st = portal_read_form(c, &form, err);

	if (st == PLI_OK)
		st = signin_link_look(c->doors->directory, c->pool, token, portal_from(c), &link, err);
	if (st != PLI_OK)
		return answer_dead(c, st, err);
	if (!portal_visit_right(c, form_get(&form, "form")))
		return answer_link(c, 403, &link, locale_text(c->locale, "signin.form_old"));
	password = or_empty(form_get(&form, "password"));
	again = form_get(&form, "password_again");
	if (again && !str_eq(password, again))
		return answer_link(c, 422, &link, locale_text(c->locale, "setpass.differ"));
	st = signin_link_use(c->doors->directory, c->pool, token, password, &by, portal_from(c), &link, err);
	if (st == PLI_INVALID)
		return answer_link(c, 422, &link, portal_password_fault(c, err));
	if (st == PLI_BUSY)
		return answer_link(c, 503, &link, locale_text(c->locale, "landing.busy"));
	if (st != PLI_OK)
		return answer_dead(c, st, err);
	/* Whoever has the mailbox is let in from here, however many strangers knock. */
	st = portal_device_set(c, &link.account, link.email, err);
	return st == PLI_OK ? answer_words(c, 200, "setpass.done_title", "setpass.done_lead") : st;
}
