/* Blob files: the sealed bytes of objects above 16 KiB, one file each, below a directory given as a descriptor.
 *
 * Name: XX/EEEE…-OOOO… with EEEE… the 32 hex digits of the entity, OOOO… those of the object and XX its last byte
 * (256 folders, made on demand).  While bytes are still arriving the name ends in ".part".  Only these names, made of
 * hex digits, ever reach the file system.  No call follows links.  All calls may block. */
#ifndef PLI_BLOB_FILE_H
#define PLI_BLOB_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

/* A file being written, in order. */
struct blob_file {
	int dir_fd;		/* borrowed */
	int fd;			/* -1 when closed */
	struct uuid entity, object;
	uint64_t size_bytes;	/* taken so far */
	struct blob_flow *flow;
	uint64_t cut_bytes;	/* taken away by blob_file_reopen */
	bool named;		/* the name is durable */
	bool broken;		/* EIO, or a flush that failed: the disk must not be trusted any more */
};

/* A new ".part"; PLI_CONFLICT if it exists. */
MUST enum pli_status blob_file_create(int dir_fd, const struct uuid *entity, const struct uuid *object,
				      struct blob_file *file_r, struct err *err);
/* An unfinished (or finished: it becomes unfinished again) one, cut to size_bytes.  PLI_ABSENT if there is none, PLI_IO if shorter. */
MUST enum pli_status blob_file_reopen(int dir_fd, const struct uuid *entity, const struct uuid *object,
				      uint64_t size_bytes, struct blob_file *file_r, struct err *err);
/* A large file: writing goes on beside the caller, in a thread. */
void blob_file_beside(struct blob_file *file);
/* Appends.  Writing to disk follows closely, so that the flush at the end is short. */
MUST enum pli_status blob_file_write(struct blob_file *file, const void *p, size_t n, struct err *err);
/* All bytes, and the name as it is, are durable. */
MUST enum pli_status blob_file_sync(struct blob_file *file, struct err *err);
/* Durable, under the final name. */
MUST enum pli_status blob_file_finish(struct blob_file *file, struct err *err);
/* What is not synced may be lost: returns how many bytes taken are not in the file. */
uint64_t blob_file_close(struct blob_file *file);

/* A finished file for pread. */
MUST enum pli_status blob_file_open(int dir_fd, const struct uuid *entity, const struct uuid *object, int *fd_r, struct err *err);
/* Removes it, finished or not; *freed_r (may be NULL) = its size; no file is no error. */
MUST enum pli_status blob_file_remove(int dir_fd, const struct uuid *entity, const struct uuid *object,
				      uint64_t *freed_r, struct err *err);

/* Calls fn for every file; names that are not ours are left alone.  fn may remove the file. */
struct blob_file_entry {
	struct uuid entity, object;
	bool part;
	int64_t changed_us;	/* modification time */
	uint64_t size_bytes;
};
typedef enum pli_status blob_file_fn(void *arg, const struct blob_file_entry *entry, struct err *err);
MUST enum pli_status blob_file_walk(int dir_fd, blob_file_fn *fn, void *arg, struct err *err);

#endif
