/* For the tests of the keeper: one in a process of its own, its folders, and appends that are waited for. */
#ifndef PLI_KEEPER_TESTING_H
#define PLI_KEEPER_TESTING_H

#include "cert_testing.h"

#include <pthread.h>

#include "buf.h"

#include "tree.h"

#define WITH_KEEPER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

struct fixture {
	struct testing_dir dir;
	struct testing_keeper keeper;
};

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	testing_dir_make(&f->dir, 1);
	testing_keeper_start(&f->dir, &f->keeper);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	testing_keeper_stop(&f->keeper);
	testing_dir_drop(&f->dir);
	free(f);
	return 0;
}

/* A new link for the keeper: its end, which is taken. */
static inline void testing_send_fd(int control, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} space = { 0 };
	char byte = 'L';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space.space, .msg_controllen = sizeof(space.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sendmsg(control, &msg, 0), 1);
	close(fd);
}

/* ---- waiting for an append ---- */

struct answer {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	enum pli_status status;
	uint64_t size;
	uint8_t root[32];
	struct buf checkpoint, token;
	struct err err;
};

static inline void appended(void *arg, enum pli_status status, const struct keeper_head *head, const struct err *err)
{
	struct answer *a = arg;

	pthread_mutex_lock(&a->lock);
	a->status = status;
	a->err = *err;
	if (head) {
		a->size = head->size;
		memcpy(a->root, head->root, 32);
		buf_add(&a->checkpoint, head->checkpoint, head->checkpoint_n);
		buf_add(&a->token, head->token, head->token_n);
	}
	a->done = true;
	pthread_cond_signal(&a->cond);
	pthread_mutex_unlock(&a->lock);
}

static inline void answer_wait(struct answer *a)
{
	pthread_mutex_lock(&a->lock);
	while (!a->done)
		pthread_cond_wait(&a->cond, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

static inline void answer_drop(struct answer *a)
{
	buf_free(&a->checkpoint);
	buf_free(&a->token);
}

static inline void leaf_of(uint64_t seq, uint8_t leaf_r[32])
{
	tree_leaf(&seq, sizeof(seq), leaf_r);
}

/* Appends the test's own leaves first … first + count - 1; the answer comes later. */
static inline void append_begin(struct keeper *k, uint64_t first, size_t count, struct answer *a)
{
	uint8_t (*leaves)[32] = malloc(count * 32);

	*a = (struct answer){ .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	for (size_t i = 0; i < count; i++)
		leaf_of(first + i, leaves[i]);
	keeper_append(k, first, (const uint8_t (*)[32])leaves, count, appended, a);
	free(leaves);
}

static inline void append(struct keeper *k, uint64_t first, size_t count, struct answer *a)
{
	append_begin(k, first, count, a);
	answer_wait(a);
}

static inline void append_ok(struct keeper *k, uint64_t first, size_t count)
{
	struct answer a;

	append(k, first, count, &a);
	if (a.status != PLI_OK)
		fail_msg("append of %zu at %d: %s", count, (int)first, a.err.text);
	answer_drop(&a);
}

static inline void root_of(uint64_t size, uint8_t root_r[32])
{
	struct tree t;
	uint8_t leaf[32];

	tree_init(&t);
	for (uint64_t i = 0; i < size; i++) {
		leaf_of(i, leaf);
		tree_add(&t, leaf);
	}
	tree_root(&t, root_r);
}

static inline void restart(struct fixture *f, int signal)
{
	keeper_free(f->keeper.client);
	testing_keeper_end(&f->keeper, signal);
	testing_keeper_start(&f->dir, &f->keeper);
}

static inline void status_is(struct keeper *k, uint64_t size, bool refusing)
{
	struct keeper_status s;
	uint8_t root[32];
	struct err err;

	assert_int_equal(keeper_status(k, &s, &err), PLI_OK);
	if (s.refusing != refusing)
		fail_msg("refusing %d: %s", s.refusing, s.reason);
	assert_int_equal(s.size, size);
	root_of(size, root);
	assert_memory_equal(s.root, root, 32);
	if (!refusing) {
		assert_int_equal(s.counter_size, size);
		assert_memory_equal(s.counter_root, root, 32);
	}
}

#endif
