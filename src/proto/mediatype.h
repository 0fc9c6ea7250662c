/* Header values of the form `word; name=value; name="value"`: media types (RFC 9110 section 8.3.1)
 * and content dispositions (RFC 6266, RFC 7578).  Strict: tokens and quoted strings only, no
 * duplicates, no comments, no empty parameters but a single trailing semicolon. */
#ifndef PLI_MEDIATYPE_H
#define PLI_MEDIATYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct pool;

#define MEDIATYPE_PARAMS_MAX 16

struct mediatype_param {
	const char *name; /* lower case */
	const char *value; /* unquoted; may hold any byte but NUL, CR, LF */
	bool quoted;
};
struct mediatype {
	const char *type; /* lower case: "text/plain", "form-data" */
	struct mediatype_param params[MEDIATYPE_PARAMS_MAX];
	int param_count;
};

/* Reads n bytes of value; strings live in pool.  Backslash escapes only `"` and `\` in quoted
 * strings: browsers send Windows paths unescaped.  PLI_INPUT. */
MUST enum pli_status mediatype_parse(struct pool *pool, const char *value, size_t n, struct mediatype *type_r,
				     struct err *err);
/* Value of that (lower-case) parameter, or NULL. */
const char *mediatype_param(const struct mediatype *type, const char *name);
/* The type alone, ASCII case-insensitive, parameters ignored: mediatype_is(value,
 * "application/json"). value may be NULL (false). */
bool mediatype_is(const char *value, const char *type);
/* No charset parameter, or utf-8, or us-ascii. */
bool mediatype_is_utf8(const struct mediatype *type);
/* A media type that a client claims for its file, made fit for our answers: lower case type/subtype
 * without parameters, at most 127 bytes; "application/octet-stream" when raw is NULL or not one. */
const char *mediatype_clean(struct pool *pool, const char *raw);

#endif
