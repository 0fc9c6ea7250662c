/* Notices: the one queue.  A due notice is leased, rendered, handed to the courier, and settled (A7, B3, B4, B24).
 *
 * A notice can be leased only when the keeper's head covers the letter's deposit.  Notices of one letter settle in To, Cc, Bcc order.
 * Leases are cleared when front starts; a repeat has the same Message-ID and file name, and the same bytes but for a signature. */
#ifndef PLI_NOTICE_H
#define PLI_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "uuid.h"

struct buf;
struct notice_facts;
struct office;
struct pool;

struct notice_job {
	struct uuid entity, notice;
	char file_name[96];		/* for the outbox: sorts by time, names id and send number */
	const char *from, *to;		/* envelope */
	const void *mail;		/* rendered message, CRLF lines */
	size_t mail_n;
	size_t content_at;		/* where its Content-Type header and all that follows begins */
	const char *message_id;
	const struct notice_facts *facts;	/* for its result; NULL: none */
	bool own;			/* from us to ourselves: it arrives without leaving */
};
/* Renderer given by the room above (texts live in web/mail): fills mail from the view; content_at_r as in notice_job. */
struct notice_view {
	const char *sender_name, *entity_name, *recipient_name, *recipient_address, *link, *message_id, *from, *host, *lang, *kind;
	const char *what;		/* to account holders (kind setup, reset, changed): what was changed */
	/* Of the journal, the first over what this tells of: "ORIGIN SIZE ROOT" and the log's signature in base64; "" when there is none. */
	const char *head, *head_signature;
	int64_t created_us, expires_us;
	bool has_password;
	bool registered, hides_sender;	/* hides_sender: sender_name and entity_name are "" */
	int64_t until_us;		/* of a registered letter: the first moment too late to accept it; 0: counted from this notice */
	unsigned days;			/* of that window */
};
typedef enum pli_status notice_render(void *arg, struct pool *pool, const struct notice_view *view, struct buf *mail_out, size_t *content_at_r,
				       struct err *err);

/* Called once at start: clears leases. */
MUST enum pli_status notice_reset(struct office *office, struct err *err);
/* Up to limit due notices, leased, rendered; jobs live in pool.  A lease is longer than any relay can hold a mail up; who loses one
 * without an answer calls notice_reset. */
MUST enum pli_status notice_lease(struct office *office, struct pool *pool, notice_render *render, void *arg, unsigned limit,
				  struct notice_job *jobs_r, unsigned *count_r, struct err *err);
/* The same for mails about alerts alone, which wait for no keeper: PLI_OK with none, at once, when there are none. */
MUST enum pli_status notice_lease_alerts(struct office *office, struct pool *pool, notice_render *render, void *arg, unsigned limit,
					 struct notice_job *jobs_r, unsigned *count_r, struct err *err);
/* The courier's answers, one transaction for all.
 *   SENT    reply = the peer's last line
 *   FAILED  for good
 *   RETRY   later, by [mail] retry; failed for good after retry_hours
 *   AWAY    the relay was not to be had: due again at retry_us, not counted as a try of this notice
 *   DOUBT   it may have arrived: once more like RETRY, after that an hour apart at least */
struct notice_result {
	struct uuid entity, notice;
	enum { NOTICE_SENT, NOTICE_FAILED, NOTICE_RETRY, NOTICE_AWAY, NOTICE_DOUBT } outcome;
	const char *reply;
	const char *peer, *tls;		/* "" or NULL: none */
	int64_t retry_us;
	const char *message_id;
	const struct notice_facts *facts;	/* the job's, if it is still there: spares reading its rows again */
};
MUST enum pli_status notice_settle(struct office *office, const struct notice_result *results, unsigned count, struct err *err);
/* Notices that are not settled, and when the oldest of those next to be sent was made (0: none). */
MUST enum pli_status notice_backlog(struct office *office, uint64_t *waiting_r, int64_t *oldest_us_r, struct err *err);
/* Called (from any thread, must not block) when notices may have become due. */
void notice_on_due(struct office *office, void (*fn)(void *arg), void *arg);

#endif
