#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "pool.h"
#include "text.h"

#include "control.h"
#include "instance.h"
#include "secret_input.h"
#include "sysexit.h"

#include "child.h"

#define SETTINGS_MAX_BYTES 262144
#define HIGH_FD 64		/* above all numbers that a child gets */
#define MAPPED_FROM_BYTES (256 << 10)

static const char *const child_names[CHILD_COUNT] = {
	[CHILD_FRONT] = "pli-front", [CHILD_KEEPER] = "pli-keeper", [CHILD_COURIER] = "pli-courier",
	[CHILD_MAIL] = "pli-mail",
};

const char *child_name(enum child_kind kind)
{
	return child_names[kind];
}

enum child_kind child_by_name(const char *argv0)
{
	int i = 0;

	while (i < CHILD_COUNT && !str_eq(argv0, child_names[i]))
		i++;
	return (enum child_kind)i;
}

/* ------------------------------------------------------------------ parent's side */

/* Between fork and exec: only calls that are safe there.  All sources are first copied above HIGH_FD, so that no target
 * number is overwritten before it was read. */
static int place_descriptors(const struct child_start *start)
{
	int sources[CHILD_FDS_MAX + 3], high[CHILD_FDS_MAX + 3], n = 0;

	sources[n++] = start->control_fd;
	sources[n++] = start->settings_fd;
	sources[n++] = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < start->fd_count; i++)
		sources[n++] = start->fds[i];
	for (int i = 0; i < n; i++) {
		high[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, HIGH_FD);
		if (high[i] < 0)
			return -1;
	}
	for (int i = 0; i < n; i++)
		if (dup2(high[i], CHILD_FD_CONTROL + i) < 0)
			return -1;
	if (dup2(CHILD_FD_NULL, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return -1;
	return close_range((unsigned)(CHILD_FD_CONTROL + n), ~0U, 0);
}

static void become_child(const struct child_start *start, char *const argv[])
{
	char *const env[] = { NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Signals of a terminal or a service manager go to the whole group; only the parent acts on them. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (place_descriptors(start) == 0)
		execve("/proc/self/exe", argv, env);
	_exit(EX_OSERR);
}

enum pli_status child_start(const struct child_start *start, pid_t *pid_r, struct err *err)
{
	char owner[64], parent[32], listeners[32], mode[32], name[16];
	char *argv[] = { name, owner, parent, listeners, mode, NULL };
	pid_t pid;

	if (start->owner.change)
		snprintf(owner, sizeof(owner), "owner=%u:%u", start->owner.uid, start->owner.gid);
	else
		snprintf(owner, sizeof(owner), "owner=keep");
	snprintf(name, sizeof(name), "%s", child_names[start->kind]);
	snprintf(parent, sizeof(parent), "parent=%ld", (long)getpid());
	snprintf(listeners, sizeof(listeners), "listeners=%d,%d,%d,%d", start->listener_count, start->submission, start->lmtp,
		 start->outbox);
	snprintf(mode, sizeof(mode), "mode=%s", start->mode);
	pid = fork();
	if (pid < 0)
		return err_errno(err, "fork");
	if (pid == 0)
		become_child(start, argv);
	*pid_r = pid;
	return PLI_OK;
}

/* ------------------------------------------------------------------ child's side */

static bool parse_words(int argc, char **argv, struct child *c)
{
	char mode[8] = "";
	unsigned uid, gid;
	int submission, lmtp, outbox, fd;
	long parent = 0;

	if (argc != 5 || sscanf(argv[2], "parent=%ld", &parent) != 1 ||
	    sscanf(argv[3], "listeners=%d,%d,%d,%d", &c->listener_count, &submission, &lmtp, &outbox) != 4 ||
	    sscanf(argv[4], "mode=%7s", mode) != 1)
		return false;
	if (sscanf(argv[1], "owner=%u:%u", &uid, &gid) == 2)
		c->owner = (struct confine_owner){ true, uid, gid };
	else if (str_eq(argv[1], "owner=keep"))
		c->owner = (struct confine_owner){ false, geteuid(), getegid() };
	else
		return false;
	c->parent = (pid_t)parent;
	c->serve = str_eq(mode, "serve");
	fd = CHILD_FD_FRONT_LISTEN + c->listener_count;
	c->submission_fd = submission ? fd++ : -1;
	c->lmtp_fd = lmtp ? fd++ : -1;
	c->outbox_fd = outbox ? fd : -1;
	return parent > 0 && c->listener_count >= 0 && c->listener_count <= SETTINGS_LISTEN_MAX;
}

enum pli_status child_settings(struct pool *pool, int fd, struct settings *settings_r, struct err *err)
{
	char *text = pool_alloc(pool, SETTINGS_MAX_BYTES + 1);
	ssize_t n = pread(fd, text, SETTINGS_MAX_BYTES, 0);

	if (n < 0)
		return err_errno(err, "settings");
	text[n] = '\0';
	return settings_parse(pool, "pli.conf", text, NULL, settings_r, err);
}

enum pli_status child_begin(struct pool *pool, int argc, char **argv, struct child *child_r, struct err *err)
{
	struct child c = { .kind = child_by_name(argv[0]) };
	struct stat sb;
	enum pli_status st;

	if (!parse_words(argc, argv, &c) || fstat(CHILD_FD_CONTROL, &sb) != 0 || !S_ISSOCK(sb.st_mode))
		return err_set(err, PLI_INPUT, "%s is started by `pli serve`, not by hand", argv[0]);
	(void)prctl(PR_SET_NAME, child_names[c.kind], 0, 0, 0);
	/* Fixed: else each thread that has once freed a piece of an upload keeps as much for the next one. */
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, 4 * MAPPED_FROM_BYTES);
	(void)fcntl(CHILD_FD_CONTROL, F_SETFD, FD_CLOEXEC);
	log_init(child_names[c.kind], LOG_INFO_LEVEL);
	/* Files that front reads of the keeper's go by group: 0640. */
	st = confine_rights(&c.owner, (c.kind == CHILD_KEEPER || c.kind == CHILD_COURIER) && c.owner.change ? 0027 : 0077, c.parent, err);
	if (st == PLI_OK)
		st = child_settings(pool, CHILD_FD_SETTINGS, &c.settings, err);
	close(CHILD_FD_SETTINGS);
	if (st != PLI_OK)
		return st;
	log_init(child_names[c.kind], log_level_parse(c.settings.log_level));
	*child_r = c;
	return PLI_OK;
}

enum pli_status child_origin(struct pool *pool, int journal_dir_fd, const char **origin_r, struct err *err)
{
	char *text;
	size_t n;
	enum pli_status st = instance_read(pool, journal_dir_fd, "origin", 256, &text, &n, err);

	if (st != PLI_OK)
		return st;
	text[strcspn(text, "\n")] = '\0';
	if (!text[0])
		return err_set(err, PLI_CONFLICT, "journal/origin is empty");
	*origin_r = text;
	return PLI_OK;
}

enum pli_status child_read_given(struct pool *pool, int fd, const char *what, size_t max, char **text_r, struct err *err)
{
	struct stat sb;
	char *text;
	ssize_t n;

	*text_r = NULL;
	if (fstat(fd, &sb) != 0)
		return err_errno(err, what);
	if (S_ISCHR(sb.st_mode))
		return PLI_OK;
	text = pool_alloc(pool, max + 1);
	n = pread(fd, text, max + 1, 0);
	close(fd);
	if (n < 0)
		return err_errno(err, what);
	if ((size_t)n > max)
		return err_set(err, PLI_LIMIT, "%s is longer than %zu bytes", what, max);
	text[n] = '\0';
	*text_r = text;
	return PLI_OK;
}

int child_failed(const struct err *err)
{
	char words[sizeof(err->text) + sizeof(err->hint) + 1];

	log_error("process.failed", "%s%s%s", err->text, err->hint[0] ? "; " : "", err->hint);
	snprintf(words, sizeof(words), "%s%s%s", err->text, err->hint[0] ? "\n" : "", err->hint);
	if (control_send(CHILD_FD_CONTROL, CONTROL_FAILED, words, -1, NULL) != PLI_OK)
		log_debug("process.orphan", "nobody to tell");
	return sysexit_of(err->status);
}

enum pli_status child_line(struct pool *pool, int fd, const char *what, const char **line_r, struct err *err)
{
	struct stat sb;
	enum pli_status st;

	*line_r = NULL;
	if (fstat(fd, &sb) != 0 || S_ISCHR(sb.st_mode)) {	/* the null device */
		close(fd);
		return PLI_OK;
	}
	st = secret_input_descriptor(pool, fd, what, line_r, err);
	close(fd);
	return st;
}
