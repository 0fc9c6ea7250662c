/* Letter KEKs at the end of their time; the table `kek` says which exist. */
#include <string.h>

#include "buf.h"

#include "db.h"

#include "directory_own.h"

static const char OVER_GET[] = "SELECT entity, period, kid FROM kek WHERE purpose = 'letter' AND period < $1 AND destroyed IS NULL";
static const char DESTROYED_SET[] = "UPDATE kek SET destroyed = $1 WHERE entity = $2 AND purpose = 'letter' AND period = $3 AND kid = $4";

static enum pli_status over_copy(struct db_rows *rows, struct directory_kek_over *k, struct err *err)
{
	const char *kid = db_text(rows, 2);

	k->period = db_int(rows, 1);
	if (!db_uuid(rows, 0, &k->entity) || !kid || strlen(kid) >= sizeof(k->kid))
		return err_set(err, PLI_IO, "A key's row is damaged.");
	snprintf(k->kid, sizeof(k->kid), "%s", kid);
	return PLI_OK;
}

enum pli_status directory_kek_over(struct directory *d, int64_t month, directory_kek_over_fn *fn, void *arg, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	AUTO_BUF list = { 0 };
	struct directory_kek_over k;
	enum pli_status st = db_query(conn, &rows, err, OVER_GET, "i", month);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		memset(&k, 0, sizeof(k));
		st = over_copy(&rows, &k, err);
		buf_add(&list, &k, sizeof(k));
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	if (st == PLI_ABSENT)
		st = PLI_OK;
	for (size_t at = 0; st == PLI_OK && at < list.n; at += sizeof(k)) {
		memcpy(&k, list.p + at, sizeof(k));
		st = fn(arg, &k, err);
	}
	return st;
}

enum pli_status directory_kek_destroyed(struct db_tx *tx, const struct directory_kek_over *kek, int64_t now_us, struct err *err)
{
	return db_run(tx->conn, NULL, err, DESTROYED_SET, "iuit", now_us, &kek->entity, kek->period, kek->kid);
}
