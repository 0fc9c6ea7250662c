/* The system calls of each process.
 *
 * Three answers: allowed; killed, for what only an intruder would try; EPERM (logged where the kernel audits) for the rest, so that
 * a library that probes for something new goes on without it.  clone3 answers ENOSYS: its flags lie in memory where no filter sees
 * them, and glibc then uses clone, whose flags are checked. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#include "confine_build.h"

#include "confine.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

#define END (-1000000)

/* Threads, memory, time, files reached through Landlock, the links.  No flock: whoever has it could let go the lock of the instance, which
 * all hold together, and a second keeper would begin on the same keys. */
static const int calls_common[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
	SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(preadv2), SCMP_SYS(pwritev2), SCMP_SYS(lseek),
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(stat),
	SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(getcwd), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range),
	SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fadvise64), SCMP_SYS(rename), SCMP_SYS(renameat),
	SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir),
	SCMP_SYS(fchmod), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3),
	SCMP_SYS(pipe2), SCMP_SYS(eventfd2), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select),
	SCMP_SYS(pselect6), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockopt),
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq), SCMP_SYS(membarrier),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(munlock),
	SCMP_SYS(mincore), SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigsuspend), SCMP_SYS(restart_syscall),
	SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit), SCMP_SYS(times), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(umask), SCMP_SYS(exit),
	SCMP_SYS(exit_group), END,
};
/* Clients that come to us over sockets that the parent bound; work that makes way for them (setpriority can only go down). */
static const int calls_front[] = {
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(setsockopt),
	SCMP_SYS(sendfile), SCMP_SYS(setpriority), END,
};
/* A PKCS#11 module may lock files of its own. */
static const int calls_keeper[] = { SCMP_SYS(flock), END };
static const int calls_courier[] = {
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg), SCMP_SYS(socketpair), END,
};
/* What is left of the common ones for a process that needs two sockets, memory and a timer. */
static const int calls_mail[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(close), SCMP_SYS(fcntl), SCMP_SYS(fstat), SCMP_SYS(lseek), SCMP_SYS(pread64), SCMP_SYS(futex),
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(setitimer), SCMP_SYS(sched_yield),
	SCMP_SYS(exit), SCMP_SYS(exit_group), END,
};
static const int calls_killed[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd), SCMP_SYS(listen),
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(setns), SCMP_SYS(unshare),
	SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(keyctl), SCMP_SYS(add_key),
	SCMP_SYS(request_key), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(kexec_load), SCMP_SYS(setuid),
	SCMP_SYS(setresuid), SCMP_SYS(setreuid), SCMP_SYS(setgid), SCMP_SYS(setresgid), SCMP_SYS(setgroups),
	SCMP_SYS(capset), SCMP_SYS(io_uring_setup), END,
};
static const int calls_killed_inside[] = { SCMP_SYS(connect), SCMP_SYS(bind), END };

static int add_list(scmp_filter_ctx ctx, uint32_t action, const int *calls)
{
	int r = 0;

	for (; *calls != END && r == 0; calls++) {
		r = seccomp_rule_add(ctx, action, *calls, 0);
		if (r == -EDOM || r == -EOPNOTSUPP)	/* not a call of this architecture */
			r = 0;
	}
	return r;
}

/* Memory that can be written is never run; abort() and assert() are signals to ourselves. */
static int add_memory(scmp_filter_ctx ctx)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	return r;
}

/* Calls that are allowed by an argument. */
static int add_by_argument(scmp_filter_ctx ctx)
{
	static const int controls[] = { PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_DUMPABLE };
	static const unsigned long ioctls[] = { FIONBIO, FIONREAD, FIOCLEX, TCGETS };
	int r = add_memory(ctx);

	/* Threads, not processes. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Reading limits, not setting them. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0, 0));
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)controls[i], 0));
	for (size_t i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, ioctls[i], 0));
	return r;
}

/* send() without an address is what the links and clients need. */
static int add_send(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, SCMP_A4(SCMP_CMP_EQ, 0, 0));
}

static int add_profile(scmp_filter_ctx ctx, enum confine_profile profile)
{
	bool mail = profile == CONFINE_MAIL;
	int r = add_list(ctx, SCMP_ACT_ALLOW, mail ? calls_mail : calls_common);

	if (r == 0)
		r = mail ? add_memory(ctx) : add_by_argument(ctx);
	if (r == 0)
		r = add_list(ctx, SCMP_ACT_KILL_PROCESS, calls_killed);
	if (r == 0 && profile == CONFINE_COURIER)
		return add_list(ctx, SCMP_ACT_ALLOW, calls_courier);
	if (r == 0 && profile == CONFINE_FRONT)
		r = add_list(ctx, SCMP_ACT_ALLOW, calls_front);
	if (r == 0 && profile == CONFINE_KEEPER)
		r = add_list(ctx, SCMP_ACT_ALLOW, calls_keeper);
	if (r == 0)
		r = add_send(ctx);
	if (r == 0)
		r = add_list(ctx, SCMP_ACT_KILL_PROCESS, calls_killed_inside);
	return r;
}

enum pli_status confine_calls(enum confine_profile profile, struct err *err)
{
	struct confine_state state;
	scmp_filter_ctx ctx;
	int r;

	confine_probe(&state);
	if (CONFINE_SANITIZER)
		return PLI_OK;
	if (!state.seccomp) {
		log_warn("confine.no-seccomp", "this kernel has no seccomp: system calls are not filtered");
		return PLI_OK;
	}
	ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!ctx)
		return err_set(err, PLI_BUG, "seccomp could not be prepared");
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1);
	if (r == 0 || r == -EOPNOTSUPP)
		r = add_profile(ctx, profile);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r == 0 ? PLI_OK : err_set(err, PLI_IO, "seccomp: error %d", -r);
}
