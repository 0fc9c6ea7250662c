/* Changes of keys, broken off at each step as a kill would: what is found afterwards is whole, old or new, and repeating finishes it. */
#include "cert_testing.h"

#include "clock.h"
#include "entry.h"
#include "jsonw.h"
#include "kek_store.h"
#include "key_change.h"
#include "keyring.h"
#include "seal.h"

#define NOW INT64_C(1790000000000000)
#define KEKS 300

struct fixture {
	struct testing_dir dir;
	struct keyring ring;
	struct buf root_pem;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	testing_dir_make(&f->dir, 1);
	f->ring = (struct keyring){ .dir_fd = f->dir.keys };
	f->root_pem = testing_get(f->dir.public_dir, "root.pem");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_free(&f->root_pem);
	testing_dir_drop(&f->dir);
	free(f);
	return 0;
}

static void prepare(struct fixture *f, enum key_name name, uint32_t overlap_s, struct key_change *c)
{
	struct err err = { 0 };

	if (key_change_prepare(&f->ring, TESTING_ORIGIN, name, f->root_pem.p, overlap_s, c, &err) != PLI_OK)
		fail_msg("%s: %s", key_name(name), err.text);
}

/* The journal's entry of a change. */
static void entry_of(const struct key_change *c, const char *ev, struct buf *out)
{
	struct entry e = { .log = TESTING_ORIGIN, .seq = 7, .t_us = NOW, .ev = ev, .method = "cli", .channel = "cli", .d_json = c->d.p };
	struct err err = { 0 };

	if (entry_write(&e, out, &err) != PLI_OK)
		fail_msg("%s", err.text);
}

static void current_is(struct fixture *f, enum key_name name, const char *hex)
{
	struct err err = { 0 };
	char now[65];
	struct key *k;

	assert_int_equal(key_change_current(&f->ring, name, now, &err), PLI_OK);
	assert_string_equal(now, hex);
	/* And the key is there, of that kind. */
	if (key_open(&f->ring, name, "", &k, &err) != PLI_OK)
		fail_msg("%s: %s", key_name(name), err.text);
	key_close(k);
}

/* seal, operator, tsa: key and certificate belong together at all times. */
static void pair_fits(struct fixture *f, enum key_name name)
{
	static const char *const files[] = { [KEY_SEAL] = "seal.pem", [KEY_OPERATOR] = "operator.pem", [KEY_TSA] = "tsa.pem" };
	struct buf cert = testing_get(f->dir.keys, files[name]);
	struct sealer *sealer;
	struct err err = { 0 };
	struct key *k;

	assert_int_equal(key_open(&f->ring, name, "", &k, &err), PLI_OK);
	assert_int_equal(sealer_new_key(cert.p, key_pkey(k), &sealer, &err), PLI_OK);
	sealer_free(sealer);
	key_close(k);
	buf_free(&cert);
}

static void each_key_changes(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };

	for (int name = 0; name < KEY_NAMES; name++) {
		struct key_change c, again;
		AUTO_BUF entry = { 0 };
		uint32_t overlap_s = 99;

		prepare(f, (enum key_name)name, 0, &c);
		/* Once more is the same change. */
		prepare(f, (enum key_name)name, 0, &again);
		assert_string_equal(c.new, again.new);
		assert_true(key_change_pending(&f->ring, (enum key_name)name));
		current_is(f, (enum key_name)name, c.old);
		entry_of(&c, "key.rotated", &entry);
		if (key_change_check(&f->ring, TESTING_ORIGIN, (enum key_name)name, entry.p, entry.n, &overlap_s, &err) != PLI_OK)
			fail_msg("%s: %s", key_name((enum key_name)name), err.text);
		assert_int_equal(overlap_s, 0);
		assert_int_equal(key_change_commit(&f->ring, (enum key_name)name, 0, NOW, &err), PLI_OK);
		current_is(f, (enum key_name)name, c.new);
		assert_false(key_change_pending(&f->ring, (enum key_name)name));
		/* The same entry does not do it twice. */
		assert_int_equal(key_change_check(&f->ring, TESTING_ORIGIN, (enum key_name)name, entry.p, entry.n, &overlap_s, &err), PLI_CONFLICT);
		if (name <= KEY_TSA)
			pair_fits(f, (enum key_name)name);
		key_change_free(&c);
		key_change_free(&again);
	}
}

/* What is not exactly this change, signed by both keys, changes nothing. */
static void wrong_entries(void **state)
{
	struct fixture *f = *state;
	struct key_change c, other;
	AUTO_BUF entry = { 0 }, bad = { 0 };
	struct err err = { 0 };
	uint32_t overlap_s;
	char *d;

	prepare(f, KEY_SEAL, 0, &c);
	prepare(f, KEY_TSA, 0, &other);
	entry_of(&c, "key.taken", &entry);
	assert_int_equal(key_change_check(&f->ring, TESTING_ORIGIN, KEY_SEAL, entry.p, entry.n, &overlap_s, &err), PLI_CONFLICT);
	buf_reset(&entry);
	entry_of(&other, "key.rotated", &entry);
	assert_int_equal(key_change_check(&f->ring, TESTING_ORIGIN, KEY_SEAL, entry.p, entry.n, &overlap_s, &err), PLI_CONFLICT);
	buf_reset(&entry);
	entry_of(&c, "key.rotated", &entry);
	assert_int_equal(key_change_check(&f->ring, "other.example/j/1", KEY_SEAL, entry.p, entry.n, &overlap_s, &err), PLI_CONFLICT);
	assert_int_equal(key_change_check(&f->ring, TESTING_ORIGIN, KEY_TSA, entry.p, entry.n, &overlap_s, &err), PLI_CONFLICT);
	assert_int_equal(key_change_check(&f->ring, TESTING_ORIGIN, KEY_SEAL, entry.p, entry.n - 1, &overlap_s, &err), PLI_INPUT);
	/* Each signature in the other's place, and one that is none. */
	d = strstr(c.d.p, "\"new_sig\":\"");
	assert_non_null(d);
	d[strlen("\"new_sig\":\"") + 20] ^= 1;
	entry_of(&c, "key.rotated", &bad);
	assert_int_not_equal(key_change_check(&f->ring, TESTING_ORIGIN, KEY_SEAL, bad.p, bad.n, &overlap_s, &err), PLI_OK);
	d[strlen("\"new_sig\":\"") + 20] ^= 1;
	d = strstr(c.d.p, "\"old_sig\":\"");
	d[strlen("\"old_sig\":\"") + 20] ^= 1;
	buf_reset(&bad);
	entry_of(&c, "key.rotated", &bad);
	assert_int_not_equal(key_change_check(&f->ring, TESTING_ORIGIN, KEY_SEAL, bad.p, bad.n, &overlap_s, &err), PLI_OK);
	assert_int_equal(key_change_check(&f->ring, TESTING_ORIGIN, KEY_SEAL, entry.p, entry.n, &overlap_s, &err), PLI_OK);
	key_change_free(&c);
	key_change_free(&other);
}

static void rename_in(struct fixture *f, const char *from, const char *to)
{
	assert_int_equal(renameat(f->dir.keys, from, f->dir.keys, to), 0);
}

/* Before the change has happened: whatever lies about, the old key is in use and the next attempt goes well. */
static void broken_before(void **state)
{
	static const char *const parts[] = { "new-seal.key", "next-seal.pem", "next-seal.key" };
	struct fixture *f = *state;
	struct key_change c;
	struct err err = { 0 };
	char old[65];

	assert_int_equal(key_change_current(&f->ring, KEY_SEAL, old, &err), PLI_OK);
	/* A key that was being made; its certificate without it. */
	for (int i = 0; i < 2; i++) {
		testing_put(f->dir.keys, parts[i], "half", 4);
		assert_int_equal(key_change_settle(&f->ring, NOW, &err), PLI_OK);
		current_is(f, KEY_SEAL, old);
		assert_false(key_change_pending(&f->ring, KEY_SEAL));
		prepare(f, KEY_SEAL, 0, &c);
		assert_string_equal(c.old, old);
		assert_int_equal(faccessat(f->dir.keys, "new-seal.key", F_OK, 0), -1);
		key_change_free(&c);
		assert_int_equal(unlinkat(f->dir.keys, "next-seal.pem", 0), 0);
		assert_int_equal(unlinkat(f->dir.keys, "next-seal.key", 0), 0);
	}
	pair_fits(f, KEY_SEAL);
}

/* After it has happened, before the files are in their places: the next start puts them there. */
static void broken_after(void **state)
{
	struct fixture *f = *state;
	struct key_change c;
	struct err err = { 0 };

	prepare(f, KEY_TSA, 0, &c);
	rename_in(f, "next-tsa.pem", "tsa.pem");
	assert_int_equal(key_change_settle(&f->ring, NOW, &err), PLI_OK);
	current_is(f, KEY_TSA, c.new);
	pair_fits(f, KEY_TSA);
	key_change_free(&c);

	/* The log's key, which signs on: killed before either rename, and between the two. */
	for (int between = 0; between < 2; between++) {
		struct key *overlaps[KEY_OVERLAPS_MAX];
		int64_t until_us[KEY_OVERLAPS_MAX];
		unsigned count;

		prepare(f, KEY_LOG, 86400, &c);
		testing_put(f->dir.keys, "log.until", between ? "1790086401\n" : "1790086400\n", 11);
		rename_in(f, "next-log.pub", "log.pub");
		if (between)
			rename_in(f, "log.key", "until-1790086401-log.key");
		assert_int_equal(key_change_settle(&f->ring, NOW, &err), PLI_OK);
		current_is(f, KEY_LOG, c.new);
		assert_int_equal(key_change_overlaps(&f->ring, NOW, overlaps, until_us, &count, &err), PLI_OK);
		assert_int_equal(count, 1 + between);
		for (unsigned i = 0; i < count; i++)
			key_close(overlaps[i]);
		key_change_free(&c);
	}
	/* Their time is over. */
	assert_int_equal(key_change_settle(&f->ring, NOW + INT64_C(86402) * SECOND_US, &err), PLI_OK);
	assert_int_equal(faccessat(f->dir.keys, "until-1790086400-log.key", F_OK, 0), -1);
	assert_int_equal(faccessat(f->dir.keys, "until-1790086401-log.key", F_OK, 0), -1);
	current_is(f, KEY_LOG, c.new);

	/* The wrapping key between the two renames. */
	prepare(f, KEY_WRAP, 0, &c);
	rename_in(f, "next-root.id", "root.id");
	rename_in(f, "root.kek", "former-root.kek");
	assert_int_equal(key_change_settle(&f->ring, NOW, &err), PLI_OK);
	current_is(f, KEY_WRAP, c.new);
	assert_true(key_there(&f->ring, KEY_WRAP, "former-"));
	key_change_free(&c);
	/* And no second change on top of it. */
	assert_int_equal(key_change_prepare(&f->ring, TESTING_ORIGIN, KEY_WRAP, f->root_pem.p, 0, &c, &err), PLI_BUSY);
}

static void no_root_key(void **state)
{
	struct fixture *f = *state;
	struct key_change c;
	struct err err = { 0 };

	rename_in(f, "root.key", "elsewhere");
	assert_int_equal(key_change_prepare(&f->ring, TESTING_ORIGIN, KEY_SEAL, f->root_pem.p, 0, &c, &err), PLI_ABSENT);
	assert_int_equal(faccessat(f->dir.keys, "new-seal.key", F_OK, 0), -1);
	assert_int_equal(faccessat(f->dir.keys, "next-seal.pem", F_OK, 0), -1);
	/* Another's root does not do either. */
	testing_put(f->dir.keys, "root.key", "x", 1);
	assert_int_equal(key_change_prepare(&f->ring, TESTING_ORIGIN, KEY_SEAL, f->root_pem.p, 0, &c, &err), PLI_CONFLICT);
	pair_fits(f, KEY_SEAL);
	/* The log's key needs none. */
	prepare(f, KEY_LOG, 0, &c);
	key_change_free(&c);
}

/* ---- the wrapping key, with many keys under it ---- */

static void secret_of(unsigned i, uint8_t secret_r[32])
{
	memset(secret_r, (int)i, 32);
	secret_r[0] = (uint8_t)(i >> 8);
}

struct wrapped {
	char kid[64];
	uint8_t w[32 + KEK_WRAPPED_EXTRA];
};

static void wrap_all(struct fixture *f, struct wrapped *all)
{
	struct kek_store *s;
	struct err err = { 0 };

	assert_int_equal(kek_store_open(&f->ring, &s, &err), PLI_OK);
	for (unsigned i = 0; i < KEKS; i++) {
		struct uuid entity = { .b = { (uint8_t)i, (uint8_t)(i >> 8) } };
		uint8_t secret[32];

		assert_int_equal(kek_store_make(s, KEK_LETTER, &entity, 2026 * 12 + 11, all[i].kid, &err), PLI_OK);
		secret_of(i, secret);
		assert_int_equal(kek_store_wrap(s, all[i].kid, strlen(all[i].kid), "x", 1, secret, 32, all[i].w, &err), PLI_OK);
	}
	kek_store_close(s);
}

static void unwrap_all(struct kek_store *s, const struct wrapped *all)
{
	struct err err = { 0 };

	for (unsigned i = 0; i < KEKS; i++) {
		uint8_t secret[32], got[32];

		secret_of(i, secret);
		if (kek_store_unwrap(s, all[i].kid, strlen(all[i].kid), "x", 1, all[i].w, sizeof(all[i].w), got, &err) != PLI_OK)
			fail_msg("%s: %s", all[i].kid, err.text);
		assert_memory_equal(got, secret, 32);
	}
}

/* Killed after each step: whoever comes next reads everything, goes on, and ends. */
static void rewrapping_killed(void **state)
{
	struct fixture *f = *state;
	struct wrapped *all = calloc(KEKS, sizeof(*all));
	struct buf old_root = testing_get(f->dir.keys, "root.kek");
	struct key_change c;
	struct kek_store *s;
	struct err err = { 0 };
	unsigned lives = 0;
	bool more = true;

	wrap_all(f, all);
	prepare(f, KEY_WRAP, 0, &c);
	assert_int_equal(key_change_commit(&f->ring, KEY_WRAP, 0, NOW, &err), PLI_OK);
	key_change_free(&c);
	while (more) {
		assert_true(++lives < 10000);
		assert_int_equal(key_change_settle(&f->ring, NOW, &err), PLI_OK);
		if (kek_store_open(&f->ring, &s, &err) != PLI_OK)
			fail_msg("%s", err.text);
		if (lives % 3 == 1)
			unwrap_all(s, all);
		assert_int_equal(kek_store_reroot_step(s, &err), PLI_OK);
		more = kek_store_rerooting(s);
		kek_store_close(s);
	}
	assert_false(key_there(&f->ring, KEY_WRAP, "former-"));
	assert_int_equal(kek_store_open(&f->ring, &s, &err), PLI_OK);
	unwrap_all(s, all);
	kek_store_close(s);
	/* With the old root alone nothing opens any more. */
	testing_put(f->dir.keys, "root.kek", old_root.p, old_root.n);
	assert_int_equal(kek_store_open(&f->ring, &s, &err), PLI_OK);
	for (unsigned i = 0; i < KEKS; i++) {
		uint8_t got[32];

		assert_int_equal(kek_store_unwrap(s, all[i].kid, strlen(all[i].kid), "x", 1, all[i].w, sizeof(all[i].w), got, &err), PLI_CONFLICT);
	}
	kek_store_close(s);
	buf_free(&old_root);
	free(all);
}

/* While it is used: wraps go on, keys are made, and a damaged key keeps the old root from being destroyed. */
static void rewrapping_in_use(void **state)
{
	struct fixture *f = *state;
	struct wrapped *all = calloc(KEKS, sizeof(*all));
	struct key_change c;
	struct kek_store *s;
	struct err err = { 0 };
	char kid[64];

	wrap_all(f, all);
	assert_int_equal(kek_store_open(&f->ring, &s, &err), PLI_OK);
	prepare(f, KEY_WRAP, 0, &c);
	assert_int_equal(key_change_commit(&f->ring, KEY_WRAP, 0, NOW, &err), PLI_OK);
	key_change_free(&c);
	assert_int_equal(kek_store_reroot(s, &err), PLI_OK);
	while (kek_store_rerooting(s)) {
		assert_int_equal(kek_store_make(s, KEK_META, &(struct uuid){ .b = { 0xee } }, 0, kid, &err), PLI_OK);
		assert_int_equal(kek_store_reroot_step(s, &err), PLI_OK);
	}
	unwrap_all(s, all);
	kek_store_close(s);
	assert_false(key_there(&f->ring, KEY_WRAP, "former-"));

	prepare(f, KEY_WRAP, 0, &c);
	assert_int_equal(key_change_commit(&f->ring, KEY_WRAP, 0, NOW, &err), PLI_OK);
	key_change_free(&c);
	int kek = openat(f->dir.keys, "kek", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	testing_put(kek, all[7].kid, "damaged", 7);
	close(kek);
	assert_int_equal(kek_store_open(&f->ring, &s, &err), PLI_OK);
	for (unsigned i = 0; kek_store_rerooting(s) && i < 10000; i++)
		assert_int_equal(kek_store_reroot_step(s, &err), PLI_OK);
	assert_false(kek_store_rerooting(s));
	assert_true(key_there(&f->ring, KEY_WRAP, "former-"));
	kek_store_close(s);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_key_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_entries, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_before, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_after, setup, teardown),
		cmocka_unit_test_setup_teardown(no_root_key, setup, teardown),
		cmocka_unit_test_setup_teardown(rewrapping_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(rewrapping_in_use, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
