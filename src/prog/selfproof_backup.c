/* See selfproof_backup.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool.h"
#include "settings.h"
#include "text.h"

#include "backup_file.h"
#include "db.h"

#include "head_record.h"
#include "journal.h"
#include "journal_log.h"
#include "tree.h"

#include "front.h"

#include "selfproof_backup.h"

#define PIECE (256u * 1024)
#define COPY "selfproof.db"
#define FOLDER "selfproof"		/* what the keeper has signed, as the backup has it */
#define ROOM_TIMES 2			/* the copy, and what the engine writes beside it */

static const char BLOBS_COUNT[] = "SELECT COUNT(*) FROM object WHERE state = 'committed' AND inline IS NULL";

struct restoring {
	struct front *front;
	uint8_t *piece;
	int folder_fd;
	bool database, heads;		/* found */
	uint64_t blobs;
	uint64_t size;			/* of its newest head */
	uint8_t root[32];
};

void selfproof_backup_clear(void)
{
	db_copy_remove(COPY);
	(void)unlink(FOLDER "/heads");
	(void)rmdir(FOLDER);
}

/* ---- reading it ---- */

static enum pli_status room(struct restoring *r, uint64_t bytes, struct err *err)
{
	uint64_t free_bytes;
	enum pli_status st = db_space(r->front->db, &free_bytes, err);

	if (st == PLI_OK && free_bytes < ROOM_TIMES * bytes + r->front->settings->reserve_deposit_bytes)
		st = err_set(err, PLI_FULL, "there is no room to restore the backup beside the instance");
	return st;
}

static enum pli_status piece_write(int fd, const uint8_t *p, size_t n, struct err *err)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return errno == ENOSPC || errno == EDQUOT ? err_set(err, PLI_FULL, "there is no room to restore the backup")
								   : err_errno(err, "the scratch copy");
		p += done;
		n -= (size_t)done;
	}
	return PLI_OK;
}

/* fd -1: read, so that its digest counts, and kept nowhere. */
static enum pli_status member_read(struct restoring *r, struct backup_reader *reader, int fd, struct err *err)
{
	size_t n = 1;
	enum pli_status st = PLI_OK;

	while (st == PLI_OK && n) {
		st = backup_reader_read(reader, r->piece, PIECE, &n, err);
		if (st == PLI_OK && fd >= 0)
			st = piece_write(fd, r->piece, n, err);
	}
	return st;
}

static enum pli_status member_keep(struct restoring *r, struct backup_reader *reader, int dir_fd, const char *name, struct err *err)
{
	int fd;
	enum pli_status st = room(r, reader->entry.size, err);

	if (st != PLI_OK)
		return st;
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, "the scratch copy");
	st = member_read(r, reader, fd, err);
	close(fd);
	return st;
}

static enum pli_status members_read(struct restoring *r, int fd, struct err *err)
{
	struct backup_reader reader;
	enum pli_status st = backup_reader_begin(&reader, fd, err);

	while (st == PLI_OK && (st = backup_reader_next(&reader, err)) == PLI_OK) {
		if (str_eq(reader.entry.name, "data/pli.db") && !r->database) {
			r->database = true;
			st = member_keep(r, &reader, AT_FDCWD, COPY, err);
		} else if (str_eq(reader.entry.name, "journal/heads") && !r->heads) {
			r->heads = true;
			st = member_keep(r, &reader, r->folder_fd, "heads", err);
		} else {
			r->blobs += str_starts(reader.entry.name, "data/blobs/");
			st = member_read(r, &reader, -1, err);
		}
	}
	if (st == PLI_ABSENT && (!r->database || !r->heads))
		st = err_set(err, PLI_INPUT, "the backup lacks its database or its signed heads");
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* ---- what it is ---- */

static enum pli_status heads_read(struct restoring *r, struct err *err)
{
	int fd = openat(r->folder_fd, "heads", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct head_reader reader;
	struct head_record record;
	enum pli_status st = PLI_OK;

	if (fd < 0)
		return err_errno(err, "the scratch copy");
	head_reader_init(&reader, fd, 0);
	while (st == PLI_OK && (st = head_reader_next(&reader, &record, err)) == PLI_OK) {
		r->size = record.size;
		memcpy(r->root, record.root, sizeof(r->root));
	}
	head_reader_fini(&reader);
	close(fd);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status journal_read(struct restoring *r, struct db_conn *conn, struct err *err)
{
	const struct front *front = r->front;
	uint64_t size, bad;
	uint8_t root[32];
	struct journal_verify_options options = {
		.conn = conn, .journal_dir_fd = r->folder_fd, .origin = front->origin, .log_public_key = front->log_keys[0],
		.log_key_count = front->log_key_count, .root_pem = front->root_pem, .tsa_pem = front->tsa_pem, .keeper_size = r->size,
	};

	memcpy(options.keeper_root, r->root, sizeof(options.keeper_root));
	return journal_verify(&options, &size, root, &bad, err);
}

static enum pli_status blobs_compare(const struct restoring *r, struct db_conn *conn, struct err *err)
{
	AUTO_ROWS rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, BLOBS_COUNT, "");

	if (st == PLI_OK)
		st = db_next(&rows, err);
	if (st == PLI_OK && (uint64_t)db_int(&rows, 0) != r->blobs)
		st = err_set(err, PLI_CONFLICT, "its database names %" PRId64 " files, it holds %" PRIu64, db_int(&rows, 0), r->blobs);
	return st;
}

static enum pli_status database_read(struct restoring *r, struct err *err)
{
	struct db *db = NULL;
	struct db_conn *conn;
	enum pli_status st = db_open(&(struct db_options){ .name = COPY, .readers = 1 }, &db, err);

	if (st == PLI_OK)
		st = db_quick_check(db, err);
	if (st == PLI_OK) {
		conn = db_reader_take(db);
		st = db_snapshot(conn, err);
		if (st == PLI_OK)
			st = journal_read(r, conn, err);
		if (st == PLI_OK)
			st = blobs_compare(r, conn, err);
		db_reader_give(db, conn);
	}
	if (db)
		db_close(db);
	return st;
}

/* RFC 6962 2.1.2: today's tree begins with the backup's. */
static enum pli_status prefix_show(struct restoring *r, struct err *err)
{
	struct journal *journal = r->front->journal;
	struct db_conn *conn = db_reader_take(r->front->db);
	struct journal_head head;
	uint8_t path[TREE_PATH_MAX][32];
	unsigned count;
	enum pli_status st;

	journal_newest_head(journal, &head);
	st = journal_wait(journal, head.size, 10000, err);
	if (st == PLI_OK && r->size > head.size)
		st = err_set(err, PLI_CONFLICT, "the backup has %" PRIu64 " entries, today's journal %" PRIu64, r->size, head.size);
	if (st == PLI_OK)
		st = db_snapshot(conn, err);
	if (st == PLI_OK)
		st = journal_consistency(journal, conn, r->size, head.size, path, &count, err);
	if (st == PLI_OK && !tree_consistency_holds(r->size, head.size, path[0], count, r->root, head.root))
		st = err_set(err, PLI_CONFLICT, "today's journal is no continuation of the backup's");
	db_reader_give(r->front->db, conn);
	return st;
}

enum pli_status selfproof_backup(struct front *front, int fd, uint64_t *size_r, struct err *err)
{
	struct restoring r = { .front = front };
	enum pli_status st;

	selfproof_backup_clear();
	if (mkdir(FOLDER, 0700) != 0)
		return err_errno(err, "data/" FOLDER);
	r.folder_fd = open(FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r.folder_fd < 0)
		return err_errno(err, "data/" FOLDER);
	r.piece = mem_alloc(PIECE);
	st = members_read(&r, fd, err);
	if (st == PLI_OK)
		st = heads_read(&r, err);
	if (st == PLI_OK)
		st = database_read(&r, err);
	if (st == PLI_OK)
		st = prefix_show(&r, err);
	mem_free(r.piece);
	close(r.folder_fd);
	selfproof_backup_clear();
	*size_r = r.size;
	return st;
}
