/* The keeper's sums: kept over a restart, taken over from the form that had four kinds, and never from a slot that is not whole. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "buf.h"

#include "signatures.h"

static int folder(void)
{
	const char *tmp = getenv("TMP");
	char name[200];
	int fd;

	snprintf(name, sizeof(name), "%s/signatures-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(name));
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* kinds sums, 10, 20, …, in a slot as it was written with so many kinds. */
static void slot(int dir, off_t at, unsigned kinds, uint64_t generation, uint64_t times)
{
	int fd = openat(dir, "signatures", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	AUTO_BUF b = { 0 };

	buf_str(&b, "PLIS");
	buf_u64(&b, generation);
	for (unsigned i = 1; i <= kinds; i++)
		buf_u64(&b, i * times);
	buf_u32(&b, (uint32_t)crc32(0, (const Bytef *)b.p, (uInt)b.n));
	assert_int_equal(pwrite(fd, b.p, b.n, at), b.n);
	close(fd);
}

static void sums(int dir, const uint64_t wanted[SIGNATURE_KINDS], unsigned add)
{
	uint64_t found[SIGNATURE_KINDS];
	struct signatures *s;
	struct err err;

	assert_int_equal(signatures_open(dir, &s, &err), PLI_OK);
	signatures_get(s, found);
	for (int i = 0; i < SIGNATURE_KINDS; i++)
		assert_int_equal(found[i], wanted[i]);
	if (add)
		signatures_add(s, SIGNATURE_CHANGE, add);
	signatures_close(s);
}

static void of_before(void **state)
{
	int dir = folder();

	(void)state;
	slot(dir, 0, 4, 6, 10);
	slot(dir, 512, 4, 7, 100);
	sums(dir, (const uint64_t[SIGNATURE_KINDS]){ 100, 200, 300, 400, 0 }, 3);
	sums(dir, (const uint64_t[SIGNATURE_KINDS]){ 100, 200, 300, 400, 3 }, 2);
	sums(dir, (const uint64_t[SIGNATURE_KINDS]){ 100, 200, 300, 400, 5 }, 0);
	close(dir);
}

static void not_whole(void **state)
{
	int dir = folder(), fd;

	(void)state;
	sums(dir, (const uint64_t[SIGNATURE_KINDS]){ 0 }, 0);
	slot(dir, 0, SIGNATURE_KINDS, 8, 10);
	slot(dir, 512, SIGNATURE_KINDS, 9, 100);
	fd = openat(dir, "signatures", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 512 + 20), 1);
	close(fd);
	sums(dir, (const uint64_t[SIGNATURE_KINDS]){ 10, 20, 30, 40, 50 }, 0);
	close(dir);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(of_before), cmocka_unit_test(not_whole) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
