/* SQLite's view of the operating system: the unix one, but file names stay as they were given, and writes to the log are gathered
 * (db_log.h). */
#ifndef PLI_DB_VFS_H
#define PLI_DB_VFS_H

/* Registers the file system layer once and returns its name for sqlite3_open_v2.
 *
 * The unix layer turns every name into an absolute path and looks at each folder above it.  The process that owns the
 * database stands inside the database's folder and may not even search the folders above, so names are left alone.
 * Random bytes come from the kernel call, so that no device file is needed after confinement. */
const char *db_vfs_name(void);

#endif
