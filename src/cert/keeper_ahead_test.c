/* Leaves announced to the keeper before they are committed: they count when it is told so, and never before. */
#include "keeper_testing.h"

#include <time.h>

#include "checkpoint.h"
#include "clock.h"
#include "keeper_frame.h"
#include "token.h"

#define PATIENCE_US (20 * SECOND_US)

/* The test's own leaves first … first + count - 1, xor what: not zero for others. */
static uint64_t announce(struct keeper *k, uint64_t first, size_t count, uint8_t what, struct answer *a)
{
	uint8_t leaves[64][32];

	assert_true(count <= 64);
	*a = (struct answer){ .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	for (size_t i = 0; i < count; i++) {
		leaf_of(first + i, leaves[i]);
		leaves[i][0] ^= what;
	}
	return keeper_append_ahead(k, first, (const uint8_t (*)[32])leaves, count, appended, a);
}

static bool answered(struct answer *a)
{
	bool done;

	pthread_mutex_lock(&a->lock);
	done = a->done;
	pthread_mutex_unlock(&a->lock);
	return done;
}

static uint64_t checkpoints(struct keeper *k)
{
	struct keeper_status s;
	struct err err;

	assert_int_equal(keeper_status(k, &s, &err), PLI_OK);
	return s.signatures[SIGNATURE_CHECKPOINT];
}

static void checkpoints_await(struct keeper *k, uint64_t count)
{
	int64_t until_us = clock_mono_us() + PATIENCE_US;

	while (checkpoints(k) < count)
		assert_true(clock_mono_us() < until_us);
	assert_int_equal(checkpoints(k), count);
}

static void committed_ok(struct keeper *k, uint64_t id, struct answer *a, uint64_t size)
{
	uint8_t root[32];

	assert_true(keeper_append_committed(k, id));
	answer_wait(a);
	if (a->status != PLI_OK)
		fail_msg("%s", a->err.text);
	assert_int_equal(a->size, size);
	root_of(size, root);
	assert_memory_equal(a->root, root, 32);
	answer_drop(a);
}

struct heads {
	struct token_verifier *tokens;
	uint8_t log_public[32];
	uint64_t last;
	int64_t last_us;
	unsigned count;
};

static enum pli_status head_holds(void *arg, const struct keeper_head *head, struct err *err)
{
	struct heads *h = arg;
	struct token_info info;
	struct checkpoint c;
	uint8_t root[32];

	root_of(head->size, root);
	assert_memory_equal(head->root, root, 32);
	assert_int_equal(checkpoint_verify(head->checkpoint, head->checkpoint_n, TESTING_ORIGIN, h->log_public, &c, err), PLI_OK);
	assert_int_equal(c.size, head->size);
	assert_memory_equal(c.root, head->root, 32);
	assert_int_equal(token_verify(h->tokens, head->token, head->token_n, head->checkpoint, head->checkpoint_n, &info, err), PLI_OK);
	assert_true(head->size > h->last && info.gen_time_us >= h->last_us);
	h->last = head->size;
	h->last_us = info.gen_time_us;
	h->count++;
	return PLI_OK;
}

/* So many heads, each of them of the test's own leaves, none older than the one before. */
static void heads_are(struct fixture *f, unsigned count, uint64_t size)
{
	struct buf root_pem = testing_get(f->dir.public_dir, "root.pem"), tsa_pem = testing_get(f->dir.public_dir, "tsa.pem");
	struct buf log_pub = testing_get(f->dir.public_dir, "log.pub");
	struct heads h = { 0 };
	struct err err;

	assert_int_equal(token_verifier_new(root_pem.p, tsa_pem.p, &h.tokens, &err), PLI_OK);
	assert_int_equal(checkpoint_public_key(log_pub.p, log_pub.n, h.log_public, &err), PLI_OK);
	assert_int_equal(keeper_heads_since(f->keeper.client, 0, 1000, head_holds, &h, &err), PLI_OK);
	assert_int_equal(h.count, count);
	assert_int_equal(h.last, size);
	token_verifier_free(h.tokens);
	buf_free(&root_pem);
	buf_free(&tsa_pem);
	buf_free(&log_pub);
}

/* The head is signed once, before the commit; nothing is stored or told until the commit. */
static void signed_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	struct answer a;
	uint64_t id;

	append_ok(k, 0, 3);
	id = announce(k, 3, 5, 0, &a);
	checkpoints_await(k, 2);
	status_is(k, 3, false);
	heads_are(f, 1, 3);
	assert_false(answered(&a));
	committed_ok(k, id, &a, 8);
	assert_int_equal(checkpoints(k), 2);
	status_is(k, 8, false);
	heads_are(f, 2, 8);
	restart(f, SIGKILL);
	status_is(f->keeper.client, 8, false);
	heads_are(f, 2, 8);
}

/* A commit that failed: its leaves are nowhere, others stand in their place, nobody is told of it. */
static void not_committed(void **state)
{
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	struct answer lost, a;
	uint64_t id = announce(k, 0, 4, 7, &lost);

	keeper_append_forget(k, id);
	assert_false(keeper_append_committed(k, id));
	id = announce(k, 0, 2, 0, &a);
	committed_ok(k, id, &a, 2);
	assert_false(answered(&lost));
	heads_are(f, 1, 2);
	id = announce(k, 2, 4, 7, &lost);
	keeper_append_forget(k, id);
	append_ok(k, 2, 1);
	status_is(k, 3, false);
	heads_are(f, 2, 3);
}

/* Leaves that came another way in between: the same ones join, others are a conflict, a gap stays one. */
static void overtaken(void **state)
{
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	struct answer a;
	uint64_t id = announce(k, 0, 5, 0, &a);

	append_ok(k, 0, 3);
	committed_ok(k, id, &a, 5);
	heads_are(f, 2, 5);

	id = announce(k, 5, 5, 0, &a);
	append_ok(k, 5, 5);
	committed_ok(k, id, &a, 10);
	heads_are(f, 3, 10);

	id = announce(k, 10, 2, 7, &a);
	append_ok(k, 10, 1);
	assert_true(keeper_append_committed(k, id));
	answer_wait(&a);
	assert_int_equal(a.status, PLI_CONFLICT);

	id = announce(k, 13, 2, 0, &a);
	assert_true(keeper_append_committed(k, id));
	answer_wait(&a);
	assert_int_equal(a.status, PLI_RANGE);
	heads_are(f, 4, 11);
}

/* One that others have followed was not committed; who says so later is told. */
static void replaced(void **state)
{
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	struct answer lost, a;
	uint64_t first = announce(k, 0, 2, 7, &lost), id = announce(k, 0, 3, 0, &a);

	assert_true(keeper_append_committed(k, first));
	answer_wait(&lost);
	assert_int_equal(lost.status, PLI_RANGE);
	committed_ok(k, id, &a, 3);
	heads_are(f, 1, 3);
}

/* Groups that queue up while the keeper is busy become few heads, as appends do that are not announced. */
static void merged(void **state)
{
	enum { GROUPS = 60 };
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	struct answer a[GROUPS];
	struct keeper_status s;
	struct err err;

	append_ok(k, 0, 1);
	assert_int_equal(kill(f->keeper.pid, SIGSTOP), 0);
	for (unsigned i = 0; i < GROUPS; i++)
		assert_true(keeper_append_committed(k, announce(k, 1 + i, 1, 0, &a[i])));
	assert_int_equal(kill(f->keeper.pid, SIGCONT), 0);
	for (unsigned i = 0; i < GROUPS; i++) {
		answer_wait(&a[i]);
		assert_int_equal(a[i].status, PLI_OK);
		assert_true(a[i].size >= 2 + i);
		answer_drop(&a[i]);
	}
	assert_int_equal(keeper_status(k, &s, &err), PLI_OK);
	assert_int_equal(s.size, 1 + GROUPS);
	assert_true(s.counter_generation - 2 < GROUPS / 2);
	assert_true(s.signatures[SIGNATURE_CHECKPOINT] < GROUPS / 2);
}

/* A head signed long before its commit would carry too old a time: another is signed. */
static void old_draft(void **state)
{
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	struct answer a;
	uint64_t id = announce(k, 0, 2, 0, &a);

	checkpoints_await(k, 1);
	nanosleep(&(struct timespec){ .tv_sec = 1, .tv_nsec = 50000000 }, NULL);
	committed_ok(k, id, &a, 2);
	assert_int_equal(checkpoints(k), 2);
	heads_are(f, 1, 2);
}

/* The keeper does not answer any more, and who asked goes away: nobody is told, and nothing is touched that was his. */
static void forgotten(void **state)
{
	struct fixture *f = *state;
	struct keeper *k = f->keeper.client;
	struct answer *mine = malloc(sizeof(*mine)), other;
	uint64_t id = announce(k, 0, 2, 0, mine);

	assert_int_equal(kill(f->keeper.pid, SIGSTOP), 0);
	assert_true(keeper_append_committed(k, id));
	append_begin(k, 2, 1, &other);
	keeper_append_forget_all(k, mine);
	assert_false(answered(mine));
	free(mine);
	assert_int_equal(kill(f->keeper.pid, SIGCONT), 0);
	answer_wait(&other);
	assert_int_equal(other.status, PLI_OK);
	answer_drop(&other);
	status_is(k, 3, false);
}

/* The keeper dies in between: who announced is told, and sends again. */
static void keeper_dies(void **state)
{
	struct fixture *f = *state;
	struct testing_keeper next;
	struct answer a;
	uint64_t id;

	append_ok(f->keeper.client, 0, 1);
	id = announce(f->keeper.client, 1, 3, 0, &a);
	checkpoints_await(f->keeper.client, 2);
	testing_keeper_end(&f->keeper, SIGKILL);
	answer_wait(&a);
	assert_true(a.status == PLI_BUSY || a.status == PLI_UNCERTAIN);
	assert_false(keeper_append_committed(f->keeper.client, id));
	keeper_relink(f->keeper.client, testing_keeper_fork(&f->dir, &next));
	f->keeper.pid = next.pid;
	f->keeper.control = next.control;
	status_is(f->keeper.client, 1, false);
	append_ok(f->keeper.client, 1, 3);
	status_is(f->keeper.client, 4, false);
	heads_are(f, 2, 4);
}

static void put_leaf(struct buf *out, uint8_t flags, uint64_t id, uint64_t seq)
{
	size_t start = keeper_frame_begin(out, KEEPER_APPEND, id);
	uint8_t leaf[32];

	leaf_of(seq, leaf);
	buf_u64(out, seq);
	buf_add(out, leaf, 32);
	keeper_frame_end(out, start, flags, 1);
}

/* Sends the frames; the answer must be that refusal of the append `id`. */
static void refused(int fd, const struct buf *frames, uint64_t id, enum pli_status status)
{
	AUTO_BUF in = { 0 };
	struct keeper_frame answer;
	size_t used = 0;

	assert_int_equal(send(fd, frames->p, frames->n, MSG_NOSIGNAL), frames->n);
	while (!used) {
		ssize_t got = recv(fd, buf_reserve(&in, 4096), 4096, 0);

		assert_true(got > 0);
		in.n += (size_t)got;
		assert_int_equal(keeper_frame_next((const uint8_t *)in.p, in.n, &answer, &used, NULL), PLI_OK);
	}
	assert_int_equal(answer.verb, KEEPER_APPEND | FRAME_ANSWER);
	assert_int_equal(answer.id, id);
	assert_int_equal(answer.body[0], status);
}

/* Committed, but never announced: not at all, or by a front of before under the same number; frames of one request that differ. */
static void wrong_words(void **state)
{
	struct fixture *f = *state;
	AUTO_BUF committed = { 0 }, ahead = { 0 }, differ = { 0 };
	int old[2], new[2];
	uint64_t count;

	append_ok(f->keeper.client, 0, 2);
	count = checkpoints(f->keeper.client);
	keeper_free(f->keeper.client);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, old), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new), 0);
	testing_send_fd(f->keeper.control, old[1]);
	keeper_frame_end(&committed, keeper_frame_begin(&committed, KEEPER_COMMITTED, 99), 0, 0);
	refused(old[0], &committed, 99, PLI_RANGE);
	put_leaf(&differ, FRAME_AHEAD | FRAME_MORE, 98, 2);
	put_leaf(&differ, 0, 98, 3);
	refused(old[0], &differ, 98, PLI_INPUT);
	put_leaf(&ahead, FRAME_AHEAD, 99, 2);
	assert_int_equal(send(old[0], ahead.p, ahead.n, MSG_NOSIGNAL), ahead.n);
	/* An answer to something after it: it lies there. */
	buf_reset(&committed);
	keeper_frame_end(&committed, keeper_frame_begin(&committed, KEEPER_COMMITTED, 97), 0, 0);
	refused(old[0], &committed, 97, PLI_RANGE);
	testing_send_fd(f->keeper.control, new[1]);
	buf_reset(&committed);
	keeper_frame_end(&committed, keeper_frame_begin(&committed, KEEPER_COMMITTED, 99), 0, 0);
	refused(new[0], &committed, 99, PLI_RANGE);
	close(old[0]);
	assert_int_equal(keeper_new(new[0], &f->keeper.client, NULL), PLI_OK);
	status_is(f->keeper.client, 2, false);
	assert_int_equal(checkpoints(f->keeper.client), count + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_KEEPER(signed_meanwhile), WITH_KEEPER(not_committed), WITH_KEEPER(overtaken), WITH_KEEPER(replaced), WITH_KEEPER(merged),
		WITH_KEEPER(old_draft), WITH_KEEPER(forgotten), WITH_KEEPER(keeper_dies), WITH_KEEPER(wrong_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
