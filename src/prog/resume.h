/* What `pli send` remembers of an upload so that it can go on after an interruption: one small file per upload under
 * $XDG_STATE_HOME/pli/uploads or ~/.local/state/pli/uploads, named after SHA-256(server, path, size, time of change).
 *
 * Content: the upload's path on the server, a line feed, and once all has arrived `done` and a line feed.
 * The file is locked while a process works on it; a second one starts an upload of its own and remembers nothing. */
#ifndef PLI_RESUME_H
#define PLI_RESUME_H

#include <stdbool.h>
#include <sys/stat.h>

struct pool;

struct resume {
	int fd;			/* -1: nothing is remembered */
	const char *path;	/* of the state file */
	const char *upload;	/* NULL: none yet */
	bool done;
};
/* Never fails: without a place for the file nothing is remembered. */
void resume_open(struct pool *pool, const char *server, const char *file, const struct stat *sb, struct resume *resume_r);
void resume_save(struct pool *pool, struct resume *resume, const char *upload, bool done);
/* Forgets what was remembered (the letter is sent, or the upload is gone at the server). */
void resume_forget(struct resume *resume);
void resume_close(struct resume *resume);

#endif
