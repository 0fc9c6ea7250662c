/* Names and values of a form: application/x-www-form-urlencoded bodies and query strings
 * (WHATWG URL section 5), or collected from elsewhere (multipart fields). */
#ifndef PLI_FORM_H
#define PLI_FORM_H

#include <stddef.h>

#include "status.h"

struct pool;

struct form_item {
	const char *name;
	const char *value; /* valid UTF-8 without NUL */
};
struct form {
	struct form_item *items; /* in the order sent */
	unsigned count;
	unsigned cap;
	struct pool *pool;
};

#define FORM_ITEMS_MAX 4096
#define FORM_NAME_MAX 47 /* what struct err can name as the field at fault */

void form_init(struct form *form, struct pool *pool);
/* Appends what p holds ("a=1&b=2"; `+` is a space).  PLI_INPUT: bad percent escape, bad UTF-8,
 * NUL, an empty name, one over FORM_NAME_MAX bytes or with control characters; PLI_INVALID: more
 * than items_max items (0 = FORM_ITEMS_MAX). */
MUST enum pli_status form_parse(struct form *form, const char *p, size_t n, unsigned items_max,
				struct err *err);
/* Appends one item; the same checks. */
MUST enum pli_status form_add(struct form *form, const char *name, const char *value, size_t value_n,
			      struct err *err);
/* First value of that name, or NULL. */
const char *form_get(const struct form *form, const char *name);
/* The value of a field that may stand once: NULL when absent, PLI_INPUT when it is repeated. */
MUST enum pli_status form_one(const struct form *form, const char *name, const char **value_r,
			      struct err *err);
/* Every name must be one of the NULL-terminated list; PLI_INVALID, type "unknown-field", with the
 * nearest name. */
MUST enum pli_status form_only(const struct form *form, const char *const *names, struct err *err);

#endif
