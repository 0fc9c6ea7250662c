/* How the parent starts front, keeper, courier and mail, and how they begin.
 *
 * The program executes itself with the process's name as argv[0] and one word of start facts:
 *   pli-front owner=UID:GID|keep parent=PID listeners=N,SUBMISSION,LMTP mode=serve|verbs
 * The environment is empty.  Descriptors, by number:
 *   3 control line   4 settings (the effective pli.conf)   5 null device
 *   front:   6 data/   7 journal/   8 public/   9 tls/   10 control socket's listener   11 roots of the authority of [tsa] (null device:
 *            none)   12 … listening sockets, then the outbox of a demonstration:
 *            HTTPS, then one for mail programs and one for the local mail server if they are wanted
 *   keeper:  6 keys/   7 journal/   8 the keys' pass phrase   9 the token's PIN   (null device: none)
 *   courier: 6 outbox/   7 the relay's password   8 its authorities   9 those of witnesses   10 the password at the authority of [tsa]
 *            11 those of its address   (null device: none)
 *   mail:    nothing
 *   each, last: the instance's lock, held until the last process has gone
 * Links between processes come over the control line. */
#ifndef PLI_CHILD_H
#define PLI_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "confine.h"
#include "settings.h"
#include "status.h"

struct pool;

enum child_kind { CHILD_FRONT, CHILD_KEEPER, CHILD_COURIER, CHILD_MAIL, CHILD_COUNT };
const char *child_name(enum child_kind kind);
/* The kind whose name argv0 is; CHILD_COUNT when none. */
enum child_kind child_by_name(const char *argv0);

enum child_fd {
	CHILD_FD_CONTROL = 3, CHILD_FD_SETTINGS = 4, CHILD_FD_NULL = 5, CHILD_FD_OWN = 6,
	CHILD_FD_FRONT_DATA = 6, CHILD_FD_FRONT_JOURNAL = 7, CHILD_FD_FRONT_PUBLIC = 8, CHILD_FD_FRONT_TLS = 9,
	CHILD_FD_FRONT_CTL = 10, CHILD_FD_FRONT_TSA = 11, CHILD_FD_FRONT_LISTEN = 12,
	CHILD_FD_KEEPER_KEYS = 6, CHILD_FD_KEEPER_JOURNAL = 7, CHILD_FD_KEEPER_PHRASE = 8, CHILD_FD_KEEPER_PIN = 9,
	CHILD_FD_COURIER_OUTBOX = 6, CHILD_FD_COURIER_PASSWORD = 7, CHILD_FD_COURIER_CA = 8,
	CHILD_FD_COURIER_FETCH_CA = 9, CHILD_FD_COURIER_TSA_PASSWORD = 10, CHILD_FD_COURIER_TSA_CA = 11,
};
#define CHILD_FDS_MAX (CHILD_FD_FRONT_LISTEN + SETTINGS_LISTEN_MAX + 4)

/* Parent's side.  fds[i] becomes descriptor CHILD_FD_OWN + i.  control_fd and settings_fd likewise 3 and 4.  All stay the caller's. */
struct child_start {
	enum child_kind kind;
	struct confine_owner owner;
	int control_fd, settings_fd;
	int fds[CHILD_FDS_MAX];
	int fd_count;
	int listener_count;		/* for HTTPS */
	bool submission, lmtp;		/* one more each */
	bool outbox;			/* last, of a demonstration: the folder of caught mails, to be read */
	const char *mode;		/* "serve" | "verbs" */
};
MUST enum pli_status child_start(const struct child_start *start, pid_t *pid_r, struct err *err);

/* Child's side: what main() got, parsed; names the process, gives up rights, reads the settings into pool.
 * On failure the parent has been told and the process should exit with the status of err. */
struct child {
	enum child_kind kind;
	struct confine_owner owner;
	pid_t parent;
	int listener_count;
	int submission_fd, lmtp_fd, outbox_fd;	/* -1: none */
	bool serve;			/* mode serve */
	struct settings settings;
};
/* The settings in a file that the parent wrote. */
MUST enum pli_status child_settings(struct pool *pool, int fd, struct settings *settings_r, struct err *err);
MUST enum pli_status child_begin(struct pool *pool, int argc, char **argv, struct child *child_r, struct err *err);
/* The one line of a file that the parent opened (taken); NULL: there is none. */
MUST enum pli_status child_line(struct pool *pool, int fd, const char *what, const char **line_r, struct err *err);
/* The log's name, journal/origin: made by `pli init` and never changed, whatever the host is called later. */
MUST enum pli_status child_origin(struct pool *pool, int journal_dir_fd, const char **origin_r, struct err *err);
/* A file that the parent opened for us, closed: all of it, at most max bytes; NULL when it is the null device. */
MUST enum pli_status child_read_given(struct pool *pool, int fd, const char *what, size_t max, char **text_r, struct err *err);
/* Tells the parent why the process ends; returns the exit status for it. */
int child_failed(const struct err *err);

/* The four bodies; each returns the exit status. */
int child_front(int argc, char **argv);
int child_keeper(int argc, char **argv);
int child_courier(int argc, char **argv);
int child_mail(int argc, char **argv);

#endif
