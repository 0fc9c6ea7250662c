/* verify.sh by itself, under dash and under busybox with its own tools: arguments, folders, changed bytes. */
#include "forge_testing.h"
#include "world_testing.h"

static void test_script_verifies(void **state)
{
	struct world *w = *state;
	const char *last;

	for (int who = -1; who < TESTING_PEOPLE; who++) {
		struct forge f;
		struct err err;

		/* The last one with a token from outside, for which our own authority serves as well. */
		w->j.outside = who == TESTING_PEOPLE - 1 ? &w->keys : NULL;
		forge_open(&f, &w->j, who);
		w->j.outside = NULL;
		if (forge_verify(&f, &err) != PLI_OK)
			fail_msg("%s", err.text);
		close(forge_unpack(&f));
		for (int shell = 0; shell < FORGE_SHELLS; shell++) {
			int rc = forge_script(&w->keys, (enum forge_shell)shell, &last);

			if (rc != 0 || strcmp(last, "VERIFIED") != 0)
				fail_msg("verify.sh in shell %d: status %d, '%s'", shell, rc, last);
		}
	}
}

/* The bundle's own copy, where it lies and from elsewhere, without keys; and arguments that are none. */
static void test_script_alone(void **state)
{
	static const struct {
		const char *run;
		int want;
	} cases[] = {
		{ "cd bundle && dash verify.sh >../said && test \"$(grep -c 'TO BE COMPARED' ../said)\" = 2", 0 },
		{ "dash bundle/verify.sh >said && test \"$(tail -n 1 said)\" = VERIFIED", 0 },
		{ "TMPDIR=. busybox sh bundle/verify.sh bundle --root public/root.pem >said && grep -q 'the one given' said", 0 },
		{ "test -z \"$(ls -d pli-verify.*)\"", 0 },	/* nothing left behind */
		{ "dash bundle/verify.sh --root", 64 },
		{ "dash bundle/verify.sh --key x", 64 },
		{ "dash bundle/verify.sh bundle bundle", 64 },
		{ "dash bundle/verify.sh --root keys/nothing", 1 },
		{ "dash bundle/verify.sh --log-key public/root.pem", 1 },
		{ "PATH= /bin/dash bundle/verify.sh", 69 },
	};
	struct world *w = *state;
	struct forge f;

	forge_open(&f, &w->j, 2);
	close(forge_unpack(&f));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = TESTING_RUN(&w->keys.dir, "sh", "-c", cases[i].run);

		if (rc != cases[i].want)
			fail_msg("%s: status %d", cases[i].run, rc);
	}
}

/* Sixty single bytes, spread over all files. */
static void test_script_notices_bytes(void **state)
{
	struct world *w = *state;
	struct forge f;

	forge_open(&f, &w->j, 1);
	for (unsigned i = 0; i < 60; i++) {
		struct zip_file *file = &f.files[i % f.count];
		size_t at = (size_t)i * 7919 % file->n;
		uint8_t *own = pool_dup(w->pool, file->p, file->n);
		struct zip_file was = *file;
		const char *last;

		own[at] ^= (uint8_t)(1 + i % 255);
		file->p = own;
		close(forge_unpack(&f));
		for (int shell = 0; shell < FORGE_SHELLS; shell++)
			if (forge_script(&w->keys, (enum forge_shell)shell, &last) != 1 || !str_starts(last, "FAIL "))
				fail_msg("shell %d: byte %zu of %s: '%s'", shell, at, file->name, last);
		*file = was;
	}
}

/* What a folder may hold and an archive may not. */
static void test_script_folder(void **state)
{
	static const struct {
		const char *make, *words;
	} cases[] = {
		{ "rm bundle/root.pem && ln -s ../public/root.pem bundle/root.pem", "files: root.pem is neither a file nor a folder" },
		{ "mkfifo bundle/pipe", "files: pipe is neither a file nor a folder" },
		{ "mkdir bundle/more", "files: the folders must be META-INF and journal" },
		{ ": > 'bundle/receipt.txt\n'", "files: " },
		{ ": > 'bundle/$(touch owned)'", "files: $(touch owned) does not belong here" },
		{ ": > bundle/.hidden", "files: .hidden does not belong here" },
		{ "rm bundle/META-INF/ASiCManifest.xml", "files: META-INF/ASiCManifest.xml is missing" },
		{ "rm -r bundle", "files: there is no folder" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct forge f;
		const char *last;

		forge_open(&f, &w->j, 0);
		close(forge_unpack(&f));
		assert_int_equal(TESTING_RUN(&w->keys.dir, "sh", "-c", cases[i].make), 0);
		assert_int_equal(forge_script(&w->keys, i % 2 ? FORGE_DASH : FORGE_BUSYBOX, &last), 1);
		if (!strstr(last, cases[i].words))
			fail_msg("%s: '%s'", cases[i].make, last);
		assert_int_equal(faccessat(w->keys.dir.fd, "owned", F_OK, 0), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_script_verifies),
		cmocka_unit_test(test_script_alone),
		cmocka_unit_test(test_script_notices_bytes),
		cmocka_unit_test(test_script_folder),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
