/* What a request asks for, whatever the wire: method, target and host of a head whose bytes were already judged. */
#ifndef PLI_HTTP_REQUEST_H
#define PLI_HTTP_REQUEST_H

#include "status.h"

#include "head_guard.h"
#include "http.h"

struct pool;

/* Fills method, target, path, query and host, copied into pool.  host is that of Host or :authority.
 * Returns 0, or the status of the refusal (400, 414) with its text in err. */
int http_request_line(struct pool *pool, struct head_span method, struct head_span target, struct head_span host,
		      struct http_request *req, struct err *err);

#endif
