/* The last look and the sending: what each person will get, what the proof will and will not establish; then the one act. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"
#include "markdown.h"

#include "draft.h"
#include "letter.h"

#include "answer.h"
#include "desk.h"
#include "door.h"
#include "landing.h"
#include "door_form.h"
#include "portal.h"

#include "handlers.h"

/* A letter is sent once from its page, however often the button was pressed. */
#define PAGE_KEY "page"

static void people_put(struct view *v, const struct letter *l, const char *kind, const char *list)
{
	for (unsigned i = 0; i < l->recipient_count; i++) {
		struct view *item;

		if (!str_eq(l->recipients[i].kind, kind))
			continue;
		item = view_item(v, list);
		view_str(item, "address", l->recipients[i].address);
		view_str(item, "name", l->recipients[i].name);
	}
}

static void content_put(struct door_call *c, struct view *v, const struct draft *d)
{
	struct buf *html = POOL_NEW(c->pool, struct buf);
	char hex[65];

	if (*d->message) {
		buf_init_secret(html);
		pool_cleanup(c->pool, (void (*)(void *))buf_free, html);
		markdown_html(html, d->message, strlen(d->message));
		view_html(v, "message", (struct html_safe){ html->p, html->n });
	}
	for (unsigned i = 0; i < d->part_count; i++) {
		struct view *item = view_item(v, "files");

		view_str(item, "name", d->parts[i].name);
		view_str(item, "size", answer_size_text(c, d->parts[i].size));
		view_str(item, "sha256", hex_encode(hex, d->parts[i].sha256, 32));
	}
}

/* Where the settings ask it: who sends a registered letter shows once more who he is, and comes back here. */
static bool asked_again(struct door_call *c, const struct letter *l)
{
	if (!str_eq(l->class_, "registered") || !c->doors->settings->registered_step_up || portal_is_fresh(c->session))
		return false;
	answer_see_other(c, pool_fmt(c->pool, "/step-up?next=%s", portal_query_value(c, pool_fmt(c->pool, "/letters/%s/review", c->params[0]))));
	return true;
}

enum pli_status desk_review(struct door_call *c, struct err *err)
{
	struct view *v;
	struct draft *d;
	struct letter *l;
	struct err fault = { 0 };
	enum pli_status st = draft_get(c->doors->office, &c->principal, c->pool, c->params[0], &d, err);

	if (st == PLI_ABSENT && letter_get(c->doors->office, &c->principal, c->pool, c->params[0], &l, NULL) == PLI_OK) {
		answer_see_other(c, pool_fmt(c->pool, "/letters/%s", c->params[0]));
		return PLI_OK;
	}
	if (st != PLI_OK)
		return st;
	if (draft_check(c->doors->office, &c->principal, &c->actor, c->pool, d, &l, &fault) != PLI_OK) {
		answer_see_other(c, pool_fmt(c->pool, "/letters/%s/edit?check=1", c->params[0]));
		return PLI_OK;
	}
	if (asked_again(c, l))
		return PLI_OK;
	v = view_new(c->pool);
	view_str(v, "id", c->params[0]);
	view_fmt(v, "version", "%llu", (unsigned long long)d->version);
	view_str(v, "subject", l->subject);
	view_str(v, "from_name", c->principal.name);
	view_str(v, "entity_name", c->principal.entity_name);
	view_str(v, "from_address", c->doors->settings->mail_from);
	view_str(v, "host", c->doors->host);
	view_bool(v, "has_password", *d->password != '\0');
	view_bool(v, "registered", str_eq(l->class_, "registered"));
	view_str(v, "registered_kind", registered_kind(c->doors->settings, c->locale));
	view_bool(v, "hides_sender", l->profile != NULL);
	view_bool(v, "qualified", c->doors->settings->evidence_qualified);
	view_fmt(v, "days", "%u", letter_window_days(c->doors->office, l));
	answer_date(c, v, "expires", "expires_iso", l->expires_us);
	people_put(v, l, "to", "to_list");
	people_put(v, l, "cc", "cc_list");
	people_put(v, l, "bcc", "bcc_list");
	view_fmt(v, "people", "%u", l->recipient_count);
	view_bool(v, "several", l->recipient_count > 1);
	content_put(c, v, d);
	view_bool(v, "changed", str_eq(door_query(c, "changed"), "1"));
	portal_page(c, 200, &tpl_pages_review_html, v, locale_text(c->locale, "review.title"), PORTAL_LETTERS);
	return PLI_OK;
}

/* What became of it, as a place to go to. */
static enum pli_status lead_on(struct door_call *c, enum pli_status st, struct err *err)
{
	const char *id = c->params[0];

	if (st == PLI_OK)
		answer_see_other(c, pool_fmt(c->pool, "/letters/%s?sent=1", id));
	else if (st == PLI_UNCERTAIN)	/* it is stored; the page shows how far it is */
		answer_see_other(c, pool_fmt(c->pool, "/letters/%s?done=uncertain", id));
	else if (st == PLI_CONFLICT && str_eq(err->type, "already-sent"))
		answer_see_other(c, pool_fmt(c->pool, "/letters/%s", id));
	else if (st == PLI_CONFLICT && str_eq(err->type, "draft-changed"))
		answer_see_other(c, pool_fmt(c->pool, "/letters/%s/review?changed=1", id));
	else if (st == PLI_INVALID || st == PLI_INPUT || st == PLI_LIMIT || (st == PLI_BUSY && str_eq(err->type, "time-away")))
		answer_see_other(c, pool_fmt(c->pool, "/letters/%s/edit?check=1", id));
	else
		return st;
	return PLI_OK;
}

enum pli_status desk_send(struct door_call *c, struct err *err)
{
	struct form form;
	struct uuid letter;
	struct draft *d;
	struct letter *l;
	AUTO_BUF ignored;
	const char *version;
	uint64_t n = 0;
	enum pli_status st = door_form(c, &form, err);

	buf_init(&ignored);
	if (st != PLI_OK)
		return st;
	version = form_get(&form, "version");
	if (version && *version && strlen(version) <= 9 && strspn(version, "0123456789") == strlen(version))
		for (const char *p = version; *p; p++)
			n = n * 10 + (uint64_t)(*p - '0');
	if (!n)		/* what was looked at must be said */
		return err_field(err, PLI_INVALID, "draft-changed", "version", "The version that was looked at is missing.");
	if (c->doors->settings->registered_step_up &&
	    draft_get(c->doors->office, &c->principal, c->pool, c->params[0], &d, NULL) == PLI_OK &&
	    draft_check(c->doors->office, &c->principal, &c->actor, c->pool, d, &l, NULL) == PLI_OK && asked_again(c, l))
		return PLI_OK;
	st = draft_send(c->doors->office, &c->principal, &c->actor, c->pool, c->params[0], n, PAGE_KEY, &letter, &ignored, err);
	return lead_on(c, st, err);
}

enum pli_status desk_delete(struct door_call *c, struct err *err)
{
	struct form form;
	enum pli_status st = door_form(c, &form, err);

	if (st == PLI_OK)
		st = draft_delete(c->doors->office, &c->principal, &c->actor, c->pool, c->params[0], err);
	/* Pressed twice, or sent meanwhile: the list shows which. */
	if (st == PLI_OK || st == PLI_ABSENT)
		answer_see_other(c, st == PLI_OK ? "/letters?state=drafts&done=draft-deleted" : "/letters?state=drafts");
	return st == PLI_ABSENT ? PLI_OK : st;
}
