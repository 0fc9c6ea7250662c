/* For tests of office and identity: a whole instance in a directory of its own (a keeper in a child process, a database,
 * blobs, journal, directory, office) with two entities and one account of each role. */
#ifndef PLI_OFFICE_TESTING_H
#define PLI_OFFICE_TESTING_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "settings.h"
#include "text.h"

#include "stream.h"

#include "db.h"
#include "keywrap.h"
#include "object.h"

#include "checkpoint.h"
#include "journal.h"
#include "keeper.h"
#include "keeper_main.h"
#include "keyfile.h"
#include "keygen.h"

#include "directory.h"

#include "deposit.h"
#include "letter.h"
#include "office.h"
#include "office_own.h"

#define INSTANCE_ORIGIN "pli.example/j/1"
#define INSTANCE_PASSWORD "tournesol ardoise 42"

struct instance {
	char path[64];
	int keys, public_dir, journal_dir, data, blobs;
	pid_t keeper_pid;
	struct keeper *keeper;
	struct keywrap keywrap;
	struct db *db;
	struct journal *journal;
	struct object_store *objects;
	struct directory *directory;
	struct office *office;
	struct settings settings;
	const char *boot;			/* as office_parts has it */
	struct pool *pool;
	struct uuid mairie, agence;		/* entities */
	/* The last is an editor of the agence.  Read anew by each start, from the tokens. */
	struct principal editor, colleague, reader, auditor, admin, stranger;
	char *tokens[6];
};

static const struct journal_actor INSTANCE_OPERATOR = { .method = "cli", .level = 0, .channel = "cli" };

#define OK(call)                                                                    \
	do {                                                                        \
		enum pli_status ok_st_ = (call);                                    \
		if (ok_st_ != PLI_OK)                                               \
			fail_msg("%s: %s: %s", #call, pli_status_name(ok_st_), err.text); \
	} while (0)
/* The call is refused with this status and type slug (NULL: any). */
#define REFUSED(call, status_, type_)                                                                          \
	do {                                                                                                   \
		memset(&err, 0, sizeof(err));                                                                  \
		enum pli_status refused_st_ = (call);                                                          \
		if (refused_st_ != (status_) || ((type_) && !str_eq(err.type, (type_))))                       \
			fail_msg("%s: %s %s: %s", #call, pli_status_name(refused_st_), err.type ? err.type : "-", \
				 err.text);                                                                    \
	} while (0)

static inline int instance_mkdir(struct instance *i, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", i->path, name);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		fail_msg("mkdir %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static inline const char *instance_public(struct instance *i, const char *name)
{
	struct err err = { 0 };
	AUTO_BUF b;

	buf_init(&b);
	OK(keyfile_read(i->public_dir, name, &b, &err));
	return pool_strn(i->pool, b.p, b.n);
}

/* The keeper, in a child of its own; before any thread is started here. */
static inline int instance_keeper_fork(struct instance *i)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	i->keeper_pid = fork();
	assert_true(i->keeper_pid >= 0);
	if (i->keeper_pid == 0) {
		struct keeper_config config = { .link_fd = pair[1], .control_fd = -1, .keys_dir_fd = i->keys,
						.journal_dir_fd = i->journal_dir, .origin = INSTANCE_ORIGIN, .ready_fd = -1 };
		struct err err = { 0 };
		enum pli_status st;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		st = keeper_serve(&config, &err);
		if (st != PLI_OK)
			fprintf(stderr, "keeper: %s\n", err.text);
		_exit(st != PLI_OK);
	}
	close(pair[1]);
	return pair[0];
}

/* Everything that a running front has. */
static inline void instance_start(struct instance *i)
{
	struct err err = { 0 };
	struct db_options options = { .name = "pli.db", .create = true };
	struct office_parts parts;
	int link = instance_keeper_fork(i);

	i->pool = pool_new();
	OK(settings_parse(i->pool, "pli.conf", "[server]\nhost = pli.example\n", NULL, &i->settings, &err));
	assert_int_equal(fchdir(i->data), 0);
	OK(keeper_new(link, &i->keeper, &err));
	keeper_keywrap(i->keeper, &i->keywrap);
	OK(db_open(&options, &i->db, &err));
	OK(journal_open(i->db, i->keeper, INSTANCE_ORIGIN, &i->journal, &err));
	OK(object_store_new(i->db, i->blobs, &i->keywrap, &i->objects, &err));
	OK(directory_open(i->db, i->keeper, i->journal, &i->directory, &err));
	parts = (struct office_parts){
		.db = i->db, .keeper = i->keeper, .directory = i->directory, .journal = i->journal, .objects = i->objects,
		.settings = &i->settings, .base_url = "https://pli.example", .boot = i->boot, .root_pem = instance_public(i, "root.pem"),
		.seal_pem = instance_public(i, "seal.pem"),
		.operator_pem = instance_public(i, "operator.pem"), .tsa_pem = instance_public(i, "tsa.pem"),
		.log_pub = instance_public(i, "log.pub"),
	};
	OK(office_new(&parts, &i->office, &err));
}

static inline void instance_stop(struct instance *i)
{
	int status;

	office_free(i->office);
	directory_close(i->directory);
	object_store_free(i->objects);
	journal_close(i->journal);
	db_close(i->db);
	keeper_free(i->keeper);
	assert_int_equal(waitpid(i->keeper_pid, &status, 0), i->keeper_pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the keeper ended with %#x", (unsigned)status);
	pool_free(i->pool);
}

/* In the order of the members. */
static const struct {
	const char *email, *name;
	enum role role;
} INSTANCE_PEOPLE[6] = {
	{ "sender@pli.example", "Sender Name", ROLE_EDITOR },	{ "colleague@pli.example", "Colleague", ROLE_EDITOR },
	{ "reader@pli.example", "Reader", ROLE_READER },	{ "auditor@pli.example", "Auditor", ROLE_AUDITOR },
	{ "admin@pli.example", "Admin", ROLE_ADMIN },		{ "stranger@pli.example", "Stranger", ROLE_EDITOR },
};

static inline void instance_principals(struct instance *i)
{
	struct principal *const members[6] = { &i->editor, &i->colleague, &i->reader, &i->auditor, &i->admin, &i->stranger };
	struct err err = { 0 };

	for (unsigned k = 0; k < 6; k++)
		if (directory_token_principal(i->directory, i->pool, i->tokens[k], members[k], &err) != PLI_OK)
			memset(members[k], 0, sizeof(*members[k]));	/* a test may have disabled him */
}

static inline void instance_people(struct instance *i)
{
	struct err err = { 0 };

	OK(directory_entity_add(i->directory, &INSTANCE_OPERATOR, "New York", "000000000", &i->mairie, &err));
	OK(directory_entity_add(i->directory, &INSTANCE_OPERATOR, "Agence", NULL, &i->agence, &err));
	for (unsigned k = 0; k < 6; k++) {
		struct uuid account;
		const char *token;
		OK(directory_account_add(i->directory, &INSTANCE_OPERATOR, k == 5 ? &i->agence : &i->mairie, INSTANCE_PEOPLE[k].email,
					 INSTANCE_PEOPLE[k].name, INSTANCE_PEOPLE[k].role, false, NULL, &account, &err));
		OK(directory_token_add(i->directory, &INSTANCE_OPERATOR, INSTANCE_PEOPLE[k].email, "test", 30, i->pool, &token, &err));
		i->tokens[k] = mem_str(token);
	}
	instance_principals(i);
}

/* As after a crash of nothing: every process and cache is new. */
static inline void instance_restart(struct instance *i)
{
	instance_stop(i);
	instance_start(i);
	instance_principals(i);
}

static inline void instance_make(struct instance *i)
{
	struct err err = { 0 };

	memset(i, 0, sizeof(*i));
	snprintf(i->path, sizeof(i->path), "%s", "/tmp/pli-office-XXXXXX");
	assert_non_null(mkdtemp(i->path));
	i->keys = instance_mkdir(i, "keys");
	i->public_dir = instance_mkdir(i, "public");
	i->journal_dir = instance_mkdir(i, "journal");
	i->data = instance_mkdir(i, "data");
	i->blobs = instance_mkdir(i, "data/blobs");
	OK(keygen_init(i->keys, i->public_dir, i->journal_dir, INSTANCE_ORIGIN, "no-reply@pli.example", &err));
	instance_start(i);
	instance_people(i);
}

static inline int instance_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline void instance_drop(struct instance *i)
{
	instance_stop(i);
	for (unsigned k = 0; k < 6; k++)
		mem_free(i->tokens[k]);
	close(i->keys);
	close(i->public_dir);
	close(i->journal_dir);
	close(i->data);
	close(i->blobs);
	assert_int_equal(chdir("/"), 0);
	nftw(i->path, instance_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* One number out of the database. */
static inline int64_t instance_count(struct instance *i, const char *sql)
{
	struct err err = { 0 };
	struct db_conn *conn = db_reader_take(i->db);
	struct db_rows rows = { 0 };
	int64_t n;

	OK(db_query(conn, &rows, &err, sql, ""));
	OK(db_next(&rows, &err));
	n = db_int(&rows, 0);
	db_end(&rows);
	db_reader_give(i->db, conn);
	return n;
}

/* All rows that a deposit can leave, and blob files: equal before and after a refusal. */
struct instance_counts {
	int64_t rows;
	int64_t files;
};
static int64_t instance_files_seen;

static inline int instance_file_count(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)path;
	(void)st;
	(void)at;
	instance_files_seen += kind == FTW_F;
	return 0;
}

static inline struct instance_counts instance_counts(struct instance *i)
{
	static const char SUM[] =
		"SELECT (SELECT COUNT(*) FROM letter) + (SELECT COUNT(*) FROM recipient) + (SELECT COUNT(*) FROM link) + "
		"(SELECT COUNT(*) FROM object) + (SELECT COUNT(*) FROM segment) + (SELECT COUNT(*) FROM part) + "
		"(SELECT COUNT(*) FROM notice) + (SELECT COUNT(*) FROM journal) + (SELECT COUNT(*) FROM idempotency) + "
		"(SELECT COUNT(*) FROM upload)";
	char path[96];

	snprintf(path, sizeof(path), "%s/data/blobs", i->path);
	instance_files_seen = 0;
	nftw(path, instance_file_count, 16, FTW_PHYS);
	return (struct instance_counts){ instance_count(i, SUM), instance_files_seen };
}

/* ---- journal verify, as the operator's verb does it ---- */

struct instance_verifier {
	struct instance *i;
	struct db_conn *conn;
};

static inline enum pli_status instance_open_meta(void *arg, const struct uuid *entity, uint8_t key_r[32], struct err *err)
{
	struct instance_verifier *v = arg;
	const uint8_t *key;
	enum pli_status st = directory_meta_key(v->i->directory, entity, &key, err);

	if (st == PLI_OK)
		memcpy(key_r, key, 32);
	return st;
}

static inline enum pli_status instance_check_sheet(void *arg, const struct uuid *entity, const struct uuid *letter,
						   const struct uuid *recipient, const uint8_t sheet_digest[32], struct err *err)
{
	struct instance_verifier *v = arg;

	return letter_sheet_check(v->i->office, v->conn, entity, letter, recipient, sheet_digest, err);
}

/* The first bad number, 0 when all is well. */
static inline uint64_t instance_verify(struct instance *i, struct err *err)
{
	struct instance_verifier v = { .i = i };
	struct keeper_status keeper;
	uint8_t key[32], root[32];
	uint64_t size, bad = 0;
	enum pli_status st;
	const char *pem = instance_public(i, "log.pub");

	assert_int_equal(checkpoint_public_key(pem, strlen(pem), key, err), PLI_OK);
	assert_int_equal(keeper_status(i->keeper, &keeper, err), PLI_OK);
	v.conn = db_reader_take(i->db);
	assert_int_equal(db_snapshot(v.conn, err), PLI_OK);
	assert_int_equal(journal_wait(i->journal, journal_size(i->journal), 5000, err), PLI_OK);
	struct journal_verify_options options = {
		.conn = v.conn, .journal_dir_fd = i->journal_dir, .origin = INSTANCE_ORIGIN, .log_public_key = key,
		.root_pem = instance_public(i, "root.pem"), .tsa_pem = instance_public(i, "tsa.pem"),
		.keeper_size = keeper.counter_size, .open_meta = instance_open_meta, .check_recipient_sheet = instance_check_sheet,
		.arg = &v,
	};
	memcpy(options.keeper_root, keeper.counter_root, 32);
	st = journal_verify(&options, &size, root, &bad, err);
	db_reader_give(i->db, v.conn);
	if (st != PLI_OK && bad == 0)
		fail_msg("journal verify: %s: %s", pli_status_name(st), err->text);
	return bad;
}

/* One statement without parameters, as a thief of the database would run it. */
static inline enum pli_status instance_run_one(struct db_tx *tx, void *sql, struct err *err)
{
	return db_run(tx->conn, NULL, err, sql, "");
}

static inline void instance_run(struct instance *i, const char *sql)
{
	struct err err = { 0 };

	OK(db_write(i->db, instance_run_one, (void *)(uintptr_t)sql, &err));
}

static inline struct journal_actor instance_actor(const struct principal *p)
{
	return (struct journal_actor){ .account = &p->account, .method = p->method, .level = p->level, .channel = "api",
				       .ip = "192.0.2.7", .tls = "TLSv1.3" };
}

static inline enum pli_status instance_deposit(struct instance *i, const struct principal *who, const struct deposit *d,
					       struct uuid *letter_r, struct buf *body, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct journal_actor actor = instance_actor(who);

	return deposit_commit(i->office, who, &actor, pool, d, letter_r, body, err);
}

/* A file staged as a multipart request does it. */
static inline struct deposit_part instance_stage(struct instance *i, const struct principal *who, const char *name,
						 const void *p, size_t n)
{
	struct err err = { 0 };
	struct ostream *os;
	struct deposit_part part = { .name = name, .type = "application/octet-stream" };

	OK(deposit_stage_open(i->office, who, &os, &part, &err));
	OK(ostream_write(os, p, n, &err));
	OK(deposit_stage_close(os, &part, &err));
	ostream_close(os);
	return part;
}

#endif
