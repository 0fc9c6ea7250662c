/* JSON from outside (RFC 8259), read strictly: valid UTF-8, no NUL, no duplicate names, at most 32
 * levels deep, size bounded, one object at the top, and unknown members refused with the nearest
 * known name. */
#ifndef PLI_JSON_READ_H
#define PLI_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct pool;
struct json_read; /* an object; lives in its pool, so does all it gives */

#define JSON_READ_DEPTH_MAX 32

/* names: NULL-terminated list of the members allowed (static), or NULL = any (for answers of a
 * newer server). PLI_INPUT malformed; PLI_LIMIT over max_bytes; PLI_INVALID type "unknown-field". */
MUST enum pli_status json_read_open(struct pool *pool, const void *p, size_t n, size_t max_bytes,
				    const char *const *names, struct json_read **object_r, struct err *err);
/* The member is there and not null. */
bool json_read_has(const struct json_read *object, const char *name);

/* Absent or null members leave *_r as it was, so set the default first.  A member of another type
 * is PLI_INVALID, type "wrong-type", with the member's name. */
MUST enum pli_status json_read_str(const struct json_read *object, const char *name, const char **s_r,
				   struct err *err);
MUST enum pli_status json_read_bool(const struct json_read *object, const char *name, bool *b_r,
				    struct err *err);
MUST enum pli_status json_read_int(const struct json_read *object, const char *name, int64_t min, int64_t max,
				   int64_t *n_r, struct err *err);
/* An array of strings, or one string (an array of one).  At most max items: PLI_INVALID, type
 * "too-many". */
MUST enum pli_status json_read_strs(const struct json_read *object, const char *name, size_t max,
				    const char ***items_r, size_t *count_r, struct err *err);
/* A member that is an object, or an array of objects; names as above. */
MUST enum pli_status json_read_object(const struct json_read *object, const char *name,
				      const char *const *names, struct json_read **child_r, struct err *err);
MUST enum pli_status json_read_objects(const struct json_read *object, const char *name,
				       const char *const *names, size_t max, struct json_read ***items_r,
				       size_t *count_r, struct err *err);

#endif
