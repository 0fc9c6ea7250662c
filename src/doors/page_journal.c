/* The journal as pages (B16, B31 to B36): a table of ten columns that can be searched and narrowed, the same as a file for a spreadsheet,
 * one entry with what proves it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"
#include "uuid.h"
#include "view.h"
#include "web.h"

#include "form.h"
#include "http.h"

#include "letter.h"
#include "letter_journal.h"

#include "answer.h"
#include "door.h"
#include "page_filter.h"
#include "portal.h"

#include "handlers.h"

#define ROWS 50

static const char *const NAMES[] = { "q", "type", "state", "user", "period", "from", "to", "cursor", "letter", NULL };

/* What the address asks for: as typed, and as the office takes it. */
struct asked {
	struct page_filter filter;
	struct letter_journal_query query;
	const char *fault_field, *fault_key;	/* a value that cannot be used */
};

static const char *instant(struct door_call *c, int64_t t_us)
{
	char *text = pool_alloc(c->pool, 25);

	return clock_rfc3339(text, t_us);
}

/* A local date as typed; false when it is none. */
static bool date_read(const char *typed, int64_t *day_r)
{
	int64_t t_us;

	if (strlen(typed) != 10 || !clock_parse(typed, &t_us))
		return false;
	*day_r = clock_day(t_us);
	return true;
}

static void times_read(struct door_call *c, struct asked *a)
{
	const char *zone = c->doors->settings->timezone;
	const char *period = page_filter_get(&a->filter, "period"), *from = page_filter_get(&a->filter, "from");
	const char *to = page_filter_get(&a->filter, "to");
	int64_t today = clock_local_day(clock_now_us(), zone), day;
	int days = str_eq(period, "1") ? 1 : str_eq(period, "7") ? 7 : str_eq(period, "30") ? 30 : 0;

	if (days)
		a->query.from = instant(c, clock_day_begin(today - days + 1, zone));
	if (from && date_read(from, &day))
		a->query.from = instant(c, clock_day_begin(day, zone));
	else if (from)
		a->fault_field = "from", a->fault_key = "journal.fault_date";
	if (to && date_read(to, &day))
		a->query.to = instant(c, clock_day_begin(day + 1, zone) - 1000);
	else if (to)
		a->fault_field = "to", a->fault_key = "journal.fault_date";
}

static enum pli_status asked_read(struct door_call *c, struct asked *a, struct err *err)
{
	enum pli_status st = page_filter_read(c, &a->filter, NAMES, err);

	if (st != PLI_OK)
		return st;
	a->query = (struct letter_journal_query){
		.letter = page_filter_get(&a->filter, "letter"), .type = page_filter_get(&a->filter, "type"),
		.state = page_filter_get(&a->filter, "state"), .user = page_filter_get(&a->filter, "user"),
		.q = page_filter_get(&a->filter, "q"), .cursor = page_filter_get(&a->filter, "cursor"), .lang = c->lang,
	};
	times_read(c, a);
	return PLI_OK;
}

/* A refusal that a mended field answers; false: it is another. */
static bool fault_of(struct asked *a, const struct err *err)
{
	if (err->status != PLI_INVALID)
		return false;
	a->fault_field = str_eq(err->field, "q") || str_eq(err->field, "from") || str_eq(err->field, "to") ? err->field : "q";
	a->fault_key = str_eq(err->type, "bad-search") ? "journal.fault_search" : str_eq(err->type, "bad-date") ? "journal.fault_date" :
										  "journal.fault_filter";
	return true;
}

/* ---- the table ---- */

static const char *tone_of(const char *state)
{
	static const char *const GOOD[] = { "received", "opened", "accepted", "delivered", NULL };
	static const char *const BAD[] = { "failed", "refused", "expired", "not_received", "deleted", NULL };

	for (unsigned i = 0; GOOD[i]; i++)
		if (str_eq(GOOD[i], state))
			return "good";
	for (unsigned i = 0; BAD[i]; i++)
		if (str_eq(BAD[i], state))
			return "bad";
	return "plain";
}

static void time_put(struct door_call *c, struct view *v, const char *date_name, const char *clock_name, const char *iso_name, int64_t t_us)
{
	struct clock_parts p;
	char iso[25];

	view_str(v, date_name, "");
	view_str(v, clock_name, "");
	view_str(v, iso_name, "");
	if (!t_us)
		return;
	clock_local(t_us, c->doors->settings->timezone, &p);
	view_fmt(v, date_name, c->lang[0] == 'f' ? "%1$02d/%2$02d/%3$04d" : "%3$04d-%2$02d-%1$02d", p.day, p.month, p.year);
	view_fmt(v, clock_name, "%02d:%02d:%02d", p.hour, p.minute, p.second);
	view_str(v, iso_name, clock_rfc3339(iso, t_us));
}

static const char *coded(struct door_call *c, const char *group, const char *code)
{
	return code ? locale_text(c->locale, pool_fmt(c->pool, "%s%s", group, code)) : "";
}

/* What table and entry page have in common. */
static void row_put(struct door_call *c, struct view *v, const struct letter_journal_row *row)
{
	char id[37];

	view_fmt(v, "number", "%" PRIu64, row->number);
	time_put(c, v, "date", "clock", "iso", row->date_us);
	time_put(c, v, "stamp_date", "stamp_clock", "stamp_iso", row->stamp_us);
	view_str(v, "type", coded(c, "type.", row->type));
	view_str(v, "state", coded(c, "state.", row->state));
	view_str(v, "tone", tone_of(row->state));
	view_str(v, "entity", row->entity);
	view_str(v, "siren", row->siren);
	view_str(v, "user", row->user);
	view_str(v, "document", row->document);
	view_str(v, "message", row->message);
	view_str(v, "letter", row->has_letter ? uuid_format(id, &row->letter) : "");
}

struct table {
	struct door_call *c;
	struct view *v;
};

static enum pli_status row_add(void *arg, const struct letter_journal_row *row, struct err *err)
{
	struct table *t = arg;

	(void)err;
	row_put(t->c, view_item(t->v, "rows"), row);
	return PLI_OK;
}

/* ---- the choices ---- */

static void option_add(struct view *v, const char *list, const char *code, const char *label, unsigned n, const char *chosen)
{
	struct view *item = view_item(v, list);

	view_str(item, "code", code);
	view_str(item, "label", label);
	view_int(item, "n", n);
	view_bool(item, "chosen", str_eq(code, chosen));
}

/* A choice that leaves nothing now is shown all the same while it is chosen. */
static void options_put(struct door_call *c, struct view *v, const char *list, const char *group, const struct letter_journal_count *counts,
			const char *chosen)
{
	bool there = !chosen;

	for (; counts->code; counts++) {
		const char *label = group ? coded(c, group, counts->code) : *counts->name ? counts->name : counts->code;

		if (counts->n || str_eq(counts->code, chosen))
			option_add(v, list, counts->code, label, counts->n, chosen);
		there = there || str_eq(counts->code, chosen);
	}
	if (!there && (!group || locale_has(c->locale, pool_fmt(c->pool, "%s%s", group, chosen))))
		option_add(v, list, chosen, group ? coded(c, group, chosen) : chosen, 0, chosen);
}

static void choices_put(struct door_call *c, struct view *v, const struct asked *a, const struct letter_journal_counts *counts)
{
	static const char *const PERIODS[] = { "1", "7", "30", "" };
	const char *period = page_filter_get(&a->filter, "period");

	options_put(c, v, "types", "type.", counts->types, a->query.type);
	options_put(c, v, "states", "state.", counts->states, a->query.state);
	options_put(c, v, "users", NULL, counts->users, a->query.user);
	for (unsigned i = 0; i < 4; i++)
		option_add(v, "periods", PERIODS[i], locale_text(c->locale, pool_fmt(c->pool, "journal.period.%s", i < 3 ? PERIODS[i] : "all")),
			   counts->periods[i], period ? period : "");
	view_bool(v, "capped", counts->capped);
}

/* What is chosen, each with the address without it. */
static void chips_put(struct door_call *c, struct view *v, const struct asked *a)
{
	static const struct {
		const char *name, *key, *group;
	} CHIPS[] = {
		{ "q", "journal.chip_q", NULL }, { "type", "journal.type", "type." }, { "state", "journal.state", "state." },
		{ "user", "journal.user", NULL }, { "period", "journal.period", "journal.period." }, { "from", "journal.from", NULL },
		{ "to", "journal.to", NULL }, { "letter", "journal.chip_letter", NULL },
	};

	for (size_t i = 0; i < sizeof(CHIPS) / sizeof(*CHIPS); i++) {
		const char *value = page_filter_get(&a->filter, CHIPS[i].name), *label = value;
		struct view *item;

		if (!value)
			continue;
		if (CHIPS[i].group && locale_has(c->locale, pool_fmt(c->pool, "%s%s", CHIPS[i].group, value)))
			label = coded(c, CHIPS[i].group, value);
		item = view_item(v, "chips");
		view_str(item, "what", locale_text(c->locale, CHIPS[i].key));
		view_str(item, "label", label);
		view_str(item, "href", page_filter_href(c, &a->filter, "/journal", CHIPS[i].name, NULL));
	}
}

static void fields_put(struct view *v, const struct asked *a)
{
	static const char *const FIELDS[] = { "q", "from", "to", "letter" };

	for (size_t i = 0; i < sizeof(FIELDS) / sizeof(*FIELDS); i++) {
		const char *value = page_filter_get(&a->filter, FIELDS[i]);

		view_str(v, FIELDS[i], value ? value : "");
	}
	view_bool(v, "dates", page_filter_get(&a->filter, "from") || page_filter_get(&a->filter, "to"));
}

enum pli_status page_journal(struct door_call *c, struct err *err)
{
	struct view *v = view_new(c->pool);
	struct table table = { c, v };
	struct letter_journal_page *page = POOL_NEW(c->pool, struct letter_journal_page);
	struct asked a = { 0 };
	enum pli_status st = asked_read(c, &a, err);

	if (st != PLI_OK)
		return st;
	a.query.limit = ROWS;
	if (!a.fault_field) {
		st = letter_journal_page(c->doors->office, &c->principal, c->pool, &a.query, row_add, &table, page, err);
		if (st != PLI_OK && !fault_of(&a, err))
			return st;
	}
	fields_put(v, &a);
	choices_put(c, v, &a, &page->counts);
	chips_put(c, v, &a);
	if (a.fault_field)
		view_str(v, pool_fmt(c->pool, "fault_%s", a.fault_field), locale_text(c->locale, a.fault_key));
	view_bool(v, "cut", page->cut);
	view_str(v, "csv_href", page_filter_href(c, &a.filter, "/journal.csv", "cursor", NULL));
	view_bool(v, "own_only", principal_sees_own_only(&c->principal));
	if (page->next)
		view_str(v, "next_href", page_filter_href(c, &a.filter, "/journal", "cursor", page->next));
	if (a.query.cursor)
		view_str(v, "first_href", page_filter_href(c, &a.filter, "/journal", "cursor", NULL));
	portal_page(c, a.fault_field ? 422 : 200, &tpl_pages_journal_html, v, locale_text(c->locale, "place.journal"), PORTAL_JOURNAL);
	return PLI_OK;
}

enum pli_status page_journal_csv(struct door_call *c, struct err *err)
{
	struct asked a = { 0 };
	enum pli_status st = asked_read(c, &a, err);

	if (st == PLI_OK && a.fault_field)
		st = err_field(err, PLI_INVALID, "bad-date", a.fault_field, "This is not a date.");
	a.query.csv = true;
	a.query.cursor = NULL;
	if (st == PLI_OK)
		st = letter_journal(c->doors->office, &c->principal, c->pool, &a.query, &c->x->res.body, err);
	if (st != PLI_OK)
		return st;
	c->x->res.status = 200;
	answer_download(c, "text/csv; charset=utf-8", c->lang[0] == 'f' ? "journal.csv" : "journal-en.csv");
	return PLI_OK;
}

/* ---- one entry ---- */

static enum pli_status entry_show(void *arg, const struct letter_journal_row *row, struct err *err)
{
	struct table *t = arg;
	char hex[65];

	(void)err;
	row_put(t->c, t->v, row);
	time_put(t->c, t->v, "external_date", "external_clock", "external_iso", row->external_us);
	view_bool(t->v, "has_external", row->external_us || t->c->doors->settings->tsa_url);
	view_str(t->v, "event", row->event);
	view_str(t->v, "etsi", row->etsi);
	view_str(t->v, "channel", row->channel);
	view_str(t->v, "method", row->method);
	view_fmt(t->v, "level", row->level >= 0 ? "%d" : "", row->level);
	view_str(t->v, "ip", row->ip);
	view_str(t->v, "tls", row->tls);
	view_str(t->v, "file", row->part ? row->part->name : "");
	view_str(t->v, "file_sha256", row->part ? hex_encode(hex, row->part->sha256, 32) : "");
	return PLI_OK;
}

static uint64_t number_read(const char *s)
{
	size_t n = strlen(s);

	return n && n <= 15 && strspn(s, "0123456789") == n ? strtoull(s, NULL, 10) : 0;
}

static enum pli_status entry_read(struct door_call *c, struct view *v, struct letter_journal_entry *entry, struct err *err)
{
	struct table table = { c, v };

	return letter_journal_entry(c->doors->office, &c->principal, c->pool, number_read(c->params[0]), c->lang, entry_show, &table, entry, err);
}

enum pli_status page_journal_entry(struct door_call *c, struct err *err)
{
	struct view *v = view_new(c->pool);
	struct letter_journal_entry entry;
	char hex[65];
	enum pli_status st = entry_read(c, v, &entry, err);

	if (st != PLI_OK)
		return st;
	view_str(v, "json", entry.json);
	view_str(v, "leaf", hex_encode(hex, entry.leaf, 32));
	view_bool(v, "covered", entry.size != 0);
	view_fmt(v, "size", "%" PRIu64, entry.size);
	view_str(v, "root", hex_encode(hex, entry.root, 32));
	view_str(v, "checkpoint", entry.checkpoint);
	view_int(v, "path_count", entry.path_count);
	for (unsigned i = 0; i < entry.path_count; i++)
		view_str(view_item(v, "path"), "hash", hex_encode(hex, entry.path + (size_t)i * 32, 32));
	portal_page(c, 200, &tpl_pages_journal_entry_html, v,
		    pool_fmt(c->pool, "%s %s", locale_text(c->locale, "journal.entry"), c->params[0]), PORTAL_JOURNAL);
	return PLI_OK;
}

/* C2SP tlog-proof: the path, then the checkpoint that it leads to. */
static void proof_write(const struct letter_journal_entry *entry, uint64_t number, struct buf *out)
{
	char hash[48];

	buf_fmt(out, "c2sp.org/tlog-proof@v1\nindex %" PRIu64 "\n", number - 1);
	for (unsigned i = 0; i < entry->path_count; i++)
		buf_fmt(out, "%s\n", base64_encode(hash, entry->path + (size_t)i * 32, 32));
	buf_fmt(out, "\n%s", entry->checkpoint);
}

/* entry.json, entry.tlog-proof, checkpoint.txt, checkpoint.tst: what a verifier of one's own needs. */
enum pli_status page_journal_file(struct door_call *c, struct err *err)
{
	const char *name = c->params[1], *type = "application/octet-stream";
	struct buf *out = &c->x->res.body;
	struct letter_journal_entry entry;
	enum pli_status st = entry_read(c, view_new(c->pool), &entry, err);

	if (st != PLI_OK)
		return st;
	if (str_eq(name, "entry.json") && entry.json) {
		type = "application/json";
		buf_str(out, entry.json);
	} else if (str_eq(name, "entry.tlog-proof") && entry.size) {
		proof_write(&entry, number_read(c->params[0]), out);
	} else if (str_eq(name, "checkpoint.txt") && entry.size) {
		type = "text/plain; charset=utf-8";
		buf_str(out, entry.checkpoint);
	} else if (str_eq(name, "checkpoint.tst") && entry.token) {
		type = "application/timestamp-reply";
		buf_add(out, entry.token, entry.token_n);
	} else {
		return err_set(err, PLI_ABSENT, "There is no such file of this entry.");
	}
	c->x->res.status = 200;
	answer_download(c, type, pool_fmt(c->pool, "%s-%s", c->params[0], name));
	return PLI_OK;
}
