/* Objects from stage to reading: sizes around every border, ranges, digests, limits, many at once. */
#include "object_testing.h"

#include <pthread.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_size_comes_back),
		CASE(small_objects_wait_in_memory),
		CASE(memory_for_small_objects_is_bounded),
		CASE(ranges_of_a_large_object),
		CASE(limits_and_reserves_refuse),
		CASE(closing_without_finish_leaves_nothing),
		CASE(many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
