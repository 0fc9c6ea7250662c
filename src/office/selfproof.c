/* See selfproof.h. */
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "db.h"

#include "journal.h"

#include "alert.h"
#include "office_own.h"
#include "scrub.h"
#include "selfproof_own.h"

#define NEWEST 4			/* letters that are always looked at */
#define DRAWN 8				/* and by lot */
#define CONTENT_MAX_BYTES (UINT64_C(256) << 20)	/* of one of them */
#define RATE_BYTES (UINT64_C(20) << 20)	/* a second */

static const char LETTER_FROM[] =
	"SELECT seq, entity, letter FROM journal WHERE seq <= $1 AND event = 'deposit.accepted' AND entry IS NOT NULL AND entity <> $2 "
	"ORDER BY seq DESC LIMIT 1";
static const char STILL_ENTERED[] = "SELECT 1 FROM journal WHERE seq = $1 AND entry IS NOT NULL";
static const char RUN_GET[] = "SELECT v FROM instance WHERE k = 'selfproof'";
static const char RUN_SET[] = "INSERT INTO instance (k, v) VALUES ('selfproof', $1) ON CONFLICT (k) DO UPDATE SET v = excluded.v";
static const char ENTRY_GET[] = "SELECT entry FROM journal WHERE seq = $1";
static const char HEAD_OVER[] = "SELECT size, checkpoint FROM head WHERE size > $1 ORDER BY size LIMIT 1";

static const char *const outcomes[] = { [SELFPROOF_HOLDS] = "holds", [SELFPROOF_FAILS] = "fails", [SELFPROOF_UNDONE] = "undone" };

const char *selfproof_outcome_name(enum selfproof_outcome outcome)
{
	return outcomes[outcome];
}

void selfproof_note(struct selfproof *run, const char *name, enum pli_status st, const struct err *err, const char *fmt, ...)
{
	struct selfproof_check *c;
	va_list ap;

	if (run->count == SELFPROOF_CHECKS_MAX)
		return;
	c = &run->checks[run->count++];
	*c = (struct selfproof_check){ .outcome = st == PLI_OK ? SELFPROOF_HOLDS :
						  st == PLI_BUSY || st == PLI_FULL || st == PLI_UNCERTAIN || st == PLI_AGAIN ? SELFPROOF_UNDONE :
														     SELFPROOF_FAILS };
	snprintf(c->name, sizeof(c->name), "%s", name);
	if (st != PLI_OK) {
		snprintf(c->text, sizeof(c->text), "%.190s", err->text[0] ? err->text : pli_status_name(st));
		return;
	}
	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
}

bool selfproof_holds(const struct selfproof *run)
{
	bool letter = false, journal = false;

	for (unsigned i = 0; i < run->count; i++) {
		const struct selfproof_check *c = &run->checks[i];

		if (c->outcome == SELFPROOF_FAILS)
			return false;
		letter |= c->outcome == SELFPROOF_HOLDS && str_eq(c->name, "letter");
		journal |= c->outcome == SELFPROOF_HOLDS && str_eq(c->name, "journal");
	}
	return letter && journal;
}

bool selfproof_failed(const struct selfproof *run)
{
	for (unsigned i = 0; i < run->count; i++)
		if (run->checks[i].outcome == SELFPROOF_FAILS)
			return true;
	return false;
}

/* ---- letters of others ---- */

struct drawn {
	struct uuid entity, letter;
	uint64_t seq;
};

/* The newest deposit by others at or before that entry. */
static enum pli_status letter_at(struct office *office, uint64_t seq, struct drawn *d, struct err *err)
{
	struct uuid self;
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st;

	(void)office_self(office, &self);
	st = db_query(conn, &rows, err, LETTER_FROM, "iu", (int64_t)seq, &self);
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		d->seq = (uint64_t)db_int(&rows, 0);
		if (!db_uuid(&rows, 1, &d->entity) || !db_uuid(&rows, 2, &d->letter))
			st = err_set(err, PLI_CONFLICT, "entry %" PRIu64 " of a deposit names no letter", d->seq + 1);
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st;
}

static bool is_new(const struct drawn *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i].seq == list[count].seq)
			return false;
	return true;
}

/* The newest ones, then some by lot, each once. */
static enum pli_status letters_draw(struct office *office, struct drawn *list, unsigned *count_r, struct err *err)
{
	uint64_t size = journal_size(office->parts.journal), at = size;
	unsigned count = 0;
	enum pli_status st = PLI_OK;

	while (st == PLI_OK && at && count < NEWEST) {
		st = letter_at(office, at - 1, &list[count], err);
		if (st == PLI_OK)
			at = list[count++].seq;
	}
	for (unsigned tries = 0; (st == PLI_OK || st == PLI_ABSENT) && size && tries < DRAWN; tries++) {
		mem_random(&at, sizeof(at));
		st = letter_at(office, at % size, &list[count], err);
		if (st == PLI_OK)
			count += is_new(list, count);
	}
	*count_r = count;
	return st == PLI_ABSENT ? PLI_OK : st;
}

static void content_fault(void *arg, const char *kind, const char *letter, const char *what)
{
	(void)kind;
	(void)letter;
	snprintf(arg, 200, "%s", what);
}

/* Its rows go in the transaction that erases the entry, never alone. */
static enum pli_status missing(struct office *office, const struct drawn *d, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	char id[37];
	enum pli_status st = db_query(conn, &rows, err, STILL_ENTERED, "i", (int64_t)d->seq);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	if (st == PLI_OK)
		return err_set(err, PLI_CONFLICT, "letter %s of entry %" PRIu64 " is missing", uuid_format(id, &d->letter), d->seq + 1);
	return st == PLI_ABSENT ? PLI_GONE : st;
}

/* PLI_GONE: erased after its time; PLI_LIMIT: too large for one evening.  Its letter is named in the alert: an id says nothing to strangers. */
static enum pli_status letter_look(struct office *office, const struct drawn *d, struct err *err)
{
	AUTO_POOL pool = pool_new();
	char fault[200] = "", id[37];
	struct scrub_options options = { .rate_bytes = RATE_BYTES, .content_max_bytes = CONTENT_MAX_BYTES, .fault = content_fault, .arg = fault };
	enum pli_status st = selfproof_verify(office, pool, &d->entity, &d->letter, 0, err);
	enum pli_status content;

	if (st == PLI_ABSENT)
		return missing(office, d, err);
	if (st != PLI_OK && st != PLI_GONE && st != PLI_LIMIT)
		return st;
	content = scrub_letter(office, &d->entity, &d->letter, &options, err);
	if (content == PLI_OK && fault[0])
		content = err_set(err, PLI_CONFLICT, "letter %s: %s", uuid_format(id, &d->letter), fault);
	return content == PLI_OK ? st : content;
}

void selfproof_letters(struct office *office, struct selfproof *run)
{
	struct drawn list[NEWEST + DRAWN + 1];
	struct err err = { 0 };
	unsigned count = 0;
	enum pli_status st = letters_draw(office, list, &count, &err);

	for (unsigned i = 0; st == PLI_OK && i < count; i++) {
		st = letter_look(office, &list[i], &err);
		run->letters += st == PLI_OK;
		if (st == PLI_GONE || st == PLI_LIMIT)
			st = PLI_OK;
	}
	selfproof_note(run, "letters", st, &err, "the proofs of %" PRId64 " letters hold, and their content is what was deposited", run->letters);
}

/* ---- what came of it ---- */

static void run_write(const struct selfproof *run, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "at", run->at_us);
	jsonw_int(&w, "took", run->took_us);
	jsonw_int(&w, "letters", run->letters);
	jsonw_int(&w, "size", run->size);
	jsonw_int(&w, "backup", run->backup);
	jsonw_int(&w, "entry", (int64_t)run->entry);
	jsonw_array(&w, "checks");
	for (unsigned i = 0; i < run->count; i++) {
		jsonw_object(&w, NULL);
		jsonw_str(&w, "name", run->checks[i].name);
		jsonw_int(&w, "outcome", run->checks[i].outcome);
		jsonw_str(&w, "text", run->checks[i].text);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

static enum pli_status row_set(struct db_tx *tx, void *arg, struct err *err)
{
	AUTO_BUF text = { 0 };

	run_write(arg, &text);
	return db_run(tx->conn, NULL, err, RUN_SET, "b", text.p, text.n);
}

static const char *names_of(struct pool *pool, const struct selfproof *run, enum selfproof_outcome outcome)
{
	const char *names = NULL;

	for (unsigned i = 0; i < run->count; i++)
		if (run->checks[i].outcome == outcome)
			names = names ? pool_fmt(pool, "%s %s", names, run->checks[i].name) : run->checks[i].name;
	return names;
}

struct finishing {
	struct office *office;
	struct selfproof *run;
};

static enum pli_status numbered(struct db_tx *tx, uint64_t seq, int64_t t_us, void *arg, struct err *err)
{
	struct finishing *f = arg;

	(void)t_us;
	f->run->entry = seq + 1;
	return row_set(tx, f->run, err);
}

static enum pli_status finish_fn(struct db_tx *tx, void *arg, struct err *err)
{
	static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };
	struct finishing *f = arg;
	const struct selfproof *run = f->run;
	AUTO_BUF d = { 0 };
	char at[25];
	struct jsonw w;

	jsonw_init(&w, &d, true);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "at", clock_rfc3339(at, run->at_us));
	if (run->backup >= 0)
		jsonw_int(&w, "backup", run->backup);
	jsonw_str(&w, "fails", names_of(tx->pool, run, SELFPROOF_FAILS));
	jsonw_str(&w, "holds", names_of(tx->pool, run, SELFPROOF_HOLDS));
	jsonw_int(&w, "letters", run->letters);
	if (run->size)
		jsonw_int(&w, "size", run->size);
	jsonw_str(&w, "undone", names_of(tx->pool, run, SELFPROOF_UNDONE));
	jsonw_object_end(&w);
	return journal_add(f->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "selfproof.done", .actor = &SYSTEM, .d_json = pool_str(tx->pool, d.p),
						    .numbered = numbered, .arg = f },
			   err);
}

static void tell(struct office *office, const struct selfproof *run)
{
	const struct selfproof_check *failed = NULL;

	for (unsigned i = 0; i < run->count; i++) {
		const struct selfproof_check *c = &run->checks[i];

		if (c->outcome != SELFPROOF_HOLDS)
			log_event(c->outcome == SELFPROOF_FAILS ? LOG_ERROR_LEVEL : LOG_WARN_LEVEL, "selfproof.check", "%s: %s", c->name, c->text);
		if (c->outcome == SELFPROOF_FAILS && !failed)
			failed = c;
	}
	if (failed) {
		char detail[240];

		snprintf(detail, sizeof(detail), "%s: %s", failed->name, failed->text);
		alert_raise(office, ALERT_PROOF, "selfproof", detail);
	} else if (selfproof_holds(run)) {
		log_info("selfproof", "proved itself: %u checks, %" PRId64 " letters, %" PRId64 " entries, in %" PRId64 " ms", run->count,
			 run->letters, run->size, run->took_us / 1000);
		alert_end(office, ALERT_PROOF, "selfproof");
	}
}

enum pli_status selfproof_finish(struct office *office, struct selfproof *run, struct err *err)
{
	struct finishing f = { office, run };
	enum pli_status st;

	tell(office, run);
	st = db_write(office->parts.db, finish_fn, &f, err);
	if (st == PLI_OK || st == PLI_UNCERTAIN)
		return PLI_OK;
	/* Without an entry the row says so. */
	run->entry = 0;
	return db_write(office->parts.db, row_set, run, err);
}

/* ---- the newest ---- */

static int64_t member(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void run_read(const char *text, size_t n, struct selfproof *r)
{
	json_t *object = json_loadb(text, n, 0, NULL), *checks = json_object_get(object, "checks"), *check;
	size_t i;

	*r = (struct selfproof){ .at_us = member(object, "at"), .took_us = member(object, "took"), .letters = member(object, "letters"),
				 .size = member(object, "size"), .backup = member(object, "backup"), .entry = (uint64_t)member(object, "entry") };
	json_array_foreach(checks, i, check) {
		struct selfproof_check *c = &r->checks[r->count];
		const char *name = json_string_value(json_object_get(check, "name")), *words = json_string_value(json_object_get(check, "text"));
		int64_t outcome = member(check, "outcome");

		if (r->count == SELFPROOF_CHECKS_MAX || !name || !words || outcome < 0 || outcome > SELFPROOF_UNDONE)
			break;
		snprintf(c->name, sizeof(c->name), "%s", name);
		snprintf(c->text, sizeof(c->text), "%s", words);
		c->outcome = (enum selfproof_outcome)outcome;
		r->count++;
	}
	json_decref(object);
}

enum pli_status selfproof_newest(struct office *office, struct selfproof *run_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, RUN_GET, "");
	size_t n;

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		const char *p = db_blob(&rows, 0, &n);

		run_read(p, n, run_r);
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st;
}

static enum pli_status column_add(struct db_conn *conn, const char *sql, uint64_t arg, int column, uint64_t *first_r, struct buf *out,
				  struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "i", (int64_t)arg);
	const void *p = NULL;
	size_t n = 0;

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		p = db_blob(&rows, column, &n);
	if (st == PLI_OK && first_r)
		*first_r = (uint64_t)db_int(&rows, 0);
	if (st == PLI_OK && p)
		buf_add(out, p, n);
	return st == PLI_OK && !p ? PLI_ABSENT : st;
}

static enum pli_status published(struct office *office, struct db_conn *conn, struct pool *pool, uint64_t seq, struct buf *out,
				 struct err *err)
{
	AUTO_BUF note = { 0 };
	uint64_t size = 0;
	uint8_t *path;
	unsigned count;
	char hash[48];
	enum pli_status st = column_add(conn, ENTRY_GET, seq, 0, NULL, out, err);

	if (st == PLI_OK)
		st = column_add(conn, HEAD_OVER, seq, 1, &size, &note, err);
	if (st == PLI_OK)
		st = journal_inclusion(office->parts.journal, conn, pool, seq, size, &path, &count, err);
	if (st != PLI_OK)
		return st;
	buf_fmt(out, "\nc2sp.org/tlog-proof@v1\nindex %" PRIu64 "\n", seq);
	for (unsigned i = 0; i < count; i++)
		buf_fmt(out, "%s\n", base64_encode(hash, path + (size_t)i * 32, 32));
	buf_str(out, "\n");
	buf_add(out, note.p, note.n);
	return PLI_OK;
}

enum pli_status selfproof_published(struct office *office, struct pool *pool, struct buf *out, struct err *err)
{
	struct selfproof run;
	struct db_conn *conn;
	enum pli_status st = selfproof_newest(office, &run, err);

	if (st == PLI_OK && !run.entry)
		st = PLI_ABSENT;
	if (st == PLI_OK)
		st = journal_wait(office->parts.journal, run.entry, 2000, err);
	if (st == PLI_OK) {
		conn = db_reader_take(office->parts.db);
		st = db_snapshot(conn, err);
		if (st == PLI_OK)
			st = published(office, conn, pool, run.entry - 1, out, err);
		db_reader_give(office->parts.db, conn);
	}
	return st == PLI_ABSENT ? err_set(err, st, "This service has not proved itself yet.") : st;
}
