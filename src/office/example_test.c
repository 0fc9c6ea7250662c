/* The rows of the reference product's journal (B32 to B36): one letter to one To and one Cc, both of whom read it, played through
 * draft, deposit, notices and openings; all ten columns, French and English, as an ordered subset of the journal; then both kinds of proof. */
#include "office_testing.h"

#include "bundle.h"

#include "delivery.h"
#include "draft.h"
#include "letter_journal.h"
#include "notice.h"

static struct instance in;
static struct uuid letter;
static char id[37], links[2][64];

/* Stands in for the mail templates: keeps the links. */
static enum pli_status render(void *arg, struct pool *pool, const struct notice_view *view, struct buf *mail,
			       size_t *content_at_r, struct err *err)
{
	const char *at = strstr(view->link, "/l/");

	(void)arg;
	(void)pool;
	(void)content_at_r;
	(void)err;
	assert_non_null(at);
	snprintf(links[str_eq(view->recipient_address, "b@example.org")], sizeof(links[0]), "%.60s", at + 3);
	buf_str(mail, "mail\r\n");
	return PLI_OK;
}

static void notices_go_out(void)
{
	AUTO_POOL pool = pool_new();
	struct notice_job jobs[8];
	struct notice_result results[8];
	struct err err = { 0 };
	unsigned count = 0;

	OK(notice_lease(in.office, pool, render, NULL, 8, jobs, &count, &err));
	assert_int_equal(count, 2);
	for (unsigned k = 0; k < count; k++)
		results[k] = (struct notice_result){ .entity = jobs[k].entity, .notice = jobs[k].notice, .facts = jobs[k].facts, .outcome = NOTICE_SENT,
						     .reply = "250 2.0.0 Ok", .message_id = jobs[k].message_id };
	OK(notice_settle(in.office, results, count, &err));
}

static void reads(const char *link)
{
	AUTO_POOL pool = pool_new();
	struct journal_actor actor = { .method = "link", .level = 1, .channel = "web", .ip = "192.0.2.9", .tls = "TLSv1.3" };
	struct err err = { 0 };
	char cookie[64];

	OK(delivery_open(in.office, pool, link, NULL, &actor, cookie, &err));
}

/* Newest first, without number and the two times: "…;type;…;message". */
static const char *const FR[] = {
	"Action sur un document;New York;000000000;;Création fiche produit;Reçu;Tous les destinataires ont consulté le message",
	"Mail sécurisé;New York;000000000;;Création fiche produit;Consulté;a@example.org a consulté le document",
	"Action sur un document;New York;000000000;;Création fiche produit;Reçu partiellement;Un destinataire a consulté le message",
	"Mail sécurisé;New York;000000000;;Création fiche produit;Consulté;b@example.org a consulté le document",
	"Action sur un document;New York;000000000;Sender Name;Création fiche produit;Envoyé;Le document a été envoyé",
	"Mail sécurisé;New York;000000000;;Création fiche produit;Envoyé;Mail sécurisé envoyé à b@example.org",
	"Mail sécurisé;New York;000000000;;Création fiche produit;Envoyé;Mail sécurisé envoyé à a@example.org",
	"Action sur un document;New York;000000000;Sender Name;Création fiche produit;En cours de rédaction;Modification du document",
	"Action sur un document;New York;000000000;Sender Name;Création fiche produit;Créé;Création du document",
};
static const char *const EN[] = {
	"Action on a document,New York,000000000,,Création fiche produit,Received,All recipients have opened the message",
	"Secure mail,New York,000000000,,Création fiche produit,Opened,a@example.org has opened the document",
	"Action on a document,New York,000000000,,Création fiche produit,Partly received,One recipient has opened the message",
	"Secure mail,New York,000000000,,Création fiche produit,Opened,b@example.org has opened the document",
	"Action on a document,New York,000000000,Sender Name,Création fiche produit,Sent,The document has been sent",
	"Secure mail,New York,000000000,,Création fiche produit,Sent,Secure mail sent to b@example.org",
	"Secure mail,New York,000000000,,Création fiche produit,Sent,Secure mail sent to a@example.org",
	"Action on a document,New York,000000000,Sender Name,Création fiche produit,Draft,Document changed",
	"Action on a document,New York,000000000,Sender Name,Création fiche produit,Created,Document created",
};

/* NN;date;…;date, with dates of this form: 9 a digit, anything else itself. */
static bool looks_like(const char *s, size_t n, const char *form)
{
	if (n != strlen(form))
		return false;
	for (size_t i = 0; i < n; i++)
		if (form[i] == '9' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return false;
	return true;
}

static void rows_stand_in_order(const char *lang, char separator, const char *const *rows, size_t count, const char *date_form)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF out;
	struct letter_journal_query q = { .lang = lang, .csv = true, .letter = id };
	struct err err = { 0 };
	const char *at;
	unsigned long last = ~0UL;
	size_t lines = 0;

	buf_init(&out);
	OK(letter_journal(in.office, &in.editor, pool, &q, &out, &err));
	at = out.p;
	for (size_t i = 0; i < count; i++) {
		const char *found = strstr(at, rows[i]), *begin, *end;
		unsigned long number;

		if (!found)
			fail_msg("%s, row %zu: no \"%s\" below\n%s", lang, i, rows[i], at);
		for (begin = found; begin[-1] != '\n'; begin--)
			;
		number = strtoul(begin, (char **)(uintptr_t)&begin, 10);
		assert_true(number > 0 && number < last && *begin == separator);
		last = number;
		assert_true(looks_like(begin + 1, (size_t)(found - begin - 2), date_form));
		assert_true(found[-1] == separator);
		end = found + strlen(rows[i]);
		assert_true(*end == separator);
		at = strchr(end, '\n');
		assert_non_null(at);
		assert_true(looks_like(end + 1, (size_t)(at - end - 2), date_form));
	}
	for (const char *c = out.p; *c; c++)
		lines += *c == '\n';
	/* Head line, the rows above, and the deposit's proof with what was made available to two. */
	assert_int_equal(lines, 1 + count + 3);
}

static void the_example(void **state)
{
	(void)state;
	rows_stand_in_order("fr", ';', FR, sizeof(FR) / sizeof(FR[0]), "99/99/9999 99:99:99");
	rows_stand_in_order("en", ',', EN, sizeof(EN) / sizeof(EN[0]), "9999-99-99 99:99:99");
}

static void states(void **state)
{
	AUTO_POOL pool = pool_new();
	struct letter *l;
	struct err err = { 0 };

	(void)state;
	OK(letter_get(in.office, &in.editor, pool, id, &l, &err));
	assert_string_equal(l->state, "received");
	assert_true(l->sent_us > 0);
	for (unsigned k = 0; k < 2; k++) {
		assert_string_equal(l->recipients[k].state, "opened");
		assert_int_equal(l->recipients[k].sends, 1);
		assert_true(l->recipients[k].read_us >= l->recipients[k].first_sent_us && l->recipients[k].first_sent_us > 0);
	}
}

static void say(void *arg, bool ok, const char *line)
{
	(void)arg;
	if (!ok)
		print_message("%s\n", line);
}

static void proofs_verify(void **state)
{
	AUTO_POOL pool = pool_new();
	AUTO_BUF sender, recipient;
	struct bundle_verify_options options = { .root_pem = instance_public(&in, "root.pem"),
						 .log_pub_pem = instance_public(&in, "log.pub"), .say = say };
	struct err err = { 0 };

	(void)state;
	buf_init(&sender);
	buf_init(&recipient);
	OK(letter_proof(in.office, &in.editor, pool, id, NULL, &sender, &err));
	OK(bundle_verify(sender.p, sender.n, &options, &err));
	OK(letter_proof(in.office, &in.auditor, pool, id, "A@example.org", &recipient, &err));
	OK(bundle_verify(recipient.p, recipient.n, &options, &err));
	REFUSED(letter_proof(in.office, &in.reader, pool, id, NULL, &sender, &err), PLI_DENIED, NULL);
	REFUSED(letter_proof(in.office, &in.colleague, pool, id, NULL, &sender, &err), PLI_ABSENT, NULL);
	if (instance_verify(&in, &err) != 0)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	struct draft_change begun = { .to = "a@example.org", .subject = "Création fiche produit" };
	struct draft_change more = { .cc = "b@example.org", .message = "Bonjour" };
	struct journal_actor actor;
	struct uuid draft;
	struct err err = { 0 };
	bool replayed;
	AUTO_BUF body;
	AUTO_POOL pool = pool_new();

	(void)state;
	buf_init(&body);
	instance_make(&in);
	actor = instance_actor(&in.editor);
	OK(draft_create(in.office, &in.editor, &actor, pool, &begun, &draft, &replayed, &err));
	uuid_format(id, &draft);
	OK(draft_change(in.office, &in.editor, &actor, pool, id, &more, &err));
	OK(draft_send(in.office, &in.editor, &actor, pool, id, 0, NULL, &letter, &body, &err));
	assert_true(uuid_same(&draft, &letter));
	notices_go_out();
	reads(links[1]);
	reads(links[0]);
	OK(journal_wait(in.journal, journal_size(in.journal), 5000, &err));
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_example), cmocka_unit_test(states), cmocka_unit_test(proofs_verify) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
