/* Whole files that verbs read and write. */
#ifndef PLI_VERB_FILE_H
#define PLI_VERB_FILE_H

#include <stddef.h>

#include "status.h"

struct buf;
struct pool;

/* NUL-terminated, in the pool.  PLI_ABSENT, PLI_IO; PLI_INVALID: larger, or no file. */
MUST enum pli_status verb_file_read(struct pool *pool, const char *name, size_t max_bytes, char **text_r, size_t *n_r, struct err *err);
/* A new file beside the old one, then in its place: it is there whole or not at all. */
MUST enum pli_status verb_file_write(struct pool *pool, const char *name, const struct buf *bytes, struct err *err);

#endif
