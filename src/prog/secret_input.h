/* Secrets from files, standard input or a terminal; never from arguments. */
#ifndef PLI_SECRET_INPUT_H
#define PLI_SECRET_INPUT_H

#include "status.h"

struct pool;

/* First line of the file ("-": standard input) without its line end; at most 1024 bytes, no NUL.  pool should wipe. */
MUST enum pli_status secret_input_file(struct pool *pool, const char *file, const char **secret_r, struct err *err);
/* The same of a descriptor, which stays the caller's; what: for the text of a failure. */
MUST enum pli_status secret_input_descriptor(struct pool *pool, int fd, const char *what, const char **secret_r, struct err *err);
/* Asks twice on the terminal without showing it.  PLI_INPUT when there is no terminal or the two differ. */
MUST enum pli_status secret_input_ask(struct pool *pool, const char *what, const char **secret_r, struct err *err);

#endif
