/* What a process may still do once it has opened what it needs.
 *
 * In this order: confine_rights (owner, capabilities, no new privileges, not dumpable, limits), then what must be read with the
 * process's own rights, then confine_files (Landlock) and confine_calls (seccomp), before any thread is started and any byte
 * from outside is read.  Landlock and seccomp are used where the kernel has them; a kernel without is a warning in the log.
 * Builds with a sanitizer keep their owner and limits but neither filter: the sanitizers' run time needs what they refuse. */
#ifndef PLI_CONFINE_H
#define PLI_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "status.h"

struct confine_owner {
	bool change;		/* false: stay who we are (not started as root) */
	uid_t uid;
	gid_t gid;
};
/* Gives up rights for good: groups, uid, all capabilities (also the bounding set), core dumps, ptrace by equals; raises
 * RLIMIT_NOFILE to its hard limit.  parent: pid whose death kills this process (0: none). */
MUST enum pli_status confine_rights(const struct confine_owner *owner, mode_t umask_bits, pid_t parent, struct err *err);

/* For the parent and the verbs, which may hold a password or a token for a moment: no core files, not dumpable, no new privileges. */
void confine_self(void);

struct confine_rule {
	int dir_fd;		/* opened directory or file; -1: use path */
	const char *path;	/* left out when there is no such thing */
	bool writable;		/* read, write, create, remove, rename within; else read and list */
};
/* Landlock: no file but these is reachable any more, no TCP bind or connect unless network is set, no signals or abstract
 * sockets outside.  Descriptors already open go on working. */
MUST enum pli_status confine_files(const struct confine_rule *rules, size_t count, bool network, struct err *err);

enum confine_profile {
	CONFINE_FRONT,		/* accepts, never dials: neither socket() nor connect() */
	CONFINE_KEEPER,		/* its links only */
	CONFINE_COURIER,	/* dials out */
	CONFINE_MAIL,		/* reads, computes, answers: no file, no socket, no thread */
};
/* seccomp: a list per profile.  Refused with EPERM: everything else; killed: execve, connect (but the courier's), ptrace and
 * other calls that no honest path makes. */
MUST enum pli_status confine_calls(enum confine_profile profile, struct err *err);

/* For `pli check`. */
struct confine_state {
	int landlock_abi;	/* 0: none */
	bool seccomp;
	bool sanitizer;		/* this build leaves the filters out */
};
void confine_probe(struct confine_state *state_r);

#endif
