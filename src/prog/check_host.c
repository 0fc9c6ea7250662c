/* What can be seen of the machine and of the files, without the server. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "kek_left.h"
#include "keyring.h"

#include "confine.h"
#include "instance.h"

#include "check.h"

#define MIB (UINT64_C(1) << 20)
#define BUILT_US INT64_C(1767225600000000)	/* 2026: no clock that is set shows less */
#define FILES_GOOD 4096
#define FILES_SHOWN 5

void check_confinement(struct check *c)
{
	struct confine_state state;

	confine_probe(&state);
	if (!c->instance->owners[OWNER_FRONT].change)
		check_say(c, CHECK_WEAK, "Started as root, each gets a system user of its own and cannot read the others' files.",
			  "all processes run as one user");
	else
		check_say(c, CHECK_GOOD, NULL, "each process has a user of its own");
	if (state.landlock_abi)
		check_say(c, CHECK_GOOD, NULL, "files are confined (Landlock version %d)", state.landlock_abi);
	else
		check_say(c, CHECK_WEAK, "Files are guarded by their owners alone; Linux 5.13 or later with landlock in lsm= has it.",
			  "this kernel has no Landlock");
	if (state.seccomp)
		check_say(c, CHECK_GOOD, NULL, "system calls are filtered (seccomp)");
	else
		check_say(c, CHECK_WEAK, NULL, "this kernel has no seccomp: system calls are not filtered");
	if (state.sanitizer)
		check_say(c, CHECK_WEAK, "Serve with a build of MODE=release.", "this build carries a sanitizer: neither Landlock nor seccomp are used");
}

void check_owners(struct check *c)
{
	AUTO_BUF faults = { 0 };
	char *line, *next;

	AUTO_BUF files = { 0 };
	unsigned shown = 0;

	instance_describe_faults(c->instance, &faults);
	instance_describe_files(c->instance, &files);
	if (!faults.n && !files.n)
		check_say(c, CHECK_GOOD, NULL, "folders and files have the owners and modes that they should");
	for (line = files.p; line && *line; line = next) {
		char *hint = strchr(line, '\t');
		next = strchr(line, '\n');
		*hint++ = '\0';
		*next++ = '\0';
		if (shown++ < FILES_SHOWN)
			check_say(c, CHECK_WRONG, hint, "%s", line);
	}
	if (shown > FILES_SHOWN)
		check_say(c, CHECK_WRONG, NULL, "and %u files more", shown - FILES_SHOWN);
	for (line = faults.p; line && *line; line = next) {
		next = strchr(line, '\n');
		*next++ = '\0';
		check_say(c, CHECK_WRONG, "pli serve puts it right when it starts, started as the same user as now.", "%s", line);
	}
}

static enum pli_status count_plain(void *arg, const char *name, enum keyring_form form, struct err *err)
{
	unsigned *counts = arg;

	(void)name;
	(void)err;
	counts[form]++;
	return PLI_OK;
}

/* Plain files are as safe as the disk that they lie on. */
static void check_plain(struct check *c, int dir_fd)
{
	unsigned counts[3] = { 0 };

	if (keyring_each(dir_fd, count_plain, counts, NULL) != PLI_OK)
		return;
	if (counts[KEYRING_PLAIN])
		check_say(c, CHECK_WEAK, "pli key protect DIR puts them under a pass phrase; a PKCS#11 token keeps them altogether (doc/keys.md).",
			  "%u key files lie plain on the disk", counts[KEYRING_PLAIN]);
	else if (counts[KEYRING_PROTECTED])
		check_say(c, CHECK_GOOD, NULL, "the key files are under a pass phrase");
	if (counts[KEYRING_PROTECTED] && !c->instance->settings.keys_passphrase_file)
		check_say(c, CHECK_WRONG, "Add [keys] passphrase_file to pli.conf.", "pli.conf does not say where the pass phrase is");
}

/* Keys that pli.conf wants in the token and that are not there yet. */
static void check_token(struct check *c, int dir_fd)
{
	const struct settings *s = &c->instance->settings;
	const struct {
		const char *name, *uri, *file;
	} keys[] = {
		{ "seal", s->keys_seal, "seal.token" }, { "operator", s->keys_operator, "operator.token" }, { "tsa", s->keys_tsa, "tsa.token" },
		{ "log", s->keys_log, "log.token" }, { "wrap", s->keys_wrap, "root.token" },
	};
	unsigned there = 0;
	struct stat sb;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		bool in_token = fstatat(dir_fd, keys[i].file, &sb, AT_SYMLINK_NOFOLLOW) == 0;
		there += in_token;
		if (keys[i].uri && !in_token)
			check_say(c, CHECK_WEAK, pool_fmt(c->pool, "pli key rotate %s %s makes a new one there, and destroys the file.", c->dir, keys[i].name),
				  "the %s key is to lie in the token, and lies in a file", keys[i].name);
		else if (!s->keys_module && in_token)
			check_say(c, CHECK_WRONG, "[keys] module and pin_file say how it is reached.",
				  "the %s key lies in a token, and pli.conf names no library for it", keys[i].name);
	}
	if (there)
		check_say(c, CHECK_GOOD, NULL, "%u of 5 keys lie in the token", there);
}

/* Keys of months that front says letters were moved away from: the operator should know of it. */
static void check_left(struct check *c, int dir_fd)
{
	int kek = openat(dir_fd, "kek", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	unsigned count = 0, damaged = 0;
	int64_t oldest_us = 0;
	struct err err = { 0 };
	char day[25];

	if (kek < 0 || kek_left_count(kek, &count, &oldest_us, &damaged, &err) != PLI_OK)
		check_say(c, CHECK_WRONG, "It holds the keys of all letters.", "keys/kek cannot be read");
	if (damaged)
		check_say(c, CHECK_WRONG,
			  "Their keys stay meanwhile, and each begins its days anew with the next mark, which the server's log (key.left) tells of.",
			  "marks of keys that are given up cannot be read: %u (keys/kek/*.left)", damaged);
	if (count)
		check_say(c, CHECK_GOOD, "If nobody of you asked for that (`pli key rotate DIR wrap --letters`): stop the server and copy keys/ (doc/keys.md).",
			  "%u keys of months are given up; the first is destroyed after %.10s", count,
			  clock_rfc3339(day, oldest_us + c->instance->settings.keys_destroy_after_days * DAY_US));
	if (kek >= 0)
		close(kek);
}

void check_keys(struct check *c)
{
	static const struct {
		const char *name, *lost, *token;
	} keys[] = {
		{ "root.kek", "Without it nothing can be read: bring it back from your copy of keys/.", "root.token" },
		{ "pepper", "Without it no password can be checked: bring it back from your copy of keys/.", NULL },
		{ "log.key", "Without it nothing can be signed: bring it back from your copy of keys/.", "log.token" },
		{ "tsa.key", "Without it nothing can be timestamped: bring it back from your copy of keys/.", "tsa.token" },
		{ "seal.key", "Without it no proof can be sealed: bring it back from your copy of keys/.", "seal.token" },
		{ "operator.key", "Without it no receipt can be certified: bring it back from your copy of keys/.", "operator.token" },
		{ "counter", "Without it an older copy cannot be told from the newest: bring it back from your copy of keys/.", NULL },
	};
	int dir_fd = c->instance->folder_fd[FOLDER_KEYS];
	unsigned missing = 0;
	struct stat sb;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (fstatat(dir_fd, keys[i].name, &sb, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0)
			continue;
		/* It lies in the token; whether it is there, the keeper says when it starts. */
		if (keys[i].token && fstatat(dir_fd, keys[i].token, &sb, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		missing++;
		check_say(c, CHECK_WRONG, keys[i].lost, "keys/%s is missing or empty", keys[i].name);
	}
	if (!missing)
		check_say(c, CHECK_GOOD, "Is there a copy of keys/ elsewhere, and safe?", "all keys are there");
	check_plain(c, dir_fd);
	check_token(c, dir_fd);
	check_left(c, dir_fd);
	if (fstatat(dir_fd, "root.key", &sb, AT_SYMLINK_NOFOLLOW) == 0)
		check_say(c, CHECK_WEAK, "It signed the certificates of seal and timestamps, and is needed again only to renew them: keep it elsewhere.",
			  "keys/root.key lies beside the keys in daily use");
}

void check_clock(struct check *c)
{
	struct timex tx = { 0 };
	int state = adjtimex(&tx);

	if (clock_now_us() < BUILT_US)
		check_say(c, CHECK_WRONG, "Set it; every proof carries it.", "the clock is years behind");
	else if (state < 0)
		check_say(c, CHECK_WEAK, NULL, "whether the clock is kept right cannot be seen here");
	else if (state == TIME_ERROR || (tx.status & STA_UNSYNC))
		check_say(c, CHECK_WEAK, "Let chrony or systemd-timesyncd keep it (on a guest, perhaps the host does); every proof carries it.",
			  "nothing keeps the clock right, as far as the kernel knows");
	else
		check_say(c, CHECK_GOOD, NULL, "the clock is kept right, within %ld ms", tx.maxerror / 1000);
}

/* Where a flush may not mean what it says, or locks do not work. */
static const char *remote_kind(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return NULL;
	switch ((unsigned long)fs.f_type) {
	case 0x6969: return "NFS";
	case 0xff534d42UL: case 0xfe534d42UL: case 0x517b: return "SMB";
	case 0x01021997: return "9p";
	case 0x65735546: return "FUSE";
	case 0x01021994: return "memory (tmpfs)";
	default: return NULL;
	}
}

static void storage_of(struct check *c, enum instance_folder folder)
{
	const struct settings *s = &c->instance->settings;
	const char *name = instance_folder_name(folder), *kind = remote_kind(c->instance->folder_fd[folder]);
	struct statvfs fs;
	uint64_t free_bytes;

	if (kind)
		check_say(c, CHECK_WEAK, "Evidence must survive a power cut: put the instance on a local file system (ext4, XFS, btrfs).",
			  "%s/ lies on %s", name, kind);
	if (fstatvfs(c->instance->folder_fd[folder], &fs) != 0)
		return;
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_bytes < s->reserve_read_bytes)
		check_say(c, CHECK_WRONG, "Make room, or lower [storage] reserve_read.",
			  "%s/ has %" PRIu64 " MiB free, less than reserve_read: deposits and readings are refused", name, free_bytes / MIB);
	else if (free_bytes < s->reserve_deposit_bytes)
		check_say(c, CHECK_WRONG, "Make room, or lower [storage] reserve_deposit.",
			  "%s/ has %" PRIu64 " MiB free, less than reserve_deposit: deposits are refused", name, free_bytes / MIB);
	else if (free_bytes / 2 < s->reserve_deposit_bytes)
		check_say(c, CHECK_WEAK, "Make room in good time.", "%s/ has %" PRIu64 " MiB free, less than twice the reserve", name, free_bytes / MIB);
	else
		check_say(c, CHECK_GOOD, NULL, "%s/ has %" PRIu64 " MiB free", name, free_bytes / MIB);
	if (fs.f_files > 0 && fs.f_favail < 10000)
		check_say(c, CHECK_WRONG, "Each larger document is a file: this file system needs more inodes.", "%s/ has room for %" PRIu64 " files only",
			  name, (uint64_t)fs.f_favail);
}

void check_storage(struct check *c)
{
	const int *fd = c->instance->folder_fd;
	struct stat data, journal;

	storage_of(c, FOLDER_DATA);
	if (fstat(fd[FOLDER_DATA], &data) == 0 && fstat(fd[FOLDER_JOURNAL], &journal) == 0 && data.st_dev != journal.st_dev)
		storage_of(c, FOLDER_JOURNAL);
}

void check_limits(struct check *c)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	if (files.rlim_max != RLIM_INFINITY && files.rlim_max < FILES_GOOD)
		check_say(c, CHECK_WEAK, "Raise it (LimitNOFILE= in the unit, or ulimit -Hn); each connection needs one.",
			  "a process started from here may have %" PRIu64 " files open", (uint64_t)files.rlim_max);
	else
		check_say(c, CHECK_GOOD, NULL, "enough files may be open");
}
