/* See host.h.  Descriptors: every control line is non-blocking on our side, close-on-exec. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "keygen.h"

#include "child.h"
#include "control.h"
#include "instance.h"
#include "listener.h"
#include "notify.h"
#include "sysexit.h"

#include "host_backup.h"
#include "host_own.h"
#include "host_reload.h"

#include "host.h"

#define UNIX "unix:"
#define QUICK_DEATH_US (2 * SECOND_US)	/* a life shorter than this counts as a failed start */
#define DELAY_MAX_MS 3000
#define START_MS 120000			/* a long journal is read at start */
#define STOP_FRONT_MS 6500
#define SETTLED_US (5 * SECOND_US)	/* what is said of a process that is younger may be meant for the one before */
#define STOP_OTHERS_MS 2000

/* ------------------------------------------------------------------ what they say */

/* What front cannot know by itself. */
static void tell_front(struct host *host)
{
	const struct worker *front = &host->workers[CHILD_FRONT];
	char counts[16 * CHILD_COUNT] = "";
	size_t n = 0;

	if (!host->serve || !front->ready || front->control < 0)
		return;
	for (int i = 0; i < CHILD_COUNT; i++)
		n += (size_t)snprintf(counts + n, sizeof(counts) - n, " %u", host->workers[i].restarts);
	if (control_send(front->control, CONTROL_RESTARTS, counts, -1, NULL) != PLI_OK)
		log_debug("host.restarts", "front is going away");
}

static void worker_ready(struct host *host, enum child_kind kind, const char *text)
{
	struct worker *w = &host->workers[kind];

	w->restarts += w->was_ready;
	if (w->was_ready)
		log_info("host.back", "%s is back, process %ld", child_name(kind), (long)w->pid);
	w->ready = w->was_ready = true;
	w->ready_us = clock_mono_us();
	if (kind == CHILD_FRONT && host->metrics_fd >= 0 &&
	    control_send(w->control, CONTROL_METRICS, NULL, host->metrics_fd, NULL) != PLI_OK)
		log_debug("host.metrics", "front is going away");
	tell_front(host);
	if (kind == CHILD_FRONT)
		snprintf(host->limited, sizeof(host->limited), "%s", text);
}

static void worker_failed(struct worker *w, const char *text)
{
	size_t n = strcspn(text, "\n");

	snprintf(w->failure, sizeof(w->failure), "%s", text);
	w->failure_hint = w->failure + n + (text[n] != '\0');
	w->failure[n] = '\0';
}

/* A keeper that lives but does not work is worth a dead one: its successor begins from what is on the disk.  One that still reads
 * its journal at the start is left alone. */
static void keeper_hung(struct host *host)
{
	const struct worker *w = &host->workers[CHILD_KEEPER];

	if (w->pid <= 0 || !w->ready || clock_mono_us() - w->ready_us < SETTLED_US)
		return;
	log_error("host.hung", "%s, process %ld, gives no sign of life; it is ended", child_name(CHILD_KEEPER), (long)w->pid);
	if (kill(w->pid, SIGKILL) != 0)
		log_error("host.hung", "%s", strerror(errno));
}

/* It holds nothing that is worth a wait: its successor reads the next message. */
static void mail_hung(struct host *host)
{
	const struct worker *w = &host->workers[CHILD_MAIL];

	if (w->pid <= 0 || !w->ready)
		return;
	log_error("host.hung", "%s, process %ld, does not read as it should; it is ended", child_name(CHILD_MAIL), (long)w->pid);
	if (kill(w->pid, SIGKILL) != 0)
		log_error("host.hung", "%s", strerror(errno));
}

/* Everything that waits on a worker's line. */
static void hear_worker(struct host *host, enum child_kind kind)
{
	struct worker *w = &host->workers[kind];
	struct control_message m;

	while (w->control >= 0) {
		enum pli_status st = control_receive(w->control, &m, NULL);
		if (st == PLI_AGAIN)
			return;
		if (st != PLI_OK) {	/* its end follows as a signal */
			close(w->control);
			w->control = -1;
			return;
		}
		if (m.fd >= 0)
			close(m.fd);
		if (m.type == CONTROL_FAILED)
			worker_failed(w, m.text);
		else if (m.type == CONTROL_KEEPER_HUNG && kind == CHILD_FRONT)
			keeper_hung(host);
		else if (m.type == CONTROL_MAIL_HUNG && kind == CHILD_FRONT)
			mail_hung(host);
		else if (m.type == CONTROL_RELOAD && kind == CHILD_FRONT)
			host_reload_ask(host, true);
		else if (m.type == CONTROL_BACKUP_ASK && kind == CHILD_FRONT)
			host_backup_give(host);
		else if (m.type == CONTROL_PREPARED || m.type == CONTROL_REFUSED || m.type == CONTROL_COMMITTED)
			host_reload_answer(host, kind, &m);
		else if (m.type != CONTROL_KEEPER_HUNG && m.type != CONTROL_MAIL_HUNG)
			worker_ready(host, kind, m.text);
	}
}

static unsigned delay_ms(unsigned quick_deaths)
{
	if (quick_deaths < 3)
		return 0;
	return quick_deaths > 8 ? DELAY_MAX_MS : 100U << (quick_deaths - 3);
}

static void worker_ended(struct host *host, enum child_kind kind, int status)
{
	struct worker *w = &host->workers[kind];
	int64_t now = clock_mono_us();
	unsigned ms;

	hear_worker(host, kind);
	if (w->control >= 0)
		close(w->control);
	w->control = -1;
	w->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
	w->quick_deaths = now - w->started_us < QUICK_DEATH_US ? w->quick_deaths + 1 : 0;
	ms = delay_ms(w->quick_deaths);
	if (!host->stop_asked)
		log_warn("host.ended", "%s, process %ld, ended (%s %d)%s%s%s", child_name(kind), (long)w->pid,
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : w->exit_status, w->failure[0] ? ": " : "", w->failure,
			 !w->was_ready ? "" : ms ? "; starting it again after a pause" : "; starting it again");
	w->pid = 0;
	w->ready = false;
	w->start_at_us = now + (int64_t)ms * 1000;
	host_reload_ended(host, kind);
}

static void reap(struct host *host)
{
	for (int i = 0; i < CHILD_COUNT; i++) {
		struct worker *w = &host->workers[i];
		int status;
		if (w->pid > 0 && waitpid(w->pid, &status, WNOHANG) == w->pid)
			worker_ended(host, (enum child_kind)i, status);
	}
	host_backup_reap(host);
}

/* ------------------------------------------------------------------ the loop */

static void take_signals(struct host *host)
{
	struct signalfd_siginfo info;

	while (read(host->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			host->stop_asked = true;
		else if (info.ssi_signo == SIGHUP)
			host_reload_ask(host, false);
	}
	reap(host);
}

static void start_due(struct host *host)
{
	int64_t now = clock_mono_us();
	struct err err;

	for (int i = 0; i < CHILD_COUNT; i++) {
		struct worker *w = &host->workers[i];
		if (!w->wanted || w->pid || now < w->start_at_us)
			continue;
		if (host_worker_start(host, (enum child_kind)i, &err) != PLI_OK) {
			log_error("host.start", "%s: %s", child_name((enum child_kind)i), err.text);
			w->start_at_us = now + SECOND_US;
		}
	}
}

static int wait_ms(const struct host *host, int timeout_ms)
{
	int64_t now = clock_mono_us();

	for (int i = 0; i < CHILD_COUNT; i++) {
		const struct worker *w = &host->workers[i];
		if (!w->wanted || w->pid)
			continue;
		int64_t left_ms = w->start_at_us <= now ? 0 : (w->start_at_us - now + 999) / 1000;
		if (timeout_ms < 0 || left_ms < timeout_ms)
			timeout_ms = (int)left_ms;
	}
	return host_backup_wait_ms(host, host_reload_wait_ms(host, timeout_ms));
}

/* One turn: signals, words, ends; restarts when `restart`. */
static void turn(struct host *host, int timeout_ms, bool restart)
{
	struct pollfd fds[2 + CHILD_COUNT] = { { host->signal_fd, POLLIN, 0 } };

	for (int i = 0; i < CHILD_COUNT; i++)
		fds[1 + i] = (struct pollfd){ host->workers[i].control, POLLIN, 0 };
	fds[1 + CHILD_COUNT] = (struct pollfd){ host->backup.line, POLLIN, 0 };
	if (poll(fds, 2 + CHILD_COUNT, restart ? wait_ms(host, timeout_ms) : timeout_ms) < 0 && errno != EINTR)
		log_error("host.poll", "%s", strerror(errno));
	for (int i = 0; i < CHILD_COUNT; i++)
		if (fds[1 + i].revents)
			hear_worker(host, (enum child_kind)i);
	host_backup_tend(host);
	take_signals(host);
	if (restart && !host->stop_asked) {
		start_due(host);
		host_reload_tend(host);
	}
}

bool host_tend(struct host *host, int timeout_ms)
{
	turn(host, timeout_ms, true);
	/* What no restart mends: front found that database and journal contradict each other. */
	if (host->serve && host->limited[0])
		return false;
	return !host->stop_asked;
}

/* ------------------------------------------------------------------ start and stop */

enum pli_status host_settings_file(const struct settings *settings, int *fd_r, struct err *err)
{
	AUTO_BUF text = { 0 };
	int fd = memfd_create("settings", MFD_CLOEXEC);

	settings_write(&text, settings);
	if (fd < 0 || pwrite(fd, text.p, text.n, 0) != (ssize_t)text.n) {
		enum pli_status st = err_errno(err, "settings");
		if (fd >= 0)
			close(fd);
		return st;
	}
	*fd_r = fd;
	return PLI_OK;
}

static enum pli_status open_sockets(struct host *host, struct err *err)
{
	const struct settings *s = &host->instance->settings;
	enum pli_status st = listener_unix(host->instance->folder_fd[FOLDER_RUN], "ctl", &host->ctl_fd, err);

	for (int i = 0; host->serve && i < s->listen_count && st == PLI_OK; i++) {
		st = listener_tcp(s->listen[i], &host->listen_fds[i], err);
		if (st == PLI_OK)
			host->listen_count++;
	}
	if (st == PLI_OK && host->serve && s->submission_listen)
		st = listener_tcp(s->submission_listen, &host->submission_fd, err);
	if (st == PLI_OK && host->serve && s->lmtp_listen)
		st = str_starts(s->lmtp_listen, UNIX) ? listener_unix_path(s->lmtp_listen + strlen(UNIX), &host->lmtp_fd, err)
						      : listener_tcp(s->lmtp_listen, &host->lmtp_fd, err);
	if (st == PLI_OK && host->serve && s->metrics)
		st = listener_tcp(s->metrics, &host->metrics_fd, err);
	return st;
}

static enum pli_status take_over_signals(struct host *host, struct err *err)
{
	sigset_t mine;

	sigemptyset(&mine);
	sigaddset(&mine, SIGCHLD);
	/* An operator's verb may simply be interrupted: its processes die with it. */
	if (host->serve) {
		sigaddset(&mine, SIGTERM);
		sigaddset(&mine, SIGINT);
		sigaddset(&mine, SIGHUP);
	}
	if (sigprocmask(SIG_BLOCK, &mine, &host->old_mask) != 0)
		return err_errno(err, "signals");
	host->signal_fd = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
	return host->signal_fd >= 0 ? PLI_OK : err_errno(err, "signals");
}

static enum pli_status failed_start(const struct host *host, int *exit_r, struct err *err)
{
	for (int i = 0; i < CHILD_COUNT; i++) {
		const struct worker *w = &host->workers[i];
		if (!w->wanted || w->pid || w->was_ready)
			continue;
		if (exit_r)
			*exit_r = w->exit_status ? w->exit_status : EX_SOFTWARE;
		err_set(err, w->exit_status == EX_DATAERR ? PLI_CONFLICT : PLI_IO, "%s could not start: %s",
			child_name((enum child_kind)i), w->failure[0] ? w->failure : "see the log above");
		return w->failure_hint[0] ? err_hint(err, "%s", w->failure_hint) : err->status;
	}
	return PLI_OK;
}

static enum pli_status wait_ready(struct host *host, int *exit_r, struct err *err)
{
	int64_t until = clock_mono_us() + START_MS * INT64_C(1000);

	while (clock_mono_us() < until) {
		bool all = true;
		enum pli_status st = failed_start(host, exit_r, err);
		if (st != PLI_OK)
			return st;
		if (host->stop_asked)
			return err_set(err, PLI_AGAIN, "stopped before it was ready");
		for (int i = 0; i < CHILD_COUNT; i++)
			all = all && (!host->workers[i].wanted || host->workers[i].ready);
		if (all)
			return PLI_OK;
		start_due(host);
		turn(host, 1000, false);
	}
	return err_set(err, PLI_BUSY, "not ready after %d s", START_MS / 1000);
}

static bool is_witness(const struct host *host)
{
	return str_eq(host->instance->settings.role, "witness");
}

/* The operator's verbs and a witness need no courier, and who takes no mail in and examines none no reader of it. */
static bool is_wanted(const struct host *host, enum child_kind kind)
{
	if (kind == CHILD_MAIL)
		return host->submission_fd >= 0 || host->lmtp_fd >= 0 ||
		       (host->serve && !is_witness(host) && host->instance->settings.mail_examine);
	return kind != CHILD_COURIER || (host->serve && !is_witness(host));
}

/* An instance made before there was a certification operator is given one. */
static enum pli_status second_signer(const struct host *host, struct err *err)
{
	const int *folder = host->instance->folder_fd;
	AUTO_POOL pool = pool_new();
	const char *origin;
	enum pli_status st;

	if (is_witness(host))
		return PLI_OK;
	st = child_origin(pool, folder[FOLDER_JOURNAL], &origin, err);
	return st == PLI_OK ? keygen_operator(folder[FOLDER_KEYS], folder[FOLDER_PUBLIC], origin, err) : st;
}

static enum pli_status start_all(struct host *host, int *exit_r, struct err *err)
{
	static const enum child_kind order[CHILD_COUNT] = { CHILD_KEEPER, CHILD_COURIER, CHILD_MAIL, CHILD_FRONT };
	enum pli_status st = take_over_signals(host, err);

	if (st == PLI_OK)
		st = second_signer(host, err);
	if (st == PLI_OK)
		st = instance_claim(host->instance, err);
	if (st == PLI_OK)
		st = host_settings_file(&host->instance->settings, &host->settings_fd, err);
	if (st == PLI_OK)
		st = open_sockets(host, err);
	for (int i = 0; i < CHILD_COUNT && st == PLI_OK; i++) {
		host->workers[order[i]].wanted = is_wanted(host, order[i]);
		if (host->workers[order[i]].wanted)
			st = host_worker_start(host, order[i], err);
	}
	return st == PLI_OK ? wait_ready(host, exit_r, err) : st;
}

enum pli_status host_start(struct instance *instance, const struct host_options *options, struct host **host_r,
			   int *exit_r, struct err *err)
{
	struct host *host = mem_alloc(sizeof(*host));
	enum pli_status st;

	host->instance = instance;
	host->serve = options->serve;
	host->ctl_fd = host->settings_fd = host->signal_fd = host->submission_fd = host->lmtp_fd = -1;
	host->reload.settings_fd = host->metrics_fd = -1;
	host_backup_init(host);
	for (int i = 0; i < CHILD_COUNT; i++) {
		host->workers[i].control = -1;
		host->workers[i].failure_hint = host->workers[i].failure;
	}
	if (exit_r)
		*exit_r = 0;
	st = start_all(host, exit_r, err);
	if (st != PLI_OK) {
		host_stop(host);
		return st;
	}
	*host_r = host;
	return PLI_OK;
}

static void wait_gone(struct host *host, enum child_kind first, enum child_kind last, int timeout_ms)
{
	int64_t until = clock_mono_us() + (int64_t)timeout_ms * 1000;

	for (;;) {
		bool gone = true;
		int64_t left_us = until - clock_mono_us();
		for (int i = first; i <= (int)last; i++)
			gone = gone && host->workers[i].pid == 0;
		if (gone || left_us <= 0)
			return;
		turn(host, (int)(left_us / 1000) + 1, false);
	}
}

static void kill_rest(struct host *host)
{
	for (int i = 0; i < CHILD_COUNT; i++) {
		if (host->workers[i].pid == 0)
			continue;
		log_warn("host.kill", "%s did not stop in time", child_name((enum child_kind)i));
		(void)kill(host->workers[i].pid, SIGKILL);
		(void)waitpid(host->workers[i].pid, NULL, 0);
		host->workers[i].pid = 0;
	}
}

static void close_control(struct worker *w)
{
	if (w->control >= 0)
		close(w->control);
	w->control = -1;
}

static void close_mail_sockets(struct host *host)
{
	const char *lmtp = host->instance->settings.lmtp_listen;

	if (host->submission_fd >= 0)
		close(host->submission_fd);
	if (host->lmtp_fd < 0)
		return;
	close(host->lmtp_fd);
	if (str_starts(lmtp, UNIX))
		(void)unlink(lmtp + strlen(UNIX));
}

void host_stop(struct host *host)
{
	if (!host)
		return;
	host->stop_asked = true;
	/* Front first: it still needs the others for what is under way.  They end with their control line. */
	if (host->workers[CHILD_FRONT].pid > 0 &&
	    control_send(host->workers[CHILD_FRONT].control, CONTROL_STOP, NULL, -1, NULL) == PLI_OK)
		wait_gone(host, CHILD_FRONT, CHILD_FRONT, STOP_FRONT_MS);
	for (int i = 0; i < CHILD_COUNT; i++)
		close_control(&host->workers[i]);
	wait_gone(host, CHILD_FRONT, (enum child_kind)(CHILD_COUNT - 1), STOP_OTHERS_MS);
	kill_rest(host);
	host_backup_fini(host);
	host_reload_fini(host);
	for (int i = 0; i < host->listen_count; i++)
		close(host->listen_fds[i]);
	close_mail_sockets(host);
	if (host->ctl_fd >= 0) {
		(void)unlinkat(host->instance->folder_fd[FOLDER_RUN], "ctl", 0);
		close(host->ctl_fd);
	}
	if (host->metrics_fd >= 0)
		close(host->metrics_fd);
	if (host->settings_fd >= 0)
		close(host->settings_fd);
	if (host->signal_fd >= 0) {
		close(host->signal_fd);
		(void)sigprocmask(SIG_SETMASK, &host->old_mask, NULL);
	}
	mem_free(host);
}

int host_run(struct host *host)
{
	int status = EX_OK;

	if (!host->limited[0]) {
		log_info("host.ready", "ready");
		notify_manager("READY=1");
		while (host_tend(host, -1))
			;
	}
	if (host->limited[0]) {
		log_error("host.limited", "not served: %s", host->limited);
		status = EX_DATAERR;
	}
	log_info("host.stopping", "stopping");
	notify_manager("STOPPING=1");
	host_stop(host);
	return status;
}
