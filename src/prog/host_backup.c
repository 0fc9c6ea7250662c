/* See host_backup.h. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#include "host_own.h"
#include "instance.h"

#include "host_backup.h"

static bool is_newer(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec > b->st_mtim.tv_sec : a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

int host_backup_open(const char *pattern, char *why, size_t why_n)
{
	struct stat best = { 0 }, sb;
	const char *name = NULL;
	glob_t found;
	int fd;

	if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0) {
		snprintf(why, why_n, "no backup matches [selfproof] backup = %.200s", pattern);
		return -1;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (lstat(found.gl_pathv[i], &sb) != 0 || !S_ISREG(sb.st_mode) || (name && !is_newer(&sb, &best)))
			continue;
		best = sb;
		name = found.gl_pathv[i];
	}
	fd = name ? open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
	if (fd < 0) {
		snprintf(why, why_n, name ? "the newest backup cannot be opened: %s" : "no file matches [selfproof] backup (%s)",
			 name ? strerror(errno) : pattern);
	} else if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {	/* another thing may lie there by now */
		snprintf(why, why_n, "the newest backup is not a file any more");
		close(fd);
		fd = -1;
	}
	globfree(&found);
	return fd;
}

void host_backup_give(struct host *host)
{
	const struct worker *front = &host->workers[CHILD_FRONT];
	const char *pattern = host->instance->settings.selfproof_backup;
	char why[CONTROL_TEXT_MAX + 1] = "";
	int fd = -1;

	if (pattern)
		fd = host_backup_open(pattern, why, sizeof(why));
	else
		snprintf(why, sizeof(why), "pli.conf names no backup ([selfproof] backup)");
	if (control_send(front->control, CONTROL_BACKUP, why, fd, NULL) != PLI_OK)
		log_warn("host.backup", "front is going away");
	if (fd >= 0)
		close(fd);
}
