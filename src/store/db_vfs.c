/* The SQLite file system shim; see db_vfs.h. */
#include <assert.h>
#include <pthread.h>
#include <string.h>

#include <sqlite3.h>

#include "pool.h"

#include "db_log.h"

#include "db_vfs.h"

#define VFS_NAME "pli"

static pthread_once_t vfs_once = PTHREAD_ONCE_INIT;
static sqlite3_vfs vfs;		/* written once, under vfs_once */
static int (*below_open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);	/* likewise */

static int full_pathname(sqlite3_vfs *self, const char *name, int out_n, char *out)
{
	size_t n = strlen(name);

	(void)self;
	if (n + 1 > (size_t)out_n)
		return SQLITE_CANTOPEN;
	memcpy(out, name, n + 1);
	return SQLITE_OK;
}

static int randomness(sqlite3_vfs *self, int n, char *out)
{
	(void)self;
	mem_random(out, (size_t)n);
	return n;
}

static int file_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *flags_r)
{
	return flags & SQLITE_OPEN_WAL ? db_log_open(below_open, self, name, file, flags, flags_r) :
					 below_open(self, name, file, flags, flags_r);
}

static void vfs_register(void)
{
	sqlite3_vfs *below;

	/* No count of allocations: it is a lock per call.  Connections stay with one thread at a time. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	below = sqlite3_vfs_find("unix");
	assert(below);
	vfs = *below;
	vfs.pNext = NULL;
	vfs.zName = VFS_NAME;
	vfs.szOsFile = db_log_file_bytes(below);
	below_open = below->xOpen;
	vfs.xOpen = file_open;
	vfs.xFullPathname = full_pathname;
	vfs.xRandomness = randomness;
	sqlite3_vfs_register(&vfs, 0);
}

const char *db_vfs_name(void)
{
	pthread_once(&vfs_once, vfs_register);
	return VFS_NAME;
}
