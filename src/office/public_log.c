/* See public_log.h. */
#include <string.h>

#include "buf.h"

#include "db.h"

#include "checkpoint.h"
#include "journal.h"
#include "journal_log.h"
#include "tiles.h"

#include "office_own.h"

#include "public_log.h"

static const char HEAD_NEWEST[] = "SELECT checkpoint FROM head ORDER BY size DESC LIMIT 1";

static enum pli_status newest(struct db_conn *conn, struct buf *out, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, HEAD_NEWEST, "");
	size_t n;
	const void *p;

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st == PLI_ABSENT ? err_set(err, PLI_BUSY, "The journal's signed head is not there yet; try again.") : st;
	p = db_blob(&rows, 0, &n);
	buf_add(out, p, n);
	return PLI_OK;
}

enum pli_status public_log_checkpoint(struct office *office, struct buf *out, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	enum pli_status st = newest(conn, out, err);

	db_reader_give(office->parts.db, conn);
	return st;
}

enum pli_status public_log_tile(struct office *office, const char *path, struct buf *out, struct err *err)
{
	struct db_conn *conn;
	enum pli_status st;
	unsigned level, width;
	uint64_t n;

	if (!tiles_path_parse(path, &level, &n, &width))
		return err_set(err, PLI_ABSENT, "There is no such tile; the form is LEVEL/NNN, LEVEL/xNNN/NNN or LEVEL/NNN.p/WIDTH.");
	conn = db_reader_take(office->parts.db);
	st = journal_tile(office->parts.journal, conn, level, n, width, out, err);
	db_reader_give(office->parts.db, conn);
	return st == PLI_ABSENT ? err_set(err, PLI_ABSENT, "The log has no such tile (yet).") : st;
}

enum pli_status public_log_key(struct office *office, struct buf *out, struct err *err)
{
	const char *pem = office->parts.log_pub;
	struct note_key key;
	uint8_t public_key[32];
	enum pli_status st = checkpoint_public_key(pem, strlen(pem), public_key, err);

	if (st != PLI_OK)
		return st;
	note_key_init(&key, journal_origin(office->parts.journal), NOTE_KEY_LOG, public_key);
	note_key_write(&key, out);
	buf_ch(out, '\n');
	return PLI_OK;
}
