/* Starting one process of the instance: what it is given, and its links to those that run. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#include "child.h"
#include "control.h"
#include "instance.h"

#include "host_own.h"

#define FILES_MAX 5			/* that one process is given besides folders and sockets */

/* A file that the settings name; the null device when they name none.  Read by the child alone. */
static enum pli_status open_named(const struct host *host, const char *what, const char *name, int *fd_r, struct err *err)
{
	if (name)
		return instance_open_named(host->instance, what, name, fd_r, err);
	*fd_r = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return *fd_r >= 0 ? PLI_OK : err_errno(err, "/dev/null");
}

/* Anew for each courier: a password that was changed is taken by the next one. */
static enum pli_status open_courier_files(const struct host *host, int files_r[FILES_MAX], struct err *err)
{
	const struct settings *s = &host->instance->settings;
	bool relay = strcmp(s->mail, "outbox") != 0;
	enum pli_status st = open_named(host, "[mail] password_file", relay ? s->mail_password_file : NULL, &files_r[0], err);

	if (st != PLI_OK)
		return st;
	st = open_named(host, "[mail] ca_file", relay ? s->mail_ca_file : NULL, &files_r[1], err);
	if (st == PLI_OK)
		st = open_named(host, "[witness] ca_file", s->witness_ca_file, &files_r[2], err);
	if (st == PLI_OK)
		st = open_named(host, "[tsa] password_file", s->tsa_password_file, &files_r[3], err);
	return st == PLI_OK ? open_named(host, "[tsa] tls_ca_file", s->tsa_tls_ca_file, &files_r[4], err) : st;
}

/* Anew for each keeper, as above. */
static enum pli_status open_key_files(const struct host *host, int files_r[2], struct err *err)
{
	const struct settings *s = &host->instance->settings;
	enum pli_status st = open_named(host, "[keys] passphrase_file", s->keys_passphrase_file, &files_r[0], err);

	return st == PLI_OK ? open_named(host, "[keys] pin_file", s->keys_pin_file, &files_r[1], err) : st;
}

/* What one kind of process is given besides folders and sockets; the others get nothing. */
static enum pli_status open_files(const struct host *host, enum child_kind kind, int files_r[FILES_MAX], struct err *err)
{
	if (kind == CHILD_COURIER)
		return open_courier_files(host, files_r, err);
	if (kind == CHILD_KEEPER)
		return open_key_files(host, files_r, err);
	if (kind == CHILD_FRONT)
		return open_named(host, "[tsa] ca_file", host->instance->settings.tsa_ca_file, &files_r[0], err);
	return PLI_OK;
}

static void start_fds(const struct host *host, enum child_kind kind, const int files[FILES_MAX], struct child_start *start)
{
	const int *folder = host->instance->folder_fd;
	int n = 0;

	switch (kind) {
	case CHILD_FRONT:
		start->fds[n++] = folder[FOLDER_DATA];
		start->fds[n++] = folder[FOLDER_JOURNAL];
		start->fds[n++] = folder[FOLDER_PUBLIC];
		start->fds[n++] = folder[FOLDER_TLS];
		start->fds[n++] = host->ctl_fd;
		start->fds[n++] = files[0];
		for (int i = 0; i < host->listen_count; i++)
			start->fds[n++] = host->listen_fds[i];
		if (host->submission_fd >= 0)
			start->fds[n++] = host->submission_fd;
		if (host->lmtp_fd >= 0)
			start->fds[n++] = host->lmtp_fd;
		if (host->instance->settings.demo)
			start->fds[n++] = folder[FOLDER_OUTBOX];
		break;
	case CHILD_KEEPER:
		start->fds[n++] = folder[FOLDER_KEYS];
		start->fds[n++] = folder[FOLDER_JOURNAL];
		start->fds[n++] = files[0];
		start->fds[n++] = files[1];
		break;
	case CHILD_COURIER:
		start->fds[n++] = folder[FOLDER_OUTBOX];
		start->fds[n++] = files[0];
		start->fds[n++] = files[1];
		start->fds[n++] = files[2];
		start->fds[n++] = files[3];
		start->fds[n++] = files[4];
		break;
	case CHILD_MAIL:
		break;
	default:
		assert(!"kind");
	}
	start->fds[n++] = host->instance->lock_fd;
	start->fd_count = n;
	start->listener_count = kind == CHILD_FRONT ? host->listen_count : 0;
	start->submission = kind == CHILD_FRONT && host->submission_fd >= 0;
	start->lmtp = kind == CHILD_FRONT && host->lmtp_fd >= 0;
	start->outbox = kind == CHILD_FRONT && host->instance->settings.demo;
}

static const struct confine_owner *owner_of(const struct host *host, enum child_kind kind)
{
	static const enum instance_owner owners[CHILD_COUNT] = {
		[CHILD_FRONT] = OWNER_FRONT, [CHILD_KEEPER] = OWNER_KEEPER, [CHILD_COURIER] = OWNER_COURIER,
		[CHILD_MAIL] = OWNER_MAIL,
	};

	return &host->instance->owners[owners[kind]];
}

/* A new pair between two running processes; whoever has died meanwhile gets another when it is back. */
static void link_pair(struct host *host, enum child_kind a, enum control_type a_gets, enum child_kind b,
		      enum control_type b_gets)
{
	int pair[2];

	if (host->workers[a].pid == 0 || host->workers[b].pid == 0)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		log_error("host.link", "socketpair: %s", strerror(errno));
		return;
	}
	if (control_send(host->workers[a].control, a_gets, NULL, pair[0], NULL) != PLI_OK ||
	    control_send(host->workers[b].control, b_gets, NULL, pair[1], NULL) != PLI_OK)
		log_debug("host.link", "%s or %s is going away", child_name(a), child_name(b));
	close(pair[0]);
	close(pair[1]);
}

static void link_to_others(struct host *host, enum child_kind kind)
{
	if (kind == CHILD_FRONT || kind == CHILD_KEEPER)
		link_pair(host, CHILD_FRONT, CONTROL_LINK_KEEPER, CHILD_KEEPER, CONTROL_LINK_FRONT);
	if (kind == CHILD_FRONT || kind == CHILD_COURIER)
		link_pair(host, CHILD_FRONT, CONTROL_LINK_COURIER, CHILD_COURIER, CONTROL_LINK_FRONT);
	if (kind == CHILD_FRONT || kind == CHILD_MAIL)
		link_pair(host, CHILD_FRONT, CONTROL_LINK_MAIL, CHILD_MAIL, CONTROL_LINK_FRONT);
}

static void close_files(const int *fds, int count)
{
	for (int i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

enum pli_status host_worker_start(struct host *host, enum child_kind kind, struct err *err)
{
	struct worker *w = &host->workers[kind];
	struct child_start start = { .kind = kind, .owner = *owner_of(host, kind), .settings_fd = host->settings_fd,
				     .mode = host->serve ? "serve" : "verbs" };
	int pair[2], files[FILES_MAX] = { -1, -1, -1, -1, -1 };
	enum pli_status st = open_files(host, kind, files, err);

	if (st == PLI_OK && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		st = err_errno(err, "socketpair");
	if (st != PLI_OK) {
		close_files(files, FILES_MAX);
		return st;
	}
	/* Only our end: the flag belongs to the socket, not to the descriptor that the child inherits. */
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0)
		log_warn("host.control", "%s", strerror(errno));
	start.control_fd = pair[1];
	start_fds(host, kind, files, &start);
	st = child_start(&start, &w->pid, err);
	close(pair[1]);
	close_files(files, FILES_MAX);
	if (st != PLI_OK) {
		close(pair[0]);
		w->pid = 0;
		return st;
	}
	w->control = pair[0];
	w->ready = false;
	w->failure[0] = '\0';
	w->failure_hint = w->failure;
	w->start_at_us = 0;
	w->started_us = clock_mono_us();
	link_to_others(host, kind);
	return PLI_OK;
}
