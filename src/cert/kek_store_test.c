#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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

#include "kek_left.h"
#include "kek_store.h"

struct place {
	char dir[64];
	int fd, kek;
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
	p->kek = openat(p->fd, "kek", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char line[96];

	kek_store_close(p->store);
	close(p->kek);
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
	int64_t january = INT64_C(1767225600) * SECOND_US, february = january + 31 * DAY_US, due, now = clock_month(january);	/* 2026 */
	uint8_t key[32] = { 9 }, wrapped[60], back[32];
	char old[64], present[64], stage[64], file[80];

	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &entity, now - 1, old, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &entity, now, present, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_STAGE, &entity, clock_day(clock_now_us()), stage, &err), PLI_OK);
	assert_int_equal(kek_store_wrap(p->store, old, strlen(old), "a", 1, key, 32, wrapped, &err), PLI_OK);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_OK);
	/* Not before its month is over, and no key of another purpose. */
	assert_int_equal(kek_store_destroy(p->store, old, strlen(old), january - 1, &due, &err), PLI_DENIED);
	assert_int_equal(kek_store_destroy(p->store, present, strlen(present), february - 1, &due, &err), PLI_DENIED);
	assert_int_equal(kek_store_destroy(p->store, stage, strlen(stage), 2 * february, &due, &err), PLI_DENIED);
	assert_int_equal(kek_store_destroy(p->store, "../root.kek", 11, january, &due, &err), PLI_INPUT);
	assert_int_equal(kek_store_destroy(p->store, old, strlen(old), january, &due, &err), PLI_OK);
	assert_int_equal(due, 0);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_ABSENT);
	snprintf(file, sizeof(file), "kek/%s", old);
	assert_int_equal(faccessat(p->fd, file, F_OK, 0), -1);
	/* Again is no error; a new key of that name is another. */
	assert_int_equal(kek_store_destroy(p->store, old, strlen(old), january, &due, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &entity, now - 1, old, &err), PLI_OK);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_INPUT);
	snprintf(file, sizeof(file), "kek/%s", present);
	assert_int_equal(faccessat(p->fd, file, F_OK, 0), 0);
}

static unsigned told;
static int marks_fd;

static void leaving(void *arg, const char *kid, uint64_t number, int64_t due_us)
{
	struct kek_left left;

	(void)arg;
	assert_string_equal(kid, "letter-01020300000000000000000000000000-206001");
	assert_int_equal(number, 5);
	assert_in_range(due_us, clock_now_us() + 6 * DAY_US, clock_now_us() + 7 * DAY_US);
	/* Before it is noted: a process that is killed here has said it. */
	assert_int_not_equal(kek_left_read(marks_fd, kid, &left, NULL), PLI_OK);
	told++;
}

static const struct kek_leaving LEAVING = { leaving, NULL };

/* So often since it was asked last. */
static void heard(unsigned count)
{
	assert_int_equal(told, count);
	told = 0;
}

static void another_root(struct place *p, char digit)
{
	struct err err = { 0 };
	char id[66];

	memset(id, digit, 64);
	id[64] = '\n';
	assert_int_equal(keyfile_replace(p->fd, "root.id", 0600, id, 65, &err), PLI_OK);
	assert_int_equal(kek_store_reroot(p->store, &err), PLI_OK);
}

static bool is_there(struct place *p, const char *kid, const char *suffix)
{
	char file[96];

	snprintf(file, sizeof(file), "kek/%s%s", kid, suffix);
	return faccessat(p->fd, file, F_OK, 0) == 0;
}

static void destroyed(struct place *p, const char *kid, int64_t now_us, enum pli_status wanted, int64_t wanted_due)
{
	int64_t due;
	struct err err = { 0 };
	enum pli_status status = kek_store_destroy(p->store, kid, strlen(kid), now_us, &due, &err);

	if (status != wanted || due != wanted_due)
		fail_msg("%s: %s, due %lld: %s", kid, pli_status_name(status), (long long)due, err.text);
}

static void reopen(struct place *p)
{
	struct err err = { 0 };

	kek_store_close(p->store);
	assert_int_equal(kek_store_open(&p->ring, &p->store, &err), PLI_OK);
}

/* A mark that cannot be read ends nothing, and is one; an end that was broken off is gone on with. */
static void mark_damaged(struct place *p, const char *old, const char *fresh, const uint8_t *wrapped, int64_t now_us, int64_t later)
{
	char name[80];
	uint8_t key[32] = { 9 }, again[60], back[32];
	unsigned count, damaged;
	struct err err = { 0 };
	int64_t due;

	snprintf(name, sizeof(name), "%s.left", old);
	assert_int_equal(keyfile_replace(p->kek, name, 0600, "1\n", 2, &err), PLI_OK);
	reopen(p);
	assert_int_equal(kek_store_left(p->store, &count, &due, &damaged, &err), PLI_OK);
	assert_int_equal(count, 0);
	assert_int_equal(due, 0);
	assert_int_equal(damaged, 1);
	destroyed(p, old, later, PLI_CONFLICT, 0);
	assert_int_equal(kek_store_wrap(p->store, old, strlen(old), "a", 1, key, 32, again, &err), PLI_ABSENT);
	/* Use of the key does not take its place; saying it again does. */
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_OK);
	destroyed(p, old, later, PLI_CONFLICT, 0);
	assert_int_equal(kek_store_leave(p->store, old, strlen(old), fresh, 5, now_us, &LEAVING, &err), PLI_OK);
	heard(1);
	destroyed(p, old, now_us, PLI_OK, now_us + 7 * DAY_US);
	assert_int_equal(kek_store_left(p->store, &count, &due, &damaged, &err), PLI_OK);
	assert_int_equal(count, 1);
	assert_int_equal(due, now_us + 7 * DAY_US);
	assert_int_equal(damaged, 0);
	/* Broken off between the key's overwriting and its name's end: said again, and finished. */
	assert_int_equal(kek_left_write(p->kek, old, &(struct kek_left){ now_us, "letter-x", 5 }, &err), PLI_OK);
	assert_int_equal(keyfile_replace(p->kek, old, 0600, "noise noise noise noise noise noise noise noise noise noise!", 60, &err), PLI_OK);
	reopen(p);
	assert_int_equal(kek_store_leave(p->store, old, strlen(old), fresh, 5, now_us, &LEAVING, &err), PLI_OK);
	heard(0);
}

/* Another wrapping key: what is made from then on is another key of another name; one of before may be destroyed before its month is over, but
 * not on anybody's word alone, and not while it is used. */
static void test_another_root(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	struct uuid entity = { .b = { 1, 2, 3 } }, stranger = { .b = { 4 } };
	int64_t month = 2060 * 12, today = clock_day(clock_now_us()), now_us = clock_now_us() / SECOND_US * SECOND_US, later;
	uint8_t key[32] = { 9 }, wrapped[60], again[60], back[32];
	char old[64], unused[64], fresh[64], other[64], stage[64], old_stage[64], meta[64];
	unsigned count;

	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &entity, month, old, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &entity, month + 1, unused, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_STAGE, &entity, today, old_stage, &err), PLI_OK);
	assert_int_equal(kek_store_wrap(p->store, old, strlen(old), "a", 1, key, 32, wrapped, &err), PLI_OK);
	marks_fd = p->kek;
	another_root(p, 'd');
	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &entity, month, fresh, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_LETTER, &stranger, month, other, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_STAGE, &entity, today, stage, &err), PLI_OK);
	assert_int_equal(kek_store_make(p->store, KEK_META, &entity, 0, meta, &err), PLI_OK);
	assert_string_equal(fresh, "letter-01020300000000000000000000000000-206001-dddddddd");
	assert_string_equal(meta, "meta-01020300000000000000000000000000-dddddddd");
	assert_memory_equal(stage, old_stage, strlen(old_stage));
	assert_string_equal(stage + strlen(old_stage), "-dddddddd");
	/* Nothing goes that was not left; names that only look like a key's are none. */
	destroyed(p, old, now_us + 3650 * DAY_US, PLI_DENIED, 0);
	destroyed(p, fresh, now_us, PLI_DENIED, 0);
	destroyed(p, old_stage, now_us, PLI_DENIED, 0);
	destroyed(p, meta, now_us, PLI_DENIED, 0);
	assert_int_equal(kek_store_leave(p->store, fresh, strlen(fresh), fresh, 5, now_us, &LEAVING, &err), PLI_DENIED);
	assert_int_equal(kek_store_leave(p->store, old_stage, strlen(old_stage), stage, 5, now_us, &LEAVING, &err), PLI_DENIED);
	/* Not for another's key, one of before, one that is not there, another month's. */
	assert_int_equal(kek_store_leave(p->store, old, strlen(old), other, 5, now_us, &LEAVING, &err), PLI_CONFLICT);
	assert_int_equal(kek_store_leave(p->store, old, strlen(old), old, 5, now_us, &LEAVING, &err), PLI_CONFLICT);
	assert_int_equal(kek_store_leave(p->store, unused, strlen(unused), "letter-01020300000000000000000000000000-206002-dddddddd", 5, now_us, &LEAVING,
					 &err), PLI_CONFLICT);
	assert_int_equal(kek_store_leave(p->store, unused, strlen(unused), fresh, 5, now_us, &LEAVING, &err), PLI_CONFLICT);
	assert_int_equal(kek_store_wrap(p->store, old, strlen(old), "a", 1, key, 32, again, &err), PLI_OK);
	destroyed(p, old, now_us, PLI_DENIED, 0);

	heard(0);
	/* Left: it wraps nothing more and goes on opening.  Said again it is not later. */
	assert_int_equal(kek_store_leave(p->store, old, strlen(old), fresh, 5, now_us, &LEAVING, &err), PLI_OK);
	heard(1);
	assert_int_equal(kek_store_leave(p->store, old, strlen(old), fresh, 6, now_us + DAY_US, &LEAVING, &err), PLI_OK);
	heard(0);
	later = now_us + 7 * DAY_US;
	for (int life = 0; life < 2; life++) {
		assert_int_equal(kek_store_wrap(p->store, old, strlen(old), "a", 1, key, 32, again, &err), PLI_ABSENT);
		assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_OK);
		assert_memory_equal(back, key, 32);
		destroyed(p, old, now_us, PLI_OK, later);
		destroyed(p, old, later - 1, PLI_OK, later);
		reopen(p);
	}
	kek_store_delay(p->store, 30);
	destroyed(p, old, later, PLI_OK, now_us + 30 * DAY_US);
	kek_store_delay(p->store, 7);
	/* Changed once more meanwhile: what was said holds. */
	another_root(p, 'e');
	assert_int_equal(kek_store_leave(p->store, old, strlen(old), fresh, 5, now_us, &LEAVING, &err), PLI_OK);
	heard(0);
	destroyed(p, old, later - 1, PLI_OK, later);
	another_root(p, 'd');
	/* Used, an hour and more after it was left: its time begins anew.  What does not open is no use. */
	assert_int_equal(kek_left_write(p->kek, old, &(struct kek_left){ now_us - 6 * DAY_US, "letter-x", 5 }, &err), PLI_OK);
	reopen(p);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "b", 1, wrapped, 60, back, &err), PLI_INPUT);
	destroyed(p, old, now_us, PLI_OK, now_us + DAY_US);
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_OK);
	reopen(p);
	{
		int64_t due;

		assert_int_equal(kek_store_destroy(p->store, old, strlen(old), now_us + DAY_US, &due, &err), PLI_OK);
		assert_in_range(due, now_us + 7 * DAY_US, clock_now_us() + 7 * DAY_US);
		later = due;
	}
	mark_damaged(p, old, fresh, wrapped, now_us, later);
	destroyed(p, old, now_us + 7 * DAY_US, PLI_OK, 0);
	assert_false(is_there(p, old, ""));
	assert_false(is_there(p, old, ".left"));
	assert_int_equal(kek_store_unwrap(p->store, old, strlen(old), "a", 1, wrapped, 60, back, &err), PLI_ABSENT);
	/* Asked again, also by who had not heard of it. */
	assert_int_equal(kek_store_leave(p->store, old, strlen(old), fresh, 5, now_us, &LEAVING, &err), PLI_OK);
	heard(0);
	destroyed(p, old, now_us, PLI_OK, 0);
	assert_false(is_there(p, old, ".left"));

	/* Once its month is over, one under the root in use goes as any other. */
	destroyed(p, fresh, clock_now_us() + 35 * 366 * DAY_US, PLI_OK, 0);
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
