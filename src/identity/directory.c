/* The directory's frame: the instance key, blind look-ups, key-encrypting keys, caches. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "cipher.h"
#include "db.h"

#include "keeper.h"
#include "kek_store.h"
#include "key.h"

#include "meta.h"

#include "directory_own.h"

static const char INSTANCE_GET[] = "SELECT v FROM instance WHERE k = $1";
static const char INSTANCE_ADD[] = "INSERT INTO instance (k, v) VALUES ($1, $2) ON CONFLICT (k) DO NOTHING";
static const char KEK_GET[] = "SELECT kid FROM kek WHERE entity = $1 AND purpose = $2 AND period = $3 "
			      "AND retired IS NULL AND destroyed IS NULL";
static const char KEK_ADD[] = "INSERT INTO kek (entity, purpose, period, kid, created) VALUES ($1, $2, $3, $4, $5) "
			      "ON CONFLICT (entity, purpose, period, kid) DO UPDATE SET destroyed = NULL, retired = NULL, moved = NULL, next = NULL";
static const char KEK_LOST[] = "UPDATE kek SET retired = $1 WHERE entity = $2 AND purpose = $3 AND period = $4 AND kid = $5";

static const struct uuid NIL = { { 0 } };

/* ---- the instance key: stored as kid (64 bytes, zero-filled) ‖ wrapped ---- */

static enum pli_status instance_key_read(struct directory *d, struct buf *stored, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, INSTANCE_GET, "t", "instance_key");

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		size_t n;
		const void *p = db_blob(&rows, 0, &n);
		buf_add(stored, p, n);
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st;
}

static enum pli_status instance_key_insert(struct db_tx *tx, void *arg, struct err *err)
{
	const struct buf *stored = arg;

	return db_run(tx->conn, NULL, err, INSTANCE_ADD, "tb", "instance_key", stored->p, stored->n);
}

static enum pli_status instance_key_make(struct directory *d, struct buf *stored, struct err *err)
{
	uint8_t key[32], aad[META_AAD_MAX];
	char kid[64] = { 0 };
	struct keywrap_item item = { .kid = kid, .aad = aad, .in = key, .in_n = sizeof(key) };
	enum pli_status st = d->keywrap.kek(d->keywrap.arg, "meta", &NIL, 0, kid, err);

	if (st != PLI_OK)
		return st;
	mem_random(key, sizeof(key));
	item.aad_n = meta_aad(aad, &(struct meta_place){ .purpose = "instance-key" });
	st = d->keywrap.wrap(d->keywrap.arg, &item, 1, err);
	mem_wipe(key, sizeof(key));
	if (st != PLI_OK)
		return st;
	buf_reset(stored);
	buf_add(stored, kid, sizeof(kid));
	buf_add(stored, item.out, item.out_n);
	return db_write(d->db, instance_key_insert, stored, err);
}

static enum pli_status instance_key_load(struct directory *d, struct err *err)
{
	AUTO_BUF stored;
	uint8_t aad[META_AAD_MAX];
	char kid[64];
	struct keywrap_item item = { .kid = kid, .aad = aad };
	enum pli_status st;

	buf_init(&stored);
	st = instance_key_read(d, &stored, err);
	if (st == PLI_ABSENT)
		st = instance_key_make(d, &stored, err);
	if (st != PLI_OK)
		return st;
	if (stored.n <= sizeof(kid) || stored.n > sizeof(kid) + sizeof(item.out))
		return err_set(err, PLI_IO, "The stored instance key has an unknown form.");
	memcpy(kid, stored.p, sizeof(kid));
	kid[sizeof(kid) - 1] = '\0';
	item.in = stored.p + sizeof(kid);
	item.in_n = stored.n - sizeof(kid);
	item.aad_n = meta_aad(aad, &(struct meta_place){ .purpose = "instance-key" });
	st = d->keywrap.unwrap(d->keywrap.arg, &item, 1, err);
	if (st == PLI_OK && item.out_n != sizeof(d->instance_key))
		st = err_set(err, PLI_IO, "The stored instance key has an unknown form.");
	if (st == PLI_OK)
		memcpy(d->instance_key, item.out, sizeof(d->instance_key));
	mem_wipe(item.out, sizeof(item.out));
	return st;
}

enum pli_status directory_open(struct db *db, struct keeper *keeper, struct journal *journal,
			       struct directory **directory_r, struct err *err)
{
	struct directory *d = mem_alloc(sizeof(*d));
	enum pli_status st;

	d->db = db;
	d->keeper = keeper;
	d->journal = journal;
	keeper_keywrap(keeper, &d->keywrap);
	pthread_mutex_init(&d->lock, NULL);
	pthread_mutex_init(&d->adding, NULL);
	st = instance_key_load(d, err);
	if (st == PLI_OK)
		st = directory_known_all(d, err);
	if (st != PLI_OK) {
		directory_close(d);
		return st;
	}
	*directory_r = d;
	return PLI_OK;
}

void directory_known_free(struct directory_known *k)
{
	mem_wipe(k->meta_key, sizeof(k->meta_key));
	mem_free(k->name);
	mem_free(k->siren);
	mem_free(k);
}

void directory_close(struct directory *directory)
{
	if (!directory)
		return;
	directory_bearers_drop(directory);
	for (unsigned i = 0; i < DIRECTORY_BUCKETS; i++) {
		for (struct directory_known *k = directory->known[i], *next; k; k = next) {
			next = k->next;
			directory_known_free(k);
		}
	}
	directory_keks_forget(directory);
	pthread_mutex_destroy(&directory->lock);
	pthread_mutex_destroy(&directory->adding);
	mem_wipe(directory->instance_key, sizeof(directory->instance_key));
	mem_free(directory);
}

void directory_mac(struct directory *directory, const char *purpose, const void *p, size_t n, uint8_t mac_r[32])
{
	AUTO_BUF text;

	buf_init_secret(&text);
	buf_add(&text, purpose, strlen(purpose) + 1);
	buf_add(&text, p, n);
	cipher_hmac(directory->instance_key, text.p, text.n, mac_r);
}

/* ---- key-encrypting keys ---- */

static unsigned kek_bucket(const struct uuid *entity, int64_t period)
{
	return (entity->b[15] ^ entity->b[14] ^ (unsigned)period) % DIRECTORY_BUCKETS;
}

static bool kek_cached(struct directory *d, const char *purpose, const struct uuid *entity, int64_t period, char kid_r[64])
{
	bool found = false;

	pthread_mutex_lock(&d->lock);
	for (struct directory_kek *k = d->keks[kek_bucket(entity, period)]; k && !found; k = k->next) {
		found = k->period == period && strcmp(k->purpose, purpose) == 0 && uuid_same(&k->entity, entity);
		if (found)
			memcpy(kid_r, k->kid, 64);
	}
	pthread_mutex_unlock(&d->lock);
	return found;
}

static void kek_remember(struct directory *d, const char *purpose, const struct uuid *entity, int64_t period,
			 const char kid[64])
{
	struct directory_kek *k = mem_alloc(sizeof(*k));
	unsigned b = kek_bucket(entity, period);

	snprintf(k->purpose, sizeof(k->purpose), "%s", purpose);
	k->entity = *entity;
	k->period = period;
	memcpy(k->kid, kid, 64);
	pthread_mutex_lock(&d->lock);
	k->next = d->keks[b];	/* a second one of two racing threads says the same */
	d->keks[b] = k;
	pthread_mutex_unlock(&d->lock);
}

struct kek_row {
	const char *purpose;
	const struct uuid *entity;
	int64_t period;
	const char *kid;
	struct directory *directory;
	uint64_t retirements;		/* when the keeper was asked */
};

/* Keys were retired since the keeper gave this one: it may be one of them. */
static enum pli_status kek_insert(struct db_tx *tx, void *arg, struct err *err)
{
	const struct kek_row *k = arg;

	if (atomic_load(&k->directory->retirements) != k->retirements)
		return err_set(err, PLI_AGAIN, "The keys of letters are being changed at this moment.");
	return db_run(tx->conn, NULL, err, KEK_ADD, "utiti", k->entity, k->purpose, k->period, k->kid, clock_now_us());
}

static enum pli_status kek_read(struct directory *d, const char *purpose, const struct uuid *entity, int64_t period,
				char kid_r[64], struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, KEK_GET, "uti", entity, purpose, period);

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK) {
		memset(kid_r, 0, 64);
		snprintf(kid_r, 64, "%s", db_text(&rows, 0));
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st;
}

static enum pli_status kek_lost(struct db_tx *tx, void *arg, struct err *err)
{
	const struct kek_row *k = arg;

	return db_run(tx->conn, NULL, err, KEK_LOST, "iutit", clock_now_us(), k->entity, k->purpose, k->period, k->kid);
}

/* Was it made under that wrapping key? */
static bool of_root(const char *kid, const char *root)
{
	const char *end = kid + strlen(kid) - KEK_ROOT_DIGITS;

	if (end <= kid || end[-1] != '-')
		return root[0] == '\0';
	return strncmp(end, root, KEK_ROOT_DIGITS) == 0;
}

/* Another in its place would have its name: then neither could be put back without the loss of the other. */
static enum pli_status may_be_replaced(struct directory *d, const char *kid, struct err *err)
{
	struct keeper_key_state state;
	enum pli_status st = keeper_key_state(d->keeper, KEY_WRAP, &state, err);

	if (st != PLI_OK || !of_root(kid, state.fingerprint))
		return st;
	(void)err_set(err, PLI_IO, "The key %s is not in keys/kek.", kid);
	return err_hint(err, "Put it back from the newest copy of keys/.  If there is none: pli key rotate DIR wrap, and letters go on without it.");
}

/* Whether the keeper has the letter KEK that the table names: not if the database is an older one than the keys, which were changed between.
 * Asked once before it is remembered.  PLI_ABSENT: it has not, and is retired. */
static enum pli_status kek_probe(struct directory *d, const struct kek_row *row, struct err *err)
{
	static const uint8_t nothing[32];
	struct keywrap_item item = { .kid = row->kid, .aad = "", .in = nothing, .in_n = sizeof(nothing) };
	enum pli_status st, written;

	if (strcmp(row->purpose, "letter") != 0)
		return PLI_OK;
	st = d->keywrap.wrap(d->keywrap.arg, &item, 1, err);
	if (st != PLI_ABSENT)
		return st;
	written = may_be_replaced(d, row->kid, err);
	if (written == PLI_OK)
		written = db_write(d->db, kek_lost, (void *)(uintptr_t)row, err);
	return written == PLI_OK ? PLI_ABSENT : written;
}

enum pli_status directory_kek(struct directory *directory, const char *purpose, const struct uuid *entity, int64_t period,
			      char kid_r[64], struct err *err)
{
	struct kek_row row = { purpose, entity, period, kid_r, directory, atomic_load(&directory->retirements) };
	enum pli_status st;

	if (kek_cached(directory, purpose, entity, period, kid_r))
		return PLI_OK;
	st = kek_read(directory, purpose, entity, period, kid_r, err);
	if (st == PLI_OK)
		st = kek_probe(directory, &row, err);
	if (st == PLI_ABSENT) {
		memset(kid_r, 0, 64);
		st = directory->keywrap.kek(directory->keywrap.arg, purpose, entity, period, kid_r, err);
		if (st == PLI_OK)
			st = db_write(directory->db, kek_insert, &row, err);
		if (st == PLI_AGAIN)
			return directory_kek(directory, purpose, entity, period, kid_r, err);
	}
	if (st == PLI_OK)
		kek_remember(directory, purpose, entity, period, kid_r);
	return st;
}

enum pli_status directory_rows_each(struct directory *d, const struct directory_listing *listing, void *arg, struct err *err)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF list = { 0 };		/* pointers to rows */
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, listing->sql, "");

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		void *row = pool_alloc(pool, listing->row_bytes);
		st = listing->copy(&rows, pool, row, err);
		buf_add(&list, &row, sizeof(row));
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	if (st == PLI_ABSENT)
		st = PLI_OK;
	for (size_t at = 0; st == PLI_OK && at < list.n; at += sizeof(void *)) {
		void *row;
		memcpy(&row, list.p + at, sizeof(row));
		st = listing->tell(d, pool, row, arg, err);
	}
	return st;
}
