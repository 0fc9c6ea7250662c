/* See journal_erase.h. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"
#include "db.h"

#include "journal.h"

#include "journal_erase.h"

#define SEQS_MAX 12000		/* bytes of d.seqs, and a range or two: an entry holds 16 KiB */

static const char ROWS_GET[] =
	"SELECT seq, t, event, type, state, entity, letter, recipient FROM journal WHERE letter = $1 AND entry IS NOT NULL ORDER BY seq";
static const char ROWS_END[] = "UPDATE journal SET entry = NULL, shown = NULL, account = NULL WHERE letter = $1";

static void id_put(struct buf *out, bool has, const struct uuid *id)
{
	char hex[33] = "";

	if (has)
		hex_encode(hex, id->b, sizeof(id->b));
	buf_fmt(out, " %s", has ? hex : "-");
}

void journal_erase_line(const struct journal_row *row, struct buf *out)
{
	buf_fmt(out, "%" PRIu64 " %" PRId64 " %s %s %s", row->seq, row->t_us, row->event, row->type, row->state ? row->state : "-");
	id_put(out, row->has_entity, &row->entity);
	id_put(out, row->has_letter, &row->letter);
	id_put(out, row->has_recipient, &row->recipient);
	buf_ch(out, '\n');
}

static bool number(const char **p, uint64_t *v_r)
{
	unsigned digits = 0;

	*v_r = 0;
	for (; **p >= '0' && **p <= '9' && digits < 17; digits++)
		*v_r = *v_r * 10 + (uint64_t)(*(*p)++ - '0');
	return digits && digits < 17;
}

bool journal_erase_next(struct journal_erase_scan *scan, uint64_t *first_r, uint64_t *last_r)
{
	if (scan->bad || !*scan->p)
		return false;
	scan->bad = true;
	if (!number(&scan->p, first_r))
		return false;
	*last_r = *first_r;
	if (*scan->p == '-') {
		scan->p++;
		if (!number(&scan->p, last_r) || *last_r <= *first_r)
			return false;
	}
	if (*first_r < scan->next || (*scan->p && *scan->p != ','))
		return false;
	scan->next = *last_r + 1;
	if (*scan->p == ',' && !*++scan->p)
		return false;
	scan->bad = false;
	return true;
}

struct erasing {
	struct journal *journal;
	struct db_tx *tx;
	const struct journal_actor *by;
	const struct uuid *entity, *letter;
	struct buf seqs, lines;
	uint64_t first, last;		/* of the range being gathered */
	bool any;
};

static void range_put(struct erasing *e)
{
	buf_fmt(&e->seqs, "%s%" PRIu64, e->seqs.n ? "," : "", e->first);
	if (e->last > e->first)
		buf_fmt(&e->seqs, "-%" PRIu64, e->last);
}

/* One `purged` entry over what was gathered. */
static enum pli_status entry_put(struct erasing *e, struct err *err)
{
	uint8_t digest[32];
	char hex[65];
	struct journal_event ev = { .ev = "purged", .actor = e->by, .entity = e->entity };

	if (!e->any)
		return PLI_OK;
	range_put(e);
	cipher_sha256(e->lines.p, e->lines.n, digest);
	ev.d_json = pool_fmt(e->tx->pool, "{\"seqs\":\"%s\"}", e->seqs.p);
	ev.h_json = pool_fmt(e->tx->pool, "{\"rows\":\"%s\"}", hex_encode(hex, digest, 32));
	buf_reset(&e->seqs);
	buf_reset(&e->lines);
	e->any = false;
	return journal_add(e->journal, e->tx, &ev, err);
}

static void row_add(struct erasing *e, struct db_rows *rows)
{
	struct journal_row r = { .seq = (uint64_t)db_int(rows, 0), .t_us = db_int(rows, 1), .event = db_text(rows, 2),
				 .type = db_text(rows, 3), .state = db_text(rows, 4) };

	r.has_entity = db_uuid(rows, 5, &r.entity);
	r.has_letter = db_uuid(rows, 6, &r.letter);
	r.has_recipient = db_uuid(rows, 7, &r.recipient);
	if (e->any && r.seq != e->last + 1) {
		range_put(e);
		e->first = r.seq;
	}
	if (!e->any)
		e->first = r.seq;
	e->any = true;
	e->last = r.seq;
	journal_erase_line(&r, &e->lines);
}

static enum pli_status rows_gather(struct erasing *e, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(e->tx->conn, &rows, err, ROWS_GET, "u", e->letter);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		row_add(e, &rows);
		if (e->seqs.n > SEQS_MAX)
			st = entry_put(e, err);
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status journal_erase(struct journal *journal, struct db_tx *tx, const struct journal_actor *by, const struct uuid *entity,
			      const struct uuid *letter, struct err *err)
{
	struct erasing e = { .journal = journal, .tx = tx, .by = by, .entity = entity, .letter = letter };
	enum pli_status st;

	buf_init(&e.seqs);
	buf_init(&e.lines);
	st = rows_gather(&e, err);
	if (st == PLI_OK)
		st = entry_put(&e, err);
	buf_free(&e.seqs);
	buf_free(&e.lines);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, ROWS_END, "u", letter);
	return st;
}
