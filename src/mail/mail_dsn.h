/* The body of a message/delivery-status part (RFC 3464 section 2): blocks of fields, the first about the message, each further
 * one about a recipient. */
#ifndef PLI_MAIL_DSN_H
#define PLI_MAIL_DSN_H

#include <stddef.h>

#include "mail_frame.h"
#include "status.h"

struct buf;

#define MAIL_DSN_RECIPIENTS_MAX 100

/* One recipient; lines of clean text, borrowed for the call. */
struct mail_dsn {
	enum mail_action action;
	const char *status;		/* "5.1.1", "" if none that is one */
	const char *diagnostic;		/* without its `smtp;` */
	const char *remote;
};
typedef enum pli_status mail_dsn_fn(void *arg, const struct mail_dsn *recipient, struct err *err);

/* Calls fn for each recipient's block, at most MAIL_DSN_RECIPIENTS_MAX; what it returns ends the reading. */
MUST enum pli_status mail_dsn_parse(const char *p, size_t n, mail_dsn_fn *fn, void *arg, struct err *err);

/* For a message without such a part: the line of its words that holds the server's reply, an enhanced status code (RFC 3463) or
 * "5xx"/"4xx" at its beginning.  FAILED or DELAYED with status and line filled (bufs appended to), or NONE. */
enum mail_action mail_dsn_guess(const char *p, size_t n, char status_r[12], struct buf *line_out);

#endif
