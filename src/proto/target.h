/* The request target: what the request line asks for.
 *
 * origin-form "/path?query"; absolute-form "https://authority/path?query" (RFC 9112 section 3.2); "*" for OPTIONS.
 * The path is percent-decoded once and then stands for itself; whatever another reader might resolve differently is
 * refused: dot segments, empty segments (one slash at the very end may stand), encoded slashes and backslashes,
 * control characters, bad UTF-8, malformed percents, a fragment. */
#ifndef PLI_TARGET_H
#define PLI_TARGET_H

#include <stddef.h>

#include "status.h"

struct pool;

#define TARGET_MAX 8192

struct target {
	const char *path;	/* decoded; "*" for the asterisk-form */
	const char *query;	/* raw, without the question mark; "" if none */
	const char *authority;	/* of the absolute-form, else NULL */
};

/* Everything is copied into pool.  PLI_INPUT; PLI_LIMIT: longer than TARGET_MAX (414). */
MUST enum pli_status target_parse(struct pool *pool, const char *s, size_t n, struct target *t_r, struct err *err);

#endif
