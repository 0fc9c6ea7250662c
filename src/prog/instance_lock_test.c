/* Who is said to hold an instance's lock, and for whom it is waited. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "text.h"

#include "instance.h"

static char dir[] = "/tmp/pli-lock-XXXXXX";
static struct instance in = { .path = "DIR", .lock_fd = -1 };

static int setup(void **state)
{
	(void)state;
	alarm(60);		/* rather than to wait for ever for one that does not say what it should */
	if (!mkdtemp(dir))
		return -1;
	in.folder_fd[FOLDER_RUN] = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return in.folder_fd[FOLDER_RUN] < 0;
}

static int teardown(void **state)
{
	(void)state;
	unlinkat(in.folder_fd[FOLDER_RUN], "lock", 0);
	return rmdir(dir);
}

static void unlocked(void)
{
	close(in.lock_fd);
	in.lock_fd = -1;
}

static void told(int fd)
{
	char byte;

	assert_int_equal(read(fd, &byte, 1), 1);
}

/* A process that holds the lock until `ends` is closed by all others; signs: says that it does. */
static pid_t holder(bool signs, int *ends_r)
{
	int holds[2], ends[2];
	pid_t pid;

	assert_int_equal(pipe(holds), 0);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct instance own = in;
		struct err err = { 0 };
		char byte;
		bool got;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[1]);
		if (signs)
			got = instance_lock(&own, &err) == PLI_OK;
		else
			got = flock(openat(in.folder_fd[FOLDER_RUN], "lock", O_RDONLY | O_CREAT, 0600), LOCK_EX | LOCK_NB) == 0;
		_exit(!got || write(holds[1], "+", 1) != 1 || read(ends[0], &byte, 1) != 0);
	}
	close(holds[1]);
	close(ends[0]);
	told(holds[0]);
	close(holds[0]);
	*ends_r = ends[1];
	return pid;
}

static void ended(pid_t pid, int ends)
{
	int status;

	close(ends);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void written(const char *text)
{
	int fd = openat(in.folder_fd[FOLDER_RUN], "lock", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void free_and_taken(void **state)
{
	struct err err = { 0 };
	char wanted[64];
	pid_t pid;
	int ends;

	(void)state;
	assert_false(instance_running(&in));
	assert_int_equal(instance_lock(&in, &err), PLI_OK);
	unlocked();
	pid = holder(true, &ends);
	assert_true(instance_running(&in));
	assert_int_equal(instance_lock(&in, &err), PLI_BUSY);
	snprintf(wanted, sizeof(wanted), "DIR is in use by process %ld", (long)pid);
	assert_string_equal(err.text, wanted);
	assert_string_equal(err.type, "running");
	ended(pid, ends);
	assert_false(instance_running(&in));
}

/* It is held, and nobody has written yet who he is. */
static void not_signed(void **state)
{
	struct err err = { 0 };
	pid_t pid;
	int ends;

	(void)state;
	written("");
	pid = holder(false, &ends);
	assert_int_equal(instance_lock(&in, &err), PLI_BUSY);
	assert_string_equal(err.text, "DIR is in use by another process");
	ended(pid, ends);
}

/* A server that was killed and that nobody has waited for; what it had started holds the lock a little longer. */
static void zombie(void **state)
{
	int ready[2], ends[2], status;
	struct err err = { 0 };
	siginfo_t info;
	pid_t server, closer;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(ends), 0);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		struct instance own = in;
		char byte;

		close(ends[1]);
		if (instance_lock(&own, &err) != PLI_OK)
			_exit(1);
		if (fork() == 0)
			_exit(write(ready[1], "+", 1) != 1 || read(ends[0], &byte, 1) != 0);
		_exit(0);
	}
	close(ends[0]);
	close(ready[1]);
	told(ready[0]);
	assert_int_equal(waitid(P_PID, (id_t)server, &info, WEXITED | WNOWAIT), 0);	/* ended, and left as it is */
	closer = fork();
	if (closer == 0) {
		usleep(200000);
		_exit(0);
	}
	close(ends[1]);		/* the closer alone has it now: when it ends, so does what the server had started */
	if (instance_lock(&in, &err) != PLI_OK)
		fail_msg("%s", err.text);
	unlocked();
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_int_equal(waitpid(closer, &status, 0), closer);
	close(ready[0]);
}

/* The number in it is another's by now. */
static void number_reused(void **state)
{
	struct err err = { 0 };
	pid_t pid, closer;
	char text[64];
	int ends, status;

	(void)state;
	pid = holder(false, &ends);
	snprintf(text, sizeof(text), "%ld 1", (long)getpid());	/* which lives, but did not begin then */
	written(text);
	closer = fork();
	if (closer == 0) {
		usleep(200000);
		_exit(0);
	}
	close(ends);
	if (instance_lock(&in, &err) != PLI_OK)
		fail_msg("%s", err.text);
	unlocked();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(waitpid(closer, &status, 0), closer);
	/* One that says no time, as an older program wrote it, is believed. */
	pid = holder(false, &ends);
	snprintf(text, sizeof(text), "%ld", (long)pid);
	written(text);
	assert_int_equal(instance_lock(&in, &err), PLI_BUSY);
	assert_non_null(strstr(err.text, text));
	ended(pid, ends);
}

/* A file system without locks is not an instance in use. */
static void no_locks(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
		struct err err = { 0 };

		if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOLCK), SCMP_SYS(flock), 0) != 0 || seccomp_load(filter) != 0)
			_exit(2);
		_exit(instance_running(&in) || instance_lock(&in, &err) != PLI_IO || !strstr(err.text, "No locks available") || !err.hint[0]);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(free_and_taken),
		cmocka_unit_test(not_signed),
		cmocka_unit_test(zombie),
		cmocka_unit_test(number_reused),
		cmocka_unit_test(no_locks),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
