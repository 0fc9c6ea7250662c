#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

#include "outbox.h"

#define BATCH_MAX 64

static void temporary_name(const struct job *job, char out[JOB_NAME_MAX + 8])
{
	snprintf(out, JOB_NAME_MAX + 8, "%s.tmp", job->name);
}

static void answer(struct job *job, enum job_outcome outcome, const char *reply)
{
	job->outcome = outcome;
	snprintf(job->reply, sizeof(job->reply), "%s", reply);
}

/* A full disk, an outbox that may not be written, a name that is taken by something else: this job is put off, and the process lives
 * on.  What is left (EIO, a flush that fails) means a broken disk. */
static bool job_fault(struct job *job)
{
	if (errno == ENOSPC || errno == EDQUOT) {
		answer(job, JOB_AGAIN, "452 4.3.1 no room in the outbox");
		return true;
	}
	if (errno == EMFILE || errno == ENFILE || errno == EACCES || errno == EPERM || errno == ENOENT || errno == EROFS || errno == EISDIR ||
	    errno == ENOTDIR || errno == ENOTEMPTY || errno == EEXIST || errno == ELOOP || errno == ENAMETOOLONG) {
		answer(job, JOB_AGAIN, "451 4.3.0 the outbox cannot be written");
		return true;
	}
	return false;
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

/* Writes the temporary file and begins its way to the disk; the descriptor stays open for the fsync. */
static enum pli_status begin_file(int dir_fd, struct job *job, int *fd_r, struct err *err)
{
	char temporary[JOB_NAME_MAX + 8];
	enum pli_status st = PLI_OK;
	int fd;

	temporary_name(job, temporary);
	fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return job_fault(job) ? PLI_OK : err_errno(err, "outbox");
	if (write_all(fd, job->mail, job->mail_n)) {
		(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
		*fd_r = fd;
		return PLI_OK;
	}
	if (!job_fault(job))
		st = err_errno(err, "outbox");
	close(fd);
	(void)unlinkat(dir_fd, temporary, 0);
	return st;
}

static enum pli_status end_file(int dir_fd, struct job *job, int fd, struct err *err)
{
	char temporary[JOB_NAME_MAX + 8];

	temporary_name(job, temporary);
	if (fdatasync(fd) != 0 || renameat(dir_fd, temporary, dir_fd, job->name) != 0) {
		enum pli_status st = job_fault(job) ? PLI_OK : err_errno(err, "outbox");
		close(fd);
		(void)unlinkat(dir_fd, temporary, 0);
		return st;
	}
	close(fd);
	answer(job, JOB_DONE, "250 2.0.0 caught in outbox");
	return PLI_OK;
}

static enum pli_status write_batch(int dir_fd, struct job *jobs, size_t count, struct err *err)
{
	int fds[BATCH_MAX];
	enum pli_status st = PLI_OK;

	for (size_t i = 0; i < count; i++)
		fds[i] = -1;
	for (size_t i = 0; i < count && st == PLI_OK; i++)
		st = begin_file(dir_fd, &jobs[i], &fds[i], err);
	for (size_t i = 0; i < count; i++) {
		if (fds[i] < 0)
			continue;
		if (st == PLI_OK)
			st = end_file(dir_fd, &jobs[i], fds[i], err);
		else
			close(fds[i]);
	}
	return st;
}

/* How many of the jobs have names of their own: a repeat waits for the next batch, as both would use one temporary file. */
static size_t distinct(const struct job *jobs, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(jobs[i].name, jobs[k].name) == 0)
				return i;
	return count;
}

enum pli_status outbox_write(int dir_fd, struct job *jobs, size_t count, struct err *err)
{
	enum pli_status st = PLI_OK;
	size_t n;

	for (size_t at = 0; at < count && st == PLI_OK; at += n) {
		n = distinct(jobs + at, count - at < BATCH_MAX ? count - at : BATCH_MAX);
		st = write_batch(dir_fd, jobs + at, n, err);
	}
	if (st == PLI_OK && fsync(dir_fd) != 0)
		return err_errno(err, "outbox");
	return st;
}
