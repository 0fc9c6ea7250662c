/* Signing in and out: password, then the code of the second factor where there is one. */
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
/* Half in: the value, then the suffix of the browser's own cookie. */
#define HALF_COOKIE "__Host-h"
#define HALF_S 600L
/* A browser where an account has signed in before; one cookie an account, so that people who share a browser do not push each other out. */
#define DEVICE_COOKIE "__Host-d"
#define DEVICE_S (400 * 86400L)
#define SUFFIX_CHARS 8
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

/* ---- what is tried, and from where ---- */

const char *portal_from(struct door_call *c)
{
	const struct http_peer *peer = &c->x->req.peer;

	return strchr(peer->ip, ':') ? peer->net : peer->ip;
}

const char *portal_wait_text(struct door_call *c, unsigned wait_s)
{
	const char *args[1] = { pool_fmt(c->pool, "%u", wait_s < 120 ? wait_s : (wait_s + 59) / 60) };
	AUTO_BUF out = { 0 };

	locale_add(&out, c->locale, wait_s < 120 ? "wait.seconds" : "wait.minutes", args, 1);
	return pool_strn(c->pool, out.p, out.n);
}

const char *portal_say(struct door_call *c, const char *key, const char *arg)
{
	AUTO_BUF out = { 0 };

	locale_add(&out, c->locale, key, &arg, 1);
	return pool_strn(c->pool, out.p ? out.p : "", out.n);
}

static void device_suffix(struct door_call *c, const char *email, char out[SUFFIX_CHARS + 1])
{
	uint8_t mac[32];
	char hex[65], *lower = pool_str(c->pool, email);

	for (char *p = lower; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 32);
	directory_mac(c->doors->directory, "device-cookie", lower, strlen(lower), mac);
	memcpy(out, hex_encode(hex, mac, sizeof(mac)), SUFFIX_CHARS);
	out[SUFFIX_CHARS] = '\0';
}

static const char *device_name(struct door_call *c, const char *suffix)
{
	return pool_fmt(c->pool, DEVICE_COOKIE "%s", suffix);
}

static struct signin_try try_by(struct door_call *c, const char *suffix)
{
	return (struct signin_try){ .from = portal_from(c),
				    .device = cookie_get(c->pool, http_field(&c->x->req, "cookie"), device_name(c, suffix)) };
}

/* ---- the session ---- */

enum pli_status portal_device_set(struct door_call *c, const struct signin_account *who, const char *email, struct err *err)
{
	char value[SIGNIN_VALUE_CHARS + 1], suffix[SUFFIX_CHARS + 1];
	enum pli_status st = signin_device_add(c->doors->directory, who, value, err);

	if (st != PLI_OK)
		return st;
	device_suffix(c, email, suffix);
	portal_cookie_set(c, device_name(c, suffix), value, DEVICE_S);
	mem_wipe(value, sizeof(value));
	return PLI_OK;
}

/* The device's cookie is renewed at each sign-in. */
static enum pli_status device_renew(struct door_call *c, const struct signin_account *who, const char *suffix, struct err *err)
{
	char value[SIGNIN_VALUE_CHARS + 1];
	enum pli_status st = signin_device_add(c->doors->directory, who, value, err);

	if (st == PLI_OK)
		portal_cookie_set(c, device_name(c, suffix), value, DEVICE_S);
	mem_wipe(value, sizeof(value));
	return st;
}

static enum pli_status session_open(struct door_call *c, const struct signin_account *who, bool strong, struct err *err)
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

/* ---- signing in ---- */

static enum pli_status answer_signin(struct door_call *c, int code, const char *email, const char *next, const char *fault)
{
	struct view *v = view_new(c->pool);

	view_str(v, "email", email);
	view_str(v, "next", next);
	view_str(v, "fault", fault);
	view_bool(v, "password_alone", c->doors->settings->demo && str_eq(c->doors->settings->signin_policy, "password"));
	portal_visit_put(c, v);
	answer_page(c, code, &tpl_pages_sign_in_html, v, locale_text(c->locale, "signin.title"));
	return PLI_OK;
}

enum pli_status page_signin(struct door_call *c, struct err *err)
{
	(void)err;
	return answer_signin(c, 200, "", portal_next(c, door_query(c, "next")), NULL);
}

enum pli_status portal_read_form(struct door_call *c, struct form *form, struct err *err)
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

/* What is said of a try that did not succeed; code_r 0: nothing, it is another failure. */
const char *portal_try_fault(struct door_call *c, enum pli_status st, const struct err *err, const char *wrong_key, int *code_r)
{
	*code_r = st == PLI_DENIED ? 403 : st == PLI_RATE ? 429 : st == PLI_BUSY ? 503 : 0;
	if (st == PLI_RATE)
		http_headerf(&c->x->res, "Retry-After", "%u", err->retry_after_s);
	else if (st == PLI_BUSY)
		http_header(&c->x->res, "Retry-After", "3");
	return st == PLI_DENIED ? locale_text(c->locale, wrong_key)
	       : st == PLI_RATE ? portal_say(c, "signin.too_many", portal_wait_text(c, err->retry_after_s))
	       : st == PLI_BUSY ? locale_text(c->locale, "landing.busy")
				: NULL;
}

static enum pli_status to_code(struct door_call *c, const struct signin_account *who, const char *suffix, const char *next, struct err *err)
{
	char value[SIGNIN_VALUE_CHARS + 1];
	enum pli_status st = signin_half_open(c->doors->directory, who, value, err);

	if (st != PLI_OK)
		return st;
	portal_cookie_set(c, HALF_COOKIE, pool_fmt(c->pool, "%s%s", value, suffix), HALF_S);
	mem_wipe(value, sizeof(value));
	answer_see_other(c, pool_fmt(c->pool, "/sign-in/code?next=%s%s%s", portal_query_value(c, next),
				     c->lang_chosen ? "&lang=" : "", c->lang_chosen ? c->lang : ""));
	return PLI_OK;
}

enum pli_status page_signin_post(struct door_call *c, struct err *err)
{
	struct signin_account who;
	struct signin_try by;
	struct form form;
	const char *email, *next, *fault;
	char suffix[SUFFIX_CHARS + 1];
	int code;
	enum pli_status st = portal_read_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	email = or_empty(form_get(&form, "email"));
	next = portal_next(c, form_get(&form, "next"));
	if (!portal_visit_right(c, form_get(&form, "form")))
		return answer_signin(c, 403, email, next, locale_text(c->locale, "signin.form_old"));
	device_suffix(c, email, suffix);
	by = try_by(c, suffix);
	st = signin_password(c->doors->directory, c->pool, &by, email, or_empty(form_get(&form, "password")), &who, err);
	fault = portal_try_fault(c, st, err, "signin.wrong", &code);
	if (fault)
		return answer_signin(c, code, email, next, fault);
	if (st == PLI_OK && who.has_factor)
		return to_code(c, &who, suffix, next, err);
	if (st == PLI_OK)
		st = session_open(c, &who, false, err);
	if (st == PLI_OK)
		st = device_renew(c, &who, suffix, err);
	if (st == PLI_OK)
		answer_see_other(c, next);
	return st;
}

/* ---- the code ---- */

static enum pli_status answer_code(struct door_call *c, int code, const char *next, const char *fault)
{
	struct view *v = view_new(c->pool);

	view_str(v, "next", next);
	view_str(v, "fault", fault);
	portal_visit_put(c, v);
	answer_page(c, code, &tpl_pages_sign_in_code_html, v, locale_text(c->locale, "code.title"));
	return PLI_OK;
}

/* The half's value and the suffix behind it; false: this browser is not half in. */
static bool half_cookie(struct door_call *c, const char **value_r, const char **suffix_r)
{
	const char *cookie = cookie_get(c->pool, http_field(&c->x->req, "cookie"), HALF_COOKIE);

	if (!cookie || strlen(cookie) != SIGNIN_VALUE_CHARS + SUFFIX_CHARS)
		return false;
	*value_r = pool_strn(c->pool, cookie, SIGNIN_VALUE_CHARS);
	*suffix_r = cookie + SIGNIN_VALUE_CHARS;
	return strspn(*suffix_r, "0123456789abcdef") == SUFFIX_CHARS;
}

enum pli_status page_signin_code(struct door_call *c, struct err *err)
{
	const char *value, *suffix, *next = portal_next(c, door_query(c, "next"));

	(void)err;
	if (half_cookie(c, &value, &suffix))
		return answer_code(c, 200, next, NULL);
	answer_see_other(c, "/sign-in");
	return PLI_OK;
}

enum pli_status page_signin_code_post(struct door_call *c, struct err *err)
{
	struct signin_account who;
	struct signin_try by;
	struct form form;
	const char *value, *suffix, *next, *fault;
	int code;
	enum pli_status st = portal_read_form(c, &form, err);

	if (st != PLI_OK)
		return st;
	next = portal_next(c, form_get(&form, "next"));
	if (!half_cookie(c, &value, &suffix))
		return answer_signin(c, 403, "", next, locale_text(c->locale, "code.over"));
	if (!portal_visit_right(c, form_get(&form, "form")))
		return answer_code(c, 403, next, locale_text(c->locale, "signin.form_old"));
	by = try_by(c, suffix);
	st = signin_code(c->doors->directory, c->pool, &by, value, or_empty(form_get(&form, "code")), &who, err);
	fault = portal_try_fault(c, st, err, "code.wrong", &code);
	if (fault)
		return answer_code(c, code, next, fault);
	if (st == PLI_UNAUTH) {
		portal_cookie_set(c, HALF_COOKIE, "", -1);
		return answer_signin(c, 403, "", next, locale_text(c->locale, "code.over"));
	}
	if (st == PLI_OK)
		st = session_open(c, &who, true, err);
	if (st == PLI_OK)
		st = device_renew(c, &who, suffix, err);
	if (st != PLI_OK)
		return st;
	portal_cookie_set(c, HALF_COOKIE, "", -1);
	answer_see_other(c, next);
	return PLI_OK;
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
