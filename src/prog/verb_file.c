/* Whole files, see verb_file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "pool.h"

#include "verb_file.h"

enum pli_status verb_file_write(struct pool *pool, const char *name, const struct buf *bytes, struct err *err)
{
	const char *temporary = pool_fmt(pool, "%s.%ld.tmp", name, (long)getpid());
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	size_t at = 0;

	if (fd < 0)
		return err_set(err, PLI_FULL, "%s: %s", name, strerror(errno));
	while (at < bytes->n) {
		ssize_t n = write(fd, bytes->p + at, bytes->n - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	if (at < bytes->n || fsync(fd) != 0 || close(fd) != 0 || rename(temporary, name) != 0) {
		enum pli_status st = err_set(err, PLI_FULL, "%s: %s", name, strerror(errno));
		(void)unlink(temporary);
		return st;
	}
	return PLI_OK;
}

enum pli_status verb_file_read(struct pool *pool, const char *name, size_t max_bytes, char **text_r, size_t *n_r,
				 struct err *err)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat sb;
	size_t at = 0;
	char *text;

	if (fd < 0 || fstat(fd, &sb) != 0) {
		enum pli_status st = err_set(err, errno == ENOENT ? PLI_ABSENT : PLI_IO, "%s: %s", name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return st;
	}
	if (!S_ISREG(sb.st_mode) || (uint64_t)sb.st_size > max_bytes) {
		close(fd);
		return err_set(err, PLI_INVALID, "%s is not a file of at most %zu bytes", name, max_bytes);
	}
	text = pool_alloc(pool, (size_t)sb.st_size + 1);
	while (at < (size_t)sb.st_size) {
		ssize_t n = read(fd, text + at, (size_t)sb.st_size - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	close(fd);
	text[at] = '\0';
	*text_r = text;
	*n_r = at;
	return PLI_OK;
}
