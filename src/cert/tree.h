/* The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1): SHA-256, leaf = H(0x00 ‖ bytes), node = H(0x01 ‖ left ‖ right),
 * root of nothing = H(""). */
#ifndef PLI_TREE_H
#define PLI_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define TREE_HASH_BYTES 32
#define TREE_PATH_MAX 64

void tree_leaf(const void *bytes, size_t n, uint8_t leaf_r[32]);
void tree_node(const uint8_t left[32], const uint8_t right[32], uint8_t node_r[32]);

/* Append state: the right edge.  edge[l] is the hash of the complete subtree of 2^l leaves, valid where bit l of size is set.
 * Plain data: copy it to try something, copy it back to forget it. */
struct tree {
	uint64_t size;
	uint8_t edge[64][32];
};
void tree_init(struct tree *tree);
void tree_add(struct tree *tree, const uint8_t leaf[32]);
void tree_root(const struct tree *tree, uint8_t root_r[32]);

/* Gives the hash of the complete subtree of 2^level leaves number index (leaves index·2^level …). */
typedef enum pli_status tree_read_fn(void *arg, unsigned level, uint64_t index, uint8_t hash_r[32], struct err *err);
/* A reader over leaves in memory; arg is a struct tree_leaves. */
struct tree_leaves {
	const uint8_t (*leaves)[32];
	uint64_t count;
};
enum pli_status tree_read_leaves(void *arg, unsigned level, uint64_t index, uint8_t hash_r[32], struct err *err);

/* The append state of a tree of `size` leaves. */
MUST enum pli_status tree_load(struct tree *tree_r, uint64_t size, tree_read_fn *read, void *arg, struct err *err);
/* Inclusion path of leaf seq in the tree of size leaves, leaf's sibling first; path_r holds TREE_PATH_MAX hashes. PLI_RANGE: seq >= size. */
MUST enum pli_status tree_inclusion(uint64_t seq, uint64_t size, tree_read_fn *read, void *arg, uint8_t (*path_r)[32],
				    unsigned *count_r, struct err *err);
/* Consistency proof from the tree of `from` leaves to that of `to` (0 < from <= to). */
MUST enum pli_status tree_consistency(uint64_t from, uint64_t to, tree_read_fn *read, void *arg, uint8_t (*path_r)[32],
				      unsigned *count_r, struct err *err);

/* RFC 9162 sections 2.1.3.2 and 2.1.4.2; path: count hashes of 32 bytes. */
bool tree_inclusion_holds(const uint8_t leaf[32], uint64_t seq, uint64_t size, const uint8_t *path, unsigned count, const uint8_t root[32]);
bool tree_consistency_holds(uint64_t from, uint64_t to, const uint8_t *path, unsigned count, const uint8_t root_from[32],
			    const uint8_t root_to[32]);

#endif
