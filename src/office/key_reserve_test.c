/* Keys wrapped ahead: every one opens at its own place only, ids of an entity ascend whoever asks, nothing is given out twice. */
#include "office_testing.h"

#include <pthread.h>

#include "letter_own.h"

#include "key_reserve.h"

#define THREADS 8
#define TAKES 120

static struct instance in;

struct taker {
	struct key_reserve *reserve;
	const char *kid;
	unsigned recipients;
	struct pool *pool;
	struct reserved_keys keys[TAKES];
	bool failed;
};

static void *take_many(void *arg)
{
	struct taker *t = arg;
	struct err err = { 0 };

	for (int i = 0; i < TAKES && !t->failed; i++)
		t->failed = key_reserve_take(t->reserve, &in.mairie, t->kid, t->recipients, t->pool, &t->keys[i], &err) != PLI_OK;
	return NULL;
}

static void opens(const struct meta_place *place, const char *kid, const uint8_t *wrapped, const uint8_t *plain)
{
	uint8_t aad[META_AAD_MAX];
	struct keywrap_item item = { .kid = kid, .aad = aad, .in = wrapped, .in_n = RESERVED_WRAPPED_BYTES };
	struct err err = { 0 };

	item.aad_n = meta_aad(aad, place);
	OK(in.keywrap.unwrap(in.keywrap.arg, &item, 1, &err));
	assert_int_equal(item.out_n, 32);
	assert_memory_equal(item.out, plain, 32);
}

static void all_open(const struct reserved_keys *keys, const char *kid, unsigned recipients)
{
	opens(LETTER_KEY_PLACE(&in.mairie, &keys->letter), kid, keys->wrapped_key, keys->key);
	for (unsigned i = 0; i < recipients; i++)
		opens(LINK_PLACE(&in.mairie, &keys->letter, i + 1), kid, keys->tokens[i].wrapped, keys->tokens[i].token);
}

/* Their rows follow those of the letter before, and none tells how many they are.  Returns their place. */
static uint64_t in_order(const struct reserved_keys *keys, unsigned recipients, uint64_t before)
{
	uint64_t place = link_place_of(keys->tokens[0].token);

	assert_true(place > before);
	for (unsigned i = 1; i < recipients; i++)
		assert_int_equal(link_place_of(keys->tokens[i].token), place);
	return place;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct uuid));
}

static void many_at_once(void **state)
{
	static struct taker takers[THREADS];
	static struct uuid ids[THREADS * TAKES];
	AUTO_POOL pool = pool_new();
	struct key_reserve *reserve = key_reserve_new(in.keeper);
	struct err err = { 0 };
	pthread_t threads[THREADS];
	char kids[2][64];

	(void)state;
	OK(directory_kek(in.directory, "letter", &in.mairie, 2030 * 12, kids[0], &err));
	OK(directory_kek(in.directory, "letter", &in.mairie, 2030 * 12 + 1, kids[1], &err));
	for (int i = 0; i < THREADS; i++) {
		/* One month mostly, another between; more recipients than are thought of ahead. */
		takers[i] = (struct taker){ .reserve = reserve, .kid = kids[i == 3], .recipients = i == 5 ? 7 : 1, .pool = pool_new() };
		assert_int_equal(pthread_create(&threads[i], NULL, take_many, &takers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_false(takers[i].failed);
		for (int k = 0; k < TAKES; k++) {
			ids[i * TAKES + k] = takers[i].keys[k].letter;
			if (k)
				assert_true(by_id(&takers[i].keys[k].letter, &takers[i].keys[k - 1].letter) > 0);
			if (k % 10 == 0)
				all_open(&takers[i].keys[k], takers[i].kid, takers[i].recipients);
		}
		pool_free(takers[i].pool);
	}
	qsort(ids, THREADS * TAKES, sizeof(*ids), by_id);
	for (int i = 1; i < THREADS * TAKES; i++)
		assert_int_not_equal(by_id(&ids[i], &ids[i - 1]), 0);
	key_reserve_free(reserve);
}

/* A letter to more recipients than one question to the keeper holds. */
static void many_recipients(void **state)
{
	AUTO_POOL pool = pool_new();
	struct key_reserve *reserve = key_reserve_new(in.keeper);
	struct reserved_keys keys;
	struct err err = { 0 };
	uint64_t place;
	char kid[64];

	(void)state;
	OK(directory_kek(in.directory, "letter", &in.mairie, 2030 * 12, kid, &err));
	OK(key_reserve_take(reserve, &in.mairie, kid, 600, pool, &keys, &err));
	all_open(&keys, kid, 600);
	place = in_order(&keys, 600, 0);
	/* And one that has its id and key. */
	uuid_make(&keys.letter);
	mem_random(keys.key, sizeof(keys.key));
	OK(key_reserve_wrap(reserve, &in.mairie, kid, 300, pool, &keys, &err));
	all_open(&keys, kid, 300);
	place = in_order(&keys, 300, place);
	OK(key_reserve_take(reserve, &in.mairie, kid, 3, pool, &keys, &err));
	in_order(&keys, 3, place);
	key_reserve_free(reserve);
}

/* What another letter of the entity has overtaken is not given out any more. */
static void months_in_turn(void **state)
{
	AUTO_POOL pool = pool_new();
	struct key_reserve *reserve = key_reserve_new(in.keeper);
	struct uuid before = { 0 };
	struct err err = { 0 };
	char kids[2][64];

	(void)state;
	OK(directory_kek(in.directory, "letter", &in.mairie, 2030 * 12, kids[0], &err));
	OK(directory_kek(in.directory, "letter", &in.mairie, 2030 * 12 + 1, kids[1], &err));
	for (int i = 0; i < 200; i++) {
		const char *kid = kids[i % 7 == 0];
		struct reserved_keys keys;

		OK(key_reserve_take(reserve, &in.mairie, kid, 2, pool, &keys, &err));
		assert_true(by_id(&keys.letter, &before) > 0);
		all_open(&keys, kid, 2);
		before = keys.letter;
	}
	key_reserve_free(reserve);
}

/* What lies there is worth nothing without the keeper that will sign for the letter. */
static void keeper_gone(void **state)
{
	AUTO_POOL pool = pool_new();
	struct key_reserve *reserve = key_reserve_new(in.keeper);
	struct reserved_keys keys;
	struct err err = { 0 };
	char kid[64];

	(void)state;
#ifdef __SANITIZE_THREAD__
	skip();	/* the second keeper is forked while threads run; ThreadSanitizer cannot follow the threads that it starts */
#endif
	OK(directory_kek(in.directory, "letter", &in.mairie, 2030 * 12, kid, &err));
	for (int i = 0; i < 100; i++)
		OK(key_reserve_take(reserve, &in.mairie, kid, 1, pool, &keys, &err));
	kill(in.keeper_pid, SIGKILL);
	assert_int_equal(waitpid(in.keeper_pid, NULL, 0), in.keeper_pid);
	while (keeper_linked(in.keeper))
		sched_yield();
	assert_int_equal(key_reserve_take(reserve, &in.mairie, kid, 1, pool, &keys, &err), PLI_BUSY);
	keeper_relink(in.keeper, instance_keeper_fork(&in));
	journal_keeper_back(in.journal);
	OK(key_reserve_take(reserve, &in.mairie, kid, 1, pool, &keys, &err));
	all_open(&keys, kid, 1);
	key_reserve_free(reserve);
}

static int setup(void **state)
{
	(void)state;
	instance_make(&in);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	instance_drop(&in);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(many_recipients),
		cmocka_unit_test(months_in_turn),
		cmocka_unit_test(keeper_gone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
