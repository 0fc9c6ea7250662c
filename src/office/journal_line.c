/* Journal rows in words, see journal_line.h. */
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "buf.h"
#include "clock.h"
#include "csv.h"
#include "jsonw.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "event.h"
#include "journal.h"

#include "directory.h"

#include "letter_own.h"
#include "office_own.h"

#include "journal_line.h"

/* Letters loaded lately: rows of one letter stand near each other. */
#define KEPT 32

static const char *const COLUMNS[] = { "number", "date", "type", "entity", "siren", "user", "document", "state", "message",
				       "timestamp" };

struct kept_letter {
	struct pool *pool;
	struct letter *letter;
};
struct journal_lines {
	struct office *office;
	struct db_conn *conn;
	struct uuid entity;
	const struct locale *locale;
	struct csv csv;
	struct buf *out;
	struct kept_letter kept[KEPT];
	unsigned next;
	struct jsonw *w;		/* during one add */
	letter_journal_fn *fn;		/* during one show */
	void *arg;
};

/* What one row says; texts "" when there is nothing. */
struct line {
	const struct journal_row *row;
	const struct event *event;
	const char *entity, *siren, *user, *document, *address, *file;
	struct buf message;
	json_t *entry;			/* NULL once erased */
	const struct letter_part *part;
};

struct journal_lines *journal_lines_new(struct office *office, struct db_conn *conn, const struct uuid *entity, const char *lang,
					bool csv, struct buf *out)
{
	struct journal_lines *l = mem_alloc(sizeof(*l));

	l->office = office;
	l->conn = conn;
	l->entity = *entity;
	l->locale = locale_get(lang);
	l->out = out;
	if (csv) {
		csv_begin(&l->csv, out, strcmp(locale_lang(l->locale), "fr") == 0 ? ';' : ',');
		for (size_t i = 0; i < sizeof(COLUMNS) / sizeof(COLUMNS[0]); i++) {
			char key[32];
			snprintf(key, sizeof(key), "column.%s", COLUMNS[i]);
			csv_cell(&l->csv, locale_text(l->locale, key));
		}
		csv_row_end(&l->csv);
	}
	return l;
}

void journal_lines_free(struct journal_lines *lines)
{
	if (!lines)
		return;
	for (unsigned i = 0; i < KEPT; i++)
		pool_free(lines->kept[i].pool);
	mem_free(lines);
}

static enum pli_status letter_of(struct journal_lines *l, const struct uuid *id, const struct letter **letter_r, struct err *err)
{
	struct kept_letter *k;
	enum pli_status st;

	for (unsigned i = 0; i < KEPT; i++) {
		if (l->kept[i].letter && uuid_same(&l->kept[i].letter->letter, id)) {
			*letter_r = l->kept[i].letter;
			return PLI_OK;
		}
	}
	k = &l->kept[l->next++ % KEPT];
	pool_free(k->pool);
	k->letter = NULL;
	k->pool = pool_new();
	st = letter_load(l->office, l->conn, k->pool, &l->entity, id, &k->letter, NULL, err);
	*letter_r = k->letter;
	return st;
}

/* ---- what a row says ---- */

static const char *member(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

static enum pli_status shown_read(struct journal_lines *l, struct pool *pool, struct line *line, struct err *err)
{
	const uint8_t *key;
	uint8_t salt[32];
	const char *text;
	json_t *sheet;
	enum pli_status st = directory_meta_key(l->office->parts.directory, &l->entity, &key, err);

	if (st == PLI_OK)
		st = journal_shown_open(pool, line->row, key, salt, &text, err);
	if (st != PLI_OK)
		return st;
	sheet = json_loads(text, 0, NULL);
	line->entity = pool_str(pool, member(sheet, "entity"));
	line->siren = pool_str(pool, member(sheet, "siren"));
	line->user = pool_str(pool, member(sheet, "user"));
	line->document = pool_str(pool, member(sheet, "document"));
	json_decref(sheet);
	return PLI_OK;
}

static void recipient_read(struct line *line, const struct letter *letter)
{
	json_int_t n = json_integer_value(json_object_get(json_object_get(line->entry, "d"), "part"));

	line->entity = letter->entity_name;
	line->siren = letter->siren;
	line->document = letter->subject;
	for (unsigned i = 0; i < letter->recipient_count; i++)
		if (uuid_same(&letter->recipients[i].recipient, &line->row->recipient))
			line->address = letter->recipients[i].address;
	for (unsigned i = 0; i < letter->part_count; i++)
		if ((json_int_t)letter->parts[i].n == n)
			line->part = &letter->parts[i];
	line->file = line->part ? line->part->name : "";
}

static void message_write(struct journal_lines *l, struct line *line)
{
	char number[24], other[32], key[64];
	const char *args[2] = { line->address, line->file };
	json_t *d = json_object_get(line->entry, "d");

	snprintf(key, sizeof(key), "event.%s", line->row->event);
	if (!line->row->entry) {
		snprintf(key, sizeof(key), "event.erased");
	} else if (str_eq(line->row->event, "deposit.accepted")) {
		snprintf(number, sizeof(number), "%" PRIu64, line->row->seq + 1);
		args[0] = number;
	} else if (str_eq(line->row->event, "notice.opened")) {
		json_int_t visits = json_integer_value(json_object_get(d, "visits"));
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, visits);
		args[0] = number;
		args[1] = line->address;
		json_int_t machines = json_integer_value(json_object_get(d, "machines"));

		if (machines == visits && visits > 0 && json_object_get(d, "machines"))
			snprintf(key, sizeof(key), visits == 1 ? "event.notice.opened.machine_once" : "event.notice.opened.machine");
		else if (visits == 1)
			snprintf(key, sizeof(key), "event.notice.opened.once");
	} else if (str_eq(line->row->event, "access") && !line->part) {
		snprintf(key, sizeof(key), "event.access.letter");
	} else if (str_eq(line->row->event, "session.failed")) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(d, "failures")));
		args[0] = line->user;
		args[1] = number;
	} else if (str_starts(line->row->event, "clock.")) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(d, "by_s")));
		args[0] = number;
	} else if (str_eq(line->row->event, "log.restored")) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(d, "size")) + 1);
		args[0] = number;
	} else if (str_eq(line->row->event, "archive.imported")) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(d, "number")));
		args[0] = member(d, "log");
		args[1] = number;
	} else if (str_starts(line->row->event, "key.")) {
		args[0] = json_string_value(json_object_get(d, "key"));
	} else if (str_eq(line->row->event, "keeper.signed")) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(d, "checkpoints")));
		snprintf(other, sizeof(other), "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(d, "seals")));
		args[0] = number;
		args[1] = other;
	} else if (str_starts(line->row->event, "alert.")) {
		const char *kind = json_string_value(json_object_get(d, "kind"));

		snprintf(other, sizeof(other), "alert.kind.%.10s", kind ? kind : "");
		args[0] = locale_text(l->locale, other);
	} else if (str_starts(line->row->event, "witness.")) {
		args[0] = json_string_value(json_object_get(d, "witness"));
	} else if (!line->row->has_letter) {
		const char *role = json_string_value(json_object_get(d, "role"));

		args[0] = str_starts(line->row->event, "entity.") ? line->entity : line->user;
		if (str_eq(line->row->event, "user.changed") && role) {
			snprintf(number, sizeof(number), "admin.role_%.10s", role);
			args[1] = locale_text(l->locale, number);
		} else if (str_eq(line->row->event, "entity.class")) {
			const char *word = json_string_value(json_object_get(d, "class"));

			bool hidden = word && str_eq(word, "fr-lre"), registered = word && str_eq(word, "registered");

			args[1] = locale_text(l->locale, hidden ? "class.hidden" : registered ? "class.registered" : "class.simple");
		}
	}
	locale_add(&line->message, l->locale, key, args, 2);
}

/* ---- how it is written ---- */

static void coded(struct journal_lines *l, const char *group, const char *code)
{
	char key[48];

	snprintf(key, sizeof(key), "%s%s", group, code ? code : "");
	csv_cell(&l->csv, code ? locale_text(l->locale, key) : "");
}

static void local_time(struct journal_lines *l, int64_t t_us)
{
	struct clock_parts p;
	char text[40];

	if (!t_us) {
		csv_cell(&l->csv, "");
		return;
	}
	clock_local(t_us, l->office->parts.settings->timezone, &p);
	if (strcmp(locale_lang(l->locale), "fr") == 0)
		snprintf(text, sizeof(text), "%02d/%02d/%04d %02d:%02d:%02d", p.day, p.month, p.year, p.hour, p.minute, p.second);
	else
		snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d", p.year, p.month, p.day, p.hour, p.minute, p.second);
	csv_cell(&l->csv, text);
}

static void cells_write(struct journal_lines *l, const struct line *line)
{
	csv_int(&l->csv, (int64_t)line->row->seq + 1);
	local_time(l, line->row->t_us);
	coded(l, "type.", line->row->type);
	csv_cell(&l->csv, line->entity);
	csv_cell(&l->csv, line->siren);
	csv_cell(&l->csv, line->user);
	csv_cell(&l->csv, line->document);
	coded(l, "state.", line->row->state);
	csv_cell(&l->csv, line->message.p);
	local_time(l, line->row->stamp_us);
	csv_row_end(&l->csv);
}

static void object_write(const struct journal_lines *l, const struct line *line)
{
	struct jsonw *w = l->w;
	const struct journal_row *row = line->row;
	const json_t *act = json_object_get(line->entry, "act");
	char id[37];

	jsonw_object(w, NULL);
	jsonw_int(w, "number", (int64_t)row->seq + 1);
	jsonw_time(w, "date", row->t_us);
	jsonw_str(w, "type", row->type);
	jsonw_str(w, "entity", line->entity);
	jsonw_str(w, "siren", line->siren);
	jsonw_str(w, "user", line->user);
	jsonw_str(w, "document", line->document);
	if (row->state)
		jsonw_str(w, "state", row->state);
	else
		jsonw_null(w, "state");
	jsonw_strn(w, "message", line->message.p, line->message.n);
	jsonw_time(w, "timestamp", row->stamp_us);
	if (row->external_us || l->office->parts.settings->tsa_url)
		jsonw_time(w, "external", row->external_us);
	jsonw_str(w, "event", row->event);
	jsonw_str(w, "etsi", line->event ? line->event->etsi : NULL);
	if (row->has_letter)
		jsonw_str(w, "letter", uuid_format(id, &row->letter));
	jsonw_str(w, "channel", json_string_value(json_object_get(line->entry, "ch")));
	jsonw_str(w, "ip", json_string_value(json_object_get(line->entry, "ip")));
	jsonw_str(w, "tls", json_string_value(json_object_get(line->entry, "tls")));
	if (act)
		jsonw_int(w, "level", json_integer_value(json_object_get(act, "lvl")));
	if (line->part) {
		jsonw_int(w, "part", line->part->n);
		jsonw_hex(w, "sha256", line->part->sha256, 32);
	}
	jsonw_object_end(w);
}

static enum pli_status row_show(struct journal_lines *l, const struct line *line, struct err *err)
{
	const struct journal_row *row = line->row;
	const json_t *act = json_object_get(line->entry, "act");
	const json_t *level = json_object_get(act, "lvl");
	struct letter_journal_row out = {
		.number = row->seq + 1, .date_us = row->t_us, .stamp_us = row->stamp_us, .external_us = row->external_us,
		.type = row->type, .state = row->state,
		.event = row->event, .etsi = line->event ? line->event->etsi : NULL, .entity = line->entity, .siren = line->siren,
		.user = line->user, .document = line->document, .message = line->message.n ? line->message.p : "",
		.has_letter = row->has_letter, .letter = row->letter, .channel = member(line->entry, "ch"), .ip = member(line->entry, "ip"),
		.tls = member(line->entry, "tls"), .method = member(act, "m"), .part = line->part,
	};

	out.level = level ? (int)json_integer_value(level) : -1;
	return l->fn(l->arg, &out, err);
}

static enum pli_status row_write(void *arg, const struct journal_row *row, struct err *err)
{
	struct journal_lines *l = arg;
	AUTO_POOL pool = pool_new();
	struct line line = { .row = row, .event = event_find(row->event), .entity = "", .siren = "", .user = "", .document = "",
			     .address = "", .file = "" };
	const struct letter *letter = NULL;
	enum pli_status st = PLI_OK;

	if (row->entry)
		line.entry = json_loadb(row->entry, row->entry_n, 0, NULL);
	if (row->shown)
		st = shown_read(l, pool, &line, err);
	else if (row->has_letter && row->entry)
		st = letter_of(l, &row->letter, &letter, err);
	if (st == PLI_OK) {
		if (letter)
			recipient_read(&line, letter);
		buf_init(&line.message);
		message_write(l, &line);
		if (l->fn)
			st = row_show(l, &line, err);
		else if (l->w)
			object_write(l, &line);
		else
			cells_write(l, &line);
		buf_free(&line.message);
	}
	json_decref(line.entry);
	return st;
}

enum pli_status journal_lines_show(struct journal_lines *lines, uint64_t seq, letter_journal_fn *fn, void *arg, struct err *err)
{
	struct journal_filter filter = { .before_seq = seq + 1, .limit = 1 };
	enum pli_status st;

	lines->fn = fn;
	lines->arg = arg;
	st = journal_rows(lines->conn, &filter, row_write, lines, err);
	lines->fn = NULL;
	return st;
}

enum pli_status journal_lines_add(struct journal_lines *lines, struct jsonw *w, uint64_t seq, struct err *err)
{
	struct journal_filter filter = { .before_seq = seq + 1, .limit = 1 };

	lines->w = w;
	return journal_rows(lines->conn, &filter, row_write, lines, err);
}
