/* See external_time.h. */
#include <inttypes.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "settings.h"

#include "cipher.h"
#include "db.h"

#include "external_token.h"

#include "office_own.h"

#include "external_time.h"

#define TRIES_MAX 1000000

static const char COVERED[] = "SELECT size, gen_time FROM external_token ORDER BY size DESC LIMIT 1";
static const char WAIT_GET[] = "SELECT size, since, tries FROM external_wait WHERE id = 1";
static const char WAIT_ADD[] =
	"INSERT INTO external_wait (id, size, since, tries) VALUES (1, $1, $2, 0) ON CONFLICT (id) DO UPDATE SET size = excluded.size";
static const char WAIT_END[] = "DELETE FROM external_wait WHERE id = 1";
static const char WAIT_FAILED[] = "UPDATE external_wait SET tries = tries + 1 WHERE id = 1 AND tries < $1";
static const char HEAD_NEWEST[] = "SELECT size, gen_time FROM head ORDER BY size DESC LIMIT 1";
static const char HEAD_COSIGNED[] =
	"SELECT h.size, h.gen_time FROM head h WHERE h.size = (SELECT MAX(size) FROM cosignature) LIMIT 1";
static const char TOKEN_ADD[] = "INSERT INTO external_token (size, gen_time, token, chain) VALUES ($1, $2, $3, $4) ON CONFLICT (size) DO NOTHING";
static const char CHAIN_ADD[] = "INSERT INTO external_chain (digest, pem) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING";
static const char TOKEN_GET[] =
	"SELECT t.token, t.gen_time, c.pem FROM external_token t JOIN external_chain c ON c.digest = t.chain WHERE t.size = $1";
static const char COVERING[] = "SELECT gen_time FROM external_token WHERE size > $1 ORDER BY size LIMIT 1";

/* ---- the queue ---- */

/* The first row's columns; false: there is none. */
static enum pli_status row_get(struct db_conn *conn, const char *sql, int64_t *values, int count, bool *there_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "");

	if (st == PLI_OK)
		st = db_next(&rows, err);
	*there_r = st == PLI_OK;
	for (int i = 0; i < count && st == PLI_OK; i++)
		values[i] = db_int(&rows, i);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status state_get(struct db_conn *conn, struct external_state *s, struct err *err)
{
	int64_t covered[2] = { 0 }, wait[3] = { 0 };
	bool there;
	enum pli_status st = row_get(conn, COVERED, covered, 2, &there, err);

	*s = (struct external_state){ 0 };
	if (st == PLI_OK)
		st = row_get(conn, WAIT_GET, wait, 3, &s->waiting, err);
	if (st != PLI_OK)
		return st;
	s->covered = (uint64_t)covered[0];
	s->covered_us = covered[1];
	s->size = (uint64_t)wait[0];
	s->since_us = wait[1];
	s->tries = (unsigned)wait[2];
	return PLI_OK;
}

enum pli_status external_state(struct office *office, struct external_state *state_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	enum pli_status st = db_snapshot(conn, err);

	if (st == PLI_OK)
		st = state_get(conn, state_r, err);
	db_reader_give(office->parts.db, conn);
	return st;
}

struct queueing {
	int64_t now_us, lag_us;
	struct external_state *state;
};

/* 0: there is nothing that was not covered. */
static enum pli_status choose(struct db_conn *conn, const struct queueing *q, uint64_t *size_r, struct err *err)
{
	int64_t newest[2], cosigned[2];
	bool there, signed_too;
	enum pli_status st = row_get(conn, HEAD_NEWEST, newest, 2, &there, err);

	if (st == PLI_OK)
		st = row_get(conn, HEAD_COSIGNED, cosigned, 2, &signed_too, err);
	*size_r = 0;
	if (st != PLI_OK || !there || (uint64_t)newest[0] <= q->state->covered)
		return st;
	*size_r = (uint64_t)newest[0];
	if (signed_too && (uint64_t)cosigned[0] > q->state->covered && newest[1] - cosigned[1] <= q->lag_us)
		*size_r = (uint64_t)cosigned[0];
	return PLI_OK;
}

static enum pli_status queue_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct queueing *q = arg;
	uint64_t size = 0;
	enum pli_status st = state_get(tx->conn, q->state, err);

	if (st == PLI_OK)
		st = choose(tx->conn, q, &size, err);
	if (st != PLI_OK || !size || size == q->state->size)
		return st;
	st = db_run(tx->conn, NULL, err, WAIT_ADD, "ii", (int64_t)size, q->now_us);
	return st == PLI_OK ? state_get(tx->conn, q->state, err) : st;
}

enum pli_status external_queue(struct office *office, int64_t now_us, int64_t lag_us, struct external_state *state_r, struct err *err)
{
	struct queueing q = { .now_us = now_us, .lag_us = lag_us, .state = state_r };

	return db_write(office->parts.db, queue_fn, &q, err);
}

/* ---- asking ---- */

enum pli_status external_request(struct office *office, uint64_t size, uint64_t *nonce_r, struct buf *der_out, struct err *err)
{
	AUTO_BUF note = { 0 };
	enum pli_status st = office_head_note(office, size, &note, err);

	return st == PLI_OK ? external_token_request(note.p, note.n, office->parts.settings->tsa_policy, nonce_r, der_out, err) : st;
}

struct adding {
	uint64_t size;
	int64_t time_us;
	struct buf token, chain;
	uint8_t digest[32];
};

static enum pli_status add_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct adding *a = arg;
	enum pli_status st = db_run(tx->conn, NULL, err, CHAIN_ADD, "bb", a->digest, sizeof(a->digest), a->chain.p, a->chain.n);

	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, TOKEN_ADD, "iibb", (int64_t)a->size, a->time_us, a->token.p, a->token.n, a->digest,
			    sizeof(a->digest));
	return st == PLI_OK ? db_run(tx->conn, NULL, err, WAIT_END, "") : st;
}

enum pli_status external_add(struct office *office, uint64_t size, uint64_t nonce, const char *roots_pem, const void *der, size_t n,
			     struct err *err)
{
	struct adding a = { .size = size };
	AUTO_BUF note = { 0 };
	enum pli_status st = office_head_note(office, size, &note, err);

	if (st == PLI_OK)
		st = external_token_answer(der, n, nonce, note.p, note.n, office->parts.settings->tsa_policy, roots_pem, clock_now_us(),
					   &a.token, &a.chain, &a.time_us, err);
	if (st == PLI_OK) {
		cipher_sha256(a.chain.p, a.chain.n, a.digest);
		st = db_write(office->parts.db, add_fn, &a, err);
	}
	if (st == PLI_OK)
		deadline_confirm(office, "tsa", a.time_us);
	buf_free(&a.token);
	buf_free(&a.chain);
	return st;
}

static enum pli_status failed_fn(struct db_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return db_run(tx->conn, NULL, err, WAIT_FAILED, "i", (int64_t)TRIES_MAX);
}

enum pli_status external_failed(struct office *office, struct err *err)
{
	return db_write(office->parts.db, failed_fn, NULL, err);
}

/* ---- what hangs on it ---- */

void external_block(struct office *office, bool blocked)
{
	__atomic_store_n(&office->time_blocked, blocked, __ATOMIC_RELAXED);
}

enum pli_status external_check(struct office *office, struct err *err)
{
	if (!__atomic_load_n(&office->time_blocked, __ATOMIC_RELAXED))
		return PLI_OK;
	err_field(err, PLI_BUSY, "time-away", "", "The time-stamping authority does not answer; registered letters are not taken meanwhile.");
	if (err)
		err->retry_after_s = 60;
	return err_hint(err, "Try again later, or send the letter as a simple one.");
}

enum pli_status external_token_get(struct db_conn *conn, struct pool *pool, uint64_t size, struct external_token *token_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, TOKEN_GET, "i", (int64_t)size);
	const void *p;
	size_t n;

	*token_r = (struct external_token){ 0 };
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st == PLI_ABSENT ? PLI_OK : st;
	p = db_blob(&rows, 0, &token_r->token_n);
	token_r->token = pool_dup(pool, p, token_r->token_n);
	token_r->time_us = db_int(&rows, 1);
	p = db_blob(&rows, 2, &n);
	token_r->chain_pem = pool_strn(pool, p, n);
	return PLI_OK;
}

enum pli_status external_covering(struct db_conn *conn, uint64_t seq, int64_t *time_us_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, COVERING, "i", (int64_t)seq);

	*time_us_r = 0;
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		*time_us_r = db_int(&rows, 0);
	return st == PLI_ABSENT ? PLI_OK : st;
}
