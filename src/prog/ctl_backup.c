/* A backup while letters come and go: a copy of the database as one transaction sees it, the keeper's signed heads up to its newest entry,
 * and every blob that it names.  Files are pinned meanwhile; whoever writes does not wait. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "jsonw.h"
#include "log.h"
#include "pool.h"
#include "text.h"

#include "json_read.h"

#include "backup_file.h"
#include "blob_file.h"
#include "db.h"
#include "object.h"

#include "head_record.h"
#include "journal.h"

#include "alert.h"
#include "scrub.h"

#include "child.h"
#include "ctl_verbs.h"
#include "front.h"

#include "ctl_backup.h"

#define HEAD_MS 10000

static const char ENTRIES_GET[] = "SELECT COALESCE(MAX(seq) + 1, 0) FROM journal";
static const char HEADS_GET[] = "SELECT size, root, checkpoint, token, gen_time FROM head WHERE size > $1 AND size <= $2 ORDER BY size";
static const char HEAD_NEWEST[] = "SELECT COALESCE(MAX(size), 0) FROM head";
static const char HEAD_ADD[] =
	"INSERT INTO head (size, root, checkpoint, token, gen_time) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (size) DO NOTHING";
static const char BLOBS_GET[] =
	"SELECT entity, object FROM object WHERE state = 'committed' AND inline IS NULL AND (entity > $1 OR (entity = $1 AND object > $2)) "
	"ORDER BY entity, object LIMIT $3";
/* What belongs to requests and browsers of that moment, and would only come to life again. */
static const char STAGED_END[] = "DELETE FROM object WHERE state <> 'committed'";
static const char SEGMENTS_END[] =
	"DELETE FROM segment WHERE NOT EXISTS (SELECT 1 FROM object o WHERE o.entity = segment.entity AND o.object = segment.object)";
static const char UPLOADS_END[] = "DELETE FROM upload";
static const char SESSIONS_END[] = "DELETE FROM session";
static const char HALVES_END[] = "DELETE FROM signin_half";
static const char READINGS_END[] = "DELETE FROM reading_session";
static const char FILES_END[] = "DELETE FROM reading_file";
static const char MADE_SET[] = "INSERT INTO instance (k, v) VALUES ('backup', $1) ON CONFLICT (k) DO UPDATE SET v = excluded.v";

#define BLOBS_AT_ONCE 500

struct copying {
	struct front *front;
	struct backup_writer writer;
	struct db *copy;
	uint64_t entries, newest;	/* of the copy: entries, and size of its newest head before the missing ones came */
	uint64_t blobs;
	struct db_conn *live;		/* a reader of the live database, for the missing heads */
};

static enum pli_status one_int(struct db_conn *conn, const char *sql, uint64_t *n_r, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, sql, "");

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK)
		*n_r = (uint64_t)db_int(&rows, 0);
	return st;
}

/* ---- the copy of the database ---- */

static enum pli_status heads_add(struct copying *c, struct db_tx *tx, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(c->live, &rows, err, HEADS_GET, "ii", (int64_t)c->newest, (int64_t)c->entries);

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK) {
		size_t root_n, checkpoint_n, token_n;
		const void *root = db_blob(&rows, 1, &root_n), *checkpoint = db_blob(&rows, 2, &checkpoint_n), *token = db_blob(&rows, 3, &token_n);

		st = db_run(tx->conn, NULL, err, HEAD_ADD, "ibbbi", db_int(&rows, 0), root, root_n, checkpoint, checkpoint_n, token, token_n,
			    db_int(&rows, 4));
	}
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status finish_fn(struct db_tx *tx, void *arg, struct err *err)
{
	static const char *const ends[] = { STAGED_END, SEGMENTS_END, UPLOADS_END, SESSIONS_END, HALVES_END, READINGS_END, FILES_END };
	enum pli_status st = heads_add(arg, tx, err);

	for (size_t i = 0; st == PLI_OK && i < sizeof(ends) / sizeof(ends[0]); i++)
		st = db_run(tx->conn, NULL, err, ends[i], "");
	return st;
}

static enum pli_status copy_make(struct copying *c, struct err *err)
{
	struct front *front = c->front;
	struct db_conn *conn = db_reader_take(front->db);
	enum pli_status st = db_snapshot(conn, err);

	if (st == PLI_OK)
		st = db_copy(conn, BACKUP_COPY, err);
	db_reader_give(front->db, conn);
	if (st == PLI_OK)
		st = db_open(&(struct db_options){ .name = BACKUP_COPY, .readers = 1 }, &c->copy, err);
	if (st != PLI_OK)
		return st;
	conn = db_reader_take(c->copy);
	st = one_int(conn, ENTRIES_GET, &c->entries, err);
	if (st == PLI_OK)
		st = one_int(conn, HEAD_NEWEST, &c->newest, err);
	db_reader_give(c->copy, conn);
	/* Whole groups are copied: the head over the last one has its size. */
	if (st == PLI_OK)
		st = journal_wait(front->journal, c->entries, HEAD_MS, err);
	if (st != PLI_OK)
		return st;
	c->live = db_reader_take(front->db);
	st = db_write(c->copy, finish_fn, c, err);
	db_reader_give(front->db, c->live);
	if (st == PLI_OK)
		st = db_settle(c->copy, err);
	return st;
}

/* ---- what goes into the file ---- */

static enum pli_status file_add(struct copying *c, const char *name, int fd, struct err *err)
{
	struct stat sb;

	if (fstat(fd, &sb) != 0)
		return err_errno(err, name);
	return backup_writer_add_fd(&c->writer, name, fd, (uint64_t)sb.st_size, err);
}

static enum pli_status database_add(struct copying *c, struct err *err)
{
	int fd = openat(AT_FDCWD, BACKUP_COPY, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	enum pli_status st = fd >= 0 ? file_add(c, "data/pli.db", fd, err) : err_errno(err, BACKUP_COPY);

	if (fd >= 0)
		close(fd);
	return st;
}

/* The keeper's records up to the copy's last entry; leaves, tiles and index are made from them again. */
static enum pli_status heads_file_add(struct copying *c, struct err *err)
{
	int fd = openat(CHILD_FD_FRONT_JOURNAL, "heads", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct head_reader reader;
	struct head_record record;
	uint64_t bytes = 0;
	enum pli_status st = PLI_OK;

	if (fd < 0)
		return err_errno(err, "journal/heads");
	head_reader_init(&reader, fd, 0);
	while (st == PLI_OK && (st = head_reader_next(&reader, &record, err)) == PLI_OK) {
		if (record.size > c->entries)
			break;
		bytes = reader.offset;
	}
	head_reader_fini(&reader);
	if (st == PLI_OK || st == PLI_ABSENT)
		st = backup_writer_add_fd(&c->writer, "journal/heads", fd, bytes, err);
	close(fd);
	return st;
}

static enum pli_status blob_add(struct copying *c, const struct uuid *entity, const struct uuid *object, struct err *err)
{
	char name[TAR_NAME_MAX + 1], e[33], o[33];
	int fd;
	enum pli_status st = blob_file_open(c->front->blobs_fd, entity, object, &fd, err);

	if (st != PLI_OK)
		return st;
	hex_encode(e, entity->b, 16);
	hex_encode(o, object->b, 16);
	snprintf(name, sizeof(name), "data/blobs/%.2s/%s-%s", o + 30, e, o);
	st = file_add(c, name, fd, err);
	close(fd);
	c->blobs++;
	return st;
}

static enum pli_status blobs_add(struct copying *c, struct err *err)
{
	struct uuid *ids = mem_alloc(2 * BLOBS_AT_ONCE * sizeof(*ids)), entity = { { 0 } }, object = { { 0 } };
	unsigned count;
	enum pli_status st;

	do {
		struct db_conn *conn = db_reader_take(c->copy);
		struct db_rows rows = { 0 };

		count = 0;
		st = db_query(conn, &rows, err, BLOBS_GET, "uui", &entity, &object, (int64_t)BLOBS_AT_ONCE);
		while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
			if (db_uuid(&rows, 0, &ids[2 * count]) && db_uuid(&rows, 1, &ids[2 * count + 1]))
				count++;
		db_end(&rows);
		db_reader_give(c->copy, conn);
		st = st == PLI_ABSENT ? PLI_OK : st;
		for (unsigned i = 0; st == PLI_OK && i < count; i++)
			st = blob_add(c, &ids[2 * i], &ids[2 * i + 1], err);
		if (count) {
			entity = ids[2 * count - 2];
			object = ids[2 * count - 1];
		}
	} while (st == PLI_OK && count == BLOBS_AT_ONCE);
	mem_free(ids);
	return st;
}

static enum pli_status made_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct copying *c = arg;
	const char *text = pool_fmt(tx->pool, "%" PRId64 " %" PRIu64, clock_now_us(), c->entries);

	return db_run(tx->conn, NULL, err, MADE_SET, "b", text, strlen(text));
}

static enum pli_status backup_make(struct copying *c, const char *state, int fd, struct err *err)
{
	enum pli_status st = backup_writer_resume(&c->writer, fd, state, err);

	object_pin(c->front->objects);
	if (st == PLI_OK)
		st = copy_make(c, err);
	if (st == PLI_OK)
		st = blobs_add(c, err);
	object_unpin(c->front->objects);
	if (c->copy)
		db_close(c->copy);
	if (st == PLI_OK)
		st = database_add(c, err);
	if (st == PLI_OK)
		st = heads_file_add(c, err);
	db_copy_remove(BACKUP_COPY);
	return st == PLI_OK ? db_write(c->front->db, made_fn, c, err) : st;
}

enum pli_status ctl_backup(void *arg, struct ctl_call *call, struct err *err)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	struct front *front = arg;
	struct copying c = { .front = front };
	char state_r[BACKUP_STATE_CHARS];
	const char *state;
	struct jsonw w;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = ctl_need(call, "state", &state, err);
	if (st == PLI_OK && call->given_fd < 0)
		st = err_set(err, PLI_INPUT, "a backup needs a file");
	if (st != PLI_OK)
		return st;
	if (pthread_mutex_trylock(&one) != 0)
		return err_set(err, PLI_BUSY, "another backup is being made");
	st = backup_make(&c, state, call->given_fd, err);
	pthread_mutex_unlock(&one);
	if (st != PLI_OK)
		return st;
	backup_writer_state(&c.writer, state_r);
	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "state", state_r);
	jsonw_int(&w, "entries", (int64_t)c.entries);
	jsonw_int(&w, "blobs", (int64_t)c.blobs);
	jsonw_object_end(&w);
	log_info("backup", "a backup of %" PRIu64 " entries and %" PRIu64 " blobs", c.entries, c.blobs);
	return PLI_OK;
}

/* ------------------------------------------------------------------ scrub */

static void fault_row(void *arg, const char *kind, const char *letter, const char *what)
{
	AUTO_BUF row = { 0 };
	struct jsonw w;

	jsonw_init(&w, &row, false);
	jsonw_object(&w, NULL);
	jsonw_str(&w, "kind", kind);
	jsonw_str(&w, "letter", letter);
	jsonw_str(&w, "text", what);
	jsonw_object_end(&w);
	ctl_call_row(arg, row.p);
}

enum pli_status ctl_scrub(void *arg, struct ctl_call *call, struct err *err)
{
	struct front *front = arg;
	struct scrub_options options = { .fault = fault_row, .arg = call };
	struct scrub_result result = { 0 };
	int64_t rate = 0;
	struct jsonw w;
	enum pli_status st = ctl_need_office(front, err);

	if (st == PLI_OK)
		st = json_read_int(call->args, "rate", 0, 1000000, &rate, err);
	options.rate_bytes = (uint64_t)rate << 20;
	if (st == PLI_OK)
		st = scrub_run(front->office, &options, &result, err);
	if (st != PLI_OK)
		return st;
	if (result.faults)
		alert_raise(front->office, ALERT_PROOF, "scrub", "stored content is damaged: pli scrub names it");
	else
		alert_end(front->office, ALERT_PROOF, "scrub");
	jsonw_init(&w, &call->result, false);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "letters", (int64_t)result.letters);
	jsonw_int(&w, "objects", (int64_t)result.objects);
	jsonw_int(&w, "bytes", (int64_t)result.bytes);
	jsonw_int(&w, "orphans", (int64_t)result.orphans);
	jsonw_int(&w, "faults", (int64_t)result.faults);
	jsonw_object_end(&w);
	return PLI_OK;
}
