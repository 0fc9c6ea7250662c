#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool.h"

#include "resume.h"

static void remembers_until_it_forgets(void **state)
{
	AUTO_POOL pool = pool_new();
	struct stat sb = { .st_size = 5, .st_mtim = { 7, 8 } }, other = sb;
	struct resume a, b;

	(void)state;
	resume_open(pool, "https://h", "/x/file", &sb, &a);
	assert_true(a.fd >= 0);
	assert_null(a.upload);
	resume_save(pool, &a, "/api/v1/uploads/1", false);
	/* While one process works on it, another does without. */
	resume_open(pool, "https://h", "/x/file", &sb, &b);
	assert_int_equal(b.fd, -1);
	resume_close(&a);

	resume_open(pool, "https://h", "/x/file", &sb, &a);
	assert_string_equal(a.upload, "/api/v1/uploads/1");
	assert_false(a.done);
	resume_save(pool, &a, a.upload, true);
	resume_close(&a);

	other.st_mtim.tv_nsec = 9;
	resume_open(pool, "https://h", "/x/file", &other, &b);
	assert_null(b.upload);
	resume_close(&b);

	resume_open(pool, "https://h", "/x/file", &sb, &a);
	assert_true(a.done);
	resume_forget(&a);
	resume_close(&a);
	assert_int_not_equal(access(a.path, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(remembers_until_it_forgets) };
	char dir[] = "/tmp/pli-resume-XXXXXX", below[64];
	int r;

	if (!mkdtemp(dir) || setenv("XDG_STATE_HOME", dir, 1) != 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(below, sizeof(below), "%s/pli/uploads", dir);
	rmdir(below);
	snprintf(below, sizeof(below), "%s/pli", dir);
	rmdir(below);
	return rmdir(dir) == 0 ? r : 1;
}
