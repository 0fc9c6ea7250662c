/* The keeper's link to front: renewed, fed with foreign bytes, hung, asked by many. */
#include "keeper_testing.h"

#include <time.h>

#include "clock.h"
#include "uuid.h"
#include "keeper_frame.h"

/* Front dies and is renewed; then the keeper dies and front is given the new one's link. */
static void links_are_renewed(void **state)
{
	struct fixture *f = *state;
	struct testing_keeper other;
	struct keeper_status s;
	struct answer a;
	int link[2];
	struct err err = { 0 };

	append_ok(f->keeper.client, 0, 3);
	keeper_free(f->keeper.client);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link), 0);
	assert_int_equal(keeper_new(link[0], &f->keeper.client, &err), PLI_OK);
	testing_send_fd(f->keeper.control, link[1]);
	append_ok(f->keeper.client, 3, 3);

	testing_keeper_end(&f->keeper, SIGKILL);
	append(f->keeper.client, 6, 1, &a);
	assert_true(a.status == PLI_BUSY || a.status == PLI_UNCERTAIN);
	assert_int_equal(keeper_status(f->keeper.client, &s, &err), PLI_BUSY);
	assert_false(keeper_linked(f->keeper.client));
	keeper_relink(f->keeper.client, testing_keeper_fork(&f->dir, &other));
	assert_int_equal(keeper_status(f->keeper.client, &s, &err), PLI_OK);
	assert_int_equal(s.size, 6);
	append_ok(f->keeper.client, 6, 1);
	f->keeper.pid = other.pid;
	f->keeper.control = other.control;
}

/* Bytes that are no frame end the link, not the keeper; a frame that is no request is answered. */
static void foreign_bytes(void **state)
{
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4 };
	struct fixture *f = *state;
	struct keeper_frame frame;
	struct keeper_status s;
	uint8_t answer[256];
	AUTO_BUF out = { 0 };
	size_t start, used;
	int link[2], again[2];
	ssize_t got;
	struct err err = { 0 };

	keeper_free(f->keeper.client);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link), 0);
	testing_send_fd(f->keeper.control, link[1]);
	start = keeper_frame_begin(&out, 77, 5);
	keeper_frame_end(&out, start, 0, 0);
	assert_int_equal(write(link[0], out.p, out.n), out.n);
	got = read(link[0], answer, sizeof(answer));
	assert_true(got > 0);
	assert_int_equal(keeper_frame_next(answer, (size_t)got, &frame, &used, &err), PLI_OK);
	assert_int_equal(frame.id, 5);
	assert_int_equal(frame.body[0], PLI_INPUT);
	assert_int_equal(write(link[0], huge, sizeof(huge)), sizeof(huge));
	assert_int_equal(read(link[0], answer, sizeof(answer)), 0);
	close(link[0]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, again), 0);
	assert_int_equal(keeper_new(again[0], &f->keeper.client, &err), PLI_OK);
	testing_send_fd(f->keeper.control, again[1]);
	assert_int_equal(keeper_status(f->keeper.client, &s, &err), PLI_OK);
}

#define LEAVES 8192u		/* eight times that is far more than the link takes */

/* A keeper that has stopped: appends go into the queue, far more than the link takes, and nobody waits for it; it counts as not
 * there.  When it goes on, so does the queue. */
static void stopped_keeper_stops_nobody(void **state)
{
	struct fixture *f = *state;
	struct answer answers[8];
	struct keeper_status s;
	struct err err = { 0 };
	int64_t until_us;

	append_ok(f->keeper.client, 0, 1);
	assert_int_equal(kill(f->keeper.pid, SIGSTOP), 0);
	for (size_t i = 0; i < 8; i++)
		append_begin(f->keeper.client, 1 + i * LEAVES, LEAVES, &answers[i]);	/* returns, though nobody reads */
	assert_int_equal(keeper_status_soon(f->keeper.client, &s, &err), PLI_BUSY);
	while (keeper_linked(f->keeper.client))
		sched_yield();
	assert_int_equal(kill(f->keeper.pid, SIGCONT), 0);
	for (size_t i = 0; i < 8; i++) {
		answer_wait(&answers[i]);
		/* On a slow machine one may come too late for its answer, but it is done. */
		assert_true(answers[i].status == PLI_OK || answers[i].status == PLI_UNCERTAIN);
		answer_drop(&answers[i]);
	}
	until_us = clock_mono_us() + 60 * SECOND_US;
	do
		assert_true(clock_mono_us() < until_us);
	while (keeper_status(f->keeper.client, &s, &err) != PLI_OK || s.size < 1 + 8 * LEAVES);
	assert_int_equal(s.size, 1 + 8 * LEAVES);
	assert_true(keeper_linked(f->keeper.client));
}

struct hung {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned count;
};

static void is_hung(void *arg)
{
	struct hung *h = arg;

	pthread_mutex_lock(&h->lock);
	h->count++;
	pthread_cond_signal(&h->cond);
	pthread_mutex_unlock(&h->lock);
}

/* It is reported, so that whoever started it can end it. */
static void hung_keeper_is_reported(void **state)
{
	struct fixture *f = *state;
	struct hung h = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	keeper_watch(f->keeper.client, is_hung, &h);
	assert_int_equal(kill(f->keeper.pid, SIGSTOP), 0);
	pthread_mutex_lock(&h.lock);
	while (!h.count)
		assert_int_equal(pthread_cond_timedwait(&h.cond, &h.lock, &until), 0);
	pthread_mutex_unlock(&h.lock);
	keeper_watch(f->keeper.client, NULL, NULL);
	assert_int_equal(kill(f->keeper.pid, SIGCONT), 0);
}

struct crowd {
	struct keeper *keeper;
	const char *kid;
	int failures;
};

static void *one_of_many(void *arg)
{
	struct crowd *c = arg;
	struct keywrap kw;
	struct err err;

	keeper_keywrap(c->keeper, &kw);
	for (int i = 0; i < 300; i++) {
		struct keywrap_item item = { .kid = c->kid, .aad = &i, .aad_n = sizeof(i), .in = &i, .in_n = sizeof(i) };
		uint8_t wrapped[128];

		if (kw.wrap(kw.arg, &item, 1, &err) != PLI_OK)
			c->failures++;
		memcpy(wrapped, item.out, item.out_n);
		item.in = wrapped;
		item.in_n = item.out_n;
		if (kw.unwrap(kw.arg, &item, 1, &err) != PLI_OK || item.out_n != sizeof(i) || memcmp(item.out, &i, sizeof(i)) != 0)
			c->failures++;
	}
	return NULL;
}

static void many_callers(void **state)
{
	struct fixture *f = *state;
	struct crowd crowd[8];
	pthread_t threads[8];
	struct uuid entity = { { 5 } };
	struct keywrap kw;
	char kid[64];
	struct err err;

	keeper_keywrap(f->keeper.client, &kw);
	assert_int_equal(kw.kek(kw.arg, "letter", &entity, 2027 * 12, kid, &err), PLI_OK);
	for (int i = 0; i < 8; i++) {
		crowd[i] = (struct crowd){ .keeper = f->keeper.client, .kid = kid };
		assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, &crowd[i]), 0);
	}
	for (unsigned i = 0; i < 200; i++)
		append_ok(f->keeper.client, i, 1);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(crowd[i].failures, 0);
	}
	status_is(f->keeper.client, 200, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_KEEPER(links_are_renewed),
		WITH_KEEPER(foreign_bytes),
		WITH_KEEPER(stopped_keeper_stops_nobody),
		WITH_KEEPER(hung_keeper_is_reported),
		WITH_KEEPER(many_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
