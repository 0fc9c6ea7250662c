/* For tests: forged proof bundles, each of which must be refused by bundle_verify and by verify.sh (dash, busybox), for its own reason.
 * The forger of most of them holds the service's keys, so that only the check meant can notice. */
#ifndef PLI_VERIFY_TESTING_H
#define PLI_VERIFY_TESTING_H

#include "forge_testing.h"
#include "world_testing.h"

static inline struct sealer *sealer_of(struct world *w, const char *name, struct buf *cert)
{
	struct sealer *sealer;
	struct buf key = testing_get(w->keys.dir.keys, pool_fmt(w->pool, "%s.key", name));
	struct err err = { 0 };

	*cert = testing_get(strcmp(name, "mail") == 0 ? w->keys.dir.keys : w->keys.dir.public_dir,
			    pool_fmt(w->pool, "%s.pem", name));
	if (sealer_new(cert->p, key.p, &sealer, &err) != PLI_OK)
		fail_msg("%s", err.text);
	buf_free(&key);
	return sealer;
}

/* Words that both must say; `script` when verify.sh says it otherwise. */
struct forgery {
	const char *name;
	void (*make)(struct world *w, struct forge *f);
	const char *words, *script;
	int who;	/* -1 sender */
};

/* Each in turn; every other one under busybox, so that both shells see both kinds. */
static inline void forgeries_try(struct world *w, const struct forgery *forgeries, size_t count)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < count; i++) {
		const struct forgery *y = &forgeries[i];
		const char *last, *words = y->script ? y->script : y->words;
		struct forge f;
		struct err err;
		int rc;

		forge_open(&f, &w->j, y->who);
		y->make(w, &f);
		if (forge_verify(&f, &err) != PLI_CONFLICT || !strstr(err.text, y->words)) {
			print_message("%s: bundle_verify said '%s'\n", y->name, err.text);
			wrong++;
		}
		close(forge_unpack(&f));
		rc = forge_script(&w->keys, i % 2 ? FORGE_BUSYBOX : FORGE_DASH, &last);
		if (rc != 1 || !str_starts(last, "FAIL ") || !strstr(last, words)) {
			print_message("%s: verify.sh (%d) said '%s'\n", y->name, rc, last);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* The whole program of a file that has such a table. */
#define FORGERIES_MAIN(table) \
	static void test_forgeries(void **state) \
	{ \
		forgeries_try(*state, table, sizeof(table) / sizeof(table[0])); \
	} \
	int main(void) \
	{ \
		const struct CMUnitTest tests[] = { cmocka_unit_test(test_forgeries) }; \
		return cmocka_run_group_tests(tests, setup, teardown); \
	}

#endif
