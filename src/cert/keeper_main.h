/* The keeper's body: the process that holds the keys.  It answers a closed list of typed frames (keeper_frame.h) and refuses what it
 * cannot parse; it needs no network, no exec, and only the two directories given as descriptors.
 *
 * Calls used inside keeper_serve, for the process's seccomp list: read write recvfrom recvmsg sendto shutdown poll eventfd2 · openat close
 * pread64 pwrite64 fdatasync fsync ftruncate newfstatat fchmod renameat mkdirat unlinkat lseek getdents64 fcntl · clone3 futex mmap munmap
 * mprotect madvise brk rt_sigaction rt_sigprocmask set_robust_list rseq exit exit_group getrandom clock_gettime getpid. */
#ifndef PLI_KEEPER_MAIN_H
#define PLI_KEEPER_MAIN_H

#include <stdbool.h>

#include "status.h"

struct keyring;

struct keeper_config {
	int link_fd;		/* SOCK_STREAM socketpair to front; -1: waits for one on control_fd.  Owned */
	int control_fd;		/* SOCK_STREAM or SOCK_SEQPACKET: one byte with SCM_RIGHTS gives a new link_fd; -1: none.  Borrowed */
	int keys_dir_fd;	/* borrowed */
	const char *phrase;	/* of protected key files; NULL: none */
	const struct keyring *ring;	/* opened already, with its token: before the process was confined; NULL: by the two above.  Borrowed */
	int journal_dir_fd;	/* borrowed */
	const char *origin;
	/* Reads one message of control_fd instead; *link_fd_r: a new link, or -1.  False: control_fd has ended.  NULL: as said above. */
	bool (*control)(void *arg, int *link_fd_r);
	void *control_arg;
	unsigned kek_delay_days;	/* how long a month's key stays that letters were moved away from; 0: KEK_DELAY_DAYS (kek_store.h) */
	/* Told what somebody should hear of who watches over front (known: once more); NULL: nobody. */
	void (*said)(const char *event, const char *text, bool known);
	int ready_fd;		/* one byte is written when requests are served; -1: none.  Borrowed */
};
/* Serves until the link ends and no control_fd can give another, or until control_fd ends: PLI_OK.  A broken disk is PLI_IO: the caller
 * ends the process at once, without further work.  An older or damaged tree is not an error: the keeper serves STATUS, WRAP and UNWRAP,
 * PASSWORD_*, KEK_MAKE and refuses to sign. */
MUST enum pli_status keeper_serve(const struct keeper_config *config, struct err *err);

#endif
