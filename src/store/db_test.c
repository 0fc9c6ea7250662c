/* The database as readers see it: schema steps, binding, statement cache, snapshots, space, and life under a closed
 * ancestor folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "migration.h"

#include "store_testing.h"

static const struct migration steps[] = {
	{ 1, "0001-one.sql", "CREATE TABLE item (k BIGINT NOT NULL PRIMARY KEY, t TEXT, b BLOB, u BLOB) WITHOUT ROWID;"
			     "CREATE TABLE other (k BIGINT NOT NULL PRIMARY KEY) WITHOUT ROWID;" },
	{ 2, "0002-two.sql", "ALTER TABLE other ADD COLUMN note TEXT;" },
	{ 3, "0003-bad.sql", "CREATE TABLE half (k BIGINT); CREATE TABLE item (k BIGINT);" },
};

struct env {
	char path[64];
	struct db *db;
};

static enum pli_status open_steps(struct db **db_r, size_t count, bool read_only, struct err *err)
{
	struct db_options options = {
		.name = "pli.db", .create = true, .read_only = read_only, .readers = 3,
		.migrations = steps, .migration_count = count,
	};

	return db_open(&options, db_r, err);
}

static int setup(void **state)
{
	struct env *env = mem_alloc(sizeof(*env));
	struct err err;

	scratch_make(env->path);
	assert_int_equal(open_steps(&env->db, 2, false, &err), PLI_OK);
	*state = env;
	return 0;
}

static int teardown(void **state)
{
	struct env *env = *state;

	db_close(env->db);
	scratch_remove(env->path);
	mem_free(env);
	return 0;
}

static const char sql_insert[] = "INSERT INTO item (k, t, b, u) VALUES ($4, $3, $2, $1)";
static const char sql_select[] = "SELECT k, t, b, u FROM item WHERE k = $1";

struct item {
	int64_t k;
	const char *t;
	const void *b;
	size_t b_n;
	const struct uuid *u;
};

static enum pli_status item_add(struct db_tx *tx, void *arg, struct err *err)
{
	struct item *item = arg;

	/* The numbers stand in another order than the places. */
	return db_run(tx->conn, NULL, err, sql_insert, "ubti", item->u, item->b, item->b_n, item->t, item->k);
}

static void binds_every_type(void **state)
{
	struct env *env = *state;
	struct uuid id, got;
	struct item items[] = {
		{ 1, "été", "\0\1\2", 3, &id },
		{ -9, NULL, NULL, 0, NULL },
		{ INT64_MAX, "", "", 0, &id },
	};
	struct db_conn *conn;
	struct err err;
	size_t n;

	uuid_make(&id);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(db_write(env->db, item_add, &items[i], &err), PLI_OK);
	conn = db_reader_take(env->db);
	for (size_t i = 0; i < 3; i++) {
		AUTO_ROWS rows = { 0 };

		assert_int_equal(db_query(conn, &rows, &err, sql_select, "i", items[i].k), PLI_OK);
		assert_int_equal(db_next(&rows, &err), PLI_OK);
		assert_int_equal(db_int(&rows, 0), items[i].k);
		assert_int_equal(db_is_null(&rows, 1), !items[i].t);
		if (items[i].t)
			assert_string_equal(db_text(&rows, 1), items[i].t);
		else
			assert_null(db_text(&rows, 1));
		assert_int_equal(!db_blob(&rows, 2, &n), !items[i].b);
		assert_int_equal(n, items[i].b_n);
		assert_memory_equal(n ? db_blob(&rows, 2, &n) : "", n ? items[i].b : "", n);
		assert_int_equal(db_uuid(&rows, 3, &got), items[i].u != NULL);
		if (items[i].u)
			assert_true(uuid_same(&got, &id));
		assert_int_equal(db_next(&rows, &err), PLI_ABSENT);
	}
	db_reader_give(env->db, conn);
}

static void one_statement_may_be_read_twice_at_once(void **state)
{
	struct env *env = *state;
	static const char sql_all[] = "SELECT k FROM item ORDER BY k";
	struct item a = { .k = 1 }, b = { .k = 2 };
	struct db_conn *conn;
	struct db_rows outer = { 0 };
	struct err err;
	int pairs = 0;

	assert_int_equal(db_write(env->db, item_add, &a, &err), PLI_OK);
	assert_int_equal(db_write(env->db, item_add, &b, &err), PLI_OK);
	conn = db_reader_take(env->db);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(db_query(conn, &outer, &err, sql_all, ""), PLI_OK);
		while (db_next(&outer, &err) == PLI_OK) {
			AUTO_ROWS inner = { 0 };

			assert_int_equal(db_query(conn, &inner, &err, sql_all, ""), PLI_OK);
			while (db_next(&inner, &err) == PLI_OK)
				pairs++;
		}
		db_end(&outer);
	}
	assert_int_equal(pairs, 12);
	db_reader_give(env->db, conn);
}

static enum pli_status many_statements(struct db_tx *tx, void *arg, struct err *err)
{
	char (*texts)[64] = arg;

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 300; i++) {
			AUTO_ROWS rows = { 0 };
			enum pli_status status = db_query(tx->conn, &rows, err, texts[i], "");

			if (status == PLI_OK)
				status = db_next(&rows, err);
			if (status != PLI_OK || db_int(&rows, 0) != i)
				return status == PLI_OK ? PLI_BUG : status;
		}
	return PLI_OK;
}

static void the_statement_cache_grows(void **state)
{
	struct env *env = *state;
	static char texts[300][64];
	struct err err;

	for (int i = 0; i < 300; i++)
		snprintf(texts[i], sizeof(texts[i]), "SELECT %d", i);
	assert_int_equal(db_write(env->db, many_statements, texts, &err), PLI_OK);
}

static enum pli_status wrong_sql(struct db_tx *tx, void *arg, struct err *err)
{
	return db_run(tx->conn, NULL, err, arg, "");
}

static void faults_have_their_status(void **state)
{
	struct env *env = *state;
	struct item a = { .k = 1 };
	struct err err;

	assert_int_equal(db_write(env->db, item_add, &a, &err), PLI_OK);
	assert_int_equal(db_write(env->db, item_add, &a, &err), PLI_CONFLICT);
	assert_int_equal(err.status, PLI_CONFLICT);
	assert_int_equal(db_write(env->db, wrong_sql, (void *)(uintptr_t)"SELECT nothing FROM nowhere", &err), PLI_BUG);
	assert_int_equal(db_write(env->db, wrong_sql, (void *)(uintptr_t)"INSERT INTO item (k) VALUES (NULL)", &err), PLI_BUG);
	assert_int_equal(db_healthy(env->db, &err), PLI_OK);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), 1);
}

static void readers_cannot_write(void **state)
{
	struct env *env = *state;
	struct db_conn *conn = db_reader_take(env->db);
	struct err err;

	assert_int_not_equal(db_run(conn, NULL, &err, "INSERT INTO other (k) VALUES (1)", ""), PLI_OK);
	db_reader_give(env->db, conn);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM other"), 0);
}

static void a_snapshot_stands_still(void **state)
{
	struct env *env = *state;
	static const char sql_count[] = "SELECT count(*) FROM item";
	struct db_conn *conn = db_reader_take(env->db);
	struct item a = { .k = 5 };
	struct db_rows rows = { 0 };
	struct err err;

	assert_int_equal(db_snapshot(conn, &err), PLI_OK);
	assert_int_equal(db_write(env->db, item_add, &a, &err), PLI_OK);
	assert_int_equal(db_query(conn, &rows, &err, sql_count, ""), PLI_OK);
	assert_int_equal(db_next(&rows, &err), PLI_OK);
	assert_int_equal(db_int(&rows, 0), 0);
	db_end(&rows);
	db_reader_give(env->db, conn);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), 1);
}

static void migrations_go_forward_only(void **state)
{
	struct env *env = *state;
	struct db *db;
	struct err err;

	assert_int_equal(count_of(env->db, "SELECT count(*) FROM schema_version"), 2);
	db_close(env->db);
	/* A step that fails half-way leaves nothing, and the database opens again without it. */
	assert_int_equal(open_steps(&db, 3, false, &err), PLI_BUG);
	assert_int_equal(open_steps(&db, 3, true, &err), PLI_INVALID);
	assert_int_equal(open_steps(&db, 1, false, &err), PLI_INVALID);
	assert_non_null(strstr(err.text, "schema 2"));
	assert_int_equal(open_steps(&db, 2, true, &err), PLI_OK);
	assert_int_equal(db_write(db, item_add, NULL, &err), PLI_BUG);
	db_close(db);
	assert_int_equal(open_steps(&env->db, 2, false, &err), PLI_OK);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM sqlite_master WHERE name = 'half'"), 0);
}

static void the_compiled_in_schema_opens(void **state)
{
	struct env *env = *state;
	struct db_options options = { .name = "real.db", .create = true };
	struct db *db;
	struct err err = { 0 };
	struct stat st;

	(void)env;
	umask(0);
	assert_int_equal(db_open(&options, &db, &err), PLI_OK);
	assert_true(count_of(db, "SELECT count(*) FROM schema_version") >= 1);
	assert_int_equal(count_of(db, "SELECT count(*) FROM object"), 0);
	assert_int_equal(stat("real.db", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat("real.db-wal", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	db_close(db);
	options.create = false;
	assert_int_equal(db_open(&options, &db, &err), PLI_OK);
	db_close(db);
	options.name = "none.db";
	assert_int_equal(db_open(&options, &db, &err), PLI_IO);
}

static void space_is_the_smaller_of_disk_and_quota(void **state)
{
	struct env *env = *state;
	struct db_options options = {
		.name = "quota.db", .create = true, .quota_bytes = 10 << 20,
		.migrations = steps, .migration_count = 2,
	};
	struct db *db;
	struct err err;
	uint64_t all, left, later;

	assert_int_equal(db_space(env->db, &all, &err), PLI_OK);
	assert_true(all > 0);
	assert_false(db_has_quota(env->db));
	assert_int_equal(db_open(&options, &db, &err), PLI_OK);
	assert_true(db_has_quota(db));
	assert_int_equal(db_space(db, &left, &err), PLI_OK);
	assert_true(left < 10 << 20);
	db_count_bytes(db, 4 << 20);
	assert_int_equal(db_space(db, &later, &err), PLI_OK);
	assert_int_equal(left - later, 4 << 20);
	db_count_bytes(db, 8 << 20);
	assert_int_equal(db_space(db, &later, &err), PLI_OK);
	assert_int_equal(later, 0);
	db_count_bytes(db, -(12 << 20));
	assert_int_equal(db_space(db, &later, &err), PLI_OK);
	assert_int_equal(later, left);
	db_close(db);
}

static void fault_told(void *arg, const struct err *err)
{
	(void)err;
	++*(int *)arg;
}

static void a_fault_ends_all_writing(void **state)
{
	struct env *env = *state;
	int told = 0;
	struct db_options options = {
		.name = "fault.db", .create = true, .fatal = fault_told, .fatal_arg = &told,
		.migrations = steps, .migration_count = 2,
	};
	struct item a = { .k = 1 };
	struct db *db;
	struct err err;

	(void)env;
	assert_int_equal(db_open(&options, &db, &err), PLI_OK);
	assert_int_equal(db_write(db, item_add, &a, &err), PLI_OK);
	err_set(&err, PLI_IO, "flush failed");
	db_fault(db, &err);
	db_fault(db, &err);
	assert_int_equal(told, 1);
	assert_int_equal(db_healthy(db, &err), PLI_IO);
	a.k = 2;
	assert_int_equal(db_write(db, item_add, &a, &err), PLI_IO);
	assert_int_equal(count_of(db, "SELECT count(*) FROM item"), 1);
	db_close(db);
}

/* The process stands in data/ and may not search the folders above it: opening, the log, its index, checkpoints and a
 * second reader must need none of them. */
static void works_below_a_closed_folder(void **state)
{
	struct env *env = *state;
	pid_t pid;
	int code;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir("closed", 0700), 0);
	assert_int_equal(mkdir("closed/data", 0700), 0);
	assert_int_equal(chown("closed/data", 65534, 65534), 0);
	db_close(env->db);	/* no thread while forking */
	env->db = NULL;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct db *db;
		struct db_conn *one, *two;
		struct item a = { .k = 1, .t = "below" };
		struct stat log;
		struct err err;

		if (chdir("closed/data") != 0 || setgid(65534) != 0 || setuid(65534) != 0 || access("../data", F_OK) == 0)
			_exit(10);
		if (open_steps(&db, 2, false, &err) != PLI_OK)
			_exit(11);
		if (db_write(db, item_add, &a, &err) != PLI_OK)
			_exit(12);
		one = db_reader_take(db);
		two = db_reader_take(db);
		db_reader_give(db, one);
		db_reader_give(db, two);
		if (count_of(db, "SELECT count(*) FROM item") != 1)
			_exit(13);
		db_close(db);
		/* The log is moved into the file; it and its index keep their place. */
		_exit(stat("pli.db-wal", &log) == 0 && log.st_size != 0 ? 14 : stat("pli.db-shm", &log) != 0 ? 15 : 0);
	}
	assert_int_equal(waitpid(pid, &code, 0), pid);
	assert_true(WIFEXITED(code));
	assert_int_equal(WEXITSTATUS(code), 0);
}

static void readers_are_opened_on_demand(void **state)
{
	struct env *env = *state;
	struct db_conn *conns[3];
	struct rlimit old, low;
	struct db_conn *again;

	conns[0] = db_reader_take(env->db);
	/* No descriptor for another: the one there is comes back when given. */
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &low);
	db_reader_give(env->db, conns[0]);
	again = db_reader_take(env->db);
	assert_ptr_equal(again, conns[0]);
	setrlimit(RLIMIT_NOFILE, &old);
	conns[1] = db_reader_take(env->db);
	conns[2] = db_reader_take(env->db);
	assert_ptr_not_equal(conns[1], conns[2]);
	for (int i = 0; i < 3; i++)
		db_reader_give(env->db, conns[i]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(binds_every_type),
		CASE(one_statement_may_be_read_twice_at_once),
		CASE(the_statement_cache_grows),
		CASE(faults_have_their_status),
		CASE(readers_cannot_write),
		CASE(a_snapshot_stands_still),
		CASE(migrations_go_forward_only),
		CASE(the_compiled_in_schema_opens),
		CASE(space_is_the_smaller_of_disk_and_quota),
		CASE(a_fault_ends_all_writing),
		CASE(works_below_a_closed_folder),
		CASE(readers_are_opened_on_demand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
