/* Rights and limits of one process; the filters are in confine_files.c and confine_calls.c. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine_build.h"

#include "confine.h"

/* Only possible while CAP_SETPCAP is there; afterwards there is nothing to bound. */
static void drop_bounding_set(void)
{
	for (unsigned long cap = 0; cap <= 63; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno == EINVAL)
			break;
}

static enum pli_status drop_capabilities(struct err *err)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { 0 };

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, data) != 0)
		return err_errno(err, "giving up capabilities");
	return PLI_OK;
}

static enum pli_status change_owner(const struct confine_owner *owner, struct err *err)
{
	uid_t r, e, s;

	if (setgroups(0, NULL) != 0 || setresgid(owner->gid, owner->gid, owner->gid) != 0 ||
	    setresuid(owner->uid, owner->uid, owner->uid) != 0)
		return err_errno(err, "changing the process's owner");
	if (getresuid(&r, &e, &s) != 0 || r != owner->uid || e != owner->uid || s != owner->uid ||
	    setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
		return err_set(err, PLI_BUG, "root's rights could not be given up");
	return PLI_OK;
}

static enum pli_status set_limits(struct err *err)
{
	struct rlimit none = { 0, 0 }, files;

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return err_errno(err, "turning core files off");
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	return PLI_OK;
}

void confine_self(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!CONFINE_SANITIZER)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

enum pli_status confine_rights(const struct confine_owner *owner, mode_t umask_bits, pid_t parent, struct err *err)
{
	enum pli_status st = set_limits(err);

	if (st != PLI_OK)
		return st;
	umask(umask_bits);
	drop_bounding_set();
	if (owner->change) {
		st = change_owner(owner, err);
		if (st != PLI_OK)
			return st;
	}
	st = drop_capabilities(err);
	if (st != PLI_OK)
		return st;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_errno(err, "no new privileges");
	if (!CONFINE_SANITIZER && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_errno(err, "making the process not dumpable");
	/* After the change of owner, which clears it. */
	if (parent > 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
			return err_errno(err, "following the parent's death");
		if (getppid() != parent)
			return err_set(err, PLI_GONE, "the parent is gone");
	}
	return PLI_OK;
}
