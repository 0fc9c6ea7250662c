/* The parent gives front the newest backup to read: it may have opened what front cannot reach, and reads nothing of it.
 *
 * The folder may lie on a network disk that hangs, which holds whoever asks it: a process of its own looks, for HOST_BACKUP_S at most, and
 * the parent waits for its line as for all others.  One that is still held when that time is over is given up, and no second one is
 * started before it is gone. */
#ifndef PLI_HOST_BACKUP_H
#define PLI_HOST_BACKUP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOST_BACKUP_S 10		/* less than front's patience */

struct host;

/* In struct host. */
struct host_backup {
	pid_t pid;			/* of who looks; 0: nobody */
	int line;			/* to him; -1: nobody is waited for */
	pid_t asked_by;			/* front */
	int64_t until_us;		/* monotonic */
};
void host_backup_init(struct host *host);
/* Front has asked: the newest file that [selfproof] backup matches, or why there is none.  Does not wait. */
void host_backup_give(struct host *host);
/* An answer on the line, or the end of patience. */
void host_backup_tend(struct host *host);
/* He may have ended. */
void host_backup_reap(struct host *host);
/* timeout_ms (-1: none) or what is left until host_backup_tend has something to do. */
int host_backup_wait_ms(const struct host *host, int timeout_ms);
void host_backup_fini(struct host *host);
/* The newest regular file that the pattern matches, to be read; -1, with why.  Blocks as long as the file system does. */
int host_backup_open(const char *pattern, char *why, size_t why_n);

#endif
