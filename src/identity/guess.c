/* Guesses at secrets, see guess.h. */
#include <assert.h>
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "db.h"

#include "directory_own.h"
#include "guess.h"

#define SECOND_US INT64_C(1000000)
#define HOUR_US (3600 * SECOND_US)
#define TRIES_MAX 40			/* beyond it nothing grows any more */

static const struct rule {
	const char *purpose;
	int free;
	int first_s, cap_s;		/* of waiting */
	bool shared;			/* with people who have nothing to do with each other */
} RULES[] = {
	[GUESS_NAME_FROM] = { "guess-name-from", 5, 1, 900, false },
	[GUESS_FROM] = { "guess-from", 10, 1, 300, true },
	[GUESS_NAME] = { "guess-name", 10, 1, 300, true },
	[GUESS_DEVICE] = { "guess-device", 5, 1, 900, false },
	[GUESS_CODE] = { "guess-code", 5, 1, 900, false },
	[GUESS_SESSION] = { "guess-session", 5, 1, 900, false },
	[GUESS_RESET_NAME] = { "guess-reset-name", 3, 900, 21600, true },
	[GUESS_RESET_FROM] = { "guess-reset-from", 10, 30, 900, true },
	[GUESS_LINK_FROM] = { "guess-link-from", 20, 1, 300, true },
};

static const char GUESS_GET[] = "SELECT tries, last FROM guess WHERE guess_mac = $1";
static const char GUESS_PUT[] = "INSERT INTO guess (guess_mac, tries, last) VALUES ($1, $2, $3) "
				"ON CONFLICT (guess_mac) DO UPDATE SET tries = excluded.tries, last = excluded.last";
static const char GUESS_BACK[] = "UPDATE guess SET tries = tries - 1 WHERE guess_mac = $1 AND tries > 0";
static const char GUESS_CLEAR[] = "DELETE FROM guess WHERE guess_mac = $1";
static const char GUESS_SWEEP[] = "DELETE FROM guess WHERE last < $1";

void guess_add(struct directory *d, struct guess *g, enum guess_kind kind, const void *p, size_t n)
{
	assert(g->count < GUESS_BUCKETS_MAX);
	g->buckets[g->count].kind = kind;
	directory_mac(d, RULES[kind].purpose, p, n, g->buckets[g->count].mac);
	g->count++;
}

int64_t guess_delay_us(enum guess_kind kind, int64_t tries)
{
	const struct rule *r = &RULES[kind];
	int64_t over = tries - r->free;

	if (over < 0)
		return 0;
	return over < 20 && (r->first_s * INT64_C(1) << over) < r->cap_s ? (r->first_s * INT64_C(1) << over) * SECOND_US
									 : r->cap_s * SECOND_US;
}

struct change {
	const struct guess *guess;
	int64_t now_us, wait_us;
	bool right;
};

/* What is left of a count after quiet hours. */
static int64_t faded(int64_t tries, int64_t since_us)
{
	int64_t hours = since_us > 0 ? since_us / HOUR_US : 0;

	return hours < 20 ? tries >> hours : 0;
}

static enum pli_status bucket_read(struct db_tx *tx, const uint8_t mac[32], int64_t now_us, int64_t *tries_r, int64_t *last_r,
				   struct err *err)
{
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(tx->conn, &rows, err, GUESS_GET, "b", mac, (size_t)32);

	*tries_r = *last_r = 0;
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		*last_r = db_int(&rows, 1);
		*tries_r = faded(db_int(&rows, 0), now_us - *last_r);
	}
	db_end(&rows);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status reserve_write(struct db_tx *tx, void *arg, struct err *err)
{
	struct change *c = arg;
	int64_t tries[GUESS_BUCKETS_MAX], last;
	enum pli_status st = PLI_OK;

	c->wait_us = 0;
	for (unsigned i = 0; st == PLI_OK && i < c->guess->count; i++) {
		int64_t wait_us;

		st = bucket_read(tx, c->guess->buckets[i].mac, c->now_us, &tries[i], &last, err);
		wait_us = last + guess_delay_us(c->guess->buckets[i].kind, tries[i]) - c->now_us;
		if (wait_us > c->wait_us)
			c->wait_us = wait_us;
	}
	if (st == PLI_OK && c->wait_us > 0)
		return PLI_RATE;
	for (unsigned i = 0; st == PLI_OK && i < c->guess->count; i++)
		st = db_run(tx->conn, NULL, err, GUESS_PUT, "bii", c->guess->buckets[i].mac, (size_t)32,
			    tries[i] < TRIES_MAX ? tries[i] + 1 : tries[i], c->now_us);
	return st;
}

enum pli_status guess_reserve(struct directory *d, const struct guess *guess, int64_t now_us, struct err *err)
{
	struct change c = { .guess = guess, .now_us = now_us };
	enum pli_status st = db_write(d->db, reserve_write, &c, err);

	if (st != PLI_RATE)
		return st;
	err_field(err, st, "too-many-tries", "", "There were too many tries; wait before the next one.");
	if (err)
		err->retry_after_s = (unsigned)((c.wait_us + SECOND_US - 1) / SECOND_US);
	return st;
}

static enum pli_status give_back_write(struct db_tx *tx, void *arg, struct err *err)
{
	const struct change *c = arg;
	enum pli_status st = PLI_OK;

	for (unsigned i = 0; st == PLI_OK && i < c->guess->count; i++) {
		bool clear = c->right && !RULES[c->guess->buckets[i].kind].shared;

		st = db_run(tx->conn, NULL, err, clear ? GUESS_CLEAR : GUESS_BACK, "b", c->guess->buckets[i].mac, (size_t)32);
	}
	return st;
}

enum pli_status guess_give_back(struct directory *d, const struct guess *guess, bool right, struct err *err)
{
	struct change c = { .guess = guess, .right = right };

	return db_write(d->db, give_back_write, &c, err);
}

static enum pli_status sweep_write(struct db_tx *tx, void *arg, struct err *err)
{
	return db_run(tx->conn, NULL, err, GUESS_SWEEP, "i", *(const int64_t *)arg);
}

enum pli_status guess_sweep(struct directory *d, int64_t now_us, struct err *err)
{
	int64_t before_us = now_us - 24 * HOUR_US;

	return db_write(d->db, sweep_write, &before_us, err);
}
