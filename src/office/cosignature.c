/* See cosignature.h. */
#include <inttypes.h>
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "pool.h"

#include "db.h"

#include "checkpoint.h"
#include "journal.h"
#include "journal_log.h"
#include "tree.h"
#include "witness.h"

#include "office_own.h"

#include "cosignature.h"

static const char NEWEST_OF[] = "SELECT MAX(size) FROM cosignature WHERE witness = $1";
static const char HEAD_NEWEST[] = "SELECT size, checkpoint FROM head ORDER BY size DESC LIMIT 1";
static const char ADD[] =
	"INSERT INTO cosignature (size, witness, line, signed) VALUES ($1, $2, $3, $4) "
	"ON CONFLICT (size, witness) DO UPDATE SET line = excluded.line, signed = excluded.signed";
static const char KEYS[] = "SELECT witness FROM cosignature WHERE size = $1 ORDER BY witness";
static const char LINES[] = "SELECT line FROM cosignature WHERE size = $1 ORDER BY witness";

static const char *key_text(const struct note_key *key, char out[NOTE_KEY_TEXT_MAX + 1])
{
	AUTO_BUF text = { 0 };

	note_key_write(key, &text);
	snprintf(out, NOTE_KEY_TEXT_MAX + 1, "%s", text.p);
	return out;
}

enum pli_status cosignature_newest(struct office *office, const struct note_key *witness, uint64_t *size_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	char key[NOTE_KEY_TEXT_MAX + 1];
	enum pli_status st = db_query(conn, &rows, err, NEWEST_OF, "t", key_text(witness, key));

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		*size_r = db_is_null(&rows, 0) ? 0 : (uint64_t)db_int(&rows, 0);
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st;
}

static enum pli_status request_write(struct office *office, struct db_conn *conn, uint64_t old, uint64_t *size_r, struct buf *body,
				     struct err *err)
{
	AUTO_ROWS rows = { 0 };
	uint8_t path[TREE_PATH_MAX][32];
	unsigned count = 0;
	const char *note;
	size_t note_n;
	enum pli_status st = db_query(conn, &rows, err, HEAD_NEWEST, "");

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st == PLI_ABSENT ? err_set(err, PLI_BUSY, "The journal has no signed head yet.") : st;
	*size_r = (uint64_t)db_int(&rows, 0);
	st = journal_consistency(office->parts.journal, conn, old, *size_r, path, &count, err);
	if (st != PLI_OK)
		return st;
	note = db_blob(&rows, 1, &note_n);
	witness_request_write(old, (const uint8_t (*)[32])path, count, note, note_n, body);
	return PLI_OK;
}

enum pli_status cosignature_request(struct office *office, uint64_t old, uint64_t *size_r, struct buf *body, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	enum pli_status st = db_snapshot(conn, err);

	if (st == PLI_OK)
		st = request_write(office, conn, old, size_r, body, err);
	db_reader_give(office->parts.db, conn);
	return st;
}

struct adding {
	uint64_t size, time_s;
	const char *key;
	const struct buf *line;
};

static enum pli_status add_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct adding *a = arg;

	return db_run(tx->conn, NULL, err, ADD, "itbi", (int64_t)a->size, a->key, a->line->p, a->line->n, (int64_t)a->time_s);
}

/* Of the answer's lines the one by this witness that holds over our head. */
static enum pli_status line_find(const struct buf *head, const struct note_key *witness, const char *answer, size_t n, struct buf *line,
				 uint64_t *time_s_r, struct err *err)
{
	const char *p = answer, *end = answer + n;
	enum pli_status st = PLI_ABSENT;

	while (p < end && st == PLI_ABSENT) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		AUTO_BUF note = { 0 };

		if (!eol)
			break;
		buf_add(&note, head->p, head->n);
		buf_add(&note, p, (size_t)(eol + 1 - p));
		st = checkpoint_signed_by(note.p, note.n, witness, time_s_r, err);
		if (st == PLI_OK)
			buf_add(line, p, (size_t)(eol + 1 - p));
		p = eol + 1;
	}
	return st == PLI_OK ? st : err_set(err, PLI_CONFLICT, "%.80s did not answer with a cosignature that holds", witness->name);
}

enum pli_status cosignature_add(struct office *office, const struct note_key *witness, uint64_t size, const char *answer, size_t n,
				struct err *err)
{
	AUTO_BUF head = { 0 }, line = { 0 };
	char key[NOTE_KEY_TEXT_MAX + 1];
	struct adding adding = { .size = size, .key = key_text(witness, key), .line = &line };
	enum pli_status st = office_head_note(office, size, &head, err);

	if (st == PLI_OK)
		st = line_find(&head, witness, answer, n, &line, &adding.time_s, err);
	if (st == PLI_OK)
		st = db_write(office->parts.db, add_fn, &adding, err);
	if (st == PLI_OK)
		deadline_confirm(office, "witness", (int64_t)adding.time_s * SECOND_US);
	return st;
}

static enum pli_status column_append(struct db_conn *conn, const char *sql, uint64_t size, const char *end, struct buf *out, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "i", (int64_t)size);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		size_t n;
		const void *p = db_blob(&rows, 0, &n);

		buf_add(out, p, n);
		buf_str(out, end);
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status cosignature_lines(struct db_conn *conn, uint64_t size, struct buf *out, struct err *err)
{
	return column_append(conn, LINES, size, "", out, err);
}

enum pli_status cosignature_keys(struct db_conn *conn, uint64_t size, struct buf *out, struct err *err)
{
	return column_append(conn, KEYS, size, "\n", out, err);
}

struct noting {
	struct office *office;
	const char *event, *witness;
};

static enum pli_status note_fn(struct db_tx *tx, void *arg, struct err *err)
{
	static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };
	const struct noting *n = arg;
	AUTO_BUF d = { 0 };
	struct jsonw w;

	jsonw_init(&w, &d, true);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "witness", n->witness);
	jsonw_object_end(&w);
	return journal_add(n->office->parts.journal, tx,
			   &(struct journal_event){ .ev = n->event, .actor = &SYSTEM, .d_json = pool_str(tx->pool, d.p) }, err);
}

enum pli_status cosignature_note(struct office *office, const char *event, const char *witness, struct err *err)
{
	struct noting noting = { .office = office, .event = event, .witness = witness };

	return db_write(office->parts.db, note_fn, &noting, err);
}
