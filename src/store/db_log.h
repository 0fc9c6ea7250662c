/* The write-ahead log as SQLite sees it: a file whose writes are gathered.
 *
 * SQLite writes a log frame in two pieces, 24 bytes and a page, each a system call that touches up to two pages of the file; a commit
 * writes a dozen frames one behind the other.  Here such pieces are kept and written as one, before anything can see the difference:
 * before a flush, a read, a look at the size, a cut, and before the index of the log names the frames (which SQLite does only after
 * its flush: every commit here is one with synchronous = FULL).  A failed write is told by whichever call it is met in. */
#ifndef PLI_DB_LOG_H
#define PLI_DB_LOG_H

#include <sqlite3.h>

/* Bytes of a file of this layer over one of `below`. */
int db_log_file_bytes(const sqlite3_vfs *below);
/* xOpen for the log (SQLITE_OPEN_WAL); open is the lower layer's, called with vfs. */
int db_log_open(int (*open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *), sqlite3_vfs *vfs, const char *name,
		sqlite3_file *file, int flags, int *flags_r);

#endif
