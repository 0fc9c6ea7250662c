/* Proofs for people, sealed PDFs: made when first asked for, then kept as they are. */
#include <string.h>

#include "buf.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "db.h"

#include "keeper.h"
#include "receipt_kind.h"
#include "receipt_pdf.h"

#include "directory.h"

#include "delivery.h"
#include "delivery_own.h"
#include "letter.h"
#include "office_own.h"
#include "proof.h"

static const char PDF_GET[] = "SELECT body FROM receipt_pdf WHERE entity = $1 AND letter = $2 AND n = $3 AND kind = $4 AND lang = $5";
static const char PDF_ADD[] = "INSERT INTO receipt_pdf (entity, letter, n, kind, lang, body) VALUES ($1, $2, $3, $4, $5, $6) "
			      "ON CONFLICT (entity, letter, n, kind, lang) DO NOTHING";

struct wanted {
	const struct letter *letter;
	unsigned n;			/* 0: the sender's */
	enum proof_copy copy;
	const struct receipt_kind *kind;
	const char *kept_as;		/* a recipient's own copy may say less than the sender's about him */
	const char *lang;
	const uint8_t *key;		/* of the entity's metadata: proofs outlive contents */
	struct meta_place place;
	const struct buf *sealed;	/* to be kept */
};

static enum pli_status kept_get(struct office *office, const struct wanted *w, struct buf *out, struct err *err)
{
	const struct letter *l = w->letter;
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, PDF_GET, "uuitt", &l->entity, &l->letter, (int64_t)w->n, w->kept_as, w->lang);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		size_t n;
		const void *sealed = db_blob(&rows, 0, &n);

		st = meta_open(w->key, &w->place, sealed, n, out, err);
	}
	db_end(&rows);
	db_reader_give(office->parts.db, conn);
	return st;
}

static enum pli_status keep_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct wanted *w = arg;
	const struct letter *l = w->letter;

	return db_run(tx->conn, NULL, err, PDF_ADD, "uuittb", &l->entity, &l->letter, (int64_t)w->n, w->kept_as, w->lang, w->sealed->p,
		      w->sealed->n);
}

static enum pli_status seal(void *arg, const void *text, size_t n, struct buf *der_out, struct err *err)
{
	return keeper_seal(arg, text, n, der_out, err);
}

static enum pli_status make(struct office *office, struct pool *pool, const struct wanted *w, struct buf *out, struct err *err)
{
	AUTO_BUF bundle = { 0 };
	struct receipt_pdf what = { .kind = w->kind, .lang = w->lang, .timezone = office->parts.settings->timezone,
				    .base_url = office->parts.base_url };
	enum pli_status st = proof_make(office, pool, &w->letter->entity, &w->letter->letter, w->n,
					&(struct proof_form){ w->copy, w->kind, w->lang }, &bundle, err);

	what.bundle = bundle.p;
	what.bundle_n = bundle.n;
	return st == PLI_OK ? receipt_pdf_write(&what, seal, office->parts.keeper, out, err) : st;
}

static const struct letter_recipient *recipient_of(const struct wanted *w)
{
	for (unsigned i = 0; i < w->letter->recipient_count; i++)
		if (w->letter->recipients[i].n == w->n)
			return &w->letter->recipients[i];
	return &w->letter->recipients[0];
}

static enum pli_status get(struct office *office, struct pool *pool, struct wanted *w, struct buf *out, struct err *err)
{
	const struct letter *l = w->letter;
	AUTO_BUF made = { 0 }, sealed = { 0 };
	bool own;
	enum pli_status st = directory_meta_key(office->parts.directory, &l->entity, &w->key, err);

	own = w->n && w->copy == PROOF_OWN && letter_withheld_from(l, recipient_of(w));
	w->kept_as = own ? pool_fmt(pool, "own-%s", w->kind->name) : w->kind->name;
	w->place = (struct meta_place){ pool_fmt(pool, "receipt-%s/%s/%s", own ? "own" : "pdf", w->kind->name, w->lang), &l->entity, &l->letter, w->n };
	if (st == PLI_OK)
		st = kept_get(office, w, out, err);
	if (st != PLI_ABSENT)
		return st;
	st = office_room(office, OFFICE_RESERVE_READ, err);	/* what is made is kept */
	if (st == PLI_OK)
		st = make(office, pool, w, &made, err);
	if (st == PLI_OK)
		st = meta_seal(w->key, &w->place, made.p, made.n, &sealed, err);
	w->sealed = &sealed;
	if (st == PLI_OK)
		st = db_write(office->parts.db, keep_fn, w, err);
	/* Another request may have been first: what is kept counts. */
	return st == PLI_OK ? kept_get(office, w, out, err) : st;
}

static const char *known_lang(const char *lang)
{
	return str_eq(lang, "en") ? "en" : "fr";
}

enum pli_status letter_receipt(struct office *office, const struct principal *who, struct pool *pool, const char *id, const char *kind,
			       const char *recipient_address, const char *lang, struct buf *out, struct err *err)
{
	struct wanted w = { .kind = receipt_kind_find(kind), .copy = PROOF_SENDERS, .lang = known_lang(lang) };
	struct letter *l;
	enum pli_status st;

	if (!w.kind)
		return err_field(err, PLI_INVALID, "unknown-kind", "kind",
				 "kind is deposit, available, sending, failure, acceptance, refusal, unclaimed or receipt.");
	st = proof_target(office, who, pool, id, recipient_address, &l, &w.n, err);
	if (st == PLI_OK && l->archived_us)
		st = err_field(err, PLI_CONFLICT, "archived", "", "This letter came from an archive: its proofs are those that came with it.");
	if (st != PLI_OK)
		return st;
	if (!w.n && !w.kind->document) {
		if (l->recipient_count != 1)
			return err_field(err, PLI_INVALID, "recipient-needed", "recipient", "This proof is about one recipient: say which.");
		w.n = l->recipients[0].n;
	}
	w.letter = l;
	return get(office, pool, &w, out, err);
}

enum pli_status delivery_receipt_pdf(struct office *office, struct pool *pool, const struct delivery_view *view, const char *lang,
				     struct buf *out, struct err *err)
{
	const struct letter_recipient *me = &view->letter->recipients[view->me];
	const char *kind = me->decision && str_eq(me->decision, "refused") ? "refusal" :
			   me->decision && str_eq(me->decision, "unclaimed") ? "unclaimed" : "receipt";
	struct wanted w = { .letter = view->letter, .n = me->n, .copy = PROOF_OWN, .kind = receipt_kind_find(kind), .lang = known_lang(lang) };

	return get(office, pool, &w, out, err);
}
