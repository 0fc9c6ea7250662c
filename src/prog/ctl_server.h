/* Front's side of DIR/run/ctl: takes connections of the same user or root, one request each, each in a thread of its own. */
#ifndef PLI_CTL_SERVER_H
#define PLI_CTL_SERVER_H

#include <stdbool.h>

#include "status.h"

#include "buf.h"

struct json_read;
struct pool;

/* One request under way. */
struct ctl_call {
	struct pool *pool;
	const struct json_read *args;
	struct buf result;	/* an object, or nothing */
	struct buf out;		/* lines not sent yet */
	int fd;
	int given_fd;		/* came with the request; -1: none */
};
/* Sends one row; blocks while the other side is slow. */
void ctl_call_row(struct ctl_call *call, const char *row_json);

typedef enum pli_status ctl_verb_fn(void *arg, struct ctl_call *call, struct err *err);
struct ctl_verb {
	const char *name;
	ctl_verb_fn *run;
};

struct ctl_server;
/* verbs ends with a NULL name; listen_fd is borrowed.  Runs the verb's function with arg. */
MUST enum pli_status ctl_server_start(int listen_fd, const struct ctl_verb *verbs, void *arg,
				      struct ctl_server **server_r, struct err *err);
/* Takes no new request and waits for those under way, wait_ms at most.  False: some still are; what they use must stay until the
 * process ends, which it should do soon.  NULL is allowed. */
bool ctl_server_stop(struct ctl_server *server, unsigned wait_ms);

#endif
