/* Blob files on a local file system; see blob_file.h for names.
 *
 * Durable means: the bytes by fdatasync, the name by fsync of its folder, the folder by fsync of the directory above. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "text.h"

#include "blob_flow.h"

#include "blob_file.h"

#define NAME_BYTES (3 + 32 + 1 + 32 + 5 + 1)
#define PART ".part"

static void folder_name(const struct uuid *object, char out[3])
{
	hex_encode(out, object->b + 15, 1);
}

static void file_name(const struct uuid *entity, const struct uuid *object, bool part, char out[NAME_BYTES])
{
	folder_name(object, out);
	out[2] = '/';
	hex_encode(out + 3, entity->b, 16);
	out[35] = '-';
	hex_encode(out + 36, object->b, 16);
	memcpy(out + 68, part ? PART : "", part ? sizeof(PART) : 1);
}

static enum pli_status folder_sync(int dir_fd, const char *folder, bool *broken_r, struct err *err)
{
	int fd = openat(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	enum pli_status status = PLI_OK;

	if (fd < 0)
		return err_errno(err, "blob folder");
	if (fsync(fd) != 0) {
		*broken_r = errno != ENOSPC && errno != EDQUOT;
		status = err_errno(err, "blob folder flush");
	}
	close(fd);
	return status;
}

/* The folder is there, and durable when it was made now. */
static enum pli_status folder_make(int dir_fd, const struct uuid *object, bool *broken_r, struct err *err)
{
	char folder[3];

	folder_name(object, folder);
	if (mkdirat(dir_fd, folder, 0700) == 0)
		return folder_sync(dir_fd, ".", broken_r, err);
	return errno == EEXIST ? PLI_OK : err_errno(err, "blob folder");
}

/* Takes fd. */
static enum pli_status file_init(struct blob_file *file, int dir_fd, const struct uuid *entity,
				 const struct uuid *object, int fd, uint64_t size_bytes, struct err *err)
{
	enum pli_status status;

	*file = (struct blob_file) {
		.dir_fd = dir_fd, .fd = fd, .entity = *entity, .object = *object, .size_bytes = size_bytes,
	};
	status = blob_flow_new(fd, size_bytes, &file->flow, err);
	if (status != PLI_OK)
		blob_file_close(file);
	return status;
}

enum pli_status blob_file_create(int dir_fd, const struct uuid *entity, const struct uuid *object,
				 struct blob_file *file_r, struct err *err)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	char name[NAME_BYTES];
	enum pli_status status;
	int fd;

	file_r->broken = false;
	file_name(entity, object, true, name);
	fd = openat(dir_fd, name, flags, 0600);
	if (fd < 0 && errno == ENOENT) {
		status = folder_make(dir_fd, object, &file_r->broken, err);
		if (status != PLI_OK)
			return status;
		fd = openat(dir_fd, name, flags, 0600);
	}
	if (fd < 0 && errno == EEXIST)
		return err_set(err, PLI_CONFLICT, "the object is being written already");
	if (fd < 0)
		return err_errno(err, "blob file");
	return file_init(file_r, dir_fd, entity, object, fd, 0, err);
}

enum pli_status blob_file_reopen(int dir_fd, const struct uuid *entity, const struct uuid *object,
				 uint64_t size_bytes, struct blob_file *file_r, struct err *err)
{
	char part[NAME_BYTES], final[NAME_BYTES];
	enum pli_status status = PLI_OK;
	struct stat st;
	int fd;

	file_name(entity, object, true, part);
	file_name(entity, object, false, final);
	fd = openat(dir_fd, part, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT && renameat(dir_fd, final, dir_fd, part) == 0)
		fd = openat(dir_fd, part, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, PLI_ABSENT, "no such blob file");
	if (fd < 0)
		return err_errno(err, "blob file");
	if (fstat(fd, &st) != 0 || ftruncate(fd, (off_t)size_bytes) != 0)
		status = err_errno(err, "blob file");
	else if ((uint64_t)st.st_size < size_bytes)
		status = err_set(err, PLI_IO, "a blob file is shorter than its durable part");
	if (status != PLI_OK) {
		close(fd);
		return status;
	}
	status = file_init(file_r, dir_fd, entity, object, fd, size_bytes, err);
	file_r->cut_bytes = (uint64_t)st.st_size - size_bytes;
	return status;
}

/* Out of space is a refusal; any other failed flush, and EIO, is the end of trust. */
static enum pli_status file_failed(struct blob_file *file, const char *what, bool flush, struct err *err)
{
	file->broken = errno == EIO || (flush && errno != ENOSPC && errno != EDQUOT);
	return err_errno(err, what);
}

void blob_file_beside(struct blob_file *file)
{
	blob_flow_start(file->flow);
}

enum pli_status blob_file_write(struct blob_file *file, const void *p, size_t n, struct err *err)
{
	enum pli_status status = blob_flow_add(file->flow, p, n, err);

	file->size_bytes += n;
	file->broken |= blob_flow_broken(file->flow);
	return status;
}

/* All bytes durable. */
static enum pli_status bytes_sync(struct blob_file *file, struct err *err)
{
	enum pli_status status = blob_flow_settle(file->flow, err);

	file->broken |= blob_flow_broken(file->flow);
	if (status == PLI_OK && fdatasync(file->fd) != 0)
		return file_failed(file, "blob file flush", true, err);
	return status;
}

enum pli_status blob_file_sync(struct blob_file *file, struct err *err)
{
	enum pli_status status = bytes_sync(file, err);
	char folder[3];

	if (status != PLI_OK || file->named)
		return status;
	folder_name(&file->object, folder);
	file->named = true;
	return folder_sync(file->dir_fd, folder, &file->broken, err);
}

enum pli_status blob_file_finish(struct blob_file *file, struct err *err)
{
	char part[NAME_BYTES], final[NAME_BYTES], folder[3];
	enum pli_status status = bytes_sync(file, err);

	if (status != PLI_OK)
		return status;
	file_name(&file->entity, &file->object, true, part);
	file_name(&file->entity, &file->object, false, final);
	if (renameat(file->dir_fd, part, file->dir_fd, final) != 0)
		return file_failed(file, "blob file name", false, err);
	folder_name(&file->object, folder);
	return folder_sync(file->dir_fd, folder, &file->broken, err);
}

uint64_t blob_file_close(struct blob_file *file)
{
	uint64_t lost = 0;
	struct stat st;

	blob_flow_free(file->flow);
	file->flow = NULL;
	if (file->fd < 0)
		return 0;
	if (fstat(file->fd, &st) == 0 && (uint64_t)st.st_size < file->size_bytes)
		lost = file->size_bytes - (uint64_t)st.st_size;
	close(file->fd);
	file->fd = -1;
	return lost;
}

enum pli_status blob_file_open(int dir_fd, const struct uuid *entity, const struct uuid *object, int *fd_r, struct err *err)
{
	char name[NAME_BYTES];
	int fd;

	file_name(entity, object, false, name);
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, PLI_IO, "a blob file is missing");
	if (fd < 0)
		return err_errno(err, "blob file");
	*fd_r = fd;
	return PLI_OK;
}

enum pli_status blob_file_remove(int dir_fd, const struct uuid *entity, const struct uuid *object,
				 uint64_t *freed_r, struct err *err)
{
	uint64_t freed = 0;

	for (int part = 0; part <= 1; part++) {
		char name[NAME_BYTES];
		struct stat st;

		file_name(entity, object, part, name);
		if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (unlinkat(dir_fd, name, 0) == 0)
			freed += (uint64_t)st.st_size;
		else if (errno != ENOENT)
			return err_errno(err, "blob file");
	}
	if (freed_r)
		*freed_r = freed;
	return PLI_OK;
}

/* ------------------------------------------------------------------ walking */

/* Exactly a name that file_name can give (without its folder), and in the right folder. */
static bool name_parse(const char *name, const char *folder, struct blob_file_entry *entry_r)
{
	size_t n = strlen(name);
	char right[3];

	entry_r->part = n == 65 + sizeof(PART) - 1;
	if ((n != 65 && !entry_r->part) || name[32] != '-' || (entry_r->part && strcmp(name + 65, PART) != 0) ||
	    !hex_decode(entry_r->entity.b, 16, name, 32) || !hex_decode(entry_r->object.b, 16, name + 33, 32))
		return false;
	folder_name(&entry_r->object, right);
	return strcmp(right, folder) == 0;
}

static enum pli_status folder_walk(int dir_fd, const char *folder, blob_file_fn *fn, void *arg, struct err *err)
{
	int fd = openat(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	enum pli_status status = PLI_OK;
	struct dirent *item;
	DIR *dir;

	if (fd < 0)
		return errno == ENOENT ? PLI_OK : err_errno(err, "blob folder");
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_errno(err, "blob folder");
	}
	while (status == PLI_OK && (item = readdir(dir))) {
		struct blob_file_entry entry;
		struct stat st;

		if (!name_parse(item->d_name, folder, &entry) ||
		    fstatat(dirfd(dir), item->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		entry.changed_us = st.st_mtim.tv_sec * SECOND_US + st.st_mtim.tv_nsec / 1000;
		entry.size_bytes = (uint64_t)st.st_size;
		status = fn(arg, &entry, err);
	}
	closedir(dir);
	return status;
}

enum pli_status blob_file_walk(int dir_fd, blob_file_fn *fn, void *arg, struct err *err)
{
	enum pli_status status = PLI_OK;

	for (unsigned i = 0; i < 256 && status == PLI_OK; i++) {
		uint8_t byte = (uint8_t)i;
		char folder[3];

		hex_encode(folder, &byte, 1);
		status = folder_walk(dir_fd, folder, fn, arg, err);
	}
	return status;
}
