/* Pools and heap helpers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool.h"

static void test_alloc(void **state)
{
	struct pool *pool = pool_new();
	unsigned char *before = NULL;

	(void)state;
	for (size_t size = 0; size < 5000; size += 7) {
		unsigned char *p = pool_alloc(pool, size);

		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xAA, size);
		if (before)
			assert_ptr_not_equal(p, before);
		before = p;
	}
	assert_string_equal(pool_fmt(pool, "%s-%d", "a", 7), "a-7");
	assert_string_equal(pool_strn(pool, "abcdef", 3), "abc");
	assert_null(pool_str(pool, NULL));
	assert_memory_equal(pool_dup(pool, "xyz", 3), "xyz", 3);
	/* Larger than any chunk. */
	memset(pool_alloc(pool, 1 << 20), 1, 1 << 20);
	pool_free(pool);
	pool_free(NULL);
}

struct note {
	struct pool *pool;
	char order[8];
	size_t n;
};

static struct note note;

static void mark_a(void *arg)
{
	(void)arg;
	note.order[note.n++] = 'a';
}

static void mark_b(void *arg)
{
	note.order[note.n++] = *(char *)arg;
	/* Registered while the pool dies: still runs. */
	pool_cleanup(note.pool, mark_a, NULL);
}

static void test_cleanup(void **state)
{
	static char b = 'b', c = 'c';

	(void)state;
	memset(&note, 0, sizeof(note));
	note.pool = pool_new_secret();
	pool_cleanup(note.pool, mark_a, NULL);
	pool_cleanup(note.pool, mark_b, &b);
	pool_cleanup(note.pool, mark_b, &c);
	pool_free(note.pool);
	assert_string_equal(note.order, "cabaa");
}

static void test_same(void **state)
{
	(void)state;
	assert_true(mem_same("abc", "abc", 3));
	assert_false(mem_same("abc", "abd", 3));
	assert_false(mem_same("xbc", "abc", 3));
	assert_true(mem_same("x", "y", 0));
}

static void test_random(void **state)
{
	unsigned char a[64] = { 0 }, b[64] = { 0 }, wiped[64] = { 0 };

	(void)state;
	mem_random(a, sizeof(a));
	mem_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	mem_wipe(a, sizeof(a));
	assert_memory_equal(a, wiped, sizeof(a));
	mem_wipe(NULL, 0);
}

static void *draw(void *arg)
{
	mem_random(arg, 16);
	return NULL;
}

/* Bytes are fetched for several calls at once; no call, thread or forked process may see those of another. */
static void test_random_apart(void **state)
{
	unsigned char seen[400][16], of_child[16];
	pthread_t thread;
	int ends[2], code;
	pid_t pid;

	(void)state;
	for (int i = 0; i < 398; i++)
		mem_random(seen[i], 16);
	assert_int_equal(pthread_create(&thread, NULL, draw, seen[398]), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		mem_random(of_child, 16);
		_exit(write(ends[1], of_child, 16) == 16 ? 0 : 1);
	}
	assert_int_equal(read(ends[0], of_child, 16), 16);
	assert_int_equal(waitpid(pid, &code, 0), pid);
	assert_int_equal(code, 0);
	mem_random(seen[399], 16);
	for (int i = 0; i < 400; i++) {
		assert_memory_not_equal(seen[i], of_child, 16);
		for (int k = 0; k < i; k++)
			assert_memory_not_equal(seen[i], seen[k], 16);
	}
	close(ends[0]);
	close(ends[1]);
}

static void test_heap(void **state)
{
	char *p = mem_alloc(10);

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(p[i], 0);
	p = mem_grow(p, 1000);
	mem_free(p);
	p = mem_str("text");
	assert_string_equal(p, "text");
	mem_free(p);
	assert_null(mem_str(NULL));
	mem_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_cleanup),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_apart),
		cmocka_unit_test(test_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
