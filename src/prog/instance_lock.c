/* The lock of an instance: run/lock, held by flock(2), says who took it: its process id and when that began (field 22 of proc(5)'s stat),
 * so that a number that somebody else has by now is told from it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "clock.h"

#include "instance.h"

#define ORPHANS_US (10 * SECOND_US)	/* for what a killed server had started to end */
#define SIGNED_US SECOND_US		/* for who has just taken it to write who he is */
#define STAT_MAX_BYTES 1024

struct owner {
	pid_t pid;		/* 0: nobody can be read there */
	uint64_t began;		/* 0: not known */
};

/* When the process began; 0: that cannot be seen.  *gone_r: it has ended, or is about to be forgotten. */
static uint64_t began_of(pid_t pid, bool *gone_r)
{
	char name[32], text[STAT_MAX_BYTES];
	unsigned long long began;
	const char *rest;
	ssize_t got;
	char state;
	int fd;

	snprintf(name, sizeof(name), "/proc/%ld/stat", (long)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	got = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	*gone_r = kill(pid, 0) != 0 && errno == ESRCH;
	if (got <= 0)
		return 0;
	text[got] = '\0';
	rest = strrchr(text, ')');	/* the name before it may hold anything */
	if (!rest || sscanf(rest + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state, &began) != 2)
		return 0;
	*gone_r = *gone_r || state == 'Z' || state == 'X';
	return began;
}

static struct owner owner_read(int fd)
{
	struct owner owner = { 0 };
	char text[64];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
	unsigned long long began = 0;
	long pid = 0;

	text[got > 0 ? got : 0] = '\0';
	if (sscanf(text, "%ld %llu", &pid, &began) >= 1 && pid > 0)
		owner = (struct owner){ (pid_t)pid, began };
	return owner;
}

static bool is_gone(const struct owner *owner)
{
	bool gone;
	uint64_t began = began_of(owner->pid, &gone);

	return gone || (began && owner->began && began != owner->began);
}

static enum pli_status sign(const struct instance *instance, struct err *err)
{
	int fd = openat(instance->folder_fd[FOLDER_RUN], "lock", O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
	enum pli_status st = PLI_OK;
	char text[64];
	bool gone;
	int n = snprintf(text, sizeof(text), "%ld %" PRIu64, (long)getpid(), began_of(getpid(), &gone));

	if (fd < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		st = err_errno(err, "run/lock");
	if (fd >= 0)
		close(fd);
	return st;
}

static enum pli_status in_use(const struct instance *instance, const struct owner *owner, bool gone, struct err *err)
{
	if (!owner->pid)
		return err_field(err, PLI_BUSY, "running", "", "%s is in use by another process", instance->path);
	return err_field(err, PLI_BUSY, "running", "", "%s is in use by process %ld%s", instance->path, (long)owner->pid,
			 gone ? ", which was killed; what it had started does not end" : "");
}

static enum pli_status no_locks(const struct instance *instance, struct err *err)
{
	(void)err_set(err, PLI_IO, "%s/run/lock cannot be locked: %s", instance->path, strerror(errno));
	return err_hint(err, "The file system has to know locks (flock); put the instance on a local one, such as ext4, XFS or btrfs.");
}

enum pli_status instance_lock(struct instance *instance, struct err *err)
{
	/* Only for reading: the processes that hold it with us need not be able to write into it. */
	int fd = openat(instance->folder_fd[FOLDER_RUN], "lock", O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int64_t began_us = clock_mono_us();
	enum pli_status st = PLI_OK;

	if (fd < 0)
		return err_errno(err, "run/lock");
	while (st == PLI_OK && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		struct owner owner;
		bool gone;

		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK) {
			st = no_locks(instance, err);
			break;
		}
		owner = owner_read(fd);
		gone = owner.pid && is_gone(&owner);
		if ((owner.pid && !gone) || clock_mono_us() - began_us > (owner.pid ? ORPHANS_US : SIGNED_US))
			st = in_use(instance, &owner, gone, err);
		else
			usleep(5000);
	}
	if (st == PLI_OK)
		st = sign(instance, err);
	if (st != PLI_OK) {
		close(fd);
		return st;
	}
	instance->lock_fd = fd;
	return PLI_OK;
}

bool instance_running(const struct instance *instance)
{
	int fd = openat(instance->folder_fd[FOLDER_RUN], "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return false;
	do
		rc = flock(fd, LOCK_SH | LOCK_NB);
	while (rc != 0 && errno == EINTR);
	rc = rc != 0 && errno == EWOULDBLOCK;
	close(fd);
	return rc;
}
