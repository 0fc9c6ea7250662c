/* Letter KEKs at the end of their time; the table `kek` says which exist. */
#include <string.h>

#include "buf.h"
#include "pool.h"

#include "db.h"

#include "directory_own.h"

static const char OVER_GET[] = "SELECT entity, period, kid, moved, next FROM kek WHERE purpose = 'letter' AND period < $1 AND destroyed IS NULL";
static const char RETIRED_GET[] = "SELECT entity, period, kid, moved, next FROM kek WHERE purpose = 'letter' AND period >= $1 AND retired IS NOT NULL "
				  "AND destroyed IS NULL ORDER BY moved IS NOT NULL, entity, period, kid";
static const char RETIRE[] = "UPDATE kek SET retired = $1 WHERE purpose = 'letter' AND period >= $2 AND retired IS NULL AND destroyed IS NULL "
			     "AND substr(kid, length(kid) - length($3) + 1) <> $3";
static const char CURRENT_GET[] = "SELECT kid FROM kek WHERE entity = $1 AND purpose = 'letter' AND period = $2 AND retired IS NULL "
				  "AND destroyed IS NULL";
static const char MOVED_SET[] = "UPDATE kek SET moved = $1, next = $2 WHERE entity = $3 AND purpose = 'letter' AND period = $4 AND kid = $5";
static const char STAYS_SET[] = "UPDATE kek SET moved = NULL, next = NULL WHERE entity = $1 AND purpose = 'letter' AND period = $2 AND kid = $3";
static const char DESTROYED_SET[] = "UPDATE kek SET destroyed = $1 WHERE entity = $2 AND purpose = 'letter' AND period = $3 AND kid = $4";

static enum pli_status over_copy(struct db_rows *rows, struct directory_kek_over *k, struct err *err)
{
	const char *kid = db_text(rows, 2);

	k->period = db_int(rows, 1);
	if (!db_uuid(rows, 0, &k->entity) || !kid || strlen(kid) >= sizeof(k->kid))
		return err_set(err, PLI_IO, "A key's row is damaged.");
	snprintf(k->kid, sizeof(k->kid), "%s", kid);
	k->moved = db_is_null(rows, 3) ? 0 : (uint64_t)db_int(rows, 3);
	snprintf(k->next, sizeof(k->next), "%s", k->moved && db_text(rows, 4) ? db_text(rows, 4) : "");
	return PLI_OK;
}

static enum pli_status list_read(struct directory *d, const char *sql, int64_t month, struct buf *list, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	struct directory_kek_over k;
	enum pli_status st = db_query(conn, &rows, err, sql, "i", month);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		memset(&k, 0, sizeof(k));
		st = over_copy(&rows, &k, err);
		buf_add(list, &k, sizeof(k));
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status directory_kek_over(struct directory *d, int64_t month, directory_kek_over_fn *fn, void *arg, struct err *err)
{
	AUTO_BUF list = { 0 };
	struct directory_kek_over k;
	enum pli_status st = list_read(d, OVER_GET, month, &list, err);

	for (size_t at = 0; st == PLI_OK && at < list.n; at += sizeof(k)) {
		memcpy(&k, list.p + at, sizeof(k));
		st = fn(arg, &k, err);
	}
	return st;
}

/* "" when there is none. */
static enum pli_status current_get(struct db_conn *conn, const struct uuid *entity, int64_t period, char kid_r[64], struct err *err)
{
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, CURRENT_GET, "ui", entity, period);

	kid_r[0] = 0;
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		snprintf(kid_r, 64, "%s", db_text(&rows, 0));
	db_end(&rows);
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status directory_kek_current(struct directory *d, struct db_tx *tx, const struct uuid *entity, int64_t period, const char *kid,
				      struct err *err)
{
	char current[64];
	enum pli_status st = current_get(tx->conn, entity, period, current, err);

	if (st != PLI_OK || strcmp(current, kid) == 0)
		return st;
	directory_keks_forget(d);
	(void)err_set(err, PLI_BUSY, "The keys of letters are being changed at this moment.");
	return err_hint(err, "Repeat it.");
}

enum pli_status directory_kek_destroyed(struct db_tx *tx, const struct directory_kek_over *kek, int64_t now_us, struct err *err)
{
	return db_run(tx->conn, NULL, err, DESTROYED_SET, "iuit", now_us, &kek->entity, kek->period, kek->kid);
}

enum pli_status directory_kek_moved(struct db_tx *tx, const struct directory_kek_over *kek, struct err *err)
{
	if (!kek->moved)
		return db_run(tx->conn, NULL, err, STAYS_SET, "uit", &kek->entity, kek->period, kek->kid);
	return db_run(tx->conn, NULL, err, MOVED_SET, "ituit", (int64_t)kek->moved, kek->next, &kek->entity, kek->period, kek->kid);
}

/* ---- others in their place ---- */

struct retirement {
	struct directory *directory;
	const char *root;
	int64_t month, now_us;
};

static enum pli_status retire_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct retirement *r = arg;

	atomic_fetch_add(&r->directory->retirements, 1);
	return db_run(tx->conn, NULL, err, RETIRE, "iit", r->now_us, r->month, r->root);
}

enum pli_status directory_kek_retire(struct directory *d, const char *root, int64_t month, int64_t now_us, struct err *err)
{
	struct retirement r = { d, root, month, now_us };
	enum pli_status st = db_write(d->db, retire_fn, &r, err);

	directory_keks_forget(d);
	return st;
}

enum pli_status directory_kek_retired(struct directory *d, int64_t month, struct buf *list, struct err *err)
{
	return list_read(d, RETIRED_GET, month, list, err);
}

void directory_keks_forget(struct directory *d)
{
	pthread_mutex_lock(&d->lock);
	for (unsigned i = 0; i < DIRECTORY_BUCKETS; i++) {
		for (struct directory_kek *k = d->keks[i], *next; k; k = next) {
			next = k->next;
			mem_free(k);
		}
		d->keks[i] = NULL;
	}
	pthread_mutex_unlock(&d->lock);
}
