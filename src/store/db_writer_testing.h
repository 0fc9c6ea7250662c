/* For tests of the writer: a database with three small tables, and a job that writes one row and can be made to fail. */
#ifndef PLI_DB_WRITER_TESTING_H
#define PLI_DB_WRITER_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "migration.h"

#include "store_testing.h"

static const struct migration steps[] = {
	{ 1, "0001-one.sql", "CREATE TABLE item (k BIGINT NOT NULL PRIMARY KEY, b BLOB) WITHOUT ROWID;"
			     "CREATE TABLE entry (seq BIGINT NOT NULL PRIMARY KEY, k BIGINT) WITHOUT ROWID;"
			     "CREATE TABLE number (seq BIGINT NOT NULL);" },
};

struct env {
	char path[64];
	struct db *db;
	int fatal_calls;
	/* what the hooks saw */
	pthread_mutex_t lock;
	int groups, largest;
	int64_t next_seq;
	bool finish_fails, hold;
	struct db_group *held[64];
	int held_count;
	enum pli_status answer;
};

static inline void fatal(void *arg, const struct err *err)
{
	struct env *env = arg;

	(void)err;
	env->fatal_calls++;
}

static inline void env_open(struct env *env)
{
	struct db_options options = {
		.name = "pli.db", .create = true, .readers = 2, .migrations = steps, .migration_count = 1,
		.fatal = fatal, .fatal_arg = env,
	};
	struct err err = { 0 };

	if (db_open(&options, &env->db, &err) != PLI_OK)
		fail_msg("%s", err.text);
}

static inline int setup(void **state)
{
	struct env *env = mem_alloc(sizeof(*env));

	scratch_make(env->path);
	pthread_mutex_init(&env->lock, NULL);
	env_open(env);
	*state = env;
	return 0;
}

static inline int teardown(void **state)
{
	struct env *env = *state;

	db_close(env->db);
	scratch_remove(env->path);
	pthread_mutex_destroy(&env->lock);
	mem_free(env);
	return 0;
}

/* ------------------------------------------------------------------ write functions */

static const char sql_item[] = "INSERT INTO item (k, b) VALUES ($1, $2)";
static const char sql_item_again[] = "UPDATE item SET b = $2 WHERE k = $1";

struct job {
	struct env *env;
	int64_t k;
	bool fails, late;
	size_t bytes;
	int runs;
	enum pli_status status;
	struct err err;
	_Atomic bool done;
};

static inline enum pli_status write_item(struct db_tx *tx, void *arg, struct err *err)
{
	struct job *job = arg;
	uint8_t *bytes = pool_alloc(tx->pool, job->bytes + 1);
	enum pli_status status = db_run(tx->conn, NULL, err, sql_item, "ib", job->k, bytes, job->bytes);

	job->runs++;
	if (status == PLI_OK && job->late)
		db_tx_late(tx, pool_dup(tx->pool, &job->k, sizeof(job->k)));
	if (status == PLI_OK)
		status = db_run(tx->conn, NULL, err, sql_item_again, "ib", job->k, "x", (size_t)1);
	if (status == PLI_OK && job->fails)
		return err_field(err, PLI_INVALID, "no-good", "k", "job %lld is no good", (long long)job->k);
	return status;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
