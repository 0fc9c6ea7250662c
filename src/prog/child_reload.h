/* A process's part of a reload; the parent's is host_reload.h.  Prepared settings hold from COMMIT on; who reads the settings
 * reads them from `live`, which changes in place (settings_renew).
 *
 * A process that must build something first (front: the TLS context) gives functions for it; all run on the thread that reads the
 * control line. */
#ifndef PLI_CHILD_RELOAD_H
#define PLI_CHILD_RELOAD_H

#include <stdbool.h>

#include "settings.h"
#include "status.h"

struct control_message;
struct pool;

struct child_reload {
	struct settings *live;
	/* May be NULL.  prepare: a failure refuses the whole reload with its text.  After a prepare that went well exactly one of the
	 * two others is called. */
	enum pli_status (*prepare)(void *arg, const struct settings *wanted, struct err *err);
	void (*commit)(void *arg, const struct settings *now);
	void (*drop)(void *arg);
	void *arg;
	/* own */
	struct pool *pool;		/* of wanted; kept once it is committed, for whoever still reads its texts */
	struct settings wanted;
	bool prepared;
};
/* True when the message was about a reload; then its descriptor is taken and the parent was answered. */
bool child_reload_message(struct child_reload *reload, struct control_message *m);
/* For processes whose control line brings links and reloads alone: reads one message; *link_fd_r: a new link, or -1.
 * False: the line has ended, or the parent wants the process to.  arg: a struct child_reload. */
bool child_reload_control(void *arg, int *link_fd_r);

#endif
