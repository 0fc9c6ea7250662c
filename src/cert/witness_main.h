/* The keeper's body in a witness: holds the key and what was seen, answers front over one stream socket (witness_frame.h), has no
 * network and sees nothing but its two folders. */
#ifndef PLI_WITNESS_MAIN_H
#define PLI_WITNESS_MAIN_H

#include <stdbool.h>

#include "status.h"

struct keyring;
struct witness_main_config {
	const struct keyring *ring;	/* borrowed */
	int state_dir_fd;		/* borrowed */
	int control_fd;			/* borrowed */
	const char *name;
	const char *logs;		/* see witness_logs() */
	bool (*ready)(void *arg);	/* says that requests are served; false: nobody is there to hear it */
	bool (*control)(void *arg, int *link_fd_r);	/* reads one message of control_fd; *link_fd_r: a new link, or -1.  False: it has ended */
	const char *(*logs_now)(void *arg);		/* after each message: the logs, when they may have changed, else NULL */
	void *arg;
};
/* Serves until control_fd ends: PLI_OK.  PLI_IO: the disk is broken, the caller ends the process at once. */
MUST enum pli_status witness_serve(const struct witness_main_config *config, struct err *err);

#endif
