/* Small things about requests and responses that doors and wires share. */
#include <assert.h>
#include <string.h>

#include "buf.h"

#include "http.h"

static const char *const http_method_names[HTTP_METHOD_COUNT] = {
	[HTTP_GET] = "GET",	  [HTTP_HEAD] = "HEAD",	    [HTTP_POST] = "POST",	[HTTP_PUT] = "PUT",
	[HTTP_PATCH] = "PATCH",	  [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS", [HTTP_OTHER] = "OTHER",
};

const char *http_method_name(enum http_method m)
{
	assert((unsigned)m < HTTP_METHOD_COUNT);
	return http_method_names[m];
}

const char *http_field(const struct http_request *req, const char *name)
{
	for (int i = 0; i < req->field_count; i++)
		if (strcmp(req->fields[i].name, name) == 0)
			return req->fields[i].value;
	return NULL;
}

void http_header(struct http_response *res, const char *name, const char *value)
{
	assert(name[0] != '\0' && strpbrk(name, "\r\n: ") == NULL);
	assert(strpbrk(value, "\r\n") == NULL);
	buf_str(&res->head, name);
	buf_add(&res->head, ": ", 2);
	buf_str(&res->head, value);
	buf_add(&res->head, "\r\n", 2);
}

void http_headerf(struct http_response *res, const char *name, const char *fmt, ...)
{
	struct buf value;
	va_list ap;

	buf_init(&value);
	va_start(ap, fmt);
	buf_vfmt(&value, fmt, ap);
	va_end(ap);
	http_header(res, name, value.p ? value.p : "");
	buf_free(&value);
}
