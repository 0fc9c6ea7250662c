/* See http2_head.h. */
#include <string.h>
#include <strings.h>

#include "pool.h"

#include "http1_head.h"
#include "http_request.h"

#include "http2_head.h"

void http2_head_init(struct http2_head *h, struct pool *pool, size_t bytes_max)
{
	*h = (struct http2_head){ .pool = pool, .bytes_max = bytes_max };
	h->fields = POOL_ARRAY(pool, struct http_field, HEAD_GUARD_FIELDS + 2);	/* and the joined cookie, and host */
	buf_init_secret(&h->cookie);
}

void http2_head_free(struct http2_head *h)
{
	buf_free(&h->cookie);
}

static void head_fault(struct http2_head *h, int status, const char *why)
{
	if (h->status == 0) {
		h->status = status;
		h->why = why;
	}
}

void http2_head_invalid(struct http2_head *h)
{
	head_fault(h, 400, "a header field is malformed");
}

static bool span_equals(struct head_span s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static struct head_span head_keep(struct http2_head *h, struct head_span s)
{
	return (struct head_span){ pool_strn(h->pool, s.p, s.n), s.n };
}

static void head_pseudo(struct http2_head *h, struct head_span name, struct head_span value)
{
	struct head_span *into = span_equals(name, ":method")	   ? &h->method
				 : span_equals(name, ":scheme")	   ? &h->scheme
				 : span_equals(name, ":authority") ? &h->authority
				 : span_equals(name, ":path")	   ? &h->path
								   : NULL;

	if (!into)
		head_fault(h, 400, "a pseudo-field is not known");
	else if (into->p)
		head_fault(h, 400, "a pseudo-field stands there more than once");
	else if (h->regular)
		head_fault(h, 400, "a pseudo-field stands behind the others");
	else
		*into = head_keep(h, value);
}

/* RFC 9113 section 8.2.2. */
static bool head_is_of_connection(struct head_span name, struct head_span value)
{
	static const char *const names[] = { "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_equals(name, names[i]))
			return true;
	return span_equals(name, "te") && !(value.n == 8 && strncasecmp(value.p, "trailers", 8) == 0);
}

static bool head_name_is_good(struct head_span name)
{
	if (!head_guard_token(name))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] >= 'A' && name.p[i] <= 'Z')
			return false;
	return true;
}

static bool head_value_is_good(struct head_span v)
{
	if (v.n && (v.p[0] == ' ' || v.p[0] == '\t' || v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		return false;
	return head_guard_value(v);
}

/* The fields that frame the message or name its target.  True: nothing more is to be done with this one. */
static bool head_known(struct http2_head *h, struct head_span name, struct head_span value)
{
	if (span_equals(name, "host")) {
		if (h->host.p)
			head_fault(h, 400, "Host stands there more than once");
		h->host = head_keep(h, value);
		return true;
	}
	if (span_equals(name, "cookie")) {
		buf_add(&h->cookie, "; ", h->cookie.n ? 2 : 0);
		buf_add(&h->cookie, value.p, value.n);
		return true;
	}
	if (span_equals(name, "content-length")) {
		const char *wrong = h->has_length ? "Content-Length stands there more than once"
						  : head_guard_length(value, &h->content_length);

		h->has_length = true;
		if (wrong)
			head_fault(h, 400, wrong);
	} else if (span_equals(name, "expect")) {
		h->expects_continue = true;
		if (value.n != 12 || strncasecmp(value.p, "100-continue", 12) != 0)
			head_fault(h, 417, "only Expect: 100-continue is understood");
	}
	return false;
}

static void head_add(struct http2_head *h, const char *name, const char *value)
{
	h->fields[h->field_count].name = name;
	h->fields[h->field_count].value = value;
	h->field_count++;
}

static void head_regular(struct http2_head *h, struct head_span name, struct head_span value)
{
	h->regular = true;
	if (!head_name_is_good(name))
		head_fault(h, 400, "a header name is not a token in lower case");
	else if (!head_value_is_good(value))
		head_fault(h, 400, "a header value holds control characters or is not UTF-8");
	else if (head_is_of_connection(name, value))
		head_fault(h, 400, "a header field is for connections of HTTP/1 only");
	else if (head_known(h, name, value))
		return;
	else if (h->field_count == HEAD_GUARD_FIELDS)
		head_fault(h, 431, "there are more than 100 header lines");
	else
		head_add(h, pool_strn(h->pool, name.p, name.n), pool_strn(h->pool, value.p, value.n));
}

void http2_head_field(struct http2_head *h, const char *name, size_t name_n, const char *value, size_t value_n)
{
	struct head_span n = { name, name_n }, v = { value, value_n };

	h->bytes += name_n + value_n;
	if (h->bytes > h->bytes_max)
		head_fault(h, 431, "the request head is too long");
	if (h->status)
		return;
	if (name_n && name[0] == ':')
		head_pseudo(h, n, v);
	else
		head_regular(h, n, v);
}

static int head_refuse(struct err *err, int status, const char *why)
{
	(void)err_set(err, PLI_INPUT, "%s", why);
	return status;
}

/* One host, from one field or from two that agree. */
static int head_host(struct http2_head *h, struct err *err)
{
	if (!h->authority.p)
		h->authority = h->host;
	if (!h->authority.p || h->authority.n == 0)
		return head_refuse(err, 400, "Host is missing");
	if (h->host.p && (h->host.n != h->authority.n || strncasecmp(h->host.p, h->authority.p, h->host.n) != 0))
		return head_refuse(err, 400, "Host differs from the target's authority");
	return 0;
}

static int head_target(struct http2_head *h, struct err *err)
{
	if (!h->method.p || !head_guard_token(h->method))
		return head_refuse(err, 400, "the method is not a token");
	if (!http1_head_knows_method(h->method) || span_equals(h->method, "CONNECT"))
		return head_refuse(err, 501, "the method is not known");
	if (!h->scheme.p || h->scheme.n != 5 || strncasecmp(h->scheme.p, "https", 5) != 0)
		return head_refuse(err, 400, "the scheme is not https");
	if (!h->path.p || !(h->path.n && (h->path.p[0] == '/' || span_equals(h->path, "*"))))
		return head_refuse(err, 400, "the path does not begin with a slash");
	if (!head_guard_target(h->path))
		return head_refuse(err, 400, "the target holds bytes that must be percent-encoded");
	return 0;
}

int http2_head_finish(struct http2_head *h, struct http_request *req, struct err *err)
{
	int status = h->status;

	req->target = h->path.p && head_guard_target(h->path) ? h->path.p : NULL;
	if (status)
		return head_refuse(err, status, h->why);
	status = head_target(h, err);
	if (status == 0)
		status = head_host(h, err);
	if (status == 0)
		status = http_request_line(h->pool, h->method, h->path, h->authority, req, err);
	if (status)
		return status;
	if (h->cookie.n)
		head_add(h, "cookie", pool_strn(h->pool, h->cookie.p, h->cookie.n));
	head_add(h, "host", h->authority.p);
	req->fields = h->fields;
	req->field_count = (int)h->field_count;
	return 0;
}
