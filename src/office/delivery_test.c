/* Links that lock, are renewed and lose their sessions; notices that cannot be made and must not keep the others waiting. */
#include <pthread.h>
#include <stdatomic.h>

#include "office_testing.h"

#include "delivery.h"
#include "notice.h"

#include "letter_own.h"
#include "link.h"

static struct instance in;

static const char *const ONE[] = { "a@example.org", NULL };
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

/* Settles all that is due; *link_r (may be NULL): the token of the last. */
static unsigned mails_go_out(struct pool *pool, const char **link_r)
{
	struct notice_job jobs[8];
	struct notice_result results[8];
	struct err err = { 0 };
	unsigned count = 0;

	OK(journal_wait(in.journal, journal_size(in.journal), 5000, &err));
	OK(notice_lease(in.office, pool, render, NULL, 8, jobs, &count, &err));
	for (unsigned k = 0; k < count; k++) {
		results[k] = (struct notice_result){ .entity = jobs[k].entity, .notice = jobs[k].notice, .facts = jobs[k].facts, .outcome = NOTICE_SENT,
						     .reply = "250 2.0.0 Ok", .message_id = jobs[k].message_id };
		if (link_r)
			*link_r = pool_strn(pool, jobs[k].mail, jobs[k].mail_n);
	}
	OK(notice_settle(in.office, results, count, &err));
	return count;
}

static struct uuid deposited(const char *password)
{
	struct deposit d = { .to = ONE, .subject = "s", .message = "m", .password = password };
	struct err err = { 0 };
	struct uuid letter;
	AUTO_BUF body;

	buf_init(&body);
	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
	return letter;
}

static void lost_try_still_has_a_way_out(void **state)
{
	AUTO_POOL pool = pool_new();
	struct delivery_view view;
	struct err err = { 0 };
	const char *link, *fresh;
	char cookie[64], other[64];
	int64_t failed = instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'handover.failed'");

	(void)state;
	deposited("right");
	assert_int_equal(mails_go_out(pool, &link), 1);
	OK(delivery_open(in.office, pool, link, "right", &READER, other, &err));

	/* The process died while the tenth try was being evaluated. */
	instance_run(&in, "UPDATE recipient SET tries = 10, locked = NULL");
	REFUSED(delivery_open(in.office, pool, link, "right", &READER, cookie, &err), PLI_LOCKED, "link-locked");
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM journal WHERE event = 'handover.failed'"), failed + 1);
	OK(delivery_renew(in.office, pool, link, &READER, &err));
	REFUSED(delivery_open(in.office, pool, link, "right", &READER, cookie, &err), PLI_GONE, "link-replaced");

	/* Whoever held the old link's session has no part in the new link. */
	assert_int_equal(mails_go_out(pool, &fresh), 1);
	assert_string_not_equal(link, fresh);
	REFUSED(delivery_view(in.office, pool, link, other, &view, &err), PLI_GONE, NULL);
	REFUSED(delivery_view(in.office, pool, fresh, other, &view, &err), PLI_UNAUTH, NULL);
	OK(delivery_open(in.office, pool, fresh, "right", &READER, cookie, &err));
	OK(delivery_view(in.office, pool, fresh, cookie, &view, &err));
}

struct relabel {
	uint8_t key[32], hash[32];
};

static enum pli_status relabel(struct db_tx *tx, void *arg, struct err *err)
{
	static const char SQL[] = "UPDATE link SET token_hash = $1 WHERE token_hash = $2";
	const struct relabel *r = arg;
	int64_t changed;
	enum pli_status st = db_run(tx->conn, &changed, err, SQL, "bb", r->hash, sizeof(r->hash), r->key, sizeof(r->key));

	assert_int_equal(changed, 1);
	return st;
}

/* Its row is found by the token's digest alone. */
static void link_from_before_they_had_a_place(void **state)
{
	AUTO_POOL pool = pool_new();
	uint8_t token[LINK_BYTES];
	struct relabel before;
	char cookie[64];
	struct err err = { 0 };
	const char *link;

	(void)state;
	deposited("right");
	assert_int_equal(mails_go_out(pool, &link), 1);
	assert_true(link_parse(link, token));
	link_key(token, before.key);
	link_hash(token, before.hash);
	OK(db_write(in.db, relabel, &before, &err));
	OK(delivery_open(in.office, pool, link, "right", &READER, cookie, &err));
	instance_run(&in, "UPDATE recipient SET tries = 10, locked = NULL");
	REFUSED(delivery_open(in.office, pool, link, "right", &READER, cookie, &err), PLI_LOCKED, "link-locked");
	OK(delivery_renew(in.office, pool, link, &READER, &err));
	REFUSED(delivery_open(in.office, pool, link, "right", &READER, cookie, &err), PLI_GONE, "link-replaced");
	assert_int_equal(mails_go_out(pool, &link), 1);
	OK(delivery_open(in.office, pool, link, "right", &READER, cookie, &err));
}

static void tenth_try_may_be_the_right_one(void **state)
{
	AUTO_POOL pool = pool_new();
	struct delivery_view view;
	struct err err = { 0 };
	const char *link;
	char cookie[64];

	(void)state;
	deposited("right");
	assert_int_equal(mails_go_out(pool, &link), 1);
	for (int i = 0; i < 9; i++)
		REFUSED(delivery_open(in.office, pool, link, "wrong", &READER, cookie, &err), PLI_DENIED, "wrong-password");
	OK(delivery_open(in.office, pool, link, "right", &READER, cookie, &err));
	OK(delivery_view(in.office, pool, link, cookie, &view, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM recipient WHERE locked IS NOT NULL"), 0);
}

static void unlocking_keeps_the_reserve(void **state)
{
	AUTO_POOL pool = pool_new();
	struct uuid letter = deposited("right");
	struct err err = { 0 };
	uint64_t reserve = in.settings.reserve_read_bytes;
	char id[37];

	(void)state;
	mails_go_out(pool, NULL);
	instance_run(&in, "UPDATE recipient SET tries = 10, locked = 1");
	in.settings.reserve_read_bytes = UINT64_MAX;
	REFUSED(letter_unlock(in.office, &INSTANCE_OPERATOR, uuid_format(id, &letter), "a@example.org", &err), PLI_FULL, "no-space");
	in.settings.reserve_read_bytes = reserve;
	OK(letter_unlock(in.office, &INSTANCE_OPERATOR, id, "a@example.org", &err));
	instance_run(&in, "UPDATE recipient SET tries = 0, locked = NULL");
}

static const char *state_of(struct pool *pool, const struct uuid *letter, bool *sent_r)
{
	struct letter *l;
	struct err err = { 0 };
	char id[37];

	OK(letter_get(in.office, &in.editor, pool, uuid_format(id, letter), &l, &err));
	*sent_r = l->sent_us != 0;
	return l->state;
}

static void failed_letter_comes_back(void **state)
{
	AUTO_POOL pool = pool_new();
	struct uuid letter = deposited(NULL);
	struct notice_job job;
	struct notice_result result = { .outcome = NOTICE_FAILED, .reply = "550 5.1.1 No such user" };
	struct err err = { 0 };
	unsigned count = 0;
	char id[37];
	bool sent;

	(void)state;
	OK(journal_wait(in.journal, journal_size(in.journal), 5000, &err));
	OK(notice_lease(in.office, pool, render, NULL, 1, &job, &count, &err));
	assert_int_equal(count, 1);
	result.entity = job.entity;
	result.notice = job.notice;
	result.message_id = job.message_id;
	OK(notice_settle(in.office, &result, 1, &err));
	assert_string_equal(state_of(pool, &letter, &sent), "failed");
	assert_false(sent);
	struct journal_actor actor = instance_actor(&in.editor);
	OK(letter_resend(in.office, &in.editor, &actor, pool, uuid_format(id, &letter), NULL, NULL, &err));
	assert_int_equal(mails_go_out(pool, NULL), 1);
	assert_string_equal(state_of(pool, &letter, &sent), "sent");
	assert_true(sent);
}

/* Rows that somebody has spoilt: the notices of other letters go out all the same. */
static void spoilt_notice_harms_itself_only(void **state)
{
	AUTO_POOL pool = pool_new();
	struct notice_job jobs[8];
	struct notice_result results[8];
	struct err err = { 0 };
	unsigned count = 0;

	(void)state;
	deposited(NULL);
	instance_run(&in, "UPDATE recipient SET token = x'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'");
	deposited(NULL);
	assert_int_equal(mails_go_out(pool, NULL), 1);

	/* Spoilt between lease and settling, which reads the rows when it has nothing of the lease. */
	deposited(NULL);
	deposited(NULL);
	OK(journal_wait(in.journal, journal_size(in.journal), 5000, &err));
	OK(notice_lease(in.office, pool, render, NULL, 8, jobs, &count, &err));
	assert_int_equal(count, 2);
	instance_run(&in, "UPDATE letter SET sealed = x'00' WHERE letter = (SELECT MIN(letter) FROM letter WHERE sent IS NULL AND "
			  "letter IN (SELECT letter FROM notice WHERE lease IS NOT NULL AND due IS NOT NULL) "
			  "AND letter NOT IN (SELECT letter FROM recipient WHERE LENGTH(token) = 32))");
	for (unsigned k = 0; k < count; k++)
		results[k] = (struct notice_result){ .entity = jobs[k].entity, .notice = jobs[k].notice, .outcome = NOTICE_SENT,
						     .reply = "250 2.0.0 Ok", .message_id = jobs[k].message_id };
	OK(notice_settle(in.office, results, count, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM letter WHERE state = 'sent' AND LENGTH(sealed) = 1"), 0);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM notice x JOIN letter l ON l.letter = x.letter "
					     "WHERE LENGTH(l.sealed) = 1 AND x.due IS NOT NULL AND x.lease IS NULL"), 1);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM notice x JOIN recipient r ON r.letter = x.letter "
					     "JOIN letter l ON l.letter = x.letter WHERE x.due IS NOT NULL "
					     "AND LENGTH(r.token) > 32 AND LENGTH(l.sealed) > 1"), 0);
}

/* What a deposit refused in its transaction had claimed can be given back at once. */
static void refused_in_the_transaction_leaves_nothing(void **state)
{
	struct instance_counts before = instance_counts(&in), after;
	struct deposit_part parts[2];
	struct deposit d = { .to = ONE, .subject = "s", .message = "m", .parts = parts, .part_count = 2 };
	struct err err = { 0 };
	struct uuid letter;
	AUTO_BUF body;
	char *big = mem_alloc(300000);

	(void)state;
	buf_init(&body);
	parts[0] = instance_stage(&in, &in.editor, "klein.txt", "abc", 3);
	parts[1] = instance_stage(&in, &in.editor, "gross.bin", big, 300000);
	instance_run(&in, "CREATE TRIGGER no_more BEFORE INSERT ON recipient BEGIN SELECT RAISE(ABORT, 'no'); END");
	/* The request's pool outlives the answer: what it claimed must be free before that. */
	{
		AUTO_POOL pool = pool_new();
		struct journal_actor actor = instance_actor(&in.editor);

		assert_int_not_equal(deposit_commit(in.office, &in.editor, &actor, pool, &d, &letter, &body, &err), PLI_OK);
		deposit_stage_discard(in.office, &in.editor, parts, 2);
	}
	instance_run(&in, "DROP TRIGGER no_more");
	after = instance_counts(&in);
	assert_int_equal(before.rows, after.rows);
	assert_int_equal(before.files, after.files);
	mem_free(big);
}

struct reading {
	const char *link;
	atomic_bool stop;
};

static void *reads_on(void *arg)
{
	struct reading *r = arg;

	while (!atomic_load(&r->stop)) {
		AUTO_POOL pool = pool_new();
		struct err err = { 0 };
		char cookie[64];

		if (delivery_open(in.office, pool, r->link, NULL, &READER, cookie, &err) != PLI_OK)
			break;
	}
	return NULL;
}

/* What is written after the request is for a later proof, and no reason to refuse this one. */
static void proof_of_a_letter_that_is_being_read(void **state)
{
	AUTO_POOL pool = pool_new();
	struct uuid letter = deposited(NULL);
	struct reading reading = { 0 };
	unsigned refused = 0;
	struct err err = { 0 };
	pthread_t thread;
	char id[37];

	(void)state;
	uuid_format(id, &letter);
	assert_int_equal(mails_go_out(pool, &reading.link), 1);
	assert_int_equal(pthread_create(&thread, NULL, reads_on, &reading), 0);
	for (int i = 0; i < 40; i++) {
		AUTO_POOL one = pool_new();
		AUTO_BUF out;

		buf_init(&out);
		refused += letter_proof(in.office, &in.editor, one, id, NULL, &out, &err) != PLI_OK;
	}
	atomic_store(&reading.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(refused, 0);
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
		cmocka_unit_test(lost_try_still_has_a_way_out),
		cmocka_unit_test(link_from_before_they_had_a_place),
		cmocka_unit_test(tenth_try_may_be_the_right_one),
		cmocka_unit_test(proof_of_a_letter_that_is_being_read),
		cmocka_unit_test(unlocking_keeps_the_reserve),
		cmocka_unit_test(refused_in_the_transaction_leaves_nothing),
		cmocka_unit_test(failed_letter_comes_back),
		cmocka_unit_test(spoilt_notice_harms_itself_only),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
