/* What is remembered of a reading opens for that reader alone, for that letter and that wrap of its key, and not for long. */
#include <malloc.h>

#include "office_testing.h"

#include "delivery.h"
#include "meter.h"
#include "notice.h"

#include "key_memory.h"

static struct instance in;

struct reading {
	uint8_t cookie[32], session[32], secret[32], wrapped[60], key[32];
	struct uuid entity, letter;
	struct key_memory_place place;
};

static void reading_make(struct reading *r)
{
	mem_random(r, sizeof(*r));
	key_memory_secret(r->cookie, r->secret);
	r->place = (struct key_memory_place){ .session = r->session, .secret = r->secret, .entity = &r->entity, .letter = &r->letter,
					      .wrapped = r->wrapped, .wrapped_n = sizeof(r->wrapped) };
}

static bool remembers(struct key_memory *m, const struct reading *r, int64_t now_us)
{
	uint8_t key[32];

	return key_memory_get(m, &r->place, now_us, key) && memcmp(key, r->key, 32) == 0;
}

static void opens_for_its_reader_alone(void **state)
{
	struct key_memory *m = key_memory_new();
	struct reading r, other;
	uint8_t key[32];

	(void)state;
	reading_make(&r);
	reading_make(&other);
	assert_false(remembers(m, &r, 0));
	key_memory_put(m, &r.place, 0, r.key);
	assert_true(remembers(m, &r, 1));
	assert_true(remembers(m, &r, 1));

	/* Whoever has only the database's side of it: the digest, the letter, the wrapped key. */
	other.place = r.place;
	other.place.secret = other.secret;
	assert_false(key_memory_get(m, &other.place, 1, key));
	other.place = r.place;
	other.place.letter = &other.letter;
	assert_false(key_memory_get(m, &other.place, 1, key));
	other.place = r.place;
	other.place.entity = &other.entity;
	assert_false(key_memory_get(m, &other.place, 1, key));
	other.place = r.place;
	other.place.session = other.session;
	assert_false(key_memory_get(m, &other.place, 1, key));
	/* Wrapped anew. */
	other.place = r.place;
	other.place.wrapped = other.wrapped;
	assert_false(key_memory_get(m, &other.place, 1, key));
	other.place.wrapped_n--;
	assert_false(key_memory_get(m, &other.place, 1, key));
	other.place.wrapped_n = 1000;
	key_memory_put(m, &other.place, 0, key);
	assert_false(key_memory_get(m, &other.place, 1, key));
	assert_true(remembers(m, &r, 1));
	key_memory_free(m);
}

static bool holds(const struct key_memory *m, const void *p)
{
	return memmem(m, malloc_usable_size((void *)(uintptr_t)m), p, 32) != NULL;
}

static void holds_neither_key_nor_secret(void **state)
{
	struct key_memory *m = key_memory_new();
	struct reading r;

	(void)state;
	reading_make(&r);
	key_memory_put(m, &r.place, 0, r.key);
	assert_true(holds(m, r.session));	/* the look is the right one */
	assert_false(holds(m, r.key));
	assert_false(holds(m, r.secret));
	assert_false(holds(m, r.cookie));
	key_memory_forget(m, &r.letter);
	assert_false(holds(m, r.session));
	key_memory_free(m);
}

static void ends_with_its_time(void **state)
{
	struct key_memory *m = key_memory_new();
	struct reading r;

	(void)state;
	reading_make(&r);
	key_memory_put(m, &r.place, 1000, r.key);
	/* Being used does not make it last. */
	assert_true(remembers(m, &r, 1000 + KEY_MEMORY_US - 1));
	key_memory_sweep(m, 1000 + KEY_MEMORY_US - 1);
	assert_true(remembers(m, &r, 1000 + KEY_MEMORY_US - 1));
	assert_false(remembers(m, &r, 1000 + KEY_MEMORY_US));
	assert_false(holds(m, r.session));

	key_memory_put(m, &r.place, 1000, r.key);
	key_memory_sweep(m, 1000 + KEY_MEMORY_US);
	assert_false(holds(m, r.session));
	key_memory_free(m);
}

static void forgets_all_readings_of_a_letter(void **state)
{
	struct key_memory *m = key_memory_new();
	struct reading r[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		reading_make(&r[i]);
		if (i % 2)
			r[i].letter = r[1].letter;
		key_memory_put(m, &r[i].place, 0, r[i].key);
	}
	key_memory_forget(m, &r[1].letter);
	for (int i = 0; i < 20; i++)
		assert_int_equal(remembers(m, &r[i], 1), i % 2 == 0);
	key_memory_free(m);
}

static void is_bounded(void **state)
{
	struct key_memory *m = key_memory_new();
	static struct reading r[5000];
	int found = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		reading_make(&r[i]);
		key_memory_put(m, &r[i].place, i, r[i].key);
		assert_true(remembers(m, &r[i], i));	/* the newest always has its place */
	}
	for (int i = 0; i < 5000; i++)
		found += remembers(m, &r[i], 5000);
	assert_in_range(found, 500, 1024);
	key_memory_free(m);
}

/* ---- in the office ---- */

static const struct journal_actor READER = { .method = "link", .level = 1, .channel = "web", .ip = "192.0.2.9", .tls = "TLSv1.3" };

static enum pli_status render(void *arg, struct pool *pool, const struct notice_view *view, struct buf *mail_out,
			      size_t *content_at_r, struct err *err)
{
	(void)arg;
	(void)pool;
	(void)content_at_r;
	(void)err;
	buf_str(mail_out, strrchr(view->link, '/') + 1);
	return PLI_OK;
}

static uint64_t keeper_asked(void)
{
	struct meter *asked, *appended;
	uint64_t sum = 0;

	keeper_meters(in.keeper, &asked, &appended);
	for (int i = 0; i <= METER_BUCKETS; i++)
		sum += atomic_load(&asked->counts[i]);
	return sum;
}

static const char *link_of_a_letter(struct pool *pool, struct uuid *letter_r)
{
	static const char *const ONE[] = { "a@example.org", NULL };
	struct deposit d = { .to = ONE, .subject = "s", .message = "m" };
	struct notice_job job;
	unsigned count = 0;
	struct err err = { 0 };
	AUTO_BUF body;

	buf_init(&body);
	OK(instance_deposit(&in, &in.editor, &d, letter_r, &body, &err));
	OK(journal_wait(in.journal, journal_size(in.journal), 5000, &err));
	OK(notice_lease(in.office, pool, render, NULL, 1, &job, &count, &err));
	assert_int_equal(count, 1);
	return pool_strn(pool, job.mail, job.mail_n);
}

static void the_keeper_is_asked_once(void **state)
{
	AUTO_POOL pool = pool_new();
	struct delivery_view first, again;
	struct err err = { 0 };
	struct uuid letter;
	const char *link = link_of_a_letter(pool, &letter);
	char cookie[64], other[64];
	uint64_t asked;

	(void)state;
	OK(delivery_open(in.office, pool, link, NULL, &READER, cookie, &err));
	OK(delivery_open(in.office, pool, link, NULL, &READER, other, &err));
	OK(delivery_view(in.office, pool, link, cookie, &first, &err));
	asked = keeper_asked();
	for (int i = 0; i < 100; i++) {
		OK(delivery_view(in.office, pool, link, cookie, &again, &err));
		assert_memory_equal(first.letter_key, again.letter_key, 32);
		assert_string_equal(again.message, "m");
	}
	assert_int_equal(keeper_asked(), asked);
	/* Another reading of the same link asks for itself. */
	asked = keeper_asked();
	OK(delivery_view(in.office, pool, link, other, &again, &err));
	assert_int_equal(keeper_asked(), asked + 1);
	key_memory_forget(in.office->key_memory, &letter);
	asked = keeper_asked();
	OK(delivery_view(in.office, pool, link, cookie, &again, &err));
	assert_int_equal(keeper_asked(), asked + 1);
}

/* What the database says counts, whatever is remembered. */
static void a_session_that_ended_reads_no_more(void **state)
{
	AUTO_POOL pool = pool_new();
	struct delivery_view view;
	struct err err = { 0 };
	struct uuid letter;
	const char *link = link_of_a_letter(pool, &letter);
	char cookie[64];

	(void)state;
	OK(delivery_open(in.office, pool, link, NULL, &READER, cookie, &err));
	OK(delivery_view(in.office, pool, link, cookie, &view, &err));
	instance_run(&in, "UPDATE letter SET state = 'deleted'");
	assert_int_equal(delivery_view(in.office, pool, link, cookie, &view, &err), PLI_GONE);
	instance_run(&in, "UPDATE letter SET state = 'sent'");
	OK(delivery_view(in.office, pool, link, cookie, &view, &err));
	instance_run(&in, "UPDATE recipient SET locked = 1");
	assert_int_equal(delivery_view(in.office, pool, link, cookie, &view, &err), PLI_LOCKED);
	instance_run(&in, "UPDATE recipient SET locked = NULL");
	instance_run(&in, "DELETE FROM reading_session");
	assert_int_equal(delivery_view(in.office, pool, link, cookie, &view, &err), PLI_UNAUTH);
}

static int make(void **state)
{
	(void)state;
	instance_make(&in);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	instance_drop(&in);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_for_its_reader_alone),
		cmocka_unit_test(holds_neither_key_nor_secret),
		cmocka_unit_test(ends_with_its_time),
		cmocka_unit_test(forgets_all_readings_of_a_letter),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(the_keeper_is_asked_once),
		cmocka_unit_test(a_session_that_ended_reads_no_more),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
