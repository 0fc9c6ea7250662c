/* The keeper's tree on disk (DIR/journal), for one thread at a time.
 *
 *   heads      the truth: head_record.h; one fdatasync per group.  While the keeper runs, up to 1 MiB of zeros follows the records
 *   leaves     32 bytes per leaf                          \
 *   tile/L/N   tiles.h                                     > made from heads, synced now and then, mended at start
 *   heads.idx  16 bytes per head: u64 size, u64 offset     |
 *   mark       "PLIM" u64 size root u64 offset u64 heads CRC-32: up to here the three above are known to be on the disk */
#ifndef PLI_HEAD_STORE_H
#define PLI_HEAD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counter.h"
#include "head_record.h"
#include "status.h"
#include "tiles.h"
#include "tree.h"

struct head_store {
	int dir_fd, heads_fd, leaves_fd, index_fd;
	uint64_t bytes;			/* of whole records in heads */
	uint64_t room;			/* its length: zeros from bytes on */
	uint64_t heads;			/* records */
	uint64_t last_offset;		/* of the newest record */
	uint64_t marked_size, marked_heads;
	bool sound;			/* opened without a fault: may be appended to */
	struct tree tree;
	uint8_t root[32];
	/* The unfinished tile of each level. */
	uint8_t (*partial)[TILE_HASHES][32];
	uint8_t (*trial)[TILE_HASHES][32];
	struct counter *counter;
	struct buf *record;		/* being written */
};

/* Reads, mends, and checks against the counter (borrowed, must stay open).  log_publics: keys of which one must have signed the newest head.
 * PLI_CONFLICT: damaged, or older than the counter knows; text says what; the store then holds the size found but must not be appended to. */
MUST enum pli_status head_store_open(int dir_fd, const char *origin, const uint8_t (*log_publics)[32], unsigned count,
				     struct counter *counter,
				     struct head_store *store_r, struct err *err);
/* Syncs what is not marked yet. */
void head_store_close(struct head_store *store);

/* Leaf number i of what is stored. */
MUST enum pli_status head_store_leaves(struct head_store *store, uint64_t first, size_t count, uint8_t (*leaves_r)[32], struct err *err);

/* Root of the first `size` leaves.  Costs a few hundred hashes whatever the size: a receipt may name any head.  PLI_RANGE: there are fewer. */
MUST enum pli_status head_store_root(struct head_store *store, uint64_t size, uint8_t root_r[32], struct err *err);

/* Adds a group: head (its size, root and leaves must follow from the store's tree) durable, then the counter.
 * PLI_FULL: nothing happened.  PLI_IO: the disk is broken; end the process. */
MUST enum pli_status head_store_append(struct head_store *store, const struct head_record *head, struct err *err);

/* The record of the first head with size > after; PLI_ABSENT.  The reader goes on from there. */
MUST enum pli_status head_store_seek(struct head_store *store, uint64_t after, struct head_reader *reader, struct err *err);

#endif
