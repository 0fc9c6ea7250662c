/* Requests over HTTP that front asks for: one POST or GET to an address of the operator's settings (a witness, a time-stamping
 * authority), its answer taken whole.  Threads of its own, made when there is work; each waits for nothing but its own peer. */
#ifndef PLI_FETCH_H
#define PLI_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct fetch;
struct job;

/* answer: of type JOB_FETCHED; on a thread of fetch's.  tag: the push's. */
typedef void fetch_answer(void *arg, uint64_t tag, const struct job *answer);
/* One kind of peers (enum job_whom).  ca_pem NULL: the system's authorities; user NULL: no account.  Borrowed. */
struct fetch_peer {
	const char *ca_pem, *user, *password;
};
/* peers: JOB_WHOMS of them, borrowed. */
MUST enum pli_status fetch_new(const struct fetch_peer *peers, fetch_answer *answer, void *arg, struct fetch **fetch_r, struct err *err);
/* Copies the job, which is of type JOB_FETCH.  Never blocks; too many are answered at once, with code 0. */
void fetch_push(struct fetch *fetch, uint64_t tag, const struct job *job);
/* Forgets what no thread has begun; no answer will come. */
void fetch_forget(struct fetch *fetch);
/* Forgets what is queued and waits at most wait_ms for what is under way.  True: all is freed.  False: some hang, the process should end. */
bool fetch_end(struct fetch *fetch, unsigned wait_ms);

#endif
