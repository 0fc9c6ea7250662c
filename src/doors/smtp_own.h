/* One connection of a mail program or a mail server, for smtp_*.c only. */
#ifndef PLI_SMTP_OWN_H
#define PLI_SMTP_OWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "principal.h"
#include "status.h"
#include "uuid.h"

#include "address.h"
#include "http.h"

#define SMTP_LOGIN_US (60 * SECOND_US)	/* from the connection to a successful AUTH */

struct directory;
struct mail_link;
struct office;
struct ostream;
struct pool;
struct settings;
struct wire;

/* What all sessions share. */
struct smtp_house {
	struct office *office;
	struct directory *directory;
	const struct settings *settings;
	const char *host;
	struct mail_link *mail;
};

struct smtp_session {
	const struct smtp_house *house;
	struct wire *wire;
	bool lmtp;
	struct http_peer peer;
	uint64_t net_key;
	/* True while this net may not try any more tokens; told of each that was wrong. */
	bool (*guard)(void *arg, uint64_t net_key, bool failed);
	void *guard_arg;
	bool (*stopping)(void *arg);	/* the server is: no new transaction */

	struct buf out;			/* replies not yet sent */
	bool greeted, over;
	atomic_bool busy;		/* a message is under way: a stop waits for its answer */
	unsigned errors, auth_tries;
	int64_t begun_us;

	/* submission: who it is */
	bool authenticated;
	struct pool *who_pool;		/* secret: the token, the principal */
	const char *token;
	struct principal who;
	struct journal_actor actor;

	/* the transaction under way */
	struct pool *pool;		/* NULL: none */
	bool has_sender, utf8;
	struct address_list recipients;	/* submission */
	struct uuid *notices;		/* LMTP: what each recipient names */
	unsigned notice_count;
};

/* Adds "CODE TEXT" or "CODE E.E.E TEXT" (enhanced NULL: none), made fit for a line: printable ASCII, cut where it is too long. */
void smtp_reply(struct smtp_session *s, int code, const char *enhanced, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* What an error is in SMTP, with its text and hint. */
void smtp_reply_err(struct smtp_session *s, const struct err *err);

/* Sends what was added; false (and the conversation is over) when it cannot go.  Blocks at most a minute. */
bool smtp_flush(struct smtp_session *s);
/* A last reply: the conversation is over behind it. */
void smtp_end(struct smtp_session *s, int code, const char *enhanced, const char *text);

/* smtp_auth.c: the whole exchange of one AUTH, with its reply; asks further lines of the client. */
struct smtp_command;
void smtp_auth(struct smtp_session *s, const struct smtp_command *c);

/* The whole conversation; returns when it is over. */
void smtp_session_run(struct smtp_session *s);

/* smtp_letter.c: the message (finished) becomes a letter; adds the reply. */
void smtp_letter(struct smtp_session *s, struct ostream *message, const uint8_t sha256[32]);
/* smtp_bounce.c: is this a return address of ours, of a notice that is known?  PLI_ABSENT. */
MUST enum pli_status smtp_bounce_recipient(struct smtp_session *s, const char *address, struct uuid *notice_r, struct err *err);
/* The message is what came back for each of the notices; adds one reply a recipient. */
void smtp_bounce(struct smtp_session *s, struct ostream *message, const uint8_t sha256[32]);

#endif
