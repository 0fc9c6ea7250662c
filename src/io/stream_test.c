/* Memory, chain and window streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "pool.h"

#include "stream.h"

/* Gives `left` bytes 'x', then fails; counts how often it was closed. */
struct failing {
	struct istream is;
	size_t left;
	int *closed;
};

static enum pli_status failing_read(struct istream *is, void *buf, size_t cap, size_t *n_r, struct err *err)
{
	struct failing *f = (struct failing *)is;

	if (!f->left)
		return err_set(err, PLI_IO, "broken");
	*n_r = f->left < cap ? f->left : cap;
	memset(buf, 'x', *n_r);
	f->left -= *n_r;
	return PLI_OK;
}

static void failing_close(struct istream *is)
{
	++*((struct failing *)is)->closed;
	mem_free(is);
}

static struct istream *failing_new(size_t left, int *closed)
{
	static const struct istream_ops ops = { "failing", failing_read, failing_close, NULL };
	struct failing *f = mem_alloc(sizeof(*f));

	f->is.ops = &ops;
	f->left = left;
	f->closed = closed;
	return &f->is;
}

static enum pli_status drain(struct istream *is, size_t step, struct buf *out)
{
	for (;;) {
		char piece[64];
		size_t n = 99;
		enum pli_status status = istream_read(is, piece, step, &n, NULL);

		if (status != PLI_OK)
			return status;
		if (!n)
			return PLI_OK;
		assert_true(n <= step);
		buf_add(out, piece, n);
	}
}

static void expect_all(struct istream *is, size_t step, const char *wanted)
{
	AUTO_BUF out = { 0 };
	size_t n = 99;
	char c;

	buf_str(&out, "");
	assert_int_equal(drain(is, step, &out), PLI_OK);
	assert_string_equal(out.p, wanted);
	/* The end stays the end. */
	assert_int_equal(istream_read(is, &c, 1, &n, NULL), PLI_OK);
	assert_int_equal(n, 0);
	istream_close(is);
}

static void test_memory_and_chain(void **state)
{
	(void)state;
	for (size_t step = 1; step < 12; step++) {
		struct istream *parts[4];

		expect_all(istream_memory("abcdefghij", 10), step, "abcdefghij");
		expect_all(istream_memory(NULL, 0), step, "");
		parts[0] = istream_memory("abc", 3);
		parts[1] = istream_memory("", 0);
		parts[2] = istream_memory("defg", 4);
		parts[3] = istream_memory("h", 1);
		expect_all(istream_chain(parts, 4), step, "abcdefgh");
		expect_all(istream_chain(NULL, 0), step, "");
	}
	istream_close(NULL);
}

static void test_window(void **state)
{
	static const struct {
		uint64_t skip, length;
		const char *wanted;
	} cases[] = {
		{ 0, 10, "abcdefghij" }, { 0, 0, "" }, { 3, 4, "defg" }, { 9, 1, "j" }, { 9, 99, "j" },
		{ 10, 1, "" }, { 99, 1, "" }, { 0, UINT64_MAX, "abcdefghij" }, { UINT64_MAX, 1, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t step = 1; step < 12; step += 5)
			expect_all(istream_window(istream_memory("abcdefghij", 10), cases[i].skip,
						  cases[i].length), step, cases[i].wanted);
}

/* What is at hand is given at once; what has to be skipped or asked for is not, and nothing of it is lost. */
static void test_now(void **state)
{
	struct istream *is = istream_window(istream_memory("abcdefghij", 10), 0, 4), *parts[1];
	char got[16];
	size_t n = 0;
	int closed = 0;

	(void)state;
	assert_int_equal(istream_read_now(is, got, 3, &n, NULL), PLI_OK);
	assert_int_equal(n, 3);
	assert_memory_equal(got, "abc", 3);
	assert_int_equal(istream_read_now(is, got, sizeof(got), &n, NULL), PLI_OK);
	assert_int_equal(n, 1);
	assert_int_equal(istream_read_now(is, got, sizeof(got), &n, NULL), PLI_OK);
	assert_int_equal(n, 0);
	istream_close(is);
	is = istream_window(istream_memory("abcdefghij", 10), 2, 4);
	assert_int_equal(istream_read_now(is, got, sizeof(got), &n, NULL), PLI_AGAIN);
	expect_all(is, 5, "cdef");
	parts[0] = istream_memory("abc", 3);
	is = istream_chain(parts, 1);
	assert_int_equal(istream_read_now(is, got, sizeof(got), &n, NULL), PLI_AGAIN);
	expect_all(is, 5, "abc");
	is = istream_window(failing_new(3, &closed), 0, 2);
	assert_int_equal(istream_read_now(is, got, sizeof(got), &n, NULL), PLI_AGAIN);
	expect_all(is, 5, "xx");
}

static void test_faults(void **state)
{
	int closed = 0;
	AUTO_BUF out = { 0 };
	struct istream *parts[2], *is;

	(void)state;
	parts[0] = failing_new(3, &closed);
	parts[1] = istream_memory("never", 5);
	is = istream_chain(parts, 2);
	assert_int_equal(drain(is, 2, &out), PLI_IO);
	assert_string_equal(out.p, "xxx");
	istream_close(is);
	assert_int_equal(closed, 1);
	is = istream_window(failing_new(3, &closed), 5, 1);
	assert_int_equal(drain(is, 2, &out), PLI_IO);
	istream_close(is);
	assert_int_equal(closed, 2);
	/* A window that ends before the fault does not meet it. */
	is = istream_window(failing_new(3, &closed), 1, 2);
	assert_int_equal(drain(is, 2, &out), PLI_OK);
	istream_close(is);
	assert_int_equal(closed, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_and_chain),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_now),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
