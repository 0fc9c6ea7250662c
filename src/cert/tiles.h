/* Hash tiles (C2SP tlog-tiles): DIR/journal/tile/L/N holds, for level L, the 256 hashes number 256·N … of the complete subtrees of
 * 256^L leaves: 8192 bytes.  N is written in groups of three digits, all but the last with an x before: 1234067 -> x001/x234/067.
 * Only full tiles are files.  All of them can be made again from the leaves. */
#ifndef PLI_TILES_H
#define PLI_TILES_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

#define TILE_HASHES 256
#define TILE_BYTES 8192
#define TILE_LEVELS 7		/* 256^7 = 2^56 leaves */

/* "tile/0/x001/067" */
void tiles_path(char path_r[64], unsigned level, uint64_t n);
/* What stands behind "tile/" in an address of a log: "0/x001/067", or "0/x001/067.p/12" for the first 12 hashes; width 256: the whole tile.
 * Strict: false for anything that the form does not give. */
bool tiles_path_parse(const char *path, unsigned *level_r, uint64_t *n_r, unsigned *width_r);
/* False when it is not there or not 8192 bytes. */
bool tiles_get(int dir_fd, unsigned level, uint64_t n, uint8_t (*hashes_r)[32]);
/* Makes folders as needed; put in place in one step, not synced.  PLI_FULL, PLI_IO. */
MUST enum pli_status tiles_put(int dir_fd, unsigned level, uint64_t n, const uint8_t (*hashes)[32], struct err *err);
/* Root of a full tile. */
void tiles_root(const uint8_t (*hashes)[32], uint8_t root_r[32]);

/* Where leaves come from that no tile holds: count leaves from number first. */
typedef enum pli_status tiles_leaves_fn(void *arg, uint64_t first, unsigned count, uint8_t (*leaves_r)[32], struct err *err);

/* Subtree hashes out of tiles, and out of leaves where no tile is.  Keeps the roots of level-0 tiles it had to compute (32 bytes for
 * 256 entries).  One thread at a time. */
struct tiles {
	int dir_fd;			/* -1: leaves only */
	tiles_leaves_fn *leaves;
	void *arg;
	uint8_t (*roots)[32];		/* of the level-0 tiles 0 … count - 1 */
	bool *known;
	uint64_t count;
};
void tiles_init(struct tiles *tiles, int dir_fd, tiles_leaves_fn *leaves, void *arg);
void tiles_fini(struct tiles *tiles);
/* Forget what is kept. */
void tiles_forget(struct tiles *tiles);
/* count hashes (1 … 256) of tile level tile_level from number first, all of one tile. */
MUST enum pli_status tiles_row(struct tiles *tiles, unsigned tile_level, uint64_t first, unsigned count, uint8_t (*out)[32], struct err *err);
/* A tree_read_fn; arg is a struct tiles. */
enum pli_status tiles_read(void *arg, unsigned level, uint64_t index, uint8_t hash_r[32], struct err *err);

#endif
