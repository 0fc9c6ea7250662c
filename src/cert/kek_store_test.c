#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "uuid.h"

#include "keyfile.h"
#include "keyring.h"

#include "kek_store.h"

struct place {
	char dir[64];
	int fd;
	struct kek_store *store;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct err err = { 0 };
	uint8_t root[32] = { 7 };

	snprintf(p->dir, sizeof(p->dir), "/tmp/kek_store_test.XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY);
	if (mkdirat(p->fd, "kek", 0700) != 0 || keyfile_create(p->fd, "root.kek", 0600, root, sizeof(root), &err) != PLI_OK ||
	    kek_store_open(&(struct keyring){ .dir_fd = p->fd }, &p->store, &err) != PLI_OK)
		return -1;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char line[96];

	kek_store_close(p->store);
	close(p->fd);
	snprintf(line, sizeof(line), "rm -rf %s", p->dir);
	if (system(line) != 0)
		return -1;
	free(p);
	return 0;
}

/* The key of a month that is over ends, with all that it wraps and without a second life under its name. */
static void test_destroy(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	struct uuid entity = { .b = { 1, 2, 3 } };
	int64_t now = clock_month(INT64_C(1767225600) * SECOND_US);	/* January 2026 */
	uint8_t key[32] = { 9 }, wrapped[60], back[32];
	char old[64], present[64], stage[64], file[80];

	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &entity, now - 1, old, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &entity, now, present, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_STAGE, &entity, clock_day(clock_now_us()), stage, &err), PLI_OK);
	assert_int_equal(kek_store_wrap(p->store, old, strlen(old), "a", 1, key, 32, wrapped, &err), PLI_OK);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_OK);
	/* Not before its month is over, and no key of another purpose. */
	assert_int_equal(kek_store_destroy(p->store, old, strlen(old), now - 1, &err), PLI_DENIED);
	assert_int_equal(kek_store_destroy(p->store, present, strlen(present), now, &err), PLI_DENIED);
	assert_int_equal(kek_store_destroy(p->store, stage, strlen(stage), now + 100000, &err), PLI_DENIED);
	assert_int_equal(kek_store_destroy(p->store, "../root.kek", 11, now, &err), PLI_INPUT);
	assert_int_equal(kek_store_destroy(p->store, old, strlen(old), now, &err), PLI_OK);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_ABSENT);
	snprintf(file, sizeof(file), "kek/%s", old);
	assert_int_equal(faccessat(p->fd, file, F_OK, 0), -1);
	/* Again is no error; a new key of that name is another. */
	assert_int_equal(kek_store_destroy(p->store, old, strlen(old), now, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &entity, now - 1, old, &err), PLI_OK);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_INPUT);
	snprintf(file, sizeof(file), "kek/%s", present);
	assert_int_equal(faccessat(p->fd, file, F_OK, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(test_destroy, setup, teardown) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
