/* Mails to account holders, see account_notice.h. */
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "account_mail.h"

#include "office_own.h"

#include "account_notice.h"

#define LEASE_US (2 * 3600 * SECOND_US)
#define AGAIN_US (300 * SECOND_US)
#define LIFE_US (48 * 3600 * SECOND_US)

static void name_file(const struct account_mail_due *due, char out[96])
{
	struct clock_parts p;
	char hex[33];

	clock_local(due->created_us, "UTC", &p);
	snprintf(out, 96, "%04d%02d%02dT%02d%02d%02d%03dZ-%s-1.eml", p.year, p.month, p.day, p.hour, p.minute, p.second, p.millisecond,
		 hex_encode(hex, due->mail.b, 16));
}

static bool about_alert(const char *kind)
{
	return str_eq(kind, ALERT_MAIL) || str_eq(kind, ALERT_MAIL_OVER);
}

static bool about_letter(const char *kind)
{
	return str_eq(kind, "accepted") || str_eq(kind, "refused") || str_eq(kind, "unclaimed");
}

static const char *link_of(struct office *office, struct pool *pool, const struct account_mail_due *due)
{
	if (about_alert(due->kind))
		return pool_fmt(pool, "%s/admin/alerts", office->parts.base_url);
	if (about_letter(due->kind))
		return pool_fmt(pool, "%s/letters/%s", office->parts.base_url, due->token);
	return *due->token ? pool_fmt(pool, "%s/password/%s", office->parts.base_url, due->token)
			   : pool_fmt(pool, "%s/forgotten", office->parts.base_url);
}

static enum pli_status job_render(struct office *office, struct pool *pool, const struct account_mail_due *due, notice_render *render,
				  void *arg, struct notice_job *job, struct err *err)
{
	const struct settings *settings = office->parts.settings;
	struct buf *mail = POOL_NEW(pool, struct buf);
	char hex[33];
	struct notice_view view = {
		.entity_name = due->entity_name, .recipient_name = due->name, .recipient_address = due->address,
		.link = link_of(office, pool, due),
		.message_id = pool_fmt(pool, "%s.1%s", hex_encode(hex, due->mail.b, 16), strrchr(settings->mail_from, '@')),
		.from = settings->mail_from, .host = settings->host, .lang = *due->lang ? due->lang : settings->lang,
		.kind = due->kind, .what = due->what, .created_us = due->created_us, .expires_us = due->expires_us,
	};
	size_t content_at = 0;
	enum pli_status st;

	buf_init_secret(mail);
	pool_cleanup(pool, (void (*)(void *))buf_free, mail);
	st = render(arg, pool, &view, mail, &content_at, err);
	*job = (struct notice_job){ .entity = due->entity, .notice = due->mail, .from = settings->mail_from, .to = due->address,
				    .mail = mail->p, .mail_n = mail->n, .content_at = content_at, .message_id = view.message_id };
	name_file(due, job->file_name);
	return st;
}

static enum pli_status lease(struct office *office, struct pool *pool, const char *const *kinds, notice_render *render, void *arg,
			     unsigned limit, struct notice_job *jobs_r, unsigned *count_r, struct err *err)
{
	struct account_mail_due *due = POOL_ARRAY(pool, struct account_mail_due, limit + 1);
	int64_t now_us = clock_now_us();
	unsigned count = 0;
	enum pli_status st = account_mail_lease(office->parts.directory, pool, kinds, now_us, now_us + LEASE_US, limit, due, &count, err);

	*count_r = 0;
	for (unsigned i = 0; st == PLI_OK && i < count; i++) {
		st = job_render(office, pool, &due[i], render, arg, &jobs_r[*count_r], err);
		if (st == PLI_OK) {
			(*count_r)++;
		} else if (st != PLI_BUSY && st != PLI_FULL) {
			log_error("account_mail.passed", "a mail to an account holder cannot be made: %s", pli_status_name(st));
			st = PLI_OK;
		}
	}
	return st;
}

enum pli_status account_notice_lease(struct office *office, struct pool *pool, notice_render *render, void *arg, unsigned limit,
				     struct notice_job *jobs_r, unsigned *count_r, struct err *err)
{
	return lease(office, pool, NULL, render, arg, limit, jobs_r, count_r, err);
}

enum pli_status notice_lease_alerts(struct office *office, struct pool *pool, notice_render *render, void *arg, unsigned limit,
				    struct notice_job *jobs_r, unsigned *count_r, struct err *err)
{
	static const char *const kinds[2] = { ALERT_MAIL, ALERT_MAIL_OVER };
	enum pli_status st = PLI_OK;

	*count_r = 0;
	if (!atomic_exchange(&office->alerts.mails, false))
		return PLI_OK;
	st = lease(office, pool, kinds, render, arg, limit, jobs_r, count_r, err);
	/* One that comes now has set it again by itself. */
	if (st != PLI_OK || account_mail_any(office->parts.directory, kinds))
		atomic_store(&office->alerts.mails, true);
	return st;
}

enum pli_status account_notice_settle(struct db_tx *tx, const struct notice_result *result, struct err *err)
{
	int64_t now_us = clock_now_us();
	enum pli_status st = PLI_ABSENT;

	if (result->outcome != NOTICE_SENT && result->outcome != NOTICE_FAILED)
		st = account_mail_later(tx->conn, &result->entity, &result->notice,
					result->outcome == NOTICE_AWAY ? result->retry_us : now_us + AGAIN_US, now_us - LIFE_US, err);
	if (st == PLI_ABSENT)
		st = account_mail_done(tx->conn, &result->entity, &result->notice, err);
	return st == PLI_ABSENT ? PLI_OK : st;
}
