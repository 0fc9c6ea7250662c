/* The writer and the disk: the log emptied when idle, a disk that fails, one that is full, a process that is killed. */
#include "db_writer_testing.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "clock.h"

/* After some idle time the log is emptied: what was deleted is no more on disk. */
static void the_log_is_emptied_when_idle(void **state)
{
	struct env *env = *state;
	struct job job = { .k = 1, .bytes = 100000 };
	struct stat st = { .st_size = 1 };
	int64_t begun_us;
	struct err err;

	do {	/* unless we were held up for so long that it is empty already */
		begun_us = clock_mono_us();
		assert_int_equal(db_write(env->db, write_item, &job, &err), PLI_OK);
		assert_int_equal(stat("pli.db-wal", &st), 0);
		job.k++;
	} while (!st.st_size && clock_mono_us() - begun_us > SECOND_US / 2);
	assert_true(st.st_size > 0);
	for (int i = 0; i < 6000 && st.st_size; i++) {
		usleep(10000);
		assert_int_equal(stat("pli.db-wal", &st), 0);
	}
	assert_int_equal(st.st_size, 0);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), job.k - 1);
}

/* A file size limit stands for a disk that gives EFBIG: not "full", so the writer must stop for good. */
static void a_broken_disk_stops_the_writer(void **state)
{
	struct env *env = *state;
	struct rlimit old, low;
	struct job job = { .k = 1, .bytes = 1 << 20 }, next = { .k = 2 };
	struct err err;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	low = old;
	low.rlim_cur = 200000;
	setrlimit(RLIMIT_FSIZE, &low);
	assert_int_not_equal(db_write(env->db, write_item, &job, &err), PLI_OK);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(env->fatal_calls, 1);
	assert_int_equal(db_write(env->db, write_item, &next, &err), PLI_IO);
	assert_int_equal(db_healthy(env->db, &err), PLI_IO);
	/* Recovery is a new start. */
	db_close(env->db);
	env_open(env);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), 0);
	assert_int_equal(db_write(env->db, write_item, &next, &err), PLI_OK);
}

/* On a file system of 2 MiB: refused with PLI_FULL, all there stays, service resumes when there is room. */
static void a_full_disk_is_a_refusal(void **state)
{
	struct env *env = *state;
	struct job job = { .bytes = 30000 }, small = { .k = 1000000, .bytes = 10 };
	enum pli_status status = PLI_OK;
	struct err err;
	int64_t stored;
	int fd;

	db_close(env->db);
	env->db = NULL;
	assert_int_equal(mkdir("small", 0700), 0);
	if (geteuid() != 0 || mount("none", "small", "tmpfs", 0, "size=2m") != 0) {
		env_open(env);
		skip();
	}
	assert_int_equal(chdir("small"), 0);
	env_open(env);
	fd = open("ballast", O_CREAT | O_WRONLY, 0600);
	assert_int_equal(posix_fallocate(fd, 0, 400000), 0);
	close(fd);
	while (status == PLI_OK) {
		job.k++;
		status = db_write(env->db, write_item, &job, &err);
	}
	stored = job.k - 1;
	assert_int_equal(status, PLI_FULL);
	assert_int_equal(db_healthy(env->db, &err), PLI_OK);
	assert_true(stored > 3);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), stored);
	for (int i = 0; i < 5; i++)
		assert_int_equal(db_write(env->db, write_item, &job, &err), PLI_FULL);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), stored);
	assert_int_equal(unlink("ballast"), 0);
	assert_int_equal(db_write(env->db, write_item, &small, &err), PLI_OK);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), stored + 1);
	assert_int_equal(env->fatal_calls, 0);
	db_close(env->db);
	env_open(env);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM item"), stored + 1);
	db_close(env->db);
	assert_int_equal(chdir(".."), 0);
	assert_int_equal(umount("small"), 0);
	env_open(env);
}

/* Killed at any moment: what db_write acknowledged is there, and every function's rows are there wholly or not at all. */
static void acknowledged_writes_survive_a_kill(void **state)
{
	struct env *env = *state;
	int64_t sum = 0;

	db_close(env->db);
	for (int round = 0; round < 5; round++) {
		int pipes[2];
		int64_t last = 0, k, had;
		pid_t pid;

		assert_int_equal(pipe(pipes), 0);
		pid = fork();
		if (!pid) {
			struct job job = { .k = round * 1000000, .bytes = 5000 };

			env_open(env);
			for (;;) {
				job.k++;
				if (db_write(env->db, write_item, &job, NULL) != PLI_OK ||
				    write(pipes[1], &job.k, sizeof(job.k)) != sizeof(job.k))
					_exit(1);
			}
		}
		close(pipes[1]);
		for (int i = 0; i < 30 + round * 50 && read(pipes[0], &k, sizeof(k)) == sizeof(k); i++)
			last = k;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(pipes[0], &k, sizeof(k)) == sizeof(k))
			last = k;
		close(pipes[0]);
		sum += last - round * 1000000;
		env_open(env);
		had = count_of(env->db, "SELECT count(*) FROM item");
		assert_true(had == sum || had == sum + 1);
		sum = had;
		assert_int_equal(count_of(env->db, "SELECT count(*) FROM item WHERE b <> x'78'"), 0);
		db_close(env->db);
	}
	env_open(env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_log_is_emptied_when_idle),
		CASE(a_broken_disk_stops_the_writer),
		CASE(a_full_disk_is_a_refusal),
		CASE(acknowledged_writes_survive_a_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
