/* pli restore: a backup becomes an instance in a new directory, which has its name only when all of it is there and right.
 *
 * A restored instance lacks what was written after its backup, but its keeper may have signed that: keys/counter knows.  Going on from there
 * means a journal that differs from proofs already given.  So without --accept-loss such an instance only verifies; with it, the counter
 * is set back, and the journal itself says from where it was restored. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"

#include "backup_file.h"
#include "db.h"

#include "counter.h"
#include "head_record.h"
#include "journal.h"
#include "keeper_signers.h"
#include "pem_list.h"

#include "args.h"
#include "child.h"
#include "cli.h"
#include "instance.h"
#include "sysexit.h"

#include "verb.h"

#define PIECE (256u * 1024)
#define PEM_MAX_BYTES 65536

static const char KIDS_GET[] = "SELECT kid, COUNT(*) FROM letter WHERE kid <> '' GROUP BY kid";
static const char RESTORED_SET[] = "INSERT INTO instance (k, v) VALUES ('restored', $1) ON CONFLICT (k) DO UPDATE SET v = excluded.v";

struct restore {
	struct cli_call *call;
	const char *dir, *part;		/* part: the directory's name until it is whole */
	struct instance instance;
	uint64_t size, counter_size;	/* of the signed heads, of the counter */
	uint8_t root[32];
	uint64_t members;
	uint64_t unreadable;		/* letters whose month key is not among the keys */
};

/* ------------------------------------------------------------------ files */

/* Where members of a backup may lie. */
static bool place_right(const char *name, bool keys)
{
	static const char *const data[] = { "data/pli.db", "data/blobs/", "journal/", "public/", "tls/", "pli.conf", NULL };
	static const char *const key[] = { "keys/", "tls/key.pem", NULL };

	for (const char *const *p = keys ? key : data; *p; p++)
		if ((*p)[strlen(*p) - 1] == '/' ? str_starts(name, *p) : str_eq(name, *p))
			return keys || !str_eq(name, "tls/key.pem");
	return false;
}

static enum pli_status folders_make(int dir_fd, const char *name, struct err *err)
{
	char path[TAR_NAME_MAX + 1];

	for (const char *s = strchr(name, '/'); s; s = strchr(s + 1, '/')) {
		snprintf(path, sizeof(path), "%.*s", (int)(s - name), name);
		if (mkdirat(dir_fd, path, 0700) != 0 && errno != EEXIST)
			return err_set(err, PLI_IO, "%s: %s", path, strerror(errno));
	}
	return PLI_OK;
}

static enum pli_status member_write(struct restore *r, struct backup_reader *reader, struct err *err)
{
	const char *name = reader->entry.name;
	uint8_t *piece = mem_alloc(PIECE);
	size_t n = 1;
	int fd;
	enum pli_status st = folders_make(r->instance.dir_fd, name, err);

	fd = st == PLI_OK ? openat(r->instance.dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				   str_starts(name, "public/") ? 0644 : 0600) : -1;
	if (st == PLI_OK && fd < 0)
		st = err_set(err, errno == EEXIST ? PLI_INPUT : PLI_IO, "%s: %s", name, strerror(errno));
	while (st == PLI_OK && n) {
		st = backup_reader_read(reader, piece, PIECE, &n, err);
		for (size_t at = 0; st == PLI_OK && at < n; ) {
			ssize_t done = write(fd, piece + at, n - at);

			if (done < 0 && errno == EINTR)
				continue;
			if (done <= 0)
				st = err_set(err, PLI_IO, "%s: %s", name, strerror(errno));
			else
				at += (size_t)done;
		}
	}
	if (st == PLI_OK && fsync(fd) != 0)
		st = err_set(err, PLI_IO, "%s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	mem_wipe(piece, PIECE);
	mem_free(piece);
	return st;
}

static enum pli_status file_read(struct restore *r, const char *file, bool keys, struct err *err)
{
	struct backup_reader reader;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	enum pli_status st;

	if (fd < 0)
		return err_set(err, errno == ENOENT ? PLI_ABSENT : PLI_DENIED, "%s: %s", file, strerror(errno));
	st = backup_reader_begin(&reader, fd, err);
	while (st == PLI_OK && (st = backup_reader_next(&reader, err)) == PLI_OK) {
		if (!place_right(reader.entry.name, keys)) {
			(void)err_set(err, PLI_INPUT, "%s holds %s, which does not belong there", file, reader.entry.name);
			st = err_hint(err, keys ? "--keys takes a file made by pli backup --keys." : "Is it one with keys?  Give that as --keys.");
			break;
		}
		st = member_write(r, &reader, err);
		r->members++;
	}
	close(fd);
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* ------------------------------------------------------------------ what it is */

/* Size and root of the newest signed head. */
static enum pli_status heads_read(struct restore *r, struct err *err)
{
	int fd = openat(r->instance.folder_fd[FOLDER_JOURNAL], "heads", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct head_reader reader;
	struct head_record record;
	enum pli_status st = PLI_OK;

	if (fd < 0)
		return err_set(err, PLI_INPUT, "the backup holds no signed heads");
	head_reader_init(&reader, fd, 0);
	while (st == PLI_OK && (st = head_reader_next(&reader, &record, err)) == PLI_OK) {
		r->size = record.size;
		memcpy(r->root, record.root, sizeof(r->root));
	}
	head_reader_fini(&reader);
	close(fd);
	return st == PLI_ABSENT ? PLI_OK : st;
}

static enum pli_status counter_set(struct restore *r, struct err *err)
{
	struct counter counter;
	enum pli_status st = counter_open(r->instance.folder_fd[FOLDER_KEYS], &counter, err);

	if (st != PLI_OK)
		return st;
	r->counter_size = counter.size;
	if (counter.size > r->size && args_flag(r->call->args, "--accept-loss"))
		st = counter_advance(&counter, r->size, r->root, err);
	counter_close(&counter);
	return st;
}

static enum pli_status restored_fn(struct db_tx *tx, void *arg, struct err *err)
{
	const struct restore *r = arg;
	const char *text = pool_fmt(tx->pool, "%" PRId64 " %" PRIu64 " %" PRIu64, clock_now_us(), r->size,
				    r->counter_size > r->size ? r->counter_size : r->size);

	return db_run(tx->conn, NULL, err, RESTORED_SET, "b", text, strlen(text));
}

struct checking {
	struct restore *r;
	const char *origin, *root_pem, *tsa_pem, *log_pub;
	uint8_t log_keys[LOG_PUBLICS_MAX][32];	/* those of before too */
	unsigned log_key_count;
};

static enum pli_status anchors_read(struct checking *c, struct err *err)
{
	const struct instance *i = &c->r->instance;
	struct pool *pool = c->r->call->pool;
	char *root, *tsa, *log;
	size_t n;
	enum pli_status st = child_origin(pool, i->folder_fd[FOLDER_JOURNAL], &c->origin, err);

	if (st == PLI_OK)
		st = instance_read(pool, i->folder_fd[FOLDER_PUBLIC], "root.pem", PEM_MAX_BYTES, &root, &n, err);
	if (st == PLI_OK)
		st = instance_read(pool, i->folder_fd[FOLDER_PUBLIC], "tsa.pem", PEM_MAX_BYTES, &tsa, &n, err);
	if (st == PLI_OK)
		st = instance_read(pool, i->folder_fd[FOLDER_PUBLIC], "log.pub", PEM_MAX_BYTES, &log, &n, err);
	if (st != PLI_OK)
		return st;
	c->root_pem = root;
	c->tsa_pem = tsa;
	c->log_pub = log;
	c->log_key_count = pem_list_publics(pool, log, c->log_keys, LOG_PUBLICS_MAX);
	return c->log_key_count ? PLI_OK : err_set(err, PLI_CONFLICT, "public/log.pub holds no Ed25519 public key");
}

/* Every entry of it, against the signed heads that came along.  What only keys can open is left to pli journal verify and pli scrub. */
static enum pli_status journal_check(struct restore *r, struct db *db, struct err *err)
{
	struct checking c = { .r = r };
	struct db_conn *conn = db_reader_take(db);
	uint64_t size, bad;
	uint8_t root[32];
	enum pli_status st = anchors_read(&c, err);

	if (st == PLI_OK)
		st = db_snapshot(conn, err);
	struct journal_verify_options options = {
		.conn = conn, .journal_dir_fd = r->instance.folder_fd[FOLDER_JOURNAL], .origin = c.origin, .log_public_key = c.log_keys[0],
		.log_key_count = c.log_key_count,
		.root_pem = c.root_pem, .tsa_pem = c.tsa_pem, .keeper_size = r->size,
	};
	memcpy(options.keeper_root, r->root, sizeof(options.keeper_root));
	if (st == PLI_OK)
		st = journal_verify(&options, &size, root, &bad, err);
	db_reader_give(db, conn);
	return st;
}

static bool key_there(const struct restore *r, const char *kid)
{
	char file[96];

	if (!kid || kid[strspn(kid, "abcdefghijklmnopqrstuvwxyz0123456789-")] || strlen(kid) > 63)
		return false;
	snprintf(file, sizeof(file), "kek/%s", kid);
	return faccessat(r->instance.folder_fd[FOLDER_KEYS], file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Keys of another time than the backup's: letters were purged between, or moved to other month keys. */
static enum pli_status keys_check(struct restore *r, struct db *db, struct err *err)
{
	struct db_conn *conn = db_reader_take(db);
	struct db_rows rows = { 0 };
	enum pli_status st = db_query(conn, &rows, err, KIDS_GET, "");

	while (st == PLI_OK && (st = db_next(&rows, err)) == PLI_OK)
		if (!key_there(r, db_text(&rows, 0)))
			r->unreadable += (uint64_t)db_int(&rows, 1);
	db_end(&rows);
	db_reader_give(db, conn);
	return st == PLI_ABSENT ? PLI_OK : st;
}

/* The engine takes bare names: the working directory is the database's. */
static enum pli_status database_check(struct restore *r, bool keys, struct err *err)
{
	struct db *db = NULL;
	enum pli_status st = fchdir(r->instance.folder_fd[FOLDER_DATA]) == 0 ? PLI_OK : err_errno(err, "data/");

	if (st == PLI_OK)
		st = db_open(&(struct db_options){ .name = "pli.db", .readers = 1 }, &db, err);
	if (st == PLI_OK)
		st = db_quick_check(db, err);
	if (st == PLI_OK && args_flag(r->call->args, "--verify"))
		st = journal_check(r, db, err);
	if (st == PLI_OK && keys)
		st = keys_check(r, db, err);
	if (st == PLI_OK)
		st = db_write(db, restored_fn, r, err);
	if (st == PLI_OK)
		st = db_settle(db, err);
	if (db)
		db_close(db);
	return st;
}

/* ------------------------------------------------------------------ all of it */

static enum pli_status folders_open(struct restore *r, struct err *err)
{
	for (int i = 0; i < FOLDER_COUNT; i++)
		if (r->instance.folder_fd[i] < 0)
			return err_set(err, PLI_IO, "a folder of the instance is missing");
	return PLI_OK;
}

static enum pli_status fill(struct restore *r, const char *file, const char *keys, struct err *err)
{
	enum pli_status st = folders_open(r, err);

	if (st == PLI_OK)
		st = file_read(r, file, false, err);
	if (st == PLI_OK && keys)
		st = file_read(r, keys, true, err);
	if (st == PLI_OK && faccessat(r->instance.dir_fd, "pli.conf", F_OK, 0) != 0)
		st = err_set(err, PLI_INPUT, "%s holds no pli.conf", file);
	if (st == PLI_OK)
		st = heads_read(r, err);
	if (st == PLI_OK && keys)
		st = counter_set(r, err);
	return st == PLI_OK ? database_check(r, keys != NULL, err) : st;
}

/* What a restore that was broken off left under the name that only restores give; not what another is filling now. */
static enum pli_status leftovers_remove(const char *part, struct err *err)
{
	int fd = open(part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum pli_status st = PLI_OK;

	if (fd < 0)
		return errno == ENOENT ? PLI_OK : err_set(err, PLI_DENIED, "%s: %s", part, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		st = err_set(err, PLI_BUSY, "another restore is filling %s", part);
	else
		instance_remove_below(fd);
	close(fd);
	if (st == PLI_OK && rmdir(part) != 0)
		st = err_set(err, PLI_IO, "%s: %s", part, strerror(errno));
	return st;
}

static enum pli_status begin(struct restore *r, struct err *err)
{
	struct confine_owner owners[OWNER_COUNT];
	struct stat sb;
	enum pli_status st = instance_owners(owners, err);

	if (st == PLI_OK && lstat(r->dir, &sb) == 0) {
		(void)err_set(err, PLI_CONFLICT, "%s is there already", r->dir);
		st = err_hint(err, "A backup is restored into a new directory.");
	}
	if (st == PLI_OK)
		st = leftovers_remove(r->part, err);
	if (st == PLI_OK)
		st = instance_create(r->part, owners, &r->instance, err);
	if (st == PLI_OK && flock(r->instance.dir_fd, LOCK_EX | LOCK_NB) != 0)
		st = err_set(err, PLI_BUSY, "another restore is filling %s", r->part);
	return st;
}

static enum pli_status restore(struct restore *r, const char *file, const char *keys, int base_fd, struct err *err)
{
	enum pli_status st = begin(r, err);
	int dir_fd;

	if (st != PLI_OK)
		return st;
	dir_fd = dup(r->instance.dir_fd);
	st = fill(r, file, keys, err);
	if (st == PLI_OK && fsync(r->instance.dir_fd) != 0)
		st = err_errno(err, r->part);
	instance_close(&r->instance);
	if (fchdir(base_fd) != 0 && st == PLI_OK)
		st = err_errno(err, "the working directory");
	if (st == PLI_OK && rename(r->part, r->dir) != 0)
		st = err_set(err, PLI_IO, "%s: %s", r->dir, strerror(errno));
	if (st != PLI_OK) {
		instance_remove_below(dir_fd);
		(void)rmdir(r->part);
	}
	close(dir_fd);
	return st;
}

static void say(const struct restore *r, bool keys)
{
	bool lost = r->counter_size > r->size, accepted = args_flag(r->call->args, "--accept-loss");

	if (r->call->json) {
		printf("{\"size\":%" PRIu64 ",\"signed\":%" PRIu64 ",\"members\":%" PRIu64 ",\"unreadable\":%" PRIu64 ",\"serves\":%s}\n", r->size,
		       lost ? r->counter_size : r->size, r->members, r->unreadable, keys && (!lost || accepted) ? "true" : "false");
		return;
	}
	printf("restored into %s: the journal up to number %" PRIu64 "%s\n", r->dir, r->size,
	       args_flag(r->call->args, "--verify") ? ", every entry verified" : "");
	if (!keys)
		printf("its keys are missing: restore with --keys FILE, or put keys/ and tls/key.pem back\n");
	else if (lost && !accepted)
		printf("its keeper has signed up to number %" PRIu64 ": what came after the backup is not here.  The instance only verifies; to let\n"
		       "it go on from number %" PRIu64 ", restore with --accept-loss: the journal will say so, and later proofs of before will differ.\n",
		       r->counter_size, r->size);
	else if (lost)
		printf("numbers %" PRIu64 " to %" PRIu64 " are lost; the journal goes on from there and says so\n", r->size + 1, r->counter_size);
	if (r->unreadable)
		printf("the content of %" PRIu64 " letters cannot be read with these keys: it was purged since, or moved to other month keys\n"
		       "(pli key rotate wrap --letters); then a copy of the keys from the backup's own time opens it.\n", r->unreadable);
}

int verb_restore(struct cli_call *call)
{
	const char *dir = pool_str(call->pool, args_word(call->args, 1)), *keys = args_value(call->args, "--keys");
	struct restore r = { .call = call, .dir = dir };
	int base_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t n = strlen(dir);
	struct err err = { 0 };
	enum pli_status st;

	while (n > 1 && dir[n - 1] == '/')
		n--;
	r.dir = pool_strn(call->pool, dir, n);
	r.part = pool_fmt(call->pool, "%s.restoring", r.dir);
	st = base_fd >= 0 ? restore(&r, args_word(call->args, 0), keys, base_fd, &err) : err_errno(&err, "the working directory");
	if (base_fd >= 0)
		close(base_fd);
	if (st != PLI_OK)
		return sysexit_say(&err);
	say(&r, keys != NULL);
	return EX_OK;
}
