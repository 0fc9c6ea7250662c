/* Cookies (RFC 6265): one named value out of a Cookie header, and our Set-Cookie lines. */
#ifndef PLI_COOKIE_H
#define PLI_COOKIE_H

#include <stddef.h>

struct buf;
struct pool;

/* Value of the cookie of exactly that name (case-sensitive), copied into pool.  NULL when it is
 * absent, when it stands twice (somebody planted one), or when its value has bytes outside RFC
 * 6265.  header may be NULL. */
const char *cookie_get(struct pool *pool, const char *header, const char *name);

/* Value of Set-Cookie: `NAME=VALUE; Path=/; Secure; HttpOnly; SameSite=Strict` and Max-Age when
 * max_age_s > 0; max_age_s < 0 deletes the cookie.  name and value are ours (asserted to be
 * legal). */
void cookie_write(struct buf *out, const char *name, const char *value, long max_age_s);

#endif
