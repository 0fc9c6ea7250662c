/* Signing in and out. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "cookie.h"
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

/* Before there is a session its form key hangs on a cookie of its own: a form that another site makes up has no right key, and one that
 * it fetched for itself has not this browser's cookie.  It is never a session and says nothing of anybody. */
#define VISIT_COOKIE "__Host-p"
#define VISIT_S (12 * 3600L)
#define VALUE_CHARS 52
#define MINUTE_US (60 * INT64_C(1000000))

static void visit_key(struct door_call *c, const char *visit, char key_r[65])
{
	uint8_t mac[32];

	directory_mac(c->doors->directory, "visit-form", visit, strlen(visit), mac);
	hex_encode(key_r, mac, sizeof(mac));
}

static const char *visit_value(struct door_call *c)
{
	const char *value = cookie_get(c->pool, http_field(&c->x->req, "cookie"), VISIT_COOKIE);

	return value && strlen(value) == VALUE_CHARS ? value : NULL;
}

void portal_visit_put(struct door_call *c, struct view *v)
{
	const char *visit = visit_value(c);
	char fresh[VALUE_CHARS + 1], key[65];
	uint8_t random_bytes[32];

	if (!visit) {
		mem_random(random_bytes, sizeof(random_bytes));
		visit = base32_encode(fresh, random_bytes, sizeof(random_bytes));
		portal_cookie_set(c, VISIT_COOKIE, visit, VISIT_S);
	}
	visit_key(c, visit, key);
	view_str(v, "form_key", key);
}

bool portal_visit_right(struct door_call *c, const char *key)
{
	const char *visit = visit_value(c);
	char own[65];

	if (!visit || !key || strlen(key) != 64)
		return false;
	visit_key(c, visit, own);
	return mem_same(own, key, 64);
}

/* ---- signing in ---- */

static enum pli_status answer_signin(struct door_call *c, int code, const char *email, const char *next, const char *fault_key)
{
	struct view *v = view_new(c->pool);

	view_str(v, "email", email);
	view_str(v, "next", next);
	view_str(v, "fault", fault_key ? locale_text(c->locale, fault_key) : NULL);
	portal_visit_put(c, v);
	answer_page(c, code, &tpl_pages_sign_in_html, v, locale_text(c->locale, "signin.title"));
	return PLI_OK;
}

enum pli_status page_signin(struct door_call *c, struct err *err)
{
	(void)err;
	return answer_signin(c, 200, "", portal_next(c, door_query(c, "next")), NULL);
}

static enum pli_status read_form(struct door_call *c, struct form *form, struct err *err)
{
	enum pli_status st;

	form_init(form, c->pool);
	st = form_parse(form, c->x->body.p ? c->x->body.p : "", c->x->body.n, 16, err);
	if (st == PLI_OK)
		(void)door_choose_lang(c, form_get(form, "lang"));
	return st != PLI_OK ? st : door_same_site(c, err);
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

/* A new session for this browser, by what was shown. */
enum pli_status portal_session_open(struct door_call *c, const struct signin_account *who, bool strong, struct err *err)
{
	const struct settings *s = c->doors->settings;
	struct journal_actor by = { .account = &who->account, .method = strong ? "password+totp" : "password", .level = strong ? 3 : 2,
				    .channel = "web", .ip = c->x->req.peer.ip, .tls = c->x->req.peer.tls };
	struct session_new wanted = { .entity = who->entity, .account = who->account, .strong = strong,
				      .idle_us = s->signin_idle_min * MINUTE_US, .life_us = s->signin_hours * 60 * MINUTE_US,
				      .address = c->x->req.peer.ip, .browser = http_field(&c->x->req, "user-agent"), .by = &by };
	char value[SESSION_VALUE_CHARS + 1];
	enum pli_status st = session_begin(c->doors->directory, &wanted, value, err);

	if (st != PLI_OK)
		return st;
	portal_cookie_set(c, SESSION_COOKIE, value, 0);
	portal_cookie_set(c, VISIT_COOKIE, "", -1);
	mem_wipe(value, sizeof(value));
	return PLI_OK;
}

enum pli_status page_signin_post(struct door_call *c, struct err *err)
{
	struct signin_account who;
	struct form form;
	const char *email, *next;
	enum pli_status st = read_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	email = or_empty(form_get(&form, "email"));
	next = portal_next(c, form_get(&form, "next"));
	if (!portal_visit_right(c, form_get(&form, "form")))
		return answer_signin(c, 403, email, next, "signin.form_old");
	st = signin_password(c->doors->directory, c->pool, email, or_empty(form_get(&form, "password")), &who, err);
	if (st == PLI_DENIED)
		return answer_signin(c, 403, email, next, "signin.wrong");
	if (st == PLI_BUSY)
		return answer_signin(c, 503, email, next, "landing.busy");
	if (st == PLI_OK)
		st = portal_session_open(c, &who, false, err);
	if (st == PLI_OK)
		answer_see_other(c, next);
	return st;
}

/* ---- signing out ---- */

enum pli_status page_signout(struct door_call *c, struct err *err)
{
	const struct principal *p = &c->principal;
	struct form form;
	enum pli_status st = door_form(c, &form, err);

	if (st == PLI_OK)
		st = session_revoke(c->doors->directory, &p->entity, &p->account, &c->session->session, err);
	if (st != PLI_OK && st != PLI_ABSENT)
		return st;
	portal_cookie_set(c, SESSION_COOKIE, "", -1);
	http_header(&c->x->res, "Clear-Site-Data", "\"cache\", \"storage\"");
	answer_see_other(c, "/sign-in");
	return PLI_OK;
}
