/* /verify: anybody hands in a proof and is told what it is worth.  It is read in memory, examined, and forgotten. */
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

#include "examine.h"

#include "answer.h"
#include "door.h"
#include "verify_form.h"
#include "verify_mail.h"

#include "handlers.h"

static const char *say(struct door_call *c, const char *key, const char *arg)
{
	AUTO_BUF out = { 0 };

	locale_add(&out, c->locale, key, &arg, 1);
	return pool_strn(c->pool, out.p ? out.p : "", out.n);
}

/* 64 hexadecimal digits in groups of eight, to be read aloud. */
static const char *grouped(struct door_call *c, const char *hex)
{
	char *out = pool_alloc(c->pool, 72), *p = out;

	for (int i = 0; i < 64 && hex[i]; i++) {
		if (i && i % 8 == 0)
			*p++ = ' ';
		*p++ = hex[i];
	}
	*p = '\0';
	return out;
}

static void keys_put(struct door_call *c, struct view *v)
{
	char log_fingerprint[65];

	doors_fingerprint(c->doors->log_pub, false, log_fingerprint);
	view_str(v, "own_root", grouped(c, c->doors->root_fingerprint));
	view_str(v, "own_log_key", grouped(c, log_fingerprint));
}

static enum pli_status show(struct door_call *c, int code, struct view *v)
{
	view_bool(v, "sheet_verify", true);
	view_bool(v, "takes_mails", c->doors->mail != NULL);
	keys_put(c, v);
	answer_page(c, code, &tpl_pages_verify_html, v, locale_text(c->locale, "verify.title"));
	return PLI_OK;
}

enum pli_status page_verify(struct door_call *c, struct err *err)
{
	(void)err;
	return show(c, 200, view_new(c->pool));
}

/* ---- the answer ---- */

static const char *verdict_of(const struct examine *x)
{
	if (x->is_paper)
		return x->verified ? "paper" : x->incomplete ? "paper_unread" : "paper_broken";
	if (x->verified)
		return !x->ours ? "elsewhere" : x->certificate ? "certificate" : "genuine";
	return x->is_proof ? "broken" : "nothing";
}

static const char *person_text(struct door_call *c, const struct examine_person *p)
{
	return p->name ? pool_fmt(c->pool, "%s <%s>", p->name, p->address ? p->address : "") : p->address;
}

static void checks_put(struct door_call *c, struct view *v, const struct examine *x)
{
	static const char *const results[] = { "holds", "fails", "unreached" };

	for (unsigned i = 0; i < x->count; i++) {
		const struct examine_check *check = &x->checks[i];
		struct view *item = view_item(v, "checks");

		view_str(item, "id", check->id);
		view_str(item, "result", results[check->result]);
		view_bool(item, "fails", check->result == EXAMINE_FAILS);
		view_bool(item, "holds", check->result == EXAMINE_HOLDS);
		view_str(item, "detail", check->result == EXAMINE_FAILS ? check->text : "");
		view_str(item, "rests_on", check->result == EXAMINE_UNREACHED && check->text ? check->text : "");
		view_str(item, "command", x->is_proof ? check->command : "");
	}
	if (!x->failed)
		view_str(v, "count", say(c, "verify.count_good", pool_fmt(c->pool, "%u", x->count)));
	else
		view_str(v, "count", say(c, "verify.count_bad", pool_fmt(c->pool, "%u", x->failed)));
}

static void letter_put(struct door_call *c, struct view *v, const struct examine *x)
{
	const char *first = x->entries[0].event;

	view_bool(v, "of_sender", x->of_sender);
	view_fmt(v, "number", "%llu", (unsigned long long)x->number);
	view_str(v, "origin", x->origin);
	view_str(v, "letter", x->letter);
	/* A paper that shows one event alone does not show the deposit. */
	view_bool(v, "has_sent", !x->is_paper || str_eq(first, "deposit.accepted") || str_eq(first, "consigned"));
	answer_date(c, v, "sent", "sent_iso", x->t_us);
	view_bool(v, "has_people", x->has_people);
	view_bool(v, "withheld", x->withheld);
	if (!x->has_people)
		return;
	view_str(v, "subject", x->withheld ? locale_text(c->locale, "verify.withheld") : x->subject);
	view_str(v, "sender", x->withheld ? locale_text(c->locale, "verify.withheld") : person_text(c, &x->sender));
	view_str(v, "entity", x->entity ? x->entity : "");
	for (unsigned i = 0; i < x->recipient_count && i < 200; i++) {
		struct view *item = view_item(v, "recipients");

		view_str(item, "kind", x->recipients[i].kind);
		view_str(item, "who", person_text(c, &x->recipients[i]));
	}
	view_bool(v, "recipients_cut", x->recipient_count > 200);
}

static void parts_put(struct door_call *c, struct view *v, const struct examine *x)
{
	view_bool(v, "has_content", x->has_content);
	if (!x->has_content)
		return;
	view_str(v, "message_size", answer_size_text(c, x->message_size));
	view_str(v, "message_sha256", x->message_sha256);
	for (unsigned i = 0; i < x->part_count; i++) {
		struct view *item = view_item(v, "parts");

		view_str(item, "name", x->parts[i].name);
		view_str(item, "size", answer_size_text(c, x->parts[i].size));
		view_str(item, "sha256", x->parts[i].sha256);
	}
}

/* The last so many: a letter to a thousand people has thousands of entries. */
#define ENTRIES_SHOWN 100

static void entries_put(struct door_call *c, struct view *v, const struct examine *x)
{
	unsigned from = x->entry_count > ENTRIES_SHOWN ? x->entry_count - ENTRIES_SHOWN : 0;

	for (unsigned i = from; i < x->entry_count; i++) {
		struct view *item = view_item(v, "entries");
		char iso[25];

		view_fmt(item, "number", "%llu", (unsigned long long)x->entries[i].number);
		view_str(item, "event", x->entries[i].event);
		view_str(item, "iso", clock_rfc3339(iso, x->entries[i].t_us));
		view_str(item, "date", answer_date_text(c, x->entries[i].t_us));
		if (x->entries[i].stamp_us)
			view_str(item, "stamp", clock_rfc3339(iso, x->entries[i].stamp_us));
	}
	view_fmt(v, "entries_left_out", "%u", from);
	view_bool(v, "entries_cut", from > 0);
}

/* "12 of 27" */
static const char *so_many(struct door_call *c, unsigned n, unsigned of)
{
	const char *const counts[] = { pool_fmt(c->pool, "%u", n), pool_fmt(c->pool, "%u", of) };
	AUTO_BUF words = { 0 };

	locale_add(&words, c->locale, "verify.certificate_of", counts, 2);
	return pool_strn(c->pool, words.p ? words.p : "", words.n);
}

#define CERTIFIED_SHOWN 100

static void certificate_put(struct door_call *c, struct view *v, const struct examine *x)
{
	const struct examine_certificate *e = x->certificate;

	view_bool(v, "certificate", true);
	view_str(v, "by", say(c, "verify.certificate_by", answer_date_text(c, e->by_us)));
	view_str(v, "as_of", say(c, "verify.certificate_as_of", answer_date_text(c, e->as_of_us)));
	view_bool(v, "has_deadline", e->has_deadline);
	view_str(v, "available", so_many(c, e->available, e->count));
	view_str(v, "notified", so_many(c, e->notified, e->count));
	view_str(v, "opened", so_many(c, e->opened, e->count));
	view_str(v, "opened_as_of", so_many(c, e->opened_as_of, e->count));
	view_str(v, "silent", so_many(c, e->count - e->opened_as_of, e->count));
	view_str(v, "origin", x->origin);
	for (unsigned i = 0; i < e->count && i < CERTIFIED_SHOWN; i++) {
		const struct examine_certified *one = &e->items[i];
		struct view *item = view_item(v, "certified");

		view_fmt(item, "number", "%llu", (unsigned long long)one->number);
		view_str(item, "who", one->who);
		view_str(item, "available", answer_date_text(c, one->available_us));
		view_str(item, "opened", one->opened_us ? answer_date_text(c, one->opened_us) : "");
	}
	view_bool(v, "certified_cut", e->count > CERTIFIED_SHOWN);
}

static void report_put(struct door_call *c, struct view *v, const struct examine *x)
{
	const char *verdict = verdict_of(x);

	view_str(v, "verdict", verdict);
	view_bool(v, "examined", true);
	view_bool(v, "good", x->verified && x->ours);
	view_bool(v, "wait", x->incomplete || (x->verified && !x->ours));
	view_bool(v, "bad", !x->verified && !x->incomplete);
	view_bool(v, "is_proof", x->is_proof);
	view_bool(v, "is_paper", x->is_paper);
	view_bool(v, "verified", x->verified);
	checks_put(c, v, x);
	view_str(v, "root", grouped(c, x->root));
	view_str(v, "log_key", grouped(c, x->log_key));
	view_bool(v, "ours", x->ours);
	if (x->token_us) {
		answer_date(c, v, "token", "token_iso", x->token_us);
		view_bool(v, "has_token", true);
	}
	if (x->external_us) {
		answer_date(c, v, "external", "external_iso", x->external_us);
		view_bool(v, "has_external", true);
	}
	if (x->verified && x->certificate)
		certificate_put(c, v, x);
	if (!x->verified || x->certificate)
		return;
	view_bool(v, "letter_shown", true);
	letter_put(c, v, x);
	parts_put(c, v, x);
	entries_put(c, v, x);
}

#define ATTACK_COST 10
#define CERTIFICATE_COST_MAX 50	/* all that may be asked at once, nearly */

static void attack_put(struct door_call *c, struct view *v, const struct examine_attack *a)
{
	const char *const counts[] = { pool_fmt(c->pool, "%u", a->count), pool_fmt(c->pool, "%u", a->caught) };
	AUTO_BUF words = { 0 };
	struct view *act = NULL;
	unsigned n = 0;

	view_bool(v, "attacked", true);
	view_bool(v, "all_caught", a->caught == a->count);
	locale_add(&words, c->locale, "verify.attack_result", counts, 2);
	view_strn(v, "attack_result", words.p, words.n);
	for (unsigned i = 0; i < a->count; i++) {
		const struct examine_forgery *f = &a->forgeries[i];
		struct view *item;

		if (!i || !str_eq(f->act, a->forgeries[i - 1].act)) {
			act = view_item(v, "acts");
			view_str(act, "act", f->act);
			n = 0;
		}
		view_fmt(act, "count", "%u", ++n);
		item = view_item(act, "forgeries");
		view_str(item, "target", f->target);
		view_bool(item, "relisted", f->relisted);
		view_bool(item, "caught", f->caught);
		view_str(item, "by", f->by ? f->by : "");
		view_str(item, "text", f->text);
	}
}

/* A proof that does not hold needs no forger. */
static enum pli_status attack(struct door_call *c, struct verify_form *f, const struct examine *x, struct view *v, struct err *err)
{
	struct examine_attack a;
	enum pli_status st;

	if (!str_eq(form_get(&f->form, "act"), "attack") || !x->verified || x->certificate)
		return PLI_OK;
	st = verify_form_admit(c, ATTACK_COST, err);
	if (st == PLI_OK)
		st = examine_attack(c->doors->office, c->pool, f->file.p, f->file.n, &a, err);
	if (st == PLI_OK)
		attack_put(c, v, &a);
	if (st != PLI_LIMIT)
		return st;
	view_bool(v, "attack_too_large", true);
	return PLI_OK;
}

static enum pli_status form_take(struct verify_form *f, struct err *err)
{
	static const char *const FIELDS[] = { "lang", "act", "codes", NULL };
	enum pli_status st = ostream_finish(&f->os, err);

	if (st == PLI_OK)
		st = form_only(&f->form, FIELDS, err);
	if (st == PLI_OK)
		(void)door_choose_lang(f->c, form_get(&f->form, "lang"));
	return st;
}

enum pli_status page_verify_sink(struct door_call *c, struct ostream **sink_r, struct err *err)
{
	return verify_form_open(c, sink_r, err);
}

/* What was handed in: the file, or the codes that somebody has scanned or typed. */
static enum pli_status examine(struct door_call *c, struct verify_form *f, const char *codes, struct examine *x, struct view *v, struct err *err)
{
	enum pli_status st;

	if (f->file.n) {
		unsigned count = examine_proof_count(f->file.p, f->file.n);

		/* One share is paid already. */
		st = count < 2 ? PLI_OK : verify_form_admit(c, count < CERTIFICATE_COST_MAX ? count : CERTIFICATE_COST_MAX, err);
		if (st != PLI_OK)
			return st;
		st = examine_proof(c->doors->office, c->pool, f->file.p, f->file.n, x, err);
		return st == PLI_OK ? attack(c, f, x, v, err) : st;
	}
	st = examine_paper(c->doors->office, c->pool, codes, strlen(codes), x, err);
	/* What is missing can be added. */
	if (st == PLI_OK && !x->verified)
		view_str(v, "codes", codes);
	return st;
}

enum pli_status page_verify_post(struct door_call *c, struct err *err)
{
	struct verify_form *f = c->sink_state;
	struct view *v = view_new(c->pool);
	const char *codes;
	struct examine x;
	enum pli_status st;
	bool mail;

	if (!f)
		return err_set(err, PLI_INPUT, "A proof goes in the field named `proof` of multipart/form-data.");
	st = form_take(f, err);
	codes = form_get(&f->form, "codes");
	if (st == PLI_OK && !f->file.n && (!codes || !*codes)) {
		view_bool(v, f->is_mail ? "empty_mail" : codes ? "empty_codes" : "empty", true);
		verify_form_close(f);
		return show(c, 422, v);
	}
	/* Codes in a file, as a reader of bar codes writes it. */
	if (st == PLI_OK && !f->is_mail && f->file.n && f->file.n <= EXAMINE_TEXT_BYTES && memmem(f->file.p, f->file.n, "/verify#p=", 10) &&
	    memcmp(f->file.p, "http", 4) == 0 && utf8_valid(f->file.p, f->file.n)) {
		codes = pool_strn(c->pool, f->file.p, f->file.n);
		buf_reset(&f->file);
	}
	mail = f->is_mail || verify_mail_is(f->file.p, f->file.n);
	if (st == PLI_OK && mail)
		st = verify_mail(c, f, v, err);
	else if (st == PLI_OK)
		st = examine(c, f, codes, &x, v, err);
	if (st == PLI_OK && !mail)
		report_put(c, v, &x);
	verify_form_close(f);
	return st == PLI_OK ? show(c, 200, v) : st;
}
