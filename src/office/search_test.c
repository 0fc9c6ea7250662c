/* Search: what is found and what is not, who finds hidden copies, letters from before, what lies in the database. */
#include "office_testing.h"

#include "letter_journal.h"
#include "letter_own.h"
#include "search.h"

static struct instance in;

static const char *const TO[] = { "Anne-Sophie Müller <Anne.Mueller@Example.org>", NULL };
static const char *const CC[] = { "b@example.net", NULL };
static const char *const BCC[] = { "Zébulon Caché <secret@hidden.example>", NULL };

static void letter_make(const char *subject, const char *const *bcc, struct uuid *letter_r)
{
	struct err err = { 0 };
	AUTO_BUF body;
	struct deposit_part part = instance_stage(&in, &in.editor, "Devis_chaudière.pdf", "abc", 3);
	struct deposit d = { .to = TO, .cc = CC, .bcc = bcc, .subject = subject, .message = "m", .parts = &part, .part_count = 1 };

	buf_init(&body);
	OK(instance_deposit(&in, &in.editor, &d, letter_r, &body, &err));
}

/* How many letters the list gives for q, and how many rows the journal gives; *rows_r may be NULL. */
static unsigned found(const struct principal *who, const char *q, unsigned *rows_r)
{
	struct err err = { 0 };
	AUTO_POOL pool = pool_new();
	AUTO_BUF out;
	struct letter_journal_query query = { .q = q, .lang = "fr", .limit = 200 };
	json_t *json;
	unsigned n;

	buf_init(&out);
	OK(letter_list(in.office, who, pool, NULL, q, NULL, 0, &out, &err));
	json = json_loadb(out.p, out.n, 0, NULL);
	n = (unsigned)json_array_size(json_object_get(json, "letters"));
	json_decref(json);
	if (!rows_r)
		return n;
	buf_reset(&out);
	OK(letter_journal(in.office, who, pool, &query, &out, &err));
	json = json_loadb(out.p, out.n, 0, NULL);
	*rows_r = (unsigned)json_array_size(json_object_get(json, "entries"));
	json_decref(json);
	return n;
}

static void finds(void **state)
{
	static const struct {
		const char *q;
		unsigned n;
	} CASES[] = {
		{ "création", 1 }, { "CREATION", 1 }, { "cre", 1 }, { "creat", 1 }, { "creatx", 0 }, { "cr", 0 }, { "fiche creation", 1 },
		{ "fiche absente", 0 }, { "mueller", 2 }, { "Müller", 2 }, { "anne.mueller@example.org", 2 }, { "ANNE.MUELLER@EXAMPLE.ORG", 2 },
		{ "mueller@example.org", 0 }, { "example.org", 2 }, { "chaudiere", 2 }, { "devis pdf", 2 }, { "n° 7", 1 }, { "n°", 1 }, { "", 2 },
		{ "  ", 2 }, { "…", 2 }, { "sender", 2 }, { "sender@pli.example", 2 }, { "éàù", 0 }, { "'; DROP TABLE letter; --", 0 },
		{ "%", 2 }, { "c_e", 0 },
	};
	struct uuid a, b;

	(void)state;
	letter_make("Création fiche produit n° 7", NULL, &a);
	letter_make("Œuvre tout autre", NULL, &b);
	for (unsigned i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		unsigned n = found(&in.editor, CASES[i].q, NULL);
		if (n != CASES[i].n)
			fail_msg("\"%s\": %u found instead of %u", CASES[i].q, n, CASES[i].n);
	}
	assert_int_equal(found(&in.editor, "oeuvre", NULL), 1);
	assert_int_equal(found(&in.colleague, "création", NULL), 0);
	assert_int_equal(found(&in.stranger, "création", NULL), 0);
	assert_int_equal(found(&in.reader, "création", NULL), 1);
	assert_int_equal(found(&in.auditor, "création", NULL), 1);
}

static void by_number(void **state)
{
	struct err err = { 0 };
	struct uuid id;
	AUTO_POOL pool = pool_new();
	struct letter *letter;
	char text[37], q[32];
	unsigned rows;

	(void)state;
	letter_make("Numéro", NULL, &id);
	OK(letter_get(in.office, &in.editor, pool, uuid_format(text, &id), &letter, &err));
	snprintf(q, sizeof(q), "%llu", (unsigned long long)letter->number);
	assert_int_equal(found(&in.editor, q, &rows), 1);
	assert_int_equal(rows, 4);	/* created, accepted, two consigned */
	snprintf(q, sizeof(q), "n° %08llu", (unsigned long long)letter->number);
	assert_int_equal(found(&in.editor, q, NULL), 1);
	snprintf(q, sizeof(q), "%llu", (unsigned long long)letter->number + 1);
	assert_int_equal(found(&in.editor, q, &rows), 0);
	assert_int_equal(rows, 1);	/* that entry alone */
	assert_int_equal(found(&in.stranger, q, &rows), 0);
	assert_int_equal(rows, 0);
}

/* Nobody but sender and auditor finds anything by a hidden copy, by no field of it. */
static void hidden_copies(void **state)
{
	static const char *const OF_BCC[] = { "zébulon", "zeb", "caché", "secret", "hidden.example", "secret@hidden.example", "zebulon anne",
					      "secret@hidden.example registre" };
	struct uuid id;
	unsigned rows;

	(void)state;
	letter_make("Registre", BCC, &id);
	for (unsigned i = 0; i < sizeof(OF_BCC) / sizeof(OF_BCC[0]); i++) {
		assert_int_equal(found(&in.editor, OF_BCC[i], &rows), 1);
		assert_int_equal(rows, 5);
		assert_int_equal(found(&in.auditor, OF_BCC[i], &rows), 1);
		assert_int_equal(rows, 5);
		assert_int_equal(found(&in.reader, OF_BCC[i], &rows), 0);
		assert_int_equal(rows, 0);
		assert_int_equal(found(&in.colleague, OF_BCC[i], &rows), 0);
		assert_int_equal(rows, 0);
	}
	assert_int_equal(found(&in.reader, "registre", &rows), 1);
	assert_int_equal(rows, 2);	/* consigned to To and Cc */
}

static void refused(void **state)
{
	struct err err = { 0 };
	AUTO_POOL pool = pool_new();
	AUTO_BUF out;
	char text[SEARCH_TEXT_MAX + 2];

	(void)state;
	buf_init(&out);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	REFUSED(letter_list(in.office, &in.editor, pool, NULL, text, NULL, 0, &out, &err), PLI_INVALID, "bad-search");
	REFUSED(letter_list(in.office, &in.editor, pool, NULL, "a b c d e f g h i", NULL, 0, &out, &err), PLI_INVALID, "bad-search");
	REFUSED(letter_list(in.office, &in.editor, pool, NULL, "a\nb", NULL, 0, &out, &err), PLI_INVALID, "bad-search");
	REFUSED(letter_list(in.office, &in.admin, pool, NULL, "a", NULL, 0, &out, &err), PLI_DENIED, NULL);
}

static enum pli_status forget_fn(struct db_tx *tx, void *arg, struct err *err)
{
	static const char SEARCH_DROP[] = "DELETE FROM search";
	static const char FILLED_DROP[] = "DELETE FROM instance WHERE k = 'search.filled'";
	enum pli_status st = db_run(tx->conn, NULL, err, SEARCH_DROP, "");

	(void)arg;
	return st == PLI_OK ? db_run(tx->conn, NULL, err, FILLED_DROP, "") : st;
}

static void letters_from_before(void **state)
{
	struct err err = { 0 };
	struct uuid id;
	int64_t all = instance_count(&in, "SELECT COUNT(*) FROM letter");

	(void)state;
	for (unsigned i = 0; i < 230; i++)	/* several rounds of filling */
		letter_make(i == 229 ? "Dernière avant" : "Ancien", BCC, &id);
	OK(db_write(in.db, forget_fn, NULL, &err));
	assert_int_equal(found(&in.editor, "ancien", NULL), 0);
	instance_restart(&in);
	OK(office_housekeeping(in.office, clock_now_us(), &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM search"), all + 230);
	assert_int_equal(found(&in.editor, "dern avan", NULL), 1);
	assert_int_equal(found(&in.reader, "zébulon", NULL), 0);
	assert_int_equal(found(&in.editor, "zébulon dernière", NULL), 1);
	/* Done once: what is removed later stays removed. */
	OK(db_write(in.db, forget_fn, NULL, &err));
	letter_make("Après", NULL, &id);
	OK(office_housekeeping(in.office, clock_now_us(), &err));
	assert_int_equal(instance_count(&in, "SELECT COUNT(*) FROM instance WHERE k = 'search.filled'"), 1);
}

/* Terms of 8 bytes, sorted, each once; equal words of two entities are not equal terms. */
static void what_is_stored(void **state)
{
	AUTO_POOL pool = pool_new();
	struct letter_recipient r = { .n = 1, .kind = "to", .name = "", .address = "a@b.example" };
	struct letter l = { .subject = "mot mot autre", .sender_name = "mot", .sender_email = "a@b.example", .recipients = &r,
			    .recipient_count = 1 };
	struct search_terms one, two;

	(void)state;
	search_terms(pool, in.editor.meta_key, &l, &one);
	search_terms(pool, in.stranger.meta_key, &l, &two);
	/* words mot autre a b example, beginnings mot aut exa, one address */
	assert_int_equal(one.open_n, 8 * 9);
	assert_null(one.hidden);
	for (size_t i = 8; i < one.open_n; i += 8)
		assert_true(memcmp((const char *)one.open + i - 8, (const char *)one.open + i, 8) < 0);
	for (size_t i = 0; i < one.open_n; i += 8)
		for (size_t k = 0; k < two.open_n; k += 8)
			assert_memory_not_equal((const char *)one.open + i, (const char *)two.open + k, 8);
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
		cmocka_unit_test(finds),
		cmocka_unit_test(by_number),
		cmocka_unit_test(hidden_copies),
		cmocka_unit_test(refused),
		cmocka_unit_test(what_is_stored),
		cmocka_unit_test(letters_from_before),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
