/* What is said on DIR/run/ctl between an operator's verb and front: one JSON object a line.
 *
 * Request, one line of at most CTL_REQUEST_MAX bytes:  {"verb":"user add","args":{…}}
 * Answer: any number of {"row":{…}} and at last {"ok":true,"result":{…}}
 *         or {"ok":false,"status":"conflict","type":"…","field":"…","text":"…","hint":"…","result":{…}}
 * One request per connection. */
#ifndef PLI_CTL_H
#define PLI_CTL_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct buf;
struct json_read;
struct pool;

#define CTL_REQUEST_MAX 65536
#define CTL_ANSWER_MAX (1024 * 1024)

struct ctl_request {
	const char *verb;
	struct json_read *args;
};
/* args_json: an object.  Appends the line with its line feed. */
void ctl_request_write(struct buf *out, const char *verb, const char *args_json);
MUST enum pli_status ctl_request_read(struct pool *pool, const char *line, size_t n, struct ctl_request *request_r,
				      struct err *err);

void ctl_row_write(struct buf *out, const char *row_json);
/* status PLI_OK: done; else what err says.  result_json: an object, or NULL. */
void ctl_end_write(struct buf *out, enum pli_status status, const struct err *err, const char *result_json);

struct ctl_answer {
	bool last;
	struct json_read *body;		/* the row or the result; NULL when there is none */
	const char *row_json;		/* of a row: its text as it came, in the pool */
	enum pli_status status;		/* of the last line */
	struct err err;			/* when status is not PLI_OK; type lives in the pool */
};
MUST enum pli_status ctl_answer_read(struct pool *pool, const char *line, size_t n, struct ctl_answer *answer_r,
				     struct err *err);

#endif
