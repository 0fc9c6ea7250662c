/* See public_log.h. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"

#include "db.h"

#include "checkpoint.h"
#include "journal.h"
#include "journal_log.h"
#include "tiles.h"

#include "cosignature.h"
#include "office_own.h"

#include "public_log.h"

static const char HEAD_NEWEST[] = "SELECT size, gen_time FROM head ORDER BY size DESC LIMIT 1";
static const char HEAD_COSIGNED[] =
	"SELECT h.size, h.gen_time FROM head h WHERE h.size = (SELECT MAX(size) FROM cosignature) LIMIT 1";
static const char HEAD_STAMPED[] =
	"SELECT h.size, h.gen_time FROM head h WHERE h.size = (SELECT MAX(size) FROM external_token) LIMIT 1";
static const char HEAD_BOTH[] =
	"SELECT h.size, h.gen_time FROM external_token t JOIN head h ON h.size = t.size "
	"WHERE EXISTS (SELECT 1 FROM cosignature c WHERE c.size = t.size) ORDER BY t.size DESC LIMIT 1";
static const char HEAD_OF[] = "SELECT checkpoint FROM head WHERE size = $1";

#define LAG_US (300 * SECOND_US)	/* that the head shown may be older than the newest */
#define PROOF_LAG_US (3600 * SECOND_US)

void public_log_init(struct public_log *log)
{
	*log = (struct public_log){ 0 };
	pthread_mutex_init(&log->lock, NULL);
}

void public_log_fini(struct public_log *log)
{
	pthread_mutex_destroy(&log->lock);
}

struct head {
	uint64_t size;
	int64_t gen_time_us;
};

/* size 0: none. */
static enum pli_status head_get(struct db_conn *conn, const char *sql, struct head *head_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "");

	*head_r = (struct head){ 0 };
	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		*head_r = (struct head){ (uint64_t)db_int(&rows, 0), db_int(&rows, 1) };
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status heads_get(struct db_conn *conn, struct head *newest_r, struct head *cosigned_r, struct err *err)
{
	enum pli_status st = head_get(conn, HEAD_NEWEST, newest_r, err);

	if (st == PLI_OK && !newest_r->size)
		st = err_set(err, PLI_BUSY, "The journal's signed head is not there yet; try again.");
	return st == PLI_OK ? head_get(conn, HEAD_COSIGNED, cosigned_r, err) : st;
}

/* A start begins with the newest, which is as large as anything that was shown before it. */
static uint64_t choose(struct public_log *log, const struct head *newest, const struct head *cosigned)
{
	uint64_t size;

	pthread_mutex_lock(&log->lock);
	if (log->size && cosigned->size > log->size) {
		log->size = cosigned->size;
		log->gen_time_us = cosigned->gen_time_us;
	}
	if (!log->size || !cosigned->size || newest->gen_time_us - log->gen_time_us > LAG_US) {
		log->size = newest->size;
		log->gen_time_us = newest->gen_time_us;
	}
	size = log->size;
	pthread_mutex_unlock(&log->lock);
	return size;
}

static enum pli_status note_write(struct db_conn *conn, uint64_t size, struct buf *out, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, HEAD_OF, "i", (int64_t)size);
	const void *p;
	size_t n;

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st != PLI_OK)
		return st == PLI_ABSENT ? err_set(err, PLI_IO, "A head's row is missing.") : st;
	p = db_blob(&rows, 0, &n);
	buf_add(out, p, n);
	return cosignature_lines(conn, size, out, err);
}

enum pli_status public_log_checkpoint(struct office *office, struct buf *out, struct err *err)
{
	struct db_conn *conn = db_reader_take(office->parts.db);
	struct head newest, cosigned;
	enum pli_status st = db_snapshot(conn, err);

	if (st == PLI_OK)
		st = heads_get(conn, &newest, &cosigned, err);
	if (st == PLI_OK)
		st = note_write(conn, choose(&office->log, &newest, &cosigned), out, err);
	db_reader_give(office->parts.db, conn);
	return st;
}

void public_log_words(struct office *office, struct pool *pool, uint64_t size, struct public_log_words *words)
{
	AUTO_BUF note = { 0 };
	struct checkpoint c;
	const char *line, *base64;
	uint64_t to;
	size_t n;

	if (words->head && words->head[0] && size >= words->from && size <= words->to)
		return;
	*words = (struct public_log_words){ .head = "", .signature = "" };
	if (journal_covering_note(office->parts.journal, office->parts.db, size, &to, &note, NULL) != PLI_OK ||
	    checkpoint_parse(note.p ? note.p : "", note.n, &c, NULL) != PLI_OK)
		return;
	words->from = size;
	words->to = to;
	line = checkpoint_line(note.p, note.n, &c, 0, &n);
	base64 = memrchr(line, ' ', n);
	words->signature = pool_strn(pool, base64 + 1, n - 1 - (size_t)(base64 + 1 - line));
	/* Its three lines, without the last line's end. */
	for (size_t i = 0; i < c.signed_bytes; i++)
		if (note.p[i] == '\n')
			note.p[i] = ' ';
	words->head = pool_strn(pool, note.p, c.signed_bytes - 1);
}

enum pli_status public_log_head(struct db_conn *conn, uint64_t last_seq, uint64_t *size_r, struct err *err)
{
	struct head newest, wanted[3];	/* what others have signed of the journal, the best first */
	enum pli_status st = heads_get(conn, &newest, &wanted[1], err);

	if (st == PLI_OK)
		st = head_get(conn, HEAD_BOTH, &wanted[0], err);
	if (st == PLI_OK)
		st = head_get(conn, HEAD_STAMPED, &wanted[2], err);
	if (st != PLI_OK)
		return st;
	*size_r = newest.size;
	for (int i = 2; i >= 0; i--)
		if (wanted[i].size > last_seq && newest.gen_time_us - wanted[i].gen_time_us <= PROOF_LAG_US)
			*size_r = wanted[i].size;
	return PLI_OK;
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
