/* For tests: a log in memory that signs heads, proves growth and serves tiles, and can lie. */
#ifndef PLI_LOG_TESTING_H
#define PLI_LOG_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"

#include "checkpoint.h"
#include "note_key.h"
#include "tiles.h"
#include "tree.h"

#define TESTING_LOG_MAX 70000u

struct testing_log {
	char origin[64];
	uint8_t secret[64];
	struct note_key key;
	uint8_t (*leaves)[32];
	uint64_t size;
};

/* seed: the same gives the same key. */
static inline void testing_log_make(struct testing_log *l, const char *origin, uint8_t seed)
{
	uint8_t bytes[32], public_key[32];

	assert_true(sodium_init() >= 0);
	memset(bytes, seed, sizeof(bytes));
	memset(l, 0, sizeof(*l));
	snprintf(l->origin, sizeof(l->origin), "%s", origin);
	assert_int_equal(crypto_sign_seed_keypair(public_key, l->secret, bytes), 0);
	note_key_init(&l->key, origin, NOTE_KEY_LOG, public_key);
	l->leaves = test_calloc(TESTING_LOG_MAX, 32);
}

static inline void testing_log_drop(struct testing_log *l)
{
	test_free(l->leaves);
}

/* salt: another gives other leaves. */
static inline void testing_log_grow(struct testing_log *l, uint64_t to, unsigned salt)
{
	assert_true(to <= TESTING_LOG_MAX);
	for (; l->size < to; l->size++) {
		uint64_t text[2] = { l->size, salt };

		tree_leaf(text, sizeof(text), l->leaves[l->size]);
	}
}

static inline void testing_log_root(const struct testing_log *l, uint64_t size, uint8_t root_r[32])
{
	struct tree t;

	tree_init(&t);
	for (uint64_t i = 0; i < size; i++)
		tree_add(&t, l->leaves[i]);
	tree_root(&t, root_r);
}

/* Appends the signed head of that size. */
static inline void testing_log_note(const struct testing_log *l, uint64_t size, struct buf *out)
{
	uint8_t root[32];

	testing_log_root(l, size, root);
	checkpoint_write(l->origin, size, root, l->secret, out);
}

static inline unsigned testing_log_proof(const struct testing_log *l, uint64_t from, uint64_t to, uint8_t (*path_r)[32])
{
	struct tree_leaves leaves = { (const uint8_t (*)[32])l->leaves, l->size };
	struct err err = { 0 };
	unsigned count = 0;

	if (from && from < to)
		assert_int_equal(tree_consistency(from, to, tree_read_leaves, &leaves, path_r, &count, &err), PLI_OK);
	return count;
}

/* The hashes of a tile, by definition: each the root of 256^level leaves. */
static inline void testing_log_tile(const struct testing_log *l, unsigned level, uint64_t n, unsigned width, uint8_t (*hashes_r)[32])
{
	uint64_t span = UINT64_C(1) << 8 * level;

	for (unsigned i = 0; i < width; i++) {
		struct tree t;

		tree_init(&t);
		for (uint64_t k = 0; k < span; k++)
			tree_add(&t, l->leaves[(n * TILE_HASHES + i) * span + k]);
		tree_root(&t, hashes_r[i]);
	}
}

#endif
