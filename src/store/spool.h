/* Bytes of a request that must be whole before they are read: written once, then read once, of any size up to a limit.
 *
 * Up to 128 KiB stay in memory; beyond, they go into a file without a name, encrypted (cipher.h, chunked) under a key that only
 * the stream holds: nothing of it can be read on the disk, nothing outlives the process. */
#ifndef PLI_SPOOL_H
#define PLI_SPOOL_H

#include <stdint.h>

#include "status.h"

struct db;
struct istream;
struct ostream;

struct spool_options {
	struct db *db;			/* for the space that is left */
	int dir_fd;			/* where the file is made; borrowed */
	uint64_t limit_bytes;		/* PLI_LIMIT beyond */
	uint64_t reserve_bytes;		/* PLI_FULL when less would stay free */
};
/* os_r takes the bytes; ostream_finish() ends them.  All are given up by ostream_close(). */
MUST enum pli_status spool_new(const struct spool_options *options, struct ostream **os_r, struct err *err);
uint64_t spool_size(const struct ostream *os);
/* After the finish, any number of times; the stream must be closed before os is. */
MUST enum pli_status spool_read(struct ostream *os, struct istream **is_r, struct err *err);

#endif
