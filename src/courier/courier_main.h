/* The courier's body: does what front asks, one typed job after the other (job.h), and holds nothing between jobs.
 * It has no database and no key. */
#ifndef PLI_COURIER_MAIN_H
#define PLI_COURIER_MAIN_H

#include <stdbool.h>

#include "status.h"

struct courier_config {
	int outbox_dir_fd;		/* borrowed */
	int control_fd;			/* SOCK_SEQPACKET; a descriptor that comes over it is a new link to front.  Borrowed */
	/* Reads one message of control_fd instead; *link_fd_r: a new link, or -1.  False: control_fd has ended.  NULL: as said above. */
	bool (*control)(void *arg, int *link_fd_r);
	void *control_arg;
};
/* Everything that must be read before the process is confined: resolver, certificate store of the system, curl. */
MUST enum pli_status courier_prepare(struct err *err);
/* Serves until control_fd ends: PLI_OK.  A broken outbox is PLI_IO: the caller ends the process. */
MUST enum pli_status courier_serve(const struct courier_config *config, struct err *err);

#endif
