/* A streaming JSON writer into a buf.  Members are written in the order given; the caller who needs
 * RFC 8785 canonical form gives them sorted (checked with assert when canonical is set).
 * Strings must be valid UTF-8; escapes are those of RFC 8785 section 3.2.2.2. */
#ifndef PLI_JSONW_H
#define PLI_JSONW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct jsonw {
	struct buf *out;
	bool canonical;
	int depth;
	bool first[32];
	const char *last_key[32];	/* only with canonical: static or outliving strings */
};

void jsonw_init(struct jsonw *w, struct buf *out, bool canonical);
/* key is NULL inside arrays and at the top. */
void jsonw_object(struct jsonw *w, const char *key);
void jsonw_object_end(struct jsonw *w);
void jsonw_array(struct jsonw *w, const char *key);
void jsonw_array_end(struct jsonw *w);
void jsonw_str(struct jsonw *w, const char *key, const char *s);	/* NULL s: nothing is written */
void jsonw_strn(struct jsonw *w, const char *key, const char *s, size_t n);
void jsonw_int(struct jsonw *w, const char *key, int64_t v);		/* |v| < 2^53 */
void jsonw_bool(struct jsonw *w, const char *key, bool v);
void jsonw_null(struct jsonw *w, const char *key);
void jsonw_hex(struct jsonw *w, const char *key, const void *p, size_t n);
void jsonw_time(struct jsonw *w, const char *key, int64_t t_us);	/* RFC 3339 ms; 0: null */
/* Already written JSON, copied as is. */
void jsonw_raw(struct jsonw *w, const char *key, const char *json, size_t n);

#endif
