/* The parent gives front the newest backup to read: it may open what front cannot reach, and reads nothing of it. */
#ifndef PLI_HOST_BACKUP_H
#define PLI_HOST_BACKUP_H

#include <stddef.h>

struct host;

/* Front has asked: the newest file that [selfproof] backup matches, or why there is none. */
void host_backup_give(struct host *host);
/* The newest regular file that the pattern matches, to be read; -1, with why. */
int host_backup_open(const char *pattern, char *why, size_t why_n);

#endif
