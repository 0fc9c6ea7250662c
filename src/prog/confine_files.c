/* Landlock by its system calls: glibc has no wrappers, and Debian 12's kernel header knows only the first two versions,
 * so the numbers of the later ones (linux/landlock.h of 6.12) stand here. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

#include "confine_build.h"

#include "confine.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_DIR (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_ALL_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)		/* version 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)		/* 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15)	/* 5 */
#define NET_BIND_TCP (UINT64_C(1) << 0)		/* 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0)	/* 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

#define READ (FS_READ_FILE | FS_READ_DIR)
#define WRITE (READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | FS_TRUNCATE)
#define ON_FILES (FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)

struct ruleset_attr {
	uint64_t fs, net, scoped;
};
struct path_beneath {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

static int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	return abi > 0 ? (int)abi : 0;
}

static enum pli_status add_rule(int ruleset, const struct confine_rule *rule, uint64_t handled, struct err *err)
{
	int fd = rule->dir_fd >= 0 ? rule->dir_fd : open(rule->path, O_PATH | O_CLOEXEC);
	struct path_beneath beneath = { (rule->writable ? WRITE : READ) & handled, fd };
	struct stat sb;
	long r;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? PLI_OK : err_errno(err, rule->path);
	if (fstat(fd, &sb) == 0 && !S_ISDIR(sb.st_mode))
		beneath.allowed &= ON_FILES;
	r = syscall(SYS_landlock_add_rule, ruleset, 1, &beneath, 0);
	if (rule->dir_fd < 0)
		close(fd);
	return r == 0 ? PLI_OK : err_errno(err, "landlock rule");
}

enum pli_status confine_files(const struct confine_rule *rules, size_t count, bool network, struct err *err)
{
	int abi = landlock_abi(), ruleset;
	struct ruleset_attr attr = { .fs = FS_ALL_1 };
	size_t attr_n = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	enum pli_status st = PLI_OK;

	if (CONFINE_SANITIZER)
		return PLI_OK;
	if (abi == 0) {
		log_warn("confine.no-landlock", "this kernel has no Landlock: files are guarded by their owners alone");
		return PLI_OK;
	}
	attr.fs |= (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) | (abi >= 5 ? FS_IOCTL_DEV : 0);
	attr.net = network ? 0 : NET_BIND_TCP | NET_CONNECT_TCP;
	attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_n, 0);
	if (ruleset < 0)
		return err_errno(err, "landlock");
	for (size_t i = 0; i < count && st == PLI_OK; i++)
		st = add_rule(ruleset, &rules[i], attr.fs, err);
	if (st == PLI_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		st = err_errno(err, "landlock");
	close(ruleset);
	return st;
}

void confine_probe(struct confine_state *state_r)
{
	/* SECCOMP_GET_ACTION_AVAIL of SECCOMP_RET_KILL_PROCESS */
	uint32_t action = 0x80000000U;

	state_r->landlock_abi = landlock_abi();
	state_r->seccomp = syscall(SYS_seccomp, 2, 0, &action) == 0;
	state_r->sanitizer = CONFINE_SANITIZER;
}
