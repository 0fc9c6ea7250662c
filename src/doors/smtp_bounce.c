/* A mail that came back: which notice it is about the address says, what became of it the report inside. */
#include <string.h>

#include "log.h"
#include "pool.h"
#include "text.h"

#include "stream.h"

#include "mail_frame.h"

#include "bounce.h"
#include "mail_spool.h"

#include "mail_link.h"
#include "smtp_own.h"

struct report {
	struct pool *pool;
	enum mail_action action;	/* the worst there is: failed, delayed, else none */
	const char *status, *diagnostic, *remote;
};

enum pli_status smtp_bounce_recipient(struct smtp_session *s, const char *address, struct uuid *notice_r, struct err *err)
{
	return bounce_known(s->house->office, address, notice_r, err);
}

/* Each notice goes to one recipient; a report about several is about what he forwards to: the worst counts. */
static enum pli_status frame_take(void *arg, const struct mail_frame *f, struct err *err)
{
	struct report *r = arg;

	(void)err;
	if (f->type != MAIL_REPORT || f->action > r->action || (f->action == r->action && r->status))
		return PLI_OK;
	r->action = f->action;
	r->status = pool_strn(r->pool, f->status.p, f->status.n);
	r->diagnostic = pool_strn(r->pool, f->diagnostic.p, f->diagnostic.n);
	r->remote = pool_strn(r->pool, f->remote.p, f->remote.n);
	return PLI_OK;
}

static enum pli_status message_read(struct smtp_session *s, struct report *r, struct ostream *message, struct err *err)
{
	struct istream *is;
	uint64_t size;
	enum pli_status st = mail_spool_read(message, &is, &size, err);

	if (st != PLI_OK)
		return st;
	st = mail_link_read(s->house->mail, MAIL_BOUNCE, is, size, frame_take, r, err);
	istream_close(is);
	return st;
}

static void one_reply(struct smtp_session *s, const struct report *r, const struct uuid *notice, const uint8_t sha256[32])
{
	struct bounce bounce = { .failed = r->action == MAIL_FAILED, .status = r->status, .diagnostic = r->diagnostic,
				 .remote = r->remote };
	struct err err = { 0 };
	enum pli_status st;

	if (r->action != MAIL_FAILED && r->action != MAIL_DELAYED) {
		log_info("bounce.other", "a mail to a return address says nothing of a failure; it is dropped");
		smtp_reply(s, 250, "2.0.0", "Taken; it says nothing of a failure.");
		return;
	}
	memcpy(bounce.digest, sha256, sizeof(bounce.digest));
	st = bounce_record(s->house->office, notice, &bounce, &err);
	log_info("bounce", "a report of a %s: %s", bounce.failed ? "failure" : "delay", st == PLI_OK ? "entered" : pli_status_name(st));
	if (st == PLI_OK)
		smtp_reply(s, 250, "2.0.0", "Recorded.");
	else
		smtp_reply_err(s, &err);
}

void smtp_bounce(struct smtp_session *s, struct ostream *message, const uint8_t sha256[32])
{
	struct report r = { .pool = s->pool, .action = MAIL_NONE };
	struct err err = { 0 };
	enum pli_status st = message_read(s, &r, message, &err);

	for (unsigned i = 0; i < s->notice_count; i++)
		if (st == PLI_OK)
			one_reply(s, &r, &s->notices[i], sha256);
		else
			smtp_reply_err(s, &err);
}
