/* Blob files: names, durability steps, reopening and cutting, walking, and a directory that others have touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "clock.h"

#include "blob_file.h"
#include "store_testing.h"

struct env {
	char path[64];
	int dir_fd;
	struct uuid entity, object;
	char final[128], part[136];
};

static int setup(void **state)
{
	struct env *env = mem_alloc(sizeof(*env));
	char entity[33], object[33];

	scratch_make(env->path);
	env->dir_fd = open(".", O_RDONLY | O_DIRECTORY);
	uuid_make(&env->entity);
	uuid_make(&env->object);
	hex_encode(entity, env->entity.b, 16);
	hex_encode(object, env->object.b, 16);
	snprintf(env->final, sizeof(env->final), "%s/%s-%s", object + 30, entity, object);
	snprintf(env->part, sizeof(env->part), "%s.part", env->final);
	*state = env;
	return 0;
}

static int teardown(void **state)
{
	struct env *env = *state;

	close(env->dir_fd);
	scratch_remove(env->path);
	mem_free(env);
	return 0;
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

static void a_file_has_its_name_only_when_finished(void **state)
{
	struct env *env = *state;
	struct blob_file file, twin;
	struct err err;
	uint64_t freed;
	struct stat st;
	char got[5];
	int fd;

	assert_int_equal(blob_file_create(env->dir_fd, &env->entity, &env->object, &file, &err), PLI_OK);
	assert_int_equal(blob_file_create(env->dir_fd, &env->entity, &env->object, &twin, &err), PLI_CONFLICT);
	assert_int_equal(blob_file_write(&file, "12345", 5, &err), PLI_OK);
	assert_int_equal(blob_file_sync(&file, &err), PLI_OK);
	assert_int_equal(blob_file_sync(&file, &err), PLI_OK);
	assert_int_equal(size_of(env->part), 5);
	assert_int_equal(size_of(env->final), -1);
	assert_int_equal(blob_file_open(env->dir_fd, &env->entity, &env->object, &fd, &err), PLI_IO);
	assert_int_equal(blob_file_finish(&file, &err), PLI_OK);
	blob_file_close(&file);
	assert_int_equal(size_of(env->part), -1);
	assert_int_equal(size_of(env->final), 5);
	assert_int_equal(stat(env->final, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(blob_file_open(env->dir_fd, &env->entity, &env->object, &fd, &err), PLI_OK);
	assert_int_equal(pread(fd, got, 5, 0), 5);
	assert_memory_equal(got, "12345", 5);
	close(fd);
	assert_int_equal(blob_file_remove(env->dir_fd, &env->entity, &env->object, &freed, &err), PLI_OK);
	assert_int_equal(freed, 5);
	assert_int_equal(blob_file_remove(env->dir_fd, &env->entity, &env->object, &freed, &err), PLI_OK);
	assert_int_equal(freed, 0);
}

static void reopening_cuts(void **state)
{
	struct env *env = *state;
	struct blob_file file;
	struct err err;

	assert_int_equal(blob_file_reopen(env->dir_fd, &env->entity, &env->object, 0, &file, &err), PLI_ABSENT);
	assert_int_equal(blob_file_create(env->dir_fd, &env->entity, &env->object, &file, &err), PLI_OK);
	assert_int_equal(blob_file_write(&file, "1234567890", 10, &err), PLI_OK);
	assert_int_equal(blob_file_sync(&file, &err), PLI_OK);
	assert_int_equal(blob_file_write(&file, "lost", 4, &err), PLI_OK);
	assert_int_equal(blob_file_close(&file), 4);
	assert_int_equal(blob_file_reopen(env->dir_fd, &env->entity, &env->object, 11, &file, &err), PLI_IO);
	assert_int_equal(truncate(env->part, 10), 0);
	assert_int_equal(blob_file_reopen(env->dir_fd, &env->entity, &env->object, 4, &file, &err), PLI_OK);
	assert_int_equal(file.size_bytes, 4);
	assert_int_equal(file.cut_bytes, 6);
	assert_int_equal(blob_file_write(&file, "ab", 2, &err), PLI_OK);
	assert_int_equal(blob_file_finish(&file, &err), PLI_OK);
	blob_file_close(&file);
	assert_int_equal(size_of(env->final), 6);
	/* Finished, but the row did not come to know of it. */
	assert_int_equal(blob_file_reopen(env->dir_fd, &env->entity, &env->object, 5, &file, &err), PLI_OK);
	blob_file_close(&file);
	assert_int_equal(size_of(env->part), 5);
	assert_int_equal(size_of(env->final), -1);
}

static void large_files_flow_to_disk(void **state)
{
	struct env *env = *state;
	struct blob_file file;
	struct err err;
	uint8_t *bytes = mem_alloc(1 << 20);
	int fd;

	assert_int_equal(blob_file_create(env->dir_fd, &env->entity, &env->object, &file, &err), PLI_OK);
	for (int i = 0; i < 40; i++) {
		memset(bytes, i, 1 << 20);
		assert_int_equal(blob_file_write(&file, bytes, 1 << 20, &err), PLI_OK);
		if (i == 5)
			blob_file_beside(&file);
	}
	assert_int_equal(blob_file_finish(&file, &err), PLI_OK);
	blob_file_close(&file);
	assert_int_equal(size_of(env->final), 40 << 20);
	assert_int_equal(blob_file_open(env->dir_fd, &env->entity, &env->object, &fd, &err), PLI_OK);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(pread(fd, bytes, 1 << 20, (off_t)i << 20), 1 << 20);
		for (size_t k = 0; k < 1 << 20; k++)
			if (bytes[k] != i)
				fail_msg("MiB %d byte %zu", i, k);
	}
	close(fd);
	mem_free(bytes);
}

static void links_are_not_followed(void **state)
{
	struct env *env = *state;
	struct blob_file file;
	struct err err;
	int fd;

	assert_int_equal(blob_file_create(env->dir_fd, &env->entity, &env->object, &file, &err), PLI_OK);
	blob_file_close(&file);
	assert_int_equal(unlink(env->part), 0);
	assert_int_equal(symlink("/etc/passwd", env->part), 0);
	assert_int_equal(symlink("/etc/passwd", env->final), 0);
	assert_int_equal(blob_file_create(env->dir_fd, &env->entity, &env->object, &file, &err), PLI_CONFLICT);
	assert_int_equal(blob_file_open(env->dir_fd, &env->entity, &env->object, &fd, &err), PLI_IO);
	assert_int_equal(blob_file_reopen(env->dir_fd, &env->entity, &env->object, 0, &file, &err), PLI_IO);
	assert_int_equal(blob_file_remove(env->dir_fd, &env->entity, &env->object, NULL, &err), PLI_OK);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
}

/* Another file in place of the blob's. */
static void file_swap(struct blob_file *file, int fd)
{
	assert_true(fd >= 0);
	assert_int_equal(dup2(fd, file->fd), file->fd);
	close(fd);
}

static void no_space_is_full_and_not_broken(void **state)
{
	struct env *env = *state;
	struct blob_file file;
	struct err err;
	int pipes[2];

	assert_int_equal(blob_file_create(env->dir_fd, &env->entity, &env->object, &file, &err), PLI_OK);
	file_swap(&file, open("/dev/full", O_RDWR));
	assert_int_equal(blob_file_write(&file, "x", 1, &err), PLI_OK);
	assert_int_equal(blob_file_sync(&file, &err), PLI_FULL);
	assert_false(file.broken);
	assert_int_equal(blob_file_sync(&file, &err), PLI_FULL);	/* and stays so */
	blob_file_close(&file);
	assert_int_equal(blob_file_reopen(env->dir_fd, &env->entity, &env->object, 0, &file, &err), PLI_OK);
	/* A flush that the kernel refuses (here: a pipe has none) leaves nothing to trust. */
	assert_int_equal(pipe(pipes), 0);
	file_swap(&file, pipes[1]);
	assert_int_equal(blob_file_sync(&file, &err), PLI_IO);
	assert_true(file.broken);
	blob_file_close(&file);
	close(pipes[0]);
}

/* Beside the caller too: the fault comes at the latest with the sync. */
static void a_fault_in_the_thread_is_told(void **state)
{
	struct env *env = *state;
	uint8_t *bytes = mem_alloc(1 << 20);
	struct rlimit old, low;
	struct blob_file file;
	struct err err;
	enum pli_status status = PLI_OK;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	low = old;
	low.rlim_cur = 3 << 20;
	setrlimit(RLIMIT_FSIZE, &low);
	assert_int_equal(blob_file_create(env->dir_fd, &env->entity, &env->object, &file, &err), PLI_OK);
	blob_file_beside(&file);
	for (int i = 0; i < 8 && status == PLI_OK; i++)
		status = blob_file_write(&file, bytes, 1 << 20, &err);
	if (status == PLI_OK)
		status = blob_file_finish(&file, &err);
	assert_int_equal(status, PLI_IO);
	assert_int_equal(size_of(env->final), -1);
	blob_file_close(&file);
	setrlimit(RLIMIT_FSIZE, &old);
	mem_free(bytes);
}

/* Syncs at every kind of offset, going on after each, with and without a break: all bytes stand where they belong. */
static void syncs_between_writes_keep_every_byte(void **state)
{
	struct env *env = *state;
	const size_t total = 5 << 20;
	uint8_t *bytes = mem_alloc(total), *got = mem_alloc(total);
	struct blob_file file;
	struct err err;
	size_t at = 0;
	int fd, step = 0;

	mem_random(bytes, total);
	assert_int_equal(blob_file_create(env->dir_fd, &env->entity, &env->object, &file, &err), PLI_OK);
	blob_file_beside(&file);
	while (at < total) {
		static const size_t steps[] = { 1, 4095, 4096, 56, 16400, 700000, 524288, 3, 1100000 };
		size_t n = steps[step % 9] < total - at ? steps[step % 9] : total - at;

		assert_int_equal(blob_file_write(&file, bytes + at, n, &err), PLI_OK);
		at += n;
		if (step % 2)
			assert_int_equal(blob_file_sync(&file, &err), PLI_OK);
		if (step % 4 == 3) {
			blob_file_close(&file);
			assert_int_equal(blob_file_reopen(env->dir_fd, &env->entity, &env->object, at, &file, &err), PLI_OK);
		}
		step++;
	}
	assert_int_equal(blob_file_finish(&file, &err), PLI_OK);
	blob_file_close(&file);
	assert_int_equal(blob_file_open(env->dir_fd, &env->entity, &env->object, &fd, &err), PLI_OK);
	assert_int_equal(pread(fd, got, total, 0), total);
	assert_memory_equal(got, bytes, total);
	close(fd);
	mem_free(bytes);
	mem_free(got);
}

struct seen {
	unsigned count, parts;
	uint64_t bytes;
};

static enum pli_status see(void *arg, const struct blob_file_entry *entry, struct err *err)
{
	struct seen *seen = arg;

	(void)err;
	seen->count++;
	seen->parts += entry->part;
	seen->bytes += entry->size_bytes;
	assert_true(entry->changed_us > 0 && entry->changed_us <= clock_now_us() + SECOND_US);
	return PLI_OK;
}

static enum pli_status stop(void *arg, const struct blob_file_entry *entry, struct err *err)
{
	(void)entry;
	++*(int *)arg;
	return err_set(err, PLI_BUSY, "enough");
}

static void the_walk_sees_ours_alone(void **state)
{
	struct env *env = *state;
	static const char *const strangers[] = {
		"README", "lost+found", "00/README", "00/.part",
		"00/00112233445566778899aabbccddeeff-00112233445566778899aabbccddee01",	/* wrong folder */
		"00/00112233445566778899aabbccddeeff-00112233445566778899aabbccddee00.tmp",
		"00/00112233445566778899aabbccddeeff_00112233445566778899aabbccddee00",
		"00/0011223344556677889-aabbccddeeff-00112233445566778899aabbccddee00",
	};
	struct seen seen = { 0 };
	struct err err;
	int calls = 0;

	for (int i = 0; i < 20; i++) {
		struct blob_file file;

		uuid_make(&env->object);
		assert_int_equal(blob_file_create(env->dir_fd, &env->entity, &env->object, &file, &err), PLI_OK);
		assert_int_equal(blob_file_write(&file, "1234567", 7, &err), PLI_OK);
		assert_int_equal(i % 2 ? blob_file_finish(&file, &err) : blob_file_sync(&file, &err), PLI_OK);
		assert_int_equal(blob_file_close(&file), 0);
	}
	mkdir("00", 0700);
	for (size_t i = 0; i < sizeof(strangers) / sizeof(*strangers); i++)
		close(open(strangers[i], O_CREAT | O_WRONLY, 0600));
	assert_int_equal(blob_file_walk(env->dir_fd, see, &seen, &err), PLI_OK);
	assert_int_equal(seen.count, 20);
	assert_int_equal(seen.parts, 10);
	assert_int_equal(seen.bytes, 140);
	assert_int_equal(blob_file_walk(env->dir_fd, stop, &calls, &err), PLI_BUSY);
	assert_int_equal(calls, 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_has_its_name_only_when_finished),
		CASE(reopening_cuts),
		CASE(large_files_flow_to_disk),
		CASE(links_are_not_followed),
		CASE(no_space_is_full_and_not_broken),
		CASE(a_fault_in_the_thread_is_told),
		CASE(syncs_between_writes_keep_every_byte),
		CASE(the_walk_sees_ours_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
