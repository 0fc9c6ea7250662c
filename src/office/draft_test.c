/* Drafts against a real database, a real keeper and real blobs: anything typed is kept, files live as long as the draft, sending is strict
 * and happens once. */
#include "office_testing.h"

#include "draft.h"
#include "draft_own.h"
#include "letter_journal.h"
#include "letter_own.h"
#include "retention_own.h"
#include "upload.h"

static struct instance in;
static struct journal_actor actor;

static struct uuid made(struct draft_change *change, char id[37])
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct uuid draft;
	bool replayed;

	OK(draft_create(in.office, &in.editor, &actor, pool, change, &draft, &replayed, &err));
	assert_false(replayed);
	uuid_format(id, &draft);
	return draft;
}

static struct draft *got(struct pool *pool, const char *id)
{
	struct err err = { 0 };
	struct draft *d;

	OK(draft_get(in.office, &in.editor, pool, id, &d, &err));
	return d;
}

static void changed(const char *id, struct draft_change *change)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };

	OK(draft_change(in.office, &in.editor, &actor, pool, id, change, &err));
}

static void anything_typed_is_kept(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	char id[37];
	struct draft *d;
	struct letter *letter;
	struct draft_change first = { .to = "a@example.org, not an address", .subject = "" };
	struct draft_change then = { .message = "Bonjour\r\n<b>", .password = "p", .expires = "soon" };

	(void)state;
	made(&first, id);
	d = got(pool, id);
	assert_string_equal(d->to, "a@example.org, not an address");
	assert_string_equal(d->message, "");
	assert_int_equal(d->version, 1);
	changed(id, &then);
	d = got(pool, id);
	assert_string_equal(d->to, "a@example.org, not an address");
	assert_string_equal(d->message, "Bonjour\r\n<b>");
	assert_string_equal(d->password, "p");
	assert_string_equal(d->expires, "soon");
	assert_int_equal(d->version, 2);
	/* What is not acceptable is said when it is to be sent, field by field. */
	REFUSED(draft_check(in.office, &in.editor, &actor, pool, d, &letter, &err), PLI_INVALID, "bad-address");
	assert_string_equal(err.field, "to");
	changed(id, &(struct draft_change){ .to = "a@example.org" });
	REFUSED(draft_check(in.office, &in.editor, &actor, pool, got(pool, id), &letter, &err), PLI_INVALID, "empty-subject");
	changed(id, &(struct draft_change){ .subject = "S" });
	REFUSED(draft_check(in.office, &in.editor, &actor, pool, got(pool, id), &letter, &err), PLI_INVALID, "bad-date");
	changed(id, &(struct draft_change){ .expires = "" });
	OK(draft_check(in.office, &in.editor, &actor, pool, got(pool, id), &letter, &err));
	assert_int_equal(letter->recipient_count, 1);
	OK(draft_delete(in.office, &in.editor, &actor, pool, id, &err));
	REFUSED(draft_get(in.office, &in.editor, pool, id, &d, &err), PLI_ABSENT, NULL);
}

static void files_live_with_the_draft(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	AUTO_BUF body, bytes;
	char id[37], *big = pool_alloc(pool, 100000);
	const unsigned second = 2;
	struct deposit_part parts[3];
	struct draft_change first = { .to = "a@example.org", .subject = "Files", .parts = parts, .part_count = 3 };
	struct draft_change out = { .remove = &second, .remove_count = 1 };
	struct deposit_part more;
	struct draft_change in_again = { .parts = &more, .part_count = 1 };
	struct uuid draft, sent;
	struct draft *d;
	struct letter *letter;
	struct letter_keys keys;
	struct istream *is;
	struct instance_counts before = instance_counts(&in);
	struct db_conn *conn;
	uint8_t key[32];
	unsigned removed;
	size_t n = 1;

	(void)state;
	buf_init(&body);
	buf_init(&bytes);
	mem_random(big, 100000);
	parts[0] = instance_stage(&in, &in.editor, "one.txt", "abc", 3);
	parts[1] = instance_stage(&in, &in.editor, "two.bin", big, 100000);
	parts[2] = instance_stage(&in, &in.editor, "three.bin", big, 50000);
	draft = made(&first, id);
	/* Years later, as far as sweeps are concerned. */
	OK(object_sweep(in.objects, clock_now_us() + 400 * DAY_US, 0, &removed, &err));
	assert_int_equal(removed, 0);
	instance_restart(&in);
	actor = instance_actor(&in.editor);
	more = instance_stage(&in, &in.editor, "four.txt", "", 0);
	changed(id, &in_again);
	changed(id, &out);
	d = got(pool, id);
	assert_int_equal(d->part_count, 3);
	assert_string_equal(d->parts[1].name, "three.bin");
	assert_int_equal(d->parts[1].n, 2);
	assert_string_equal(d->parts[2].name, "four.txt");
	OK(draft_send(in.office, &in.editor, &actor, pool, id, 0, NULL, &sent, &body, &err));
	assert_true(uuid_same(&sent, &draft));
	OK(letter_get(in.office, &in.editor, pool, id, &letter, &err));
	assert_int_equal(letter->part_count, 3);
	conn = db_reader_take(in.db);
	OK(letter_load(in.office, conn, pool, &in.mairie, &sent, &letter, &keys, &err));
	db_reader_give(in.db, conn);
	OK(letter_key_unwrap(in.office, letter, &keys, key, &err));
	OK(object_read(in.objects, &in.mairie, &sent, &letter->parts[1].object, key, 0, &is, &err));
	while (n) {
		char *at = buf_reserve(&bytes, 65536);
		OK(istream_read(is, at, 65536, &n, &err));
		bytes.n += n;
	}
	istream_close(is);
	assert_int_equal(bytes.n, 50000);
	assert_memory_equal(bytes.p, big, 50000);
	assert_int_equal(instance_counts(&in).files, before.files + 1);	/* the larger one went with its row */
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM draft"), 0);
	if (instance_verify(&in, &err) != 0)
		fail_msg("%s", err.text);
}

static void a_draft_given_up_leaves_its_rows_of_the_journal_alone(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	AUTO_BUF out;
	char id[37], *big = pool_alloc(pool, 100000);
	struct deposit_part part;
	struct draft_change first = { .subject = "Given up", .parts = &part, .part_count = 1 };
	struct instance_counts before = instance_counts(&in), after;
	struct letter_journal_query q = { .lang = "en", .csv = true };

	(void)state;
	buf_init(&out);
	part = instance_stage(&in, &in.editor, "x.bin", big, 100000);
	made(&first, id);
	REFUSED(draft_delete(in.office, &in.colleague, &actor, pool, id, &err), PLI_ABSENT, NULL);
	REFUSED(draft_delete(in.office, &in.reader, &actor, pool, id, &err), PLI_DENIED, NULL);
	OK(draft_delete(in.office, &in.editor, &actor, pool, id, &err));
	after = instance_counts(&in);
	assert_int_equal(after.rows, before.rows + 2);	/* draft.created, draft.deleted */
	assert_int_equal(after.files, before.files);
	OK(letter_journal(in.office, &in.editor, pool, &q, &out, &err));
	assert_non_null(strstr(out.p, "Sender Name,Given up,Deleted,Document deleted"));
	buf_reset(&out);
	OK(letter_journal(in.office, &in.colleague, pool, &q, &out, &err));
	assert_null(strstr(out.p, "Given up"));
}

static void once(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	AUTO_BUF body, again;
	char id[37];
	struct draft_change change = { .to = "a@example.org", .subject = "Once", .idempotency_key = "k1", .route = "t" };
	struct uuid first, second;
	bool replayed;

	(void)state;
	buf_init(&body);
	buf_init(&again);
	first = made(&change, id);
	OK(draft_create(in.office, &in.editor, &actor, pool, &change, &second, &replayed, &err));
	assert_true(replayed && uuid_same(&first, &second));
	change.subject = "Twice";
	REFUSED(draft_create(in.office, &in.editor, &actor, pool, &change, &second, &replayed, &err), PLI_INVALID, "idempotency-mismatch");
	REFUSED(draft_send(in.office, &in.editor, &actor, pool, id, 7, "s1", &second, &body, &err), PLI_CONFLICT, "draft-changed");
	REFUSED(draft_send(in.office, &in.colleague, &actor, pool, id, 0, "s1", &second, &body, &err), PLI_ABSENT, NULL);
	OK(draft_send(in.office, &in.editor, &actor, pool, id, 1, "s1", &second, &body, &err));
	OK(draft_send(in.office, &in.editor, &actor, pool, id, 1, "s1", &second, &again, &err));
	assert_string_equal(body.p, again.p);
	REFUSED(draft_send(in.office, &in.editor, &actor, pool, id, 1, "s2", &second, &body, &err), PLI_CONFLICT, "already-sent");
	REFUSED(draft_send(in.office, &in.editor, &actor, pool, id, 1, NULL, &second, &body, &err), PLI_CONFLICT, "already-sent");
	REFUSED(draft_send(in.office, &in.colleague, &actor, pool, id, 1, "s1", &second, &body, &err), PLI_ABSENT, NULL);
	REFUSED(draft_change(in.office, &in.editor, &actor, pool, id, &(struct draft_change){ .subject = "late" }, &err), PLI_ABSENT, NULL);
}

struct sender {
	char id[37];
	enum pli_status st;
	char type[40];
};

static void *send_thread(void *arg)
{
	struct sender *s = arg;
	AUTO_POOL pool = pool_new();
	AUTO_BUF body;
	struct uuid letter;
	struct err err = { 0 };

	buf_init(&body);
	s->st = draft_send(in.office, &in.editor, &actor, pool, s->id, 0, NULL, &letter, &body, &err);
	snprintf(s->type, sizeof(s->type), "%s", err.type ? err.type : "");
	return NULL;
}

static void sixteen_at_once_send_it_once(void **state)
{
	struct sender senders[16];
	pthread_t threads[16];
	char id[37];
	unsigned sent = 0;
	int64_t before;
	struct draft_change change = { .to = "a@example.org", .subject = "Race" };

	(void)state;
	made(&change, id);
	before = instance_count(&in, "SELECT COUNT(*) FROM letter");
	for (unsigned i = 0; i < 16; i++) {
		memcpy(senders[i].id, id, sizeof(id));
		assert_int_equal(pthread_create(&threads[i], NULL, send_thread, &senders[i]), 0);
	}
	for (unsigned i = 0; i < 16; i++) {
		pthread_join(threads[i], NULL);
		sent += senders[i].st == PLI_OK;
		if (senders[i].st != PLI_OK && senders[i].st != PLI_ABSENT)
			assert_int_equal(senders[i].st, PLI_CONFLICT);
	}
	assert_int_equal(sent, 1);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM letter"), before + 1);
}

static enum pli_status count_one(void *arg, const struct draft *draft, struct err *err)
{
	(void)draft;
	(void)err;
	++*(unsigned *)arg;
	return PLI_OK;
}

static void listed_and_swept(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	char id[37];
	const char *next = NULL;
	unsigned count = 0, pages = 0;
	struct draft_change change = { .subject = "Listed" };

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		made(&change, id);
	do {
		OK(draft_list(in.office, &in.editor, pool, next, 2, count_one, &count, &next, &err));
		pages++;
	} while (next);
	assert_int_equal(count, 5);
	assert_int_equal(pages, 3);
	count = 0;
	OK(draft_list(in.office, &in.colleague, pool, NULL, 0, count_one, &count, &next, &err));
	assert_int_equal(count, 0);
	REFUSED(draft_list(in.office, &in.editor, pool, "x-y", 0, count_one, &count, &next, &err), PLI_INVALID, "bad-cursor");
	OK(draft_sweep(in.office, clock_now_us(), &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM draft"), 5);
	OK(draft_sweep(in.office, clock_now_us() + DRAFT_LIFE_US + SECOND_US, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM draft"), 0);
	if (instance_verify(&in, &err) != 0)
		fail_msg("%s", err.text);
}

/* A draft outlives the month of its key: the key is wrapped under a later one, the draft stays as it is; a file of it, too. */
static void key_moves(void **state)
{
	AUTO_POOL pool = pool_new_secret();
	struct draft_change change = { .message = "Words that stay" };
	static const char PERIOD[] = "SELECT period FROM kek WHERE kid = (SELECT kid FROM draft)";
	int64_t now_us = clock_now_us();
	enum pli_status st;
	struct draft *draft;
	struct err err = { 0 };
	char id[37];

	(void)state;
	made(&change, id);
	assert_in_range(instance_count(&in, PERIOD), clock_month(now_us + DRAFT_KEY_US), clock_month(clock_now_us() + DRAFT_KEY_US));
	OK(purge_keys(in.office, now_us, &err));
	assert_in_range(instance_count(&in, PERIOD), clock_month(now_us + DRAFT_KEY_US), clock_month(clock_now_us() + DRAFT_KEY_US));
	/* Seen from later.  That month's key itself stays: letters of other tests lie under it, and by the keeper's clock it is not over. */
	st = purge_keys(in.office, now_us + 100 * DAY_US, &err);
	assert_true(st == PLI_OK || st == PLI_DENIED);
	assert_int_equal(instance_count(&in, PERIOD), clock_month(now_us + 100 * DAY_US + DRAFT_KEY_US));
	assert_int_equal(instance_count(&in, "SELECT version FROM draft"), 1);
	draft = got(pool, id);
	assert_string_equal(draft->message, "Words that stay");
	change.message = "Others";
	changed(id, &change);
	assert_string_equal(got(pool, id)->message, "Others");
	if (instance_verify(&in, &err) != 0)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	(void)state;
	instance_make(&in);
	actor = instance_actor(&in.editor);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	instance_drop(&in);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anything_typed_is_kept), cmocka_unit_test(files_live_with_the_draft),
		cmocka_unit_test(a_draft_given_up_leaves_its_rows_of_the_journal_alone), cmocka_unit_test(once),
		cmocka_unit_test(sixteen_at_once_send_it_once), cmocka_unit_test(listed_and_swept), cmocka_unit_test(key_moves),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
