/* Reading the journal: rows for views, what they show, inclusion proofs. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"

#include "canon.h"
#include "entry.h"
#include "journal_own.h"

/* Horodatage: the first token whose head covers the entry, and the first by an authority outside.  $1 … $10: entity,
 * recipient, account, document chain only, event, type, state, from, to, before; $11 limit; $12 letter. */
#define COLUMNS \
	"SELECT j.seq, j.t, (SELECT h.gen_time FROM head h WHERE h.size > j.seq ORDER BY h.size LIMIT 1)," \
	" j.event, j.type, j.state, j.entity, j.letter, j.recipient, j.account, j.leaf, j.entry, j.shown," \
	" (SELECT x.gen_time FROM external_token x WHERE x.size > j.seq ORDER BY x.size LIMIT 1) FROM journal j" \
	" WHERE ($1 IS NULL OR j.entity = $1) AND ($2 IS NULL OR j.recipient = $2) AND ($3 IS NULL OR j.account = $3)" \
	" AND ($4 = 0 OR j.recipient IS NULL) AND ($5 IS NULL OR j.event = $5) AND ($6 IS NULL OR j.type = $6)" \
	" AND ($7 IS NULL OR j.state = $7) AND ($8 = 0 OR j.t >= $8) AND ($9 = 0 OR j.t <= $9) AND j.seq < $10"
#define OF_LETTER " AND j.letter = $12"

static const char ALL_NEWEST[] = COLUMNS " ORDER BY j.seq DESC LIMIT $11";
static const char ALL_OLDEST[] = COLUMNS " ORDER BY j.seq LIMIT $11";
static const char LETTER_NEWEST[] = COLUMNS OF_LETTER " ORDER BY j.seq DESC LIMIT $11";
static const char LETTER_OLDEST[] = COLUMNS OF_LETTER " ORDER BY j.seq LIMIT $11";
static const char HEAD_ROOT[] = "SELECT root FROM head WHERE size = $1";

static void row_read(struct db_rows *rows, struct journal_row *r)
{
	size_t n;
	const void *leaf;

	*r = (struct journal_row){
		.seq = (uint64_t)db_int(rows, 0), .t_us = db_int(rows, 1), .stamp_us = db_is_null(rows, 2) ? 0 : db_int(rows, 2),
		.event = db_text(rows, 3), .type = db_text(rows, 4), .state = db_text(rows, 5),
	};
	r->has_entity = db_uuid(rows, 6, &r->entity);
	r->has_letter = db_uuid(rows, 7, &r->letter);
	r->has_recipient = db_uuid(rows, 8, &r->recipient);
	r->has_account = db_uuid(rows, 9, &r->account);
	leaf = db_blob(rows, 10, &n);
	if (leaf && n == 32)
		memcpy(r->leaf, leaf, 32);
	r->entry = db_blob(rows, 11, &r->entry_n);
	r->shown = db_blob(rows, 12, &r->shown_n);
	r->external_us = db_is_null(rows, 13) ? 0 : db_int(rows, 13);
}

enum pli_status journal_rows(struct db_conn *conn, const struct journal_filter *f, journal_row_fn *fn, void *arg, struct err *err)
{
	int64_t before = f->before_seq ? (int64_t)f->before_seq : INT64_MAX, limit = f->limit ? (int64_t)f->limit : INT64_MAX;
	AUTO_ROWS rows = { 0 };
	struct journal_row row;
	enum pli_status status;

	if (f->letter)
		status = db_query(conn, &rows, err, f->oldest_first ? LETTER_OLDEST : LETTER_NEWEST, "uuuitttiiiiu", f->entity,
				  f->recipient, f->account, (int64_t)f->document_chain_only, f->event, f->type, f->state, f->from_us,
				  f->to_us, before, limit, f->letter);
	else
		status = db_query(conn, &rows, err, f->oldest_first ? ALL_OLDEST : ALL_NEWEST, "uuuitttiiii", f->entity,
				  f->recipient, f->account, (int64_t)f->document_chain_only, f->event, f->type, f->state, f->from_us,
				  f->to_us, before, limit);
	while (status == PLI_OK && (status = db_next(&rows, err)) == PLI_OK) {
		row_read(&rows, &row);
		status = fn(arg, &row, err);
	}
	return status == PLI_ABSENT ? PLI_OK : status;
}

enum pli_status journal_shown_open(struct pool *pool, const struct journal_row *row, const uint8_t meta_key[32], uint8_t salt_r[32],
				   const char **sheet_json_r, struct err *err)
{
	AUTO_BUF plain = { .secret = 1 };
	const char *h, *sheet = NULL;
	uint8_t digest[32], again[32];
	char aad[32 + 20] = "pli/journal/shown/1";
	enum pli_status status;
	size_t h_n;

	if (!row->entry || !row->shown)
		return err_set(err, PLI_ABSENT, "journal entry %" PRIu64 " shows nothing", row->seq + 1);
	if (canon_member(row->entry, row->entry_n, "h", &h, &h_n))
		sheet = canon_member_str(pool, h, h_n, "sheet");
	if (!sheet || !hex_decode(digest, 32, sheet, strlen(sheet)))
		return err_set(err, PLI_INPUT, "journal entry %" PRIu64 " binds no sheet", row->seq + 1);
	memcpy(aad + 20, digest, 32);
	status = cipher_open(meta_key, aad, sizeof(aad), row->shown, row->shown_n, &plain, err);
	if (status != PLI_OK)
		return status;
	if (plain.n < 32)
		return err_set(err, PLI_INPUT, "what journal entry %" PRIu64 " shows is cut off", row->seq + 1);
	entry_sheet_digest((const uint8_t *)plain.p, plain.p + 32, plain.n - 32, again);
	if (memcmp(digest, again, 32) != 0)
		return err_set(err, PLI_INPUT, "what journal entry %" PRIu64 " shows is not what it binds", row->seq + 1);
	memcpy(salt_r, plain.p, 32);
	*sheet_json_r = pool_strn(pool, plain.p + 32, plain.n - 32);
	return PLI_OK;
}

/* ---- inclusion ---- */

void journal_use_tiles(struct journal *journal, int journal_dir_fd)
{
	pthread_mutex_lock(&journal->tiles_lock);
	tiles_forget(&journal->tiles);
	journal->tiles.dir_fd = journal_dir_fd;
	pthread_mutex_unlock(&journal->tiles_lock);
}

static enum pli_status leaves_of(void *arg, uint64_t first, unsigned count, uint8_t (*leaves_r)[32], struct err *err)
{
	return journal_leaves(arg, first, count, leaves_r, err);
}

/* True, too, when there is no head of that size to compare with. */
static bool proof_holds(struct db_conn *conn, uint64_t seq, uint64_t size, uint8_t (*path)[32], unsigned count)
{
	AUTO_ROWS rows = { 0 };
	uint8_t leaf[32];
	const void *root;
	size_t n;

	if (journal_leaves(conn, seq, 1, &leaf, NULL) != PLI_OK)
		return false;
	if (db_query(conn, &rows, NULL, HEAD_ROOT, "i", (int64_t)size) != PLI_OK)
		return false;
	if (db_next(&rows, NULL) != PLI_OK)
		return true;
	root = db_blob(&rows, 0, &n);
	return root && n == 32 && tree_inclusion_holds(leaf, seq, size, path[0], count, root);
}

static enum pli_status prove(struct tiles *tiles, struct db_conn *conn, uint64_t seq, uint64_t size, uint8_t (*path)[32],
			     unsigned *count_r, struct err *err)
{
	enum pli_status status;

	tiles->leaves = leaves_of;
	tiles->arg = conn;
	status = tree_inclusion(seq, size, tiles_read, tiles, path, count_r, err);
	if (status == PLI_OK && !proof_holds(conn, seq, size, path, *count_r))
		status = err_set(err, PLI_CONFLICT, "journal entry %" PRIu64 " is not in the signed tree", seq + 1);
	return status;
}

enum pli_status journal_inclusion(struct journal *journal, struct db_conn *conn, struct pool *pool, uint64_t seq, uint64_t size,
				  uint8_t **hashes_r, unsigned *count_r, struct err *err)
{
	uint8_t path[TREE_PATH_MAX][32];
	enum pli_status status = PLI_ABSENT;
	struct tiles alone;
	unsigned count = 0;

	if (journal) {
		pthread_mutex_lock(&journal->tiles_lock);
		status = prove(&journal->tiles, conn, seq, size, path, &count, err);
		if (status == PLI_CONFLICT)
			tiles_forget(&journal->tiles);
		pthread_mutex_unlock(&journal->tiles_lock);
	}
	/* A damaged tile is no reason to give no proof. */
	if (status == PLI_CONFLICT || status == PLI_ABSENT) {
		tiles_init(&alone, -1, NULL, NULL);
		status = prove(&alone, conn, seq, size, path, &count, err);
		tiles_fini(&alone);
	}
	if (status != PLI_OK)
		return status;
	*hashes_r = pool_dup(pool, path, (size_t)count * 32);
	*count_r = count;
	return PLI_OK;
}
