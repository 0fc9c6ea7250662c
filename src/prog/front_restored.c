/* A journal that was set back, and how it goes on; see front.h.
 *
 *   instance 'restored'   "TIME SIZE SIGNED", left by `pli restore`: entries of the backup, and up to where its keys had signed
 *   instance 'behind'     "SIZE NAME": a witness has shown a head of ours with so many entries that are not this journal's; of several the largest
 *   instance 'loss'       "SIZE": what was signed up to there, and is not here, was given up; never less than before */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"
#include "settings.h"

#include "db.h"

#include "journal.h"

#include "front.h"

#define TEXT_MAX 320

static const char GET[] = "SELECT v FROM instance WHERE k = $1";
static const char SET[] = "INSERT INTO instance (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v";
static const char END[] = "DELETE FROM instance WHERE k = $1";

static const struct journal_actor OPERATOR = { .method = "cli", .channel = "cli" };

/* PLI_ABSENT: there is none. */
static enum pli_status fact_get(struct db_conn *conn, const char *key, char text_r[TEXT_MAX], struct err *err)
{
	AUTO_ROWS rows = { 0 };
	size_t n;
	enum pli_status st = db_query(conn, &rows, err, GET, "t", key);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		const char *v = db_blob(&rows, 0, &n);

		snprintf(text_r, TEXT_MAX, "%.*s", (int)(n < TEXT_MAX ? n : TEXT_MAX - 1), v ? v : "");
	}
	return st;
}

static enum pli_status fact_read(struct front *front, const char *key, char text_r[TEXT_MAX], struct err *err)
{
	struct db_conn *conn = db_reader_take(front->db);
	enum pli_status st = fact_get(conn, key, text_r, err);

	db_reader_give(front->db, conn);
	return st;
}

static enum pli_status fact_set(struct db_tx *tx, const char *key, const char *text, struct err *err)
{
	return db_run(tx->conn, NULL, err, SET, "tb", key, text, strlen(text));
}

static enum pli_status damaged(struct err *err)
{
	return err_set(err, PLI_CONFLICT, "what a restore has left in the database is damaged");
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* PLI_ABSENT: no witness has shown more. */
static enum pli_status behind_get(struct db_conn *conn, uint64_t *size_r, char witness_r[FRONT_WITNESS_MAX], struct err *err)
{
	char text[TEXT_MAX];
	enum pli_status st = fact_get(conn, "behind", text, err);

	if (st == PLI_OK && sscanf(text, "%" SCNu64 " %200[^\n]", size_r, witness_r) != 2)
		return damaged(err);
	return st;
}

/* What was given up: said in the journal already, or by `pli restore`.  0: nothing. */
static enum pli_status loss_get(struct db_conn *conn, uint64_t *size_r, struct err *err)
{
	char text[TEXT_MAX];
	uint64_t size = 0, restored = 0;
	enum pli_status st = fact_get(conn, "loss", text, err);

	if (st == PLI_OK)
		size = strtoull(text, NULL, 10);
	if (st == PLI_OK || st == PLI_ABSENT)
		st = fact_get(conn, "restored", text, err);
	if (st == PLI_OK && sscanf(text, "%*d %*u %" SCNu64, &restored) != 1)
		return damaged(err);
	*size_r = larger(size, restored);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status loss_add(struct db_tx *tx, uint64_t size, struct err *err)
{
	uint64_t before;
	char loss[24];
	enum pli_status st = loss_get(tx->conn, &before, err);

	snprintf(loss, sizeof(loss), "%" PRIu64, larger(size, before));
	return st == PLI_OK ? fact_set(tx, "loss", loss, err) : st;
}

static void hold_behind(struct front *front, uint64_t size, const char *witness, struct err *why)
{
	*why = (struct err){ 0 };
	(void)err_field(why, PLI_BUSY, "journal-held", "",
			"The witness %.100s holds a head of this journal with %" PRIu64 " entries that are not in it: an older copy was restored.",
			witness, size);
	(void)err_hint(why, "Restore the newest backup.  If there is none: pli journal accept-loss, and the journal goes on and says so.");
	why->retry_after_s = 60;
	journal_hold(front->journal, why);
	log_error("journal.behind", "%s %s", why->text, why->hint);
}

static enum pli_status restored_entry(struct front *front, struct db_tx *tx, uint64_t size, uint64_t signed_size, const char *witness,
				      struct err *err)
{
	AUTO_BUF d = { 0 };
	struct jsonw w;

	jsonw_init(&w, &d, true);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "signed", (int64_t)signed_size);
	jsonw_int(&w, "size", (int64_t)size);
	jsonw_str(&w, "witness", witness);
	jsonw_object_end(&w);
	return journal_add(front->journal, tx,
			   &(struct journal_event){ .ev = "log.restored", .actor = &OPERATOR, .even_held = true,
						    .d_json = pool_strn(tx->pool, d.p, d.n) }, err);
}

/* ------------------------------------------------------------------ a backup became this instance (verb_restore.c) */

struct release {
	struct front *front;
	bool over;
};

/* What was signed up to `signed` is given up with it: `pli restore` has said so, and asked for --accept-loss. */
static enum pli_status say_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct release *r = arg;
	char text[TEXT_MAX];
	uint64_t size, signed_size;
	int64_t t_us;
	enum pli_status st = fact_get(tx->conn, "behind", text, err);

	if (st == PLI_OK && !r->over)
		return err_set(err, PLI_BUSY, "a witness has shown more than this journal holds");
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, END, "t", "behind");
	if (st == PLI_OK || st == PLI_ABSENT)
		st = fact_get(tx->conn, "restored", text, err);
	if (st != PLI_OK)
		return st == PLI_ABSENT ? PLI_OK : st;
	if (sscanf(text, "%" SCNd64 " %" SCNu64 " %" SCNu64, &t_us, &size, &signed_size) != 3)
		return damaged(err);
	st = loss_add(tx, signed_size, err);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, END, "t", "restored");
	return st == PLI_OK ? restored_entry(r->front, tx, size, signed_size, NULL, err) : st;
}

static enum pli_status pending(struct front *front, bool *pending_r, struct err *err)
{
	char text[TEXT_MAX];
	enum pli_status st = fact_read(front, "restored", text, err);

	if (st == PLI_ABSENT)
		st = fact_read(front, "behind", text, err);
	*pending_r = st == PLI_OK;
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status front_behind(struct front *front, uint64_t *size_r, char witness_r[FRONT_WITNESS_MAX], struct err *err)
{
	struct db_conn *conn = db_reader_take(front->db);
	enum pli_status st = behind_get(conn, size_r, witness_r, err);

	db_reader_give(front->db, conn);
	return st;
}

enum pli_status front_release(struct front *front, bool over, struct err *err)
{
	struct release r = { front, over };
	bool some;
	enum pli_status st = pending(front, &some, err);

	if (st == PLI_OK && some)
		st = db_write(front->db, say_fn, &r, err);
	if (st == PLI_OK)
		journal_hold(front->journal, NULL);
	return st;
}

enum pli_status front_hold(struct front *front, struct err *err)
{
	struct err why = { 0 };
	char witness[FRONT_WITNESS_MAX];
	uint64_t size;
	bool some;
	enum pli_status st = front_behind(front, &size, witness, err);

	if (st == PLI_OK)	/* whoever is asked now, or can be reached */
		hold_behind(front, size, witness, &why);
	if (st != PLI_ABSENT)
		return st;
	if (!front->settings->witness_ask)
		return front_release(front, false, err);
	st = pending(front, &some, err);
	if (st != PLI_OK || (!front->serves && !some))
		return st;
	(void)err_field(&why, PLI_BUSY, "journal-held", "", front->serves ? "The witnesses are being asked whether this journal is the newest."
			: "This journal is an older copy, or its witnesses have not been asked yet whether it is the newest.");
	if (!front->serves)
		(void)err_hint(&why, "Start the server: it asks them.");
	why.retry_after_s = 1;
	journal_hold(front->journal, &why);
	return PLI_OK;
}

/* ------------------------------------------------------------------ a witness knows more */

enum pli_status front_loss_accepted(struct front *front, uint64_t *size_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(front->db);
	enum pli_status st = loss_get(conn, size_r, err);

	db_reader_give(front->db, conn);
	return st;
}

struct behind {
	struct front *front;
	uint64_t size;
	const char *witness;
};

/* Of what several have shown the largest stands: with it all of it is given up, or none. */
static enum pli_status behind_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct behind *b = arg;
	char witness[FRONT_WITNESS_MAX];
	uint64_t known = 0, lost;
	enum pli_status st = behind_get(tx->conn, &known, witness, err);

	if (st == PLI_OK || st == PLI_ABSENT)
		st = loss_get(tx->conn, &lost, err);
	if (st != PLI_OK || b->size <= known || b->size <= lost)
		return st;
	return fact_set(tx, "behind", pool_fmt(tx->pool, "%" PRIu64 " %.200s", b->size, b->witness), err);
}

enum pli_status front_found_behind(struct front *front, const char *witness, uint64_t size, struct err *err)
{
	struct behind b = { front, size, witness };
	char known_witness[FRONT_WITNESS_MAX];
	uint64_t known;
	struct err why;

	if (front_behind(front, &known, known_witness, err) == PLI_OK && known >= size)
		hold_behind(front, known, known_witness, &why);
	else
		hold_behind(front, size, witness, &why);
	if (db_write(front->db, behind_fn, &b, err) != PLI_OK)
		log_warn("journal.behind", "%s", err->text);
	*err = why;
	return why.status;
}

/* journal_size is that before this entry: the writer numbers it last. */
static enum pli_status accept_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct behind *b = arg;
	char witness[FRONT_WITNESS_MAX];
	enum pli_status st = behind_get(tx->conn, &b->size, witness, err);

	if (st == PLI_ABSENT)
		return err_set(err, PLI_CONFLICT, "no witness has seen more than this journal holds");
	if (st == PLI_OK)
		st = loss_add(tx, b->size, err);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, END, "t", "behind");
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, END, "t", "restored");
	return st == PLI_OK ? restored_entry(b->front, tx, journal_size(b->front->journal), b->size, witness, err) : st;
}

enum pli_status front_accept_loss(struct front *front, uint64_t *size_r, struct err *err)
{
	struct behind b = { .front = front };
	enum pli_status st = db_write(front->db, accept_fn, &b, err);

	if (st != PLI_OK)
		return st;
	journal_hold(front->journal, NULL);
	log_warn("journal.behind", "the operator goes on without what was signed up to number %" PRIu64, b.size);
	*size_r = b.size;
	return PLI_OK;
}
