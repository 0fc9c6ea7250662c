/* Mail to the relay (RFC 5321) by libcurl: a queue, and sessions that take from it, each a thread with one connection that it keeps and
 * uses again (B3, B10).  Sessions begin when there is work, at most as many as configured, and say good-bye after some seconds without.
 *
 * One mail is one transaction with one recipient.  What it comes to:
 *   done      the relay's 250 after the final dot
 *   refused   5xx to MAIL, RCPT, DATA or the final dot
 *   again     4xx there, or the connection was lost or fell silent before the final dot
 *   away      no connection, no TLS, no sign-in: says nothing about the mail; everything queued then gets the same answer at once
 *   doubt     the connection was lost or fell silent after the final dot
 * A connection that the relay had closed while it lay idle is no fault: the mail goes over a new one. */
#ifndef PLI_RELAY_H
#define PLI_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct job;
struct relay;

enum relay_tls { RELAY_TLS_OFF, RELAY_TLS_TRY, RELAY_TLS_REQUIRED };

/* Strings are borrowed for the relay's life. */
struct relay_config {
	const char *url;		/* smtp://HOST:PORT, smtps://HOST:PORT */
	enum relay_tls tls;		/* TRY: no certificate is asked for */
	const char *helo;		/* name or address */
	const char *user, *password;	/* NULL: no sign-in */
	const char *ca_pem;		/* NULL: the system's authorities */
	unsigned sessions, timeout_s;
};

/* answer: of type JOB_ANSWER; from any thread of the relay's, in any order.  tag: the push's. */
typedef void relay_answer(void *arg, uint64_t tag, const struct job *answer);
/* Before the process is confined: reads the authorities.  PLI_INPUT when ca_pem holds no certificate. */
MUST enum pli_status relay_new(const struct relay_config *config, relay_answer *answer, void *arg, struct relay **relay_r, struct err *err);
/* For `pli check`: connects, greets, goes under TLS and signs in as configured, names from as a sender, and takes it back: no mail is
 * sent.  answer_r as of a mail: DONE, or what is wrong.  Blocks. */
MUST enum pli_status relay_probe(const struct relay_config *config, const char *from, struct job *answer_r, struct err *err);
/* Copies the job, which is of type JOB_MAIL.  Never blocks. */
void relay_push(struct relay *relay, uint64_t tag, const struct job *job);
/* Forgets what no session has begun; no answer will come. */
void relay_forget(struct relay *relay);
/* Forgets what is queued and waits for transactions under way, at most wait_ms.  True: none is left and all is freed.  False: some hang;
 * nothing is freed, the process should end. */
bool relay_end(struct relay *relay, unsigned wait_ms);

#endif
