/* Archives that everybody's `tar` reads: POSIX ustar, plain files only, sizes above 8 GiB in base 256.  Header by header, so that neither
 * side holds an archive in memory; content is padded to TAR_BLOCK bytes, two blocks of zeros end it. */
#ifndef PLI_TAR_H
#define PLI_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

#define TAR_BLOCK 512
#define TAR_NAME_MAX 100

struct tar_entry {
	char name[TAR_NAME_MAX + 1];	/* relative, of [A-Za-z0-9._/-], no empty part, none that begins with a dot */
	uint64_t size;
};
/* Would tar_header_read take it? */
bool tar_name_valid(const char *name);
/* name must be valid.  mtime_s: seconds since 1970. */
void tar_header_write(const char *name, uint64_t size, int64_t mtime_s, uint8_t block_r[TAR_BLOCK]);
/* PLI_ABSENT: a block of zeros, the end.  PLI_INPUT: not a header that we write. */
MUST enum pli_status tar_header_read(const uint8_t block[TAR_BLOCK], struct tar_entry *entry_r, struct err *err);
/* Bytes of padding after content of that size. */
static inline unsigned tar_padding(uint64_t size)
{
	return (unsigned)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

#endif
