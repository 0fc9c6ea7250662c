/* One letter as its sender's side sees it: the sheet, who has read, what happened, message and documents; proofs, notices again (B25–B30). */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"
#include "markdown.h"
#include "range.h"
#include "stream.h"

#include "letter.h"
#include "letter_journal.h"
#include "reading.h"

#include "answer.h"
#include "desk.h"
#include "door.h"
#include "landing.h"
#include "door_form.h"
#include "portal.h"
#include "route.h"

#include "handlers.h"

#define TIMELINE_MAX 200

/* ---- who is written to ---- */

static void people_put(struct door_call *c, struct view *v, const struct letter *l, const char *kind, const char *list)
{
	for (unsigned i = 0; i < l->recipient_count; i++) {
		const struct letter_recipient *r = &l->recipients[i];
		struct view *item;

		if (!str_eq(r->kind, kind))
			continue;
		item = view_item(v, list);
		view_str(item, "address", r->address);
		view_str(item, "name", r->name);
	}
	(void)c;
}

/* Has refused a registered letter, or let its time pass: he is not written to again. */
static bool is_closed(const struct letter_recipient *r)
{
	return r->decision && !str_eq(r->decision, "accepted");
}

/* Of a registered letter: what was decided and when, or until when it can be. */
static void decision_put(struct door_call *c, struct view *item, const struct letter_recipient *r)
{
	const char *decision = r->decision ? r->decision : "";

	if (!r->decision && !r->window_us)
		return;
	view_str(item, "decision", !r->decision ? desk_text(c, "sheet.to_decide", answer_day_text(c, r->window_us - SECOND_US), NULL) :
						  locale_text(c->locale, pool_fmt(c->pool, "sheet.%s", r->decision)));
	view_str(item, "decision_colour", str_eq(decision, "accepted") ? "good" : *decision ? "bad" : "wait");
	if (r->decided_us && !str_eq(decision, "unclaimed"))
		view_str(item, "decided", desk_moment(c, r->decided_us, true));
}

static void reading_put(struct door_call *c, struct view *v, const struct letter *l, const struct letter_recipient *r)
{
	const struct reading *g = r->reading;
	struct view *item = view_item(v, "readings");
	unsigned complete = 0;

	view_str(item, "address", r->address);
	view_int(item, "machines", g->machine_visits);
	view_int(item, "pages", g->page_visits);
	if (g->method)
		view_str(item, "identified", locale_text(c->locale, str_eq(g->method, "link+password") ? "sheet.by_link_password" : "sheet.by_link"));
	if (g->acknowledged_us)
		view_str(item, "done", desk_moment(c, g->acknowledged_us, true));
	for (unsigned i = 0; i < g->part_count; i++) {
		struct view *file = view_item(item, "got");

		complete += g->parts[i].complete;
		view_bool(file, "complete", g->parts[i].complete);
		for (unsigned k = 0; k < l->part_count; k++)
			if (l->parts[k].n == g->parts[i].n)
				view_str(file, "name", l->parts[k].name);
	}
	if (l->part_count)
		view_str(item, "files", desk_text(c, "sheet.files_of", pool_fmt(c->pool, "%u", complete), pool_fmt(c->pool, "%u", l->part_count), NULL));
}

/* The kind of proof there is of what a recipient has decided, or NULL. */
static const char *decided_kind(const struct letter_recipient *r)
{
	if (!r->decision)
		return NULL;
	return str_eq(r->decision, "accepted") ? "acceptance" : str_eq(r->decision, "refused") ? "refusal" : "unclaimed";
}

static void row_put(struct door_call *c, struct view *v, const struct letter_recipient *r, bool may_resend)
{
	const char *kind = decided_kind(r);
	struct view *item = view_item(v, "rows");
	char iso[25];

	view_str(item, "address", r->address);
	view_str(item, "name", r->name);
	view_str(item, "type", locale_text(c->locale, pool_fmt(c->pool, "kind.%s", r->kind)));
	view_bool(item, "hidden_copy", str_eq(r->kind, "bcc"));
	view_str(item, "first_sent", desk_moment(c, r->first_sent_us, true));
	view_str(item, "last_sent", desk_moment(c, r->last_sent_us, true));
	view_int(item, "sends", r->sends);
	view_bool(item, "read", r->read_us != 0);
	if (r->read_us) {
		view_str(item, "read_at", desk_moment(c, r->read_us, true));
		view_str(item, "read_iso", clock_rfc3339(iso, r->read_us));
	}
	view_bool(item, "failed", !r->decision && (str_eq(r->state, "failed") || str_eq(r->state, "refused")));
	/* The mail server's own words, while nobody has read and it did not simply take the notice. */
	if (r->reply && !r->read_us && !r->decision && (str_eq(r->state, "failed") || str_eq(r->state, "refused") || str_eq(r->state, "pending")))
		view_str(item, "reply", r->reply);
	view_bool(item, "locked", r->locked && !r->read_us);
	decision_put(c, item, r);
	view_bool(item, "resend", may_resend && !is_closed(r));
	if (kind) {
		AUTO_BUF words = { 0 };

		locale_add(&words, c->locale, pool_fmt(c->pool, "sheet.pdf_%s", kind), &r->address, 1);
		view_str(item, "decided_kind", kind);
		view_strn(item, "decided_proof", words.p, words.n);
	}
}

/* ---- what is inside ---- */

static void message_put(struct door_call *c, struct view *v, const struct letter_content *content)
{
	struct buf *html = POOL_NEW(c->pool, struct buf);

	if (!content->message_n)
		return;
	buf_init_secret(html);
	pool_cleanup(c->pool, (void (*)(void *))buf_free, html);
	markdown_html(html, content->message, content->message_n);
	view_html(v, "message", (struct html_safe){ html->p, html->n });
}

static void files_put(struct door_call *c, struct view *v, const struct letter *l, bool open)
{
	char hex[65];

	for (unsigned i = 0; i < l->part_count; i++) {
		struct view *item = view_item(v, "files");

		view_int(item, "n", l->parts[i].n);
		view_str(item, "name", l->parts[i].name);
		view_str(item, "size", answer_size_text(c, l->parts[i].size));
		view_str(item, "sha256", hex_encode(hex, l->parts[i].sha256, 32));
		view_bool(item, "open", open);
	}
}

/* ---- what happened ---- */

struct timeline {
	struct door_call *c;
	struct view *v;
	bool entries;			/* each has a page of its own */
};

static enum pli_status entry_put(void *arg, const struct letter_journal_row *row, struct err *err)
{
	struct timeline *t = arg;
	struct view *item = view_item(t->v, "events");
	char iso[25];

	(void)err;
	view_str(item, "sentence", row->message);
	view_str(item, "user", row->user);
	view_str(item, "moment", desk_moment(t->c, row->date_us, true));
	view_str(item, "iso", clock_rfc3339(iso, row->date_us));
	view_fmt(item, "number", "%llu", (unsigned long long)row->number);
	view_str(item, "colour", row->state ? desk_state_class(row->state) : "");
	view_str(item, "stamp", desk_moment(t->c, row->stamp_us, true));
	if (row->stamp_us)
		view_str(item, "stamp_iso", clock_rfc3339(iso, row->stamp_us));
	view_bool(item, "linked", t->entries);
	return PLI_OK;
}

static enum pli_status timeline_put(struct door_call *c, struct view *v, struct err *err)
{
	struct timeline t = { .c = c, .v = v };
	struct letter_journal_query query = { .letter = c->params[0], .limit = TIMELINE_MAX, .lang = c->lang };
	struct letter_journal_page page = { 0 };
	const struct route *route;
	const char *params[DOOR_PARAMS_MAX];
	char allow[64];
	enum pli_status st;

	t.entries = route_find(HTTP_GET, "/journal/1", c->pool, &route, params, allow) == PLI_OK;
	st = letter_journal_page(c->doors->office, &c->principal, c->pool, &query, entry_put, &t, &page, err);
	view_bool(v, "more_events", page.next != NULL);
	/* A role that sees letters but no journal sees the page without. */
	return st == PLI_DENIED ? PLI_OK : st;
}

/* ---- the page ---- */

static void sheet_put(struct door_call *c, struct view *v, const struct letter *l)
{
	bool sees_bcc = principal_sees_bcc(&c->principal, &l->account);
	bool may_resend = principal_may(&c->principal, RIGHT_LETTER_RESEND, &l->entity, &l->account, NULL) == PLI_OK &&
			  l->expires_us > clock_now_us() && !l->archived_us;
	unsigned unread = 0;
	char key[33], id[37];
	uint8_t random[16];

	desk_letter_put(c, v, l);
	uuid_format(id, &l->letter);
	mem_random(random, sizeof(random));
	view_str(v, "key", hex_encode(key, random, sizeof(random)));
	view_str(v, "entity_name", l->entity_name);
	view_str(v, "siren", l->siren);
	view_str(v, "archive_log", l->origin_log);
	view_fmt(v, "archive_number", "%llu", (unsigned long long)l->origin_number);
	view_str(v, "sent", desk_moment(c, l->sent_us, true));
	view_str(v, "deposited", desk_moment(c, l->created_us, true));
	answer_date(c, v, "expires", "expires_iso", l->expires_us);
	view_bool(v, "sending", str_eq(l->state, "created"));
	view_bool(v, "is_over", l->expires_us <= clock_now_us());
	view_bool(v, "has_password", !str_eq(l->password, "none"));
	view_bool(v, "registered", str_eq(l->class_, "registered"));
	view_str(v, "registered_kind", registered_kind(c->doors->settings, c->locale));
	view_bool(v, "hides_sender", l->profile && str_eq(l->profile, "fr-lre"));
	view_bool(v, "sees_bcc", sees_bcc);
	view_bool(v, "resend", may_resend);
	view_bool(v, "proofs", principal_may(&c->principal, RIGHT_LETTER_PROOF, &l->entity, &l->account, NULL) == PLI_OK);
	people_put(c, v, l, "to", "to_list");
	people_put(c, v, l, "cc", "cc_list");
	people_put(c, v, l, "bcc", "bcc_list");
	for (unsigned i = 0; i < l->recipient_count; i++) {
		row_put(c, v, &l->recipients[i], may_resend);
		if (l->recipients[i].reading)
			reading_put(c, v, l, &l->recipients[i]);
		unread += l->recipients[i].read_us == 0 && !is_closed(&l->recipients[i]);
	}
	view_bool(v, "some_unread", unread && unread < l->recipient_count);
	view_fmt(v, "unread", "%u", unread);
}

enum pli_status desk_letter(struct door_call *c, struct err *err)
{
	struct view *v = view_new(c->pool);
	struct letter *l;
	struct letter_content *content;
	enum pli_status open, st = letter_get(c->doors->office, &c->principal, c->pool, c->params[0], &l, err);

	if (st == PLI_OK)
		st = reading_load(c->doors->office, c->pool, l, err);
	if (st != PLI_OK)
		return st;
	sheet_put(c, v, l);
	st = desk_retention_put(c, v, l, err);
	if (st != PLI_OK)
		return st;
	open = letter_content_get(c->doors->office, &c->principal, c->pool, c->params[0], &content, err);
	if (open == PLI_OK)
		message_put(c, v, content);
	else if (open != PLI_DENIED && open != PLI_GONE)
		return open;
	view_bool(v, "content", open == PLI_OK);
	view_bool(v, "content_over", open == PLI_GONE);
	files_put(c, v, l, open == PLI_OK);
	st = timeline_put(c, v, err);
	if (st != PLI_OK)
		return st;
	view_bool(v, "just_sent", str_eq(door_query(c, "sent"), "1"));
	portal_page(c, 200, &tpl_pages_sent_html, v, l->subject, PORTAL_LETTERS);
	return PLI_OK;
}

/* ---- downloads ---- */

enum pli_status desk_proof(struct door_call *c, struct err *err)
{
	const char *recipient = door_query(c, "recipient");
	enum pli_status st = letter_proof(c->doors->office, &c->principal, c->pool, c->params[0], recipient, &c->x->res.body, err);

	if (st != PLI_OK)
		return st;
	c->x->res.status = 200;
	answer_download(c, "application/vnd.etsi.asic-e+zip", pool_fmt(c->pool, "pli-%.8s.asice", c->params[0]));
	return PLI_OK;
}

enum pli_status desk_receipt(struct door_call *c, struct err *err)
{
	const char *kind = door_query(c, "kind");
	enum pli_status st;

	if (!kind)
		kind = "deposit";
	st = letter_receipt(c->doors->office, &c->principal, c->pool, c->params[0], kind, door_query(c, "recipient"), c->lang,
			    &c->x->res.body, err);
	if (st != PLI_OK)
		return st;
	c->x->res.status = 200;
	answer_download(c, "application/pdf", pool_fmt(c->pool, "pli-%.8s-%s.pdf", c->params[0], kind));
	return PLI_OK;
}

enum pli_status desk_file(struct door_call *c, struct err *err)
{
	struct letter_content *content;
	const struct letter_part *part;
	struct range range;
	enum pli_status st = letter_content_get(c->doors->office, &c->principal, c->pool, c->params[0], &content, err);

	if (st != PLI_OK)
		return st;
	st = answer_part(c, content->letter, &part, &range, err);
	if (st != PLI_OK || !part)
		return st;
	return letter_content_file(c->doors->office, content, part->n, range.first, range.length, &c->x->res.source, err);
}

/* ---- notices again, a lock undone ---- */

static const char *const *chosen(struct door_call *c, const struct form *form, const struct letter *l)
{
	const char *recipient = form_get(form, "recipient");
	const char **list = POOL_ARRAY(c->pool, const char *, l->recipient_count + 2);
	unsigned n = 0;

	if (recipient) {
		list[0] = recipient;
		return list;
	}
	if (!str_eq(form_get(form, "which"), "unread"))
		return NULL;
	for (unsigned i = 0; i < l->recipient_count; i++)
		if (!l->recipients[i].read_us && !is_closed(&l->recipients[i]))
			list[n++] = l->recipients[i].address;
	return list;
}

enum pli_status desk_resend(struct door_call *c, struct err *err)
{
	struct form form;
	struct letter *l;
	const char *done = "resent";
	enum pli_status st = door_form(c, &form, err);

	if (st == PLI_OK)
		st = letter_get(c->doors->office, &c->principal, c->pool, c->params[0], &l, err);
	if (st != PLI_OK)
		return st;
	if (form_get(&form, "unlock")) {
		st = principal_may(&c->principal, RIGHT_LETTER_RESEND, &l->entity, &l->account, err);
		if (st == PLI_OK)
			st = letter_unlock(c->doors->office, &c->actor, c->params[0], form_get(&form, "unlock"), err);
		done = "unlocked";
	} else {
		st = letter_resend(c->doors->office, &c->principal, &c->actor, c->pool, c->params[0], chosen(c, &form, l),
				   form_get(&form, "key"), err);
	}
	/* Pressed twice: the first press does it. */
	if (st == PLI_CONFLICT && (str_eq(err->type, "still-running") || str_eq(err->type, "not-locked")))
		st = PLI_OK;
	if (st == PLI_CONFLICT || st == PLI_INVALID)
		done = "not-resent";
	else if (st != PLI_OK)
		return st;
	answer_see_other(c, pool_fmt(c->pool, "/letters/%s?done=%s", c->params[0], done));
	return PLI_OK;
}
