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
	struct keyring ring;
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
	p->ring.dir_fd = p->fd;
	if (mkdirat(p->fd, "kek", 0700) != 0 || keyfile_create(p->fd, "root.kek", 0600, root, sizeof(root), &err) != PLI_OK ||
	    kek_store_open(&p->ring, &p->store, &err) != PLI_OK)
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

/* Another wrapping key: what is made from then on is another key of another name; those of before may be destroyed before their time, and
 * then open a little longer what was read just before, from memory alone. */
static void test_another_root(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	struct uuid entity = { .b = { 1, 2, 3 } };
	int64_t month = 2030 * 12, today = clock_day(clock_now_us()), now_us, lapse_us;
	uint8_t key[32] = { 9 }, wrapped[60], back[32];
	char old[64], fresh[64], stage[64], old_stage[64], meta[64], file[80], id[66];
	unsigned count;

	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &entity, month, old, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_STAGE, &entity, today, old_stage, &err), PLI_OK);
	assert_int_equal(kek_store_wrap(p->store, old, strlen(old), "a", 1, key, 32, wrapped, &err), PLI_OK);
	assert_int_equal(kek_store_destroy(p->store, old, strlen(old), month - 1, &err), PLI_DENIED);
	memset(id, 'd', 64);
	id[64] = '\n';
	assert_int_equal(keyfile_replace(p->fd, "root.id", 0600, id, 65, &err), PLI_OK);
	assert_int_equal(kek_store_reroot(p->store, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &entity, month, fresh, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_STAGE, &entity, today, stage, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_META, &entity, 0, meta, &err), PLI_OK);
	assert_string_equal(fresh, "letter-01020300000000000000000000000000-203001-dddddddd");
	assert_string_equal(meta, "meta-01020300000000000000000000000000-dddddddd");
	assert_memory_equal(stage, old_stage, strlen(old_stage));
	assert_string_equal(stage + strlen(old_stage), "-dddddddd");
	/* The one in use stays; so do those of other purposes, and names that only look like one. */
	assert_int_equal(kek_store_destroy(p->store, fresh, strlen(fresh), month, &err), PLI_DENIED);
	assert_int_equal(kek_store_destroy(p->store, old_stage, strlen(old_stage), month, &err), PLI_DENIED);
	assert_int_equal(kek_store_destroy(p->store, meta, strlen(meta), month, &err), PLI_DENIED);
	assert_int_equal(kek_store_destroy(p->store, fresh, strlen(fresh) - 1, month, &err), PLI_DENIED);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_OK);
	assert_int_equal(kek_store_destroy(p->store, old, strlen(old), month, &err), PLI_OK);
	snprintf(file, sizeof(file), "kek/%s", old);
	assert_int_equal(faccessat(p->fd, file, F_OK, 0), -1);
	memset(back, 0, sizeof(back));
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_OK);
	assert_memory_equal(back, key, 32);
	assert_int_equal(kek_store_wrap(p->store, old, strlen(old), "a", 1, key, 32, wrapped, &err), PLI_ABSENT);
	/* Not for longer than a minute. */
	lapse_us = kek_store_lapse(p->store, now_us = clock_mono_us());
	assert_in_range(lapse_us - now_us, 1, 60 * SECOND_US);
	assert_int_equal(kek_store_lapse(p->store, lapse_us - 1), lapse_us);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_OK);
	assert_int_equal(kek_store_lapse(p->store, lapse_us), 0);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_ABSENT);
	assert_int_equal(kek_store_lapse(p->store, INT64_MAX), 0);
	/* Another process knows nothing of it. */
	kek_store_close(p->store);
	assert_int_equal(kek_store_open(&p->ring, &p->store, &err), PLI_OK);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_ABSENT);
	/* Once its month is over, one under the root in use goes as any other. */
	assert_int_equal(kek_store_destroy(p->store, fresh, strlen(fresh), month + 1, &err), PLI_OK);
	/* Staging keys of both names end with their day. */
	assert_int_equal(kek_store_sweep(p->store, today + 14, &count, &err), PLI_OK);
	assert_int_equal(count, 0);
	assert_int_equal(kek_store_sweep(p->store, today + 15, &count, &err), PLI_OK);
	assert_int_equal(count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_destroy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_root, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
