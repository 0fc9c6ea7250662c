/* Merkle tree hashing; see tree.h. */
/* The one-shot and EVP forms look the digest up anew at each call, which costs more than hashing two blocks does. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <string.h>

#include "tree.h"

void tree_leaf(const void *bytes, size_t n, uint8_t leaf_r[32])
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, "\0", 1);
	SHA256_Update(&c, bytes, n);
	SHA256_Final(leaf_r, &c);
}

void tree_node(const uint8_t left[32], const uint8_t right[32], uint8_t node_r[32])
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, "\1", 1);
	SHA256_Update(&c, left, 32);
	SHA256_Update(&c, right, 32);
	SHA256_Final(node_r, &c);
}

void tree_init(struct tree *tree)
{
	memset(tree, 0, sizeof(*tree));
}

void tree_add(struct tree *tree, const uint8_t leaf[32])
{
	uint8_t hash[32];
	unsigned level = 0;

	memcpy(hash, leaf, 32);
	for (; tree->size >> level & 1; level++)
		tree_node(tree->edge[level], hash, hash);
	memcpy(tree->edge[level], hash, 32);
	tree->size++;
}

void tree_root(const struct tree *tree, uint8_t root_r[32])
{
	SHA256_CTX c;
	unsigned level = 0;

	if (!tree->size) {
		SHA256_Init(&c);
		SHA256_Final(root_r, &c);
		return;
	}
	while (!(tree->size >> level & 1))
		level++;
	memcpy(root_r, tree->edge[level], 32);
	for (level++; level < 64; level++)
		if (tree->size >> level & 1)
			tree_node(tree->edge[level], root_r, root_r);
}

enum pli_status tree_read_leaves(void *arg, unsigned level, uint64_t index, uint8_t hash_r[32], struct err *err)
{
	const struct tree_leaves *l = arg;
	uint64_t first = index << level, count = UINT64_C(1) << level;
	struct tree t;

	if (level > 40 || first + count > l->count)
		return err_set(err, PLI_RANGE, "leaves %llu … are not there", (unsigned long long)first);
	tree_init(&t);
	for (uint64_t i = 0; i < count; i++)
		tree_add(&t, l->leaves[first + i]);
	tree_root(&t, hash_r);
	return PLI_OK;
}

/* Every subtree met below is [start, start + n) with start a multiple of the power of two that splits it, so its hash is that of the
 * complete subtrees of n's bits, folded from the right. */
static enum pli_status range_root(uint64_t start, uint64_t n, tree_read_fn *read, void *arg, uint8_t root_r[32], struct err *err)
{
	uint8_t parts[64][32];
	unsigned count = 0;

	for (int level = 63; level >= 0; level--) {
		enum pli_status status;

		if (!(n >> level & 1))
			continue;
		status = read(arg, (unsigned)level, start >> level, parts[count], err);
		if (status != PLI_OK)
			return status;
		start += UINT64_C(1) << level;
		count++;
	}
	memcpy(root_r, parts[count - 1], 32);
	for (unsigned i = count - 1; i-- > 0; )
		tree_node(parts[i], root_r, root_r);
	return PLI_OK;
}

enum pli_status tree_load(struct tree *tree_r, uint64_t size, tree_read_fn *read, void *arg, struct err *err)
{
	uint64_t start = 0;
	enum pli_status status;

	tree_init(tree_r);
	for (int level = 63; level >= 0; level--) {
		if (!(size >> level & 1))
			continue;
		status = read(arg, (unsigned)level, start >> level, tree_r->edge[level], err);
		if (status != PLI_OK)
			return status;
		start += UINT64_C(1) << level;
	}
	tree_r->size = size;
	return PLI_OK;
}

/* Largest power of two below n; n > 1. */
static uint64_t split(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* The paths are built from the root down and then turned round. */
static void turn(uint8_t (*path)[32], unsigned count)
{
	uint8_t hash[32];

	for (unsigned i = 0; i < count / 2; i++) {
		memcpy(hash, path[i], 32);
		memcpy(path[i], path[count - 1 - i], 32);
		memcpy(path[count - 1 - i], hash, 32);
	}
}

enum pli_status tree_inclusion(uint64_t seq, uint64_t size, tree_read_fn *read, void *arg, uint8_t (*path_r)[32],
			       unsigned *count_r, struct err *err)
{
	uint64_t start = 0, n = size, k;
	unsigned count = 0;
	enum pli_status status;

	if (seq >= size)
		return err_set(err, PLI_RANGE, "leaf %llu is not in a tree of %llu", (unsigned long long)seq, (unsigned long long)size);
	while (n > 1) {
		k = split(n);
		if (seq - start < k) {
			status = range_root(start + k, n - k, read, arg, path_r[count++], err);
			n = k;
		} else {
			status = range_root(start, k, read, arg, path_r[count++], err);
			start += k;
			n -= k;
		}
		if (status != PLI_OK)
			return status;
	}
	turn(path_r, count);
	*count_r = count;
	return PLI_OK;
}

/* RFC 6962 section 2.1.2, SUBPROOF without recursion: `whole` is its flag b. */
enum pli_status tree_consistency(uint64_t from, uint64_t to, tree_read_fn *read, void *arg, uint8_t (*path_r)[32],
				 unsigned *count_r, struct err *err)
{
	uint64_t start = 0, m = from, n = to, k;
	unsigned count = 0;
	bool whole = true;
	enum pli_status status;

	if (!from || from > to)
		return err_set(err, PLI_RANGE, "no consistency from %llu to %llu", (unsigned long long)from, (unsigned long long)to);
	while (m != n) {
		k = split(n);
		if (m <= k) {
			status = range_root(start + k, n - k, read, arg, path_r[count++], err);
			n = k;
		} else {
			status = range_root(start, k, read, arg, path_r[count++], err);
			start += k;
			m -= k;
			n -= k;
			whole = false;
		}
		if (status != PLI_OK)
			return status;
	}
	if (!whole) {
		status = range_root(start, n, read, arg, path_r[count++], err);
		if (status != PLI_OK)
			return status;
	}
	turn(path_r, count);
	*count_r = count;
	return PLI_OK;
}

bool tree_inclusion_holds(const uint8_t leaf[32], uint64_t seq, uint64_t size, const uint8_t *path, unsigned count, const uint8_t root[32])
{
	uint64_t fn = seq, sn = size - 1;
	uint8_t r[32];

	if (seq >= size || count > TREE_PATH_MAX)
		return false;
	memcpy(r, leaf, 32);
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *p = path + (size_t)32 * i;

		if (!sn)
			return false;
		if ((fn & 1) || fn == sn) {
			tree_node(p, r, r);
			while (!(fn & 1) && fn) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			tree_node(r, p, r);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && memcmp(r, root, 32) == 0;
}

bool tree_consistency_holds(uint64_t from, uint64_t to, const uint8_t *path, unsigned count, const uint8_t root_from[32],
			    const uint8_t root_to[32])
{
	uint64_t fn, sn;
	uint8_t fr[32], sr[32];
	unsigned i = 0;

	if (!from || from > to || count > TREE_PATH_MAX)
		return false;
	if (from == to)
		return count == 0 && memcmp(root_from, root_to, 32) == 0;
	if (!count)
		return false;
	fn = from - 1;
	sn = to - 1;
	while (fn & 1) {
		fn >>= 1;
		sn >>= 1;
	}
	/* A power of two is its own first hash and not repeated in the path. */
	memcpy(fr, (from & (from - 1)) ? path + (size_t)32 * i++ : root_from, 32);
	memcpy(sr, fr, 32);
	for (; i < count; i++) {
		const uint8_t *c = path + (size_t)32 * i;

		if (!sn)
			return false;
		if ((fn & 1) || fn == sn) {
			tree_node(c, fr, fr);
			tree_node(c, sr, sr);
			while (!(fn & 1) && fn) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			tree_node(sr, c, sr);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && memcmp(fr, root_from, 32) == 0 && memcmp(sr, root_to, 32) == 0;
}
