/* The parent's part of a reload (SIGHUP, or `pli reload` by way of front), in two phases: every process is given the new settings,
 * builds what it needs of them and of the new certificate, and says that it could; only when all could, all are told to change over,
 * else all forget it; it is done when all have changed over.  A file that cannot be used changes nothing, and the log says why with file and line. */
#ifndef PLI_HOST_RELOAD_H
#define PLI_HOST_RELOAD_H

#include <stdbool.h>

#include "child.h"

struct control_message;
struct host;

/* One follows the one under way; verb: front is told the outcome. */
void host_reload_ask(struct host *host, bool verb);
/* A process's answer. */
void host_reload_answer(struct host *host, enum child_kind kind, const struct control_message *m);
/* A process has ended: it can answer no more, its successor has the settings of its start. */
void host_reload_ended(struct host *host, enum child_kind kind);
/* Begins what was asked for, gives up what takes too long. */
void host_reload_tend(struct host *host);
/* timeout_ms (-1: none) or what is left until host_reload_tend has something to do. */
int host_reload_wait_ms(const struct host *host, int timeout_ms);
void host_reload_fini(struct host *host);

#endif
