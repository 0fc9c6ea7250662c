/* The tree against the published vectors of RFC 6962's reference implementation, and every proof of small trees. */
#include "cert_testing.h"

#include "text.h"
#include "tree.h"

/* Leaf data and roots of the reference implementation's eight-leaf tree. */
static const struct {
	const char *leaf_hex;
	const char *root_hex;
} vectors[] = {
	{ "", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
	{ "00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
	{ "10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
	{ "2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
	{ "3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
	{ "40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
	{ "5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c" },
	{ "606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
};

static void vectors_hold(void **state)
{
	uint8_t data[16], leaf[32], root[32], want[32];
	struct tree t;

	(void)state;
	tree_init(&t);
	tree_root(&t, root);
	assert_true(hex_decode(want, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 64));
	assert_memory_equal(root, want, 32);
	for (size_t i = 0; i < 8; i++) {
		size_t n = strlen(vectors[i].leaf_hex) / 2;

		assert_true(hex_decode(data, n, vectors[i].leaf_hex, 2 * n));
		tree_leaf(data, n, leaf);
		tree_add(&t, leaf);
		tree_root(&t, root);
		assert_true(hex_decode(want, 32, vectors[i].root_hex, 64));
		assert_memory_equal(root, want, 32);
	}
}

#define LEAVES 80

static uint8_t leaves[LEAVES][32];
static uint8_t roots[LEAVES + 1][32];

static int make(void **state)
{
	struct tree t;

	(void)state;
	tree_init(&t);
	tree_root(&t, roots[0]);
	for (size_t i = 0; i < LEAVES; i++) {
		tree_leaf(&i, sizeof(i), leaves[i]);
		tree_add(&t, leaves[i]);
		tree_root(&t, roots[i + 1]);
	}
	return 0;
}

static void every_inclusion(void **state)
{
	struct tree_leaves l = { .leaves = (const uint8_t (*)[32])leaves, .count = LEAVES };
	uint8_t path[TREE_PATH_MAX][32];
	struct err err;
	unsigned count;

	(void)state;
	for (uint64_t size = 1; size <= 40; size++) {
		for (uint64_t seq = 0; seq < size; seq++) {
			assert_int_equal(tree_inclusion(seq, size, tree_read_leaves, &l, path, &count, &err), PLI_OK);
			assert_true(tree_inclusion_holds(leaves[seq], seq, size, path[0], count, roots[size]));
			/* Nothing else holds. */
			assert_false(tree_inclusion_holds(leaves[seq + 1], seq, size, path[0], count, roots[size]));
			assert_false(tree_inclusion_holds(leaves[seq], seq ^ 1, size, path[0], count, roots[size]));
			assert_false(tree_inclusion_holds(leaves[seq], seq, size, path[0], count, roots[size - 1]));
			assert_false(tree_inclusion_holds(leaves[seq], seq, size, path[0], count + 1, roots[size]));
			if (count) {
				assert_false(tree_inclusion_holds(leaves[seq], seq, size, path[0], count - 1, roots[size]));
				path[count / 2][7] ^= 1;
				assert_false(tree_inclusion_holds(leaves[seq], seq, size, path[0], count, roots[size]));
			}
		}
		assert_int_equal(tree_inclusion(size, size, tree_read_leaves, &l, path, &count, &err), PLI_RANGE);
	}
	assert_false(tree_inclusion_holds(leaves[0], 0, 0, path[0], 0, roots[0]));
}

static void every_consistency(void **state)
{
	struct tree_leaves l = { .leaves = (const uint8_t (*)[32])leaves, .count = LEAVES };
	uint8_t path[TREE_PATH_MAX][32];
	struct err err;
	unsigned count;

	(void)state;
	for (uint64_t to = 1; to <= LEAVES; to++) {
		for (uint64_t from = 1; from <= to; from++) {
			assert_int_equal(tree_consistency(from, to, tree_read_leaves, &l, path, &count, &err), PLI_OK);
			assert_true(tree_consistency_holds(from, to, path[0], count, roots[from], roots[to]));
			assert_false(tree_consistency_holds(from, to, path[0], count, roots[from - 1], roots[to]));
			if (from == to)
				continue;
			assert_false(tree_consistency_holds(from, to, path[0], count, roots[from], roots[to - 1]));
			path[count - 1][0] ^= 1;
			assert_false(tree_consistency_holds(from, to, path[0], count, roots[from], roots[to]));
		}
	}
	assert_int_equal(tree_consistency(0, 3, tree_read_leaves, &l, path, &count, &err), PLI_RANGE);
	assert_int_equal(tree_consistency(4, 3, tree_read_leaves, &l, path, &count, &err), PLI_RANGE);
}

static void state_is_found_again(void **state)
{
	struct tree_leaves l = { .leaves = (const uint8_t (*)[32])leaves, .count = LEAVES };
	uint8_t root[32];
	struct err err;
	struct tree t;

	(void)state;
	for (uint64_t size = 0; size < LEAVES; size++) {
		assert_int_equal(tree_load(&t, size, tree_read_leaves, &l, &err), PLI_OK);
		tree_root(&t, root);
		assert_memory_equal(root, roots[size], 32);
		tree_add(&t, leaves[size]);
		tree_root(&t, root);
		assert_memory_equal(root, roots[size + 1], 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_hold),
		cmocka_unit_test(every_inclusion),
		cmocka_unit_test(every_consistency),
		cmocka_unit_test(state_is_found_again),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
