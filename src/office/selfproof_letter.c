/* A letter to itself, on the way that every letter goes; see selfproof.h. */
#include <inttypes.h>
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "clock.h"
#include "locale.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "stream.h"

#include "db.h"
#include "digest.h"
#include "keywrap.h"

#include "keeper.h"

#include "delivery.h"
#include "deposit.h"
#include "examine.h"
#include "letter_own.h"
#include "link.h"
#include "office_own.h"
#include "proof.h"
#include "selfproof_own.h"

#define FILE_BYTES 50000		/* more than a row takes: a blob */

static const char TOKEN_GET[] =
	"SELECT r.token, l.kid FROM recipient r JOIN letter l ON l.entity = r.entity AND l.letter = r.letter "
	"WHERE r.entity = $1 AND r.letter = $2 AND r.n = 1";

static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };

struct own {
	struct office *office;
	struct pool *pool;
	struct principal who;
	const char *address;
	uint8_t content[FILE_BYTES];
	struct uuid letter;
	char token[LINK_CHARS + 1];
};

static enum pli_status file_stage(struct own *o, struct deposit_part *part, struct err *err)
{
	struct ostream *os = NULL;
	enum pli_status st = deposit_stage_open(o->office, &o->who, &os, part, err);

	mem_random(o->content, sizeof(o->content));
	if (st == PLI_OK)
		st = ostream_write(os, o->content, sizeof(o->content), err);
	if (st == PLI_OK)
		st = deposit_stage_close(os, part, err);
	ostream_close(os);
	part->name = "proof.bin";
	part->type = "application/octet-stream";
	return st;
}

static enum pli_status letter_deposit(struct own *o, struct err *err)
{
	const struct locale *l = locale_get(o->office->parts.settings->lang);
	const char *to[] = { o->address, NULL };
	struct deposit_part part = { 0 };
	struct deposit d = { .to = to, .subject = locale_text(l, "selfproof.subject"), .message = locale_text(l, "selfproof.message"),
			     .class_ = "simple", .parts = &part, .part_count = 1, .route = "selfproof" };
	AUTO_BUF body = { 0 };
	enum pli_status st = file_stage(o, &part, err);

	return st == PLI_OK ? deposit_commit(o->office, &o->who, &SYSTEM, o->pool, &d, &o->letter, &body, err) : st;
}

/* The link that a notice would carry. */
static enum pli_status token_get(struct own *o, struct err *err)
{
	struct db_conn *conn = db_reader_take(o->office->parts.db);
	struct db_rows rows = { 0 };
	uint8_t aad[META_AAD_MAX];
	struct keywrap_item item = { .aad = aad };
	struct keywrap keywrap;
	enum pli_status st = db_query(conn, &rows, err, TOKEN_GET, "uu", &o->who.entity, &o->letter);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		const void *p = db_blob(&rows, 0, &item.in_n);

		item.in = pool_dup(o->pool, p, item.in_n);
		item.kid = pool_str(o->pool, db_text(&rows, 1));
	}
	db_end(&rows);
	db_reader_give(o->office->parts.db, conn);
	if (st != PLI_OK)
		return st;
	item.aad_n = meta_aad(aad, LINK_PLACE(&o->who.entity, &o->letter, 1));
	keeper_keywrap(o->office->parts.keeper, &keywrap);
	st = keywrap.unwrap(keywrap.arg, &item, 1, err);
	if (st == PLI_OK && item.out_n != LINK_BYTES)
		st = err_set(err, PLI_CONFLICT, "the link is damaged");
	if (st == PLI_OK)
		link_text(o->token, item.out);
	mem_wipe(item.out, sizeof(item.out));
	return st;
}

static enum pli_status file_compare(struct own *o, const struct delivery_view *view, struct err *err)
{
	uint8_t *got = pool_alloc(o->pool, FILE_BYTES + 1);
	struct istream *is = NULL;
	size_t total = 0, n = 1;
	enum pli_status st = delivery_file(o->office, o->pool, view, 1, 0, FILE_BYTES, &SYSTEM, &is, err);

	while (st == PLI_OK && n && total <= FILE_BYTES) {
		st = istream_read(is, got + total, FILE_BYTES + 1 - total, &n, err);
		total += st == PLI_OK ? n : 0;
	}
	istream_close(is);
	if (st == PLI_OK && (total != FILE_BYTES || memcmp(got, o->content, FILE_BYTES) != 0))
		st = err_set(err, PLI_CONFLICT, "the file that was opened is not the one that was sent");
	if (st == PLI_OK)
		delivery_sent(o->office, view, 1, 0, FILE_BYTES, &SYSTEM);
	return st;
}

static enum pli_status letter_open(struct own *o, struct err *err)
{
	struct delivery_landing landing;
	struct delivery_view view;
	char cookie[64];
	enum pli_status st = delivery_landing(o->office, o->pool, o->token, DELIVERY_NO_VISIT, &landing, err);

	if (st == PLI_OK)
		st = delivery_open(o->office, o->pool, o->token, NULL, &SYSTEM, cookie, err);
	if (st == PLI_OK)
		st = delivery_view(o->office, o->pool, o->token, cookie, &view, err);
	return st == PLI_OK ? file_compare(o, &view, err) : st;
}

enum pli_status selfproof_verify(struct office *office, struct pool *pool, const struct uuid *entity, const struct uuid *letter, unsigned n,
				 struct err *err)
{
	struct examine *r = POOL_NEW(pool, struct examine);
	AUTO_BUF proof = { 0 };
	enum pli_status st = proof_make(office, pool, entity, letter, n, &(struct proof_form){ .copy = PROOF_OWN }, &proof, err);

	if (st == PLI_OK && proof.n > EXAMINE_MAX_BYTES)
		return err_set(err, PLI_LIMIT, "the proof is too large");
	if (st == PLI_OK)
		st = examine_proof(office, pool, proof.p, proof.n, r, err);
	if (st != PLI_OK)
		return st;
	for (unsigned i = 0; i < r->count; i++)
		if (r->checks[i].result == EXAMINE_FAILS)
			return err_set(err, PLI_CONFLICT, "a proof does not hold: %.120s", r->checks[i].text);
	if (!r->verified || !r->ours)
		return err_set(err, PLI_CONFLICT, r->verified ? "a proof is not under our root and key" : "a proof cannot be read");
	return PLI_OK;
}

static enum pli_status whole(struct own *o, struct err *err)
{
	enum pli_status st = selfproof_sender(o->office, o->pool, &o->who, &o->address, err);

	if (st == PLI_OK)
		st = letter_deposit(o, err);
	if (st == PLI_OK)
		st = token_get(o, err);
	if (st == PLI_OK)
		st = letter_open(o, err);
	for (unsigned n = 0; st == PLI_OK && n < 2; n++)
		st = selfproof_verify(o->office, o->pool, &o->who.entity, &o->letter, n, err);
	return st;
}

void selfproof_letter(struct office *office, struct selfproof *run)
{
	AUTO_POOL pool = pool_new_secret();
	struct own *o = POOL_NEW(pool, struct own);
	struct err err = { 0 };
	enum pli_status st;

	o->office = office;
	o->pool = pool;
	st = whole(o, &err);
	selfproof_note(run, "letter", st, &err, "a letter to itself was deposited, opened and compared; both its proofs hold");
}
