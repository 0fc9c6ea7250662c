/* The settings of a person: name and language, password, sessions, API tokens.  The second factor has a file of its own. */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"

#include "directory.h"
#include "security_admin.h"
#include "sender_alert.h"
#include "session.h"
#include "signin.h"

#include "answer.h"
#include "door.h"
#include "door_form.h"
#include "portal.h"
#include "settings_own.h"

#include "handlers.h"

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

void settings_page(struct door_call *c, int code, const struct template *t, struct view *v, const char *tab)
{
	static const struct {
		const char *name, *href;
	} TABS[] = { { "profile", "/settings" }, { "password", "/settings/password" }, { "factor", "/settings/factor" },
		     { "sessions", "/settings/sessions" }, { "tokens", "/settings/tokens" } };

	for (size_t i = 0; i < sizeof(TABS) / sizeof(*TABS); i++) {
		struct view *item = view_item(v, "tabs");

		view_str(item, "href", TABS[i].href);
		view_str(item, "label", locale_text(c->locale, pool_fmt(c->pool, "settings.%s", TABS[i].name)));
		view_bool(item, "here", str_eq(TABS[i].name, tab));
	}
	portal_page(c, code, t, v, locale_text(c->locale, pool_fmt(c->pool, "settings.%s", tab)), PORTAL_SETTINGS);
}

void settings_done(struct door_call *c, const char *path, const char *done)
{
	answer_see_other(c, pool_fmt(c->pool, "%s?done=%s%s%s", path, done, c->lang_chosen ? "&lang=" : "", c->lang_chosen ? c->lang : ""));
}

/* ---- name and language ---- */

static bool administrator(struct door_call *c)
{
	return principal_may(&c->principal, RIGHT_PEOPLE, NULL, NULL, NULL) == PLI_OK;
}

static bool sender(struct door_call *c)
{
	return principal_may(&c->principal, RIGHT_DEPOSIT, NULL, NULL, NULL) == PLI_OK;
}

/* wish: of mails about registered letters. */
static enum pli_status answer_profile(struct door_call *c, int code, const char *name, const char *lang, bool alerts, const char *wish,
				      const char *fault)
{
	struct view *v = view_new(c->pool);

	view_str(v, "name", name);
	view_bool(v, "lang_none", !*lang);
	view_bool(v, "lang_fr", str_eq(lang, "fr"));
	view_bool(v, "lang_en", str_eq(lang, "en"));
	view_str(v, "role", locale_text(c->locale, pool_fmt(c->pool, "role.%s", role_name(c->principal.role))));
	view_bool(v, "administrator", administrator(c));
	view_bool(v, "alerts", alerts);
	view_bool(v, "sender", sender(c));
	view_bool(v, pool_fmt(c->pool, "decisions_%s", wish), true);
	view_str(v, "fault", fault);
	settings_page(c, code, &tpl_pages_settings_profile_html, v, "profile");
	return PLI_OK;
}

enum pli_status page_profile(struct door_call *c, struct err *err)
{
	bool alerts = false;
	const char *wish = SENDER_ALERT_DEFAULT;
	enum pli_status st = security_admin_told(c->doors->directory, &c->principal, &alerts, err);

	if (st == PLI_OK)
		st = sender_alert_get(c->doors->directory, c->pool, &c->principal, &wish, err);
	return st == PLI_OK ? answer_profile(c, 200, c->principal.name, or_empty(c->session->lang), alerts, wish, NULL) : st;
}

enum pli_status page_profile_post(struct door_call *c, struct err *err)
{
	const struct principal *p = &c->principal;
	struct form form;
	const char *name, *lang, *wish;
	bool alerts;
	enum pli_status st = door_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	name = or_empty(form_get(&form, "name"));
	lang = or_empty(form_get(&form, "own_lang"));
	if (!str_eq(lang, "fr") && !str_eq(lang, "en"))
		lang = "";
	alerts = str_eq(form_get(&form, "alerts"), "yes");
	wish = or_empty(form_get(&form, "decisions"));
	st = directory_account_profile(c->doors->directory, &p->entity, &p->account, name, *lang ? lang : NULL, err);
	if (st == PLI_OK && administrator(c))
		st = security_admin_choose(c->doors->directory, p, alerts, err);
	if (st == PLI_OK && sender(c) && sender_alert_is(wish))
		st = sender_alert_choose(c->doors->directory, p, wish, err);
	if (st == PLI_INVALID)
		return answer_profile(c, 422, name, lang, alerts, sender_alert_is(wish) ? wish : SENDER_ALERT_DEFAULT,
				      locale_text(c->locale, "profile.bad_name"));
	if (st == PLI_OK)
		answer_see_other(c, "/settings?done=saved");
	return st;
}

/* ---- password ---- */

static enum pli_status answer_password(struct door_call *c, int code, const char *fault, const char *fault_new)
{
	struct view *v = view_new(c->pool);

	view_str(v, "fault", fault);
	view_str(v, "fault_new", fault_new);
	settings_page(c, code, &tpl_pages_settings_password_html, v, "password");
	return PLI_OK;
}

enum pli_status page_password(struct door_call *c, struct err *err)
{
	(void)err;
	return answer_password(c, 200, NULL, NULL);
}

enum pli_status page_password_post(struct door_call *c, struct err *err)
{
	const struct principal *p = &c->principal;
	struct signin_account who = { p->entity, p->account, false };
	struct directory_password change = { .entity = p->entity, .account = p->account, .kept_session = &c->session->session };
	struct form form;
	const char *fault, *again;
	int code;
	enum pli_status st = door_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	change.password = or_empty(form_get(&form, "new_password"));
	again = form_get(&form, "password_again");
	if (again && !str_eq(change.password, again))
		return answer_password(c, 422, NULL, locale_text(c->locale, "setpass.differ"));
	st = signin_again(c->doors->directory, c->pool, &c->session->session, &who, or_empty(form_get(&form, "password")), err);
	fault = portal_try_fault(c, st, err, "stepup.wrong", &code);
	if (fault)
		return answer_password(c, code, fault, NULL);
	if (st == PLI_OK)
		st = directory_account_password_set(c->doors->directory, &c->actor, &change, err);
	if (st == PLI_INVALID)
		return answer_password(c, 422, NULL, portal_password_fault(c, err));
	if (st == PLI_OK)
		st = portal_raise(c, false, err);
	if (st == PLI_OK)
		st = portal_device_set(c, &who, p->email, err);
	if (st == PLI_OK)
		settings_done(c, "/settings/password", "password");
	return st;
}

/* ---- sessions ---- */

/* What people call it: "Firefox, Linux". */
static const char *browser_name(struct door_call *c, const char *agent)
{
	static const char *const BROWSERS[][2] = { { "Edg", "Edge" }, { "OPR/", "Opera" }, { "Firefox/", "Firefox" }, { "Chrome/", "Chrome" },
						   { "Safari/", "Safari" }, { "Lynx", "Lynx" }, { "curl/", "curl" } };
	static const char *const SYSTEMS[][2] = { { "Android", "Android" }, { "iPhone", "iPhone" }, { "iPad", "iPad" }, { "Windows", "Windows" },
						  { "Mac OS", "macOS" }, { "Linux", "Linux" } };
	const char *browser = NULL, *system = NULL;

	for (size_t i = 0; !browser && i < sizeof(BROWSERS) / sizeof(*BROWSERS); i++)
		browser = strstr(agent, BROWSERS[i][0]) ? BROWSERS[i][1] : NULL;
	for (size_t i = 0; !system && i < sizeof(SYSTEMS) / sizeof(*SYSTEMS); i++)
		system = strstr(agent, SYSTEMS[i][0]) ? SYSTEMS[i][1] : NULL;
	if (!browser)
		return locale_text(c->locale, "sessions.unknown");
	return system ? pool_fmt(c->pool, "%s, %s", browser, system) : browser;
}

enum pli_status page_sessions(struct door_call *c, struct err *err)
{
	const struct principal *p = &c->principal;
	struct view *v = view_new(c->pool);
	struct session_item *items;
	unsigned count;
	char id[37];
	enum pli_status st = session_list(c->doors->directory, c->pool, &p->entity, &p->account, clock_now_us(), &items, &count, err);

	if (st != PLI_OK)
		return st;
	for (unsigned i = 0; i < count; i++) {
		struct view *item = view_item(v, "sessions");
		bool here = uuid_same(&items[i].session, &c->session->session);

		view_str(item, "id", uuid_format(id, &items[i].session));
		view_str(item, "browser", browser_name(c, items[i].browser));
		view_str(item, "address", items[i].address);
		view_bool(item, "strong", items[i].strong);
		view_bool(item, "here", here);
		answer_date(c, item, "created", "created_iso", items[i].created_us);
		answer_date(c, item, "seen", "seen_iso", items[i].seen_us);
		view_str(item, "form_key", c->session->form_key);
	}
	view_bool(v, "others", count > 1);
	settings_page(c, 200, &tpl_pages_settings_sessions_html, v, "sessions");
	return PLI_OK;
}

enum pli_status page_sessions_end(struct door_call *c, struct err *err)
{
	const struct principal *p = &c->principal;
	struct form form;
	struct uuid id;
	const char *which;
	enum pli_status st = door_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	which = or_empty(form_get(&form, "session"));
	if (str_eq(which, "others"))
		st = session_revoke_others(c->doors->directory, &p->entity, &p->account, &c->session->session, err);
	else if (uuid_parse(&id, which))
		st = session_revoke(c->doors->directory, &p->entity, &p->account, &id, err);
	else
		st = err_set(err, PLI_INPUT, "Which session?");
	if (st == PLI_ABSENT)		/* over already: what was wanted */
		st = PLI_OK;
	if (st == PLI_OK)
		settings_done(c, "/settings/sessions", "session_ended");
	return st;
}

/* ---- API tokens ---- */

struct own_tokens {
	struct door_call *c;
	struct view *v;
	const char *wanted;		/* id looked for; NULL: list */
	bool found;
};

static enum pli_status own_token(void *arg, const struct directory_token *t, struct err *err)
{
	struct own_tokens *own = arg;
	struct door_call *c = own->c;
	struct view *item;
	char id[37];

	(void)err;
	if (!str_eq(t->email, c->principal.email))
		return PLI_OK;
	uuid_format(id, &t->token);
	if (own->wanted) {
		own->found |= str_eq(own->wanted, id);
		return PLI_OK;
	}
	if (t->revoked_us)
		return PLI_OK;
	item = view_item(own->v, "tokens");
	view_str(item, "id", id);
	view_str(item, "name", t->name);
	view_bool(item, "expired", t->expires_us <= clock_now_us());
	answer_date(c, item, "created", "created_iso", t->created_us);
	answer_date(c, item, "expires", "expires_iso", t->expires_us);
	view_str(item, "form_key", c->session->form_key);
	return PLI_OK;
}

static enum pli_status answer_tokens(struct door_call *c, int code, const char *made, const char *name, const char *days, const char *fault,
				     struct err *err)
{
	struct own_tokens own = { .c = c, .v = view_new(c->pool) };
	enum pli_status st = directory_token_each(c->doors->directory, own_token, &own, err);

	if (st != PLI_OK)
		return st;
	view_str(own.v, "made", made);
	view_str(own.v, "name", name);
	view_str(own.v, "days", days);
	view_str(own.v, "fault", fault);
	view_bool(own.v, "needs_factor", portal_is_weak(c));
	settings_page(c, code, &tpl_pages_settings_tokens_html, own.v, "tokens");
	return PLI_OK;
}

enum pli_status page_tokens(struct door_call *c, struct err *err)
{
	return answer_tokens(c, 200, NULL, "", "365", NULL, err);
}

/* Shown on this answer and never again. */
enum pli_status page_tokens_post(struct door_call *c, struct err *err)
{
	struct form form;
	const char *name, *days, *token = NULL;
	char *end;
	long n;
	enum pli_status st = door_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	name = or_empty(form_get(&form, "name"));
	days = or_empty(form_get(&form, "days"));
	n = strtol(days, &end, 10);
	if (*end || end == days || n < 1 || n > 3650)
		return answer_tokens(c, 422, NULL, name, days, locale_text(c->locale, "tokens.bad_days"), err);
	st = directory_token_add(c->doors->directory, &c->actor, c->principal.email, name, (unsigned)n, c->pool, &token, err);
	if (st == PLI_INVALID)
		return answer_tokens(c, 422, NULL, name, days, locale_text(c->locale, "tokens.bad_name"), err);
	return st == PLI_OK ? answer_tokens(c, 200, token, "", "365", NULL, err) : st;
}

enum pli_status page_tokens_end(struct door_call *c, struct err *err)
{
	struct own_tokens own = { .c = c };
	struct form form;
	enum pli_status st = door_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	own.wanted = or_empty(form_get(&form, "token"));
	st = directory_token_each(c->doors->directory, own_token, &own, err);
	if (st == PLI_OK && !own.found)
		st = err_set(err, PLI_ABSENT, "You have no such token.");
	if (st == PLI_OK)
		st = directory_token_revoke(c->doors->directory, &c->actor, own.wanted, err);
	if (st == PLI_OK)
		settings_done(c, "/settings/tokens", "token_ended");
	return st;
}
