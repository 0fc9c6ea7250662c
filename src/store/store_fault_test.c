/* The whole way of objects and letters with a fault at each write, flush, rename and cut, one after the other:
 * the process dies there, or the call fails with EIO or ENOSPC.  Afterwards a new process must find everything that was
 * acknowledged, whole; nothing half; and after the sweep no row and no file that belongs to nobody.
 *
 * The calls are taken over from the C library by functions of the same name; the scenario runs in a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "clock.h"
#include "stream.h"

#include "object.h"
#include "store_testing.h"

#define HOUR_US (3600 * SECOND_US)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAULT_STEP 13	/* slow enough already */
#else
#define FAULT_STEP 3
#endif

/* ------------------------------------------------------------------ faults */

enum fault { FAULT_NONE, FAULT_DEATH, FAULT_EIO, FAULT_FULL, FAULT_COUNT };

static enum fault fault_kind;
static int fault_at;			/* the call that fails, from 1 */
static bool fault_stays;		/* and all after it */
static atomic_int *fault_calls;	/* shared with the parent */
static atomic_int *fault_struck;	/* likewise: calls that were made to fail */

/* 0, or the errno to fail with. */
static int fault_now(bool takes_space)
{
	int call;

	if (!fault_calls)
		return 0;
	call = atomic_fetch_add(fault_calls, 1) + 1;
	if (fault_kind == FAULT_NONE || call < fault_at || (call > fault_at && !fault_stays))
		return 0;
	if (fault_kind == FAULT_FULL && !takes_space)
		return 0;
	atomic_fetch_add(fault_struck, 1);
	if (fault_kind == FAULT_DEATH)
		raise(SIGKILL);
	return fault_kind == FAULT_FULL ? ENOSPC : EIO;
}

#define TAKE_OVER(takes_space, call) \
	do { \
		int fault = fault_now(takes_space); \
\
		if (fault) { \
			errno = fault; \
			return -1; \
		} \
		return call; \
	} while (0)

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	TAKE_OVER(true, syscall(SYS_pwrite64, fd, p, n, at));
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
	TAKE_OVER(true, syscall(SYS_pwrite64, fd, p, n, at));
}

int fdatasync(int fd)
{
	TAKE_OVER(false, (int)syscall(SYS_fdatasync, fd));
}

int fsync(int fd)
{
	TAKE_OVER(false, (int)syscall(SYS_fsync, fd));
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	TAKE_OVER(false, (int)syscall(SYS_renameat, from_fd, from, to_fd, to));
}

int mkdirat(int fd, const char *name, mode_t mode)
{
	TAKE_OVER(true, (int)syscall(SYS_mkdirat, fd, name, mode));
}

int unlinkat(int fd, const char *name, int flags)
{
	TAKE_OVER(false, (int)syscall(SYS_unlinkat, fd, name, flags));
}

int ftruncate(int fd, off_t size)
{
	TAKE_OVER(false, (int)syscall(SYS_ftruncate, fd, size));
}

int ftruncate64(int fd, off_t size)
{
	TAKE_OVER(false, (int)syscall(SYS_ftruncate, fd, size));
}

/* ------------------------------------------------------------------ the scenario */

enum { OBJECT_SMALL, OBJECT_FILE, OBJECT_LONG, OBJECT_FEW, OBJECT_COUNT };

static const uint64_t sizes[OBJECT_COUNT] = { 5000, 100000, 1500000, 9000 };

/* What the child tells: ids as they are made, and what was acknowledged. */
struct told {
	bool known[OBJECT_COUNT], committed[OBJECT_COUNT], staged[OBJECT_COUNT];
	uint64_t offset[OBJECT_COUNT];
	bool swept, full, io;
	atomic_int calls, struck;
	int answered;	/* calls until the last answer was given: what comes after can be told to nobody */
	struct uuid id[OBJECT_COUNT];
};

struct env {
	struct db *db;
	int blobs, fatal_calls;
	struct fake_keeper keeper;
	struct keywrap keywrap;
	struct object_store *store;
	struct uuid entity, letter;
	uint8_t letter_key[32];
	struct told *told;	/* shared with the parent */
};

static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)(i ^ i >> 8 ^ (i * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

static void fatal(void *arg, const struct err *err)
{
	struct env *env = arg;

	(void)err;
	env->fatal_calls++;
}

static enum pli_status env_open(struct env *env, struct err *err)
{
	struct db_options options = { .name = "pli.db", .create = true, .fatal = fatal, .fatal_arg = env };
	enum pli_status status = db_open(&options, &env->db, err);

	env->fatal_calls = 0;
	if (status != PLI_OK)
		return status;
	env->blobs = open("blobs", O_RDONLY | O_DIRECTORY);
	return object_store_new(env->db, env->blobs, &env->keywrap, &env->store, err);
}

static void env_shut(struct env *env)
{
	object_store_free(env->store);
	close(env->blobs);
	db_close(env->db);
}

static enum pli_status note(struct env *env, enum pli_status status)
{
	env->told->full |= status == PLI_FULL;
	env->told->io |= status == PLI_IO || status == PLI_UNCERTAIN;
	return status;
}

static enum pli_status feed(struct env *env, struct ostream *os, uint64_t from, uint64_t to, struct err *err)
{
	enum pli_status status = PLI_OK;
	uint8_t piece[10000];

	while (from < to && status == PLI_OK) {
		size_t n = to - from < sizeof(piece) ? (size_t)(to - from) : sizeof(piece);

		for (size_t i = 0; i < n; i++)
			piece[i] = byte_at(from + i);
		status = note(env, ostream_write(os, piece, n, err));
		from += n;
	}
	return status;
}

static struct object_stage_options options_of(struct env *env, bool resumable)
{
	return (struct object_stage_options) {
		.entity = &env->entity, .limit_bytes = 1 << 30, .resumable = resumable,
		.expires_us = clock_now_us() + HOUR_US,
	};
}

static enum pli_status stage_once(struct env *env, int i)
{
	struct object_stage_options options = options_of(env, false);
	struct ostream *os;
	struct err err;
	enum pli_status status = note(env, object_stage(env->store, &options, &os, &env->told->id[i], &err));

	if (status != PLI_OK)
		return status;
	env->told->known[i] = true;
	status = feed(env, os, 0, sizes[i], &err);
	if (status == PLI_OK)
		status = note(env, ostream_finish(os, &err));
	ostream_close(os);
	return status;
}

/* In three goes, the first two broken off after a checkpoint. */
static enum pli_status stage_in_goes(struct env *env, int i)
{
	struct object_stage_options options = options_of(env, true);
	struct ostream *os = NULL;
	struct err err;
	uint64_t offset = 0;
	enum pli_status status = note(env, object_stage(env->store, &options, &os, &env->told->id[i], &err));

	if (status != PLI_OK)
		return status;
	env->told->known[i] = true;
	for (int go = 0; go < 3 && status == PLI_OK; go++) {
		uint64_t to = sizes[i] * (unsigned)(go + 1) / 3;

		if (go)
			status = note(env, object_resume(env->store, &env->entity, &env->told->id[i], &os, &offset, &err));
		if (status != PLI_OK)
			return status;
		status = feed(env, os, offset, to, &err);
		if (status == PLI_OK)
			status = note(env, go < 2 ? object_checkpoint(os, &offset, &err) : ostream_finish(os, &err));
		if (status == PLI_OK && go < 2)
			env->told->offset[i] = offset;
		/* Bytes beyond the checkpoint that nobody was told of. */
		if (status == PLI_OK && go < 2)
			status = feed(env, os, offset, offset + 40000, &err);
		ostream_close(os);
	}
	env->told->staged[i] = status == PLI_OK;
	return status;
}

static enum pli_status apply(struct db_tx *tx, void *arg, struct err *err)
{
	return object_commit_apply(tx, arg, err);
}

static enum pli_status commit(struct env *env, const int *which, unsigned count, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct object_commit *c;
	struct uuid ids[OBJECT_COUNT];
	enum pli_status status;

	for (unsigned i = 0; i < count; i++)
		ids[i] = env->told->id[which[i]];
	status = object_commit_prepare(env->store, pool, &env->entity, &env->letter, env->letter_key, ids, count, &c, err);
	if (status == PLI_OK)
		status = db_write(env->db, apply, c, err);
	for (unsigned i = 0; i < count && status == PLI_OK; i++)
		env->told->committed[which[i]] = true;
	return note(env, status);
}

static void scenario(struct env *env)
{
	static const int first[] = { OBJECT_SMALL, OBJECT_FILE }, second[] = { OBJECT_LONG }, third[] = { OBJECT_FEW };
	struct err err;
	unsigned removed;

	if (note(env, env_open(env, &err)) != PLI_OK)
		_exit(0);
	if (stage_once(env, OBJECT_SMALL) == PLI_OK && stage_once(env, OBJECT_FILE) == PLI_OK)
		(void)!commit(env, first, 2, &err);
	if (stage_in_goes(env, OBJECT_LONG) == PLI_OK)
		(void)!commit(env, second, 1, &err);
	if (stage_in_goes(env, OBJECT_FEW) == PLI_OK)
		(void)!commit(env, third, 1, &err);
	if (note(env, object_sweep(env->store, clock_now_us(), HOUR_US, &removed, &err)) == PLI_OK)
		env->told->swept = true;
	/* Fault and word must agree: after EIO or a failed flush the process was told to stop. */
	if (env->fatal_calls && db_healthy(env->db, &err) == PLI_OK)
		_exit(1);
	if (fault_kind == FAULT_FULL && env->fatal_calls)
		_exit(2);
	env->told->answered = env->told->calls;
	env_shut(env);
	_exit(0);
}

/* ------------------------------------------------------------------ afterwards */

static void read_check(struct env *env, int i)
{
	uint8_t piece[60000];
	struct istream *is;
	struct err err;
	uint64_t at = 0;
	size_t n = 1;

	if (object_read(env->store, &env->entity, &env->letter, &env->told->id[i], env->letter_key, 0, &is, &err) != PLI_OK)
		fail_msg("fault %d at %d: object %d: %s", fault_kind, fault_at, i, err.text);
	while (n) {
		if (istream_read(is, piece, sizeof(piece), &n, &err) != PLI_OK)
			fail_msg("fault %d at %d: object %d: %s", fault_kind, fault_at, i, err.text);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(piece[k], byte_at(at + k));
		at += n;
	}
	istream_close(is);
	assert_int_equal(at, sizes[i]);
}

/* An upload that was told an offset can go on from there (or further) and becomes whole. */
static void upload_check(struct env *env, int i)
{
	const struct uuid *id = &env->told->id[i];
	struct object_info info;
	struct ostream *os;
	struct err err;
	uint64_t offset = 0;
	enum pli_status status = object_progress(env->store, &env->entity, id, &offset, &err);

	if (status == PLI_ABSENT && !env->told->offset[i] && !env->told->staged[i])
		return;
	assert_int_equal(status, PLI_OK);
	assert_true(offset >= env->told->offset[i] && offset <= sizes[i]);
	if (object_find(env->store, &env->entity, id, &info, &err) != PLI_OK) {
		assert_false(env->told->staged[i]);
		if (object_resume(env->store, &env->entity, id, &os, &offset, &err) != PLI_OK)
			fail_msg("fault %d at %d: object %d: resume: %s", fault_kind, fault_at, i, err.text);
		assert_int_equal(feed(env, os, offset, sizes[i], &err), PLI_OK);
		assert_int_equal(ostream_finish(os, &err), PLI_OK);
		ostream_close(os);
	}
	if (!env->told->committed[i] && commit(env, &i, 1, &err) == PLI_CONFLICT)
		assert_string_equal(err.text, "an attachment was already used");	/* committed, but not told */
	read_check(env, i);
}

static int files_seen;

static int file_seen(const char *path, const struct stat *st, int kind)
{
	(void)path;
	(void)st;
	files_seen += kind == FTW_F;
	return 0;
}

static void aftermath(struct env *env)
{
	struct err err;
	unsigned removed;

	if (env_open(env, &err) != PLI_OK)
		fail_msg("fault %d at %d: %s", fault_kind, fault_at, err.text);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
	for (int i = 0; i < OBJECT_COUNT; i++) {
		if (env->told->committed[i])
			read_check(env, i);
		else if (env->told->known[i] && i >= OBJECT_LONG)
			upload_check(env, i);
	}
	assert_int_equal(object_sweep(env->store, clock_now_us() + 3 * HOUR_US, HOUR_US, &removed, &err), PLI_OK);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object WHERE state <> 'committed'"), 0);
	files_seen = 0;
	assert_int_equal(ftw("blobs", file_seen, 8), 0);
	assert_int_equal(files_seen, count_of(env->db, "SELECT count(*) FROM object WHERE inline IS NULL"));
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM segment WHERE kid IS NOT NULL"), 0);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM segment s WHERE NOT EXISTS "
					   "(SELECT 1 FROM object o WHERE o.entity = s.entity AND o.object = s.object)"), 0);
	env_shut(env);
}

/* Runs the scenario with one fault in a child; its exit code, or -1 when it died of the fault. */
static int run(struct env *env, enum fault kind, int at, bool stays)
{
	int code;
	pid_t pid;

	memset(env->told, 0, sizeof(*env->told));
	fault_at = at;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		fault_kind = kind;
		fault_stays = stays;
		fault_struck = &env->told->struck;
		fault_calls = &env->told->calls;
		alarm(300);
		scenario(env);
	}
	assert_int_equal(waitpid(pid, &code, 0), pid);
	return WIFEXITED(code) ? WEXITSTATUS(code) : WTERMSIG(code) == SIGKILL ? -1 : 100;
}

static void fresh(char path[64])
{
	/* In memory where possible: flushes cost nothing there, and what is tested is their order and their faults. */
	snprintf(path, 64, "%s", access("/dev/shm", W_OK) == 0 ? "/dev/shm/pli-test-XXXXXX" : "/tmp/pli-test-XXXXXX");
	if (!mkdtemp(path) || chdir(path) != 0 || mkdir("blobs", 0700) != 0)
		abort();
}

static int setup(void **state)
{
	struct env *env = mem_alloc(sizeof(*env));

	env->told = mmap(NULL, sizeof(*env->told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(env->told != MAP_FAILED);
	env->keywrap = fake_keywrap(&env->keeper);
	uuid_make(&env->entity);
	uuid_make(&env->letter);
	mem_random(env->letter_key, 32);
	*state = env;
	return 0;
}

static int teardown(void **state)
{
	struct env *env = *state;

	munmap(env->told, sizeof(*env->told));
	mem_free(env);
	return 0;
}

static int calls_without_fault(struct env *env, int *answered_r)
{
	char path[64];
	int calls;

	fresh(path);
	assert_int_equal(run(env, FAULT_NONE, 0, false), 0);
	calls = env->told->calls;
	*answered_r = env->told->answered;
	for (int i = 0; i < OBJECT_COUNT; i++)
		assert_true(env->told->committed[i]);
	assert_true(env->told->swept);
	aftermath(env);
	scratch_remove(path);
	return calls;
}

static void calls_fail_in_turn(struct env *env, enum fault kind, bool stays)
{
	int answered, calls = calls_without_fault(env, &answered), told = 0, struck = 0;
	/* Some of them, others for each kind; all when asked for. */
	int step = getenv("PLI_TEST_ALL_FAULTS") ? 1 : FAULT_STEP;

	assert_true(calls > 100);
	for (int at = 1 + (int)kind % step; at <= calls; at += step) {
		char path[64];
		int code;

		fresh(path);
		code = run(env, kind, at, stays);
		if (kind == FAULT_DEATH ? code != -1 && code != 0 : code != 0)
			fail_msg("fault %d at call %d: the scenario ended with %d", kind, at, code);
		struck += env->told->struck && at <= answered;
		told += kind == FAULT_FULL ? env->told->full : kind == FAULT_EIO ? env->told->io : code == -1;
		aftermath(env);
		scratch_remove(path);
	}
	/* Of all these calls some take space; of the faults most must have been seen. */
	assert_true(kind == FAULT_FULL ? struck * 5 > answered / step : struck * 2 > answered / step);
	assert_true(told * 2 > struck);
}

static void death_at_a_call(void **state)
{
	calls_fail_in_turn(*state, FAULT_DEATH, false);
}

static void eio_at_a_call(void **state)
{
	calls_fail_in_turn(*state, FAULT_EIO, false);
}

static void no_space_at_a_call(void **state)
{
	calls_fail_in_turn(*state, FAULT_FULL, false);
}

static void no_space_from_a_call_on(void **state)
{
	calls_fail_in_turn(*state, FAULT_FULL, true);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(death_at_a_call),
		CASE(eio_at_a_call),
		CASE(no_space_at_a_call),
		CASE(no_space_from_a_call_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
