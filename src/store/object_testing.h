/* For tests: a store of objects in a fresh folder; staging, committing and reading objects whose every byte is known. */
#ifndef PLI_OBJECT_TESTING_H
#define PLI_OBJECT_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

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

static inline void env_open(struct env *env)
{
	struct db_options options = { .name = "pli.db", .create = true, .quota_bytes = env->quota_bytes };
	struct err err = { 0 };

	if (db_open(&options, &env->db, &err) != PLI_OK)
		fail_msg("%s", err.text);
	env->blobs = open("blobs", O_RDONLY | O_DIRECTORY);
	assert_true(env->blobs >= 0);
	assert_int_equal(object_store_new(env->db, env->blobs, &env->keywrap, &env->store, &err), PLI_OK);
}

static inline void env_shut(struct env *env)
{
	object_store_free(env->store);
	close(env->blobs);
	db_close(env->db);
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	struct env *env = *state;

	env_shut(env);
	scratch_remove(env->path);
	mem_free(env);
	return 0;
}

/* Byte i of every test object, so that any range can be checked without keeping it. */
static inline uint8_t byte_at(uint64_t i)
{
	return (uint8_t)(i ^ i >> 8 ^ i >> 16 ^ (i * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

static inline void bytes_fill(uint8_t *p, uint64_t from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = byte_at(from + i);
}

static inline struct object_stage_options options_of(struct env *env, bool resumable)
{
	return (struct object_stage_options) {
		.entity = &env->entity, .account = &env->account, .limit_bytes = UINT64_C(1) << 40,
		.resumable = resumable, .expires_us = clock_now_us() + HOUR_US,
	};
}

static inline void stream_feed(struct ostream *os, uint64_t from, uint64_t to, size_t step)
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

static inline struct uuid stage(struct env *env, uint64_t size, size_t step, bool resumable, struct object_info *info_r)
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

static inline void info_check(const struct object_info *info, uint64_t size)
{
	uint8_t *all = mem_alloc(size + 1), sha256[32];

	bytes_fill(all, 0, size);
	cipher_sha256(all, size, sha256);
	assert_memory_equal(info->sha256, sha256, 32);
	assert_int_equal(info->crc32, crc32_add(0, all, size));
	mem_free(all);
}

static inline enum pli_status apply(struct db_tx *tx, void *arg, struct err *err)
{
	return object_commit_apply(tx, arg, err);
}

static inline enum pli_status commit(struct env *env, const struct uuid *objects, unsigned count, struct err *err)
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
static inline enum pli_status read_range(struct env *env, const struct uuid *object, uint64_t offset, uint64_t length,
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

static inline void read_whole(struct env *env, const struct uuid *object, uint64_t size)
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

static inline int file_seen(const char *path, const struct stat *st, int kind)
{
	(void)path;
	(void)st;
	files_seen += kind == FTW_F;
	return 0;
}

static inline int64_t file_count(struct env *env)
{
	(void)env;
	files_seen = 0;
	assert_int_equal(ftw("blobs", file_seen, 8), 0);
	return files_seen;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
