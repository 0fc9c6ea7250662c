/* Idempotency: the same key twice is one letter (A17).
 *
 * The scope of a key is (account, route).  A key under way is held in memory, a finished one in a row written in the deposit's
 * own transaction with the answer, sealed.  The fingerprint is an HMAC over what was parsed, so that a repeat that says
 * something else under the same key is told so. */
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "db.h"

#include "journal.h"

#include "directory.h"

#include "deposit_own.h"
#include "office_own.h"

/* How long a repeat waits for the keeper to cover what its first attempt committed. */
#define COVER_MS 5000

static const char ONCE_GET[] = "SELECT fingerprint, letter, body FROM idempotency "
			       "WHERE account = $1 AND route = $2 AND key_mac = $3";
static const char ONCE_ADD[] = "INSERT INTO idempotency (account, route, key_mac, entity, created, fingerprint, letter, body) "
			       "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
static const char NUMBER_GET[] = "SELECT number FROM letter WHERE entity = $1 AND letter = $2";

#define ANSWER_PLACE(e, l) (&(struct meta_place){ "answer", (e), (l), 0 })

struct office_running {
	struct office_running *next;
	struct deposit_once once;
};

static void fingerprint(struct deposit_work *w)
{
	const struct letter *l = &w->letter;
	AUTO_BUF t;

	buf_init_secret(&t);
	for (unsigned i = 0; i < l->recipient_count; i++) {
		buf_blob(&t, l->recipients[i].kind, strlen(l->recipients[i].kind));
		buf_blob(&t, l->recipients[i].address, strlen(l->recipients[i].address));
		buf_blob(&t, l->recipients[i].name, strlen(l->recipients[i].name));
	}
	buf_u8(&t, 0);
	buf_blob(&t, l->subject, strlen(l->subject));
	buf_u64(&t, l->message_size);
	buf_add(&t, l->message_sha256, 32);
	buf_blob(&t, w->password, w->password ? strlen(w->password) : 0);
	buf_u64(&t, w->expires_given ? (uint64_t)l->expires_us : 0);
	buf_u32(&t, w->deposit->part_count);
	for (unsigned i = 0; i < w->deposit->part_count; i++) {
		const struct deposit_part *p = &w->deposit->parts[i];
		buf_blob(&t, p->name, strlen(p->name));
		buf_blob(&t, p->type, strlen(p->type));
		buf_u64(&t, p->size);
		buf_add(&t, p->sha256, 32);
	}
	buf_u32(&t, w->upload_count);
	buf_add(&t, w->uploads, w->upload_count * sizeof(struct uuid));
	directory_mac(w->office->parts.directory, "fingerprint", t.p, t.n, w->once.fingerprint);
}

static bool same_key(const struct deposit_once *a, const struct deposit_once *b)
{
	return uuid_same(&a->account, &b->account) && strcmp(a->route, b->route) == 0 && mem_same(a->key_mac, b->key_mac, 32);
}

static enum pli_status key_take(struct deposit_work *w, struct err *err)
{
	struct office_running *running = mem_alloc(sizeof(*running)), *other;

	running->once = w->once;
	pthread_mutex_lock(&w->office->lock);
	other = w->office->running;
	while (other && !same_key(&other->once, &w->once))
		other = other->next;
	if (!other) {
		running->next = w->office->running;
		w->office->running = running;
	}
	pthread_mutex_unlock(&w->office->lock);
	if (!other)
		return PLI_OK;
	mem_free(running);
	err_field(err, PLI_CONFLICT, "still-running", "Idempotency-Key", "A request with this key is still under way.");
	if (err)
		err->retry_after_s = 1;
	return err_hint(err, "Repeat it in a moment; you will get the answer of the first one.");
}

void deposit_once_end(struct deposit_work *w)
{
	struct office_running **at, *mine = NULL;

	if (!w->once.used)
		return;
	pthread_mutex_lock(&w->office->lock);
	for (at = &w->office->running; *at && !mine; ) {
		if (same_key(&(*at)->once, &w->once)) {
			mine = *at;
			*at = mine->next;
		} else {
			at = &(*at)->next;
		}
	}
	pthread_mutex_unlock(&w->office->lock);
	mem_free(mine);
	w->once.used = false;
}

struct kept {
	uint8_t fingerprint[32];
	struct uuid letter;
	const void *body;
	size_t body_n;
	uint64_t number;
};

static enum pli_status kept_read(struct deposit_work *w, struct db_conn *conn, struct kept *k, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	size_t n;
	const void *p;
	enum pli_status st = db_query(conn, &rows, err, ONCE_GET, "utb", &w->once.account, w->once.route, w->once.key_mac, (size_t)32);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st;
	p = db_blob(&rows, 0, &n);
	if (!p || n != 32 || !db_uuid(&rows, 1, &k->letter))
		return err_set(err, PLI_IO, "The table of idempotency keys is damaged.");
	memcpy(k->fingerprint, p, 32);
	p = db_blob(&rows, 2, &k->body_n);
	k->body = pool_dup(w->pool, p, k->body_n);
	return PLI_OK;
}

static enum pli_status number_read(struct deposit_work *w, struct db_conn *conn, struct kept *k, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, NUMBER_GET, "uu", &w->who->entity, &k->letter);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		k->number = (uint64_t)db_int(&rows, 0);
	return st == PLI_ABSENT ? PLI_OK : st;	/* deleted since: the answer stands */
}

static enum pli_status kept_find(struct deposit_work *w, struct kept *k, struct err *err)
{
	struct db_conn *conn = db_reader_take(w->office->parts.db);
	enum pli_status st = kept_read(w, conn, k, err);

	if (st == PLI_OK)
		st = number_read(w, conn, k, err);
	db_reader_give(w->office->parts.db, conn);
	return st;
}

static enum pli_status replay(struct deposit_work *w, const struct kept *k, struct buf *body_out, struct err *err)
{
	enum pli_status st;

	if (!mem_same(k->fingerprint, w->once.fingerprint, 32)) {
		err_field(err, PLI_INVALID, "idempotency-mismatch", "Idempotency-Key",
			  "This key was already used for a different letter.");
		return err_hint(err, "Use a new key for a new letter; repeat the same letter to get its first answer.");
	}
	if (journal_wait(w->office->parts.journal, k->number, COVER_MS, err) != PLI_OK) {
		err_field(err, PLI_UNCERTAIN, "uncertain", "", "The letter is stored, its proof is not confirmed yet.");
		if (err)
			err->retry_after_s = 5;
		return err_hint(err, "Repeat the request with the same Idempotency-Key.");
	}
	buf_reset(body_out);
	st = meta_open(w->who->meta_key, ANSWER_PLACE(&w->who->entity, &k->letter), k->body, k->body_n, body_out, err);
	return st;
}

enum pli_status deposit_once_begin(struct deposit_work *w, bool *replayed_r, struct uuid *letter_r, struct buf *body_out,
				   struct err *err)
{
	const char *key = w->deposit->idempotency_key;
	struct kept kept = { 0 };
	enum pli_status st;

	*replayed_r = false;
	if (!key)
		return PLI_OK;
	w->once.account = w->who->account;
	w->once.route = w->deposit->route ? w->deposit->route : "deposit";
	directory_mac(w->office->parts.directory, "idempotency-key", key, strlen(key), w->once.key_mac);
	fingerprint(w);
	st = key_take(w, err);
	if (st != PLI_OK)
		return st;
	w->once.used = true;
	st = kept_find(w, &kept, err);
	if (st == PLI_ABSENT)
		return PLI_OK;
	if (st == PLI_OK)
		st = replay(w, &kept, body_out, err);
	deposit_once_end(w);
	if (st == PLI_OK) {
		*letter_r = kept.letter;
		*replayed_r = true;
	}
	return st;
}

enum pli_status deposit_once_keep(struct db_tx *tx, struct deposit_work *w, int64_t now_us, struct err *err)
{
	AUTO_BUF body, sealed;
	enum pli_status st;

	buf_init(&body);
	buf_init(&sealed);
	letter_json(&w->letter, &body);
	st = meta_seal(w->who->meta_key, ANSWER_PLACE(&w->letter.entity, &w->letter.letter), body.p, body.n, &sealed, err);
	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, ONCE_ADD, "utbuibub", &w->once.account, w->once.route, w->once.key_mac, (size_t)32,
			    &w->letter.entity, now_us, w->once.fingerprint, (size_t)32, &w->letter.letter, sealed.p, sealed.n);
	return st;
}
