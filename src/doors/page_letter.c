/* What a recipient reads after opening: the letter, its documents one by one or as one ZIP, his proof.  Only with the reading cookie, else back to
 * the landing page. */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "locale.h"
#include "pool.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "cookie.h"
#include "filename.h"
#include "http.h"
#include "markdown.h"
#include "range.h"
#include "stream.h"

#include "delivery.h"
#include "letter.h"

#include "answer.h"
#include "archive.h"
#include "door.h"
#include "landing.h"

#include "handlers.h"

/* The view behind the cookie; PLI_OK with *view_r NULL when the answer (a redirect to the landing page) is made already. */
static enum pli_status enter(struct door_call *c, struct delivery_view **view_r, struct err *err)
{
	struct delivery_view *view = POOL_NEW(c->pool, struct delivery_view);
	char suffix[9];
	const char *cookie;
	enum pli_status st;

	*view_r = NULL;
	delivery_cookie_suffix(c->params[0], suffix);
	cookie = cookie_get(c->pool, http_field(&c->x->req, "cookie"), pool_fmt(c->pool, "__Host-r%s", suffix));
	st = cookie ? delivery_view(c->doors->office, c->pool, c->params[0], cookie, view, err) : PLI_UNAUTH;
	if (st == PLI_OK) {
		*view_r = view;
		return PLI_OK;
	}
	if (st == PLI_UNAUTH || st == PLI_ABSENT || st == PLI_GONE || st == PLI_LOCKED) {
		answer_see_other(c, pool_fmt(c->pool, "/l/%s%s", c->params[0], answer_lang_query(c)));
		return PLI_OK;
	}
	return st;
}

/* For his proof, also one who has refused or let the time go by: his link is enough then. */
static enum pli_status enter_for_proof(struct door_call *c, struct delivery_view **view_r, struct err *err)
{
	struct delivery_view *view = POOL_NEW(c->pool, struct delivery_view);
	struct err undecided = { 0 };

	if (delivery_decided(c->doors->office, c->pool, c->params[0], view, &undecided) != PLI_OK)
		return enter(c, view_r, err);
	*view_r = view;
	return PLI_OK;
}

static void add_people(struct view *v, const struct letter *letter)
{
	for (unsigned i = 0; i < letter->recipient_count; i++) {
		const struct letter_recipient *r = &letter->recipients[i];

		if (!str_eq(r->kind, "bcc"))
			view_str(view_item(v, str_eq(r->kind, "to") ? "to_list" : "cc_list"), "address", r->address);
	}
}

static void add_files(struct door_call *c, struct view *v, const struct letter *letter)
{
	char hex[65];
	const char *args[1];
	AUTO_BUF title = { 0 };

	for (unsigned i = 0; i < letter->part_count; i++) {
		struct view *item = view_item(v, "files");

		view_int(item, "n", letter->parts[i].n);
		view_str(item, "name", letter->parts[i].name);
		view_str(item, "size", answer_size_text(c, letter->parts[i].size));
		view_str(item, "sha256", hex_encode(hex, letter->parts[i].sha256, 32));
	}
	args[0] = pool_fmt(c->pool, "%u", letter->part_count);
	locale_add(&title, c->locale, letter->part_count ? "letter.files" : "letter.no_files_title", args, 1);
	view_strn(v, "files_title", title.p, title.n);
}

void letter_page_fill(struct door_call *c, const struct delivery_view *dv, struct view *v)
{
	const struct letter *letter = dv->letter;
	const struct letter_recipient *me = &letter->recipients[dv->me];
	struct buf *html = POOL_NEW(c->pool, struct buf);

	view_str(v, "token", c->params[0]);
	view_str(v, "entity_name", letter->entity_name);
	view_str(v, "sender_name", letter->sender_name);
	view_str(v, "sender_entity", str_eq(letter->sender_name, letter->entity_name) ? "" : letter->entity_name);
	view_str(v, "subject", letter->subject);
	view_str(v, "me_address", me->address);
	view_bool(v, "bcc_me", str_eq(me->kind, "bcc"));
	view_fmt(v, "number", "%llu", (unsigned long long)letter->number);
	answer_date(c, v, "sent", "sent_iso", letter_sent_to_us(letter, me));
	view_bool(v, "registered", str_eq(letter->class_, "registered"));
	view_str(v, "registered_kind", registered_kind(c->doors->settings, c->locale));
	answer_date(c, v, "accepted", "accepted_iso", me->decided_us);
	answer_date(c, v, "opened", "opened_iso", me->read_us);
	answer_date(c, v, "expires", "expires_iso", letter->expires_us);
	add_people(v, letter);
	add_files(c, v, letter);
	if (dv->message_n) {
		buf_init_secret(html);
		pool_cleanup(c->pool, (void (*)(void *))buf_free, html);
		markdown_html(html, dv->message, dv->message_n);
		view_html(v, "message", (struct html_safe){ html->p, html->n });
	}
}

enum pli_status page_letter(struct door_call *c, struct err *err)
{
	struct delivery_view *dv;
	struct view *v;
	AUTO_BUF title = { 0 };
	enum pli_status st = enter(c, &dv, err);

	if (st != PLI_OK || !dv)
		return st;
	v = view_new(c->pool);
	letter_page_fill(c, dv, v);
	locale_add(&title, c->locale, "letter.title", &dv->letter->entity_name, 1);
	answer_page(c, 200, &tpl_pages_letter_html, v, title.p);
	return PLI_OK;
}

enum pli_status page_file(struct door_call *c, struct err *err)
{
	struct delivery_view *dv;
	const struct letter_part *part;
	struct range range;
	enum pli_status st = enter(c, &dv, err);

	if (st != PLI_OK || !dv)
		return st;
	st = answer_part(c, dv->letter, &part, &range, err);
	if (st != PLI_OK || !part)
		return st;
	st = delivery_file(c->doors->office, c->pool, dv, part->n, range.first, range.length, &c->actor, &c->x->res.source, err);
	if (st != PLI_OK)
		return st;
	c->view = dv;
	c->sending_part = part->n;
	c->sending_offset = range.first;
	return PLI_OK;
}

enum pli_status page_zip(struct door_call *c, struct err *err)
{
	struct delivery_view *dv;
	struct archive *archive;
	struct range range;
	enum pli_status st = enter(c, &dv, err);

	if (st == PLI_OK && dv)
		st = archive_new(c, dv, &archive, err);
	if (st != PLI_OK || !dv)
		return st;
	if (!answer_ranged(c, archive_etag(archive), archive_length(archive), &range))
		return PLI_OK;
	answer_download(c, "application/zip", pool_fmt(c->pool, "pli-%llu.zip", (unsigned long long)dv->letter->number));
	c->x->res.source_bytes = range.length;
	if (c->x->req.method == HTTP_HEAD)
		c->x->res.source = istream_memory("", 0);
	else
		c->x->res.source = archive_stream(archive, range.first);
	c->archive = archive;
	c->sending_offset = range.first;
	return PLI_OK;
}

enum pli_status page_receipt(struct door_call *c, struct err *err)
{
	struct delivery_view *dv;
	enum pli_status st = enter_for_proof(c, &dv, err);

	if (st != PLI_OK || !dv)
		return st;
	st = delivery_receipt_pdf(c->doors->office, c->pool, dv, c->lang, &c->x->res.body, err);
	if (st != PLI_OK)
		return st;
	c->x->res.status = 200;
	answer_download(c, "application/pdf", pool_fmt(c->pool, "pli-%llu.pdf", (unsigned long long)dv->letter->number));
	return PLI_OK;
}

enum pli_status page_proof(struct door_call *c, struct err *err)
{
	struct delivery_view *dv;
	enum pli_status st = enter_for_proof(c, &dv, err);

	if (st != PLI_OK || !dv)
		return st;
	st = delivery_proof(c->doors->office, c->pool, dv, &c->x->res.body, err);
	if (st != PLI_OK)
		return st;
	c->x->res.status = 200;
	answer_download(c, "application/vnd.etsi.asic-e+zip",
			pool_fmt(c->pool, "pli-%llu.asice", (unsigned long long)dv->letter->number));
	return PLI_OK;
}
