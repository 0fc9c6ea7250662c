/* Letters from their sender's side: who sees what, lists, resend, journal views. */
#include "office_testing.h"

#include "letter_journal.h"
#include "letter_own.h"

static struct instance in;
static struct uuid plain_letter, hidden_letter, stranger_letter;
static char plain[37], hidden[37], foreign[37];

static const char *const TO[] = { "a@example.org", NULL };
static const char *const CC[] = { "b@example.org", NULL };
static const char *const BCC[] = { "c@example.org", NULL };

static json_t *got_json(const struct buf *b)
{
	json_error_t e;
	json_t *json = json_loadb(b->p, b->n, JSON_REJECT_DUPLICATES, &e);

	if (!json)
		fail_msg("%s in %.300s", e.text, b->p);
	return json;
}

static void who_gets_which_letter(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct letter *l;
	const struct {
		const struct principal *who;
		const char *id;
		enum pli_status status;
		unsigned recipients;
	} ROWS[] = {
		{ &in.editor, hidden, PLI_OK, 3 },	{ &in.colleague, hidden, PLI_ABSENT, 0 },
		{ &in.reader, hidden, PLI_OK, 2 },	{ &in.auditor, hidden, PLI_OK, 3 },
		{ &in.admin, hidden, PLI_DENIED, 0 },	{ &in.stranger, hidden, PLI_ABSENT, 0 },
		{ &in.editor, foreign, PLI_ABSENT, 0 }, { &in.auditor, foreign, PLI_ABSENT, 0 },
		{ &in.editor, "x", PLI_ABSENT, 0 },	{ &in.editor, "0193a7a0-0000-7000-8000-000000000000", PLI_ABSENT, 0 },
		{ &in.stranger, foreign, PLI_OK, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		REFUSED(letter_get(in.office, ROWS[i].who, pool, ROWS[i].id, &l, &err), ROWS[i].status, NULL);
		if (ROWS[i].status == PLI_OK)
			assert_int_equal(l->recipient_count, ROWS[i].recipients);
	}
}

static void lists(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF out;
	struct err err = { 0 };
	const struct {
		const struct principal *who;
		size_t letters;
	} ROWS[] = { { &in.editor, 2 }, { &in.colleague, 0 }, { &in.reader, 2 }, { &in.auditor, 2 }, { &in.stranger, 1 } };
	json_t *json, *first;

	(void)state;
	buf_init(&out);
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		buf_reset(&out);
		OK(letter_list(in.office, ROWS[i].who, pool, NULL, NULL, NULL, 0, &out, &err));
		json = got_json(&out);
		assert_int_equal(json_array_size(json_object_get(json, "letters")), ROWS[i].letters);
		assert_true(json_is_null(json_object_get(json, "next")));
		json_decref(json);
	}
	REFUSED(letter_list(in.office, &in.admin, pool, NULL, NULL, NULL, 0, &out, &err), PLI_DENIED, NULL);
	REFUSED(letter_list(in.office, &in.editor, pool, "snet", NULL, NULL, 0, &out, &err), PLI_INVALID, "bad-state");
	assert_non_null(strstr(err.hint, "sent"));
	REFUSED(letter_list(in.office, &in.editor, pool, NULL, NULL, "abc", 0, &out, &err), PLI_INVALID, "bad-cursor");
	/* Newest first, page by page. */
	buf_reset(&out);
	OK(letter_list(in.office, &in.editor, pool, "created", NULL, NULL, 1, &out, &err));
	first = got_json(&out);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(first, "letters"), 0), "id")), hidden);
	const char *next = json_string_value(json_object_get(first, "next"));
	assert_non_null(next);
	buf_reset(&out);
	OK(letter_list(in.office, &in.editor, pool, "created", NULL, next, 1, &out, &err));
	json = got_json(&out);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(json, "letters"), 0), "id")), plain);
	assert_true(json_is_null(json_object_get(json, "next")));
	json_decref(json);
	json_decref(first);
	buf_reset(&out);
	OK(letter_list(in.office, &in.editor, pool, "received", NULL, NULL, 0, &out, &err));
	assert_non_null(strstr(out.p, "\"letters\":[]"));
}

static void again(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct journal_actor actor = instance_actor(&in.editor);
	const char *const one[] = { "B@example.ORG", NULL }, *const none[] = { NULL }, *const other[] = { "x@example.org", NULL };
	const char *const bad[] = { "nonsense", NULL };
	int64_t before = instance_count(&in, "SELECT COUNT(*) FROM notice");

	(void)state;
	REFUSED(letter_resend(in.office, &in.editor, &actor, pool, plain, none, NULL, &err), PLI_INVALID, "no-recipient");
	REFUSED(letter_resend(in.office, &in.editor, &actor, pool, plain, other, NULL, &err), PLI_INVALID, "not-a-recipient");
	REFUSED(letter_resend(in.office, &in.editor, &actor, pool, plain, bad, NULL, &err), PLI_INVALID, "bad-address");
	REFUSED(letter_resend(in.office, &in.reader, &actor, pool, plain, NULL, NULL, &err), PLI_DENIED, NULL);
	REFUSED(letter_resend(in.office, &in.auditor, &actor, pool, plain, NULL, NULL, &err), PLI_DENIED, NULL);
	REFUSED(letter_resend(in.office, &in.colleague, &actor, pool, plain, NULL, NULL, &err), PLI_ABSENT, NULL);
	REFUSED(letter_resend(in.office, &in.stranger, &actor, pool, plain, NULL, NULL, &err), PLI_ABSENT, NULL);
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM notice"), before);
	OK(letter_resend(in.office, &in.editor, &actor, pool, plain, one, NULL, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM notice"), before + 1);
	assert_int_equal(instance_count(&in, "SELECT send FROM notice WHERE kind = 'resend'"), 2);
	OK(letter_resend(in.office, &in.editor, &actor, pool, plain, NULL, NULL, &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM notice WHERE kind = 'resend'"), 3);
	assert_int_equal(instance_count(&in, "SELECT MAX(send) FROM notice"), 3);
}

/* A repeat under the same key mails nobody twice; the key's scope is the letter. */
static void again_once(void **state)
{
	AUTO_POOL pool = pool_new();
	struct err err = { 0 };
	struct journal_actor actor = instance_actor(&in.editor);
	const char *const one[] = { "b@example.org", NULL }, *const same[] = { "B@EXAMPLE.org", "b@example.org", NULL };
	int64_t before = instance_count(&in, "SELECT COUNT(*) FROM notice");

	(void)state;
	REFUSED(letter_resend(in.office, &in.editor, &actor, pool, plain, one, "", &err), PLI_INVALID, "bad-idempotency-key");
	OK(letter_resend(in.office, &in.editor, &actor, pool, plain, one, "again-1", &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM notice"), before + 1);
	OK(letter_resend(in.office, &in.editor, &actor, pool, plain, one, "again-1", &err));
	OK(letter_resend(in.office, &in.editor, &actor, pool, plain, same, "again-1", &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM notice"), before + 1);
	REFUSED(letter_resend(in.office, &in.editor, &actor, pool, plain, NULL, "again-1", &err), PLI_INVALID, "idempotency-mismatch");
	OK(letter_resend(in.office, &in.editor, &actor, pool, plain, one, "again-2", &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM notice"), before + 2);
	assert_null(in.office->running);
}

static void unlocking(void **state)
{
	struct err err = { 0 };

	(void)state;
	REFUSED(letter_unlock(in.office, &INSTANCE_OPERATOR, plain, "b@example.org", &err), PLI_CONFLICT, "not-locked");
	REFUSED(letter_unlock(in.office, &INSTANCE_OPERATOR, plain, "x@example.org", &err), PLI_INVALID, "not-a-recipient");
	REFUSED(letter_unlock(in.office, &INSTANCE_OPERATOR, "0193a7a0-0000-7000-8000-000000000000", "b@example.org", &err), PLI_ABSENT,
		"no-letter");
}

static size_t entries(const struct principal *who, const struct letter_journal_query *q, const char *must_have, const char *must_not)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF out;
	struct err err = { 0 };
	json_t *json;
	size_t n;

	buf_init(&out);
	OK(letter_journal(in.office, who, pool, q, &out, &err));
	json = got_json(&out);
	n = json_array_size(json_object_get(json, "entries"));
	json_decref(json);
	if (must_have && !strstr(out.p, must_have))
		fail_msg("no %s in %s", must_have, out.p);
	if (must_not && strstr(out.p, must_not))
		fail_msg("%s in %s", must_not, out.p);
	return n;
}

static void journal_views(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF out;
	struct err err = { 0 };
	struct letter_journal_query q = { .lang = "fr", .limit = 200 };

	(void)state;
	buf_init(&out);
	/* Two letters: 2 + 2 document entries, 2 + 3 consigned; the auditor also sees entity and people. */
	assert_int_equal(entries(&in.editor, &q, "Mis à disposition de c@example.org", "entity.created"), 9);
	assert_int_equal(entries(&in.reader, &q, "Mis à disposition de a@example.org", "c@example.org"), 4);
	assert_int_equal(entries(&in.reader, &q, NULL, "Preuve de dépôt"), 4);
	assert_true(entries(&in.auditor, &q, "Mis à disposition de c@example.org", "Agence") > 9);
	assert_int_equal(entries(&in.colleague, &q, NULL, "example.org"), 0);
	REFUSED(letter_journal(in.office, &in.admin, pool, &q, &out, &err), PLI_DENIED, NULL);
	q.letter = plain;
	assert_int_equal(entries(&in.editor, &q, "Preuve de dépôt n° ", "c@example.org"), 4);
	REFUSED(letter_journal(in.office, &in.colleague, pool, &q, &out, &err), PLI_ABSENT, NULL);
	REFUSED(letter_journal(in.office, &in.stranger, pool, &q, &out, &err), PLI_ABSENT, NULL);
	q.lang = "en";
	q.type = "proof";
	assert_int_equal(entries(&in.editor, &q, "Made available to b@example.org", "Document created"), 3);
	q.state = "created";
	assert_int_equal(entries(&in.editor, &q, "Proof of deposit no. ", "Made available"), 1);
	q.type = q.state = NULL;
	q.user = "sender@pli.example";
	assert_int_equal(entries(&in.editor, &q, "Sender Name", "consigned"), 2);
	q.user = "stranger@pli.example";
	assert_int_equal(entries(&in.editor, &q, NULL, NULL), 0);
	q.user = "unknown@pli.example";
	assert_int_equal(entries(&in.editor, &q, NULL, NULL), 0);
	q.user = NULL;
	q.from = "2999-01-01";
	assert_int_equal(entries(&in.editor, &q, NULL, NULL), 0);
	q.from = NULL;
	q.to = "2020-01-01";
	assert_int_equal(entries(&in.editor, &q, NULL, NULL), 0);
	q.to = "2999-01-01";
	assert_int_equal(entries(&in.editor, &q, NULL, NULL), 4);
	q.to = "x";
	REFUSED(letter_journal(in.office, &in.editor, pool, &q, &out, &err), PLI_INVALID, "bad-date");
	q.to = NULL;
	q.type = "prof";
	REFUSED(letter_journal(in.office, &in.editor, pool, &q, &out, &err), PLI_INVALID, "bad-filter");
	q.type = NULL;
	q.cursor = "12a";
	REFUSED(letter_journal(in.office, &in.editor, pool, &q, &out, &err), PLI_INVALID, "bad-cursor");
}

static void journal_pages(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF out;
	struct err err = { 0 };
	struct letter_journal_query q = { .lang = "fr", .limit = 2 };
	json_int_t last = INT64_MAX;
	size_t seen = 0;
	char cursor[32];

	(void)state;
	buf_init(&out);
	for (;;) {
		json_t *json, *list;
		const char *next;

		buf_reset(&out);
		OK(letter_journal(in.office, &in.editor, pool, &q, &out, &err));
		json = got_json(&out);
		list = json_object_get(json, "entries");
		for (size_t i = 0; i < json_array_size(list); i++, seen++) {
			json_int_t number = json_integer_value(json_object_get(json_array_get(list, i), "number"));
			assert_true(number < last);
			last = number;
		}
		next = json_string_value(json_object_get(json, "next"));
		if (next)
			snprintf(cursor, sizeof(cursor), "%s", next);
		json_decref(json);
		if (!next)
			break;
		q.cursor = cursor;
	}
	assert_int_equal(seen, 9);
}

static void csv_lines(void **state)
{
	static const char HEAD_FR[] = "\xEF\xBB\xBFNuméro;Date;Type;Entité;SIREN;Utilisateur;Document;État;Message;Horodatage\r\n";
	static const char HEAD_EN[] = "\xEF\xBB\xBFNumber,Date,Type,Entity,SIREN,User,Document,State,Message,Timestamp\r\n";
	AUTO_POOL pool = pool_new();
	AUTO_BUF out;
	struct err err = { 0 };
	struct letter_journal_query q = { .lang = "fr", .csv = true, .letter = plain };
	const char *line;

	(void)state;
	buf_init(&out);
	OK(letter_journal(in.office, &in.editor, pool, &q, &out, &err));
	assert_memory_equal(out.p, HEAD_FR, sizeof(HEAD_FR) - 1);
	line = strstr(out.p, "Création du document");
	assert_non_null(line);
	assert_non_null(strstr(out.p, ";Action sur un document;New York;000000000;Sender Name;Création fiche produit;Créé;Création du document;"));
	assert_non_null(strstr(out.p, ";Preuve;New York;000000000;;Création fiche produit;En attente;Mis à disposition de a@example.org;"));
	buf_reset(&out);
	q.lang = "en";
	OK(letter_journal(in.office, &in.editor, pool, &q, &out, &err));
	assert_memory_equal(out.p, HEAD_EN, sizeof(HEAD_EN) - 1);
	assert_non_null(strstr(out.p, ",Action on a document,New York,000000000,Sender Name,Création fiche produit,Created,Document created,"));
}

/* States as they follow from the recipients', and the same without hidden copies. */
static void states_follow(void **state)
{
	static const struct {
		const char *kinds, *states;	/* one letter a recipient: t c b; p s o f n */
		const char *whole, *narrowed;
	} ROWS[] = {
		{ "t", "p", "created", "created" },   { "t", "s", "sent", "sent" },	   { "t", "o", "received", "received" },
		{ "t", "f", "failed", "failed" },     { "tc", "so", "partly_received", "partly_received" },
		{ "tc", "oo", "received", "received" }, { "tc", "fs", "sent", "sent" },	   { "tc", "ff", "failed", "failed" },
		{ "tb", "os", "partly_received", "received" }, { "tb", "so", "partly_received", "sent" },
		{ "tb", "sp", "created", "sent" },    { "tb", "fs", "sent", "failed" },	   { "tb", "nn", "expired", "expired" },
		{ "tb", "no", "partly_received", "expired" }, { "b", "o", "received", "sent" }, { "tcb", "oop", "partly_received", "received" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct letter_recipient r[3];
		struct letter l = { .recipients = r, .recipient_count = (unsigned)strlen(ROWS[i].kinds), .sent_us = 99 };

		for (unsigned k = 0; k < l.recipient_count; k++) {
			char kind = ROWS[i].kinds[k], st = ROWS[i].states[k];
			r[k] = (struct letter_recipient){ .n = k + 1, .kind = kind == 't' ? "to" : kind == 'c' ? "cc" : "bcc",
				.state = st == 'p' ? "pending" : st == 's' ? "sent" : st == 'o' ? "opened" : st == 'f' ? "failed" : "not_received",
				.first_sent_us = st == 'p' ? 0 : kind == 'b' ? 50 : 40 };
		}
		if (!str_eq(letter_state_of(&l), ROWS[i].whole))
			fail_msg("row %zu: %s", i, letter_state_of(&l));
		letter_narrow(&l, 0);
		if (!str_eq(l.state, ROWS[i].narrowed))
			fail_msg("row %zu narrowed: %s", i, l.state);
		assert_true(l.sent_us == 0 || l.sent_us == 40);
	}
}

static void hidden_copy_sees_himself(void **state)
{
	struct letter_recipient r[3] = { { .n = 1, .kind = "to", .state = "sent" }, { .n = 2, .kind = "bcc", .state = "opened" },
					 { .n = 3, .kind = "bcc", .state = "sent" } };
	struct letter l = { .recipients = r, .recipient_count = 3 };

	(void)state;
	letter_narrow(&l, 3);
	assert_int_equal(l.recipient_count, 2);
	assert_int_equal(l.recipients[1].n, 3);
	assert_string_equal(l.state, "sent");
}

/* Rows that a deposit entry binds cannot be changed unseen, though no shown column of the journal differs. */
static void bound_rows(void **state)
{
	static const struct {
		const char *harm, *mend;
	} ROWS[] = {
		{ "UPDATE letter SET class = 'registered'", "UPDATE letter SET class = 'simple'" },
		{ "UPDATE letter SET password = 'gate'", "UPDATE letter SET password = 'none'" },
		{ "UPDATE recipient SET kind = 'cc' WHERE kind = 'to'",
		  "UPDATE recipient SET kind = 'to' WHERE n = 1" },
		{ "UPDATE part SET size = size + 1", "UPDATE part SET size = size - 1" },
		{ "UPDATE letter SET message_size = message_size + 1", "UPDATE letter SET message_size = message_size - 1" },
		{ "UPDATE recipient SET sheet = sealed, sealed = sheet WHERE n = 1",
		  "UPDATE recipient SET sheet = sealed, sealed = sheet WHERE n = 1" },
	};
	struct err err = { 0 };

	(void)state;
	assert_int_equal(instance_verify(&in, &err), 0);
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		instance_run(&in, ROWS[i].harm);
		if (instance_verify(&in, &err) == 0)
			fail_msg("row %zu was not seen", i);
		instance_run(&in, ROWS[i].mend);
		if (instance_verify(&in, &err) != 0)
			fail_msg("row %zu: %s", i, err.text);
	}
}

static int setup(void **state)
{
	struct deposit_part part;
	struct deposit d = { .to = TO, .cc = CC, .subject = "Création fiche produit" };
	struct err err = { 0 };
	AUTO_BUF body;

	(void)state;
	buf_init(&body);
	instance_make(&in);
	OK(instance_deposit(&in, &in.editor, &d, &plain_letter, &body, &err));
	d.bcc = BCC;
	part = instance_stage(&in, &in.editor, "f.txt", "hello", 5);
	d.parts = &part;
	d.part_count = 1;
	OK(instance_deposit(&in, &in.editor, &d, &hidden_letter, &body, &err));
	d = (struct deposit){ .to = TO, .subject = "Autre" };
	OK(instance_deposit(&in, &in.stranger, &d, &stranger_letter, &body, &err));
	uuid_format(plain, &plain_letter);
	uuid_format(hidden, &hidden_letter);
	uuid_format(foreign, &stranger_letter);
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
		cmocka_unit_test(states_follow),
		cmocka_unit_test(hidden_copy_sees_himself),
		cmocka_unit_test(who_gets_which_letter),
		cmocka_unit_test(lists),
		cmocka_unit_test(again),
		cmocka_unit_test(again_once),
		cmocka_unit_test(unlocking),
		cmocka_unit_test(journal_views),
		cmocka_unit_test(journal_pages),
		cmocka_unit_test(csv_lines),
		cmocka_unit_test(bound_rows),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
