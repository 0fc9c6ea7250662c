/* The body of pli-mail: reads one message after the other that front hands over (mail_frame.h) and says what is in it.
 * It has no database, no key, no folder; it keeps nothing of a message. */
#ifndef PLI_MAIL_MAIN_H
#define PLI_MAIL_MAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct mail_config {
	int control_fd;			/* the parent's line; borrowed */
	/* Reads one message of control_fd; *link_fd_r: a new link to front, or -1.  False: the line has ended. */
	bool (*control)(void *arg, int *link_fd_r);
	void *control_arg;
	uint64_t message_max;		/* bytes of one message */
};
/* Limits of the process: memory for a message of that size, no files, no children; before mail_serve. */
MUST enum pli_status mail_limits(uint64_t message_max, struct err *err);
/* Serves until control_fd ends: PLI_OK. */
MUST enum pli_status mail_serve(const struct mail_config *config, struct err *err);

#endif
