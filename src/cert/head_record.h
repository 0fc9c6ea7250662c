/* DIR/journal/heads: the keeper's write-ahead log of signed tree heads, one record per group of entries, append-only.  Big-endian:
 *
 *   u32 length of all that follows · u64 size · root 32 · u32 n, n leaf hashes 32 · u32 n, checkpoint (signed note)
 *   · u32 n, token (DER) · u32 CRC-32 (zlib's) of everything before it, the length too
 *
 * size is the tree's after the group: that of the record before (0 for the first) plus the group's leaves.
 * A record counts when it is whole; what follows the last whole one was never acknowledged: zeros written ahead (no record has length
 * 0), or what a crash left of a record. */
#ifndef PLI_HEAD_RECORD_H
#define PLI_HEAD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;

#define HEAD_RECORD_MAX_BYTES (4u << 20)

struct head_record {
	uint64_t size;
	uint8_t root[32];
	const uint8_t (*leaves)[32];
	uint32_t leaf_count;
	const char *checkpoint;
	size_t checkpoint_n;
	const uint8_t *token;
	size_t token_n;
};
void head_record_write(const struct head_record *record, struct buf *out);
/* Borrowed from p.  *used_r = its bytes; false when p[0..n) does not begin with a whole record. */
bool head_record_parse(const void *p, size_t n, struct head_record *record_r, size_t *used_r);

/* Reading the file from a given offset, one record after the other. */
struct head_reader {
	int fd;
	uint64_t offset;	/* of the next record */
	uint8_t *p;
	size_t n, cap, used;
};
void head_reader_init(struct head_reader *reader, int fd, uint64_t offset);
/* PLI_OK; PLI_ABSENT at the end or at something that is no whole record; PLI_IO.  The record is borrowed until the next call. */
MUST enum pli_status head_reader_next(struct head_reader *reader, struct head_record *record_r, struct err *err);
void head_reader_fini(struct head_reader *reader);

#endif
