/* Each case runs in a process of its own that confines itself and then tries one thing. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine_build.h"

#include "confine.h"

#define WORKS 0
#define KILLED 1000	/* + signal */

static char own_dir[] = "/tmp/pli-confine-XXXXXX";
static int lock_fd;

/* ------------------------------------------------------------------ what is tried: 0 or errno */

static int outcome(bool good)
{
	return good ? WORKS : errno;
}

static int try_execve(void)
{
	char *argv[] = { (char *)"true", NULL }, *env[] = { NULL };

	execve("/bin/true", argv, env);
	return errno;
}

static int try_socket(void)
{
	return outcome(socket(AF_INET, SOCK_STREAM, 0) >= 0);
}

static int try_connect(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(1),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return outcome(connect(100, (struct sockaddr *)&to, sizeof(to)) == 0);
}

static int try_listen(void)
{
	return outcome(listen(100, 1) == 0);
}

static int try_dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(1),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 ? outcome(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) : errno;
}

static int try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return outcome(pid > 0);
}

static int try_ptrace(void)
{
	return outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
}

static int try_setuid(void)
{
	return outcome(setresuid(0, 0, 0) == 0);
}

static int try_kill_parent(void)
{
	return outcome(kill(getppid(), 0) == 0);
}

static int try_code(void)
{
	return outcome(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		       MAP_FAILED);
}

static void *thread_body(void *arg)
{
	return arg;
}

static int try_thread(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, thread_body, NULL);

	return r ? r : pthread_join(thread, NULL);
}

static int try_read_outside(void)
{
	return outcome(open("/etc/passwd", O_RDONLY) >= 0);
}

static int try_write_outside(void)
{
	return outcome(open("/tmp/pli-confine-outside", O_WRONLY | O_CREAT, 0600) >= 0);
}

static int try_own_file(void)
{
	char name[64], other[64];
	int fd;

	snprintf(name, sizeof(name), "%s/a", own_dir);
	snprintf(other, sizeof(other), "%s/b", own_dir);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	return outcome(fd >= 0 && write(fd, "x", 1) == 1 && fdatasync(fd) == 0 && rename(name, other) == 0 &&
		       unlink(other) == 0);
}

static int try_raise_limit(void)
{
	struct rlimit limit = { 1, 1 };

	return outcome(setrlimit(RLIMIT_CORE, &limit) == 0);
}

static int try_dumpable(void)
{
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 1;
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 ? 2 : WORKS;
}

/* Of a lock that it was started with. */
static int try_unlock(void)
{
	return outcome(flock(lock_fd, LOCK_UN) == 0);
}

static int try_abort(void)
{
	abort();
}

/* ------------------------------------------------------------------ the cases */

static void confined(enum confine_profile profile, int (*try)(void))
{
	const struct confine_owner keep = { false, 0, 0 };
	const struct confine_rule rules[] = { { -1, own_dir, true } };
	struct err err = { 0 };

	if (confine_rights(&keep, 0077, getppid(), &err) != PLI_OK ||
	    confine_files(rules, 1, profile == CONFINE_COURIER, &err) != PLI_OK ||
	    confine_calls(profile, &err) != PLI_OK) {
		fprintf(stderr, "%s\n", err.text);
		_exit(255);
	}
	_exit(try());
}

static int run(enum confine_profile profile, int (*try)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		confined(profile, try);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WCOREDUMP(status));
	return WIFSIGNALED(status) ? KILLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static const struct {
	const char *name;
	int (*try)(void);
	int wanted[4];		/* front, keeper, courier, mail */
} cases[] = {
	{ "execve", try_execve, { KILLED + SIGSYS, KILLED + SIGSYS, KILLED + SIGSYS, KILLED + SIGSYS } },
	{ "connect", try_connect, { KILLED + SIGSYS, KILLED + SIGSYS, EBADF, KILLED + SIGSYS } },
	{ "listen", try_listen, { KILLED + SIGSYS, KILLED + SIGSYS, KILLED + SIGSYS, KILLED + SIGSYS } },
	{ "ptrace", try_ptrace, { KILLED + SIGSYS, KILLED + SIGSYS, KILLED + SIGSYS, KILLED + SIGSYS } },
	{ "setuid", try_setuid, { KILLED + SIGSYS, KILLED + SIGSYS, KILLED + SIGSYS, KILLED + SIGSYS } },
	{ "socket", try_socket, { EPERM, EPERM, WORKS, EPERM } },
	{ "dial", try_dial, { EPERM, EPERM, ECONNREFUSED, EPERM } },
	{ "fork", try_fork, { EPERM, EPERM, EPERM, EPERM } },
	{ "kill", try_kill_parent, { EPERM, EPERM, EPERM, EPERM } },
	{ "code", try_code, { EPERM, EPERM, EPERM, EPERM } },
	{ "thread", try_thread, { WORKS, WORKS, WORKS, EPERM } },
	{ "read outside", try_read_outside, { EACCES, EACCES, EACCES, EPERM } },
	{ "write outside", try_write_outside, { EACCES, EACCES, EACCES, EPERM } },
	{ "own file", try_own_file, { WORKS, WORKS, WORKS, EPERM } },
	{ "limit", try_raise_limit, { EPERM, EPERM, EPERM, EPERM } },
	{ "dumpable", try_dumpable, { WORKS, WORKS, WORKS, 1 } },
	{ "unlock", try_unlock, { EPERM, WORKS, EPERM, EPERM } },
	{ "abort", try_abort, { KILLED + SIGABRT, KILLED + SIGABRT, KILLED + SIGABRT, KILLED + SIGABRT } },
};

static void every_process_is_confined(void **state)
{
	struct confine_state machine;

	(void)state;
	confine_probe(&machine);
	if (CONFINE_SANITIZER || !machine.seccomp || machine.landlock_abi == 0)
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int profile = CONFINE_FRONT; profile <= CONFINE_MAIL; profile++) {
			int got = run((enum confine_profile)profile, cases[i].try);
			if (got != cases[i].wanted[profile])
				fail_msg("%s, profile %d: %d, not %d", cases[i].name, profile, got,
					 cases[i].wanted[profile]);
		}
	}
}

/* A child whose parent is another than it was told ends before it does anything. */
static void orphans_do_not_start(void **state)
{
	const struct confine_owner keep = { false, 0, 0 };
	struct err err;
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(confine_rights(&keep, 0077, getpid(), &err) == PLI_GONE ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_process_is_confined), cmocka_unit_test(orphans_do_not_start),
	};
	int r;

	if (!mkdtemp(own_dir))
		return 1;
	lock_fd = open(own_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock_fd < 0 || flock(lock_fd, LOCK_EX) != 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(own_dir);
	return r;
}
