#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "dkim.h"
#include "mime.h"

#include "keeper.h"
#include "mail_sign.h"

#include "notice_sign.h"

#define REQUEST_BYTES (900u << 10)

static struct buf *pool_buf(struct pool *pool)
{
	struct buf *b = POOL_NEW(pool, struct buf);

	buf_init_secret(b);	/* mails hold links */
	pool_cleanup(pool, (void (*)(void *))buf_free, b);
	return b;
}

/* In requests as large as the keeper takes. */
static enum pli_status sign_all(struct keeper *keeper, const struct keeper_mail_item *items, unsigned count, struct err *err)
{
	enum pli_status st = PLI_OK;

	for (unsigned at = 0; at < count && st == PLI_OK; ) {
		unsigned n = 0;
		size_t bytes = 0;

		while (at + n < count && n < KEEPER_MAILS_MAX && (n == 0 || bytes + items[at + n].n <= REQUEST_BYTES))
			bytes += items[at + n++].n + 8;
		st = keeper_mail_sign(keeper, items + at, n, err);
		at += n;
	}
	return st;
}

static void replace(struct notice_job *job, const struct buf *mail)
{
	job->mail = mail->p;
	job->mail_n = mail->n;
}

static enum pli_status sign_smime(struct keeper *keeper, struct pool *pool, struct notice_job *jobs, unsigned count, struct err *err)
{
	struct keeper_mail_item *items = POOL_ARRAY(pool, struct keeper_mail_item, count);
	enum pli_status st;

	for (unsigned i = 0; i < count; i++)
		items[i] = (struct keeper_mail_item){ MAIL_SIGN_SMIME, (const char *)jobs[i].mail + jobs[i].content_at,
						      jobs[i].mail_n - jobs[i].content_at, pool_buf(pool) };
	st = sign_all(keeper, items, count, err);
	for (unsigned i = 0; i < count && st == PLI_OK; i++) {
		struct buf *mail = pool_buf(pool);

		buf_add(mail, jobs[i].mail, jobs[i].content_at);
		mime_signed(mail, items[i].text, items[i].n, items[i].out->p, items[i].out->n);
		replace(&jobs[i], mail);
	}
	return st;
}

/* The headers that belong before the mails, one more of each kind; headers[i] grows. */
static enum pli_status sign_dkim(struct keeper *keeper, const struct dkim_signer *signer, struct pool *pool,
				 const struct notice_job *jobs, struct buf *const *headers, unsigned count, struct err *err)
{
	struct keeper_mail_item *items = POOL_ARRAY(pool, struct keeper_mail_item, count);
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; i < count && st == PLI_OK; i++) {
		struct buf *text = pool_buf(pool);

		st = dkim_prepare(signer, jobs[i].mail, jobs[i].mail_n, headers[i], text, err);
		items[i] = (struct keeper_mail_item){ signer->algorithm == DKIM_RSA ? MAIL_SIGN_DKIM_RSA : MAIL_SIGN_DKIM_ED25519,
						      text->p, text->n, pool_buf(pool) };
	}
	if (st == PLI_OK)
		st = sign_all(keeper, items, count, err);
	for (unsigned i = 0; i < count && st == PLI_OK; i++)
		dkim_finish(headers[i], items[i].out->p, items[i].out->n);
	return st;
}

static enum pli_status sign_headers(struct keeper *keeper, const struct settings *s, struct pool *pool, struct notice_job *jobs,
				    unsigned count, struct err *err)
{
	bool both = str_eq(s->mail_dkim, "both");
	struct buf **headers = POOL_ARRAY(pool, struct buf *, count);
	struct dkim_signer signer = { DKIM_ED25519, settings_dkim_domain(s), s->mail_dkim_selector, clock_now_us() };
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; i < count; i++)
		headers[i] = pool_buf(pool);
	if (both || str_eq(s->mail_dkim, "ed25519"))
		st = sign_dkim(keeper, &signer, pool, jobs, headers, count, err);
	signer.algorithm = DKIM_RSA;
	if (both)
		signer.selector = pool_fmt(pool, "%s-rsa", s->mail_dkim_selector);
	if (st == PLI_OK && (both || str_eq(s->mail_dkim, "rsa")))
		st = sign_dkim(keeper, &signer, pool, jobs, headers, count, err);
	for (unsigned i = 0; i < count && st == PLI_OK; i++) {
		buf_add(headers[i], jobs[i].mail, jobs[i].mail_n);
		replace(&jobs[i], headers[i]);
	}
	return st;
}

enum pli_status notice_sign(struct keeper *keeper, const struct settings *s, struct pool *pool, struct notice_job *jobs, unsigned count,
			    struct err *err)
{
	enum pli_status st = PLI_OK;

	if (count && s->mail_sign)
		st = sign_smime(keeper, pool, jobs, count, err);
	if (count && st == PLI_OK && !str_eq(s->mail_dkim, "off")) {
		if (!settings_dkim_domain(s))
			return err_set(err, PLI_INVALID, "[mail] dkim wants dkim_domain, as `from` has no domain name");
		st = sign_headers(keeper, s, pool, jobs, count, err);
	}
	return st;
}
