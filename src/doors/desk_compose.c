/* Writing a letter: one form for a new one and for a draft.  Whatever was typed is saved as a draft first, files included, and only
 * then judged: an error costs nobody a word. */
#include <string.h>

#include "buf.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"
#include "stream.h"

#include "draft.h"
#include "letter.h"

#include "answer.h"
#include "desk.h"
#include "door.h"
#include "door_form.h"
#include "letter_form.h"
#include "portal.h"

#include "handlers.h"

#define ROUTE_SCOPE "page"	/* of the key of a new letter's form */

static const char *const FIELDS[] = { "form", "key", "version", "to", "cc", "bcc", "subject", "message", "password", "expires", "class", "uploads",
				      "act", "remove", NULL };

/* What the form shows. */
struct composing {
	const char *id;			/* NULL: no draft yet */
	const char *key;		/* of a form without a draft */
	uint64_t version;
	const char *to, *cc, *bcc, *subject, *message, *password, *expires, *class_;
	const struct letter_part *parts;
	unsigned part_count;
	const struct err *fault;	/* NULL: none */
};

static const char *field_of(const struct err *fault)
{
	if (!fault)
		return "";
	return str_eq(fault->field, "uploads") ? "file" : fault->field;
}

static void fault_put(struct door_call *c, struct view *v, const struct err *fault)
{
	static const char *const NAMED[] = { "to", "cc", "bcc", "subject", "message", "file", "password", "expires", "class" };
	const char *field = field_of(fault), *text = desk_fault(c, fault);

	view_str(v, "fault", text);
	for (size_t i = 0; i < sizeof(NAMED) / sizeof(*NAMED); i++)
		if (str_eq(field, NAMED[i])) {
			view_str(v, pool_fmt(c->pool, "fault_%s", NAMED[i]), text);
			view_str(v, "fault_field", NAMED[i]);
		}
	view_bool(v, "fault_options", str_eq(field, "password") || str_eq(field, "expires"));
}

static bool is_date(const char *s)
{
	return strlen(s) == 10 && s[4] == '-' && s[7] == '-' && strspn(s, "0123456789-") == 10;
}

static const char *fresh_key(struct door_call *c)
{
	uint8_t random[16];
	char hex[33];

	mem_random(random, sizeof(random));
	return pool_str(c->pool, hex_encode(hex, random, sizeof(random)));
}

/* Three ways to send; without a word the entity's. */
static void class_put(struct door_call *c, struct view *v, const char *typed)
{
	const char *class_ = *typed ? typed : c->principal.letter_class ? c->principal.letter_class : "simple";

	view_bool(v, "is_registered", str_eq(class_, "registered"));
	view_bool(v, "is_fr_lre", str_eq(class_, "fr-lre"));
	view_bool(v, "is_simple", !str_eq(class_, "registered") && !str_eq(class_, "fr-lre"));
	view_fmt(v, "registered_days", "%u", c->doors->settings->registered_days);
	view_bool(v, "qualified", c->doors->settings->evidence_qualified);
	view_fmt(v, "keep_days", "%u", c->doors->settings->registered_keep_days);
}

static enum pli_status show(struct door_call *c, int code, const struct composing *w)
{
	struct view *v = view_new(c->pool);

	view_str(v, "id", w->id ? w->id : "");
	view_str(v, "action", w->id ? pool_fmt(c->pool, "/letters/%s/edit", w->id) : "/letters/new");
	view_str(v, "key", w->key ? w->key : "");
	view_fmt(v, "version", "%llu", (unsigned long long)w->version);
	view_str(v, "to", w->to);
	view_str(v, "cc", w->cc);
	view_str(v, "bcc", w->bcc);
	view_bool(v, "copies", *w->cc || *w->bcc);
	view_str(v, "subject", w->subject);
	view_str(v, "message", w->message);
	view_str(v, "password", w->password);
	view_str(v, "expires", w->expires);
	view_bool(v, "expires_date", !*w->expires || is_date(w->expires));
	view_bool(v, "options", *w->password || *w->expires);
	class_put(c, v, w->class_);
	view_fmt(v, "content_days", "%u", c->doors->settings->content_days);
	for (unsigned i = 0; i < w->part_count; i++) {
		struct view *item = view_item(v, "parts");

		view_int(item, "n", w->parts[i].n);
		view_str(item, "name", w->parts[i].name);
		view_str(item, "size", answer_size_text(c, w->parts[i].size));
	}
	if (w->fault)
		fault_put(c, v, w->fault);
	view_bool(v, "is_draft", w->id != NULL);
	portal_page(c, code, &tpl_pages_compose_html, v, locale_text(c->locale, w->id ? "compose.title_draft" : "compose.title"), PORTAL_LETTERS);
	return PLI_OK;
}

static struct composing of_draft(struct door_call *c, const struct draft *d)
{
	return (struct composing){ .id = c->params[0], .version = d->version, .to = d->to, .cc = d->cc, .bcc = d->bcc, .subject = d->subject,
				   .message = d->message, .password = d->password, .expires = d->expires, .class_ = d->class_, .parts = d->parts,
				   .part_count = d->part_count };
}

enum pli_status desk_new(struct door_call *c, struct err *err)
{
	struct composing w = { .key = fresh_key(c), .to = "", .cc = "", .bcc = "", .subject = "", .message = "", .password = "", .expires = "", .class_ = "" };
	enum pli_status st = principal_may(&c->principal, RIGHT_DEPOSIT, NULL, NULL, err);

	return st == PLI_OK ? show(c, 200, &w) : st;
}

/* A draft that is not there any more may be a letter by now: there is where its author wants to be. */
static enum pli_status draft_or_letter(struct door_call *c, struct draft **draft_r, struct err *err)
{
	struct letter *letter;
	enum pli_status st = draft_get(c->doors->office, &c->principal, c->pool, c->params[0], draft_r, err);

	if (st != PLI_ABSENT || letter_get(c->doors->office, &c->principal, c->pool, c->params[0], &letter, NULL) != PLI_OK)
		return st;
	answer_see_other(c, pool_fmt(c->pool, "/letters/%s", c->params[0]));
	*draft_r = NULL;
	return PLI_OK;
}

enum pli_status desk_edit(struct door_call *c, struct err *err)
{
	struct draft *d;
	struct letter *letter;
	struct composing w;
	struct err fault = { 0 };
	enum pli_status st = draft_or_letter(c, &d, err);

	if (st != PLI_OK || !d)
		return st;
	w = of_draft(c, d);
	/* Sent back from the last look: what has to be mended. */
	if (str_eq(door_query(c, "check"), "1") && draft_check(c->doors->office, &c->principal, &c->actor, c->pool, d, &letter, &fault) != PLI_OK)
		w.fault = &fault;
	return show(c, 200, &w);
}

/* ---- what comes back ---- */

static enum pli_status first_field(struct door_call *c, const char *value, struct err *err)
{
	enum pli_status st = door_same_site(c, err);

	return st == PLI_OK ? door_form_key(c, value, err) : st;
}

enum pli_status desk_compose_sink(struct door_call *c, struct ostream **sink_r, struct err *err)
{
	return letter_form_open(c, first_field, sink_r, err);
}

void desk_compose_broken(struct door_call *c)
{
	if (c->sink_state)
		letter_form_abandon(c->sink_state);
}

struct posted {
	struct letter_form *form;
	struct draft_change change;
	const char *key, *act;
	unsigned remove;
};

static uint64_t number_of(const char *s)
{
	uint64_t n = 0;

	if (!s || !*s || strlen(s) > 9 || strspn(s, "0123456789") != strlen(s))
		return 0;
	for (; *s; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	return n;
}

static enum pli_status posted_read(struct door_call *c, struct posted *p, struct err *err)
{
	struct form *f;
	enum pli_status st;

	p->form = c->sink_state;
	st = ostream_finish(&p->form->os, err);
	f = &p->form->form;
	if (st == PLI_OK && !f->count)	/* a body without a field: nobody has looked at the key */
		st = door_form_key(c, NULL, err);
	if (st == PLI_OK)
		st = form_only(f, FIELDS, err);
	if (st != PLI_OK)
		return st;
	p->key = form_get(f, "key");
	p->act = form_get(f, "act");
	p->remove = (unsigned)number_of(form_get(f, "remove"));
	p->change = (struct draft_change){
		.to = form_get(f, "to"), .cc = form_get(f, "cc"), .bcc = form_get(f, "bcc"), .subject = form_get(f, "subject"),
		.message = form_get(f, "message"), .password = form_get(f, "password"), .expires = form_get(f, "expires"),
		.class_ = form_get(f, "class"),
		.parts = p->form->parts, .part_count = p->form->part_count, .uploads = letter_form_all(f, c->pool, "uploads"),
		.remove = &p->remove, .remove_count = p->remove != 0, .version = number_of(form_get(f, "version")),
		.idempotency_key = p->key && *p->key ? p->key : NULL, .route = ROUTE_SCOPE, .patient = true,
	};
	return PLI_OK;
}

static void where_next(struct door_call *c, const struct posted *p, const char *id)
{
	if (str_eq(p->act, "review"))
		answer_see_other(c, pool_fmt(c->pool, "/letters/%s/review", id));
	else if (p->remove)
		answer_see_other(c, pool_fmt(c->pool, "/letters/%s/edit#files", id));
	else
		answer_see_other(c, pool_fmt(c->pool, "/letters/%s/edit?done=draft-saved", id));
}

/* Everything but what is at fault is kept as a draft, files too.  id: of the draft, or made here; false: nothing could be kept. */
static bool rest_keep(struct door_call *c, struct posted *p, const struct err *fault, const char **id)
{
	struct draft_change rest = p->change, *r = &rest;
	const struct { const char *name, **field; } TEXTS[] = {
		{ "to", &r->to }, { "cc", &r->cc }, { "bcc", &r->bcc }, { "subject", &r->subject }, { "message", &r->message },
		{ "password", &r->password }, { "expires", &r->expires }, { "class", &r->class_ },
	};
	bool of_files = str_eq(field_of(fault), "file"), replayed;
	struct uuid draft;
	char made[37];
	enum pli_status st;

	rest.version = 0;
	rest.remove_count = 0;
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(*TEXTS); i++)
		if (fault->status == PLI_CONFLICT || str_eq(fault->field, TEXTS[i].name))
			*TEXTS[i].field = NULL;
	if (of_files) {
		rest.part_count = 0;
		rest.uploads = NULL;
	}
	if (*id) {
		st = draft_change(c->doors->office, &c->principal, &c->actor, c->pool, *id, &rest, NULL);
	} else {
		st = draft_create(c->doors->office, &c->principal, &c->actor, c->pool, &rest, &draft, &replayed, NULL);
		*id = st == PLI_OK ? pool_str(c->pool, uuid_format(made, &draft)) : NULL;
	}
	if (st == PLI_OK && !of_files)
		p->form->given = true;
	return st == PLI_OK;
}

/* What could not be saved stands in the form again, with what is wrong beside it. */
static enum pli_status show_again(struct door_call *c, struct posted *p, const char *id, const struct err *fault)
{
	const struct draft_change *g = &p->change;
	struct draft *d = NULL;
	struct composing w = { .key = p->key, .fault = fault, .to = "", .cc = "", .bcc = "", .subject = "", .message = "", .password = "",
			       .expires = "", .class_ = "" };

	if (fault->status != PLI_FULL)
		(void)rest_keep(c, p, fault, &id);
	if (id && draft_get(c->doors->office, &c->principal, c->pool, id, &d, NULL) == PLI_OK) {
		c->params[0] = id;
		w = of_draft(c, d);
		w.fault = fault;
	}
	w.to = g->to ? g->to : w.to;
	w.cc = g->cc ? g->cc : w.cc;
	w.bcc = g->bcc ? g->bcc : w.bcc;
	w.subject = g->subject ? g->subject : w.subject;
	w.message = g->message ? g->message : w.message;
	w.password = g->password ? g->password : w.password;
	w.expires = g->expires ? g->expires : w.expires;
	w.class_ = g->class_ ? g->class_ : w.class_;
	return show(c, fault->status == PLI_CONFLICT ? 409 : fault->status == PLI_LIMIT ? 413 : fault->status == PLI_FULL ? 507 : 422, &w);
}

/* Faults of what was typed; the rest is a page of its own. */
static bool is_mendable(enum pli_status st)
{
	return st == PLI_INVALID || st == PLI_LIMIT || st == PLI_INPUT || st == PLI_CONFLICT || st == PLI_FULL;
}

/* The form was sent twice: the files of the first time are there already. */
static void parts_known_drop(struct posted *p, const struct draft *d)
{
	struct deposit_part *parts = p->form->parts;
	unsigned kept = 0, count = p->form->part_count;

	for (unsigned i = 0; i < count; i++) {
		bool known = false;

		for (unsigned k = 0; k < d->part_count; k++)
			known |= str_eq(parts[i].name, d->parts[k].name) && mem_same(parts[i].sha256, d->parts[k].sha256, 32);
		if (!known) {
			struct deposit_part swap = parts[kept];

			parts[kept++] = parts[i];
			parts[i] = swap;
		}
	}
	p->change.part_count = kept;
}

static bool same(const char *posted, const char *kept)
{
	return !posted || str_eq(posted, kept);
}

static bool is_made(const struct draft_change *g, const struct draft *d)
{
	return same(g->to, d->to) && same(g->cc, d->cc) && same(g->bcc, d->bcc) && same(g->subject, d->subject) &&
	       same(g->message, d->message) && same(g->password, d->password) && same(g->expires, d->expires) &&
	       same(g->class_, d->class_);
}

static void parts_given(struct door_call *c, struct posted *p)
{
	/* Those that were known stand behind: they are given back. */
	if (p->change.part_count < p->form->part_count)
		deposit_stage_discard(c->doors->office, &c->principal, p->form->parts + p->change.part_count,
				      p->form->part_count - p->change.part_count);
	p->form->given = true;
}

static enum pli_status save_again(struct door_call *c, struct posted *p, const char *id, struct err *err)
{
	struct draft *d;
	enum pli_status st = draft_get(c->doors->office, &c->principal, c->pool, id, &d, err);

	if (st == PLI_ABSENT) {		/* sent since */
		answer_see_other(c, pool_fmt(c->pool, "/letters/%s", id));
		return PLI_OK;
	}
	if (st != PLI_OK)
		return st;
	parts_known_drop(p, d);
	p->change.uploads = NULL;	/* used by the first */
	st = draft_change(c->doors->office, &c->principal, &c->actor, c->pool, id, &p->change, err);
	if (st != PLI_OK)
		return st;
	parts_given(c, p);
	where_next(c, p, id);
	return PLI_OK;
}

enum pli_status desk_new_post(struct door_call *c, struct err *err)
{
	struct posted p = { 0 };
	struct uuid draft;
	struct err fault = { 0 };
	bool replayed;
	char id[37];
	enum pli_status st = posted_read(c, &p, err);

	if (st != PLI_OK)
		return st;
	p.change.version = 0;
	st = draft_create(c->doors->office, &c->principal, &c->actor, c->pool, &p.change, &draft, &replayed, &fault);
	if (st == PLI_OK && replayed)
		return save_again(c, &p, uuid_format(id, &draft), err);
	if (st == PLI_OK) {
		p.form->given = true;
		where_next(c, &p, uuid_format(id, &draft));
		return PLI_OK;
	}
	if (is_mendable(st))
		return show_again(c, &p, NULL, &fault);
	*err = fault;
	return st;
}

enum pli_status desk_edit_post(struct door_call *c, struct err *err)
{
	struct posted p = { 0 };
	struct draft *d = NULL;
	struct err fault = { 0 };
	enum pli_status st = posted_read(c, &p, err);

	if (st == PLI_OK)
		st = draft_or_letter(c, &d, err);
	if (st != PLI_OK || !d)
		return st;
	/* Pressed twice: the same form again, whose change is made. */
	if (p.change.version && p.change.version != d->version && is_made(&p.change, d)) {
		parts_known_drop(&p, d);
		p.change.uploads = NULL;
		p.change.version = 0;
		p.change.remove_count = 0;
	}
	st = draft_change(c->doors->office, &c->principal, &c->actor, c->pool, c->params[0], &p.change, &fault);
	if (st == PLI_OK) {
		parts_given(c, &p);
		where_next(c, &p, c->params[0]);
		return PLI_OK;
	}
	if (is_mendable(st))
		return show_again(c, &p, c->params[0], &fault);
	*err = fault;
	return st;
}
