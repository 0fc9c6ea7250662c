#include <stdbool.h>

#include <llhttp.h>

#include "http1_head.h"

/* Where the second reading stands against the first. */
struct second_reading {
	const struct head_guard *g;
	unsigned names, values;
	bool url_seen;
	bool complete;
	bool differs;
};

static int seen_url(llhttp_t *parser, const char *at, size_t n)
{
	struct second_reading *r = parser->data;

	if (r->url_seen || at != r->g->target.p || n != r->g->target.n)
		r->differs = true;
	r->url_seen = true;
	return 0;
}

static int seen_name(llhttp_t *parser, const char *at, size_t n)
{
	struct second_reading *r = parser->data;
	const struct head_span *name;

	if (r->names >= r->g->field_count) {
		r->differs = true;
		return 0;
	}
	name = &r->g->fields[r->names++].name;
	if (at != name->p || n != name->n)
		r->differs = true;
	return 0;
}

/* llhttp leaves trailing white space in the value; an empty value may come with any pointer. */
static int seen_value(llhttp_t *parser, const char *at, size_t n)
{
	struct second_reading *r = parser->data;
	const struct head_span *value;

	if (n == 0)
		return 0;
	if (r->names == 0 || r->values >= r->names) {
		r->differs = true;
		return 0;
	}
	value = &r->g->fields[r->names - 1].value;
	r->values = r->names;
	while (n && (at[n - 1] == ' ' || at[n - 1] == '\t'))
		n--;
	if (n != value->n || (n && at != value->p))
		r->differs = true;
	return 0;
}

static int seen_all(llhttp_t *parser)
{
	struct second_reading *r = parser->data;

	r->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t second_reading_settings = {
	.on_url = seen_url,
	.on_header_field = seen_name,
	.on_header_value = seen_value,
	.on_headers_complete = seen_all,
};

static bool method_is(const char *name, struct head_span s)
{
	size_t i = 0;

	while (i < s.n && name[i] == s.p[i])
		i++;
	return i == s.n && name[i] == '\0';
}

bool http1_head_knows_method(struct head_span method)
{
	static const llhttp_method_t methods[] = {
#define METHOD(num, name, string) HTTP_##name,
		HTTP_METHOD_MAP(METHOD)
#undef METHOD
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (method_is(llhttp_method_name(methods[i]), method))
			return true;
	return false;
}

static bool second_reading_agrees(const llhttp_t *parser, const struct second_reading *r)
{
	const struct head_guard *g = r->g;
	bool has_length = (parser->flags & F_CONTENT_LENGTH) != 0;

	return r->complete && !r->differs && r->url_seen && r->names == g->field_count &&
	       method_is(llhttp_method_name((llhttp_method_t)parser->method), g->method) &&
	       parser->http_major == 1 && parser->http_minor == g->minor && has_length == g->has_length &&
	       (!has_length || parser->content_length == g->content_length) &&
	       (parser->flags & (F_CHUNKED | F_TRANSFER_ENCODING)) == 0;
}

int http1_head_parse(const char *p, size_t n, struct head_guard *g_r, const char **why_r)
{
	struct second_reading r = { .g = g_r };
	llhttp_errno_t rc;
	llhttp_t parser;
	int status = head_guard_check(p, n, g_r, why_r);

	if (status != 0)
		return status;
	llhttp_init(&parser, HTTP_REQUEST, &second_reading_settings);
	parser.data = &r;
	rc = llhttp_execute(&parser, p, n);
	if (rc == HPE_INVALID_METHOD) {
		*why_r = "the method is not known";
		return 501;
	}
	if (rc != HPE_PAUSED || !second_reading_agrees(&parser, &r)) {
		*why_r = "the request head is malformed";
		return 400;
	}
	return 0;
}
