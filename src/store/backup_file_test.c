#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool.h"

#include "backup_file.h"

static int made(void)
{
	struct backup_writer w, other;
	struct err err = { 0 };
	char state[BACKUP_STATE_CHARS];
	int fd = memfd_create("backup", 0), from = memfd_create("from", 0);
	uint8_t *big = mem_alloc(20000);

	memset(big, 7, 20000);
	assert_int_equal(write(from, big, 20000), 20000);
	assert_int_equal(backup_writer_begin(&w, fd, &err), PLI_OK);
	assert_int_equal(backup_writer_add_fd(&w, "data/pli.db", from, 20000, &err), PLI_OK);
	backup_writer_state(&w, state);
	assert_int_equal(backup_writer_resume(&other, fd, state, &err), PLI_OK);
	assert_int_equal(backup_writer_add(&other, "pli.conf", "x = y\n", 6, &err), PLI_OK);
	assert_int_equal(backup_writer_add(&other, "empty", "", 0, &err), PLI_OK);
	assert_int_equal(backup_writer_end(&other, &err), PLI_OK);
	assert_int_equal(backup_writer_resume(&other, fd, "zz", &err), PLI_INPUT);
	close(from);
	mem_free(big);
	return fd;
}

/* To its end; -1: refused. */
static int members_of(int fd, char *names, size_t cap)
{
	struct backup_reader r;
	struct err err = { 0 };
	enum pli_status st;
	int count = 0;

	names[0] = '\0';
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	st = backup_reader_begin(&r, fd, &err);
	while (st == PLI_OK && (st = backup_reader_next(&r, &err)) == PLI_OK) {
		size_t at = strlen(names);

		snprintf(names + at, cap - at, "%s:%d ", r.entry.name, (int)r.entry.size);
		count++;
	}
	assert_true(st == PLI_ABSENT || st == PLI_INPUT);
	return st == PLI_ABSENT ? count : -1;
}

static void test_round(void **state)
{
	char names[400];
	int fd = made();

	(void)state;
	assert_int_equal(members_of(fd, names, sizeof(names)), 3);
	assert_string_equal(names, "data/pli.db:20000 pli.conf:6 empty:0 ");
	close(fd);
}

/* Every byte that means something is bound: changed anywhere, or cut anywhere, it is refused. */
static void test_damage(void **state)
{
	char names[400];
	int fd = made();
	off_t size = lseek(fd, 0, SEEK_END);
	uint8_t *all = mem_alloc((size_t)size), c;

	(void)state;
	assert_int_equal(pread(fd, all, (size_t)size, 0), size);
	for (off_t at = 0; at < size; at += at > 3000 && at < size - 6000 ? 997 : 1) {
		bool header = at % 512 == 0 || all[at] != 0;

		c = all[at] ^ 1;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
		/* Padding means nothing. */
		if (members_of(fd, names, sizeof(names)) != -1 && header)
			fail_msg("byte %d changed: not noticed", (int)at);
		assert_int_equal(pwrite(fd, &all[at], 1, at), 1);
	}
	for (off_t cut = size - 1; cut > 0; cut -= 997) {
		assert_int_equal(ftruncate(fd, cut), 0);
		assert_int_equal(members_of(fd, names, sizeof(names)), -1);
	}
	mem_free(all);
	close(fd);
}

static void test_names(void **state)
{
	static const char *const wrong[] = { "", "/a", "a/", "a//b", "../a", "a/../b", "a/.b", ".a", "a b", "a\\b", "é" };
	static const char *const right[] = { "a", "data/blobs/00/0-1", "pli.conf", "a..b" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(tar_name_valid(wrong[i]));
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		assert_true(tar_name_valid(right[i]));
}

/* Sizes on both sides of what octal digits hold. */
static void test_sizes(void **state)
{
	const uint64_t sizes[] = { 0, 1, 511, 512, (UINT64_C(1) << 33) - 1, UINT64_C(1) << 33, UINT64_C(1) << 40 };
	struct tar_entry e;
	struct err err = { 0 };
	uint8_t block[TAR_BLOCK];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		tar_header_write("a/b", sizes[i], 1767225600, block);
		assert_int_equal(tar_header_read(block, &e, &err), PLI_OK);
		assert_int_equal(e.size, sizes[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_round), cmocka_unit_test(test_damage), cmocka_unit_test(test_names),
					    cmocka_unit_test(test_sizes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
