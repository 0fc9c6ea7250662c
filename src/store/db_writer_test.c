/* The writer: groups, failures that leave no trace, late items and hooks, release from another thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "db_writer_testing.h"

/* ------------------------------------------------------------------ hooks as the journal has them */

static const char sql_entry[] = "INSERT INTO entry (seq, k) VALUES ($1, $2)";

static enum pli_status finish(void *arg, struct db_tx *tx, void **items, size_t count, struct err *err)
{
	struct env *env = arg;
	enum pli_status status = PLI_OK;
	AUTO_ROWS rows = { 0 };
	int64_t seq = 0;

	if (env->finish_fails)
		return err_set(err, PLI_BUG, "the entries do not fit");
	status = db_query(tx->conn, &rows, err, "SELECT COALESCE(MAX(seq) + 1, 0) FROM entry", "");
	if (status == PLI_OK)
		status = db_next(&rows, err);
	if (status == PLI_OK)
		seq = db_int(&rows, 0);
	db_end(&rows);
	for (size_t i = 0; i < count && status == PLI_OK; i++)
		status = db_run(tx->conn, NULL, err, sql_entry, "ii", seq + (int64_t)i, *(int64_t *)items[i]);
	return status;
}

static void committed(void *arg, struct db_group *group, void **items, size_t count)
{
	struct env *env = arg;
	bool hold;

	(void)items;
	pthread_mutex_lock(&env->lock);
	env->groups++;
	if ((int)count > env->largest)
		env->largest = (int)count;
	hold = env->hold;
	if (hold)
		env->held[env->held_count++] = group;
	pthread_mutex_unlock(&env->lock);
	if (!hold)
		db_group_release(group, env->answer, NULL);
}

static void hooks_set(struct env *env)
{
	struct db_hooks hooks = { .arg = env, .finish = finish, .committed = committed };

	db_set_hooks(env->db, &hooks);
}

/* ------------------------------------------------------------------ jobs */

static void *job_thread(void *arg)
{
	struct job *job = arg;

	job->status = db_write(job->env->db, write_item, job, &job->err);
	atomic_store(&job->done, true);
	return NULL;
}

static void one_job_at_a_time(void **state)
{
	struct env *env = *state;
	struct job good = { .k = 1 }, bad = { .k = 2, .fails = true }, twin = { .k = 1 };
	struct err err;

	assert_int_equal(db_write(env->db, write_item, &good, &err), PLI_OK);
	assert_int_equal(good.runs, 1);
	assert_int_equal(db_write(env->db, write_item, &bad, &err), PLI_INVALID);
	assert_string_equal(err.type, "no-good");
	assert_string_equal(err.text, "job 2 is no good");
	assert_int_equal(db_write(env->db, write_item, &twin, &err), PLI_CONFLICT);
	assert_int_equal(db_write(env->db, write_item, &bad, NULL), PLI_INVALID);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), 1);
	assert_int_equal(db_healthy(env->db, &err), PLI_OK);
}

/* Holds the writer inside a function until told, so that a group can gather behind it. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool inside, open;
	struct db *db;
};

static enum pli_status gate_fn(struct db_tx *tx, void *arg, struct err *err)
{
	struct gate *gate = arg;

	(void)tx;
	(void)err;
	pthread_mutex_lock(&gate->lock);
	gate->inside = true;
	pthread_cond_broadcast(&gate->cond);
	while (!gate->open)
		pthread_cond_wait(&gate->cond, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
	return PLI_OK;
}

static void *gate_thread(void *arg)
{
	struct gate *gate = arg;

	if (db_write(gate->db, gate_fn, gate, NULL) != PLI_OK)
		abort();
	return NULL;
}

/* All jobs stand in the queue when the gate opens. */
static void group_run(struct env *env, struct job *jobs, int count)
{
	struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, .db = env->db };
	pthread_t gatekeeper, threads[64];

	pthread_create(&gatekeeper, NULL, gate_thread, &gate);
	pthread_mutex_lock(&gate.lock);
	while (!gate.inside)
		pthread_cond_wait(&gate.cond, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
	for (int i = 0; i < count; i++) {
		jobs[i].env = env;
		pthread_create(&threads[i], NULL, job_thread, &jobs[i]);
	}
	for (int i = 0; i < 60000 && db_queued(env->db) < (unsigned)count; i++)
		usleep(1000);
	assert_int_equal(db_queued(env->db), count);
	pthread_mutex_lock(&gate.lock);
	gate.open = true;
	pthread_cond_broadcast(&gate.cond);
	pthread_mutex_unlock(&gate.lock);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_join(gatekeeper, NULL);
}

static void a_failing_job_harms_no_other(void **state)
{
	struct env *env = *state;
	struct job jobs[40] = { 0 };
	struct job first = { .k = 7 };
	struct err err;
	int again = 0;

	hooks_set(env);
	assert_int_equal(db_write(env->db, write_item, &first, &err), PLI_OK);
	for (int i = 0; i < 40; i++) {
		jobs[i].k = i;
		jobs[i].late = i % 2;
		jobs[i].fails = i % 5 == 3;
	}
	group_run(env, jobs, 40);
	for (int i = 0; i < 40; i++) {
		enum pli_status want = i == 7 ? PLI_CONFLICT : i % 5 == 3 ? PLI_INVALID : PLI_OK;

		assert_int_equal(jobs[i].status, want);
		if (want == PLI_INVALID) {
			char text[40];

			snprintf(text, sizeof(text), "job %d is no good", i);
			assert_string_equal(jobs[i].err.text, text);
		}
		again += jobs[i].runs > 1;
	}
	assert_true(again > 0);		/* the group had to be run again */
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), 32);
	/* Entries of those that stayed, gapless; 7 existed, 3, 13, 23, 33 failed. */
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM entry"), 20 - 1 - 4);
	assert_int_equal(count_of(env->db, "SELECT max(seq) FROM entry"), 14);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM entry WHERE k IN (3, 7, 13, 23, 33)"), 0);
	assert_true(env->largest > 1);
}

static void groups_are_committed_together(void **state)
{
	struct env *env = *state;
	struct job jobs[64] = { 0 };

	hooks_set(env);
	for (int i = 0; i < 64; i++) {
		jobs[i].k = i;
		jobs[i].late = true;
	}
	group_run(env, jobs, 64);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(jobs[i].status, PLI_OK);
		assert_int_equal(jobs[i].runs, 1);
	}
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM entry"), 64);
	assert_int_equal(env->groups, 1);
}

static void a_failed_finish_undoes_the_group(void **state)
{
	struct env *env = *state;
	struct job late = { .k = 1, .late = true }, plain = { .k = 2 };
	struct err err;

	hooks_set(env);
	env->finish_fails = true;
	assert_int_equal(db_write(env->db, write_item, &late, &err), PLI_BUG);
	assert_string_equal(err.text, "the entries do not fit");
	assert_int_equal(db_write(env->db, write_item, &plain, &err), PLI_OK);
	env->finish_fails = false;
	late.k = 3;
	assert_int_equal(db_write(env->db, write_item, &late, &err), PLI_OK);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), 2);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM entry"), 1);
	assert_int_equal(count_of(env->db, "SELECT k FROM entry"), 3);
}

static int held_wait(struct env *env, int want)
{
	for (int i = 0; i < 60000; i++) {
		int count;

		pthread_mutex_lock(&env->lock);
		count = env->held_count;
		pthread_mutex_unlock(&env->lock);
		if (count >= want)
			return count;
		usleep(1000);
	}
	return 0;
}

static void answers_wait_for_the_release(void **state)
{
	struct env *env = *state;
	struct job jobs[2] = { { .env = env, .k = 1, .late = true }, { .env = env, .k = 2, .late = true } };
	struct job plain = { .k = 3 }, lone = { .k = 4 };
	pthread_t threads[2];
	struct err err = { 0 };

	hooks_set(env);
	env->hold = true;
	pthread_create(&threads[0], NULL, job_thread, &jobs[0]);
	assert_int_equal(held_wait(env, 1), 1);
	/* The first group waits for its release; the next ones commit meanwhile, one of them without late items answers. */
	assert_int_equal(db_write(env->db, write_item, &plain, &err), PLI_OK);
	pthread_create(&threads[1], NULL, job_thread, &jobs[1]);
	assert_int_equal(held_wait(env, 2), 2);
	/* Two are out and one alone comes: it waits for company, but not for the release. */
	assert_int_equal(db_write(env->db, write_item, &lone, &err), PLI_OK);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), 4);
	assert_false(atomic_load(&jobs[0].done));
	assert_false(atomic_load(&jobs[1].done));
	db_group_release(env->held[1], PLI_OK, NULL);
	pthread_join(threads[1], NULL);
	assert_int_equal(jobs[1].status, PLI_OK);
	assert_false(atomic_load(&jobs[0].done));
	err_set(&err, PLI_UNCERTAIN, "no answer in 10 s");
	db_group_release(env->held[0], PLI_UNCERTAIN, &err);
	pthread_join(threads[0], NULL);
	assert_int_equal(jobs[0].status, PLI_UNCERTAIN);
	assert_string_equal(jobs[0].err.text, "no answer in 10 s");
}

struct later {
	sem_t answered;
	_Atomic int calls;
	enum pli_status status;
};

static void later_answer(void *arg, enum pli_status status)
{
	struct later *later = arg;

	later->status = status;
	atomic_fetch_add(&later->calls, 1);
	sem_post(&later->answered);
}

static enum pli_status later_write(struct env *env, struct job *job, struct later *later)
{
	*later = (struct later){ .status = PLI_OK };
	sem_init(&later->answered, 0, 0);
	return db_write_later(env->db, write_item, job, later_answer, later, &job->err);
}

static void later_wait(struct later *later)
{
	while (sem_wait(&later->answered) != 0)
		assert_int_equal(errno, EINTR);
	assert_int_equal(atomic_load(&later->calls), 1);
}

/* Who does not wait is told once, and of the same outcome: done, refused, not confirmed. */
static void later_writes_are_answered_once(void **state)
{
	struct env *env = *state;
	struct job good = { .k = 1 }, bad = { .k = 2, .fails = true }, late = { .k = 3, .late = true }, plain = { .k = 4 };
	struct later later[3];
	struct err err = { 0 };

	assert_int_equal(later_write(env, &good, &later[0]), PLI_OK);
	assert_int_equal(later_write(env, &bad, &later[1]), PLI_OK);
	later_wait(&later[0]);
	later_wait(&later[1]);
	assert_int_equal(later[0].status, PLI_OK);
	assert_int_equal(later[1].status, PLI_INVALID);
	assert_string_equal(bad.err.text, "job 2 is no good");
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), 1);
	hooks_set(env);
	env->hold = true;
	assert_int_equal(later_write(env, &late, &later[2]), PLI_OK);
	assert_int_equal(held_wait(env, 1), 1);
	assert_int_equal(db_write(env->db, write_item, &plain, &err), PLI_OK);
	assert_int_equal(atomic_load(&later[2].calls), 0);
	err_set(&err, PLI_UNCERTAIN, "no answer in 10 s");
	db_group_release(env->held[0], PLI_UNCERTAIN, &err);
	later_wait(&later[2]);
	assert_int_equal(later[2].status, PLI_UNCERTAIN);
	assert_string_equal(late.err.text, "no answer in 10 s");
	for (int i = 0; i < 3; i++)
		sem_destroy(&later[i].answered);
}

static void *release_thread(void *arg)
{
	struct env *env = arg;

	db_group_release(env->held[0], PLI_OK, NULL);
	return NULL;
}

static void closing_waits_for_queue_and_releases(void **state)
{
	struct env *env = *state;
	struct job job = { .env = env, .k = 1, .late = true };
	pthread_t writer, releaser;

	hooks_set(env);
	env->hold = true;
	pthread_create(&writer, NULL, job_thread, &job);
	assert_int_equal(held_wait(env, 1), 1);
	pthread_create(&releaser, NULL, release_thread, env);
	db_close(env->db);
	pthread_join(writer, NULL);
	pthread_join(releaser, NULL);
	assert_int_equal(job.status, PLI_OK);
	env->hold = false;
	env_open(env);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), 1);
}

static void *many_thread(void *arg)
{
	struct job *job = arg;

	for (int i = 0; i < 200; i++) {
		job->k += 100;
		job->fails = i % 17 == 5;
		job->status = db_write(job->env->db, write_item, job, &job->err);
		if (job->status != (job->fails ? PLI_INVALID : PLI_OK))
			abort();
	}
	return NULL;
}

static void many_threads_many_groups(void **state)
{
	struct env *env = *state;
	struct job jobs[16] = { 0 };
	pthread_t threads[16];

	hooks_set(env);
	for (int i = 0; i < 16; i++) {
		jobs[i] = (struct job) { .env = env, .k = i, .late = i % 2 };
		pthread_create(&threads[i], NULL, many_thread, &jobs[i]);
	}
	for (int i = 0; i < 16; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), 16 * (200 - 12));
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM entry"), 8 * (200 - 12));
	assert_int_equal(count_of(env->db, "SELECT max(seq) FROM entry"), 8 * (200 - 12) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_job_at_a_time),
		CASE(a_failing_job_harms_no_other),
		CASE(groups_are_committed_together),
		CASE(a_failed_finish_undoes_the_group),
		CASE(answers_wait_for_the_release),
		CASE(later_writes_are_answered_once),
		CASE(closing_waits_for_queue_and_releases),
		CASE(many_threads_many_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
