/* The courier's body: does what front asks, by typed jobs (job.h): writes into the outbox itself, one batch after the
 * other, gives mails to the relay's sessions
 * (relay.h) and asks others over HTTP (fetch.h).  It has no database and no key but the relay's password. */
#ifndef PLI_COURIER_MAIN_H
#define PLI_COURIER_MAIN_H

#include <stdbool.h>

#include "status.h"

#include "fetch.h"
#include "job.h"

struct courier;
struct relay_config;

struct courier_config {
	int outbox_dir_fd;		/* borrowed */
	int control_fd;			/* SOCK_SEQPACKET; a descriptor that comes over it is a new link to front.  Borrowed */
	/* Reads one message of control_fd instead; *link_fd_r: a new link, or -1.  False: control_fd has ended.  NULL: as said above. */
	bool (*control)(void *arg, int *link_fd_r);
	void *control_arg;
	struct fetch_peer peers[JOB_WHOMS];	/* borrowed for the courier's life */
	const struct relay_config *relay;	/* NULL: none.  Strings are borrowed for the courier's life */
};
/* Before the process is confined: reads all that must be read before, the resolver's configuration and the certificates. */
MUST enum pli_status courier_new(const struct courier_config *config, struct courier **courier_r, struct err *err);
/* Serves until control_fd ends: PLI_OK.  A broken outbox is PLI_IO: the caller ends the process. */
MUST enum pli_status courier_serve(struct courier *courier, struct err *err);
/* Waits a moment for mails under way.  False: some transactions hang, the caller ends the process by _exit(). */
bool courier_end(struct courier *courier);

#endif
