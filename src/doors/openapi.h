/* GET /api/openapi.json: the API described for programs (OpenAPI 3.1), made from the table of routes, from what openapi_table.c
 * adds to it, from the types of problems that the source names (tools/problems), and from the schemas in web/data/openapi.json. */
#ifndef PLI_OPENAPI_H
#define PLI_OPENAPI_H

#include "http.h"

struct buf;

/* What the table of routes does not say.  Names of parameters and headers are those of web/data/openapi.json. */
struct openapi_row {
	enum http_method method;
	const char *pattern;
	const char *id;			/* operationId */
	const char *tag;
	const char *params;		/* "limit cursor", besides those of the path; NULL: none */
	const char *json, *form;	/* schemas of bodies */
	int code;			/* when it went well */
	const char *type, *schema;	/* of the answer's body; NULL: it has none */
	const char *type2, *schema2;	/* another form of it */
	const char *headers;		/* of the answer, "Location …" */
};
/* NULL when the table has none: then what the routes say must do. */
const struct openapi_row *openapi_row(enum http_method method, const char *pattern);
/* n from 0; NULL after the last. */
const struct openapi_row *openapi_row_at(unsigned n);

/* base_url: of the server that answers. */
void openapi_write(struct buf *out, const char *base_url);

#endif
