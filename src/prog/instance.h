/* The instance directory as the parent and the operator's verbs see it: its folders, their owners, its settings, its lock.
 *
 *   DIR          0711 root        pli.conf 0640      public/ 0755 root      run/ 0700 root (lock, ctl)
 *   keys/        0700 pli-keeper  journal/ 02750 pli-keeper, group pli-front
 *   data/ tls/   0700 pli-front   outbox/  0700 pli-courier
 * Not started as root: one user, everything 0700 and 0600. */
#ifndef PLI_INSTANCE_H
#define PLI_INSTANCE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "confine.h"
#include "settings.h"
#include "status.h"

struct buf;
struct pool;

enum instance_owner { OWNER_FRONT, OWNER_KEEPER, OWNER_COURIER, OWNER_MAIL, OWNER_OPERATOR, OWNER_COUNT };
enum instance_folder {
	FOLDER_DATA, FOLDER_KEYS, FOLDER_JOURNAL, FOLDER_TLS, FOLDER_PUBLIC, FOLDER_OUTBOX, FOLDER_RUN, FOLDER_COUNT
};

struct instance {
	const char *path;		/* as given */
	int dir_fd;
	int folder_fd[FOLDER_COUNT];	/* opened, close-on-exec */
	int lock_fd;			/* -1: not locked */
	struct settings settings;
	struct confine_owner owners[OWNER_COUNT];
};

/* The four users when run as root, else nobody changes.  PLI_ABSENT type "no-system-users" with the lines to type. */
MUST enum pli_status instance_owners(struct confine_owner owners_r[OWNER_COUNT], struct err *err);

/* Opens and checks an existing instance and reads pli.conf (with the PLI_SECTION_KEY variables of env; NULL: none).
 * PLI_ABSENT when path is no instance.  Strings live in pool. */
MUST enum pli_status instance_open(struct pool *pool, const char *path, char *const *env, struct instance *instance_r,
				   struct err *err);
void instance_close(struct instance *instance);
/* Reads pli.conf again, as instance_open did. */
MUST enum pli_status instance_settings(struct pool *pool, const struct instance *instance, char *const *env,
				       struct settings *settings_r, struct err *err);

/* Takes run/lock, which the processes of a server hold with it: it is free when the last of them has gone.  PLI_BUSY type "running" when
 * others hold it; waits up to 10 s when they are what a killed server has left, for those end by themselves, and up to 1 s for who has just taken
 * it to say who he is.  PLI_IO with a hint: the file system has no locks. */
MUST enum pli_status instance_lock(struct instance *instance, struct err *err);
/* True while somebody else holds the lock. */
bool instance_running(const struct instance *instance);

/* Makes an empty instance's folders (path may be missing or an empty directory: else PLI_CONFLICT type "not-empty"). */
MUST enum pli_status instance_create(const char *path, const struct confine_owner owners[OWNER_COUNT],
				     struct instance *instance_r, struct err *err);
/* Takes back what was put into a directory that this program had made: everything below it goes, no link is followed. */
void instance_remove_below(int dir_fd);
/* Gives folders and files the owners and modes above where they differ; needs the lock. */
MUST enum pli_status instance_claim(const struct instance *instance, struct err *err);
/* The same for tls/ alone, whose files the operator replaces. */
MUST enum pli_status instance_claim_tls(const struct instance *instance, struct err *err);
/* What claim would change, one line each; for `pli check`. */
void instance_describe_faults(const struct instance *instance, struct buf *lines_out);
/* Files right below the folders that claim leaves as they are: lines of what is wrong, a tab, and the commands that mend it. */
void instance_describe_files(const struct instance *instance, struct buf *lines_out);

/* Opens for reading a file that pli.conf names: below DIR, with its whole path, or credential:NAME, of those that the service manager
 * gives (systemd.exec(5), CREDENTIALS_DIRECTORY).  what: the setting, for the text of a failure. */
MUST enum pli_status instance_open_named(const struct instance *instance, const char *what, const char *name, int *fd_r,
					 struct err *err);

bool instance_has(const struct instance *instance, enum instance_folder folder, const char *name);
const char *instance_folder_name(enum instance_folder folder);

/* Whole small file, NUL-terminated (the NUL is not counted).  PLI_ABSENT, PLI_LIMIT. */
MUST enum pli_status instance_read(struct pool *pool, int dir_fd, const char *name, size_t max_bytes, char **text_r,
				   size_t *n_r, struct err *err);
/* "https://HOST[:PORT]" as in links. */
const char *instance_base_url(struct pool *pool, const struct settings *settings);

#endif
