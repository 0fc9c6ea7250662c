/* Idempotency; see once.h. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "db.h"

#include "journal.h"

#include "directory.h"
#include "meta.h"
#include "principal.h"

#include "office_own.h"

#include "once.h"

/* How long a repeat waits for the keeper to cover what its first attempt committed. */
#define COVER_MS 5000
#define KEY_MAX 255
#define PATIENCE_US (10 * SECOND_US)

static const char ONCE_GET[] = "SELECT fingerprint, letter, body FROM idempotency "
			       "WHERE account = $1 AND route = $2 AND key_mac = $3";
static const char ONCE_ADD[] = "INSERT INTO idempotency (account, route, key_mac, entity, created, fingerprint, letter, body) "
			       "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
static const char NUMBER_GET[] = "SELECT number FROM letter WHERE entity = $1 AND letter = $2";

#define ANSWER_PLACE(e, l) (&(struct meta_place){ "answer", (e), (l), 0 })

struct office_running {
	struct office_running *next;
	struct once once;
};

static enum pli_status key_check(const char *key, struct err *err)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < n; i++)
		if (key[i] < 0x20 || key[i] > 0x7e)
			n = 0;
	if (n == 0 || n > KEY_MAX)
		return err_field(err, PLI_INVALID, "bad-idempotency-key", "Idempotency-Key",
				 "An Idempotency-Key has 1 to %d printable ASCII characters.", KEY_MAX);
	return PLI_OK;
}

/* ---- keys under way ---- */

static bool same_key(const struct once *a, const struct once *b)
{
	return uuid_same(&a->account, &b->account) && strcmp(a->route, b->route) == 0 && mem_same(a->key_mac, b->key_mac, 32);
}

static struct office_running *key_find(const struct office *office, const struct once *once)
{
	struct office_running *other = office->running;

	while (other && !same_key(&other->once, once))
		other = other->next;
	return other;
}

static enum pli_status key_take(struct office *office, const struct once *once, bool patient, struct err *err)
{
	struct office_running *running = mem_alloc(sizeof(*running)), *other;
	int64_t until_us = clock_mono_us() + (patient ? PATIENCE_US : 0);
	const struct timespec until = { .tv_sec = until_us / SECOND_US, .tv_nsec = until_us % SECOND_US * 1000 };

	running->once = *once;
	pthread_mutex_lock(&office->lock);
	while ((other = key_find(office, once)) && patient)
		if (pthread_cond_timedwait(&office->once_over, &office->lock, &until) == ETIMEDOUT)
			patient = false;
	if (!other) {
		running->next = office->running;
		office->running = running;
	}
	pthread_mutex_unlock(&office->lock);
	if (!other)
		return PLI_OK;
	mem_free(running);
	err_field(err, PLI_CONFLICT, "still-running", "Idempotency-Key", "A request with this key is still under way.");
	if (err)
		err->retry_after_s = 1;
	return err_hint(err, "Repeat it in a moment; you will get the answer of the first one.");
}

void once_end(struct office *office, struct once *once)
{
	struct office_running **at, *mine = NULL;

	if (!once->used)
		return;
	pthread_mutex_lock(&office->lock);
	for (at = &office->running; *at && !mine; ) {
		if (same_key(&(*at)->once, once)) {
			mine = *at;
			*at = mine->next;
		} else {
			at = &(*at)->next;
		}
	}
	pthread_cond_broadcast(&office->once_over);
	pthread_mutex_unlock(&office->lock);
	mem_free(mine);
	once->used = false;
}

/* ---- finished ones ---- */

struct kept {
	uint8_t fingerprint[32];
	struct uuid letter;
	const void *body;
	size_t body_n;
	uint64_t number;
};

static enum pli_status kept_read(struct pool *pool, const struct once *once, struct db_conn *conn, struct kept *k, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	size_t n;
	const void *p;
	enum pli_status st = db_query(conn, &rows, err, ONCE_GET, "utb", &once->account, once->route, once->key_mac, (size_t)32);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st;
	p = db_blob(&rows, 0, &n);
	if (!p || n != 32 || !db_uuid(&rows, 1, &k->letter))
		return err_set(err, PLI_IO, "The table of idempotency keys is damaged.");
	memcpy(k->fingerprint, p, 32);
	p = db_is_null(&rows, 2) ? NULL : db_blob(&rows, 2, &k->body_n);
	k->body = p ? pool_dup(pool, p, k->body_n) : NULL;
	return PLI_OK;
}

static enum pli_status number_read(const struct principal *who, struct db_conn *conn, struct kept *k, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, NUMBER_GET, "uu", &who->entity, &k->letter);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		k->number = (uint64_t)db_int(&rows, 0);
	return st == PLI_ABSENT ? PLI_OK : st;	/* deleted since: the answer stands */
}

static enum pli_status kept_find(struct office *office, const struct principal *who, struct pool *pool, const struct once *once,
				 struct kept *k, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	enum pli_status st = kept_read(pool, once, conn, k, err);

	if (st == PLI_OK)
		st = number_read(who, conn, k, err);
	db_reader_give(office->parts.db, conn);
	return st;
}

static enum pli_status replay(struct office *office, const struct principal *who, const struct once *once, const struct kept *k,
			      struct buf *body_out, struct err *err)
{
	if (!mem_same(k->fingerprint, once->fingerprint, 32)) {
		err_field(err, PLI_INVALID, "idempotency-mismatch", "Idempotency-Key",
			  "This key was already used for a different request.");
		return err_hint(err, "Use a new key for a new request; repeat the same request to get its first answer.");
	}
	if (journal_wait(office->parts.journal, k->number, COVER_MS, err) != PLI_OK) {
		err_field(err, PLI_UNCERTAIN, "uncertain", "", "The letter is stored, its proof is not confirmed yet.");
		if (err)
			err->retry_after_s = 5;
		return err_hint(err, "Repeat the request with the same Idempotency-Key.");
	}
	buf_reset(body_out);
	if (!k->body)
		return PLI_OK;
	return meta_open(who->meta_key, ANSWER_PLACE(&who->entity, &k->letter), k->body, k->body_n, body_out, err);
}

/* ---- for the requests ---- */

enum pli_status once_begin(struct office *office, const struct principal *who, struct pool *pool,
			   const struct once_request *request, struct once *once_r, bool *replayed_r, struct uuid *letter_r,
			   struct buf *body_out, struct err *err)
{
	struct once once = { .account = who->account, .route = request->route };
	struct directory *directory = office->parts.directory;
	struct kept kept = { 0 };
	enum pli_status st;

	*replayed_r = false;
	*once_r = (struct once){ 0 };
	if (!request->key)
		return PLI_OK;
	st = key_check(request->key, err);
	if (st != PLI_OK)
		return st;
	directory_mac(directory, "idempotency-key", request->key, strlen(request->key), once.key_mac);
	directory_mac(directory, "fingerprint", request->content, request->content_n, once.fingerprint);
	st = key_take(office, &once, request->patient, err);
	if (st != PLI_OK)
		return st;
	once.used = true;
	st = kept_find(office, who, pool, &once, &kept, err);
	if (st == PLI_ABSENT) {
		*once_r = once;
		return PLI_OK;
	}
	if (st == PLI_OK)
		st = replay(office, who, &once, &kept, body_out, err);
	once_end(office, &once);
	if (st == PLI_OK) {
		*letter_r = kept.letter;
		*replayed_r = true;
	}
	return st;
}

enum pli_status once_keep(struct db_tx *tx, const struct once *once, const struct principal *who, const struct uuid *letter,
			  const void *body, size_t body_n, int64_t now_us, struct err *err)
{
	AUTO_BUF sealed;
	enum pli_status st = PLI_OK;

	buf_init(&sealed);
	if (!once->used)
		return PLI_OK;
	if (body_n)
		st = meta_seal(who->meta_key, ANSWER_PLACE(&who->entity, letter), body, body_n, &sealed, err);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, ONCE_ADD, "utbuibub", &once->account, once->route, once->key_mac, (size_t)32,
			    &who->entity, now_us, once->fingerprint, (size_t)32, letter, body_n ? sealed.p : NULL, sealed.n);
	return st;
}
