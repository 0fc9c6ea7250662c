/* Key files under a pass phrase: put there, read, changed, broken off half way, taken back. */
#include "cert_testing.h"

#include "key_facts.h"
#include "keyring.h"

#define PHRASE "three birds in grey"

static const char *const secrets[] = { "root.key", "seal.key", "tsa.key", "log.key", "mail.key", "root.kek", "pepper" };
#define SECRETS (sizeof(secrets) / sizeof(*secrets))

struct fixture {
	struct testing_dir dir;
	struct buf plain[SECRETS];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	testing_dir_make(&f->dir, 1);
	for (size_t i = 0; i < SECRETS; i++)
		f->plain[i] = testing_get(f->dir.keys, secrets[i]);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < SECRETS; i++)
		buf_free(&f->plain[i]);
	testing_dir_drop(&f->dir);
	free(f);
	return 0;
}

/* Every secret, opened by the phrase, is what it was. */
static void all_read(struct fixture *f, const char *phrase)
{
	struct keyring ring;
	struct err err = { 0 };

	assert_int_equal(keyring_open(f->dir.keys, phrase, &ring, &err), PLI_OK);
	for (size_t i = 0; i < SECRETS; i++) {
		AUTO_BUF got = { .secret = 1 };

		if (keyring_read(&ring, secrets[i], &got, &err) != PLI_OK)
			fail_msg("%s: %s", secrets[i], err.text);
		assert_int_equal(got.n, f->plain[i].n);
		assert_memory_equal(got.p, f->plain[i].p, got.n);
	}
	keyring_close(&ring);
}

static bool holds(const struct buf *where, const struct buf *what, size_t from, size_t n)
{
	return memmem(where->p, where->n, what->p + from, n) != NULL;
}

static void there_and_back(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	unsigned count;

	assert_int_equal(keyring_protect(f->dir.keys, PHRASE, &count, &err), PLI_OK);
	assert_true(count >= SECRETS);
	assert_true(keyring_is_protected(f->dir.keys));
	for (size_t i = 0; i < SECRETS; i++) {
		struct buf file = testing_get(f->dir.keys, secrets[i]);

		assert_int_equal(keyring_form(f->dir.keys, secrets[i]), KEYRING_PROTECTED);
		/* Nothing of it is left to see. */
		assert_false(holds(&file, &f->plain[i], f->plain[i].n / 2, 12));
		buf_free(&file);
	}
	assert_int_equal(keyring_form(f->dir.keys, "seal.pem"), KEYRING_NO_SECRET);
	assert_int_equal(keyring_form(f->dir.keys, "counter"), KEYRING_NO_SECRET);
	all_read(f, PHRASE);
	/* Once more changes nothing. */
	assert_int_equal(keyring_protect(f->dir.keys, PHRASE, &count, &err), PLI_OK);
	assert_int_equal(count, 0);
	assert_int_equal(keyring_unprotect(f->dir.keys, PHRASE, &count, &err), PLI_OK);
	assert_false(keyring_is_protected(f->dir.keys));
	for (size_t i = 0; i < SECRETS; i++) {
		struct buf file = testing_get(f->dir.keys, secrets[i]);

		assert_int_equal(file.n, f->plain[i].n);
		assert_memory_equal(file.p, f->plain[i].p, file.n);
		buf_free(&file);
	}
	all_read(f, NULL);
}

static void wrong_phrase(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF got = { 0 };
	struct keyring ring;
	struct err err = { 0 };
	unsigned count;

	assert_int_equal(keyring_protect(f->dir.keys, "too short", &count, &err), PLI_INVALID);
	assert_false(keyring_is_protected(f->dir.keys));
	assert_int_equal(keyring_protect(f->dir.keys, PHRASE, &count, &err), PLI_OK);
	assert_int_equal(keyring_open(f->dir.keys, "three birds in gray", &ring, &err), PLI_DENIED);
	assert_int_equal(keyring_unprotect(f->dir.keys, "three birds in gray", &count, &err), PLI_DENIED);
	assert_int_equal(keyring_protect(f->dir.keys, "three birds in gray", &count, &err), PLI_DENIED);
	/* Without one. */
	assert_int_equal(keyring_open(f->dir.keys, NULL, &ring, &err), PLI_OK);
	assert_int_equal(keyring_read(&ring, "seal.key", &got, &err), PLI_DENIED);
	assert_non_null(strstr(err.text, "seal.key is under a pass phrase"));
	assert_non_null(strstr(err.hint, "passphrase_file"));
	assert_int_equal(got.n, 0);
	all_read(f, PHRASE);
}

static void another_phrase(void **state)
{
	struct fixture *f = *state;
	struct keyring ring;
	struct err err = { 0 };
	struct buf before, after;
	unsigned count;

	assert_int_equal(keyring_rephrase(f->dir.keys, PHRASE, "a phrase of another", &err), PLI_ABSENT);
	assert_int_equal(keyring_protect(f->dir.keys, PHRASE, &count, &err), PLI_OK);
	before = testing_get(f->dir.keys, "seal.key");
	assert_int_equal(keyring_rephrase(f->dir.keys, PHRASE, "a phrase of another", &err), PLI_OK);
	after = testing_get(f->dir.keys, "seal.key");
	assert_memory_equal(before.p, after.p, before.n);
	assert_int_equal(keyring_open(f->dir.keys, PHRASE, &ring, &err), PLI_DENIED);
	all_read(f, "a phrase of another");
	buf_free(&before);
	buf_free(&after);
}

/* As a kill leaves it: some files changed, others not; a temporary one lies about. */
static void broken_off(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	unsigned count;

	assert_int_equal(keyring_protect(f->dir.keys, PHRASE, &count, &err), PLI_OK);
	for (size_t i = 0; i < SECRETS; i += 2)
		testing_put(f->dir.keys, secrets[i], f->plain[i].p, f->plain[i].n);
	testing_put(f->dir.keys, "seal.key.new", "half", 4);
	all_read(f, PHRASE);
	assert_int_equal(keyring_protect(f->dir.keys, PHRASE, &count, &err), PLI_OK);
	assert_int_equal(count, (SECRETS + 1) / 2);
	all_read(f, PHRASE);
	for (size_t i = 1; i < SECRETS; i += 2)
		testing_put(f->dir.keys, secrets[i], f->plain[i].p, f->plain[i].n);
	assert_int_equal(keyring_unprotect(f->dir.keys, PHRASE, &count, &err), PLI_OK);
	all_read(f, NULL);
}

/* Each byte of both kinds of files, and files that change places. */
static void damaged(void **state)
{
	struct fixture *f = *state;
	struct keyring ring;
	struct err err = { 0 };
	struct buf file, other;
	unsigned count;

	assert_int_equal(keyring_protect(f->dir.keys, PHRASE, &count, &err), PLI_OK);
	assert_int_equal(keyring_open(f->dir.keys, PHRASE, &ring, &err), PLI_OK);
	file = testing_get(f->dir.keys, "root.kek");
	other = testing_get(f->dir.keys, "pepper");
	for (size_t i = 5; i < file.n; i++) {
		AUTO_BUF got = { 0 };

		file.p[i] ^= 1;
		testing_put(f->dir.keys, "root.kek", file.p, file.n);
		assert_int_equal(keyring_read(&ring, "root.kek", &got, &err), PLI_CONFLICT);
		file.p[i] ^= 1;
	}
	for (size_t n = 5; n < file.n; n++) {
		AUTO_BUF got = { 0 };

		testing_put(f->dir.keys, "root.kek", file.p, n);
		assert_int_equal(keyring_read(&ring, "root.kek", &got, &err), PLI_CONFLICT);
	}
	AUTO_BUF got = { 0 };
	testing_put(f->dir.keys, "root.kek", other.p, other.n);
	assert_int_equal(keyring_read(&ring, "root.kek", &got, &err), PLI_CONFLICT);
	buf_free(&file);
	file = testing_get(f->dir.keys, "protect");
	for (size_t i = 0; i < file.n; i++) {
		struct keyring again;
		bool costs = i >= 5 && i < 13;	/* passes and memory: another key, or refused */

		file.p[i] ^= 1;
		testing_put(f->dir.keys, "protect", file.p, file.n);
		if (!costs && (i < 5 || i % 7 == 0))
			assert_int_equal(keyring_open(f->dir.keys, PHRASE, &again, &err), i < 5 ? PLI_CONFLICT : PLI_DENIED);
		file.p[i] ^= 1;
	}
	file.p[5] = 1;		/* 16 million passes */
	testing_put(f->dir.keys, "protect", file.p, file.n);
	assert_int_equal(keyring_open(f->dir.keys, PHRASE, &ring, &err), PLI_CONFLICT);
	buf_free(&file);
	buf_free(&other);
}

/* A keeper on protected keys: with the phrase it serves, without it says why not. */
static void keeper_on_it(void **state)
{
	struct fixture *f = *state;
	struct key_facts keys[KEY_FACTS_MAX];
	struct testing_keeper k;
	struct keeper_status status;
	struct err err = { 0 };
	unsigned count;

	assert_int_equal(keyring_protect(f->dir.keys, PHRASE, &count, &err), PLI_OK);
	const struct keeper_config config = { .link_fd = -1, .control_fd = -1, .keys_dir_fd = f->dir.keys, .journal_dir_fd = f->dir.journal,
					      .origin = TESTING_ORIGIN, .ready_fd = -1 };
	assert_int_equal(keeper_serve(&config, &err), PLI_DENIED);
	assert_non_null(strstr(err.text, "under a pass phrase"));
	f->dir.phrase = PHRASE;
	testing_keeper_start(&f->dir, &k);
	assert_int_equal(keeper_status(k.client, &status, &err), PLI_OK);
	assert_false(status.refusing);
	testing_keeper_stop(&k);
	assert_int_equal(key_facts(f->dir.keys, f->dir.public_dir, keys, &count, &err), PLI_OK);
	assert_int_equal(count, 7);
	for (unsigned i = 0; i < count; i++) {
		assert_string_equal(keys[i].place, "protected");
		assert_string_equal(keys[i].state, "current");
	}
	assert_string_equal(keys[1].name, "seal");
	assert_int_equal(strlen(keys[1].fingerprint), 64);
	assert_true(keys[1].until_us > keys[1].since_us);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_phrase, setup, teardown),
		cmocka_unit_test_setup_teardown(another_phrase, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_off, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(keeper_on_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
