/* What the files of the parent share: its processes, and what they are doing.  Only the host*.c files use it. */
#ifndef PLI_HOST_OWN_H
#define PLI_HOST_OWN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "settings.h"

#include "child.h"
#include "control.h"
#include "host_backup.h"

struct instance;
struct pool;

struct worker {
	pid_t pid;			/* 0: not running */
	int control;
	bool wanted, ready;
	bool was_ready;			/* at least once */
	unsigned quick_deaths, restarts;
	int64_t started_us, ready_us, start_at_us;	/* monotonic */
	int exit_status;		/* of its last end */
	char failure[CONTROL_TEXT_MAX + 1];
	const char *failure_hint;	/* in failure, behind its text; "" if none */
};

/* New settings and a new certificate on their way into running processes; see host_reload.h. */
struct host_reload {
	bool asked;			/* begin when every process is ready */
	bool verb;			/* front waits for the outcome: of the next one to begin */
	bool tell;			/* the one under way is what it waits for */
	bool under_way, waits[CHILD_COUNT];	/* waits: for this one's word, that it is prepared or that it has changed over */
	bool committed;			/* all were prepared and have been told to change over */
	unsigned again;			/* rounds that a process's end broke off */
	unsigned round;			/* stands in every word of it: late answers count for nothing */
	int64_t until_us;		/* monotonic */
	struct pool *pool;		/* of settings */
	struct settings settings;
	int settings_fd;
};

struct host {
	struct instance *instance;
	bool serve;
	struct worker workers[CHILD_COUNT];
	int listen_fds[SETTINGS_LISTEN_MAX];
	int listen_count;
	int submission_fd, lmtp_fd;	/* -1: not wanted */
	int ctl_fd, settings_fd, signal_fd;
	int metrics_fd;			/* listening; -1: none */
	sigset_t old_mask;
	bool stop_asked;
	char limited[CONTROL_TEXT_MAX + 1];	/* what front said with READY */
	struct host_reload reload;
	struct host_backup backup;
	struct pool *settings_pool;	/* of the instance's settings once they were reloaded */
};

/* The effective settings as a file of their own, which processes are given; *fd_r is owned. */
MUST enum pli_status host_settings_file(const struct settings *settings, int *fd_r, struct err *err);

/* Starts one process and links it to those that run; files that the settings name are opened anew for each.  Does not wait until it
 * is ready. */
MUST enum pli_status host_worker_start(struct host *host, enum child_kind kind, struct err *err);

#endif
