/* The frame of the signed-in pages, see portal.h. */
#include <ctype.h>
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
#include "http.h"

#include "session.h"

#include "admin.h"
#include "answer.h"
#include "door.h"
#include "route.h"

#include "portal.h"

#define FRESH_US (5 * 60 * INT64_C(1000000))

/* ---- the frame ---- */

static bool everybody(const struct door_call *c)
{
	(void)c;
	return true;
}

static bool sees_letters(const struct door_call *c)
{
	return principal_may(&c->principal, RIGHT_LETTER_SEE, NULL, NULL, NULL) == PLI_OK;
}

static bool sees_journal(const struct door_call *c)
{
	return principal_may(&c->principal, RIGHT_JOURNAL, NULL, NULL, NULL) == PLI_OK;
}

static bool manages_people(const struct door_call *c)
{
	return principal_may(&c->principal, RIGHT_PEOPLE, NULL, NULL, NULL) == PLI_OK;
}

static bool in_demo(const struct door_call *c)
{
	return c->doors->settings->demo;
}

static const struct {
	enum portal_place place;
	const char *path, *key;
	bool (*seen)(const struct door_call *c);
	bool below;			/* in the second group */
} PLACES[] = {
	{ PORTAL_HOME, "/", "place.home", everybody, false },
	{ PORTAL_LETTERS, "/letters", "place.letters", sees_letters, false },
	{ PORTAL_JOURNAL, "/journal", "place.journal", sees_journal, false },
	{ PORTAL_STATISTICS, "/statistics", "place.statistics", sees_journal, false },
	{ PORTAL_OUTBOX, "/outbox", "place.outbox", in_demo, true },
	{ PORTAL_ADMIN, "/admin/users", "place.admin", manages_people, true },
	{ PORTAL_SETTINGS, "/settings", "place.settings", everybody, true },
};

const struct route *portal_route(struct door_call *c, enum http_method method, const char *target)
{
	size_t n = target ? strcspn(target, "?") : 0;
	const struct route *route;
	const char *params[DOOR_PARAMS_MAX];
	char allow[64];

	if (!target || target[0] != '/' || target[1] == '/' || strlen(target) > 1024)
		return NULL;
	for (const char *p = target; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '\\')
			return NULL;
	return route_find(method, pool_strn(c->pool, target, n), c->pool, &route, params, allow) == PLI_OK ? route : NULL;
}

static void put_places(struct door_call *c, struct view *v, enum portal_place here)
{
	for (size_t i = 0; i < sizeof(PLACES) / sizeof(*PLACES); i++) {
		struct view *item;

		if (!PLACES[i].seen(c) || !portal_route(c, HTTP_GET, PLACES[i].path))
			continue;
		item = view_item(v, PLACES[i].below ? "places_below" : "places");
		view_str(item, "href", PLACES[i].path);
		view_str(item, "label", locale_text(c->locale, PLACES[i].key));
		view_bool(item, "here", PLACES[i].place == here);
	}
}

static void put_done(struct door_call *c, struct view *v)
{
	/* Not what was wanted, or not certain yet: not said in the colour of success. */
	static const char *const WAITS[] = { "not-resent", "uncertain" };
	const char *done = door_query(c, "done");
	char key[64];

	if (!done || strlen(done) > 40)
		return;
	snprintf(key, sizeof(key), "done.%s", done);
	if (locale_has(c->locale, key))
		view_str(v, "done", locale_text(c->locale, key));
	for (size_t i = 0; i < sizeof(WAITS) / sizeof(*WAITS); i++)
		if (str_eq(done, WAITS[i]))
			view_bool(v, "done_waits", true);
}

void portal_page(struct door_call *c, int code, const struct template *t, struct view *v, const char *title, enum portal_place place)
{
	put_places(c, v, place);
	put_done(c, v);
	if (manages_people(c))
		admin_alerts_banner(c, v);
	view_str(v, "me_name", c->principal.name);
	view_str(v, "me_email", c->principal.email);
	view_str(v, "me_entity", c->principal.entity_name);
	view_str(v, "form_key", c->session->form_key);
	answer_page(c, code, t, v, title);
}

void portal_message(struct door_call *c, int code, const char *heading_key, const char *lead_key)
{
	struct view *v = view_new(c->pool);
	const char *heading = locale_text(c->locale, heading_key);

	view_str(v, "heading", heading);
	view_str(v, "lead", locale_text(c->locale, lead_key));
	if (str_eq(heading_key, "factor.needed_title")) {
		view_str(v, "way_href", "/settings/factor");
		view_str(v, "way_label", locale_text(c->locale, "factor.add"));
	} else {
		view_str(v, "way_href", "/");
		view_str(v, "way_label", locale_text(c->locale, "portal.way_home"));
	}
	portal_page(c, code, &tpl_pages_portal_message_html, v, heading, PORTAL_NOWHERE);
}

/* ---- what stands before a page ---- */

bool portal_is_fresh(const struct session *session)
{
	return clock_now_us() - session->proved_us <= FRESH_US;
}

bool portal_is_weak(const struct door_call *c)
{
	return !c->session->strong && str_eq(c->doors->settings->signin_policy, "strong");
}

enum pli_status portal_enter(struct door_call *c, struct err *err)
{
	const struct session *s = c->session;

	if (c->route->sends && portal_is_weak(c)) {
		err_field(err, PLI_DENIED, "second-factor", "", "Sending needs a second factor.");
		return err_hint(err, "Add one under Settings, or sign in again with its code.");
	}
	if (c->route->fresh && !portal_is_fresh(s))
		return err_field(err, PLI_DENIED, "step-up", "", "This needs your password or code once more.");
	return PLI_OK;
}

const char *portal_query_value(struct door_call *c, const char *value)
{
	AUTO_BUF out = { 0 };

	for (; *value; value++) {
		unsigned char ch = (unsigned char)*value;

		if (isalnum(ch) || strchr("-._~/", ch))
			buf_ch(&out, (char)ch);
		else
			buf_fmt(&out, "%%%02X", ch);
	}
	return pool_strn(c->pool, out.p ? out.p : "", out.n);
}

const char *portal_next(struct door_call *c, const char *next)
{
	return portal_route(c, HTTP_GET, next) && !str_starts(next, "/sign-") ? next : "/";
}

void portal_cookie_set(struct door_call *c, const char *name, const char *value, long max_age_s)
{
	AUTO_BUF line = { .secret = 1 };

	cookie_write(&line, name, value, max_age_s);
	http_header(&c->x->res, "Set-Cookie", line.p);
}

/* Back to this page once it may be seen; what cannot be asked for by GET, to the page above it. */
static const char *way_back(struct door_call *c)
{
	const char *next = portal_next(c, c->x->req.target);
	char *up = pool_str(c->pool, c->x->req.path), *slash;

	while (str_eq(next, "/") && (slash = strrchr(up, '/')) && slash != up) {
		*slash = '\0';
		next = portal_next(c, up);
	}
	return next;
}

static void lead_to(struct door_call *c, const char *path)
{
	const char *next = way_back(c);
	const char *lang = c->lang_chosen ? pool_fmt(c->pool, "lang=%s", c->lang) : NULL;

	if (str_eq(next, "/"))
		next = NULL;
	answer_see_other(c, pool_fmt(c->pool, "%s%s%s%s%s%s", path, next || lang ? "?" : "", next ? "next=" : "",
				     next ? portal_query_value(c, next) : "", next && lang ? "&" : "", lang ? lang : ""));
}

/* Faults of pages within the frame: what happened, in the reader's language, and a way on. */
static bool faulted(struct door_call *c, const struct err *err)
{
	switch (err->status) {
	case PLI_DENIED:
		if (str_eq(err->type, "foreign-form"))
			portal_message(c, 403, "portal.form_title", "portal.form_lead");
		else
			portal_message(c, 403, "problem.denied", "portal.denied_lead");
		return true;
	case PLI_ABSENT:
		portal_message(c, 404, "problem.absent", "portal.absent_lead");
		return true;
	case PLI_INPUT:
		portal_message(c, 400, "problem.bad", "portal.bad_lead");
		return true;
	case PLI_INVALID:
		portal_message(c, 422, "problem.bad", "portal.bad_lead");
		return true;
	default:
		return false;
	}
}

bool portal_led_away(struct door_call *c, const struct err *err)
{
	bool away = err->status == PLI_UNAUTH && !c->session;

	buf_reset(&c->x->res.head);
	buf_reset(&c->x->res.body);
	if (away || str_eq(err->type, "no-session"))
		lead_to(c, "/sign-in");
	else if (str_eq(err->type, "second-factor"))
		portal_message(c, 403, "factor.needed_title", "factor.needed_lead");
	else if (!str_eq(err->type, "step-up"))
		return c->session && faulted(c, err);
	else if (!portal_hold(c, way_back(c)))
		lead_to(c, "/step-up");
	return true;
}
