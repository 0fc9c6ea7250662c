/* The parent: starts front, keeper and courier, links them, brings back whichever dies, stops them in order.
 * It holds descriptors and nothing secret, and reads no byte from outside.
 *
 * One per process; single-threaded; blocks the signals SIGTERM, SIGINT, SIGHUP and SIGCHLD while it lives. */
#ifndef PLI_HOST_H
#define PLI_HOST_H

#include <stdbool.h>

#include "status.h"

struct host;
struct instance;

struct host_options {
	bool serve;		/* with listening sockets and courier; else only what operator verbs need */
	const char *program;	/* for messages */
};
/* The instance must be locked (borrowed for the host's life).  Claims owners, opens sockets, starts the processes and waits until
 * all are ready or one has failed: then everything is stopped again, err says why, and *exit_r (may be NULL) is the exit
 * status of the one that failed, 0 if none did. */
MUST enum pli_status host_start(struct instance *instance, const struct host_options *options, struct host **host_r,
				int *exit_r, struct err *err);
/* Serves until SIGTERM or SIGINT, or until front refuses to go on; returns the exit status.  Stops everything. */
int host_run(struct host *host);
/* Looks after the processes for at most timeout_ms; false when they have been stopped for good. */
bool host_tend(struct host *host, int timeout_ms);
/* Front, then the others; at most 9 s in all, what is left is killed.  Frees host; NULL is allowed. */
void host_stop(struct host *host);

#endif
