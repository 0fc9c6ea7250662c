/* For the tests of this room: a directory that goes away, an instance's keys in it, programs run and waited for. */
#ifndef PLI_CERT_TESTING_H
#define PLI_CERT_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "keyfile.h"
#include "keeper.h"
#include "keeper_main.h"
#include "keygen.h"
#include "kek_left.h"

extern char **environ;

#define TESTING_ORIGIN "pli.example/j/1"

struct testing_dir {
	char path[64];
	int fd, keys, public_dir, journal;
	pid_t nursery;		/* starts keepers; 0: not there yet */
	int nursery_fd;
	int old_mounts;
	const char *phrase;	/* of the keys; set before the first keeper starts */
};

static inline int testing_mkdir(struct testing_dir *d, const char *name)
{
	int fd;

	assert_int_equal(mkdirat(d->fd, name, 0700), 0);
	fd = openat(d->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* An empty directory; with keys: those of an instance. */
static inline void testing_dir_make(struct testing_dir *d, int with_keys)
{
	struct err err = { 0 };

	memset(d, 0, sizeof(*d));
	snprintf(d->path, sizeof(d->path), "/tmp/pli-cert-XXXXXX");
	assert_non_null(mkdtemp(d->path));
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(d->fd >= 0);
	d->keys = testing_mkdir(d, "keys");
	d->public_dir = testing_mkdir(d, "public");
	d->journal = testing_mkdir(d, "journal");
	if (with_keys && keygen_init(d->keys, d->public_dir, d->journal, TESTING_ORIGIN, "no-reply@pli.example", &err) != PLI_OK)
		fail_msg("keygen: %s", err.text);
}

static inline int testing_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void testing_dir_drop(struct testing_dir *d)
{
	if (d->nursery) {
		close(d->nursery_fd);
		waitpid(d->nursery, NULL, 0);
	}
	close(d->keys);
	close(d->public_dir);
	close(d->journal);
	close(d->fd);
	nftw(d->path, testing_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void testing_put(int dir_fd, const char *name, const void *p, size_t n)
{
	struct err err = { 0 };

	if (keyfile_replace(dir_fd, name, 0600, p, n, &err) != PLI_OK)
		fail_msg("%s", err.text);
}

/* The file's text in a buffer that the caller frees. */
static inline struct buf testing_get(int dir_fd, const char *name)
{
	struct buf b = { 0 };
	struct err err = { 0 };

	if (keyfile_read(dir_fd, name, &b, &err) != PLI_OK)
		fail_msg("%s", err.text);
	return b;
}

/* Runs a program found on PATH in the directory, its output thrown away; returns its exit status. */
static inline int testing_run(struct testing_dir *d, const char *const argv[])
{
	posix_spawn_file_actions_t actions;
	int status, rc;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, d->path);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0)
		fail_msg("%s: %s", argv[0], strerror(rc));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
/* Puts a file system of that size (tmpfs's form) over a folder, before anything in it is opened.  False without the right to mount. */
static inline bool testing_mount_at(struct testing_dir *d, const char *folder, const char *size)
{
	char path[96], options[64];

	snprintf(path, sizeof(path), "%s/%s", d->path, folder);
	snprintf(options, sizeof(options), "size=%s,mode=700", size);
	d->old_mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", path, "tmpfs", 0, options) != 0) {
		close(d->old_mounts);
		return false;
	}
	return true;
}

/* After all that ran on it has ended. */
static inline void testing_unmount_at(struct testing_dir *d, const char *folder)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", d->path, folder);
	umount2(path, MNT_DETACH);
	setns(d->old_mounts, CLONE_NEWNS);
	close(d->old_mounts);
}

/* Over the keeper's folder. */
static inline bool testing_mount(struct testing_dir *d, const char *size)
{
	char path[96];

	if (!testing_mount_at(d, "journal", size))
		return false;
	close(d->journal);
	snprintf(path, sizeof(path), "%s/journal", d->path);
	d->journal = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	testing_put(d->journal, "heads", "", 0);
	return true;
}

static inline void testing_unmount(struct testing_dir *d)
{
	close(d->journal);
	testing_unmount_at(d, "journal");
	d->journal = open("/", O_RDONLY | O_CLOEXEC);
}

/* At most so many blocks, as far as there is room; the file's descriptor, to be cut to make room again. */
static inline int testing_fill_at(int dir_fd, unsigned blocks)
{
	static const char block[4096];
	int fd = openat(dir_fd, "stuff", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	for (unsigned i = 0; i < blocks; i++)
		if (write(fd, block, sizeof(block)) < 0)
			break;
	return fd;
}

static inline int testing_fill(struct testing_dir *d, unsigned blocks)
{
	return testing_fill_at(d->journal, blocks);
}

/* A keeper in a process of its own, and front's side of its link. */
struct testing_keeper {
	struct testing_dir *dir;
	pid_t pid;
	int control;		/* where a new link may be sent */
	struct keeper *client;
};

/* Keepers are started by a process that was forked before the test had any thread, for a fork takes only one of them along. */
struct testing_order {
	char verb;		/* S: start, W: wait for pid */
	pid_t pid;
	int status;
};

/* What the keeper says goes into the file "heard" of its directory, a line each: how many keys were marked as given up at that moment, whether it
 * is new, the text. */
static const struct testing_dir *testing_heard;

static inline void testing_said(const char *event, const char *text, bool known)
{
	int kek = openat(testing_heard->keys, "kek", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(testing_heard->fd, "heard", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	unsigned count = 0, damaged = 0;
	int64_t oldest_us;

	if (kek_left_count(kek, &count, &oldest_us, &damaged, NULL) != PLI_OK || dprintf(fd, "%u %s %s %s\n", count, known ? "known" : "new", event, text) < 0)
		_exit(1);
	close(fd);
	close(kek);
}

static inline void testing_nursery_start(struct testing_dir *d, int fd)
{
	struct testing_order answer = { .verb = 'S' };
	int link[2], control[2], ready[2];
	char space[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = &answer, .iov_len = sizeof(answer) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0 || pipe2(ready, O_CLOEXEC) != 0)
		_exit(1);
	answer.pid = fork();
	if (!answer.pid) {
		struct keeper_config config = {
			.link_fd = link[1], .control_fd = control[1], .keys_dir_fd = d->keys, .journal_dir_fd = d->journal,
			.origin = TESTING_ORIGIN, .ready_fd = ready[1], .phrase = d->phrase, .said = testing_said,
		};
		struct err err = { 0 };
		enum pli_status status;

		close(fd);
		close(link[0]);
		close(control[0]);
		close(ready[0]);
		testing_heard = d;
		status = keeper_serve(&config, &err);
		if (status != PLI_OK)
			fprintf(stderr, "keeper: %s\n", err.text);
		exit(status);
	}
	close(link[1]);
	close(control[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		answer.pid = -1;
	close(ready[0]);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), (int[]){ link[0], control[0] }, 2 * sizeof(int));
	if (sendmsg(fd, &msg, 0) != sizeof(answer))
		_exit(1);
	close(link[0]);
	close(control[0]);
}

static inline void testing_nursery_run(struct testing_dir *d, int fd)
{
	struct testing_order order;

	while (read(fd, &order, sizeof(order)) == sizeof(order)) {
		if (order.verb == 'S') {
			testing_nursery_start(d, fd);
			continue;
		}
		if (waitpid(order.pid, &order.status, 0) != order.pid || write(fd, &order, sizeof(order)) != sizeof(order))
			_exit(1);
	}
	_exit(0);
}

static inline void testing_nursery_make(struct testing_dir *d)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	d->nursery = fork();
	assert_true(d->nursery >= 0);
	if (!d->nursery) {
		close(pair[0]);
		testing_nursery_run(d, pair[1]);
	}
	close(pair[1]);
	d->nursery_fd = pair[0];
}

/* Returns front's end of the link. */
static inline int testing_keeper_fork(struct testing_dir *d, struct testing_keeper *k)
{
	struct testing_order order = { .verb = 'S' };
	char space[CMSG_SPACE(2 * sizeof(int))];
	struct iovec iov = { .iov_base = &order, .iov_len = sizeof(order) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	int fds[2];

	if (!d->nursery)
		testing_nursery_make(d);
	assert_int_equal(write(d->nursery_fd, &order, sizeof(order)), sizeof(order));
	assert_int_equal(recvmsg(d->nursery_fd, &msg, MSG_CMSG_CLOEXEC), sizeof(order));
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fds));
	if (order.pid < 0)
		fail_msg("the keeper did not start");
	k->dir = d;
	k->pid = order.pid;
	k->control = fds[1];
	return fds[0];
}

static inline void testing_keeper_start(struct testing_dir *d, struct testing_keeper *k)
{
	struct err err = { 0 };
	int fd = testing_keeper_fork(d, k);

	if (keeper_new(fd, &k->client, &err) != PLI_OK)
		fail_msg("%s", err.text);
}

/* Ends the process, by signal when there is one, else by its control link; returns what waitpid says. */
static inline int testing_keeper_end(struct testing_keeper *k, int signal)
{
	struct testing_order order = { .verb = 'W', .pid = k->pid };

	if (signal)
		kill(k->pid, signal);
	close(k->control);
	assert_int_equal(write(k->dir->nursery_fd, &order, sizeof(order)), sizeof(order));
	assert_int_equal(read(k->dir->nursery_fd, &order, sizeof(order)), sizeof(order));
	return order.status;
}

static inline void testing_keeper_stop(struct testing_keeper *k)
{
	keeper_free(k->client);
	assert_int_equal(testing_keeper_end(k, 0), 0);
}

#define TESTING_RUN(d, ...) testing_run((d), (const char *const[]){ __VA_ARGS__, NULL })

#endif
