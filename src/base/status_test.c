/* Statuses and their texts; the log line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "log.h"
#include "text.h"

#include "status.h"

static void test_set(void **state)
{
	struct err err;

	(void)state;
	memset(&err, 0xAA, sizeof(err));
	assert_int_equal(err_set(&err, PLI_ABSENT, "no %s", "letter"), PLI_ABSENT);
	assert_int_equal(err.status, PLI_ABSENT);
	assert_string_equal(err.text, "no letter");
	assert_string_equal(err.field, "");
	assert_string_equal(err.hint, "");
	assert_null(err.type);
	assert_int_equal(err.retry_after_s, 0);
	assert_int_equal(err_field(&err, PLI_INVALID, "empty-subject", "subject", "x"), PLI_INVALID);
	assert_string_equal(err.type, "empty-subject");
	assert_string_equal(err.field, "subject");
	assert_int_equal(err_hint(&err, "do %d", 1), PLI_INVALID);
	assert_string_equal(err.hint, "do 1");
	assert_string_equal(err.text, "x");
	assert_int_equal(err_set(NULL, PLI_IO, "x"), PLI_IO);
	assert_int_equal(err_field(NULL, PLI_IO, NULL, NULL, "x"), PLI_IO);
	assert_int_equal(err_hint(NULL, "x"), PLI_BUG);
}

/* A cut text stays UTF-8, wherever the cut falls. */
static void test_cut(void **state)
{
	struct err err;
	char text[400];

	(void)state;
	for (size_t pad = 0; pad < 4; pad++) {
		memset(text, 'x', pad);
		for (size_t i = pad; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xE2\x82\xAC", 4);
		err_set(&err, PLI_INPUT, "%s", text);
		assert_true(utf8_valid(err.text, strlen(err.text)));
		assert_true(strlen(err.text) > sizeof(err.text) - 8);
	}
}

static void test_errno(void **state)
{
	struct err err;

	(void)state;
	errno = ENOSPC;
	assert_int_equal(err_errno(&err, "write"), PLI_FULL);
	errno = EDQUOT;
	assert_int_equal(err_errno(&err, "write"), PLI_FULL);
	errno = EIO;
	assert_int_equal(err_errno(&err, "read data"), PLI_IO);
	assert_string_equal(err.text, "read data: Input/output error");
	assert_int_equal(errno, EIO);
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < PLI_STATUS_COUNT; i++) {
		assert_true(strlen(pli_status_name((enum pli_status)i)) > 0);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(pli_status_name((enum pli_status)i),
						pli_status_name((enum pli_status)k));
	}
	assert_string_equal(pli_status_name((enum pli_status)999), "bug");
}

static void test_log(void **state)
{
	int pipe_fds[2], kept = dup(STDERR_FILENO);
	char line[512];
	ssize_t n;
	json_t *read_back;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	dup2(pipe_fds[1], STDERR_FILENO);
	log_init("pli-test", LOG_INFO_LEVEL);
	log_debug("not.shown", "x");
	log_warn("disk.full", "say \"%s\"\n%d", "hi", 3);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(pipe_fds[1]);
	n = read(pipe_fds[0], line, sizeof(line));
	close(pipe_fds[0]);
	assert_true(n > 0);
	assert_int_equal(line[n - 1], '\n');
	assert_null(memchr(line, '\n', (size_t)n - 1));
	read_back = json_loadb(line, (size_t)n, 0, NULL);
	assert_non_null(read_back);
	assert_string_equal(json_string_value(json_object_get(read_back, "level")), "warn");
	assert_string_equal(json_string_value(json_object_get(read_back, "proc")), "pli-test");
	assert_string_equal(json_string_value(json_object_get(read_back, "event")), "disk.full");
	assert_string_equal(json_string_value(json_object_get(read_back, "text")), "say \"hi\"\n3");
	json_decref(read_back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
