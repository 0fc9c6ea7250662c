/* `pli check`: what is wrong with an instance, and how to mend it.  One table of parts; each looks at its own and says what it finds.
 * All of them run, whatever those before found; a part whose ground is missing says nothing. */
#ifndef PLI_CHECK_H
#define PLI_CHECK_H

#include <stdbool.h>

#include "status.h"

struct instance;
struct pool;
struct ctl_session;

enum check_level {
	CHECK_GOOD,
	CHECK_WEAK,	/* works, but not as well as it could, or not for long */
	CHECK_WRONG,
};

/* One run. */
struct check {
	struct pool *pool;
	const char *dir;		/* as given */
	struct instance *instance;	/* opened, with its settings; NULL when it could not be: then only `instance` has run */
	struct ctl_session *session;	/* to front; NULL when front could not be reached */
	bool json;
	/* check.c's own */
	const char *part;
	unsigned count, weak, wrong;
};
typedef void check_fn(struct check *c);
struct check_row {
	const char *name;		/* "certificate": in --json, and `pli check DIR NAME…` */
	const char *what;		/* for the manual */
	check_fn *run;
};
/* Ends with a NULL name.  A new part: a function in a check_*.c and a row here. */
extern const struct check_row check_table[];

/* Says one finding; hint: what to do, NULL or "" for none. */
void check_say(struct check *c, enum check_level level, const char *hint, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* check_host.c: the machine and the files. */
check_fn check_confinement, check_owners, check_keys, check_clock, check_storage, check_limits;
/* check_tls.c */
check_fn check_certificate, check_evidence;
/* check_front.c: asks the running front, or one that is started for it. */
check_fn check_database, check_journal, check_letters, check_backup, check_retention, check_alerts, check_selfproof, check_time;
/* check_mail.c */
check_fn check_mail;
/* check_relay.c: goes out into the network, when mail does. */
check_fn check_relay, check_dns;
/* check_incoming.c: goes to the listeners, and asks the DNS. */
check_fn check_incoming;

#endif
