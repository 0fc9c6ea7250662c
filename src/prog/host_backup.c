/* See host_backup.h. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#include "control.h"
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

/* ---- front asks; a process of its own looks, for a file system that hangs holds whoever asks it ---- */

/* Nothing of ours stays in its hands: it may outlive us. */
static _Noreturn void look(const char *pattern, int line)
{
	char why[CONTROL_TEXT_MAX + 1] = "";
	int fd;

	prctl(PR_SET_NAME, "pli-backup");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (line > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)line - 1, 0);
	close_range((unsigned)line + 1, ~0U, 0);
	fd = host_backup_open(pattern, why, sizeof(why));
	_exit(control_send(line, CONTROL_BACKUP, why, fd, NULL) == PLI_OK ? 0 : 1);
}

/* Front may be another by now, which has not asked. */
static void answer(struct host *host, const char *why, int fd)
{
	const struct worker *front = &host->workers[CHILD_FRONT];

	if (front->pid != host->backup.asked_by)
		return;
	if (control_send(front->control, CONTROL_BACKUP, why, fd, NULL) != PLI_OK)
		log_warn("host.backup", "front is going away");
}

static void line_close(struct host_backup *b)
{
	close(b->line);
	b->line = -1;
}

static bool start(struct host_backup *b, const char *pattern)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	b->pid = fork();
	if (b->pid == 0)
		look(pattern, pair[1]);
	close(pair[1]);
	if (b->pid < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0) {
		close(pair[0]);
		b->pid = b->pid > 0 ? b->pid : 0;
		return false;
	}
	b->line = pair[0];
	b->until_us = clock_mono_us() + HOST_BACKUP_S * SECOND_US;
	return true;
}

void host_backup_init(struct host *host)
{
	host->backup = (struct host_backup){ .line = -1 };
}

void host_backup_give(struct host *host)
{
	struct host_backup *b = &host->backup;
	const char *pattern = host->instance->settings.selfproof_backup;

	if (b->line >= 0)
		line_close(b);		/* for a front that is no more */
	b->asked_by = host->workers[CHILD_FRONT].pid;
	if (!pattern)
		answer(host, "pli.conf names no backup ([selfproof] backup)", -1);
	else if (b->pid)
		answer(host, "where the backups lie does not answer: whoever asked before still waits", -1);
	else if (!start(b, pattern))
		answer(host, "no process could be started to look for the backup", -1);
}

void host_backup_tend(struct host *host)
{
	struct host_backup *b = &host->backup;
	struct control_message m;
	enum pli_status st;

	if (b->line < 0)
		return;
	st = control_receive(b->line, &m, NULL);
	if (st == PLI_AGAIN && clock_mono_us() < b->until_us)
		return;
	if (st == PLI_OK) {
		answer(host, m.text, m.fd);
		if (m.fd >= 0)
			close(m.fd);
	} else if (st == PLI_AGAIN) {
		char why[100];

		snprintf(why, sizeof(why), "where the backups lie has not answered for %d s", HOST_BACKUP_S);
		log_error("host.backup", "%s", why);
		(void)kill(b->pid, SIGKILL);	/* what waits for a disk ends when that answers */
		answer(host, why, -1);
	} else {
		answer(host, "nobody could look for the backup", -1);
	}
	line_close(b);
}

void host_backup_reap(struct host *host)
{
	struct host_backup *b = &host->backup;

	if (b->pid > 0 && waitpid(b->pid, NULL, WNOHANG) != 0)
		b->pid = 0;
}

int host_backup_wait_ms(const struct host *host, int timeout_ms)
{
	const struct host_backup *b = &host->backup;
	int64_t left_ms;

	if (b->line < 0)
		return timeout_ms;
	left_ms = (b->until_us - clock_mono_us() + 999) / 1000;
	left_ms = left_ms < 0 ? 0 : left_ms;
	return timeout_ms < 0 || left_ms < timeout_ms ? (int)left_ms : timeout_ms;
}

/* Nobody waits for it. */
void host_backup_fini(struct host *host)
{
	struct host_backup *b = &host->backup;

	if (b->line >= 0)
		line_close(b);
	if (b->pid > 0)
		(void)kill(b->pid, SIGKILL);
	host_backup_reap(host);
}
