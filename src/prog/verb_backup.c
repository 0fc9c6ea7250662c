/* pli backup: into a new file, which has its name only when it is whole.  Front gives database, signed heads and blobs; what the operator's
 * own folders hold (settings, certificates, public keys) is added here.  Keys go into a file of their own: with both, and only with both,
 * letters can be read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "backup_file.h"

#include "args.h"
#include "cli.h"
#include "instance.h"
#include "sysexit.h"
#include "verb_request.h"

#include "verb.h"

extern char **environ;

struct backup {
	struct cli_call *call;
	const char *file, *part;	/* part: its name while it is made */
	int fd;
	struct backup_writer writer;
	struct instance instance;
	int64_t entries, blobs;
};

static enum pli_status file_open(struct backup *b, struct err *err)
{
	if (access(b->file, F_OK) == 0) {
		(void)err_set(err, PLI_CONFLICT, "%s is there already", b->file);
		return err_hint(err, "Give each backup a name of its own.");
	}
	b->part = pool_fmt(b->call->pool, "%s.part", b->file);
	b->fd = open(b->part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (b->fd < 0 || fchmod(b->fd, 0600) != 0)
		return err_set(err, PLI_IO, "%s: %s", b->part, strerror(errno));
	return PLI_OK;
}

/* Its name, durably. */
static enum pli_status file_name(struct backup *b, struct err *err)
{
	char *slash, *dir = pool_str(b->call->pool, b->file);
	int fd;
	enum pli_status st = PLI_OK;

	if (rename(b->part, b->file) != 0)
		return err_set(err, PLI_IO, "%s: %s", b->file, strerror(errno));
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		st = err_set(err, PLI_IO, "%s: %s", slash ? dir : ".", strerror(errno));
	if (fd >= 0)
		close(fd);
	return st;
}

static enum pli_status one_add(struct backup *b, int dir_fd, const char *name, const char *as, struct err *err)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat sb;
	enum pli_status st = PLI_OK;

	if (fd < 0)
		return errno == ENOENT ? PLI_OK : err_set(err, PLI_DENIED, "%s: %s", as, strerror(errno));
	if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode))
		st = backup_writer_add_fd(&b->writer, as, fd, (uint64_t)sb.st_size, err);
	close(fd);
	return st;
}

/* Every file right in a folder but those passed over; names that a backup does not take are no files of ours. */
static enum pli_status folder_add(struct backup *b, int dir_fd, const char *as, const char *const *but, struct err *err)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	enum pli_status st = PLI_OK;
	struct dirent *d;

	if (!dir) {
		if (again >= 0)
			close(again);
		return err_set(err, PLI_DENIED, "%s/: %s", as, strerror(errno));
	}
	while (st == PLI_OK && (d = readdir(dir))) {
		const char *name = pool_fmt(b->call->pool, "%s/%s", as, d->d_name);
		bool passed = !tar_name_valid(name) || (strlen(d->d_name) > 4 && str_eq(d->d_name + strlen(d->d_name) - 4, ".new"));

		for (const char *const *p = but; p && *p; p++)
			passed |= str_eq(*p, d->d_name);
		if (!passed)
			st = one_add(b, dir_fd, d->d_name, name, err);
	}
	closedir(dir);
	return st;
}

/* By front: everything that changes while it runs. */
static enum pli_status data_add(struct backup *b, struct err *err)
{
	char state[BACKUP_STATE_CHARS];
	struct ctl_session *session = NULL;
	struct json_read *result = NULL;
	const char *back = "";
	struct verb_request r;
	enum pli_status st = ctl_session_open(b->call->pool, args_word(b->call->args, 0), &session, err);

	backup_writer_state(&b->writer, state);
	verb_request_begin(&r);
	jsonw_str(&r.w, "state", state);
	jsonw_object_end(&r.w);
	if (st == PLI_OK)
		st = ctl_session_call_fd(session, "backup", r.args.p, b->fd, NULL, NULL, &result, err);
	buf_free(&r.args);
	b->entries = verb_member_int(result, "entries");
	b->blobs = verb_member_int(result, "blobs");
	if (st == PLI_OK)
		st = json_read_str(result, "state", &back, err);
	if (st == PLI_OK)
		st = backup_writer_resume(&b->writer, b->fd, back, err);
	ctl_session_close(session);
	return st;
}

static enum pli_status content_add(struct backup *b, struct err *err)
{
	static const char *const derived[] = { "heads", "leaves", "heads.idx", "mark", NULL }, *const secret[] = { "key.pem", NULL };
	const struct instance *i = &b->instance;
	enum pli_status st = data_add(b, err);

	if (st == PLI_OK)
		st = one_add(b, i->dir_fd, "pli.conf", "pli.conf", err);
	if (st == PLI_OK)
		st = folder_add(b, i->folder_fd[FOLDER_JOURNAL], "journal", derived, err);
	if (st == PLI_OK)
		st = folder_add(b, i->folder_fd[FOLDER_PUBLIC], "public", NULL, err);
	return st == PLI_OK ? folder_add(b, i->folder_fd[FOLDER_TLS], "tls", secret, err) : st;
}

static enum pli_status keys_add(struct backup *b, struct err *err)
{
	const struct instance *i = &b->instance;
	int kek = openat(i->folder_fd[FOLDER_KEYS], "kek", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum pli_status st = kek >= 0 ? PLI_OK : err_set(err, PLI_DENIED, "keys/kek: %s", strerror(errno));

	if (st == PLI_OK)
		st = folder_add(b, i->folder_fd[FOLDER_KEYS], "keys", NULL, err);
	if (st == PLI_OK)
		st = folder_add(b, kek, "keys/kek", NULL, err);
	if (kek >= 0)
		close(kek);
	return st == PLI_OK ? one_add(b, i->folder_fd[FOLDER_TLS], "key.pem", "tls/key.pem", err) : st;
}

static enum pli_status make(struct backup *b, bool keys, struct err *err)
{
	enum pli_status st = instance_open(b->call->pool, args_word(b->call->args, 0), environ, &b->instance, err);

	if (st != PLI_OK)
		return st;
	st = file_open(b, err);
	if (st == PLI_OK)
		st = backup_writer_begin(&b->writer, b->fd, err);
	if (st == PLI_OK)
		st = keys ? keys_add(b, err) : content_add(b, err);
	if (st == PLI_OK)
		st = backup_writer_end(&b->writer, err);
	if (b->fd >= 0)
		close(b->fd);
	if (st == PLI_OK)
		st = file_name(b, err);
	else if (b->fd >= 0)
		(void)unlink(b->part);
	instance_close(&b->instance);
	return st;
}

int verb_backup(struct cli_call *call)
{
	bool keys = args_flag(call->args, "--keys");
	struct backup b = { .call = call, .file = args_word(call->args, 1), .fd = -1 };
	struct err err = { 0 };

	if (make(&b, keys, &err) != PLI_OK)
		return sysexit_say(&err);
	if (call->json)
		printf("{\"members\":%llu,\"entries\":%lld,\"blobs\":%lld}\n", (unsigned long long)b.writer.members, (long long)b.entries,
		       (long long)b.blobs);
	else if (keys)
		printf("%s holds the keys: keep it apart from the other backups, and for 35 days at most\n", b.file);
	else
		printf("%s holds the journal up to number %lld and %lld files; its keys are not in it (pli backup --keys)\n", b.file,
		       (long long)b.entries, (long long)b.blobs);
	return EX_OK;
}

/* ------------------------------------------------------------------ scrub */

static enum pli_status fault_row(void *arg, const struct json_read *row, const char *row_json, struct err *err)
{
	struct cli_call *call = arg;

	(void)err;
	if (call->json)
		printf("%s\n", row_json);
	else
		printf("letter %s: %s\n", verb_member(row, "letter"), verb_member(row, "text"));
	return PLI_OK;
}

int verb_scrub(struct cli_call *call)
{
	struct json_read *result = NULL;
	struct verb_request r;
	struct err err = { 0 };
	int64_t rate = 50;

	if (args_number(call->args, "--rate", 0, 1000000, &rate, &err) != PLI_OK)
		return sysexit_say(&err);
	verb_request_begin(&r);
	jsonw_int(&r.w, "rate", rate);
	if (verb_request_send(call, "scrub", &r, fault_row, call, &result, &err) != PLI_OK)
		return sysexit_say(&err);
	if (call->json)
		printf("{\"letters\":%lld,\"objects\":%lld,\"bytes\":%lld,\"orphans\":%lld,\"faults\":%lld}\n",
		       (long long)verb_member_int(result, "letters"), (long long)verb_member_int(result, "objects"),
		       (long long)verb_member_int(result, "bytes"), (long long)verb_member_int(result, "orphans"),
		       (long long)verb_member_int(result, "faults"));
	else
		printf("read %lld messages and files of %lld letters, %lld bytes: %lld faults; %lld blobs without a row\n",
		       (long long)verb_member_int(result, "objects"), (long long)verb_member_int(result, "letters"),
		       (long long)verb_member_int(result, "bytes"), (long long)verb_member_int(result, "faults"),
		       (long long)verb_member_int(result, "orphans"));
	return verb_member_int(result, "faults") ? EX_DATAERR : EX_OK;
}
