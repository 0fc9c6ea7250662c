/* keys/counter: what the keeper knows of its own tree, kept beside its keys and not beside the tree, so that an older copy of the tree
 * is noticed.
 *
 * Two slots of 56 bytes at offsets 0 and 512, the rest of the 1024 bytes is zero; all integers big-endian:
 *   magic "PLIC" · generation u64 · size u64 · root 32 · CRC-32 (zlib's) of the 52 bytes before.
 * A write goes to the slot of the lower generation, so that a torn one leaves the other; the higher whole one counts. */
#ifndef PLI_COUNTER_H
#define PLI_COUNTER_H

#include <stdint.h>

#include "status.h"

struct counter {
	int fd;
	uint64_t generation, size;
	uint8_t root[32];
};
/* A new file for the empty tree.  PLI_CONFLICT when it exists. */
MUST enum pli_status counter_create(int keys_dir_fd, struct err *err);
/* PLI_ABSENT, PLI_CONFLICT (no whole slot), PLI_IO. */
MUST enum pli_status counter_open(int keys_dir_fd, struct counter *counter_r, struct err *err);
void counter_close(struct counter *counter);
/* Next generation, durable on return: blocks for a flush.  PLI_FULL, PLI_IO; the counter is then what it was. */
MUST enum pli_status counter_advance(struct counter *counter, uint64_t size, const uint8_t root[32], struct err *err);

#endif
