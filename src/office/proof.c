/* The proof of one letter, put together from journal, sheets and heads: the sender's, or one recipient's, who sees nothing of others. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "log.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "bundle.h"
#include "external_token.h"
#include "journal.h"
#include "pem_list.h"
#include "receipt_kind.h"
#include "token.h"

#include "address_book.h"
#include "directory.h"

#include "archive_import.h"
#include "cosignature.h"
#include "delivery_own.h"
#include "external_time.h"
#include "office_own.h"
#include "proof.h"

#define PROOF_ENTRIES_MAX 200000u

static const char HEAD_GET[] = "SELECT root, checkpoint, token FROM head WHERE size = $1";
static const char HEAD_COVERING[] = "SELECT MIN(size) FROM head WHERE size > $1";
static const char HEAD_STAMPED[] = "SELECT MIN(size) FROM external_token WHERE size > $1";
static const char HEAD_NEWEST[] = "SELECT MAX(size) FROM head WHERE size > $1";
static const char STAMP_GET[] = "SELECT gen_time FROM head WHERE size > $1 ORDER BY size LIMIT 1";
static const char RECEIPT_GET[] = "SELECT body FROM receipt WHERE entity = $1 AND letter = $2 AND n = $3";
static const char RECEIPT_ADD[] =
	"INSERT INTO receipt (entity, letter, n, body) VALUES ($1, $2, $3, $4) ON CONFLICT (entity, letter, n) DO NOTHING";

#define RECEIPT_PLACE(e, l, n) (&(struct meta_place){ "receipt", (e), (l), (n) })

struct gather {
	struct pool *pool;
	const struct uuid *recipient;	/* NULL: the sender's */
	const struct receipt_kind *until;	/* stop after the first event of this kind */
	bool found, over;
	unsigned missing;		/* recipients whose first entry has not come yet: a sender's proof needs them all */
	uint64_t newest;		/* size of the newest head: what came after it is for a later proof */
	struct bundle_entry *entries;
	unsigned count, cap;
	uint64_t last_seq;
	uint64_t own_seq;		/* of deposit.accepted, or of consigned */
	int64_t own_t_us, own_stamp_us;
};

static enum pli_status gather_row(void *arg, const struct journal_row *row, struct err *err)
{
	struct gather *g = arg;
	struct bundle_entry *e;

	if (g->over || row->seq >= g->newest || (g->recipient && (!row->has_recipient || !uuid_same(&row->recipient, g->recipient))))
		return PLI_OK;
	if (!row->entry)
		return err_set(err, PLI_GONE, "An entry of this letter has been erased after its time.");
	if (g->count == PROOF_ENTRIES_MAX)
		return err_set(err, PLI_LIMIT, "This letter has too many entries for one proof.");
	if (g->count == g->cap) {
		unsigned cap = g->cap ? g->cap * 2 : 32;
		struct bundle_entry *grown = POOL_ARRAY(g->pool, struct bundle_entry, cap);

		if (g->count)
			memcpy(grown, g->entries, g->count * sizeof *grown);
		g->entries = grown;
		g->cap = cap;
	}
	e = &g->entries[g->count++];
	*e = (struct bundle_entry){ .seq = row->seq, .stamp_us = row->stamp_us,
				    .json = pool_strn(g->pool, row->entry, row->entry_n), .json_n = row->entry_n };
	g->last_seq = row->seq;
	if (str_eq(row->event, g->recipient ? "consigned" : "deposit.accepted")) {
		g->own_seq = row->seq;
		g->own_t_us = row->t_us;
		g->own_stamp_us = row->stamp_us;
	}
	if (!g->recipient && str_eq(row->event, "consigned") && g->missing)
		g->missing--;
	if (g->until && !g->recipient == !row->has_recipient && receipt_kind_is(g->until, !g->recipient, row->event))
		g->found = true;
	g->over = g->found && (g->recipient || !g->missing);
	return PLI_OK;
}

/* What witnesses have signed of the head. */
static enum pli_status witnesses_load(struct db_conn *conn, struct pool *pool, struct bundle *b, struct err *err)
{
	AUTO_BUF lines = { 0 }, keys = { 0 };
	enum pli_status st = cosignature_lines(conn, b->tree_size, &lines, err);

	if (st == PLI_OK)
		st = cosignature_keys(conn, b->tree_size, &keys, err);
	b->witness_lines = lines.n ? pool_strn(pool, lines.p, lines.n) : NULL;
	b->witness_keys = keys.n ? pool_strn(pool, keys.p, keys.n) : NULL;
	return st;
}

/* A proof does not fail by what is beside it. */
static void external_take(struct bundle *b, const struct external_token *external)
{
	int64_t t_us;
	struct err err;

	if (external_token_check(external->token, external->token_n, b->checkpoint, b->checkpoint_n, external->chain_pem, &t_us, &err) != PLI_OK) {
		log_error("proof.external", "the token from outside over the head of %" PRIu64 " entries is damaged, and left out: %s", b->tree_size,
			  err.text);
		return;
	}
	b->external_token = external->token;
	b->external_token_n = external->token_n;
	b->external_pem = external->chain_pem;
}

static enum pli_status head_load(struct db_conn *conn, struct pool *pool, struct bundle *b, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	struct external_token external;
	size_t n;
	const void *p;
	enum pli_status st = db_query(conn, &rows, err, HEAD_GET, "i", (int64_t)b->tree_size);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st == PLI_ABSENT ? err_set(err, PLI_BUSY, "The journal's signed head is not there yet; try again.") : st;
	p = db_blob(&rows, 0, &n);
	if (!p || n != 32)
		return err_set(err, PLI_IO, "A head's row is damaged.");
	memcpy(b->tree_root, p, 32);
	p = db_blob(&rows, 1, &b->checkpoint_n);
	b->checkpoint = pool_strn(pool, p, b->checkpoint_n);
	b->origin = pool_strn(pool, b->checkpoint, strcspn(b->checkpoint, "\n"));
	p = db_blob(&rows, 2, &b->token_n);
	b->token = pool_dup(pool, p, b->token_n);
	st = external_token_get(conn, pool, b->tree_size, &external, err);
	if (st == PLI_OK && external.token)
		external_take(b, &external);
	return st == PLI_OK ? witnesses_load(conn, pool, b, err) : st;
}

static enum pli_status one_int(struct db_conn *conn, const char *sql, uint64_t arg, int64_t *v_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "i", (int64_t)arg);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && db_is_null(&rows, 0))
		st = PLI_ABSENT;
	if (st == PLI_OK)
		*v_r = db_int(&rows, 0);
	return st == PLI_ABSENT ? err_set(err, PLI_BUSY, "The journal's signed head is not there yet; try again.") : st;
}

/* Those that made this head, and those that seal now. */
static enum pli_status anchors_choose(struct office *office, struct pool *pool, struct bundle *b, struct err *err)
{
	const struct office_parts *p = &office->parts;

	b->seal_pem = pem_list_get(pool, p->seal_pem, 0);
	b->operator_pem = pem_list_get(pool, p->operator_pem, 0);
	b->tsa_pem = pem_list_of_token(pool, p->tsa_pem, b->token, b->token_n);
	b->log_pub = pem_list_of_checkpoint(pool, p->log_pub, b->checkpoint, b->checkpoint_n);
	if (b->seal_pem && b->operator_pem && b->tsa_pem && b->log_pub)
		return PLI_OK;
	return err_set(err, PLI_IO, "public/ does not hold the keys that made this head.");
}

/* Today's proof is under the newest head, or the newest that witnesses have signed, so that it also shows that nothing more had happened;
 * a receipt under the first that covers it. */
static enum pli_status tree_choose(struct office *office, struct db_conn *conn, struct pool *pool, struct gather *g, struct bundle *b,
				   struct err *err)
{
	int64_t size = (int64_t)g->newest;
	uint64_t shown = 0;
	enum pli_status st = PLI_OK;

	/* One that an authority outside has stamped, when there is one already. */
	if (g->until && one_int(conn, HEAD_STAMPED, g->last_seq, &size, NULL) != PLI_OK)
		st = one_int(conn, HEAD_COVERING, g->last_seq, &size, err);
	else if (!g->until && (st = public_log_head(conn, g->last_seq, &shown, err)) == PLI_OK)
		size = (int64_t)shown;

	if (st != PLI_OK)
		return st;
	b->tree_size = (uint64_t)size;
	st = head_load(conn, pool, b, err);
	/* A receipt is stamped now: under a head that another authority stamped, before a change of keys, it would need two of them. */
	if (st == PLI_OK && b->tree_size != g->newest && !token_is_by(b->token, b->token_n, pem_list_get(pool, office->parts.tsa_pem, 0))) {
		b->tree_size = g->newest;
		st = head_load(conn, pool, b, err);
	}
	if (st == PLI_OK)
		st = anchors_choose(office, pool, b, err);
	for (unsigned i = 0; st == PLI_OK && i < g->count; i++) {
		uint8_t *path = NULL;

		if (!g->entries[i].stamp_us)
			st = one_int(conn, STAMP_GET, g->entries[i].seq, &g->entries[i].stamp_us, err);
		if (st == PLI_OK)
			st = journal_inclusion(office->parts.journal, conn, pool, g->entries[i].seq, b->tree_size, &path,
					       &g->entries[i].path_count, err);
		g->entries[i].path = path;
	}
	if (st == PLI_OK && !g->own_stamp_us)
		st = one_int(conn, STAMP_GET, g->own_seq, &g->own_stamp_us, err);
	return st;
}

/* Who wrote, for sheets that bind it apart: the same for all. */
static void withheld_fill(const struct letter_sheet *sheet, struct bundle *b)
{
	if (b->withheld_json || !sheet->withheld)
		return;
	b->withheld_json = sheet->withheld;
	memcpy(b->withheld_salt, sheet->withheld_salt, sizeof(b->withheld_salt));
}

static enum pli_status people_fill(struct office *office, struct db_conn *conn, struct pool *pool, const struct letter *l, unsigned only_n,
				   struct bundle *b, struct err *err)
{
	struct bundle_recipient *list = POOL_ARRAY(pool, struct bundle_recipient, l->recipient_count);
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < l->recipient_count; i++) {
		const struct letter_recipient *r = &l->recipients[i];
		struct bundle_recipient *out = &list[b->recipient_count];
		struct letter_sheet sheet;

		if (only_n && r->n != only_n)
			continue;
		*out = (struct bundle_recipient){ .name = r->name, .address = r->address, .kind = r->kind };
		st = letter_sheet(office, conn, pool, &l->entity, &l->letter, r->n, &sheet, err);
		if (st != PLI_OK)
			return st;
		out->sheet_json = sheet.json;
		memcpy(out->sheet_salt, sheet.salt, sizeof(out->sheet_salt));
		withheld_fill(&sheet, b);
		b->recipient_count++;
	}
	b->recipients = list;
	return PLI_OK;
}

/* Sheets of letters that were deposited before there were others name the sender: of these there is no proof that does not. */
static enum pli_status withhold(const struct letter *l, unsigned n, struct bundle *b, struct err *err)
{
	for (unsigned i = 0; i < l->recipient_count; i++)
		if (l->recipients[i].n == n)
			b->withholds = letter_withheld_from(l, &l->recipients[i]);
	if (b->withholds && !b->withheld_json)
		return err_field(err, PLI_CONFLICT, "sender-withheld", "recipient",
				 "This recipient's proof would say what he is not told before he accepts.");
	return PLI_OK;
}

static void letter_fill(struct pool *pool, const struct letter *l, struct bundle *b)
{
	struct bundle_part *parts = POOL_ARRAY(pool, struct bundle_part, l->part_count);
	char *id = pool_alloc(pool, 37);

	b->letter = uuid_format(id, &l->letter);
	b->sender_name = l->sender_name;
	b->sender_address = l->sender_email;
	b->entity_name = l->entity_name;
	b->siren = l->siren;
	b->sender_method = l->sender_method;
	b->sender_level = l->sender_level;
	b->subject = l->subject;
	b->class_ = l->class_;
	b->mode = l->mode;
	b->password = l->password;
	b->message_size = l->message_size;
	memcpy(b->message_sha256, l->message_sha256, 32);
	for (unsigned i = 0; i < l->part_count; i++) {
		parts[i] = (struct bundle_part){ .n = l->parts[i].n, .name = l->parts[i].name, .type = l->parts[i].type,
						 .size = l->parts[i].size };
		memcpy(parts[i].sha256, l->parts[i].sha256, 32);
	}
	b->parts = parts;
	b->part_count = l->part_count;
}

static enum pli_status bundle_gather(struct office *office, struct db_conn *conn, struct pool *pool, const struct uuid *entity,
				     const struct uuid *letter_id, unsigned n, const struct proof_form *form, struct bundle *b,
				     struct err *err)
{
	struct letter *l;
	struct gather g = { .pool = pool, .until = form->until };
	int64_t newest;
	enum pli_status st = letter_load(office, conn, pool, entity, letter_id, &l, NULL, err);

	if (st == PLI_OK)
		st = one_int(conn, HEAD_NEWEST, 0, &newest, err);
	if (st != PLI_OK)
		return st;
	g.newest = (uint64_t)newest;
	g.missing = l->recipient_count;
	for (unsigned i = 0; n && i < l->recipient_count; i++)
		if (l->recipients[i].n == n)
			g.recipient = &l->recipients[i].recipient;
	*b = (struct bundle){ .kind = n ? "recipient" : "sender", .root_pem = office->parts.root_pem,
			      .lang = form->lang ? form->lang : office->parts.settings->lang, .base_url = office->parts.base_url };
	letter_fill(pool, l, b);
	st = journal_rows(conn, &(struct journal_filter){ .letter = letter_id, .oldest_first = true, .limit = PROOF_ENTRIES_MAX },
			  gather_row, &g, err);
	if (st == PLI_OK && g.count == 0)
		st = err_set(err, PLI_IO, "The journal has no entry of this letter.");
	if (st == PLI_OK && form->until && !g.found)
		st = err_field(err, PLI_ABSENT, "no-such-event", "kind", "This has not happened: there is no proof of it.");
	if (st == PLI_OK)
		st = people_fill(office, conn, pool, l, n, b, err);
	if (st == PLI_OK && n && form->copy == PROOF_OWN)
		st = withhold(l, n, b, err);
	if (st == PLI_OK)
		st = tree_choose(office, conn, pool, &g, b, err);
	b->entries = g.entries;
	b->entry_count = g.count;
	b->number = g.own_seq + 1;
	b->t_us = g.own_t_us;
	b->stamp_us = g.own_stamp_us;
	return st;
}

enum pli_status proof_make(struct office *office, struct pool *pool, const struct uuid *entity, const struct uuid *letter, unsigned n,
			   const struct proof_form *form, struct buf *out, struct err *err)
{
	struct bundle b;
	struct db_conn *conn;
	enum pli_status st = journal_wait(office->parts.journal, journal_size(office->parts.journal), 2000, err);

	if (st != PLI_OK)
		return st;
	conn = db_reader_take(office->parts.db);
	st = db_snapshot(conn, err);
	if (st == PLI_OK)
		st = bundle_gather(office, conn, pool, entity, letter, n, form, &b, err);
	db_reader_give(office->parts.db, conn);
	return st == PLI_OK ? bundle_write(&b, office->parts.keeper, out, err) : st;
}

enum pli_status proof_target(struct office *office, const struct principal *who, struct pool *pool, const char *id,
			     const char *recipient_address, struct letter **letter_r, unsigned *n_r, struct err *err)
{
	struct letter *l;
	unsigned n = 0;
	enum pli_status st = letter_get(office, who, pool, id, &l, err);

	if (st == PLI_OK)
		st = principal_may(who, RIGHT_LETTER_PROOF, &l->entity, &l->account, err);
	if (st != PLI_OK)
		return st;
	/* The sender's proof names every recipient: only for those who may see hidden copies. */
	if (!recipient_address && !principal_sees_bcc(who, &l->account))
		return err_set(err, PLI_DENIED, "The sender's proof is for the sender and the auditors of his entity.");
	for (unsigned i = 0; recipient_address && i < l->recipient_count; i++)
		if (address_book_same(l->recipients[i].address, recipient_address))
			n = l->recipients[i].n;
	if (recipient_address && !n)
		return err_field(err, PLI_ABSENT, "unknown-recipient", "recipient", "This letter has no such recipient.");
	*letter_r = l;
	*n_r = n;
	return PLI_OK;
}

enum pli_status letter_proof(struct office *office, const struct principal *who, struct pool *pool, const char *id,
			     const char *recipient_address, struct buf *out, struct err *err)
{
	struct letter *l;
	unsigned n;
	enum pli_status st = proof_target(office, who, pool, id, recipient_address, &l, &n, err);

	if (st == PLI_OK && l->archived_us)
		return archive_import_proof_get(office, pool, l, n, out, err);
	return st == PLI_OK ? proof_make(office, pool, &l->entity, &l->letter, n, &(struct proof_form){ .copy = PROOF_OWN }, out, err) : st;
}

enum pli_status delivery_proof(struct office *office, struct pool *pool, const struct delivery_view *view, struct buf *out, struct err *err)
{
	const struct letter *l = view->letter;

	return proof_make(office, pool, &l->entity, &l->letter, l->recipients[view->me].n, &(struct proof_form){ .copy = PROOF_OWN }, out, err);
}

static enum pli_status receipt_get(struct office *office, const struct delivery_view *view, struct buf *out, struct err *err)
{
	const struct letter *l = view->letter;
	unsigned n = l->recipients[view->me].n;
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, RECEIPT_GET, "uui", &l->entity, &l->letter, (int64_t)n);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		size_t sealed_n;
		const void *sealed = db_blob(&rows, 0, &sealed_n);

		st = meta_open(view->letter_key, RECEIPT_PLACE(&l->entity, &l->letter, n), sealed, sealed_n, out, err);
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st;
}

struct keep {
	const struct letter *letter;
	unsigned n;
	const struct buf *sealed;
};

static enum pli_status keep_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct keep *k = arg;

	return db_run(tx->conn, NULL, err, RECEIPT_ADD, "uuib", &k->letter->entity, &k->letter->letter, (int64_t)k->n, k->sealed->p,
		      k->sealed->n);
}

enum pli_status delivery_receipt(struct office *office, struct pool *pool, const struct delivery_view *view, struct buf *out, struct err *err)
{
	const struct letter *l = view->letter;
	AUTO_BUF made = { 0 }, sealed = { 0 };
	struct keep keep = { l, l->recipients[view->me].n, &sealed };
	enum pli_status st = receipt_get(office, view, out, err);

	if (st != PLI_ABSENT)
		return st;
	st = office_room(office, OFFICE_RESERVE_READ, err);	/* what is made is kept */
	if (st == PLI_OK)
		st = proof_make(office, pool, &l->entity, &l->letter, keep.n,
				&(struct proof_form){ PROOF_OWN, receipt_kind_find("receipt"), NULL }, &made, err);
	if (st == PLI_OK)
		st = meta_seal(view->letter_key, RECEIPT_PLACE(&l->entity, &l->letter, keep.n), made.p, made.n, &sealed, err);
	if (st == PLI_OK)
		st = db_write(office->parts.db, keep_fn, &keep, err);
	/* Another request may have been first: what is kept counts. */
	return st == PLI_OK ? receipt_get(office, view, out, err) : st;
}
