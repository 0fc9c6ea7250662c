/* Listening sockets, opened by the parent and handed to front. */
#ifndef PLI_LISTENER_H
#define PLI_LISTENER_H

#include "status.h"

/* address: "1.2.3.4:8443", "[::1]:8443", ":8443" (any).  Non-blocking, close-on-exec.  PLI_BUSY type "address-in-use",
 * PLI_DENIED for a port that asks for more rights, PLI_INPUT. */
MUST enum pli_status listener_tcp(const char *address, int *fd_r, struct err *err);

/* A stream socket `name` in a directory, 0600; a stale one is replaced. */
MUST enum pli_status listener_unix(int dir_fd, const char *name, int *fd_r, struct err *err);
/* The same at a path of the operator's, open to everybody who can reach it: the folder decides who can. */
MUST enum pli_status listener_unix_path(const char *path, int *fd_r, struct err *err);
MUST enum pli_status listener_connect_unix(int dir_fd, const char *name, int *fd_r, struct err *err);

#endif
