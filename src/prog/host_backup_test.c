/* The newest backup, where only a regular file may be given out, whatever its folder becomes meanwhile. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control.h"
#include "host_own.h"
#include "instance.h"

#include "host_backup.h"

static char dir[] = "/tmp/pli-host-backup-XXXXXX", old_path[64], new_path[64], pattern[64];
static enum { NOTHING, A_FIFO, A_LINK, A_FOLDER, HANGING } becomes;

int __real_lstat(const char *path, struct stat *sb);
int __wrap_lstat(const char *path, struct stat *sb);

/* What the newest is has been looked at: now it becomes another thing. */
int __wrap_lstat(const char *path, struct stat *sb)
{
	int r = __real_lstat(path, sb);

	if (becomes == NOTHING || strcmp(path, new_path) != 0)
		return r;
	while (becomes == HANGING)
		pause();
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

/* ---- what the parent does ---- */

static struct instance instance;
static struct host host;
static int front;			/* front's end of its line */

static void host_make(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	host = (struct host){ .instance = &instance };
	instance.settings.selfproof_backup = pattern;
	host_backup_init(&host);
	host.workers[CHILD_FRONT] = (struct worker){ .pid = getpid(), .control = pair[0] };
	front = pair[1];
	assert_int_equal(fcntl(front, F_SETFL, O_NONBLOCK), 0);
}

static void host_drop(void)
{
	host_backup_fini(&host);
	close(host.workers[CHILD_FRONT].control);
	close(front);
}

/* As the parent's loop does, until front is answered. */
static struct control_message answered(void)
{
	struct control_message m;
	struct err err;

	while (control_receive(front, &m, &err) != PLI_OK) {
		struct pollfd line = { host.backup.line, POLLIN, 0 };

		assert_true(host.backup.line >= 0);
		(void)poll(&line, 1, host_backup_wait_ms(&host, -1));
		host_backup_tend(&host);
	}
	assert_int_equal(m.type, CONTROL_BACKUP);
	assert_int_equal(host.backup.line, -1);
	return m;
}

static void gone(void)
{
	while (host.backup.pid) {
		host_backup_reap(&host);
		(void)poll(NULL, 0, 1);
	}
}

static void front_is_given_it(void **state)
{
	struct control_message m;
	char got[8] = "";

	(void)state;
	becomes = NOTHING;
	file_make(new_path, "new", 2000);
	host_make();
	host_backup_give(&host);
	m = answered();
	assert_true(m.fd >= 0);
	assert_int_equal(read(m.fd, got, sizeof(got)), 3);
	assert_string_equal(got, "new");
	close(m.fd);
	gone();
	/* Another front has not asked. */
	host_backup_give(&host);
	host.workers[CHILD_FRONT].pid++;
	while (host.backup.line >= 0) {
		struct pollfd line = { host.backup.line, POLLIN, 0 };

		(void)poll(&line, 1, -1);
		host_backup_tend(&host);
	}
	assert_int_equal(control_receive(front, &m, NULL), PLI_AGAIN);
	gone();
	instance.settings.selfproof_backup = NULL;
	host.workers[CHILD_FRONT].pid--;
	host_backup_give(&host);
	m = answered();
	assert_int_equal(m.fd, -1);
	assert_non_null(strstr(m.text, "names no backup"));
	host_drop();
	assert_int_equal(unlink(new_path), 0);
}

/* A disk that hangs holds who asks it; the parent goes on. */
static void a_disk_that_hangs(void **state)
{
	struct control_message m;

	(void)state;
	file_make(new_path, "new", 2000);
	becomes = HANGING;
	host_make();
	host_backup_give(&host);
	host_backup_tend(&host);
	assert_int_equal(control_receive(front, &m, NULL), PLI_AGAIN);
	assert_in_range(host_backup_wait_ms(&host, -1), 1, HOST_BACKUP_S * 1000);
	assert_int_equal(host_backup_wait_ms(&host, 1), 1);
	host.backup.until_us = 0;
	assert_int_equal(host_backup_wait_ms(&host, -1), 0);
	m = answered();
	assert_int_equal(m.fd, -1);
	assert_non_null(strstr(m.text, "has not answered"));
	/* As long as it is not gone there is no second one. */
	host_backup_give(&host);
	m = answered();
	assert_non_null(strstr(m.text, "still waits"));
	gone();
	becomes = NOTHING;
	host_backup_give(&host);
	m = answered();
	assert_true(m.fd >= 0);
	close(m.fd);
	host_drop();
	assert_int_equal(unlink(new_path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_newest_file), cmocka_unit_test(nothing_else_is_given),
					    cmocka_unit_test(front_is_given_it), cmocka_unit_test(a_disk_that_hangs) };
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
