/* The glue between the HTTP engine and the handlers: plan, sink, handle, done, fault.  Plan runs on a loop thread and only
 * looks things up in static tables; whoever asks is identified later, on a worker. */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "locale.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "acceptlang.h"
#include "address.h"
#include "cookie.h"
#include "form.h"
#include "http.h"
#include "mediatype.h"
#include "stream.h"

#include "directory.h"
#include "session.h"

#include "delivery.h"

#include "answer.h"
#include "archive.h"
#include "door.h"
#include "door_meter.h"
#include "portal.h"
#include "problem.h"
#include "route.h"
#include "visitors.h"

#include "doors.h"

/* types: those that the route takes.  An empty body is no body where none is needed (clients name a type all the same),
 * elsewhere an empty one of its type. */
/* So much of a body is held in memory before anybody has asked who sends it. */
#define UNKNOWN_BODY_MAX 65536u
/* And so much of what strangers hand in to be examined, for all of them together. */
#define BASIC_MAX 1024
#define VISITORS_HELD_MAX ((size_t)64 << 20)

static unsigned body_type(const struct http_request *req, unsigned types)
{
	const char *type = http_field(req, "content-type");
	bool empty = !req->has_body || req->content_length == 0;

	if (empty && (!type || types & ROUTE_EMPTY))
		return ROUTE_EMPTY;
	if (mediatype_is(type, "application/json"))
		return ROUTE_JSON;
	if (mediatype_is(type, "multipart/form-data"))
		return ROUTE_MULTIPART;
	if (mediatype_is(type, "application/x-www-form-urlencoded"))
		return ROUTE_FORM;
	if (mediatype_is(type, "application/offset+octet-stream"))
		return ROUTE_TUS;
	if (mediatype_is(type, "application/timestamp-query"))
		return ROUTE_TSQ;
	return 0;
}

const char *door_query(const struct door_call *c, const char *name)
{
	const char *query = c->x->req.query;
	struct form form;

	form_init(&form, c->pool);
	if (!query || !*query || form_parse(&form, query, strlen(query), 64, NULL) != PLI_OK)
		return NULL;
	return form_get(&form, name);
}

/* ?lang= wins, then the browser's wish, then the instance's language; who is signed in may have one of his own. */
static void pick_lang(struct door_call *c, const struct http_request *req)
{
	const char *own = str_eq(c->doors->settings->lang, "en") ? "en" : "fr";

	if (door_choose_lang(c, door_query(c, "lang")))
		return;
	c->lang = acceptlang_pick(http_field(req, "accept-language"), own);
	c->locale = locale_get(c->lang);
}

bool door_choose_lang(struct door_call *c, const char *lang)
{
	if (!str_eq(lang, "fr") && !str_eq(lang, "en"))
		return false;
	c->lang = str_eq(lang, "fr") ? "fr" : "en";
	c->locale = locale_get(c->lang);
	c->lang_chosen = true;
	return true;
}

static struct door_call *call_new(struct doors *doors, struct http_exchange *x)
{
	struct door_call *c = POOL_NEW(x->pool, struct door_call);

	c->doors = doors;
	c->x = x;
	c->pool = x->pool;
	c->began_us = clock_mono_us();
	snprintf(c->id, sizeof(c->id), "%08x%08x", doors->request_seed,
		 atomic_fetch_add_explicit(&doors->request_count, 1, memory_order_relaxed));
	pick_lang(c, &x->req);
	c->actor = (struct journal_actor){ .method = "link", .level = 1, .channel = "web",
					   .ip = x->req.peer.ip, .tls = x->req.peer.tls };
	x->app_data = c;
	return c;
}

/* One line a request, as [log] requests says: route, not address, and nothing of who asked. */
static void request_log(const struct door_call *c, int code)
{
	const char *which = c->doors->settings->log_requests;
	AUTO_BUF members = { 0 };
	struct jsonw w;

	if (!which || str_eq(which, "none") || (code < 500 && !str_eq(which, "all")))
		return;
	jsonw_init(&w, &members, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "request", c->id);
	jsonw_str(&w, "method", http_method_name(c->x->req.method));
	jsonw_str(&w, "route", c->route ? c->route->pattern : NULL);
	jsonw_int(&w, "code", code);
	jsonw_int(&w, "us", clock_mono_us() - c->began_us);
	jsonw_int(&w, "body", (int64_t)c->x->body_bytes);
	jsonw_str(&w, "proto", c->x->req.peer.alpn);
	/* Left open: the line closes it. */
	log_members(code >= 500 ? LOG_WARN_LEVEL : LOG_INFO_LEVEL, "http.request", members.p + 1, "%d", code);
}

static void refuse(struct door_call *c, struct http_plan *plan, enum pli_status status, const char *text)
{
	struct err err = { 0 };

	err_set(&err, status, "%s", text);
	answer_security(c->doors, &c->x->res, ANSWER_NO_STORE);
	problem_answer(c, &err);
	request_log(c, c->x->res.status);
	plan->refused = true;
}

static void doors_plan(void *app, struct http_exchange *x, struct http_plan *plan)
{
	struct door_call *c = call_new(app, x);
	const char *encoding = http_field(&x->req, "content-encoding");
	char allow[64];
	unsigned type;

	*plan = (struct http_plan){ .body = HTTP_BODY_NONE };
	switch (route_find(x->req.method, x->req.path, c->pool, &c->route, c->params, allow)) {
	case PLI_OK:
		break;
	case PLI_METHOD:
		http_header(&x->res, "Allow", allow);
		refuse(c, plan, PLI_METHOD, "This address does not take that method; Allow names those it takes.");
		return;
	default:
		refuse(c, plan, PLI_ABSENT, "There is nothing at this address.");
		return;
	}
	x->route = c->route;
	if (c->route->who == ROUTE_TOKEN && !http_field(&x->req, "authorization")) {
		refuse(c, plan, PLI_UNAUTH, "This needs a token: send it as `Authorization: Bearer TOKEN`.");
		return;
	}
	type = body_type(&x->req, c->route->types);
	if (x->req.method == HTTP_GET || x->req.method == HTTP_HEAD || x->req.method == HTTP_DELETE ||
	    x->req.method == HTTP_OPTIONS) {
		plan->body = x->req.has_body ? HTTP_BODY_BUFFERED : HTTP_BODY_NONE;
		return;
	}
	if (type == 0 || !(c->route->types & type)) {
		refuse(c, plan, PLI_TYPE, "The Content-Type is not one that this address takes.");
		return;
	}
	if (encoding && !str_ieq(encoding, "identity")) {
		refuse(c, plan, PLI_TYPE, "A body must come without a Content-Encoding.");
		return;
	}
	c->gathers = c->route->who == ROUTE_TOKEN && !(c->route->sink_types & type) && x->req.content_length > UNKNOWN_BODY_MAX;
	plan->body = !x->req.has_body				  ? HTTP_BODY_NONE
		     : c->gathers || c->route->sink_types & type ? HTTP_BODY_SINK
								  : HTTP_BODY_BUFFERED;
	plan->body_max = c->route->sink_types & type ? UINT64_MAX : c->route->body_max;
}

static enum pli_status identify_session(struct door_call *c, struct err *err)
{
	struct session *s = POOL_NEW(c->pool, struct session);
	const char *value = cookie_get(c->pool, http_field(&c->x->req, "cookie"), SESSION_COOKIE);
	/* A page that follows what becomes of letters asks by itself, and is nobody's presence. */
	bool follows = c->x->req.method == HTTP_GET && http_field(&c->x->req, "x-follow");
	enum pli_status st = follows ? session_look(c->doors->directory, c->pool, value, clock_now_us(), s, err)
				     : session_find(c->doors->directory, c->pool, value, clock_now_us(), s, err);

	if (st != PLI_OK)
		return st;
	c->session = s;
	c->principal = s->principal;
	c->actor = (struct journal_actor){ .account = &c->principal.account, .method = c->principal.method,
					   .level = c->principal.level, .channel = "web",
					   .ip = c->x->req.peer.ip, .tls = c->x->req.peer.tls };
	c->identified = true;
	if (!c->lang_chosen && s->lang) {
		c->lang = str_eq(s->lang, "en") ? "en" : "fr";
		c->locale = locale_get(c->lang);
	}
	return PLI_OK;
}

/* The token of an Authorization field; *user_r: whose it is said to be, NULL when nothing is said. */
static const char *token_sent(struct door_call *c, const char **user_r)
{
	const char *value = http_field(&c->x->req, "authorization");
	size_t n = value ? strlen(value) : 0;
	char *text, *colon;

	*user_r = NULL;
	if (value && strncasecmp(value, "Bearer ", 7) == 0)
		return value + 7;
	if (!value || !c->route->basic || strncasecmp(value, "Basic ", 6) != 0 || n > BASIC_MAX)
		return NULL;
	text = pool_alloc(c->pool, n);
	if (!base64_decode(text, &n, value + 6, n - 6))
		return NULL;
	text[n] = '\0';
	colon = strchr(text, ':');
	if (!colon || strlen(text) != n)
		return NULL;
	*colon = '\0';
	*user_r = text;
	return colon + 1;
}

enum pli_status door_identify(struct door_call *c, struct err *err)
{
	const char *token, *user;
	enum pli_status st;

	if (c->identified)
		return PLI_OK;
	if (c->route->who == ROUTE_SESSION)
		return identify_session(c, err);
	token = token_sent(c, &user);
	if (!token)
		return err_set(err, PLI_UNAUTH, "This needs a token: send it as `Authorization: Bearer TOKEN`.");
	st = directory_token_principal(c->doors->directory, c->pool, token, &c->principal, err);
	/* Whose token it is may be left open, but not said wrongly. */
	if (st == PLI_OK && user && *user && !address_same(user, c->principal.email))
		st = err_set(err, PLI_UNAUTH, "The token is not that user's.");
	if (st != PLI_OK)
		return st;
	c->actor = (struct journal_actor){ .account = &c->principal.account, .method = c->principal.method,
					   .level = c->principal.level, .channel = "api",
					   .ip = c->x->req.peer.ip, .tls = c->x->req.peer.tls };
	c->identified = true;
	return PLI_OK;
}

static bool door_knows(const struct route *r)
{
	return r->who == ROUTE_TOKEN || r->who == ROUTE_SESSION;
}

/* Who asks, and whether what he has shown is enough for this route. */
static enum pli_status door_enter(struct door_call *c, struct err *err)
{
	enum pli_status st = door_identify(c, err);

	return st == PLI_OK && c->session ? portal_enter(c, err) : st;
}

/* A body that its handler wants whole. */
struct gather_sink {
	struct ostream os;
	struct buf *body;
};

static enum pli_status gather_write(struct ostream *os, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(((struct gather_sink *)os)->body, p, n);
	return PLI_OK;
}

static enum pli_status gather_finish(struct ostream *os, struct err *err)
{
	(void)os;
	(void)err;
	return PLI_OK;
}

static void gather_close(struct ostream *os)
{
	(void)os;
}

static enum pli_status gather_open(struct door_call *c, struct ostream **sink_r)
{
	static const struct ostream_ops OPS = { "gather", gather_write, gather_finish, gather_close };
	struct gather_sink *s = POOL_NEW(c->pool, struct gather_sink);

	*s = (struct gather_sink){ .os = { .ops = &OPS }, .body = &c->x->body };
	*sink_r = &s->os;
	return PLI_OK;
}

static enum pli_status doors_sink_open(void *app, struct http_exchange *x, struct ostream **sink_r, struct err *err)
{
	struct door_call *c = x->app_data;
	enum pli_status st = door_knows(c->route) ? door_enter(c, err) : PLI_OK;

	(void)app;
	if (st == PLI_OK && c->gathers)
		return gather_open(c, sink_r);
	return st != PLI_OK ? st : c->route->sink_open(c, sink_r, err);
}

static void doors_sink_broken(void *app, struct http_exchange *x)
{
	struct door_call *c = x->app_data;

	(void)app;
	if (c->route->sink_broken)
		c->route->sink_broken(c);
}

/* What the handler has said, as an answer. */
static void door_answer(struct door_call *c, enum pli_status st, struct err *err)
{
	struct http_exchange *x = c->x;

	if (st != PLI_OK && c->route->who == ROUTE_SESSION && portal_led_away(c, err))
		st = PLI_OK;
	if (st != PLI_OK) {
		if (err->status == PLI_OK)
			err_set(err, st, "%s", pli_status_name(st));
		if (st == PLI_IO || st == PLI_BUG)
			log_error("door.failed", "request %s, %s %s: %s", c->id, http_method_name(c->route->method), c->route->pattern,
				  err->text);
		buf_reset(&x->res.head);
		problem_answer(c, err);
	}
	answer_security(c->doors, &x->res, st == PLI_OK ? c->cache : ANSWER_NO_STORE);
	request_log(c, x->res.status);
}

static bool doors_handle(void *app, struct http_exchange *x)
{
	struct door_call *c = x->app_data;
	struct err err = { 0 };
	enum pli_status st = PLI_OK;

	(void)app;
	if (x->sink_failed) {
		err = x->sink_err;
		st = err.status;
		if (c->route->sink_broken)
			c->route->sink_broken(c);
	}
	if (st == PLI_OK && door_knows(c->route))
		st = door_enter(c, &err);
	if (st == PLI_OK) {
		st = c->route->handle(c, &err);
		if (st == PLI_AGAIN)	/* somebody else has c by now */
			return false;
	}
	door_answer(c, st, &err);
	return true;
}

static bool doors_go_on(void *app, struct http_exchange *x, bool may_block)
{
	struct door_call *c = x->app_data;
	struct err err = { 0 };
	enum pli_status st = c->go_on(c, may_block, &err);

	(void)app;
	if (st == PLI_AGAIN)
		return false;
	door_answer(c, st, &err);
	return true;
}

static void doors_done(void *app, struct http_exchange *x)
{
	struct door_call *c = x->app_data;

	(void)app;
	if (!c)
		return;
	door_meter_add(c->doors->meter, c->route, x->res.status, clock_mono_us() - c->began_us);
	if (!x->sent_bytes)
		return;
	if (c->archive)
		archive_sent(c->archive, c->sending_offset, x->sent_bytes);
	else if (c->sending_part)
		delivery_sent(c->doors->office, c->view, c->sending_part, c->sending_offset, x->sent_bytes, &c->actor);
}

static void doors_fault(void *app, int code, const char *target, const char *detail, struct http_response *res)
{
	const struct doors *doors = app;

	door_meter_fault(doors->meter, code);
	problem_fault(doors, code, target, detail, res);
}

/* The configured name, localhost, and the addresses that we listen on. */
static bool doors_host_known(void *app, const char *host)
{
	const struct doors *doors = app;
	const struct settings *s = doors->settings;
	size_t n = strlen(host);

	if (str_ieq(host, s->host) || str_ieq(host, "localhost"))
		return true;
	if (str_eq(host, "127.0.0.1") || str_eq(host, "::1") || str_eq(host, "[::1]"))
		return true;
	for (int i = 0; i < s->listen_count; i++) {
		const char *l = s->listen[i];
		const char *colon = strrchr(l, ':');

		if (colon && (size_t)(colon - l) == n && strncasecmp(l, host, n) == 0)
			return true;
	}
	return false;
}

void doors_fingerprint(const char *pem, bool certificate, char out[65])
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	unsigned char digest[32], *der = NULL;
	int n = -1;

	out[0] = '\0';
	if (certificate) {
		X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

		n = x ? i2d_X509(x, &der) : -1;
		X509_free(x);
	} else {
		EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);

		n = key ? i2d_PUBKEY(key, &der) : -1;
		EVP_PKEY_free(key);
	}
	if (n > 0 && EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL))
		hex_encode(out, digest, 32);
	OPENSSL_free(der);
	BIO_free(bio);
}

static bool is_real_name(const char *host)
{
	size_t digits = strspn(host, "0123456789.");

	return !str_ieq(host, "localhost") && digits != strlen(host) && !strchr(host, ':');
}

enum pli_status doors_app_new(const struct doors_config *config, struct http_app *app_r, struct doors **doors_r,
			      struct err *err)
{
	struct doors *doors;

	if (!str_starts(config->base_url, "https://"))
		return err_set(err, PLI_BUG, "base_url must begin with https://");
	doors = mem_alloc(sizeof *doors);
	*doors = (struct doors){ .office = config->office, .directory = config->directory, .settings = config->settings,
				 .base_url = config->base_url, .host = config->base_url + strlen("https://"),
				 .root_pem = config->root_pem, .log_pub = config->log_pub, .tsa_pem = config->tsa_pem,
				 .ca_pem = config->ca_pem, .outbox_fd = config->outbox_fd, .mail = config->mail,
				 .hsts = is_real_name(config->settings->host) };
	doors->meter = door_meter_new();
	doors->visitors = visitors_new(VISITORS_HELD_MAX);
	mem_random(&doors->request_seed, sizeof(doors->request_seed));
	doors_fingerprint(doors->root_pem, true, doors->root_fingerprint);
	*app_r = (struct http_app){ .app = doors, .plan = doors_plan, .sink_open = doors_sink_open,
				    .sink_broken = doors_sink_broken, .handle = doors_handle, .go_on = doors_go_on, .done = doors_done,
				    .fault = doors_fault, .host_known = doors_host_known };
	*doors_r = doors;
	return PLI_OK;
}

void doors_use_anchors(struct doors *doors, const char *log_pub, const char *tsa_pem)
{
	__atomic_store_n(&doors->log_pub, log_pub, __ATOMIC_RELEASE);
	__atomic_store_n(&doors->tsa_pem, tsa_pem, __ATOMIC_RELEASE);
}

void doors_free(struct doors *doors)
{
	door_meter_free(doors->meter);
	visitors_free(doors->visitors);
	mem_free(doors);
}

void doors_metrics(struct doors *doors, struct openmetrics *out)
{
	door_meter_write(doors->meter, out);
}
