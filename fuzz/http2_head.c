/* A head of HTTP/2 from lines "name<TAB>value".  Properties: what is accepted has method, path and host, exactly one `host` and
 * at most one `cookie` field, no pseudo-field and none of a connection; names are in lower case, values are one line. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"
#include "status.h"

#include "http.h"
#include "http2_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct http_request *req)
{
	unsigned hosts = 0, cookies = 0;

	assert(req->path && req->query && req->host && req->host[0] && req->target);
	assert(req->path[0] == '/' || (strcmp(req->path, "*") == 0 && req->method == HTTP_OPTIONS));
	for (int i = 0; i < req->field_count; i++) {
		const char *name = req->fields[i].name, *value = req->fields[i].value;

		assert(name[0] && name[0] != ':' && !strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ \t\r\n"));
		assert(!strpbrk(value, "\r\n"));
		assert(strcmp(name, "connection") != 0 && strcmp(name, "transfer-encoding") != 0 && strcmp(name, "upgrade") != 0);
		hosts += strcmp(name, "host") == 0;
		cookies += strcmp(name, "cookie") == 0;
	}
	assert(hosts == 1 && cookies <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POOL pool = pool_new();
	const char *p = (const char *)data, *end = p + size;
	struct http_request req = { 0 };
	struct err err = { 0 };
	struct http2_head h;
	int status;

	http2_head_init(&h, pool, 4096);
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *line_end = lf ? lf : end;
		const char *tab = memchr(p, '\t', (size_t)(line_end - p));
		const char *name_end = tab ? tab : line_end;
		const char *value = tab ? tab + 1 : line_end;

		http2_head_field(&h, p, (size_t)(name_end - p), value, (size_t)(line_end - value));
		p = lf ? lf + 1 : end;
	}
	status = http2_head_finish(&h, &req, &err);
	assert(status == 0 || (status >= 400 && status < 600 && err.text[0]));
	if (status == 0)
		check_accepted(&req);
	http2_head_free(&h);
	return 0;
}
