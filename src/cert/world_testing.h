/* For tests: the keys and journals that most tests of proofs begin with, made once for a program. */
#ifndef PLI_WORLD_TESTING_H
#define PLI_WORLD_TESTING_H

#include "bundle_testing.h"

struct world {
	struct testing_keys keys, other;	/* other: another service's */
	struct testing_journal j, next;		/* next: another letter of the same journal's keys */
	struct pool *pool;
};

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->pool = pool_new();
	testing_keys_make(&w->keys);
	testing_keys_make(&w->other);
	testing_journal_make(&w->j, &w->keys, w->pool, true);
	testing_journal_make(&w->next, &w->keys, w->pool, false);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	testing_journal_drop(&w->j);
	testing_journal_drop(&w->next);
	testing_keys_drop(&w->keys);
	testing_keys_drop(&w->other);
	pool_free(w->pool);
	free(w);
	return 0;
}

#endif
