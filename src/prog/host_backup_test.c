/* The newest backup, where only a regular file may be given out, whatever its folder becomes meanwhile. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_backup.h"

static char dir[] = "/tmp/pli-host-backup-XXXXXX", old_path[64], new_path[64], pattern[64];
static enum { NOTHING, A_FIFO, A_LINK, A_FOLDER } becomes;

int __real_lstat(const char *path, struct stat *sb);
int __wrap_lstat(const char *path, struct stat *sb);

/* What the newest is has been looked at: now it becomes another thing. */
int __wrap_lstat(const char *path, struct stat *sb)
{
	int r = __real_lstat(path, sb);

	if (becomes == NOTHING || strcmp(path, new_path) != 0)
		return r;
	assert_int_equal(unlink(new_path), 0);
	if (becomes == A_FIFO)
		assert_int_equal(mkfifo(new_path, 0600), 0);
	else if (becomes == A_LINK)
		assert_int_equal(symlink(old_path, new_path), 0);
	else
		assert_int_equal(mkdir(new_path, 0700), 0);
	return r;
}

static void file_make(const char *path, const char *text, time_t when)
{
	const struct timespec times[2] = { { .tv_sec = when }, { .tv_sec = when } };
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void the_newest_file(void **state)
{
	char why[200] = "", got[8] = "";
	int fd;

	(void)state;
	becomes = NOTHING;
	file_make(new_path, "new", 2000);
	file_make(old_path, "old", 1000);
	fd = host_backup_open(pattern, why, sizeof(why));
	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, sizeof(got)), 3);
	assert_string_equal(got, "new");
	close(fd);
	assert_int_equal(unlink(new_path), 0);
	assert_int_equal(mkfifo(new_path, 0600), 0);
	fd = host_backup_open(pattern, why, sizeof(why));
	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, sizeof(got)), 3);
	assert_string_equal(got, "old");
	close(fd);
	assert_int_equal(unlink(new_path), 0);
}

static void nothing_else_is_given(void **state)
{
	char why[200];

	(void)state;
	for (int what = A_FIFO; what <= A_FOLDER; what++) {
		becomes = NOTHING;
		file_make(new_path, "new", 2000);
		becomes = what;
		why[0] = '\0';
		assert_int_equal(host_backup_open(pattern, why, sizeof(why)), -1);
		assert_non_null(strstr(why, "the newest backup "));
		assert_int_equal(remove(new_path), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_newest_file), cmocka_unit_test(nothing_else_is_given) };
	int r;

	if (!mkdtemp(dir))
		return 1;
	snprintf(new_path, sizeof(new_path), "%s/a.backup", dir);
	snprintf(old_path, sizeof(old_path), "%s/b.backup", dir);
	snprintf(pattern, sizeof(pattern), "%s/*.backup", dir);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(new_path);
	unlink(old_path);
	rmdir(dir);
	return r;
}
