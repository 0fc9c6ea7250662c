/* Spooled bytes come back as they went, from memory and from the file; nothing of them lies on the disk in clear or by name; a byte
 * changed there is noticed; limit and space are refusals. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "store_testing.h"

#include "stream.h"

#include "spool.h"

static struct db *db;
static int dir_fd;

#define OK(call)                                              \
	do {                                                  \
		if ((call) != PLI_OK)                         \
			fail_msg("%s: %s", #call, err.text); \
	} while (0)

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

static unsigned names_here(void)
{
	DIR *dir = opendir(".");
	unsigned n = 0;
	struct dirent *d;

	while ((d = readdir(dir)))
		n += d->d_name[0] == '.' && strncmp(d->d_name, ".spool", 6) == 0;
	closedir(dir);
	return n;
}

/* The file behind the only descriptor of a removed spool; -1: none. */
static int nameless(void)
{
	char link[64], name[256];

	for (int fd = 3; fd < 256; fd++) {
		ssize_t n;
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, name, sizeof(name) - 1);
		name[n > 0 ? n : 0] = '\0';
		if (strstr(name, ".spool-"))
			return fd;
	}
	return -1;
}

static struct ostream *filled(size_t size, size_t step)
{
	const struct spool_options options = { .db = db, .dir_fd = dir_fd, .limit_bytes = 8u << 20 };
	struct ostream *os;
	AUTO_BUF b = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < size; i++)
		buf_ch(&b, (char)byte_at(i));
	OK(spool_new(&options, &os, &err));
	for (size_t at = 0; at < size; at += step)
		OK(ostream_write(os, b.p + at, size - at < step ? size - at : step, &err));
	OK(ostream_finish(os, &err));
	assert_int_equal(spool_size(os), size);
	return os;
}

static void comes_back(struct ostream *os, size_t size, size_t step)
{
	struct istream *is;
	struct err err = { 0 };
	unsigned char room[70000];
	size_t at = 0, n = 1;

	OK(spool_read(os, &is, &err));
	while (n) {
		OK(istream_read(is, room, step, &n, &err));
		for (size_t i = 0; i < n; i++)
			if (room[i] != byte_at(at + i))
				fail_msg("byte %zu of %zu", at + i, size);
		at += n;
	}
	assert_int_equal(at, size);
	istream_close(is);
}

static void as_they_went(void **state)
{
	static const size_t sizes[] = { 0, 1, 16384, 131072, 131073, 147455, 147456, 147457, 500000, 3000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct ostream *os = filled(sizes[i], 7919);

		assert_int_equal(names_here(), 0);
		assert_int_equal(nameless() >= 0, sizes[i] > 131072);
		comes_back(os, sizes[i], 65536);
		comes_back(os, sizes[i], 4099);	/* once more, in other pieces */
		ostream_close(os);
		assert_int_equal(nameless(), -1);
	}
}

static void not_in_clear_and_not_changed(void **state)
{
	struct ostream *os = filled(400000, 400000);
	int fd = nameless();
	unsigned char disk[64], clear[64];
	struct istream *is;
	struct err err = { 0 };
	size_t n;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, disk, sizeof(disk), 0), sizeof(disk));
	for (size_t i = 0; i < sizeof(clear); i++)
		clear[i] = byte_at(i);
	assert_memory_not_equal(disk, clear, sizeof(clear));
	disk[5] ^= 1;
	assert_int_equal(pwrite(fd, disk, sizeof(disk), 0), sizeof(disk));
	OK(spool_read(os, &is, &err));
	assert_int_equal(istream_read(is, clear, sizeof(clear), &n, &err), PLI_IO);
	istream_close(is);
	ostream_close(os);
}

static void refusals(void **state)
{
	struct spool_options options = { .db = db, .dir_fd = dir_fd, .limit_bytes = 1000 };
	static const char bytes[1001];
	struct ostream *os;
	struct istream *is;
	struct err err = { 0 };

	(void)state;
	OK(spool_new(&options, &os, &err));
	OK(ostream_write(os, bytes, 1000, &err));
	assert_int_equal(ostream_write(os, bytes, 1, &err), PLI_LIMIT);
	assert_int_equal(spool_read(os, &is, &err), PLI_BUG);
	ostream_close(os);
	options.reserve_bytes = UINT64_MAX / 2;
	assert_int_equal(spool_new(&options, &os, &err), PLI_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_they_went),
		cmocka_unit_test(not_in_clear_and_not_changed),
		cmocka_unit_test(refusals),
	};
	struct db_options options = { .name = "test.db", .create = true };
	char path[64];
	struct err err = { 0 };
	int r;

	scratch_make(path);
	dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (db_open(&options, &db, &err) != PLI_OK) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	r = cmocka_run_group_tests(tests, NULL, NULL);
	db_close(db);
	close(dir_fd);
	scratch_remove(path);
	return r;
}
