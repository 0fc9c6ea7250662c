/* Canonical JSON (subset of RFC 8785) as journal entries use it: one object, members sorted by name, no white space, strings in UTF-8
 * with the shortest escapes, integers below 2^53, booleans, objects, arrays.  Names are of [A-Za-z0-9_.-], so byte order is the order
 * of RFC 8785. */
#ifndef PLI_CANON_H
#define PLI_CANON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct pool;

#define CANON_DEPTH_MAX 8

/* The bytes are exactly one canonical object. */
bool canon_object_valid(const char *s, size_t n);

/* A member of a canonical object: its value's bytes (borrowed), or false.  The object must be valid. */
bool canon_member(const char *object, size_t n, const char *name, const char **value_r, size_t *value_n_r);
/* A string value decoded into pool, or NULL when absent or of another type. */
const char *canon_member_str(struct pool *pool, const char *object, size_t n, const char *name);
/* Appends the object with one string member put in its place (or replaced); object NULL: {}.  PLI_BUG when object is not canonical (out then
 * holds a part of it). */
MUST enum pli_status canon_with_str(const char *object, const char *name, const char *value, struct buf *out, struct err *err);

/* Reading in order: a scanner over one object's members. */
struct canon_scan {
	const char *p, *end;
	bool first, bad;
	char last[65];		/* name of the member before, for the order */
};
void canon_scan_init(struct canon_scan *scan, const char *object, size_t n);
/* Next member; false at the end or (bad set) on anything not canonical. name_r holds 65 bytes. */
bool canon_scan_next(struct canon_scan *scan, char name_r[65], const char **value_r, size_t *value_n_r);
/* Values. */
bool canon_string(struct pool *pool, const char *value, size_t n, const char **s_r);
bool canon_integer(const char *value, size_t n, int64_t *v_r);

#endif
