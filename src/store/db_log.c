/* See db_log.h. */
#include <stdint.h>
#include <string.h>

#include <sqlite3.h>

#include "pool.h"

#include "db_log.h"

#define GATHER_BYTES (124u << 10)	/* SQLite's unix layer writes less than 128 KiB at once, and nothing of more */

struct log_file {
	sqlite3_file base;
	/* Not yet written: the bytes [start, start + n). */
	uint8_t *p;
	size_t n;
	sqlite3_int64 start;
	sqlite3_file *below;	/* lies behind this struct */
};

#define FILE_BYTES ((sizeof(struct log_file) + 15) & ~(size_t)15)

static struct log_file *log_of(sqlite3_file *file)
{
	return (struct log_file *)file;
}

static int put_out(struct log_file *l)
{
	int code = SQLITE_OK;

	if (l->n)
		code = l->below->pMethods->xWrite(l->below, l->p, (int)l->n, l->start);
	l->n = 0;
	return code;
}

static void let_go(struct log_file *l)
{
	mem_free(l->p);
	l->p = NULL;
	l->n = 0;
}

static int log_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct log_file *l = log_of(file);

	if (l->n && (at != l->start + (sqlite3_int64)l->n || l->n + (size_t)n > GATHER_BYTES)) {
		int code = put_out(l);

		if (code != SQLITE_OK)
			return code;
	}
	if ((size_t)n > GATHER_BYTES)
		return l->below->pMethods->xWrite(l->below, p, n, at);
	if (!l->p)
		l->p = mem_alloc(GATHER_BYTES);
	if (!l->n)
		l->start = at;
	memcpy(l->p + l->n, p, (size_t)n);
	l->n += (size_t)n;
	return SQLITE_OK;
}

static int log_sync(sqlite3_file *file, int flags)
{
	struct log_file *l = log_of(file);
	int code = put_out(l);

	return code == SQLITE_OK ? l->below->pMethods->xSync(l->below, flags) : code;
}

static int log_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	struct log_file *l = log_of(file);
	int code = put_out(l);

	return code == SQLITE_OK ? l->below->pMethods->xRead(l->below, p, n, at) : code;
}

/* A log that is cut has been taken over into the database: there is no hurry, and the room goes back. */
static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct log_file *l = log_of(file);
	int code = put_out(l);

	let_go(l);
	return code == SQLITE_OK ? l->below->pMethods->xTruncate(l->below, size) : code;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size_r)
{
	struct log_file *l = log_of(file);
	int code = put_out(l);

	return code == SQLITE_OK ? l->below->pMethods->xFileSize(l->below, size_r) : code;
}

static int log_close(sqlite3_file *file)
{
	struct log_file *l = log_of(file);
	int code = put_out(l), closed = l->below->pMethods->xClose(l->below);

	let_go(l);
	return code == SQLITE_OK ? closed : code;
}

static int log_lock(sqlite3_file *file, int level)
{
	return log_of(file)->below->pMethods->xLock(log_of(file)->below, level);
}

static int log_unlock(sqlite3_file *file, int level)
{
	return log_of(file)->below->pMethods->xUnlock(log_of(file)->below, level);
}

static int log_check_lock(sqlite3_file *file, int *reserved_r)
{
	return log_of(file)->below->pMethods->xCheckReservedLock(log_of(file)->below, reserved_r);
}

static int log_control(sqlite3_file *file, int op, void *arg)
{
	return log_of(file)->below->pMethods->xFileControl(log_of(file)->below, op, arg);
}

static int log_sector(sqlite3_file *file)
{
	return log_of(file)->below->pMethods->xSectorSize(log_of(file)->below);
}

static int log_traits(sqlite3_file *file)
{
	return log_of(file)->below->pMethods->xDeviceCharacteristics(log_of(file)->below);
}

/* Version 1: a log has no shared memory and is not mapped. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = log_close,
	.xRead = log_read,
	.xWrite = log_write,
	.xTruncate = log_truncate,
	.xSync = log_sync,
	.xFileSize = log_size,
	.xLock = log_lock,
	.xUnlock = log_unlock,
	.xCheckReservedLock = log_check_lock,
	.xFileControl = log_control,
	.xSectorSize = log_sector,
	.xDeviceCharacteristics = log_traits,
};

int db_log_file_bytes(const sqlite3_vfs *below)
{
	return (int)FILE_BYTES + below->szOsFile;
}

int db_log_open(int (*open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *), sqlite3_vfs *vfs, const char *name,
		sqlite3_file *file, int flags, int *flags_r)
{
	struct log_file *l = log_of(file);
	int code;

	memset(l, 0, FILE_BYTES);
	l->below = (sqlite3_file *)(void *)((uint8_t *)file + FILE_BYTES);
	code = open(vfs, name, l->below, flags, flags_r);
	/* Without methods SQLite takes the file for unopened. */
	if (l->below->pMethods)
		l->base.pMethods = &methods;
	return code;
}
