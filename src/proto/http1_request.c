/* From a guarded head to a request. */
#include "pool.h"
#include "status.h"

#include "head_guard.h"
#include "http1_conn.h"
#include "http1_head.h"
#include "http_request.h"

static char *http1_lower(struct pool *pool, struct head_span s)
{
	char *name = pool_strn(pool, s.p, s.n);

	for (size_t i = 0; i < s.n; i++)
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] = (char)(name[i] + 32);
	return name;
}

static void http1_copy_fields(struct pool *pool, const struct head_guard *g, struct http_request *req)
{
	req->fields = POOL_ARRAY(pool, struct http_field, g->field_count + 1);
	req->field_count = (int)g->field_count;
	for (unsigned i = 0; i < g->field_count; i++) {
		req->fields[i].name = http1_lower(pool, g->fields[i].name);
		req->fields[i].value = pool_strn(pool, g->fields[i].value.p, g->fields[i].value.n);
	}
}

/* The head has been used: what follows it is body or the next request. */
static void http1_consume_head(struct http1_conn *c, size_t len)
{
	mem_wipe(c->in.p + c->in_off, len);
	c->in_off += len;
	c->in_line = 0;
}

void http1_request_begin(struct http1_conn *c, size_t len)
{
	const struct http_app *app = c->env->exchanges.app;
	struct exchange *x = exchange_new(&c->env->exchanges, http1_changed, c);
	struct http_exchange *pub = exchange_public(x);
	struct http_request *req = &pub->req;
	struct head_guard g;
	const char *why = "";
	struct err err = { 0 };
	int status = http1_head_parse(c->in.p + c->in_off, len, &g, &why);

	if (status == 0) {
		status = http_request_line(pub->pool, g.method, g.target, g.host, req, &err);
		why = err.text;
	}
	if (status == 0 && !app->host_known(app->app, req->host)) {
		status = 421;
		why = "this name is not served here";
	}
	if (status != 0) {
		http1_response_fault(c, status, req->target, why);
		exchange_drop(x);
		return;
	}
	http1_copy_fields(pub->pool, &g, req);
	req->content_length = g.content_length;
	req->has_body = g.content_length > 0;
	req->peer = c->conn->peer;
	c->body_left = g.content_length;
	c->expects = g.expects_continue && req->has_body;
	c->last = g.wants_close;
	http1_consume_head(c, len);
	c->x = x;
	exchange_begin(x);
}
