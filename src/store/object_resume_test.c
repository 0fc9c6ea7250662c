/* Resumable objects: breaks at random points, restarts between any two steps, many small pieces; what was announced is
 * never lost, and no chunk is sealed twice. */
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
	struct uuid entity, letter;
	uint8_t letter_key[32];
	uint8_t *bytes;
};

#define BYTES (6u << 20)

static void env_open(struct env *env)
{
	struct db_options options = { .name = "pli.db", .create = true };
	struct err err = { 0 };

	if (db_open(&options, &env->db, &err) != PLI_OK)
		fail_msg("%s", err.text);
	env->blobs = open("blobs", O_RDONLY | O_DIRECTORY);
	assert_int_equal(object_store_new(env->db, env->blobs, &env->keywrap, &env->store, &err), PLI_OK);
}

static void env_shut(struct env *env)
{
	object_store_free(env->store);
	close(env->blobs);
	db_close(env->db);
}

static void restart(struct env *env)
{
	env_shut(env);
	env_open(env);
}

static int setup(void **state)
{
	struct env *env = mem_alloc(sizeof(*env));

	scratch_make(env->path);
	assert_int_equal(mkdir("blobs", 0700), 0);
	env->keywrap = fake_keywrap(&env->keeper);
	uuid_make(&env->entity);
	uuid_make(&env->letter);
	mem_random(env->letter_key, 32);
	env->bytes = mem_alloc(BYTES);
	mem_random(env->bytes, BYTES);
	env_open(env);
	*state = env;
	return 0;
}

static int teardown(void **state)
{
	struct env *env = *state;

	env_shut(env);
	scratch_remove(env->path);
	mem_free(env->bytes);
	mem_free(env);
	return 0;
}

static size_t below(size_t n)
{
	uint64_t x;

	mem_random(&x, sizeof(x));
	return n ? (size_t)(x % n) : 0;
}

static struct ostream *begin(struct env *env, struct uuid *object_r)
{
	struct object_stage_options options = {
		.entity = &env->entity, .limit_bytes = BYTES, .resumable = true,
		.expires_us = clock_now_us() + HOUR_US,
	};
	struct ostream *os;
	struct err err = { 0 };

	if (object_stage(env->store, &options, &os, object_r, &err) != PLI_OK)
		fail_msg("stage: %s", err.text);
	return os;
}

static struct ostream *go_on(struct env *env, const struct uuid *object, size_t want)
{
	struct ostream *os;
	struct err err = { 0 };
	uint64_t offset;

	assert_int_equal(object_progress(env->store, &env->entity, object, &offset, &err), PLI_OK);
	assert_int_equal(offset, want);
	if (object_resume(env->store, &env->entity, object, &os, &offset, &err) != PLI_OK)
		fail_msg("resume: %s", err.text);
	assert_int_equal(offset, want);
	return os;
}

static void feed(struct env *env, struct ostream *os, size_t *at, size_t n)
{
	struct err err = { 0 };

	if (ostream_write(os, env->bytes + *at, n, &err) != PLI_OK)
		fail_msg("write: %s", err.text);
	*at += n;
}

static enum pli_status apply(struct db_tx *tx, void *arg, struct err *err)
{
	return object_commit_apply(tx, arg, err);
}

static void finish_and_check(struct env *env, struct ostream *os, const struct uuid *object, size_t size)
{
	AUTO_POOL pool = pool_new();
	struct object_commit *commit;
	struct object_info info;
	struct istream *is;
	struct err err = { 0 };
	uint8_t sha256[32], *got = mem_alloc(size + 1);
	uint64_t offset;
	size_t at = 0, n = 1;

	if (ostream_finish(os, &err) != PLI_OK)
		fail_msg("finish: %s", err.text);
	object_staged_info(os, &info);
	ostream_close(os);
	cipher_sha256(env->bytes, size, sha256);
	assert_int_equal(info.size, size);
	assert_memory_equal(info.sha256, sha256, 32);
	assert_int_equal(info.crc32, crc32_add(0, env->bytes, size));
	assert_int_equal(object_progress(env->store, &env->entity, object, &offset, &err), PLI_OK);
	assert_int_equal(offset, size);
	assert_int_equal(object_resume(env->store, &env->entity, object, &os, &offset, &err), PLI_CONFLICT);
	if (object_commit_prepare(env->store, pool, &env->entity, &env->letter, env->letter_key, object, 1, &commit, &err) != PLI_OK)
		fail_msg("prepare: %s", err.text);
	assert_int_equal(db_write(env->db, apply, commit, &err), PLI_OK);
	assert_int_equal(object_read(env->store, &env->entity, &env->letter, object, env->letter_key, 0, &is, &err), PLI_OK);
	while (n) {
		if (istream_read(is, got + at, size + 1 - at < 50000 ? size + 1 - at : 50000, &n, &err) != PLI_OK)
			fail_msg("read at %zu of %zu: %s", at, size, err.text);
		at += n;
	}
	istream_close(is);
	assert_int_equal(at, size);
	assert_memory_equal(got, env->bytes, size);
	for (int i = 0; i < 20 && size; i++) {
		size_t from = below(size), take = below(40000) % (size - from) + 1;

		assert_int_equal(object_read(env->store, &env->entity, &env->letter, object, env->letter_key, from, &is, &err), PLI_OK);
		for (at = 0; at < take; at += n)
			assert_int_equal(istream_read(is, got + at, take - at, &n, &err), PLI_OK);
		assert_memory_equal(got, env->bytes + from, take);
		istream_close(is);
	}
	mem_free(got);
}

/* Cut at every kind of place: inside the first chunk, at borders, inside pieces; with bytes beyond the checkpoint that are lost. */
static void breaks_at_chosen_points(void **state)
{
	struct env *env = *state;
	static const size_t points[] = { 1, 100, 16383, 16384, 16385, 32768, 40000, 262144, 262145, 1 << 20, (1 << 20) + 5, 3000000 };

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
		for (size_t lost = 0; lost < 3; lost++) {
			static const size_t beyond[] = { 0, 10, 600000 };
			struct uuid object;
			struct ostream *os = begin(env, &object);
			size_t at = 0, kept;
			uint64_t offset;
			struct err err = { 0 };

			feed(env, os, &at, points[i]);
			assert_int_equal(object_checkpoint(os, &offset, &err), PLI_OK);
			assert_int_equal(offset, points[i]);
			kept = at;
			feed(env, os, &at, beyond[lost]);
			ostream_close(os);
			if (lost)
				restart(env);
			os = go_on(env, &object, kept);
			at = kept;
			feed(env, os, &at, 33333);
			finish_and_check(env, os, &object, at);
		}
}

static void random_breaks(void **state)
{
	struct env *env = *state;

	for (int round = 0; round < 25; round++) {
		struct uuid object;
		struct ostream *os = begin(env, &object);
		size_t size = below(round % 5 ? BYTES : 40000), at = 0, kept = 0;
		size_t step = round % 3 ? 400000 : 9000;
		struct err err = { 0 };
		int breaks = 0;

		while (at < size) {
			size_t n = below(step) + 1;

			feed(env, os, &at, n < size - at ? n : size - at);
			if (below(3) == 0) {
				uint64_t offset;

				assert_int_equal(object_checkpoint(os, &offset, &err), PLI_OK);
				assert_int_equal(offset, at);
				kept = at;
			}
			if (below(4) == 0 && breaks < 40) {
				ostream_close(os);
				if (below(3) == 0)
					restart(env);
				os = go_on(env, &object, kept);
				at = kept;
				breaks++;
			}
		}
		finish_and_check(env, os, &object, size);
	}
}

/* A checkpoint twice at one place, one before any byte, and many in one stream. */
static void checkpoints_may_come_anywhere(void **state)
{
	struct env *env = *state;
	struct uuid object;
	struct ostream *os = begin(env, &object);
	struct err err = { 0 };
	uint64_t offset = 9;
	size_t at = 0;

	assert_int_equal(object_checkpoint(os, &offset, &err), PLI_OK);
	assert_int_equal(offset, 0);
	for (int i = 0; i < 200; i++) {
		feed(env, os, &at, i % 7 * 1000 + 1);
		assert_int_equal(object_checkpoint(os, &offset, &err), PLI_OK);
		assert_int_equal(object_checkpoint(os, &offset, &err), PLI_OK);
		assert_int_equal(offset, at);
	}
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM segment"), 1);
	finish_and_check(env, os, &object, at);
}

/* More segments than fit in one keeper call or one batch of rows. */
static void many_segments(void **state)
{
	struct env *env = *state;
	struct uuid object;
	struct ostream *os = begin(env, &object);
	struct err err = { 0 };
	uint64_t offset;
	size_t at = 0;

	for (int i = 0; i < 300; i++) {
		feed(env, os, &at, 16384 + (size_t)i % 3);
		assert_int_equal(object_checkpoint(os, &offset, &err), PLI_OK);
		ostream_close(os);
		os = go_on(env, &object, at);
	}
	assert_true(count_of(env->db, "SELECT count(*) FROM segment") > 256);
	finish_and_check(env, os, &object, at);
	assert_int_equal(count_of(env->db, "SELECT count(*) FROM segment WHERE kid IS NOT NULL"), 0);
}

static void one_writer_at_a_time(void **state)
{
	struct env *env = *state;
	struct uuid object, unknown;
	struct ostream *os = begin(env, &object), *other;
	struct err err = { 0 };
	uint64_t offset;
	size_t at = 0;

	feed(env, os, &at, 100);
	assert_int_equal(object_resume(env->store, &env->entity, &object, &other, &offset, &err), PLI_CONFLICT);
	assert_int_equal(object_checkpoint(os, &offset, &err), PLI_OK);
	/* Discarded under the writer's hands. */
	assert_int_equal(object_discard(env->store, &env->entity, &object, &err), PLI_OK);
	feed(env, os, &at, 100000);
	assert_int_equal(object_checkpoint(os, &offset, &err), PLI_GONE);
	assert_int_equal(ostream_finish(os, &err), PLI_GONE);
	ostream_close(os);
	assert_int_equal(object_resume(env->store, &env->entity, &object, &other, &offset, &err), PLI_ABSENT);
	uuid_make(&unknown);
	assert_int_equal(object_progress(env->store, &env->entity, &unknown, &offset, &err), PLI_ABSENT);
	assert_int_equal(object_resume(env->store, &env->entity, &unknown, &other, &offset, &err), PLI_ABSENT);
	/* A failed resume leaves no mark. */
	os = begin(env, &object);
	ostream_close(os);
	env->keeper.down = true;
	assert_int_equal(object_resume(env->store, &env->entity, &object, &os, &offset, &err), PLI_BUSY);
	env->keeper.down = false;
	assert_int_equal(object_resume(env->store, &env->entity, &object, &os, &offset, &err), PLI_OK);
	at = 0;
	feed(env, os, &at, 5);
	object_limit(os, 10, 0);
	assert_int_equal(ostream_write(os, "123456", 6, &err), PLI_LIMIT);
	ostream_close(os);
}

static enum pli_status damage(struct db_tx *tx, void *arg, struct err *err)
{
	return db_run(tx->conn, NULL, err, arg, "");
}

static void damaged_progress_is_refused(void **state)
{
	struct env *env = *state;
	static const char *const changes[] = {
		"UPDATE object SET offset_bytes = offset_bytes + 1",
		"UPDATE object SET digest_state = substr(digest_state, 1, 200)",
		"UPDATE segment SET plain_size = plain_size - 16384",
		"UPDATE segment SET wrapped = zeroblob(60)",
	};

	for (size_t i = 0; i < 4; i++) {
		struct uuid object;
		struct ostream *os = begin(env, &object);
		struct err err = { 0 };
		uint64_t offset;
		size_t at = 0;

		feed(env, os, &at, 50000);
		assert_int_equal(object_checkpoint(os, &offset, &err), PLI_OK);
		ostream_close(os);
		assert_int_equal(db_write(env->db, damage, (void *)(uintptr_t)changes[i], &err), PLI_OK);
		assert_int_not_equal(object_resume(env->store, &env->entity, &object, &os, &offset, &err), PLI_OK);
		assert_int_equal(object_discard(env->store, &env->entity, &object, &err), PLI_OK);
	}
	assert_int_equal(db_healthy(env->db, NULL), PLI_OK);
}

/* Two timelines of one chunk number must never share key and nonce: after a break the sealed bytes of a chunk differ even
 * for the same plain bytes, and the header (salt) is new. */
static void no_chunk_is_sealed_twice(void **state)
{
	struct env *env = *state;
	struct uuid object;
	struct ostream *os = begin(env, &object);
	struct err err = { 0 };
	char entity[33], id[33], path[128];
	uint8_t before[16456], after[16456];
	uint64_t offset;
	size_t at = 0;
	int fd;

	feed(env, os, &at, 16384);
	assert_int_equal(object_checkpoint(os, &offset, &err), PLI_OK);
	feed(env, os, &at, 1 << 20);
	ostream_close(os);
	hex_encode(entity, env->entity.b, 16);
	hex_encode(id, object.b, 16);
	snprintf(path, sizeof(path), "blobs/%s/%s-%s.part", id + 30, entity, id);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, before, 16400, 56 + 16400), 16400);
	os = go_on(env, &object, 16384);
	at = 16384;
	feed(env, os, &at, 1 << 20);
	assert_int_equal(object_checkpoint(os, &offset, &err), PLI_OK);
	assert_int_equal(pread(fd, after, 16456, 56 + 16400), 16456);
	close(fd);
	for (size_t i = 0; i + 32 <= 16400; i += 16)
		assert_memory_not_equal(before + i, after + 56 + i, 16);
	finish_and_check(env, os, &object, at);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(breaks_at_chosen_points),
		CASE(random_breaks),
		CASE(checkpoints_may_come_anywhere),
		CASE(many_segments),
		CASE(one_writer_at_a_time),
		CASE(damaged_progress_is_refused),
		CASE(no_chunk_is_sealed_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
