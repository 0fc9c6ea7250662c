/* Small files that matter, by directory descriptor: read whole, made durably, never overwritten by accident. */
#ifndef PLI_KEYFILE_H
#define PLI_KEYFILE_H

#include <stddef.h>
#include <sys/types.h>

#include "status.h"

struct buf;

#define KEYFILE_MAX_BYTES 65536

/* Appends the file's bytes to out (make it a secret buffer for keys).  PLI_ABSENT, PLI_LIMIT, PLI_IO. */
MUST enum pli_status keyfile_read(int dir_fd, const char *name, struct buf *out, struct err *err);
/* A new file, synced with its directory; PLI_CONFLICT when it exists.  Made by root it belongs to the directory's owner. */
MUST enum pli_status keyfile_create(int dir_fd, const char *name, mode_t mode, const void *p, size_t n, struct err *err);
/* The same, but puts it in the place of an older one in one step (by NAME.new). */
MUST enum pli_status keyfile_replace(int dir_fd, const char *name, mode_t mode, const void *p, size_t n, struct err *err);
/* Appends the names of all that lies there, each with its zero: whoever goes through them may change the directory.  PLI_IO. */
MUST enum pli_status keyfile_names(int dir_fd, struct buf *names, struct err *err);

#endif
