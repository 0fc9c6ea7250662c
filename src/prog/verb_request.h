/* One request of an operator's verb to front (ctl_session.h), and what is printed of its answer. */
#ifndef PLI_VERB_REQUEST_H
#define PLI_VERB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "jsonw.h"
#include "status.h"

#include "ctl_session.h"

struct cli_call;
struct json_read;

/* A request under construction: members in the order given; NULL values are left out. */
struct verb_request {
	struct buf args;
	struct jsonw w;
};
void verb_request_begin(struct verb_request *r);

/* One verb from begin to end; frees the request.  The instance directory is always the first word. */
MUST enum pli_status verb_request_send(struct cli_call *call, const char *verb, struct verb_request *r, ctl_session_row_fn *row,
				       void *arg, struct json_read **result_r, struct err *err);
/* The same, to the exit status.  Rows as they come: one JSON array with --json, else lines made by `line`. */
int verb_request_listing(struct cli_call *call, const char *verb, struct verb_request *r, void (*line)(const struct json_read *row));
/* Prints the result's member, alone or as {"member": …}. */
int verb_request_for(struct cli_call *call, const char *verb, struct verb_request *r, const char *name, bool print);
/* For acts that have nothing to answer: with --json, what was done to what. */
int verb_request_done(struct cli_call *call, const char *verb, struct verb_request *r, const char *what, const char *done);

/* Members of an answer; "" and 0 when absent. */
const char *verb_member(const struct json_read *object, const char *name);
int64_t verb_member_int(const struct json_read *object, const char *name);

#endif
