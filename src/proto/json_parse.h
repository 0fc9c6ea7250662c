/* The tree of a JSON text (RFC 8259), for json_read.c: strict, all of it in a pool, so that what a request's body holds is
 * wiped with the request. */
#ifndef PLI_JSON_PARSE_H
#define PLI_JSON_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct pool;

enum json_kind { JSON_IS_NULL, JSON_IS_FALSE, JSON_IS_TRUE, JSON_IS_WHOLE, JSON_IS_REAL, JSON_IS_STRING, JSON_IS_ARRAY, JSON_IS_OBJECT };

struct json_value {
	enum json_kind kind;
	const char *name;		/* of a member of an object; else NULL */
	struct json_value *next;	/* of the same array or object */
	union {
		const char *text;	/* JSON_IS_STRING: valid UTF-8 without NUL */
		int64_t whole;		/* JSON_IS_WHOLE: no fraction, no exponent; others are JSON_IS_REAL, their value is not kept */
		struct {
			struct json_value *first;
			size_t count;
		} in;			/* JSON_IS_ARRAY, JSON_IS_OBJECT */
	};
};

/* PLI_INPUT with type "bad-json" and the place: malformed, a name twice in one object, deeper than depth_max, a number that 64 bits
 * or a double do not hold, a surrogate alone, \u0000, more than JSON_VALUES_MAX values.  p is borrowed for the call. */
#define JSON_VALUES_MAX 262144
MUST enum pli_status json_parse(struct pool *pool, const char *p, size_t n, unsigned depth_max, struct json_value **root_r, struct err *err);

#endif
