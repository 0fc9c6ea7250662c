/* Loop, timers and workers: messages arrive in order, timers fire once and not early, threads come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "clock.h"
#include "pool.h"
#include "status.h"

#include "loop.h"
#include "timer_wheel.h"
#include "workers.h"

struct fired {
	int count;
	struct timer_wheel *wheel;
	struct timer *other;
};

static void timer_fired(void *arg)
{
	struct fired *f = arg;

	f->count++;
	if (f->other)
		timer_wheel_stop(f->wheel, f->other);
}

static void wheel_keeps_time(void **state)
{
	struct timer_wheel w;
	struct fired near_f = { 0 }, far_f = { 0 };
	struct timer near = { .fn = timer_fired, .arg = &near_f }, far = { .fn = timer_fired, .arg = &far_f };

	(void)state;
	timer_wheel_init(&w, 0);
	assert_int_equal(timer_wheel_wait_ms(&w, 0), -1);
	timer_wheel_set(&w, &near, 250000);
	timer_wheel_set(&w, &far, 60 * SECOND_US);	/* another round of the wheel */
	assert_int_equal(timer_wheel_wait_ms(&w, 0), 300);
	timer_wheel_run(&w, 249999);
	assert_int_equal(near_f.count, 0);
	timer_wheel_run(&w, 300000);
	assert_int_equal(near_f.count, 1);
	for (int64_t t = 300000; t < 60 * SECOND_US; t += 90000)
		timer_wheel_run(&w, t);
	assert_int_equal(far_f.count, 0);
	timer_wheel_run(&w, 60 * SECOND_US);
	assert_int_equal(far_f.count, 1);
	assert_int_equal(timer_wheel_wait_ms(&w, 60 * SECOND_US), -1);
	/* set again and again: fires once, at the last time */
	for (int i = 0; i < 1000; i++)
		timer_wheel_set(&w, &near, (61 + i) * SECOND_US);
	timer_wheel_run(&w, 1059 * SECOND_US);
	assert_int_equal(near_f.count, 1);
	timer_wheel_run(&w, 1060 * SECOND_US);
	assert_int_equal(near_f.count, 2);
	timer_wheel_set(&w, &near, 2000 * SECOND_US);
	timer_wheel_stop(&w, &near);
	timer_wheel_stop(&w, &near);
	timer_wheel_run(&w, 3000 * SECOND_US);
	assert_int_equal(near_f.count, 2);
}

/* Of two timers that are due together and stop each other only one fires. */
static void wheel_stops_a_due_timer(void **state)
{
	struct timer_wheel w;
	struct timer a, b;
	struct fired fa = { .wheel = &w, .other = &b }, fb = { .wheel = &w, .other = &a };

	(void)state;
	timer_wheel_init(&w, 0);
	a = (struct timer){ .fn = timer_fired, .arg = &fa };
	b = (struct timer){ .fn = timer_fired, .arg = &fb };
	timer_wheel_set(&w, &a, 100000);
	timer_wheel_set(&w, &b, 100000);
	timer_wheel_run(&w, SECOND_US);
	assert_int_equal(fa.count + fb.count, 1);
}

#define POSTERS 4
#define POSTS_EACH 5000

struct post_item {
	struct loop_post post;
	struct post_test *test;
	int poster, number;
};

struct post_test {
	struct loop *loop;
	int seen[POSTERS];
	int total;
	bool in_order;
	struct post_item items[POSTERS][POSTS_EACH];
};

struct poster {
	struct post_test *test;
	int number;
};

static void post_arrived(void *arg)
{
	struct post_item *item = arg;
	struct post_test *t = item->test;

	if (t->seen[item->poster]++ != item->number)
		t->in_order = false;
	if (++t->total == POSTERS * POSTS_EACH)
		loop_quit(t->loop);
}

static void *poster_main(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < POSTS_EACH; i++) {
		struct post_item *item = &p->test->items[p->number][i];

		*item = (struct post_item){ .post = { .fn = post_arrived, .arg = item }, .test = p->test,
					    .poster = p->number, .number = i };
		loop_post(p->test->loop, &item->post);
	}
	return NULL;
}

static void posts_arrive_in_order(void **state)
{
	struct post_test *t = mem_alloc(sizeof(*t));
	struct poster posters[POSTERS];
	pthread_t ids[POSTERS];
	struct err err;

	(void)state;
	t->in_order = true;
	assert_int_equal(loop_new(&t->loop, &err), PLI_OK);
	for (int i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){ t, i };
		assert_int_equal(pthread_create(&ids[i], NULL, poster_main, &posters[i]), 0);
	}
	loop_run(t->loop);
	for (int i = 0; i < POSTERS; i++)
		pthread_join(ids[i], NULL);
	assert_true(t->in_order);
	loop_free(t->loop);
	mem_free(t);
}

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	int inside, done;
	bool open;
};

static void pass_gate(void *arg)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->lock);
	g->inside++;
	pthread_cond_broadcast(&g->moved);
	while (!g->open)
		pthread_cond_wait(&g->moved, &g->lock);
	g->inside--;
	g->done++;
	pthread_cond_broadcast(&g->moved);
	pthread_mutex_unlock(&g->lock);
}

static void workers_grow_to_their_limit(void **state)
{
	struct gate g = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };
	struct workers_config config = { .threads_max = 3, .threads_keep = 1, .idle_ms = 10000,
					 .stack_bytes = 262144, .queue_max = 5 };
	struct workers *ws;
	struct err err;

	(void)state;
	assert_int_equal(workers_new(&config, &ws, &err), PLI_OK);
	for (int i = 0; i < 5; i++)
		assert_true(workers_call(ws, pass_gate, &g));
	assert_false(workers_call(ws, pass_gate, &g));	/* queue_max */
	pthread_mutex_lock(&g.lock);
	while (g.inside < 3)
		pthread_cond_wait(&g.moved, &g.lock);
	assert_int_equal(g.inside, 3);
	assert_int_equal(workers_threads(ws), 3);
	g.open = true;
	pthread_cond_broadcast(&g.moved);
	while (g.done < 5)
		pthread_cond_wait(&g.moved, &g.lock);
	pthread_mutex_unlock(&g.lock);
	workers_free(ws);
}

static atomic_int counted;

static void count_one(void *arg)
{
	(void)arg;
	atomic_fetch_add(&counted, 1);
}

static void stopping_runs_what_is_queued(void **state)
{
	struct workers_config config = { .threads_max = 2, .threads_keep = 1, .idle_ms = 1, .stack_bytes = 262144,
					 .queue_max = 100000 };
	struct workers *ws;
	struct err err;

	(void)state;
	atomic_store(&counted, 0);
	assert_int_equal(workers_new(&config, &ws, &err), PLI_OK);
	for (int i = 0; i < 20000; i++)
		assert_true(workers_call(ws, count_one, NULL));
	workers_free(ws);
	assert_int_equal(atomic_load(&counted), 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wheel_keeps_time),	       cmocka_unit_test(wheel_stops_a_due_timer),
		cmocka_unit_test(posts_arrive_in_order),       cmocka_unit_test(workers_grow_to_their_limit),
		cmocka_unit_test(stopping_runs_what_is_queued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
