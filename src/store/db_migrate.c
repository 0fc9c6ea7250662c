/* Brings a database to the schema of this program, one step a transaction.
 *
 * Table schema_version: one row a step that was made: its number, name and time.  A database with a step that this
 * program does not know belongs to a newer program and is refused. */
#include <inttypes.h>

#include "clock.h"
#include "migration.h"

#include "db_engine.h"

static const char sql_table[] =
	"CREATE TABLE IF NOT EXISTS schema_version (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, "
	"applied BIGINT NOT NULL)";
static const char sql_has_table[] =
	"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'";
static const char sql_newest[] = "SELECT COALESCE(MAX(number), 0) FROM schema_version";
static const char sql_made[] = "INSERT INTO schema_version (number, name, applied) VALUES ($1, $2, $3)";

static enum pli_status version_get(struct db_conn *conn, int64_t *number_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	AUTO_ROWS newest = { 0 };
	enum pli_status status = db_query(conn, &rows, err, sql_has_table, "");

	if (status == PLI_OK)
		status = db_next(&rows, err);
	if (status == PLI_ABSENT) {
		*number_r = 0;
		return PLI_OK;
	}
	if (status == PLI_OK)
		status = db_query(conn, &newest, err, sql_newest, "");
	if (status == PLI_OK)
		status = db_next(&newest, err);
	if (status == PLI_OK)
		*number_r = db_int(&newest, 0);
	return status;
}

static enum pli_status step_make(struct db_conn *conn, const struct migration *m, struct err *err)
{
	struct err ignored;
	enum pli_status status = conn->engine->step(conn, DB_BEGIN, err);

	if (status != PLI_OK)
		return status;
	status = db_run(conn, NULL, err, sql_table, "");
	if (status == PLI_OK)
		status = conn->engine->script(conn, m->sql, err);
	if (status == PLI_OK)
		status = db_run(conn, NULL, err, sql_made, "iti", (int64_t)m->number, m->name, clock_now_us());
	if (status == PLI_OK)
		status = conn->engine->step(conn, DB_COMMIT, err);
	if (status != PLI_OK && conn->engine->in_transaction(conn) &&
	    conn->engine->step(conn, DB_ROLLBACK, &ignored) != PLI_OK)
		return status;
	return status;
}

enum pli_status db_migrate(struct db_conn *writer, const struct migration *migrations, size_t count, bool read_only,
			   struct err *err)
{
	int64_t have;
	int64_t want = count ? migrations[count - 1].number : 0;
	enum pli_status status = version_get(writer, &have, err);

	if (status != PLI_OK)
		return status;
	if (have > want) {
		err_set(err, PLI_INVALID, "the database has schema %" PRId64 ", this program knows up to %" PRId64,
			have, want);
		return err ? err_hint(err, "use the newer program, or a backup made before it") : PLI_INVALID;
	}
	if (have < want && read_only)
		return err_set(err, PLI_INVALID, "the database has schema %" PRId64 ", this program needs %" PRId64
			       ": start the server once", have, want);
	for (size_t i = 0; i < count; i++) {
		if (migrations[i].number <= have)
			continue;
		status = step_make(writer, &migrations[i], err);
		if (status != PLI_OK)
			return status;
	}
	return PLI_OK;
}
