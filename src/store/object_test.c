/* Objects from stage to reading: sizes around every border, ranges, digests, commit, discard, sweep, changed bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <pthread.h>

#include "clock.h"
#include "stream.h"

#include "crc32.h"
#include "object.h"
#include "store_testing.h"

#define HOUR_US (3600 * SECOND_US)

struct env {
	char path[64];
	struct db *db;
	int blobs;
	struct fake_keeper keeper;
	struct keywrap keywrap;
	struct object_store *store;
	struct uuid entity, account, letter;
	uint8_t letter_key[32];
	uint64_t quota_bytes;
};

static void env_open(struct env *env)
{
	struct db_options options = { .name = "pli.db", .create = true, .quota_bytes = env->quota_bytes };
	struct err err = { 0 };

	if (db_open(&options, &env->db, &err) != PLI_OK)
		fail_msg("%s", err.text);
	env->blobs = open("blobs", O_RDONLY | O_DIRECTORY);
	assert_true(env->blobs >= 0);
	assert_int_equal(object_store_new(env->db, env->blobs, &env->keywrap, &env->store, &err), PLI_OK);
}

static void env_shut(struct env *env)
{
	object_store_free(env->store);
	close(env->blobs);
	db_close(env->db);
}

static int setup(void **state)
{
	struct env *env = mem_alloc(sizeof(*env));

	scratch_make(env->path);
	assert_int_equal(mkdir("blobs", 0700), 0);
	env->keywrap = fake_keywrap(&env->keeper);
	uuid_make(&env->entity);
	uuid_make(&env->account);
	uuid_make(&env->letter);
	mem_random(env->letter_key, 32);
	env_open(env);
	*state = env;
	return 0;
}

static int teardown(void **state)
{
	struct env *env = *state;

	env_shut(env);
	scratch_remove(env->path);
	mem_free(env);
	return 0;
}

/* Byte i of every test object, so that any range can be checked without keeping it. */
static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)(i ^ i >> 8 ^ i >> 16 ^ (i * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

static void bytes_fill(uint8_t *p, uint64_t from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = byte_at(from + i);
}

static struct object_stage_options options_of(struct env *env, bool resumable)
{
	return (struct object_stage_options) {
		.entity = &env->entity, .account = &env->account, .limit_bytes = UINT64_C(1) << 40,
		.resumable = resumable, .expires_us = clock_now_us() + HOUR_US,
	};
}

static void stream_feed(struct ostream *os, uint64_t from, uint64_t to, size_t step)
{
	static uint8_t piece[1 << 20];
	struct err err = { 0 };

	while (from < to) {
		size_t n = to - from < step ? (size_t)(to - from) : step;

		bytes_fill(piece, from, n);
		if (ostream_write(os, piece, n, &err) != PLI_OK)
			fail_msg("write: %s", err.text);
		from += n;
	}
}

static struct uuid stage(struct env *env, uint64_t size, size_t step, bool resumable, struct object_info *info_r)
{
	struct object_stage_options options = options_of(env, resumable);
	struct ostream *os;
	struct uuid object;
	struct err err = { 0 };

	assert_int_equal(object_stage(env->store, &options, &os, &object, &err), PLI_OK);
	stream_feed(os, 0, size, step);
	if (ostream_finish(os, &err) != PLI_OK)
		fail_msg("finish: %s", err.text);
	object_staged_info(os, info_r);
	ostream_close(os);
	assert_true(uuid_same(&info_r->object, &object));
	assert_int_equal(info_r->size, size);
	return object;
}

static void info_check(const struct object_info *info, uint64_t size)
{
	uint8_t *all = mem_alloc(size + 1), sha256[32];

	bytes_fill(all, 0, size);
	cipher_sha256(all, size, sha256);
	assert_memory_equal(info->sha256, sha256, 32);
	assert_int_equal(info->crc32, crc32_add(0, all, size));
	mem_free(all);
}

static enum pli_status apply(struct db_tx *tx, void *arg, struct err *err)
{
	return object_commit_apply(tx, arg, err);
}

static enum pli_status commit(struct env *env, const struct uuid *objects, unsigned count, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct object_commit *c;
	enum pli_status status = object_commit_prepare(env->store, pool, &env->entity, &env->letter, env->letter_key,
						       objects, count, &c, err);

	if (status == PLI_OK)
		status = db_write(env->db, apply, c, err);
	return status;
}

/* Every other read takes what is there without waiting first, which must be the same bytes. */
static enum pli_status read_range(struct env *env, const struct uuid *object, uint64_t offset, uint64_t length,
				  size_t step, struct err *err)
{
	static uint8_t piece[1 << 20];
	struct istream *is;
	enum pli_status status = object_read(env->store, &env->entity, &env->letter, object, env->letter_key, offset,
					     &is, err);
	uint64_t at = offset;
	bool now = false;

	if (status != PLI_OK)
		return status;
	while (status == PLI_OK && at < offset + length) {
		size_t n = 0, cap = offset + length - at < step ? (size_t)(offset + length - at) : step;

		now = !now;
		status = now ? istream_read_now(is, piece, cap, &n, err) : PLI_AGAIN;
		if (status == PLI_AGAIN)
			status = istream_read(is, piece, cap, &n, err);
		if (status == PLI_OK && !n) {
			istream_close(is);
			return at == offset + length ? PLI_OK : PLI_RANGE;
		}
		for (size_t i = 0; i < n && status == PLI_OK; i++)
			if (piece[i] != byte_at(at + i))
				fail_msg("byte %llu differs", (unsigned long long)(at + i));
		at += n;
	}
	istream_close(is);
	return status;
}

static void read_whole(struct env *env, const struct uuid *object, uint64_t size)
{
	struct err err = { 0 };
	struct istream *is;
	uint8_t byte;
	size_t n = 9;

	if (read_range(env, object, 0, size, 1 << 20, &err) != PLI_OK)
		fail_msg("read: %s", err.text);
	/* The end is the end; behind it is nothing. */
	assert_int_equal(object_read(env->store, &env->entity, &env->letter, object, env->letter_key, size, &is, &err), PLI_OK);
	assert_int_equal(istream_read(is, &byte, 1, &n, &err), PLI_OK);
	assert_int_equal(n, 0);
	istream_close(is);
	assert_int_equal(object_read(env->store, &env->entity, &env->letter, object, env->letter_key, size + 1, &is, &err), PLI_RANGE);
}

static int64_t files_seen;

static int file_seen(const char *path, const struct stat *st, int kind)
{
	(void)path;
	(void)st;
	files_seen += kind == FTW_F;
	return 0;
}

static int64_t file_count(struct env *env)
{
	(void)env;
	files_seen = 0;
	assert_int_equal(ftw("blobs", file_seen, 8), 0);
	return files_seen;
}

static const uint64_t sizes[] = {
	0, 1, 16383, 16384, 16385, 32768, 262143, 262144, 262145, 300000,
	(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 * (1 << 20) + 777,
};

static void every_size_comes_back(void **state)
{
	struct env *env = *state;

	for (int resumable = 0; resumable < 2; resumable++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			struct object_info info, found;
			struct uuid object = stage(env, sizes[i], i % 2 ? 1 << 20 : 7001, resumable, &info);
			struct err err = { 0 };
			struct istream *is;

			info_check(&info, sizes[i]);
			assert_int_equal(object_find(env->store, &env->entity, &object, &found, &err), PLI_OK);
			assert_memory_equal(&found, &info, sizeof(info));
			/* Not readable before it is a letter's. */
			assert_int_equal(object_read(env->store, &env->entity, &env->letter, &object, env->letter_key, 0, &is, &err), PLI_ABSENT);
			if (commit(env, &object, 1, &err) != PLI_OK)
				fail_msg("commit: %s", err.text);
			assert_int_equal(commit(env, &object, 1, &err), PLI_CONFLICT);
			read_whole(env, &object, sizes[i]);
			assert_int_equal(object_find(env->store, &env->entity, &object, &found, &err), PLI_OK);
			assert_memory_equal(&found, &info, sizeof(info));
		}
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object WHERE state = 'committed'"), 28);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object WHERE inline IS NOT NULL"), 8);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object WHERE expires IS NOT NULL"), 0);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM segment WHERE kid IS NOT NULL"), 0);
	assert_int_equal(file_count(env), 20);
}

/* Nothing of a small object touches database or keeper before its commit. */
static void small_objects_wait_in_memory(void **state)
{
	struct env *env = *state;
	struct object_info info;
	struct uuid object;
	struct err err;

	env->keeper.down = true;
	object = stage(env, 5000, 100, false, &info);
	assert_int_equal(env->keeper.calls, 0);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object"), 0);
	assert_int_equal(commit(env, &object, 1, &err), PLI_OK);
	assert_int_equal(env->keeper.calls, 0);
	read_whole(env, &object, 5000);
	object = stage(env, 5000, 100, false, &info);
	assert_int_equal(object_discard(env->store, &env->entity, &object, &err), PLI_OK);
	assert_int_equal(object_discard(env->store, &env->entity, &object, &err), PLI_ABSENT);
	assert_int_equal(commit(env, &object, 1, &err), PLI_ABSENT);
}

static void memory_for_small_objects_is_bounded(void **state)
{
	struct env *env = *state;
	enum { COUNT = 600 };	/* of 16 KiB: more than 8 MiB */
	static struct uuid objects[COUNT];
	struct object_info info;
	struct err err = { 0 };

	for (int i = 0; i < COUNT; i++)
		objects[i] = stage(env, 16384, 16384, false, &info);
	assert_true(count_of(env->db, "SELECT count(*) FROM object") > 0);
	assert_true(count_of(env->db, "SELECT count(*) FROM object") < 120);
	assert_int_equal(commit(env, objects, COUNT, &err), PLI_OK);
	for (int i = 0; i < COUNT; i += 59)
		read_whole(env, &objects[i], 16384);
	read_whole(env, &objects[COUNT - 1], 16384);
	objects[0] = stage(env, 100, 100, false, &info);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object"), COUNT);
}

static void ranges_of_a_large_object(void **state)
{
	struct env *env = *state;
	const uint64_t size = UINT64_C(50) << 20;
	struct object_info info;
	struct uuid object = stage(env, size, 1 << 20, false, &info);
	struct err err = { 0 };

	info_check(&info, size);
	assert_int_equal(commit(env, &object, 1, &err), PLI_OK);
	read_whole(env, &object, size);
	for (int i = 0; i < 300; i++) {
		uint64_t offset, length;
		size_t step;

		mem_random(&offset, sizeof(offset));
		mem_random(&length, sizeof(length));
		mem_random(&step, sizeof(step));
		offset %= size;
		length %= i % 3 ? 70000 : 3;
		step = step % (i % 2 ? 40000 : 100) + 1;
		if (length > size - offset)
			length = size - offset;
		if (read_range(env, &object, offset, length, step, &err) != PLI_OK)
			fail_msg("range %llu+%llu: %s", (unsigned long long)offset, (unsigned long long)length, err.text);
	}
}

static void limits_and_reserves_refuse(void **state)
{
	struct env *env = *state;
	struct object_stage_options options = options_of(env, false);
	static uint8_t bytes[300000];
	struct ostream *os;
	struct uuid object;
	struct err err;

	options.limit_bytes = 290000;
	assert_int_equal(object_stage(env->store, &options, &os, &object, &err), PLI_OK);
	assert_int_equal(ostream_write(os, bytes, 290000, &err), PLI_OK);
	assert_int_equal(ostream_write(os, bytes, 1, &err), PLI_LIMIT);
	assert_int_equal(ostream_finish(os, &err), PLI_LIMIT);
	ostream_close(os);
	options.reserve_bytes = UINT64_MAX / 2;
	assert_int_equal(object_stage(env->store, &options, &os, &object, &err), PLI_OK);
	assert_int_equal(ostream_write(os, bytes, 20000, &err), PLI_FULL);
	ostream_close(os);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object"), 0);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM segment"), 0);
	assert_int_equal(file_count(env), 0);
}

static void closing_without_finish_leaves_nothing(void **state)
{
	struct env *env = *state;
	const uint64_t cases[] = { 0, 10, 16384, 20000, 5 << 20 };
	struct err err;

	for (size_t i = 0; i < 5; i++) {
		struct object_stage_options options = options_of(env, false);
		struct ostream *os;
		struct uuid object;

		assert_int_equal(object_stage(env->store, &options, &os, &object, &err), PLI_OK);
		stream_feed(os, 0, cases[i], 70000);
		ostream_close(os);
		assert_int_equal(commit(env, &object, 1, &err), PLI_ABSENT);
	}
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object"), 0);
	assert_int_equal(file_count(env), 0);
}

static enum pli_status apply_and_fail(struct db_tx *tx, void *arg, struct err *err)
{
	enum pli_status status = object_commit_apply(tx, arg, err);

	return status == PLI_OK ? err_set(err, PLI_INVALID, "the letter was refused") : status;
}

static void a_failed_letter_gives_its_objects_back(void **state)
{
	struct env *env = *state;
	struct object_info info;
	struct uuid objects[3] = {
		stage(env, 100, 100, false, &info), stage(env, 100000, 5000, false, &info),
		stage(env, 100000, 5000, true, &info),
	};
	struct pool *pool = pool_new();
	struct object_commit *c;
	struct err err = { 0 };

	assert_int_equal(object_commit_prepare(env->store, pool, &env->entity, &env->letter, env->letter_key, objects, 3, &c, &err), PLI_OK);
	assert_int_equal(object_commit_info(c, 1)->size, 100000);
	assert_null(object_commit_info(c, 3));
	/* Claimed: neither another letter nor a discard can have them. */
	assert_int_equal(commit(env, &objects[0], 1, &err), PLI_CONFLICT);
	assert_int_equal(object_discard(env->store, &env->entity, &objects[1], &err), PLI_CONFLICT);
	assert_int_equal(db_write(env->db, apply_and_fail, c, &err), PLI_INVALID);
	object_commit_abandon(c);
	pool_free(pool);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object WHERE letter IS NOT NULL"), 0);
	assert_int_equal(commit(env, objects, 3, &err), PLI_OK);
	for (int i = 0; i < 3; i++)
		read_whole(env, &objects[i], i ? 100000 : 100);
	/* The same one twice in a letter; one of another entity; an unknown one. */
	objects[0] = objects[1] = stage(env, 10, 10, false, &info);
	assert_int_equal(commit(env, objects, 2, &err), PLI_CONFLICT);
	uuid_make(&objects[1]);
	assert_int_equal(commit(env, objects, 2, &err), PLI_ABSENT);
	assert_int_equal(commit(env, objects, 1, &err), PLI_OK);
	uuid_make(&env->entity);
	assert_int_equal(commit(env, &objects[2], 1, &err), PLI_ABSENT);
}

static void keeper_away_means_try_later(void **state)
{
	struct env *env = *state;
	struct object_stage_options options = options_of(env, true);
	struct object_info info;
	struct uuid object = stage(env, 100000, 5000, true, &info), none;
	struct ostream *os;
	struct err err;

	env->keeper.down = true;
	assert_int_equal(commit(env, &object, 1, &err), PLI_BUSY);
	assert_int_equal(object_stage(env->store, &options, &os, &none, &err), PLI_BUSY);
	env->keeper.down = false;
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object"), 1);
	assert_int_equal(commit(env, &object, 1, &err), PLI_OK);
	read_whole(env, &object, 100000);
}

static void a_staged_resumable_survives_a_restart(void **state)
{
	struct env *env = *state;
	struct object_info info, found;
	struct uuid kept = stage(env, 100000, 5000, true, &info), small = stage(env, 99, 5000, true, &found);
	struct uuid lost = stage(env, 100000, 5000, false, &found);
	unsigned removed;
	struct err err;

	env_shut(env);
	env_open(env);
	assert_int_equal(object_find(env->store, &env->entity, &kept, &found, &err), PLI_OK);
	assert_memory_equal(&found, &info, sizeof(info));
	assert_int_equal(commit(env, &lost, 1, &err), PLI_CONFLICT);
	assert_int_equal(file_count(env), 2);
	/* What only the old process knew goes with the first sweep. */
	assert_int_equal(object_sweep(env->store, clock_now_us(), HOUR_US, &removed, &err), PLI_OK);
	assert_int_equal(removed, 1);
	assert_int_equal(file_count(env), 1);
	assert_int_equal(commit(env, &kept, 1, &err), PLI_OK);
	assert_int_equal(commit(env, &small, 1, &err), PLI_OK);
	read_whole(env, &kept, 100000);
	read_whole(env, &small, 99);
}

static void the_sweep_takes_what_is_over(void **state)
{
	struct env *env = *state;
	struct object_stage_options options = options_of(env, false);
	struct object_info info;
	struct uuid memory = stage(env, 10, 10, false, &info), file = stage(env, 20000, 1000, false, &info);
	struct uuid row = stage(env, 20000, 1000, true, &info), letter = stage(env, 20000, 1000, false, &info), open_one;
	struct ostream *os;
	unsigned removed;
	struct err err;
	int fd;

	assert_int_equal(commit(env, &letter, 1, &err), PLI_OK);
	assert_int_equal(object_sweep(env->store, clock_now_us(), HOUR_US, &removed, &err), PLI_OK);
	assert_int_equal(removed, 0);
	assert_int_equal(object_stage(env->store, &options, &os, &open_one, &err), PLI_OK);
	stream_feed(os, 0, 50000, 1000);
	/* Strangers: a file of nobody's, and names that are not ours. */
	assert_int_equal(mkdir("blobs/00", 0700), 0);
	fd = open("blobs/00/00112233445566778899aabbccddeeff-00112233445566778899aabbccddee00", O_CREAT | O_WRONLY, 0600);
	close(fd);
	fd = open("blobs/00/README", O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(object_sweep(env->store, clock_now_us(), HOUR_US, &removed, &err), PLI_OK);
	assert_int_equal(removed, 0);
	assert_int_equal(object_sweep(env->store, clock_now_us() + HOUR_US / 2, HOUR_US / 4, &removed, &err), PLI_OK);
	assert_int_equal(removed, 1);
	assert_int_equal(object_sweep(env->store, clock_now_us() + 2 * HOUR_US, HOUR_US, &removed, &err), PLI_OK);
	assert_int_equal(removed, 3);
	/* The letter's, the one still being written, and README. */
	assert_int_equal(file_count(env), 3);
	assert_int_equal(commit(env, &memory, 1, &err), PLI_ABSENT);
	assert_int_equal(commit(env, &file, 1, &err), PLI_ABSENT);
	assert_int_equal(commit(env, &row, 1, &err), PLI_ABSENT);
	ostream_close(os);
	assert_int_equal(file_count(env), 2);
	read_whole(env, &letter, 20000);
}

static void blob_path(struct env *env, const struct uuid *object, char path[128])
{
	char entity[33], id[33];

	hex_encode(entity, env->entity.b, 16);
	hex_encode(id, object->b, 16);
	snprintf(path, 128, "blobs/%s/%s-%s", id + 30, entity, id);
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static enum pli_status tamper(struct db_tx *tx, void *arg, struct err *err)
{
	return db_run(tx->conn, NULL, err, arg, "");
}

static void changed_bytes_and_rows_do_not_open(void **state)
{
	struct env *env = *state;
	static const char *const rows[] = {
		"UPDATE segment SET plain_size = plain_size - 16384",
		"UPDATE segment SET file_offset = file_offset + 16400",
		"UPDATE segment SET n = 1",
		"UPDATE object SET size = size - 16384",
		"UPDATE object SET size = size + 1",
		"UPDATE segment SET wrapped = (SELECT wrapped FROM g WHERE g.object <> segment.object)",
		"DELETE FROM segment",
	};
	struct object_info info;
	struct uuid objects[2] = { stage(env, 100000, 100000, false, &info), stage(env, 100000, 100000, false, &info) };
	const off_t file_size = 56 + 6 * 16400 + (100000 - 6 * 16384) + 16;
	char path[128], other[128];
	struct uuid letter;
	struct stat st;
	struct err err;

	assert_int_equal(commit(env, objects, 2, &err), PLI_OK);
	blob_path(env, &objects[0], path);
	blob_path(env, &objects[1], other);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, file_size);
	for (off_t at = 0; at < file_size; at += at < 100 ? 1 : 997) {
		flip(path, at);
		assert_int_equal(read_range(env, &objects[0], 0, 100000, 1 << 20, &err), PLI_IO);
		flip(path, at);
	}
	read_whole(env, &objects[0], 100000);
	/* Cut; the other's file in its place; a wrong key; another letter. */
	assert_int_equal(truncate(path, file_size - 1), 0);
	assert_int_equal(read_range(env, &objects[0], 0, 100000, 1 << 20, &err), PLI_IO);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(read_range(env, &objects[0], 0, 1, 1 << 20, &err), PLI_IO);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(read_range(env, &objects[0], 0, 1, 1 << 20, &err), PLI_IO);
	env->letter_key[0] ^= 1;
	assert_int_equal(read_range(env, &objects[1], 0, 1, 1 << 20, &err), PLI_IO);
	env->letter_key[0] ^= 1;
	letter = env->letter;
	uuid_make(&env->letter);
	assert_int_equal(read_range(env, &objects[1], 0, 1, 1 << 20, &err), PLI_ABSENT);
	env->letter = letter;
	read_whole(env, &objects[1], 100000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(db_write(env->db, tamper, (void *)(uintptr_t)"CREATE TABLE o AS SELECT * FROM object", &err), PLI_OK);
		assert_int_equal(db_write(env->db, tamper, (void *)(uintptr_t)"CREATE TABLE g AS SELECT * FROM segment", &err), PLI_OK);
		assert_int_equal(db_write(env->db, tamper, (void *)(uintptr_t)rows[i], &err), PLI_OK);
		if (read_range(env, &objects[1], 0, 100000, 1 << 20, &err) != PLI_IO)
			fail_msg("not found: %s", rows[i]);
		assert_int_equal(db_write(env->db, tamper, (void *)(uintptr_t)"DELETE FROM object", &err), PLI_OK);
		assert_int_equal(db_write(env->db, tamper, (void *)(uintptr_t)"DELETE FROM segment", &err), PLI_OK);
		assert_int_equal(db_write(env->db, tamper, (void *)(uintptr_t)"INSERT INTO object SELECT * FROM o", &err), PLI_OK);
		assert_int_equal(db_write(env->db, tamper, (void *)(uintptr_t)"INSERT INTO segment SELECT * FROM g", &err), PLI_OK);
		assert_int_equal(db_write(env->db, tamper, (void *)(uintptr_t)"DROP TABLE o", &err), PLI_OK);
		assert_int_equal(db_write(env->db, tamper, (void *)(uintptr_t)"DROP TABLE g", &err), PLI_OK);
		read_whole(env, &objects[1], 100000);
	}
}

struct erasing {
	struct env *env;
	struct uuid object;
};

static enum pli_status erase(struct db_tx *tx, void *arg, struct err *err)
{
	struct erasing *e = arg;

	return object_erase_apply(tx, &e->env->entity, &e->env->letter, &e->object, err);
}

static void erased_objects_are_gone(void **state)
{
	struct env *env = *state;
	struct object_info info;
	struct uuid objects[2] = { stage(env, 10, 10, false, &info), stage(env, 100000, 100000, false, &info) };
	struct err err;

	assert_int_equal(commit(env, objects, 2, &err), PLI_OK);
	/* A letter's object cannot be discarded. */
	assert_int_equal(object_discard(env->store, &env->entity, &objects[1], &err), PLI_ABSENT);
	read_whole(env, &objects[1], 100000);
	for (int i = 0; i < 2; i++) {
		struct erasing e = { env, objects[i] };

		assert_int_equal(db_write(env->db, erase, &e, &err), PLI_OK);
		assert_int_equal(object_erase_file(env->store, &env->entity, &objects[i], &err), PLI_OK);
		assert_int_equal(read_range(env, &objects[i], 0, 1, 1, &err), PLI_ABSENT);
	}
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object"), 0);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM segment"), 0);
	assert_int_equal(file_count(env), 0);
}

static void the_quota_counts_files(void **state)
{
	struct env *env = *state;
	struct object_info info;
	struct object_stage_options options;
	uint64_t before, with, after;
	struct ostream *os;
	struct uuid object;
	struct err err = { 0 };
	static uint8_t bytes[1 << 20];
	enum pli_status status = PLI_OK;

	env_shut(env);
	env->quota_bytes = 8 << 20;
	env_open(env);
	assert_int_equal(db_space(env->db, &before, &err), PLI_OK);
	object = stage(env, 3 << 20, 1 << 20, false, &info);
	assert_int_equal(commit(env, &object, 1, &err), PLI_OK);
	env_shut(env);
	env_open(env);
	assert_int_equal(db_space(env->db, &with, &err), PLI_OK);
	assert_true(before > with && before - with > 3 << 20 && before - with < 4 << 20);
	options = options_of(env, false);
	assert_int_equal(object_stage(env->store, &options, &os, &object, &err), PLI_OK);
	for (int i = 0; i < 12 && status == PLI_OK; i++)
		status = ostream_write(os, bytes, sizeof(bytes), &err);
	assert_int_equal(status, PLI_FULL);
	ostream_close(os);
	assert_int_equal(db_space(env->db, &after, &err), PLI_OK);
	assert_true(after + 100000 > with && after < with + 100000);
	assert_int_equal(file_count(env), 1);
}

struct worker {
	struct env *env;
	unsigned seed;
	const char *failed;
};

/* What a request does: stage some, commit or discard or forget them, read what was committed. */
static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct env *env = w->env;

	for (unsigned i = 0; i < 12 && !w->failed; i++) {
		struct object_stage_options options = options_of(env, (w->seed + i) % 2);
		uint64_t size = sizes[(w->seed * 7 + i * 3) % (sizeof(sizes) / sizeof(*sizes))];
		uint8_t *bytes = mem_alloc(size + 1);
		struct ostream *os;
		struct istream *is;
		struct uuid object;
		struct err err;
		size_t n = 0;

		bytes_fill(bytes, 0, size);
		if (object_stage(env->store, &options, &os, &object, &err) != PLI_OK ||
		    ostream_write(os, bytes, size, &err) != PLI_OK || (i % 4 && ostream_finish(os, &err) != PLI_OK))
			w->failed = "stage";
		ostream_close(os);
		if (i % 4 == 1 && object_discard(env->store, &env->entity, &object, &err) != PLI_OK)
			w->failed = "discard";
		if (i % 4 > 1 && commit(env, &object, 1, &err) != PLI_OK)
			w->failed = "commit";
		if (i % 4 > 1 && object_read(env->store, &env->entity, &env->letter, &object, env->letter_key, size / 2, &is, &err) == PLI_OK) {
			uint8_t first;

			if (istream_read(is, &first, 1, &n, &err) != PLI_OK || n != (size > 0) || (n && first != byte_at(size / 2)))
				w->failed = "read";
			istream_close(is);
		}
		mem_free(bytes);
	}
	return NULL;
}

static void many_at_once(void **state)
{
	struct env *env = *state;
	struct worker workers[12] = { 0 };
	pthread_t threads[12];
	unsigned removed;
	struct err err;

	for (unsigned i = 0; i < 12; i++) {
		workers[i] = (struct worker) { .env = env, .seed = i };
		assert_int_equal(pthread_create(&threads[i], NULL, worker_main, &workers[i]), 0);
	}
	for (int i = 0; i < 10; i++)
		assert_int_equal(object_sweep(env->store, clock_now_us(), HOUR_US, &removed, &err), PLI_OK);
	for (unsigned i = 0; i < 12; i++) {
		pthread_join(threads[i], NULL);
		if (workers[i].failed)
			fail_msg("worker %u: %s", i, workers[i].failed);
	}
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object WHERE state = 'committed'"), 12 * 6);
	assert_int_equal(object_sweep(env->store, clock_now_us() + 2 * HOUR_US, HOUR_US, &removed, &err), PLI_OK);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM object"), 12 * 6);
	assert_int_equal(file_count(env), count_of(env->db, "SELECT count(*) FROM object WHERE inline IS NULL"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_size_comes_back),
		CASE(small_objects_wait_in_memory),
		CASE(memory_for_small_objects_is_bounded),
		CASE(ranges_of_a_large_object),
		CASE(limits_and_reserves_refuse),
		CASE(closing_without_finish_leaves_nothing),
		CASE(a_failed_letter_gives_its_objects_back),
		CASE(keeper_away_means_try_later),
		CASE(a_staged_resumable_survives_a_restart),
		CASE(the_sweep_takes_what_is_over),
		CASE(changed_bytes_and_rows_do_not_open),
		CASE(erased_objects_are_gone),
		CASE(the_quota_counts_files),
		CASE(many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
