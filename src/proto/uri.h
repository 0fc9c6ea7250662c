/* Percent encoding and the few URLs we make and read (RFC 3986). */
#ifndef PLI_URI_H
#define PLI_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct pool;

/* Everything but the unreserved characters (A-Z a-z 0-9 - . _ ~) becomes %XX. */
void uri_encode(struct buf *out, const void *p, size_t n);
/* The same, `/` stays. */
void uri_encode_path(struct buf *out, const void *p, size_t n);
/* Appends the decoded bytes; false on a bad escape (what was appended before it stays).
 * plus: `+` is a space (forms).  The result may hold NUL: the caller checks. */
bool uri_decode(struct buf *out, const char *p, size_t n, bool plus);

/* "https://HOST[:PORT]PATH": port 0 and 443 are hidden, IPv6 literals are bracketed, PATH begins
 * with `/` and is percent-encoded already.  host and path are ours (asserted to hold no space,
 * control or quote). */
void uri_https(struct buf *out, const char *host, unsigned port, const char *path);

struct uri {
	const char *scheme; /* lower case */
	const char *host; /* lower case; without brackets */
	unsigned port; /* 0 = none given */
	const char *path; /* as sent, "" or begins with `/`; query and fragment cut off */
	const char *query; /* as sent, "" if none */
};
/* Absolute URL with an authority; user names, passwords and fragments are refused, so is any
 * space, control character or non-ASCII byte.  scheme must be one of the NULL-terminated list.
 * Strings live in pool. */
MUST enum pli_status uri_parse(struct pool *pool, const char *s, const char *const *schemes,
			       struct uri *uri_r, struct err *err);

#endif
