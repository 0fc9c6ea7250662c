/* Documents on their way out: `access` before the first byte, `access.complete` once all of a file has gone out in a reading session. */
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "stream.h"

#include "db.h"
#include "object.h"

#include "journal.h"

#include "delivery_own.h"
#include "office_own.h"

static const char FILE_BEGIN[] =
	"INSERT INTO reading_file (session_hash, part, ranges, complete) VALUES ($1, $2, $3, 0) ON CONFLICT (session_hash, part) DO NOTHING";
static const char FILE_GET[] = "SELECT ranges, complete FROM reading_file WHERE session_hash = $1 AND part = $2";
static const char FILE_SET[] = "UPDATE reading_file SET ranges = $1, complete = $2 WHERE session_hash = $3 AND part = $4";

#define RANGES_MAX 4096

struct file_act {
	struct office *office;
	const struct delivery_view *view;
	const struct letter_part *part;
	const struct journal_actor *actor;
	uint64_t offset, length;
};

static enum pli_status entry_add(const struct file_act *act, struct db_tx *tx, const char *ev, bool with_range, struct err *err)
{
	const struct letter *l = act->view->letter;
	AUTO_BUF d = { 0 }, h = { 0 };
	struct jsonw w;

	jsonw_init(&w, &d, true);
	jsonw_object(&w, NULL);
	if (with_range) {
		jsonw_int(&w, "first", (int64_t)act->offset);
		jsonw_int(&w, "length", (int64_t)act->length);
	}
	jsonw_int(&w, "part", act->part->n);
	jsonw_object_end(&w);
	jsonw_init(&w, &h, true);
	jsonw_object(&w, NULL);
	jsonw_hex(&w, "doc", act->part->sha256, 32);
	jsonw_object_end(&w);
	return journal_add(act->office->parts.journal, tx,
			   &(struct journal_event){ .ev = ev, .actor = act->actor, .entity = &l->entity, .letter = &l->letter,
						    .recipient = &l->recipients[act->view->me].recipient,
						    .owner = &l->account,
						    .hidden = str_eq(l->recipients[act->view->me].kind, "bcc"),
						    .d_json = d.p, .h_json = h.p },
			   err);
}

static enum pli_status begin_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct file_act *act = arg;
	int64_t added;
	enum pli_status st = db_run(tx->conn, &added, err, FILE_BEGIN, "bib", act->view->session, (size_t)32, (int64_t)act->part->n,
				    "", (size_t)0);

	if (st == PLI_OK && added)
		st = entry_add(act, tx, "access", true, err);
	return st;
}

/* Ranges are pairs [from, to), sorted and apart, as big-endian u64. */
static void ranges_add(struct buf *out, const void *p, size_t n, uint64_t from, uint64_t to)
{
	struct cursor c;
	bool placed = false;

	cursor_init(&c, p, n);
	while (c.n >= 16) {
		uint64_t a = cursor_u64(&c), b = cursor_u64(&c);

		if (b < from) {
			buf_u64(out, a);
			buf_u64(out, b);
		} else if (a > to) {
			if (!placed) {
				buf_u64(out, from);
				buf_u64(out, to);
				placed = true;
			}
			buf_u64(out, a);
			buf_u64(out, b);
		} else {
			from = a < from ? a : from;
			to = b > to ? b : to;
		}
	}
	if (!placed) {
		buf_u64(out, from);
		buf_u64(out, to);
	}
}

static bool ranges_whole(const struct buf *ranges, uint64_t size)
{
	struct cursor c;

	cursor_init(&c, ranges->p, ranges->n);
	return ranges->n == 16 && cursor_u64(&c) == 0 && cursor_u64(&c) == size;
}

static enum pli_status sent_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct file_act *act = arg;
	AUTO_ROWS rows = { 0 };
	AUTO_BUF ranges = { 0 };
	const void *old;
	size_t old_n;
	bool was_complete, complete;
	enum pli_status st = db_query(tx->conn, &rows, err, FILE_GET, "bi", act->view->session, (size_t)32, (int64_t)act->part->n);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_ABSENT)	/* the session ended meanwhile */
		return PLI_OK;
	if (st != PLI_OK)
		return st;
	old = db_blob(&rows, 0, &old_n);
	was_complete = db_int(&rows, 1) != 0;
	ranges_add(&ranges, old, old_n, act->offset, act->offset + act->length);
	complete = ranges_whole(&ranges, act->part->size);
	db_end(&rows);
	rows = (struct db_rows){ 0 };
	if (was_complete || ranges.n > RANGES_MAX)
		return PLI_OK;
	st = db_run(tx->conn, NULL, err, FILE_SET, "bibi", ranges.p, ranges.n, (int64_t)complete, act->view->session, (size_t)32,
		    (int64_t)act->part->n);
	if (st == PLI_OK && complete)
		st = entry_add(act, tx, "access.complete", false, err);
	return st;
}

static const struct letter_part *part_of(const struct delivery_view *view, unsigned n)
{
	for (unsigned i = 0; i < view->letter->part_count; i++)
		if (view->letter->parts[i].n == n)
			return &view->letter->parts[i];
	return NULL;
}

enum pli_status delivery_file(struct office *office, struct pool *pool, const struct delivery_view *view, unsigned n,
			      uint64_t offset, uint64_t length, const struct journal_actor *actor, struct istream **is_r, struct err *err)
{
	struct file_act act = { .office = office, .view = view, .part = part_of(view, n), .actor = actor,
				.offset = offset, .length = length };
	struct istream *is;
	enum pli_status st;

	(void)pool;
	if (!act.part)
		return err_set(err, PLI_ABSENT, "This letter has no document of that number.");
	st = office_room(office, OFFICE_RESERVE_READ, err);
	if (st == PLI_OK)
		st = db_write(office->parts.db, begin_fn, &act, err);
	if (st == PLI_OK && act.part->size == 0)
		st = db_write(office->parts.db, sent_fn, &act, err);
	if (st == PLI_OK)
		st = object_read(office->parts.objects, &view->letter->entity, &view->letter->letter, &act.part->object,
				 view->letter_key, offset, &is, err);
	if (st == PLI_OK)
		*is_r = istream_window(is, 0, length);
	return st;
}

void delivery_sent(struct office *office, const struct delivery_view *view, unsigned n, uint64_t offset, uint64_t sent_bytes,
		   const struct journal_actor *actor)
{
	struct file_act act = { .office = office, .view = view, .part = part_of(view, n), .actor = actor,
				.offset = offset, .length = sent_bytes };
	struct err err = { 0 };

	if (act.part && sent_bytes && db_write(office->parts.db, sent_fn, &act, &err) != PLI_OK)
		log_warn("delivery.sent", "what went out could not be noted: %s", err.text);
}
