/* The frame of the pages of people signed in, and what stands before them: signing in, a fresh proof, a second factor. */
#ifndef PLI_PORTAL_H
#define PLI_PORTAL_H

#include <stdbool.h>

#include "http.h"
#include "status.h"

struct door_call;
struct form;
struct route;
struct signin_account;
struct template;
struct view;

#define SESSION_COOKIE "__Host-s"

enum portal_place {
	PORTAL_HOME, PORTAL_LETTERS, PORTAL_JOURNAL, PORTAL_STATISTICS, PORTAL_SETTINGS, PORTAL_ADMIN, PORTAL_OUTBOX,
	PORTAL_NOWHERE
};
/* Renders a page of the frame: places that this person may see, his name and entity, the form key, the language switch, `?done=KEY` as a
 * notice.  The template begins with {{> portal_head}} and ends with {{> portal_foot}}; view may hold act_href and act_label, the page's
 * one main act. */
void portal_page(struct door_call *c, int code, const struct template *t, struct view *v, const char *title, enum portal_place place);
/* A fault shown as a page of the frame, in the reader's language. */
void portal_message(struct door_call *c, int code, const char *heading_key, const char *lead_key);

/* Was a factor shown within five minutes? */
struct session;
bool portal_is_fresh(const struct session *session);
/* Signed in by password alone where the policy asks for more before anything is sent. */
bool portal_is_weak(const struct door_call *c);
/* Whether what the session has shown is enough for the route (fresh, sends): PLI_OK, else a status with a type that
 * portal_led_away knows. */
MUST enum pli_status portal_enter(struct door_call *c, struct err *err);
/* Turns the refusal of a page into the way on: to sign in, to show a factor again, to get a second factor.  False: it is none of these. */
bool portal_led_away(struct door_call *c, const struct err *err);

/* A form that came after the proof had grown old: answers 403 with the page that asks for a new one and holds the form's fields until
 * then; next: where to go when there is nothing to hold.  False, and nothing said: it is no form of this session's, or too large. */
bool portal_hold(struct door_call *c, const char *next);

/* Where a query or a form wants to go, if that is a path of this server (with a query or without), else NULL. */
const struct route *portal_route(struct door_call *c, enum http_method method, const char *target);
/* "next" as given by a query or a form, if it is a path of this server that may be asked for by GET, else "/"; in the call's pool. */
const char *portal_next(struct door_call *c, const char *next);
/* Forms before there is a session: the key belongs to a cookie of this browser, set here when it has none. */
void portal_visit_put(struct door_call *c, struct view *v);
bool portal_visit_right(struct door_call *c, const char *key);
MUST enum pli_status portal_read_form(struct door_call *c, struct form *form, struct err *err);
/* This browser is known to that account from now on. */
MUST enum pli_status portal_device_set(struct door_call *c, const struct signin_account *who, const char *email, struct err *err);
/* A factor was shown: the session gets a new value, the browser a new cookie. */
MUST enum pli_status portal_raise(struct door_call *c, bool strong, struct err *err);
/* Where whoever tries comes from: an IPv4 address, an IPv6 /64. */
const char *portal_from(struct door_call *c);
/* What is said, and with which code, of a try at a secret that did not succeed; NULL and 0: it is another failure, or none. */
const char *portal_try_fault(struct door_call *c, enum pli_status st, const struct err *err, const char *wrong_key, int *code_r);
/* What is wrong with a password that somebody chose (PLI_INVALID of the directory). */
const char *portal_password_fault(struct door_call *c, const struct err *err);
/* Texts with one argument, in the call's pool. */
const char *portal_say(struct door_call *c, const char *key, const char *arg);
const char *portal_wait_text(struct door_call *c, unsigned wait_s);
void portal_cookie_set(struct door_call *c, const char *name, const char *value, long max_age_s);
/* Percent-encodes for a query's value; in the call's pool. */
const char *portal_query_value(struct door_call *c, const char *value);

#endif
