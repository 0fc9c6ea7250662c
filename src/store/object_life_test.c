/* What becomes of an object: commit, a letter that fails, a keeper away, restart, sweep, changed bytes, erasure, quota. */
#include "object_testing.h"

#include <errno.h>

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
	assert_true(mkdir("blobs/00", 0700) == 0 || errno == EEXIST);	/* one of ours may lie there */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_failed_letter_gives_its_objects_back),
		CASE(keeper_away_means_try_later),
		CASE(a_staged_resumable_survives_a_restart),
		CASE(the_sweep_takes_what_is_over),
		CASE(changed_bytes_and_rows_do_not_open),
		CASE(erased_objects_are_gone),
		CASE(the_quota_counts_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
