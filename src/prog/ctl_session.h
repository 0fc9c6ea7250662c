/* An operator's verb at work on an instance: over run/ctl of the running server, or, when none runs, of a keeper and a front
 * that are started for this verb alone, with the same owners and no listening sockets, and stopped again. */
#ifndef PLI_CTL_SESSION_H
#define PLI_CTL_SESSION_H

#include "status.h"

struct json_read;
struct pool;
struct ctl_session;

/* dir: the instance.  PLI_ABSENT, PLI_DENIED, PLI_BUSY. */
MUST enum pli_status ctl_session_open(struct pool *pool, const char *dir, struct ctl_session **session_r, struct err *err);

/* A row of the answer, read and as text; whatever is not PLI_OK ends the call. */
typedef enum pli_status ctl_session_row_fn(void *arg, const struct json_read *row, const char *row_json, struct err *err);
/* Sends the verb and waits for its end, however long it takes.  result_r (may be NULL) lives in the session's pool and is
 * also set when the verb failed with a result; NULL when there is none. */
MUST enum pli_status ctl_session_call(struct ctl_session *session, const char *verb, const char *args_json,
				  ctl_session_row_fn *row, void *arg, struct json_read **result_r, struct err *err);
/* The same, with a descriptor for front (borrowed). */
MUST enum pli_status ctl_session_call_fd(struct ctl_session *session, const char *verb, const char *args_json, int given_fd,
					 ctl_session_row_fn *row, void *arg, struct json_read **result_r, struct err *err);
/* When no server runs: the newest backup that [selfproof] backup names, which its parent would give to front; -1: none, or a server runs. */
int ctl_session_newest_backup(const struct ctl_session *session);
/* NULL is allowed. */
void ctl_session_close(struct ctl_session *session);

#endif
