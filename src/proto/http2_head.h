/* A request head of HTTP/2, field by field as HPACK gives them, judged by the rules of the head guard (head_guard.h) and
 * those of RFC 9113 section 8: pseudo-fields first and once, names in lower case, no field that belongs to a connection.
 *
 * The library below checks much of this too; here nothing is taken on trust, and what it would silently drop is refused.
 * :authority and Host must agree and give the one `host` field that doors see; the crumbs of `cookie` are joined
 * (section 8.2.3). */
#ifndef PLI_HTTP2_HEAD_H
#define PLI_HTTP2_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "status.h"

#include "head_guard.h"

struct http_field;
struct http_request;
struct pool;

struct http2_head {
	struct pool *pool;
	struct head_span method, scheme, authority, path, host;
	struct http_field *fields;
	unsigned field_count;
	bool regular;		/* a field that is no pseudo-field has come */
	bool has_length;
	uint64_t content_length;
	bool expects_continue;
	size_t bytes, bytes_max;
	struct buf cookie;
	int status;		/* of the first fault; 0: none */
	const char *why;	/* its static sentence */
};

/* bytes_max: of all names and values, else 431.  What is kept lies in pool, but for the cookie: http2_head_free(). */
void http2_head_init(struct http2_head *h, struct pool *pool, size_t bytes_max);
void http2_head_free(struct http2_head *h);

/* Takes one field, in the order sent; after a fault only counts. */
void http2_head_field(struct http2_head *h, const char *name, size_t name_n, const char *value, size_t value_n);
/* The library below has refused a field. */
void http2_head_invalid(struct http2_head *h);

/* All fields have come: fills method, target, host and fields of req.  Returns 0, or the status of the refusal (400 417
 * 431 414 501) with its text in err. */
int http2_head_finish(struct http2_head *h, struct http_request *req, struct err *err);

#endif
