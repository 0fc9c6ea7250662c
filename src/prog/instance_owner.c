/* Owners and modes of an instance, and its making. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "text.h"

#include "instance.h"

/* user: whose; group: whose primary group; the modes for root and for one user alone. */
struct owner_rule {
	enum instance_owner user, group;
	mode_t dir_mode, file_mode;
};
static const struct owner_rule owner_rules[FOLDER_COUNT] = {
	[FOLDER_DATA] = { OWNER_FRONT, OWNER_FRONT, 0700, 0600 },
	[FOLDER_KEYS] = { OWNER_KEEPER, OWNER_KEEPER, 0700, 0600 },
	[FOLDER_JOURNAL] = { OWNER_KEEPER, OWNER_FRONT, 02750, 0640 },
	[FOLDER_TLS] = { OWNER_FRONT, OWNER_FRONT, 0700, 0600 },
	[FOLDER_PUBLIC] = { OWNER_OPERATOR, OWNER_OPERATOR, 0755, 0644 },
	/* Front shows what was caught, in a demonstration; elsewhere its confinement keeps it out. */
	[FOLDER_OUTBOX] = { OWNER_COURIER, OWNER_FRONT, 02750, 0640 },
	[FOLDER_RUN] = { OWNER_OPERATOR, OWNER_OPERATOR, 0700, 0600 },
};
#define DEPTH_MAX 8
static const struct owner_rule top_rule = { OWNER_OPERATOR, OWNER_OPERATOR, 0711, 0640 };

enum pli_status instance_owners(struct confine_owner owners_r[OWNER_COUNT], struct err *err)
{
	static const char *const names[OWNER_COUNT] = {
		[OWNER_FRONT] = "pli-front", [OWNER_KEEPER] = "pli-keeper", [OWNER_COURIER] = "pli-courier",
		[OWNER_MAIL] = "pli-mail",
	};

	for (int i = 0; i < OWNER_COUNT; i++) {
		owners_r[i] = (struct confine_owner){ false, geteuid(), getegid() };
		if (geteuid() != 0 || !names[i])
			continue;
		struct passwd entry, *found = NULL;
		char buf[4096];
		if (getpwnam_r(names[i], &entry, buf, sizeof(buf), &found) != 0 || !found) {
			(void)err_field(err, PLI_ABSENT, "no-system-users", "",
					"run as root, Pli gives its processes to system users; there is no %s", names[i]);
			return err_hint(err, "type: for u in pli-front pli-keeper pli-courier pli-mail; do useradd --system "
					"--user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "
					"$u; done   (or run Pli as an ordinary user)");
		}
		owners_r[i] = (struct confine_owner){ true, found->pw_uid, found->pw_gid };
	}
	return PLI_OK;
}

static mode_t mode_for(const struct instance *instance, mode_t as_root, bool dir)
{
	if (instance->owners[OWNER_FRONT].change)
		return as_root;
	return dir ? 0700 : 0600;
}

static bool right(const struct instance *instance, const struct owner_rule *rule, const struct stat *sb)
{
	bool dir = S_ISDIR(sb->st_mode);
	mode_t want = mode_for(instance, dir ? rule->dir_mode : rule->file_mode, dir);

	if (sb->st_uid != instance->owners[rule->user].uid)
		return false;
	if (instance->owners[OWNER_FRONT].change && sb->st_gid != instance->owners[rule->group].gid)
		return false;
	/* More closed than asked is fine for a file (keys are 0600 everywhere). */
	return dir ? (sb->st_mode & 07777) == want : (sb->st_mode & 07777 & ~want) == 0;
}

static enum pli_status mend(const struct instance *instance, const struct owner_rule *rule, int fd, const struct stat *sb,
			    struct err *err)
{
	bool dir = S_ISDIR(sb->st_mode);
	const struct confine_owner *user = &instance->owners[rule->user], *group = &instance->owners[rule->group];

	if (instance->owners[OWNER_FRONT].change && fchown(fd, user->uid, group->gid) != 0)
		return err_errno(err, "giving a folder of the instance to its owner");
	if (fchmod(fd, mode_for(instance, dir ? rule->dir_mode : rule->file_mode, dir)) != 0)
		return err_errno(err, "setting the mode of a folder of the instance");
	return PLI_OK;
}

/* Everything below a folder (from DEPTH_MAX on: its files); links are neither followed nor changed. */
static enum pli_status mend_below(const struct instance *instance, const struct owner_rule *rule, int dir_fd, int depth,
				  struct err *err)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	enum pli_status st = PLI_OK;
	struct dirent *d;

	if (!dir) {
		if (again >= 0)
			close(again);
		return err_errno(err, "reading a folder of the instance");
	}
	while (st == PLI_OK && (d = readdir(dir))) {
		struct stat sb;
		int fd;
		if (str_eq(d->d_name, ".") || str_eq(d->d_name, ".."))
			continue;
		fd = openat(dir_fd, d->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (fstat(fd, &sb) == 0 && (S_ISDIR(sb.st_mode) || (S_ISREG(sb.st_mode) && sb.st_nlink == 1))) {
			if (!right(instance, rule, &sb))
				st = mend(instance, rule, fd, &sb, err);
			if (st == PLI_OK && S_ISDIR(sb.st_mode) && depth < DEPTH_MAX)
				st = mend_below(instance, rule, fd, depth + 1, err);
		}
		close(fd);
	}
	closedir(dir);
	return st;
}

static bool top_right(const struct instance *instance, const struct stat *sb)
{
	return right(instance, &top_rule, sb);
}

enum pli_status instance_claim_tls(const struct instance *instance, struct err *err)
{
	return mend_below(instance, &owner_rules[FOLDER_TLS], instance->folder_fd[FOLDER_TLS], 0, err);
}

enum pli_status instance_claim(const struct instance *instance, struct err *err)
{
	struct stat sb;
	enum pli_status st = PLI_OK;
	int conf;

	for (int i = 0; i < FOLDER_COUNT && st == PLI_OK; i++) {
		int fd = instance->folder_fd[i];
		if (fstat(fd, &sb) != 0)
			return err_errno(err, instance_folder_name((enum instance_folder)i));
		/* What is inside a folder of the right owner was made by him; but in these few verbs and operators put files too. */
		if (right(instance, &owner_rules[i], &sb)) {
			if (i == FOLDER_KEYS || i == FOLDER_PUBLIC || i == FOLDER_JOURNAL)
				st = mend_below(instance, &owner_rules[i], fd, DEPTH_MAX, err);
			continue;
		}
		st = mend_below(instance, &owner_rules[i], fd, 0, err);
		if (st == PLI_OK)
			st = mend(instance, &owner_rules[i], fd, &sb, err);
	}
	if (st == PLI_OK)
		st = instance_claim_tls(instance, err);
	if (st == PLI_OK && fstat(instance->dir_fd, &sb) == 0 && !top_right(instance, &sb))
		st = mend(instance, &top_rule, instance->dir_fd, &sb, err);
	conf = openat(instance->dir_fd, "pli.conf", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (conf >= 0) {
		if (st == PLI_OK && fstat(conf, &sb) == 0 && !right(instance, &top_rule, &sb))
			st = mend(instance, &top_rule, conf, &sb, err);
		close(conf);
	}
	return st;
}

void instance_describe_faults(const struct instance *instance, struct buf *lines_out)
{
	struct stat sb;

	for (int i = 0; i < FOLDER_COUNT; i++)
		if (fstat(instance->folder_fd[i], &sb) == 0 && !right(instance, &owner_rules[i], &sb))
			buf_fmt(lines_out, "%s/ has another owner or mode than it should (%u:%u %04o)\n",
				instance_folder_name((enum instance_folder)i), sb.st_uid, sb.st_gid, sb.st_mode & 07777);
	if (fstat(instance->dir_fd, &sb) == 0 && !top_right(instance, &sb))
		buf_fmt(lines_out, "%s has another owner or mode than it should (%u:%u %04o)\n", instance->path,
			sb.st_uid, sb.st_gid, sb.st_mode & 07777);
	if (fstatat(instance->dir_fd, "pli.conf", &sb, AT_SYMLINK_NOFOLLOW) == 0 && (sb.st_mode & 07137))
		buf_fmt(lines_out, "pli.conf can be read or changed by others (%04o)\n", sb.st_mode & 07777);
}

static void describe_file(const struct instance *instance, enum instance_folder folder, const char *name, struct buf *out)
{
	const struct owner_rule *rule = &owner_rules[folder];
	const char *folder_name = instance_folder_name(folder);
	mode_t mode = mode_for(instance, rule->file_mode, false);
	struct stat sb;

	if (fstatat(instance->folder_fd[folder], name, &sb, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (S_ISLNK(sb.st_mode)) {
		buf_fmt(out, "%s/%s is a link, which is not followed\tPut the file itself there.\n", folder_name, name);
		return;
	}
	if (!S_ISREG(sb.st_mode) || right(instance, rule, &sb))
		return;
	buf_fmt(out, "%s/%s has another owner or mode than it should (%u:%u %04o)\t", folder_name, name, sb.st_uid, sb.st_gid,
		sb.st_mode & 07777);
	if (instance->owners[OWNER_FRONT].change)
		buf_fmt(out, "chown %u:%u %s/%s/%s; ", instance->owners[rule->user].uid, instance->owners[rule->group].gid, instance->path,
			folder_name, name);
	buf_fmt(out, "chmod %04o %s/%s/%s\n", mode, instance->path, folder_name, name);
}

void instance_describe_files(const struct instance *instance, struct buf *lines_out)
{
	for (int i = 0; i < FOLDER_COUNT; i++) {
		int again = openat(instance->folder_fd[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *dir = again >= 0 ? fdopendir(again) : NULL;
		struct dirent *d;
		/* Caught mails are many, and nobody's but the operator's to read. */
		while (dir && i != FOLDER_OUTBOX && i != FOLDER_RUN && (d = readdir(dir)))
			describe_file(instance, (enum instance_folder)i, d->d_name, lines_out);
		if (dir)
			closedir(dir);
	}
}

static bool empty_dir(int dir_fd)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	struct dirent *d;
	bool empty = dir != NULL;

	while (dir && (d = readdir(dir)))
		if (!str_eq(d->d_name, ".") && !str_eq(d->d_name, ".."))
			empty = false;
	if (dir)
		closedir(dir);
	return empty;
}

enum pli_status instance_create(const char *path, const struct confine_owner owners[OWNER_COUNT],
				struct instance *instance_r, struct err *err)
{
	struct instance instance = { .path = path, .dir_fd = -1, .lock_fd = -1 };
	bool made = mkdir(path, 0700) == 0;
	enum pli_status st;

	for (int i = 0; i < FOLDER_COUNT; i++)
		instance.folder_fd[i] = -1;
	memcpy(instance.owners, owners, sizeof(instance.owners));
	if (!made && errno != EEXIST)
		return err_field(err, PLI_CONFLICT, "cannot-create", "", "%s: %s", path, strerror(errno));
	instance.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (instance.dir_fd < 0)
		return err_field(err, PLI_CONFLICT, "cannot-create", "", "%s: %s", path, strerror(errno));
	if (!made && !empty_dir(instance.dir_fd)) {
		instance_close(&instance);
		return err_field(err, PLI_CONFLICT, "not-empty", "", "%s is not empty; an instance begins in an empty or new directory",
				 path);
	}
	for (int i = 0; i < FOLDER_COUNT; i++) {
		const char *name = instance_folder_name((enum instance_folder)i);
		if (mkdirat(instance.dir_fd, name, 0700) != 0)
			goto failed;
		instance.folder_fd[i] = openat(instance.dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (instance.folder_fd[i] < 0)
			goto failed;
	}
	if (mkdirat(instance.folder_fd[FOLDER_DATA], "blobs", 0700) != 0)
		goto failed;
	*instance_r = instance;
	return PLI_OK;
failed:
	st = err_errno(err, "making the instance's folders");
	instance_close(&instance);
	return st;
}

void instance_remove_below(int dir_fd)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		int sub;
		if (str_eq(d->d_name, ".") || str_eq(d->d_name, "..") || unlinkat(dir_fd, d->d_name, 0) == 0)
			continue;
		sub = openat(dir_fd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			continue;
		instance_remove_below(sub);
		close(sub);
		(void)unlinkat(dir_fd, d->d_name, AT_REMOVEDIR);
	}
	if (dir)
		closedir(dir);
}
