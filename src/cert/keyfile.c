/* See keyfile.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"

#include "keyfile.h"

static enum pli_status fault(struct err *err, const char *what, const char *name)
{
	char text[160];

	snprintf(text, sizeof(text), "%s %.100s", what, name);
	return err_errno(err, text);
}

enum pli_status keyfile_read(int dir_fd, const char *name, struct buf *out, struct err *err)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum pli_status status = PLI_OK;
	struct stat st;
	ssize_t got = 1;

	if (fd < 0)
		return errno == ENOENT ? err_set(err, PLI_ABSENT, "file %.100s is not there", name) : fault(err, "cannot open", name);
	if (fstat(fd, &st) != 0) {
		status = fault(err, "cannot examine", name);
	} else if (!S_ISREG(st.st_mode) || st.st_size > KEYFILE_MAX_BYTES) {
		status = err_set(err, PLI_LIMIT, "file %.100s is not a regular file of at most %d bytes", name, KEYFILE_MAX_BYTES);
	} else {
		char *p = buf_reserve(out, (size_t)st.st_size);
		size_t n = 0;

		while (n < (size_t)st.st_size && (got = read(fd, p + n, (size_t)st.st_size - n)) > 0)
			n += (size_t)got;
		if (got < 0)
			status = fault(err, "cannot read", name);
		else
			out->n += n;
		if (out->p)
			out->p[out->n] = 0;
	}
	close(fd);
	return status;
}

static enum pli_status write_all(int fd, const char *name, const void *p, size_t n, struct err *err)
{
	const char *s = p;

	while (n) {
		ssize_t put = write(fd, s, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return fault(err, "cannot write", name);
		s += put;
		n -= (size_t)put;
	}
	return fsync(fd) == 0 ? PLI_OK : fault(err, "cannot sync", name);
}

static enum pli_status put(int dir_fd, const char *name, mode_t mode, int flags, const struct stat *owner, const void *p,
			   size_t n, struct err *err)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, mode);
	enum pli_status status;

	if (fd < 0)
		return errno == EEXIST ? err_set(err, PLI_CONFLICT, "file %.100s exists already", name) : fault(err, "cannot make", name);
	/* The process's umask must not make it narrower or wider. */
	status = fchmod(fd, mode) == 0 ? write_all(fd, name, p, n, err) : fault(err, "cannot set the mode of", name);
	if (status == PLI_OK && owner && fchown(fd, owner->st_uid, owner->st_gid) != 0)
		status = fault(err, "cannot set the owner of", name);
	close(fd);
	if (status != PLI_OK)
		unlinkat(dir_fd, name, 0);
	return status;
}

/* What root makes in a folder belongs to the folder's owner, what it replaces to whom it belonged; NULL: to us. */
static const struct stat *owner_of(int dir_fd, const char *name, struct stat *st)
{
	bool known = fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) == 0 || fstat(dir_fd, st) == 0;

	return known && geteuid() == 0 && st->st_uid != 0 ? st : NULL;
}

enum pli_status keyfile_create(int dir_fd, const char *name, mode_t mode, const void *p, size_t n, struct err *err)
{
	struct stat owner;
	enum pli_status status = put(dir_fd, name, mode, O_EXCL, owner_of(dir_fd, name, &owner), p, n, err);

	if (status == PLI_OK && fsync(dir_fd) != 0)
		status = fault(err, "cannot sync the directory of", name);
	return status;
}

enum pli_status keyfile_replace(int dir_fd, const char *name, mode_t mode, const void *p, size_t n, struct err *err)
{
	enum pli_status status;
	char temporary[128];
	struct stat owner;

	snprintf(temporary, sizeof(temporary), "%.100s.new", name);
	status = put(dir_fd, temporary, mode, O_TRUNC, owner_of(dir_fd, name, &owner), p, n, err);
	if (status != PLI_OK)
		return status;
	if (renameat(dir_fd, temporary, dir_fd, name) != 0 || fsync(dir_fd) != 0)
		return fault(err, "cannot put in place", name);
	return PLI_OK;
}

enum pli_status keyfile_names(int dir_fd, struct buf *names, struct err *err)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	struct dirent *entry;

	if (!dir) {
		if (again >= 0)
			close(again);
		return err_errno(err, "cannot read the directory of keys");
	}
	while ((entry = readdir(dir)))
		buf_add(names, entry->d_name, strlen(entry->d_name) + 1);
	closedir(dir);
	return PLI_OK;
}
