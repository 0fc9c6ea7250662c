/* Everything read again and recomputed; see journal.h.
 *
 * The keeper's signed heads are the measure: each record of journal/heads is checked by itself (hashes, signature, token), then the
 * database's rows against its leaves, one after the other, so that the first difference gives the number. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "cipher.h"
#include "db.h"

#include "canon.h"
#include "checkpoint.h"
#include "entry.h"
#include "event.h"
#include "head_record.h"
#include "journal_erase.h"
#include "journal_own.h"
#include "key_change.h"
#include "token.h"

#define HEAD_LAG_US (60 * SECOND_US)	/* an older head must stand in the database */
#define COVER_US (10 * SECOND_US)	/* how long a head for the newest rows is waited for, while the server runs */
#define COVER_STEP_MS 20

static const char ROWS[] =
	"SELECT seq, t, event, type, state, entity, letter, recipient, account, leaf, entry, shown FROM journal ORDER BY seq";
static const char ROWS_RANGE[] =
	"SELECT seq, t, event, type, state, entity, letter, recipient, account, leaf, entry, shown FROM journal "
	"WHERE seq >= $1 AND seq <= $2 ORDER BY seq";
static const char HEADS[] = "SELECT size, root, checkpoint, token, gen_time FROM head ORDER BY size";

struct chain_end {
	struct uuid letter, recipient;
	uint8_t leaf[32];
	bool used;
};

struct verify {
	const struct journal_verify_options *o;
	int64_t now_us;
	struct token_verifier *tokens;
	/* The keeper's heads. */
	struct head_reader reader;
	struct head_record record;	/* leaves of entries from .. record.size */
	uint64_t from;
	bool have_record, heads_end;
	struct tree tree;
	/* The database's heads. */
	struct db_rows heads;
	bool db_heads_end;
	/* The rows. */
	uint64_t seq;			/* of the row expected */
	int64_t last_t_us;
	struct chain_end *chains;
	size_t chain_cap, chain_count;
	struct uuid meta_of;		/* entity of meta_key */
	bool meta_known;
	uint8_t meta_key[32];
	/* Entries without their text, in order, each to be named by a `purged` entry. */
	struct erased {
		uint64_t seq;
		bool named;
	} *erased;
	size_t erased_count, erased_cap;
	uint64_t bad;
};

static enum pli_status bad(struct verify *v, uint64_t number, struct err *err, const char *what)
{
	v->bad = number;
	return err_set(err, PLI_CONFLICT, "entry %" PRIu64 ": %s", number, what);
}

/* ---- chains ---- */

static struct chain_end *chain_place(struct chain_end *chains, size_t cap, const struct uuid *letter, const struct uuid *recipient)
{
	uint64_t a, b;
	size_t at;

	memcpy(&a, letter->b + 8, 8);
	memcpy(&b, recipient->b + 8, 8);
	a ^= b * UINT64_C(0x9e3779b97f4a7c15);
	for (at = (a ^ a >> 29) & (cap - 1); chains[at].used; at = (at + 1) & (cap - 1))
		if (uuid_same(&chains[at].letter, letter) && uuid_same(&chains[at].recipient, recipient))
			break;
	return &chains[at];
}

static struct chain_end *chain_find(struct verify *v, const struct uuid *letter, const struct uuid *recipient)
{
	static const struct uuid nobody;

	if (v->chain_count * 2 >= v->chain_cap) {
		size_t cap = v->chain_cap ? v->chain_cap * 2 : 1024;
		struct chain_end *wider = mem_alloc(cap * sizeof(*wider));

		for (size_t i = 0; i < v->chain_cap; i++)
			if (v->chains[i].used)
				*chain_place(wider, cap, &v->chains[i].letter, &v->chains[i].recipient) = v->chains[i];
		mem_free(v->chains);
		v->chains = wider;
		v->chain_cap = cap;
	}
	return chain_place(v->chains, v->chain_cap, letter, recipient ? recipient : &nobody);
}

static enum pli_status check_chain(struct verify *v, const struct entry *e, const struct event *event, const uint8_t leaf[32], struct err *err)
{
	static const struct uuid nobody;
	struct chain_end *c;

	if (event->chain == EVENT_NO_CHAIN || !e->letter)
		return e->has_prev || event->chain != EVENT_NO_CHAIN ? bad(v, v->seq + 1, err, "it stands on a chain that its event has not") : PLI_OK;
	if ((event->chain == EVENT_RECIPIENT) != (e->recipient != NULL))
		return bad(v, v->seq + 1, err, "it stands on another chain than its event's");
	c = chain_find(v, e->letter, e->recipient);
	if (c->used != e->has_prev || (c->used && memcmp(c->leaf, e->prev, 32) != 0))
		return bad(v, v->seq + 1, err, "it does not follow the entry before it in its chain");
	if (!c->used) {
		*c = (struct chain_end){ .letter = *e->letter, .recipient = e->recipient ? *e->recipient : nobody, .used = true };
		v->chain_count++;
	}
	memcpy(c->leaf, leaf, 32);
	return PLI_OK;
}

/* ---- heads ---- */

static bool blob_is(struct db_rows *rows, int column, const void *p, size_t n)
{
	size_t got_n;
	const void *got = db_blob(rows, column, &got_n);

	return got_n == n && (!n || (got && memcmp(got, p, n) == 0));
}

/* The database's heads are the keeper's, without a gap; the newest may still be on their way. */
static enum pli_status check_db_head(struct verify *v, const struct head_record *r, int64_t gen_time_us, struct err *err)
{
	enum pli_status status = PLI_ABSENT;

	if (!v->db_heads_end)
		status = db_next(&v->heads, err);
	if (status == PLI_ABSENT) {
		v->db_heads_end = true;
		return gen_time_us + HEAD_LAG_US < v->now_us ? bad(v, v->from + 1, err, "its head is missing in the database") : PLI_OK;
	}
	if (status != PLI_OK)
		return status;
	if ((uint64_t)db_int(&v->heads, 0) != r->size || !blob_is(&v->heads, 1, r->root, 32) ||
	    !blob_is(&v->heads, 2, r->checkpoint, r->checkpoint_n) || !blob_is(&v->heads, 3, r->token, r->token_n) ||
	    db_int(&v->heads, 4) != gen_time_us)
		return bad(v, v->from + 1, err, "its head in the database is not the keeper's");
	return PLI_OK;
}

/* By the log's key, or one of before. */
static bool signed_by_log(const struct verify *v, const struct head_record *r, struct checkpoint *c)
{
	unsigned count = v->o->log_key_count ? v->o->log_key_count : 1;

	for (unsigned i = 0; i < count; i++)
		if (checkpoint_verify(r->checkpoint, r->checkpoint_n, v->o->origin, v->o->log_public_key + 32 * i, c, NULL) == PLI_OK)
			return true;
	return false;
}

static enum pli_status check_head(struct verify *v, const struct head_record *r, struct err *err)
{
	struct token_info token;
	struct checkpoint c;
	uint8_t root[32];

	for (uint32_t i = 0; i < r->leaf_count; i++)
		tree_add(&v->tree, r->leaves[i]);
	tree_root(&v->tree, root);
	if (v->tree.size != r->size || memcmp(root, r->root, 32) != 0)
		return bad(v, v->from + 1, err, "the keeper's hashes do not give its head");
	if (!signed_by_log(v, r, &c) || c.size != r->size || memcmp(c.root, r->root, 32) != 0)
		return bad(v, v->from + 1, err, "its head is not signed by the log's key");
	if (token_verify(v->tokens, r->token, r->token_n, r->checkpoint, r->checkpoint_n, &token, NULL) != PLI_OK)
		return bad(v, v->from + 1, err, "the timestamp token of its head does not hold");
	if (r->size == v->o->keeper_size && memcmp(r->root, v->o->keeper_root, 32) != 0)
		return bad(v, v->from + 1, err, "its head is not the one that the keeper's counter knows");
	return check_db_head(v, r, token.gen_time_us, err);
}

/* The record whose leaves the row `seq` is among; heads_end when there is none. */
static enum pli_status next_record(struct verify *v, struct err *err)
{
	enum pli_status status;

	v->from = v->tree.size;
	status = head_reader_next(&v->reader, &v->record, err);
	if (status == PLI_ABSENT) {
		v->heads_end = true;
		v->have_record = false;
		return PLI_OK;
	}
	if (status != PLI_OK)
		return status;
	v->have_record = true;
	return check_head(v, &v->record, err);
}

/* ---- rows ---- */

static bool id_is(bool has, const struct uuid *column, const struct uuid *id)
{
	return has ? id && uuid_same(column, id) : !id;
}

static void row_read(struct db_rows *rows, struct journal_row *r)
{
	size_t n;
	const void *leaf;

	*r = (struct journal_row){ .seq = (uint64_t)db_int(rows, 0), .t_us = db_int(rows, 1), .event = db_text(rows, 2),
				   .type = db_text(rows, 3), .state = db_text(rows, 4) };
	r->has_entity = db_uuid(rows, 5, &r->entity);
	r->has_letter = db_uuid(rows, 6, &r->letter);
	r->has_recipient = db_uuid(rows, 7, &r->recipient);
	r->has_account = db_uuid(rows, 8, &r->account);
	leaf = db_blob(rows, 9, &n);
	if (leaf && n == 32)
		memcpy(r->leaf, leaf, 32);
	r->entry = db_blob(rows, 10, &r->entry_n);
	r->shown = db_blob(rows, 11, &r->shown_n);
}

static bool columns_hold(struct pool *pool, const struct journal_row *r, const struct entry *e, const struct event *event)
{
	const char *state = event->state;

	if (!state && e->d_json)
		state = canon_member_str(pool, e->d_json, strlen(e->d_json), "state");
	return r->t_us == e->t_us && str_eq(r->event, event->name) && str_eq(r->type, event->type) && str_eq(r->state, state) &&
	       id_is(r->has_entity, &r->entity, e->entity) && id_is(r->has_letter, &r->letter, e->letter) &&
	       id_is(r->has_recipient, &r->recipient, e->recipient) && id_is(r->has_account, &r->account, e->subject);
}

static enum pli_status meta_key(struct verify *v, const struct uuid *entity, struct err *err)
{
	enum pli_status status;

	if (v->meta_known && uuid_same(&v->meta_of, entity))
		return PLI_OK;
	v->meta_known = false;
	status = v->o->open_meta(v->o->arg, entity, v->meta_key, err);
	if (status != PLI_OK)
		return status;
	v->meta_of = *entity;
	v->meta_known = true;
	return PLI_OK;
}

/* What the row shows is what the entry binds. */
static enum pli_status check_sheet(struct verify *v, struct pool *pool, const struct journal_row *r, const struct entry *e, struct err *err)
{
	const char *sheet = e->h_json ? canon_member_str(pool, e->h_json, strlen(e->h_json), "sheet") : NULL, *text;
	bool elsewhere = str_eq(e->ev, "consigned");
	uint8_t digest[32], salt[32];
	enum pli_status status;

	if ((r->shown != NULL) != (sheet && !elsewhere))
		return bad(v, v->seq + 1, err, "what it shows was taken away or added");
	if (!sheet)
		return PLI_OK;
	if (!hex_decode(digest, 32, sheet, strlen(sheet)))
		return bad(v, v->seq + 1, err, "its sheet's digest is malformed");
	if (elsewhere) {
		if (!v->o->check_recipient_sheet || !e->entity)
			return PLI_OK;
		status = v->o->check_recipient_sheet(v->o->arg, e->entity, e->letter, e->recipient, digest, err);
	} else {
		if (!v->o->open_meta || !e->entity)
			return PLI_OK;
		status = meta_key(v, e->entity, err);
		if (status == PLI_OK)
			status = journal_shown_open(pool, r, v->meta_key, salt, &text, err);
	}
	/* A disk or a keeper that fails is no tampering. */
	if (status == PLI_OK || status == PLI_IO || status == PLI_BUSY)
		return status;
	return bad(v, v->seq + 1, err, "what it shows is not what it binds");
}

/* ---- erased entries ---- */

/* Its leaf is all there is to check; its chain goes on from that. */
static enum pli_status check_erased(struct verify *v, const struct journal_row *r, struct err *err)
{
	static const struct uuid nobody;
	const struct event *event = event_find(r->event);
	struct chain_end *c;

	if (memcmp(r->leaf, v->record.leaves[v->seq - v->from], 32) != 0)
		return bad(v, v->seq + 1, err, "it is not the entry that the keeper has signed");
	if (!event || event->chain == EVENT_NO_CHAIN || !r->has_letter || r->shown || r->has_account)
		return bad(v, v->seq + 1, err, "its text is gone");
	if (r->t_us < v->last_t_us)
		return bad(v, v->seq + 1, err, "it is older than the entry before it");
	v->last_t_us = r->t_us;
	c = chain_find(v, &r->letter, r->has_recipient ? &r->recipient : NULL);
	if (!c->used) {
		*c = (struct chain_end){ .letter = r->letter, .recipient = r->has_recipient ? r->recipient : nobody, .used = true };
		v->chain_count++;
	}
	memcpy(c->leaf, r->leaf, 32);
	if (v->erased_count == v->erased_cap) {
		size_t cap = v->erased_cap ? v->erased_cap * 2 : 256;
		struct erased *wider = mem_alloc(cap * sizeof(*wider));

		if (v->erased_count)
			memcpy(wider, v->erased, v->erased_count * sizeof(*wider));
		mem_free(v->erased);
		v->erased = wider;
		v->erased_cap = cap;
	}
	v->erased[v->erased_count++] = (struct erased){ .seq = v->seq };
	return PLI_OK;
}

static struct erased *erased_find(struct verify *v, uint64_t seq)
{
	size_t low = 0, high = v->erased_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v->erased[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < v->erased_count && v->erased[low].seq == seq ? &v->erased[low] : NULL;
}

/* The rows that a `purged` entry names: without text, and what is left of them as it says. */
static enum pli_status range_lines(struct verify *v, uint64_t first, uint64_t last, struct buf *lines, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	struct journal_row row;
	uint64_t seq = first;
	enum pli_status status = db_query(v->o->conn, &rows, err, ROWS_RANGE, "ii", (int64_t)first, (int64_t)last);

	while (status == PLI_OK && (status = db_next(&rows, err)) == PLI_OK) {
		struct erased *e;

		row_read(&rows, &row);
		e = erased_find(v, row.seq);
		if (row.seq != seq++ || !e)
			return bad(v, row.seq + 1, err, "it was erased, but its text is here");
		e->named = true;
		journal_erase_line(&row, lines);
	}
	return status == PLI_ABSENT ? PLI_OK : status;
}

static enum pli_status check_purged(struct verify *v, struct pool *pool, const struct entry *e, struct err *err)
{
	const char *seqs = e->d_json ? canon_member_str(pool, e->d_json, strlen(e->d_json), "seqs") : NULL;
	const char *rows = e->h_json ? canon_member_str(pool, e->h_json, strlen(e->h_json), "rows") : NULL;
	struct journal_erase_scan scan = { .p = seqs ? seqs : "-" };
	uint64_t first, last, lowest = UINT64_MAX;
	uint8_t wanted[32], digest[32];
	AUTO_BUF lines = { 0 };
	enum pli_status status = PLI_OK;

	while (status == PLI_OK && journal_erase_next(&scan, &first, &last)) {
		lowest = first < lowest ? first : lowest;
		status = last < v->seq ? range_lines(v, first, last, &lines, err) : bad(v, v->seq + 1, err, "it erases what is not written yet");
	}
	if (status != PLI_OK)
		return status;
	cipher_sha256(lines.p, lines.n, digest);
	if (scan.bad || !rows || !hex_decode(wanted, 32, rows, strlen(rows)))
		return bad(v, v->seq + 1, err, "what it erases is malformed");
	return memcmp(wanted, digest, 32) == 0 ? PLI_OK : bad(v, lowest + 1, err, "a column of an erased entry was changed");
}

static enum pli_status check_all_named(struct verify *v, struct err *err)
{
	for (size_t i = 0; i < v->erased_count; i++)
		if (!v->erased[i].named)
			return bad(v, v->erased[i].seq + 1, err, "its text is gone");
	return PLI_OK;
}

/* A change of a key: by the old key and the new one. */
static enum pli_status check_change(struct verify *v, struct pool *pool, const struct entry *e, struct err *err)
{
	const char *d = e->d_json ? e->d_json : "{}";
	struct err why = { 0 };

	if (!v->o->key_lists || !str_eq(e->ev, "key.rotated") ||
	    key_change_verify(pool, v->o->origin, d, strlen(d), v->o->key_lists, &why) == PLI_OK)
		return PLI_OK;
	return bad(v, v->seq + 1, err, why.text);
}

static enum pli_status check_entry(struct verify *v, struct pool *pool, const struct journal_row *r, struct err *err)
{
	struct entry_view view;
	const struct event *event;
	enum pli_status status;
	uint8_t leaf[32];

	if (!r->entry)
		return check_erased(v, r, err);
	entry_leaf(r->entry, r->entry_n, leaf);
	if (memcmp(leaf, r->leaf, 32) != 0)
		return bad(v, v->seq + 1, err, "its text was changed");
	if (memcmp(leaf, v->record.leaves[v->seq - v->from], 32) != 0)
		return bad(v, v->seq + 1, err, "it is not the entry that the keeper has signed");
	if (entry_parse(pool, r->entry, r->entry_n, &view, NULL) != PLI_OK || view.e.seq != v->seq || !str_eq(view.e.log, v->o->origin))
		return bad(v, v->seq + 1, err, "it is not a canonical entry of this number and log");
	event = event_find(view.e.ev);
	if (!columns_hold(pool, r, &view.e, event))
		return bad(v, v->seq + 1, err, "a column shown was changed");
	if (view.e.t_us < v->last_t_us)
		return bad(v, v->seq + 1, err, "it is older than the entry before it");
	v->last_t_us = view.e.t_us;
	status = check_chain(v, &view.e, event, leaf, err);
	if (status == PLI_OK && str_eq(event->name, "purged"))
		status = check_purged(v, pool, &view.e, err);
	if (status == PLI_OK)
		status = check_change(v, pool, &view.e, err);
	return status == PLI_OK ? check_sheet(v, pool, r, &view.e, err) : status;
}

/* Rows newer than the keeper's status may be on their way to it. */
static enum pli_status wait_for_head(struct verify *v, struct err *err)
{
	int64_t until_us = clock_mono_us() + COVER_US;
	enum pli_status status = PLI_OK;

	while (status == PLI_OK && v->heads_end && v->seq >= v->o->keeper_size && clock_mono_us() < until_us) {
		nanosleep(&(struct timespec){ .tv_nsec = COVER_STEP_MS * 1000000L }, NULL);
		v->heads_end = false;
		status = next_record(v, err);
	}
	return status;
}

static enum pli_status check_row(struct verify *v, const struct journal_row *r, struct err *err)
{
	AUTO_POOL pool = pool_new();
	enum pli_status status = PLI_OK;

	if (r->seq != v->seq)
		return bad(v, v->seq + 1, err, "it is missing in the database");
	while (status == PLI_OK && !v->heads_end && (!v->have_record || v->seq >= v->record.size))
		status = next_record(v, err);
	if (status == PLI_OK && v->heads_end)
		status = wait_for_head(v, err);
	if (status != PLI_OK)
		return status;
	if (v->heads_end)
		return bad(v, v->seq + 1, err, v->seq < v->o->keeper_size ? "the keeper's tree ends before it: an older copy was restored" :
			   "no signed head covers it");
	return check_entry(v, pool, r, err);
}

static enum pli_status check_rows(struct verify *v, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	struct journal_row row;
	enum pli_status status = db_query(v->o->conn, &rows, err, ROWS, "");

	while (status == PLI_OK && (status = db_next(&rows, err)) == PLI_OK) {
		row_read(&rows, &row);
		status = check_row(v, &row, err);
		v->seq += status == PLI_OK;
	}
	return status == PLI_ABSENT ? PLI_OK : status;
}

/* The rows are right as far as they go: do they go as far as the keeper has signed?  Heads newer than the snapshot are no matter. */
static enum pli_status check_end(struct verify *v, struct err *err)
{
	enum pli_status status = PLI_OK;

	if (v->seq < v->o->keeper_size)
		return bad(v, v->seq + 1, err, "the database ends before it, but the keeper has signed it: an older copy, or its end was cut off");
	/* The keeper's own root was compared when its head went by; none may be missing. */
	while (status == PLI_OK && !v->heads_end && v->tree.size < v->o->keeper_size)
		status = next_record(v, err);
	/* Each head of the keeper's took one of the database's along: what is left covers rows that are not there. */
	if (status == PLI_OK && !v->db_heads_end) {
		status = db_next(&v->heads, err);
		if (status == PLI_OK)
			return bad(v, v->seq + 1, err, "the database has a head that the keeper has not");
		status = status == PLI_ABSENT ? PLI_OK : status;
	}
	return status;
}

static enum pli_status start(struct verify *v, struct err *err)
{
	enum pli_status status;
	int fd;

	tree_init(&v->tree);
	status = token_verifier_new(v->o->root_pem, v->o->tsa_pem, &v->tokens, err);
	if (status != PLI_OK)
		return status;
	fd = openat(v->o->journal_dir_fd, "heads", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return bad(v, 1, err, "the keeper's heads are not there");
	if (fd < 0)
		return err_errno(err, "cannot open journal/heads");
	head_reader_init(&v->reader, fd, 0);
	return db_query(v->o->conn, &v->heads, err, HEADS, "");
}

enum pli_status journal_verify(const struct journal_verify_options *options, uint64_t *size_r, uint8_t root_r[32],
			       uint64_t *bad_number_r, struct err *err)
{
	struct verify v = { .o = options, .now_us = clock_now_us(), .reader = { .fd = -1 } };
	enum pli_status status = start(&v, err);

	if (status == PLI_OK)
		status = check_rows(&v, err);
	if (status == PLI_OK)
		status = check_end(&v, err);
	if (status == PLI_OK)
		status = check_all_named(&v, err);
	if (status == PLI_OK) {
		*size_r = v.tree.size;
		tree_root(&v.tree, root_r);
	}
	*bad_number_r = status == PLI_CONFLICT ? v.bad : 0;
	db_end(&v.heads);
	if (v.reader.fd >= 0) {
		close(v.reader.fd);
		head_reader_fini(&v.reader);
	}
	token_verifier_free(v.tokens);
	mem_free(v.chains);
	mem_free(v.erased);
	mem_wipe(v.meta_key, sizeof(v.meta_key));
	return status;
}
