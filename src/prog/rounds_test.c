/* A thread that goes round: at once, again and again, never twice at a time, and not after its stop, which waits for the round under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>

#include "rounds.h"

struct table {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned begun, ended, wanted;	/* a round above `wanted` waits */
};

static void lay(struct table *t, unsigned wanted)
{
	*t = (struct table){ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .wanted = wanted };
}

static void go_round(void *arg)
{
	struct table *t = arg;

	pthread_mutex_lock(&t->lock);
	assert_int_equal(t->begun, t->ended);
	t->begun++;
	pthread_cond_broadcast(&t->changed);
	while (t->begun > t->wanted)
		pthread_cond_wait(&t->changed, &t->lock);
	t->ended++;
	pthread_mutex_unlock(&t->lock);
}

static void until_begun(struct table *t, unsigned n)
{
	pthread_mutex_lock(&t->lock);
	while (t->begun < n)
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

static void goes_round(void **state)
{
	struct table t;
	struct rounds *r = NULL;
	struct err err;

	(void)state;
	lay(&t, UINT32_MAX);
	assert_int_equal(rounds_start(1, go_round, &t, "to lay the table", &r, &err), PLI_OK);
	until_begun(&t, 20);
	rounds_stop(r);
	assert_int_equal(t.begun, t.ended);
	rounds_stop(NULL);
}

/* The first round comes at once; whoever stops does not wait for the next. */
static void at_once(void **state)
{
	struct table t;
	struct rounds *r = NULL;
	struct err err;

	(void)state;
	lay(&t, UINT32_MAX);
	assert_int_equal(rounds_start(UINT32_MAX, go_round, &t, "to lay the table", &r, &err), PLI_OK);
	until_begun(&t, 1);
	rounds_stop(r);
	assert_int_equal(t.begun, 1);
	assert_int_equal(t.ended, 1);
}

static void *stopper(void *arg)
{
	rounds_stop(arg);
	return NULL;
}

static void a_round_under_way(void **state)
{
	struct table t;
	struct rounds *r = NULL;
	struct err err;
	pthread_t thread;

	(void)state;
	lay(&t, 2);
	assert_int_equal(rounds_start(1, go_round, &t, "to lay the table", &r, &err), PLI_OK);
	until_begun(&t, 3);
	assert_int_equal(pthread_create(&thread, NULL, stopper, r), 0);
	pthread_mutex_lock(&t.lock);
	assert_int_equal(t.ended, 2);
	t.wanted = UINT32_MAX;
	pthread_cond_broadcast(&t.changed);
	pthread_mutex_unlock(&t.lock);
	pthread_join(thread, NULL);
	assert_int_equal(t.ended, t.begun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_round),
		cmocka_unit_test(at_once),
		cmocka_unit_test(a_round_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
