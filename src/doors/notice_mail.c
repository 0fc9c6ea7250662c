/* The ordinary e-mail that tells a recipient: text first, a small HTML part with the same words, one link, nothing of the letter itself. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "template.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "http.h"
#include "head_line.h"
#include "mime.h"

#include "notice.h"

#include "answer.h"
#include "door.h"
#include "landing.h"

#include "doors.h"

static const char *render(struct pool *pool, const struct template *t, const struct view *v, const struct locale *l)
{
	struct buf *out = POOL_NEW(pool, struct buf);

	buf_init_secret(out);
	pool_cleanup(pool, (void (*)(void *))buf_free, out);
	template_render(out, t, v, l);
	while (out->n && out->p[out->n - 1] == '\n')
		out->p[--out->n] = '\0';
	return out->p ? out->p : "";
}

/* The head, then what is signed where mails are: from MIME-Version on. */
static enum pli_status written(struct buf *mail_out, const struct mime_mail *mail, size_t *content_at_r, struct err *err)
{
	enum pli_status st = mime_head(mail_out, mail, err);

	if (st != PLI_OK)
		return st;
	buf_str(mail_out, "MIME-Version: 1.0\r\n");
	*content_at_r = mail_out->n;
	return mime_content(mail_out, mail, err);
}

static bool about_alert(const struct notice_view *view)
{
	return str_eq(view->kind, "alert") || str_eq(view->kind, "alert_over");
}

/* What became of a registered letter, to who sent it; what: its number. */
static bool about_letter(const struct notice_view *view)
{
	return str_eq(view->kind, "accepted") || str_eq(view->kind, "refused") || str_eq(view->kind, "unclaimed");
}

/* To one who has an account. */
static bool about_account(const struct notice_view *view)
{
	return str_eq(view->kind, "setup") || str_eq(view->kind, "reset") || str_eq(view->kind, "changed") || about_alert(view) || about_letter(view);
}

/* By it large providers of mailboxes count complaints: what kind of mail, of whom.  Nothing of letter or recipient. */
static const char *feedback_id(struct pool *pool, const struct doors *doors, const struct notice_view *view)
{
	return pool_fmt(pool, "%s:%s:pli:%s", view->kind, about_account(view) ? "account" : view->registered ? "registered" : "letter",
			doors->settings->host);
}

/* what: "KIND SUBJECT" */
static void alert_put(struct pool *pool, struct view *v, const char *what, const struct locale *l)
{
	size_t n = strcspn(what, " ");
	const char *kind = pool_strn(pool, what, n);

	view_str(v, "what", kind);
	const char *subject = what[n] ? what + n + 1 : "", *known = locale_known(l, pool_fmt(pool, "alert.subject.%s", subject));

	view_str(v, "subject", known ? known : subject);
	view_str(v, "kind", locale_text(l, pool_fmt(pool, "alert.kind.%s", kind)));
}

/* To one who has an account: a link for his password, or word of what was changed. */
static enum pli_status account_render(struct doors *doors, struct pool *pool, const struct notice_view *view, const struct door_call *words,
				      struct mime_mail *mail, struct buf *mail_out, size_t *content_at_r, struct err *err)
{
	struct view *v = view_new(pool);

	mail->from.name = doors->settings->host;
	view_str(v, "name", view->recipient_name);
	view_str(v, "address", view->recipient_address);
	view_str(v, "host", doors->host);
	view_str(v, "link", view->link);
	view_str(v, "link_text", view->link);
	view_str(v, "what", view->what);
	view_bool(v, "setup", str_eq(view->kind, "setup"));
	view_bool(v, "reset", str_eq(view->kind, "reset"));
	view_bool(v, "changed", str_eq(view->kind, "changed"));
	if (about_letter(view)) {
		view_bool(v, "decided", true);
		view_str(v, "what", view->kind);
		view_str(v, "number", view->what);
	}
	if (about_alert(view))
		alert_put(pool, v, view->what, words->locale);
	view_bool(v, "alert", str_eq(view->kind, "alert"));
	view_bool(v, "alert_over", str_eq(view->kind, "alert_over"));
	view_str(v, "expires", answer_date_text(words, view->expires_us));
	mail->subject = render(pool, &tpl_mail_account_subject, v, words->locale);
	mail->text = render(pool, &tpl_mail_account_txt, v, words->locale);
	mail->html = render(pool, &tpl_mail_account_html, v, words->locale);
	return written(mail_out, mail, content_at_r, err);
}

enum pli_status doors_notice_render(void *arg, struct pool *pool, const struct notice_view *view, struct buf *mail_out,
				     size_t *content_at_r, struct err *err)
{
	struct doors *doors = arg;
	const struct mime_header headers[] = {
		{ "Auto-Submitted", "auto-generated" },
		{ "X-Auto-Response-Suppress", "All" },
		{ "Feedback-ID", feedback_id(pool, doors, view) },
		/* Last: it may be left out. */
		{ HEAD_LINE_HEADER, view->head ? pool_fmt(pool, "%s %s", view->head, view->head_signature) : "" },
	};
	size_t header_count = sizeof(headers) / sizeof(*headers) - !(view->head && view->head[0]);
	struct door_call words = { .doors = doors, .pool = pool, .lang = view->lang, .locale = locale_get(view->lang) };
	struct view *v = view_new(pool);
	struct clock_parts parts;
	struct mime_mail mail = {
		.from = { view->entity_name, view->from },
		.to = { view->recipient_name, view->recipient_address },
		.date_us = view->created_us,
		.message_id = view->message_id,
		.headers = headers,
		.header_count = header_count,
	};

	clock_local(view->created_us, doors->settings->timezone, &parts);
	mail.offset_min = parts.offset_min;
	if (about_account(view))
		return account_render(doors, pool, view, &words, &mail, mail_out, content_at_r, err);
	view_str(v, "sender_name", view->sender_name);
	view_str(v, "entity_name", view->entity_name);
	view_str(v, "recipient_address", view->recipient_address);
	view_str(v, "link", view->link);
	view_str(v, "link_text", view->link);
	view_str(v, "host", doors->host);
	view_str(v, "head", view->head);
	view_bool(v, "has_password", view->has_password);
	view_bool(v, "registered", view->registered);
	view_str(v, "registered_kind", registered_kind(doors->settings, words.locale));
	view_bool(v, "reminder", view->registered && str_eq(view->kind, "reminder"));
	view_bool(v, "hides_sender", view->hides_sender);
	view_fmt(v, "days", "%u", view->days);
	if (view->until_us)
		view_str(v, "until", answer_day_text(&words, view->until_us - SECOND_US));
	if (view->hides_sender)		/* not by the mail's sender either */
		mail.from.name = doors->settings->host;
	view_str(v, "expires", answer_date_text(&words, view->expires_us));
	mail.subject = render(pool, &tpl_mail_notice_subject, v, words.locale);
	mail.text = render(pool, &tpl_mail_notice_txt, v, words.locale);
	mail.html = render(pool, &tpl_mail_notice_html, v, words.locale);
	return written(mail_out, &mail, content_at_r, err);
}
