#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "asset.h"
#include "buf.h"
#include "jsonw.h"
#include "status.h"
#include "text.h"

#include "answer.h"
#include "door.h"
#include "handlers.h"
#include "problem.h"
#include "problem_types.h"
#include "route.h"

#include "openapi.h"

#define PROBLEM "application/problem+json"
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* What the wire and the table of routes refuse before a handler is asked: no status of ours is behind them all. */
static const struct {
	int code;
	const char *type, *title;
} FAULTS[] = {
	{ 408, "slow", "Too slow" }, { 411, "length-required", "Length required" }, { 421, "unknown-host", "Another host" },
	{ 414, "input", "Address too long" }, { 431, "head-too-large", "Head too large" },
};
/* Answers of every operation. */
static const int ALWAYS[] = { 400, 405, 408, 411, 414, 421, 431, 500, 503 };

static void ref(struct jsonw *w, const char *key, const char *kind, const char *name)
{
	char path[120];

	jsonw_object(w, key);
	snprintf(path, sizeof(path), "#/components/%s/%s", kind, name);
	jsonw_str(w, "$ref", path);
	jsonw_object_end(w);
}

/* Each word of a list in turn; false after the last. */
static bool word_next(const char **list, char word[64])
{
	size_t n;

	if (!*list)
		return false;
	*list += strspn(*list, " ");
	n = strcspn(*list, " ");
	if (!n)
		return false;
	snprintf(word, 64, "%.*s", (int)n, *list);
	*list += n;
	return true;
}

/* ------------------------------------------------------------------ one operation */

static void path_param(struct jsonw *w, const char *name, size_t n)
{
	jsonw_object(w, NULL);
	jsonw_strn(w, "name", name, n);
	jsonw_str(w, "in", "path");
	jsonw_bool(w, "required", true);
	jsonw_object(w, "schema");
	jsonw_str(w, "type", "string");
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void params(struct jsonw *w, const struct route *r, const struct openapi_row *row)
{
	const char *list = row ? row->params : NULL;
	char word[64];

	jsonw_array(w, "parameters");
	for (const char *p = r->pattern; (p = strchr(p, '{')); p++)
		path_param(w, p + 1, strcspn(p + 1, "}"));
	while (word_next(&list, word))
		ref(w, NULL, "parameters", word);
	jsonw_array_end(w);
}

static void media(struct jsonw *w, const char *type, const char *schema)
{
	jsonw_object(w, type);
	ref(w, "schema", "schemas", schema);
	jsonw_object_end(w);
}

static void request_body(struct jsonw *w, const struct route *r, const struct openapi_row *row)
{
	if (!(r->types & ~ROUTE_EMPTY))
		return;
	jsonw_object(w, "requestBody");
	jsonw_bool(w, "required", !(r->types & ROUTE_EMPTY));
	jsonw_object(w, "content");
	if (r->types & ROUTE_JSON)
		media(w, "application/json", row && row->json ? row->json : "Any");
	if (r->types & ROUTE_MULTIPART)
		media(w, "multipart/form-data", row && row->form ? row->form : "Any");
	if (r->types & ROUTE_FORM)
		media(w, "application/x-www-form-urlencoded", row && row->form ? row->form : "Any");
	if (r->types & ROUTE_TUS)
		media(w, "application/offset+octet-stream", "Bytes");
	if (r->types & ROUTE_TSQ)
		media(w, "application/timestamp-query", "Bytes");
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void good_answer(struct jsonw *w, const struct route *r, const struct openapi_row *row)
{
	const char *list = row ? row->headers : NULL;
	char code[12], word[64];

	snprintf(code, sizeof(code), "%d", row ? row->code : 200);
	jsonw_object(w, code);
	jsonw_str(w, "description", r->help);
	if (list) {
		jsonw_object(w, "headers");
		while (word_next(&list, word))
			ref(w, word, "headers", word);
		jsonw_object_end(w);
	}
	if (row && row->type) {
		jsonw_object(w, "content");
		media(w, row->type, row->schema);
		if (row->type2)
			media(w, row->type2, row->schema2);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
}

static void fault_answer(struct jsonw *w, int code)
{
	char name[12];

	snprintf(name, sizeof(name), "%d", code);
	ref(w, name, "responses", name);
}

/* By what the route is: which refusals it can give. */
static void fault_answers(struct jsonw *w, const struct route *r, const struct openapi_row *row)
{
	const char *list = row ? row->params : NULL;
	bool creates = r->method == HTTP_POST || r->method == HTTP_PATCH || r->method == HTTP_PUT;
	char word[64];
	bool query = false, names_letter = false;

	for (size_t i = 0; i < COUNT(ALWAYS); i++)
		fault_answer(w, ALWAYS[i]);
	while (word_next(&list, word)) {
		query = true;
		names_letter |= str_eq(word, "letter") || str_eq(word, "letters");
	}
	if (r->who == ROUTE_TOKEN) {
		fault_answer(w, 401);
		fault_answer(w, 403);
	}
	if (strchr(r->pattern, '{') || names_letter)
		fault_answer(w, 404);
	if (query || r->types || creates)
		fault_answer(w, 422);
	if (r->types) {
		fault_answer(w, 413);
		fault_answer(w, 415);
	}
	if (creates || r->method == HTTP_DELETE)
		fault_answer(w, 409);
	if (creates)
		fault_answer(w, 507);
	if (r->types & ROUTE_TUS || (row && row->tag && str_eq(row->tag, "uploads") && r->who == ROUTE_TOKEN))
		fault_answer(w, 412);
	if (r->who == ROUTE_TOKEN)
		fault_answer(w, 429);
}

static void operation(struct jsonw *w, const struct route *r)
{
	const struct openapi_row *row = openapi_row(r->method, r->pattern);
	char method[16];
	size_t n = 0;

	for (const char *p = http_method_name(r->method); *p && n < sizeof(method) - 1; p++)
		method[n++] = (char)tolower((unsigned char)*p);
	method[n] = '\0';
	jsonw_object(w, method);
	jsonw_str(w, "summary", r->help);
	jsonw_str(w, "operationId", row ? row->id : NULL);
	if (row && row->tag) {
		jsonw_array(w, "tags");
		jsonw_str(w, NULL, row->tag);
		jsonw_array_end(w);
	}
	jsonw_array(w, "security");
	if (r->who == ROUTE_TOKEN) {
		jsonw_object(w, NULL);
		jsonw_array(w, "token");
		jsonw_array_end(w);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	params(w, r, row);
	request_body(w, r, row);
	jsonw_object(w, "responses");
	good_answer(w, r, row);
	fault_answers(w, r, row);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

/* ------------------------------------------------------------------ the whole */

static bool described(const struct route *r)
{
	return str_starts(r->pattern, "/api/") || r->who == ROUTE_TOKEN;
}

/* Each path once, with all its methods; HEAD comes with GET. */
static void paths(struct jsonw *w)
{
	unsigned count;
	const struct route *routes = route_table(&count);

	jsonw_object(w, "paths");
	for (unsigned i = 0; i < count; i++) {
		bool again = !described(&routes[i]);
		for (unsigned k = 0; k < i && !again; k++)
			again = str_eq(routes[k].pattern, routes[i].pattern);
		if (again)
			continue;
		jsonw_object(w, routes[i].pattern);
		for (unsigned k = i; k < count; k++)
			if (str_eq(routes[k].pattern, routes[i].pattern))
				operation(w, &routes[k]);
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
}

static void urn(struct jsonw *w, const char *type)
{
	char text[96];

	snprintf(text, sizeof(text), "urn:pli:problem:%s", type);
	jsonw_str(w, NULL, text);
}

/* The types that stand behind a code. */
static void types_of(struct jsonw *w, int code)
{
	for (int s = 1; s < PLI_STATUS_COUNT; s++)
		if (problem_http_code((enum pli_status)s) == code)
			urn(w, pli_status_name((enum pli_status)s));
	for (size_t i = 0; i < COUNT(PROBLEM_TYPES); i++)
		if (problem_http_code(PROBLEM_TYPES[i].status) == code)
			urn(w, PROBLEM_TYPES[i].type);
	for (size_t i = 0; i < COUNT(FAULTS); i++)
		if (FAULTS[i].code == code)
			urn(w, FAULTS[i].type);
}

static void response(struct jsonw *w, int code, const char *title)
{
	const char *header = code == 401 ? "WWW-Authenticate" : code == 405 ? "Allow" : code == 412 ? "Tus-Version"
			     : code == 409 || code == 429 || code == 503 ? "Retry-After" : NULL;
	char name[12];

	snprintf(name, sizeof(name), "%d", code);
	jsonw_object(w, name);
	jsonw_str(w, "description", title);
	if (header) {
		jsonw_object(w, "headers");
		ref(w, header, "headers", header);
		jsonw_object_end(w);
	}
	jsonw_object(w, "content");
	jsonw_object(w, PROBLEM);
	jsonw_object(w, "schema");
	jsonw_array(w, "allOf");
	ref(w, NULL, "schemas", "Problem");
	jsonw_object(w, NULL);
	jsonw_object(w, "properties");
	jsonw_object(w, "type");
	jsonw_array(w, "enum");
	types_of(w, code);
	jsonw_array_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_array_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void responses(struct jsonw *w)
{
	jsonw_object(w, "responses");
	for (int code = 400; code < 600; code++) {
		const char *title = NULL;
		for (int s = 1; s < PLI_STATUS_COUNT && !title; s++)
			if (problem_http_code((enum pli_status)s) == code)
				title = problem_title((enum pli_status)s);
		for (size_t i = 0; i < COUNT(FAULTS) && !title; i++)
			if (FAULTS[i].code == code)
				title = FAULTS[i].title;
		if (title)
			response(w, code, title);
	}
	jsonw_object_end(w);
}

/* The file is one object: its members stand beside those that are made here. */
static void components(struct jsonw *w)
{
	const struct asset *a = asset_data("openapi.json");
	const char *text = (const char *)a->bytes, *from = strchr(text, '{') + 1, *to = strrchr(text, '}');

	jsonw_object(w, "components");
	responses(w);
	jsonw_object(w, "securitySchemes");
	jsonw_object(w, "token");
	jsonw_str(w, "type", "http");
	jsonw_str(w, "scheme", "bearer");
	jsonw_str(w, "description", "An API token: pli token add DIR EMAIL.");
	jsonw_object_end(w);
	jsonw_object_end(w);
	buf_ch(w->out, ',');
	buf_add(w->out, from, (size_t)(to - from));
	jsonw_object_end(w);
}

void openapi_write(struct buf *out, const char *base_url)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "openapi", "3.1.0");
	jsonw_object(&w, "info");
	jsonw_str(&w, "title", "Pli");
	jsonw_str(&w, "version", "1");
	jsonw_str(&w, "summary", "Secure, registered electronic correspondence.");
	jsonw_str(&w, "description", "A token has the rights of its user, and the proof says that a token was used. Errors are problem documents "
		  "(RFC 9457) whatever Accept says. A 503 of type urn:pli:problem:uncertain means that it may be stored: repeat with the same "
		  "Idempotency-Key. Uploads follow tus 1.0.");
	jsonw_object(&w, "license");
	jsonw_str(&w, "name", "Apache License 2.0");
	jsonw_str(&w, "identifier", "Apache-2.0");
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	jsonw_array(&w, "servers");
	jsonw_object(&w, NULL);
	jsonw_str(&w, "url", base_url);
	jsonw_object_end(&w);
	jsonw_array_end(&w);
	paths(&w);
	components(&w);
	jsonw_object_end(&w);
}

enum pli_status api_openapi(struct door_call *c, struct err *err)
{
	(void)err;
	buf_reset(&c->x->res.body);
	openapi_write(&c->x->res.body, c->doors->base_url);
	answer_json(c, 200);
	return PLI_OK;
}
