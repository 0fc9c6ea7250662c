/* Deposits against a real database, a real keeper and real blobs: what is stored, what is refused and leaves nothing. */
#include "office_testing.h"

#include "entry.h"

#include "letter_own.h"

static struct instance in;

static const char *const TO[] = { "Ann <a@example.org>", NULL };
static const char *const CC[] = { "b@example.org", NULL };
static const char *const BCC[] = { "c@example.org", NULL };

static json_t *parsed(const struct buf *body)
{
	json_t *json = json_loadb(body->p, body->n, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(json);
	return json;
}

static const char *text_of(const json_t *json, const char *name)
{
	const char *s = json_string_value(json_object_get(json, name));

	return s ? s : "(none)";
}

static void three_recipients_and_two_files(void **state)
{
	struct err err = { 0 };
	struct uuid letter;
	AUTO_BUF body;
	AUTO_POOL pool = pool_new();
	char *big = pool_alloc(pool, 100000);
	struct deposit_part parts[2];
	struct deposit d = { .to = TO, .cc = CC, .bcc = BCC, .subject = "  Création fiche produit ", .message = "Bonjour **vous**",
			     .parts = parts, .part_count = 2 };
	struct letter *loaded;
	json_t *json;
	char id[37];

	(void)state;
	buf_init(&body);
	mem_random(big, 100000);
	parts[0] = instance_stage(&in, &in.editor, "note.txt", "abc", 3);
	parts[1] = instance_stage(&in, &in.editor, "grand.bin", big, 100000);
	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
	json = parsed(&body);
	assert_string_equal(text_of(json, "id"), uuid_format(id, &letter));
	assert_string_equal(text_of(json, "subject"), "Création fiche produit");
	assert_string_equal(text_of(json, "state"), "created");
	assert_true(json_is_null(json_object_get(json, "sent")));
	assert_int_equal(json_array_size(json_object_get(json, "recipients")), 3);
	assert_string_equal(text_of(json_array_get(json_object_get(json, "recipients"), 2), "kind"), "bcc");
	assert_string_equal(text_of(json_array_get(json_object_get(json, "parts"), 0), "sha256"),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	json_decref(json);

	OK(letter_get(in.office, &in.editor, pool, id, &loaded, &err));
	buf_reset(&body);
	letter_json(loaded, &body);
	assert_int_equal(loaded->recipient_count, 3);
	assert_string_equal(loaded->recipients[0].name, "Ann");
	assert_string_equal(loaded->sender_name, "Sender Name");
	assert_int_equal(loaded->part_count, 2);
	assert_int_equal(loaded->parts[1].size, 100000);
	/* draft.created, deposit.accepted, three consigned, in this order; the number is that of deposit.accepted. */
	assert_int_equal(loaded->number, instance_count(&in, "SELECT MAX(seq) FROM journal") + 1 - 3);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM notice WHERE due IS NOT NULL AND gate IS NOT NULL"), 3);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM link"), 3);
}

static enum pli_status object_bytes(const struct letter *letter, const struct uuid *object, const uint8_t key[32], struct buf *out)
{
	struct istream *is;
	struct err err = { 0 };
	size_t n = 1;

	OK(object_read(in.objects, &letter->entity, &letter->letter, object, key, 0, &is, &err));
	while (n) {
		char *at = buf_reserve(out, 65536);
		OK(istream_read(is, at, 65536, &n, &err));
		out->n += n;
	}
	istream_close(is);
	return PLI_OK;
}

static void contents_come_back(void **state)
{
	struct err err = { 0 };
	struct uuid letter;
	AUTO_BUF body, got;
	AUTO_POOL pool = pool_new();
	size_t n = 300000;
	char *message = pool_alloc(pool, n + 1);
	struct deposit_part part = instance_stage(&in, &in.editor, "vide", "", 0);
	struct deposit d = { .to = TO, .subject = "s", .message = message, .parts = &part, .part_count = 1 };
	struct letter *loaded;
	struct letter_keys keys;
	struct db_conn *conn;
	uint8_t key[32];

	(void)state;
	buf_init(&body);
	buf_init(&got);
	memset(message, 'm', n);
	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
	conn = db_reader_take(in.db);
	OK(letter_load(in.office, conn, pool, &in.mairie, &letter, &loaded, &keys, &err));
	db_reader_give(in.db, conn);
	assert_true(keys.has_object);
	assert_null(keys.message);
	OK(letter_key_unwrap(in.office, loaded, &keys, key, &err));
	object_bytes(loaded, &keys.message_object, key, &got);
	assert_int_equal(got.n, n);
	assert_memory_equal(got.p, message, n);
	buf_reset(&got);
	object_bytes(loaded, &loaded->parts[0].object, key, &got);
	assert_int_equal(got.n, 0);
}

static void sheets_are_kept(void **state)
{
	struct err err = { 0 };
	struct uuid letter;
	AUTO_BUF body;
	AUTO_POOL pool = pool_new();
	struct deposit d = { .to = TO, .bcc = BCC, .subject = "Objet" };
	struct db_conn *conn;
	struct letter_sheet sheets[2];

	(void)state;
	buf_init(&body);
	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
	conn = db_reader_take(in.db);
	for (unsigned i = 0; i < 2; i++) {
		const char *json;

		OK(letter_sheet(in.office, conn, pool, &in.mairie, &letter, i + 1, &sheets[i], &err));
		json = sheets[i].json;
		assert_null(sheets[i].withheld);
		assert_non_null(strstr(json, "\"subject\":\"Objet\""));
		assert_non_null(strstr(json, i ? "c@example.org" : "a@example.org"));
		assert_null(strstr(json, i ? "a@example.org" : "c@example.org"));
	}
	assert_memory_not_equal(sheets[0].salt, sheets[1].salt, 32);
	assert_int_equal(letter_sheet(in.office, conn, pool, &in.mairie, &letter, 3, &sheets[0], &err), PLI_ABSENT);
	db_reader_give(in.db, conn);
}

/* Of the profile that keeps the sender from recipients: his name is bound apart. */
static void sheet_withholds(void **state)
{
	struct err err = { 0 };
	struct uuid letter;
	AUTO_BUF body = { 0 };
	AUTO_POOL pool = pool_new();
	struct deposit d = { .to = TO, .bcc = BCC, .subject = "Objet", .class_ = "fr-lre" };
	struct letter_sheet sheets[2];
	struct db_conn *conn;
	uint8_t digest[32];
	char hex[65];

	(void)state;
	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
	conn = db_reader_take(in.db);
	for (unsigned i = 0; i < 2; i++) {
		OK(letter_sheet(in.office, conn, pool, &in.mairie, &letter, i + 1, &sheets[i], &err));
		assert_null(strstr(sheets[i].json, "Objet"));
		assert_null(strstr(sheets[i].json, in.editor.email));
		assert_non_null(strstr(sheets[i].withheld, "\"subject\":\"Objet\""));
		assert_non_null(strstr(sheets[i].withheld, in.editor.email));
		entry_sheet_digest(sheets[i].withheld_salt, sheets[i].withheld, strlen(sheets[i].withheld), digest);
		assert_non_null(strstr(sheets[i].json, hex_encode(hex, digest, 32)));
	}
	assert_memory_not_equal(sheets[0].salt, sheets[0].withheld_salt, 32);
	db_reader_give(in.db, conn);
}

static void refusals_leave_nothing(void **state)
{
	static const char *const NOBODY[] = { NULL }, *const BAD[] = { "a@example.org, nonsense", NULL };
	static const char *const INJECT[] = { "a@example.org\r\nBcc: x@example.org", NULL };
	static const char *const UNKNOWN[] = { "0193a7a0-0000-7000-8000-000000000000", NULL }, *const NOT_ID[] = { "../x", NULL };
	AUTO_POOL pool = pool_new();
	char *long_subject = pool_alloc(pool, 400), *long_message = pool_alloc(pool, DEPOSIT_MESSAGE_MAX + 2);
	char *long_password = pool_alloc(pool, 300), *long_key = pool_alloc(pool, 300);
	memset(long_subject, 's', 256);
	memset(long_message, 'm', DEPOSIT_MESSAGE_MAX + 1);
	memset(long_password, 'p', 257);
	memset(long_key, 'k', 256);
	const struct {
		struct deposit d;
		enum pli_status status;
		const char *type, *field;
	} ROWS[] = {
		{ { .to = TO, .subject = "" }, PLI_INVALID, "empty-subject", "subject" },
		{ { .to = TO }, PLI_INVALID, "empty-subject", "subject" },
		{ { .to = TO, .subject = " \u00a0\u3000 " }, PLI_INVALID, "empty-subject", "subject" },
		{ { .to = TO, .subject = "a\r\nBcc: x" }, PLI_INVALID, "bad-subject", "subject" },
		{ { .to = TO, .subject = "a\tb" }, PLI_INVALID, "bad-subject", "subject" },
		{ { .to = TO, .subject = "a\u202eb" }, PLI_INVALID, "bad-subject", "subject" },
		{ { .to = TO, .subject = "a\xff" }, PLI_INPUT, "bad-utf8", "subject" },
		{ { .to = TO, .subject = long_subject }, PLI_INVALID, "subject-too-long", "subject" },
		{ { .to = NOBODY, .subject = "s" }, PLI_INVALID, "no-recipient", "to" },
		{ { .subject = "s" }, PLI_INVALID, "no-recipient", "to" },
		{ { .to = BAD, .subject = "s" }, PLI_INVALID, "bad-address", "to" },
		{ { .to = TO, .cc = INJECT, .subject = "s" }, PLI_INVALID, "bad-address", "cc" },
		{ { .to = TO, .subject = "s", .message = long_message }, PLI_LIMIT, "message-too-long", "message" },
		{ { .to = TO, .subject = "s", .message = "\xc3(" }, PLI_INPUT, "bad-utf8", "message" },
		{ { .to = TO, .subject = "s", .password = long_password }, PLI_INVALID, "bad-password", "password" },
		{ { .to = TO, .subject = "s", .password = "a\nb" }, PLI_INVALID, "bad-password", "password" },
		{ { .to = TO, .subject = "s", .password = "\xff" }, PLI_INPUT, "bad-utf8", "password" },
		{ { .to = TO, .subject = "s", .expires = "demain" }, PLI_INVALID, "bad-date", "expires" },
		{ { .to = TO, .subject = "s", .expires = "2020-01-01" }, PLI_INVALID, "expires-past", "expires" },
		{ { .to = TO, .subject = "s", .expires = "2999-01-01" }, PLI_INVALID, "expires-late", "expires" },
		{ { .to = TO, .subject = "s", .uploads = UNKNOWN }, PLI_INVALID, "unknown-upload", "uploads" },
		{ { .to = TO, .subject = "s", .uploads = NOT_ID }, PLI_INVALID, "unknown-upload", "uploads" },
		{ { .to = TO, .subject = "s", .idempotency_key = "" }, PLI_INVALID, "bad-idempotency-key", "Idempotency-Key" },
		{ { .to = TO, .subject = "s", .idempotency_key = "a b\n" }, PLI_INVALID, "bad-idempotency-key", "Idempotency-Key" },
		{ { .to = TO, .subject = "s", .idempotency_key = long_key }, PLI_INVALID, "bad-idempotency-key", "Idempotency-Key" },
	};
	AUTO_BUF body;
	struct instance_counts before = instance_counts(&in), after;

	(void)state;
	buf_init(&body);
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct deposit d = ROWS[i].d;
		char filler[20000] = { 0 };
		struct deposit_part parts[2] = { instance_stage(&in, &in.editor, "f", "x", 1),
						 instance_stage(&in, &in.editor, "g", filler, sizeof(filler)) };
		struct err err = { 0 };
		struct uuid letter;
		enum pli_status st;

		d.parts = parts;
		d.part_count = 2;
		st = instance_deposit(&in, &in.editor, &d, &letter, &body, &err);
		if (st != ROWS[i].status || !str_eq(err.type, ROWS[i].type) || !str_eq(err.field, ROWS[i].field))
			fail_msg("row %zu: %s %s %s: %s", i, pli_status_name(st), err.type ? err.type : "-", err.field, err.text);
		deposit_stage_discard(in.office, &in.editor, parts, 2);
	}
	after = instance_counts(&in);
	assert_int_equal(before.rows, after.rows);
	assert_int_equal(before.files, after.files);
}

static void ten_thousand_recipients(void **state)
{
	AUTO_BUF many, body;
	struct err err = { 0 };
	struct uuid letter;
	struct instance_counts before = instance_counts(&in);

	(void)state;
	buf_init(&many);
	buf_init(&body);
	for (int i = 0; i < 10000; i++)
		buf_fmt(&many, "a%d@example.org;", i);
	const char *const to[] = { many.p, NULL };
	struct deposit d = { .to = to, .subject = "s" };
	REFUSED(instance_deposit(&in, &in.editor, &d, &letter, &body, &err), PLI_INVALID, "too-many-recipients");
	assert_string_equal(err.field, "to");
	assert_int_equal(before.rows, instance_counts(&in).rows);
}

static void a_thousand_recipients(void **state)
{
	AUTO_BUF many, body;
	struct err err = { 0 };
	struct uuid letter;
	int64_t links = instance_count(&in, "SELECT COUNT(*) FROM link");

	(void)state;
	buf_init(&many);
	buf_init(&body);
	for (int i = 0; i < 1000; i++)
		buf_fmt(&many, "a%d@example.org\n", i);
	const char *const to[] = { many.p, NULL };
	struct deposit d = { .to = to, .subject = "s" };
	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM link"), links + 1000);
}

static void who_may_not_write(void **state)
{
	const struct principal *const WHO[] = { &in.reader, &in.auditor, &in.admin };
	struct deposit d = { .to = TO, .subject = "s" };
	AUTO_BUF body;
	struct err err = { 0 };
	struct uuid letter;
	struct ostream *os;
	struct deposit_part part;

	(void)state;
	buf_init(&body);
	for (size_t i = 0; i < 3; i++) {
		REFUSED(instance_deposit(&in, WHO[i], &d, &letter, &body, &err), PLI_DENIED, NULL);
		REFUSED(deposit_stage_open(in.office, WHO[i], &os, &part, &err), PLI_DENIED, NULL);
	}
}

static void same_key_same_letter(void **state)
{
	AUTO_BUF first, second;
	struct err err = { 0 };
	struct uuid a, b;
	struct deposit_part part = instance_stage(&in, &in.editor, "f.txt", "hello", 5), again;
	struct deposit d = { .to = TO, .subject = "s", .password = NULL, .parts = &part, .part_count = 1, .idempotency_key = "k-1",
			     .route = "POST /api/v1/letters" };
	struct instance_counts before;

	(void)state;
	buf_init(&first);
	buf_init(&second);
	OK(instance_deposit(&in, &in.editor, &d, &a, &first, &err));
	before = instance_counts(&in);
	again = instance_stage(&in, &in.editor, "f.txt", "hello", 5);
	d.parts = &again;
	OK(instance_deposit(&in, &in.editor, &d, &b, &second, &err));
	assert_true(uuid_same(&a, &b));
	assert_int_equal(first.n, second.n);
	assert_memory_equal(first.p, second.p, first.n);
	assert_int_equal(before.rows, instance_counts(&in).rows);
	assert_int_equal(before.files, instance_counts(&in).files);

	d.subject = "other";
	again = instance_stage(&in, &in.editor, "f.txt", "hello", 5);
	REFUSED(instance_deposit(&in, &in.editor, &d, &b, &second, &err), PLI_INVALID, "idempotency-mismatch");
	d.subject = "s";
	deposit_stage_discard(in.office, &in.editor, &again, 1);
	again = instance_stage(&in, &in.editor, "f.txt", "hellO", 5);
	REFUSED(instance_deposit(&in, &in.editor, &d, &b, &second, &err), PLI_INVALID, "idempotency-mismatch");
	deposit_stage_discard(in.office, &in.editor, &again, 1);
	/* Another user's key is another key. */
	again = instance_stage(&in, &in.colleague, "f.txt", "hello", 5);
	OK(instance_deposit(&in, &in.colleague, &d, &b, &second, &err));
	assert_false(uuid_same(&a, &b));
}

/* The answer of then, also when its expiry has passed since: nothing that the hour changes is asked before the key. */
static void same_key_after_expiry(void **state)
{
	AUTO_BUF first, again;
	struct err err = { 0 };
	struct uuid a, b;
	int64_t expires_us;
	enum pli_status st;
	char expires[40];
	struct deposit d = { .to = TO, .subject = "s", .expires = expires, .idempotency_key = "soon over", .route = "r" };

	(void)state;
	buf_init(&first);
	buf_init(&again);
	for (int seconds = 1;; seconds *= 8) {	/* on a slow machine it may be over before it is written */
		expires_us = clock_now_us() + seconds * SECOND_US;
		clock_rfc3339(expires, expires_us);
		st = instance_deposit(&in, &in.editor, &d, &a, &first, &err);
		if (st == PLI_OK || seconds > 8)
			break;
	}
	OK(st);
	do
		OK(instance_deposit(&in, &in.editor, &d, &b, &again, &err));
	while (clock_now_us() <= expires_us + SECOND_US / 100);
	OK(instance_deposit(&in, &in.editor, &d, &b, &again, &err));
	assert_true(uuid_same(&a, &b));
	assert_string_equal(first.p, again.p);
	d.subject = "other";
	REFUSED(instance_deposit(&in, &in.editor, &d, &b, &again, &err), PLI_INVALID, "idempotency-mismatch");
	d.idempotency_key = "new";
	REFUSED(instance_deposit(&in, &in.editor, &d, &b, &again, &err), PLI_INVALID, "expires-past");
	assert_null(in.office->running);
}

struct racer {
	pthread_t thread;
	enum pli_status st;
	struct uuid letter;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct deposit d = { .to = TO, .subject = "race", .idempotency_key = "race", .route = "r" };
	struct err err = { 0 };
	struct buf body = { 0 };

	do {
		r->st = instance_deposit(&in, &in.editor, &d, &r->letter, &body, &err);
	} while (r->st == PLI_CONFLICT && str_eq(err.type, "still-running"));
	buf_free(&body);
	return NULL;
}

static void racing_repeats_make_one_letter(void **state)
{
	struct racer racers[8];
	int64_t before = instance_count(&in, "SELECT COUNT(*) FROM letter");

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	for (size_t i = 0; i < 8; i++) {
		pthread_join(racers[i].thread, NULL);
		assert_int_equal(racers[i].st, PLI_OK);
		assert_true(uuid_same(&racers[i].letter, &racers[0].letter));
	}
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM letter"), before + 1);
}

static void password_is_hashed_and_sealed(void **state)
{
	struct err err = { 0 };
	struct uuid letter;
	AUTO_BUF body, hash;
	AUTO_POOL pool = pool_new();
	struct deposit d = { .to = TO, .subject = "s", .message = "secret", .password = "e\u0301t\u00e9" };
	struct letter *loaded;
	struct letter_keys keys;
	struct db_conn *conn;
	uint8_t key[32];
	bool good;
	char text[128];

	(void)state;
	buf_init(&body);
	buf_init(&hash);
	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
	assert_non_null(strstr(body.p, "\"has_password\":true"));
	conn = db_reader_take(in.db);
	OK(letter_load(in.office, conn, pool, &in.mairie, &letter, &loaded, &keys, &err));
	db_reader_give(in.db, conn);
	OK(letter_key_unwrap(in.office, loaded, &keys, key, &err));
	OK(meta_open(key, PASSWORD_PLACE(&in.mairie, &letter), keys.password_hash, keys.password_hash_n, &hash, &err));
	snprintf(text, sizeof(text), "%s", hash.p);
	/* Typed on another keyboard: composed letters. */
	OK(keeper_password_check(in.keeper, text, letter_password_form(pool, "\u00e9t\u00e9"), &good, &err));
	assert_true(good);
	OK(keeper_password_check(in.keeper, text, "ete", &good, &err));
	assert_false(good);
}

static void full_disk_refuses_before_anything(void **state)
{
	struct err err = { 0 };
	struct uuid letter;
	AUTO_BUF body;
	struct deposit d = { .to = TO, .subject = "s", .idempotency_key = "full" };
	struct instance_counts before = instance_counts(&in);
	uint64_t reserve = in.settings.reserve_deposit_bytes;
	struct ostream *os;
	struct deposit_part part;

	(void)state;
	buf_init(&body);
	in.settings.reserve_deposit_bytes = UINT64_C(1) << 60;
	REFUSED(instance_deposit(&in, &in.editor, &d, &letter, &body, &err), PLI_FULL, NULL);
	REFUSED(deposit_stage_open(in.office, &in.editor, &os, &part, &err), PLI_FULL, NULL);
	OK(office_room(in.office, OFFICE_RESERVE_READ, &err));
	assert_int_equal(office_ready(in.office, &err), PLI_FULL);
	in.settings.reserve_deposit_bytes = reserve;
	OK(office_ready(in.office, &err));
	assert_int_equal(before.rows, instance_counts(&in).rows);
	OK(instance_deposit(&in, &in.editor, &d, &letter, &body, &err));
}

static void the_journal_verifies(void **state)
{
	struct err err = { 0 };

	(void)state;
	if (instance_verify(&in, &err) != 0)
		fail_msg("%s", err.text);
	instance_restart(&in);
	if (instance_verify(&in, &err) != 0)
		fail_msg("after a restart: %s", err.text);
}

static int setup(void **state)
{
	(void)state;
	instance_make(&in);
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
		cmocka_unit_test(three_recipients_and_two_files),
		cmocka_unit_test(contents_come_back),
		cmocka_unit_test(sheets_are_kept),
		cmocka_unit_test(sheet_withholds),
		cmocka_unit_test(refusals_leave_nothing),
		cmocka_unit_test(ten_thousand_recipients),
		cmocka_unit_test(a_thousand_recipients),
		cmocka_unit_test(who_may_not_write),
		cmocka_unit_test(same_key_same_letter),
		cmocka_unit_test(same_key_after_expiry),
		cmocka_unit_test(racing_repeats_make_one_letter),
		cmocka_unit_test(password_is_hashed_and_sealed),
		cmocka_unit_test(full_disk_refuses_before_anything),
		cmocka_unit_test(the_journal_verifies),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
