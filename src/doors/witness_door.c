/* See witness_door.h. */
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "http.h"

#include "answer.h"
#include "door.h"

#include "witness_door.h"

#define BODY_MAX 65536
#define LATEST "/checkpoint/"
#define PLAIN "text/plain; charset=utf-8"

struct witness_door {
	struct witness_door_config config;
	struct doors doors;		/* for the headers of every answer */
};

static void reply(struct witness_door *d, struct http_response *res, int code, const char *type, const char *text)
{
	res->status = code;
	http_header(res, "Content-Type", type);
	if (text)
		buf_str(&res->body, text);
	answer_security(&d->doors, res, ANSWER_NO_STORE);
}

static void refuse(struct witness_door *d, struct http_exchange *x, struct http_plan *plan, int code, const char *text)
{
	reply(d, &x->res, code, PLAIN, text);
	plan->refused = true;
}

static void plan(void *app, struct http_exchange *x, struct http_plan *plan_r)
{
	struct witness_door *d = app;
	bool get = x->req.method == HTTP_GET || x->req.method == HTTP_HEAD, add = str_eq(x->req.path, "/add-checkpoint");

	*plan_r = (struct http_plan){ .body = HTTP_BODY_NONE };
	if (!add && !str_eq(x->req.path, "/key") && !str_eq(x->req.path, "/healthz") && !str_eq(x->req.path, "/readyz") &&
	    !str_starts(x->req.path, LATEST)) {
		refuse(d, x, plan_r, 404, "This is a witness: POST /add-checkpoint, GET /checkpoint/ORIGIN, GET /key.\n");
	} else if (add ? x->req.method != HTTP_POST : !get) {
		http_header(&x->res, "Allow", add ? "POST" : "GET, HEAD");
		refuse(d, x, plan_r, 405, "This address does not take that method.\n");
	} else if (x->req.has_body || add) {
		plan_r->body = HTTP_BODY_BUFFERED;
		plan_r->body_max = BODY_MAX;
	}
}

static bool handle(void *app, struct http_exchange *x)
{
	struct witness_door *d = app;
	const char *path = x->req.path, *type = PLAIN;
	enum pli_status st = PLI_OK;
	struct err err = { 0 };
	bool health = str_eq(path, "/healthz") || str_eq(path, "/readyz");
	int code = 200;

	if (str_eq(path, "/add-checkpoint"))
		st = d->config.add(d->config.arg, x->body.p, x->body.n, &code, &type, &x->res.body, &err);
	else if (str_starts(path, LATEST))
		st = d->config.latest(d->config.arg, path + strlen(LATEST), &code, &type, &x->res.body, &err);
	else if (str_eq(path, "/key"))
		buf_fmt(&x->res.body, "%s\n", d->config.key);
	else
		/* Ready means that the keeper answers, whatever it answers. */
		st = d->config.latest(d->config.arg, "", &code, &type, &x->res.body, &err);
	if (st != PLI_OK) {
		http_headerf(&x->res, "Retry-After", "%u", err.retry_after_s ? err.retry_after_s : 5);
		buf_reset(&x->res.body);
		reply(d, &x->res, 503, PLAIN, err.text);
		return true;
	}
	if (health) {
		buf_reset(&x->res.body);
		buf_str(&x->res.body, "ok\n");
		code = 200;
	}
	reply(d, &x->res, code, type, NULL);
	return true;
}

static void done(void *app, struct http_exchange *x)
{
	(void)app;
	(void)x;
}

static void fault(void *app, int status, const char *target, const char *detail, struct http_response *res)
{
	(void)target;
	reply(app, res, status, PLAIN, detail);
	buf_ch(&res->body, '\n');
}

static bool host_known(void *app, const char *host)
{
	const struct witness_door *d = app;

	return str_ieq(host, d->config.settings->host) || str_ieq(host, "localhost") || str_eq(host, "127.0.0.1") || str_eq(host, "[::1]") ||
	       str_eq(host, "::1");
}

void witness_door_new(const struct witness_door_config *config, struct http_app *app_r, struct witness_door **door_r)
{
	struct witness_door *d = mem_alloc(sizeof(*d));

	d->config = *config;
	*app_r = (struct http_app){ .app = d, .plan = plan, .handle = handle, .done = done, .fault = fault, .host_known = host_known };
	*door_r = d;
}

void witness_door_free(struct witness_door *door)
{
	mem_free(door);
}
