#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "buf.h"
#include "jsonw.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "template.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "http.h"
#include "tus.h"

#include "answer.h"
#include "door.h"
#include "route.h"

#include "problem.h"

static const struct {
	int http, exit;
	const char *title;	/* of the problem document; English, stable */
	const char *page_key;	/* heading of the error page */
	const char *lead_key;
} STATUSES[PLI_STATUS_COUNT] = {
	[PLI_OK] = { 200, EX_OK, "OK", "problem.title", "problem.own_lead" },
	[PLI_AGAIN] = { 503, EX_TEMPFAIL, "Try again", "problem.busy", "problem.busy_lead" },
	[PLI_INPUT] = { 400, EX_USAGE, "Malformed request", "problem.bad", "problem.bad_lead" },
	[PLI_INVALID] = { 422, EX_DATAERR, "Not acceptable", "problem.bad", "problem.bad_lead" },
	[PLI_UNAUTH] = { 401, EX_NOPERM, "Not signed in", "problem.signin", "problem.signin_lead" },
	[PLI_DENIED] = { 403, EX_NOPERM, "Not your right", "problem.denied", "problem.denied_lead" },
	[PLI_ABSENT] = { 404, EX_NOINPUT, "Not found", "problem.absent", "problem.absent_lead" },
	[PLI_METHOD] = { 405, EX_USAGE, "Method not allowed", "problem.method", "problem.method_lead" },
	[PLI_CONFLICT] = { 409, EX_DATAERR, "Conflict", "problem.bad", "problem.bad_lead" },
	[PLI_VERSION] = { 412, EX_PROTOCOL, "Another version", "problem.bad", "problem.bad_lead" },
	[PLI_GONE] = { 410, EX_UNAVAILABLE, "Gone", "expired.title", "problem.gone_lead" },
	[PLI_LIMIT] = { 413, EX_DATAERR, "Too large", "problem.large", "problem.large_lead" },
	[PLI_TYPE] = { 415, EX_DATAERR, "Unsupported media type", "problem.bad", "problem.bad_lead" },
	[PLI_RANGE] = { 416, EX_DATAERR, "Range not satisfiable", "problem.bad", "problem.bad_lead" },
	[PLI_LOCKED] = { 423, EX_NOPERM, "Locked", "locked.title", "locked.lead" },
	[PLI_RATE] = { 429, EX_TEMPFAIL, "Too many requests", "problem.busy", "problem.busy_lead" },
	[PLI_BUSY] = { 503, EX_TEMPFAIL, "Try again later", "problem.busy", "problem.busy_lead" },
	[PLI_UNCERTAIN] = { 503, EX_TEMPFAIL, "Uncertain", "problem.busy", "problem.busy_lead" },
	[PLI_FULL] = { 507, EX_TEMPFAIL, "No space", "problem.full", "problem.full_lead" },
	[PLI_IO] = { 500, EX_IOERR, "Storage failed", "problem.title", "problem.own_lead" },
	[PLI_BUG] = { 500, EX_SOFTWARE, "Our mistake", "problem.title", "problem.own_lead" },
};

int problem_http_code(enum pli_status status)
{
	return status < PLI_STATUS_COUNT ? STATUSES[status].http : 500;
}

const char *problem_title(enum pli_status status)
{
	return status < PLI_STATUS_COUNT ? STATUSES[status].title : "Error";
}

int problem_exit_code(enum pli_status status)
{
	return status < PLI_STATUS_COUNT ? STATUSES[status].exit : EX_SOFTWARE;
}

/* What broke inside is for the log, not for a stranger. */
static bool is_internal(const struct err *err)
{
	return err->status == PLI_IO || err->status == PLI_BUG;
}

/* A disk found full in the middle of a write is the same refusal as one found full before. */
static const char *type_of(const struct err *err)
{
	if (err->status == PLI_UNCERTAIN)
		return "uncertain";
	if (err->type)
		return err->type;
	return err->status == PLI_FULL ? "no-space" : pli_status_name(err->status);
}

const char *problem_detail(const struct err *err)
{
	if (is_internal(err))
		return "Something failed on our side; nothing was acknowledged.";
	if (err->status == PLI_FULL && !err->type)
		return "The server's storage is full; nothing was stored.";
	return err->text;
}

/* 4xx: nothing has happened, or it is not certain that it has; the mail program tries again with the same Message-ID. */
int problem_smtp_code(const struct err *err, const char **enhanced_r)
{
	static const struct {
		enum pli_status status;
		int code;
		const char *enhanced;
	} codes[] = {
		{ PLI_INPUT, 550, "5.6.0" },   { PLI_INVALID, 550, "5.6.0" }, { PLI_UNAUTH, 530, "5.7.0" },
		{ PLI_DENIED, 550, "5.7.1" },  { PLI_ABSENT, 550, "5.1.1" },  { PLI_LIMIT, 552, "5.3.4" },
		{ PLI_FULL, 452, "4.3.1" },
	};

	*enhanced_r = "5.1.3";
	if (err->status == PLI_INVALID && str_eq(err->type, "bad-address"))
		return 553;
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i].status == err->status) {
			*enhanced_r = codes[i].enhanced;
			return codes[i].code;
		}
	*enhanced_r = "4.3.0";
	return 451;
}

static void problem_headers(struct http_response *res, bool basic, const struct err *err)
{
	unsigned wait_s = err->retry_after_s;

	if (!wait_s && (err->status == PLI_BUSY || err->status == PLI_UNCERTAIN || err->status == PLI_AGAIN))
		wait_s = 2;
	if (wait_s)
		http_headerf(res, "Retry-After", "%u", wait_s);
	if (err->status == PLI_UNAUTH)
		http_header(res, "WWW-Authenticate", basic ? "Bearer realm=\"pli\", Basic realm=\"pli\"" : "Bearer realm=\"pli\"");
	/* tus 1.0, "Tus-Version": who does not speak the client's version says which he does. */
	if (err->status == PLI_VERSION)
		http_header(res, "Tus-Version", TUS_VERSION);
}

void problem_json(struct http_response *res, int code, const struct err *err)
{
	struct jsonw w;
	char type[96];

	buf_reset(&res->body);
	res->status = code;
	snprintf(type, sizeof type, "urn:pli:problem:%s", type_of(err));
	jsonw_init(&w, &res->body, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "type", type);
	jsonw_int(&w, "status", code);
	jsonw_str(&w, "title", problem_title(err->status));
	jsonw_str(&w, "detail", problem_detail(err));
	jsonw_str(&w, "hint", err->hint[0] ? err->hint
					   : code >= 500 ? "Try again; if it persists, tell the operator of this server."
							 : "Correct the request and send it again.");
	if (err->field[0])
		jsonw_str(&w, "field", err->field);
	jsonw_object_end(&w);
	http_header(res, "Content-Type", "application/problem+json");
}

/* In the reader's language: the texts of errors are for programs, and English. */
static void problem_page(struct door_call *c, int code, const struct err *err)
{
	struct view *v = view_new(c->pool);
	const char *heading = locale_text(c->locale, STATUSES[err->status].page_key);

	view_str(v, "heading", heading);
	view_str(v, "lead", locale_text(c->locale, STATUSES[err->status].lead_key));
	answer_page(c, code, &tpl_pages_message_html, v, heading);
}

/* Pages are for people. */
static bool asked_by_program(const char *target)
{
	return str_starts(target, "/api/") || str_eq(target, "/tsa");
}

void problem_answer(struct door_call *c, const struct err *err)
{
	struct http_response *res = &c->x->res;
	int code = problem_http_code(err->status);

	problem_headers(res, c->route && c->route->basic, err);
	http_header(res, "Request-Id", c->id);
	if (asked_by_program(c->x->req.path))
		problem_json(res, code, err);
	else
		problem_page(c, code, err);
}

/* What only the wire can say; the status is the nearest one. */
static const struct {
	int code;
	enum pli_status status;
	const char *type;
} FAULTS[] = {
	{ 408, PLI_INPUT, "slow" },	      { 411, PLI_INPUT, "length-required" }, { 421, PLI_ABSENT, "unknown-host" },
	{ 431, PLI_LIMIT, "head-too-large" }, { 500, PLI_BUG, NULL },		     { 503, PLI_BUSY, NULL },
};

static void fault_status(int code, struct err *err)
{
	err->status = PLI_INPUT;
	for (int s = 0; s < PLI_STATUS_COUNT; s++)
		if (STATUSES[s].http == code) {
			err->status = (enum pli_status)s;
			break;
		}
	for (size_t i = 0; i < sizeof(FAULTS) / sizeof(*FAULTS); i++)
		if (FAULTS[i].code == code) {
			err->status = FAULTS[i].status;
			err->type = FAULTS[i].type;
		}
}

/* Nothing is known of who asks: the instance's language. */
static void fault_page(const struct doors *doors, int code, enum pli_status status, struct http_response *res)
{
	AUTO_POOL pool = pool_new();
	const char *lang = str_eq(doors->settings->lang, "en") ? "en" : "fr";
	const struct locale *l = locale_get(lang);
	const char *heading = locale_text(l, STATUSES[status].page_key);
	struct view *v = view_new(pool);

	view_str(v, "heading", heading);
	view_str(v, "lead", locale_text(l, STATUSES[status].lead_key));
	answer_frame(doors, v, lang, NULL, heading);
	res->status = code;
	buf_reset(&res->body);
	template_render(&res->body, &tpl_pages_message_html, v, l);
	http_header(res, "Content-Type", "text/html; charset=utf-8");
	http_header(res, "Content-Language", lang);
}

void problem_fault(const struct doors *doors, int code, const char *target, const char *detail, struct http_response *res)
{
	struct err err = { 0 };

	fault_status(code, &err);
	snprintf(err.text, sizeof err.text, "%s", detail ? detail : "");
	answer_security(doors, res, ANSWER_NO_STORE);
	problem_headers(res, false, &err);
	if (target && asked_by_program(target)) {
		problem_json(res, code, &err);
		return;
	}
	fault_page(doors, code, err.status, res);
}
