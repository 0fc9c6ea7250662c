#include <inttypes.h>
#include <string.h>

#include "actor.h"
#include "clock.h"
#include "pool.h"

#include "db.h"

#include "journal.h"
#include "keeper.h"

#include "office_own.h"

#include "signature_note.h"

static const char DAY_GET[] = "SELECT v FROM instance WHERE k = 'signatures_day'";
static const char DAY_SET[] = "INSERT INTO instance (k, v) VALUES ('signatures_day', $1) ON CONFLICT (k) DO UPDATE SET v = excluded.v";

struct note {
	struct office *office;
	struct keeper_status keeper;
	char day[11];			/* "2026-11-22", that is over or under way when the sums are read */
	bool first;
};

static enum pli_status note_write(struct db_tx *tx, void *arg, struct err *err)
{
	static const struct journal_actor SYSTEM = { .method = "system", .channel = "system" };
	const struct note *n = arg;
	const uint64_t *sums = n->keeper.signatures;
	enum pli_status st = db_run(tx->conn, NULL, err, DAY_SET, "b", n->day, strlen(n->day));

	if (st != PLI_OK || n->first)
		return st;
	return journal_add(n->office->parts.journal, tx,
			   &(struct journal_event){ .ev = "keeper.signed", .actor = &SYSTEM,
						    .d_json = pool_fmt(tx->pool, "{\"changes\":%" PRIu64 ",\"checkpoints\":%" PRIu64 ",\"mails\":%" PRIu64
								       ",\"seals\":%" PRIu64 ",\"tokens\":%" PRIu64 "}",
								       sums[SIGNATURE_CHANGE], sums[SIGNATURE_CHECKPOINT], sums[SIGNATURE_MAIL],
								       sums[SIGNATURE_SEAL], sums[SIGNATURE_TOKEN]) },
			   err);
}

/* Was it done today? */
static enum pli_status note_due(struct note *n, bool *due_r, struct err *err)
{
	struct db_conn *conn = db_reader_take(n->office->parts.db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, DAY_GET, "");
	size_t size = 0;
	const void *day;

	if (st == PLI_OK)
		st = db_next(&rows, err);
	day = st == PLI_OK ? db_blob(&rows, 0, &size) : NULL;
	n->first = st == PLI_ABSENT;
	*due_r = n->first || !day || size != strlen(n->day) || memcmp(day, n->day, size) != 0;
	db_end(&rows);
	db_reader_give(n->office->parts.db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

enum pli_status signature_note(struct office *office, int64_t now_us, struct err *err)
{
	struct note n = { .office = office };
	char now[25];
	bool due;
	enum pli_status st;

	memcpy(n.day, clock_rfc3339(now, now_us), 10);
	st = note_due(&n, &due, err);
	if (st != PLI_OK || !due)
		return st;
	/* A keeper that does not answer now is asked again in a minute. */
	if (keeper_status_soon(office->parts.keeper, &n.keeper, err) != PLI_OK)
		return PLI_OK;
	return db_write(office->parts.db, note_write, &n, err);
}
