/* What housekeeping does for sign-ins: failures of closed hours become entries, what is over is deleted. */
#include <inttypes.h>
#include <string.h>

#include "actor.h"
#include "buf.h"
#include "pool.h"

#include "db.h"

#include "journal.h"

#include "directory_own.h"
#include "signin.h"

#define HOUR_US (3600 * INT64_C(1000000))
#define HALF_US (600 * INT64_C(1000000))
#define DEVICE_US (400 * 24 * HOUR_US)
#define ENTRIES_MAX 256

static const char DEVICES_DROP[] = "DELETE FROM device WHERE entity = $1 AND account = $2";
static const char DEVICES_OLD[] = "DELETE FROM device WHERE seen < $1";
static const char HALVES_OLD[] = "DELETE FROM signin_half WHERE created < $1";
static const char FAILURES_NOBODY[] = "DELETE FROM signin_failure WHERE account = $1";
static const char FAILURES_CLOSED[] = "SELECT entity, account, hour, failures FROM signin_failure WHERE hour < $1 AND account <> $2 "
				      "ORDER BY hour, account LIMIT $3";
static const char FAILURE_DROP[] = "DELETE FROM signin_failure WHERE entity = $1 AND account = $2 AND hour = $3";

static const struct uuid NIL = { { 0 } };

enum pli_status signin_devices_drop(struct db_conn *conn, const struct uuid *entity, const struct uuid *account, struct err *err)
{
	return db_run(conn, NULL, err, DEVICES_DROP, "uu", entity, account);
}

struct failure {
	struct directory *d;
	struct uuid entity, account;
	int64_t hour, failures;
	const char *shown;
	const uint8_t *meta_key;
};

static enum pli_status failures_read(struct directory *d, int64_t now_us, struct buf *list, struct err *err)
{
	struct db_conn *conn = db_reader_take(d->db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, FAILURES_CLOSED, "iui", now_us / HOUR_US, &NIL, (int64_t)ENTRIES_MAX);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		struct failure f = { .d = d, .hour = db_int(&rows, 2), .failures = db_int(&rows, 3) };

		if (db_uuid(&rows, 0, &f.entity) && db_uuid(&rows, 1, &f.account))
			buf_add(list, &f, sizeof(f));
	}
	db_end(&rows);
	db_reader_give(d->db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status failure_write(struct db_tx *tx, void *arg, struct err *err)
{
	const struct failure *f = arg;
	struct journal_actor system = { .method = "system", .channel = "web" };
	char d_json[48];
	struct journal_event ev = { .ev = "session.failed", .actor = &system, .entity = &f->entity, .shown_json = f->shown,
				    .meta_key = f->meta_key, .d_json = d_json };
	int64_t changed;
	enum pli_status st = db_run(tx->conn, &changed, err, FAILURE_DROP, "uui", &f->entity, &f->account, f->hour);

	snprintf(d_json, sizeof(d_json), "{\"failures\":%" PRId64 "}", f->failures);
	return st == PLI_OK && changed ? journal_add(f->d->journal, tx, &ev, err) : st;
}

static enum pli_status failure_note(struct directory *d, struct failure *f, struct err *err)
{
	AUTO_POOL pool = pool_new();
	const struct directory_known *known;
	struct directory_account a;
	enum pli_status st = directory_account_read(d, pool, &f->entity, &f->account, &a, err);

	if (st == PLI_OK)
		st = directory_known_get(d, &f->entity, &known, err);
	if (st != PLI_OK)
		return st;
	f->shown = directory_shown(pool, known->name, known->siren, a.name);
	f->meta_key = known->meta_key;
	return db_write(d->db, failure_write, f, err);
}

static enum pli_status old_write(struct db_tx *tx, void *arg, struct err *err)
{
	int64_t now_us = *(const int64_t *)arg;
	enum pli_status st = db_run(tx->conn, NULL, err, HALVES_OLD, "i", now_us - HALF_US);

	if (st == PLI_OK)
		st = db_run(tx->conn, NULL, err, DEVICES_OLD, "i", now_us - DEVICE_US);
	return st == PLI_OK ? db_run(tx->conn, NULL, err, FAILURES_NOBODY, "u", &NIL) : st;
}

enum pli_status signin_sweep(struct directory *d, int64_t now_us, struct err *err)
{
	AUTO_BUF list = { 0 };
	enum pli_status st = failures_read(d, now_us, &list, err);

	for (size_t at = 0; st == PLI_OK && at < list.n; at += sizeof(struct failure)) {
		struct failure f;

		memcpy(&f, list.p + at, sizeof(f));
		st = failure_note(d, &f, err);
	}
	return st == PLI_OK ? db_write(d->db, old_write, &now_us, err) : st;
}
