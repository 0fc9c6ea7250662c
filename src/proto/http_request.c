/* See http_request.h. */
#include <string.h>
#include <strings.h>

#include "pool.h"

#include "target.h"

#include "http_request.h"

static enum http_method request_method(struct head_span s)
{
	for (int m = 0; m < HTTP_OTHER; m++) {
		const char *name = http_method_name((enum http_method)m);

		if (strlen(name) == s.n && memcmp(name, s.p, s.n) == 0)
			return (enum http_method)m;
	}
	return HTTP_OTHER;
}

int http_request_line(struct pool *pool, struct head_span method, struct head_span target, struct head_span host,
		      struct http_request *req, struct err *err)
{
	struct target parsed;
	char name[256];
	enum pli_status st;

	req->method = request_method(method);
	req->target = pool_strn(pool, target.p, target.n);
	st = target_parse(pool, target.p, target.n, &parsed, err);
	if (st != PLI_OK)
		return st == PLI_LIMIT ? 414 : 400;
	if (parsed.path[0] == '*' && req->method != HTTP_OPTIONS) {
		(void)err_set(err, PLI_INPUT, "the target * is for OPTIONS only");
		return 400;
	}
	/* RFC 9112 section 3.2.2 lets the authority win; two different names are not worth guessing about. */
	if (parsed.authority && (strlen(parsed.authority) != host.n ||
				 strncasecmp(parsed.authority, host.p, host.n) != 0)) {
		(void)err_set(err, PLI_INPUT, "Host differs from the target's authority");
		return 400;
	}
	req->path = parsed.path;
	req->query = parsed.query;
	if (!head_guard_host(host, name, sizeof(name))) {
		(void)err_set(err, PLI_INPUT, "Host is malformed");
		return 400;
	}
	req->host = pool_str(pool, name);
	return 0;
}
