/* The paper code and the proof in PDF: what comes back, and what is refused. */
#include "world_testing.h"

#include "certify.h"
#include "pades.h"
#include "paper.h"
#include "paper_pack.h"
#include "pdf_read.h"
#include "receipt_kind.h"
#include "receipt_pdf.h"
#include "verify_report.h"

#define BASE "https://letters.example.org:8443"

/* ---- paper ---- */

/* The codes of who's bundle about the first entry with that event, as one text. */
static char *codes_of(struct world *w, int who, const char *event, struct paper_codes *codes)
{
	struct bundle_facts f;
	struct zip_file *files;
	struct buf zip = { 0 };
	struct err err = { 0 };
	const struct facts_entry *e = NULL;
	size_t count;
	char *text = pool_str(w->pool, "");

	testing_bundle_write(&w->j, who, &zip);
	assert_int_equal(zip_read_open(w->pool, pool_dup(w->pool, zip.p, zip.n), zip.n, 1 << 24, &files, &count, &err), PLI_OK);
	assert_int_equal(facts_files(w->pool, files, count, &f, &err), PLI_OK);
	assert_int_equal(facts_content(&f, &err), PLI_OK);
	assert_int_equal(facts_sheets(&f, &err), PLI_OK);
	assert_int_equal(facts_checkpoint(&f, &err), PLI_OK);
	assert_int_equal(facts_entries(&f, &err), PLI_OK);
	assert_int_equal(facts_chains(&f, &err), PLI_OK);
	assert_int_equal(facts_bindings(&f, &err), PLI_OK);
	for (unsigned i = 0; i < f.entry_count && !e; i++)
		if (str_eq(f.entries[i].v.e.ev, event))
			e = &f.entries[i];
	assert_non_null(e);
	if (paper_write(w->pool, &f, e, BASE, codes, &err) != PLI_OK)
		fail_msg("%s", err.text);
	/* In the wrong order, with what a reader of codes puts between. */
	for (unsigned i = codes->count; i-- > 0;) {
		assert_true(str_starts(codes->texts[i], BASE "/verify#p="));
		text = pool_fmt(w->pool, "%sQR-Code:%s\n\n", text, codes->texts[i]);
	}
	buf_free(&zip);
	return text;
}

static enum pli_status read_back(struct world *w, const char *text, const char *key, struct paper_facts *paper, struct err *err)
{
	memset(err, 0, sizeof(*err));
	return paper_verify(w->pool, text, strlen(text), key, paper, err);
}

static void comes_back(void **state)
{
	struct world *w = *state;
	struct paper_codes codes;
	struct paper_facts paper;
	struct err err;
	const char *text = codes_of(w, 0, "handover", &codes);
	const struct bundle_sheet *s;

	if (read_back(w, text, w->keys.log_pub.p, &paper, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_true(paper.sheet && paper.content);
	assert_string_equal(paper.event->v.e.ev, "handover");
	assert_string_equal(paper.facts.origin, TESTING_ORIGIN);
	assert_int_equal(paper.facts.tree_size, w->j.size);
	s = &paper.facts.sheets[0].s;
	assert_string_equal(s->recipient_address, w->j.sheets[0].recipient_address);
	assert_string_equal(s->subject, w->j.sheets[0].subject);
	assert_string_equal(s->sender_name, w->j.sheets[0].sender_name);
	assert_int_equal(paper.facts.part_count, 2);
	assert_string_equal(paper.facts.parts[0].name, w->j.parts[0].name);
	/* The first entry alone; the sender's, about three people. */
	assert_int_equal(read_back(w, codes_of(w, 1, "consigned", &codes), w->keys.log_pub.p, &paper, &err), PLI_OK);
	assert_true(paper.sheet && paper.facts.entry_count == 1);
	assert_int_equal(read_back(w, codes_of(w, -1, "deposit.accepted", &codes), w->keys.log_pub.p, &paper, &err), PLI_OK);
	assert_true(!paper.sheet && paper.content);
	assert_string_equal(paper.event->v.e.ev, "deposit.accepted");
}

/* Every digit of every code matters. */
static void digits_matter(void **state)
{
	struct world *w = *state;
	struct paper_codes codes;
	struct paper_facts paper;
	struct err err;
	char *text = codes_of(w, 0, "handover", &codes);
	size_t n = strlen(text);
	unsigned tried = 0;

	for (size_t i = 0; i < n; i += 3) {
		char was = text[i];

		if (was < '0' || was > '9')
			continue;
		text[i] = was == '9' ? '0' : (char)(was + 1);
		/* The port of the address is none of ours. */
		if (read_back(w, text, w->keys.log_pub.p, &paper, &err) == PLI_OK && !memmem(text + (i > 40 ? i - 40 : 0), 44, ":", 1))
			fail_msg("digit %zu changed and nobody noticed", i);
		text[i] = was;
		tried++;
	}
	assert_true(tried > 300);
	assert_int_equal(read_back(w, text, w->keys.log_pub.p, &paper, &err), PLI_OK);
}

static void others_are_refused(void **state)
{
	struct world *w = *state;
	struct paper_codes codes, others;
	struct paper_facts paper;
	struct err err;
	const char *text = codes_of(w, 0, "handover", &codes), *other = codes_of(w, 0, "notice.sent", &others);

	assert_int_equal(read_back(w, text, w->other.log_pub.p, &paper, &err), PLI_CONFLICT);
	assert_non_null(strstr(err.text, "not signed by this key"));
	assert_int_equal(read_back(w, text, "no key", &paper, &err), PLI_CONFLICT);
	assert_true(codes.count == 2 && others.count == 2);
	assert_int_equal(read_back(w, codes.texts[1], w->keys.log_pub.p, &paper, &err), PLI_INPUT);
	assert_non_null(strstr(err.text, "code 1 of 2 is missing"));
	assert_int_equal(read_back(w, pool_fmt(w->pool, "%s\n%s", codes.texts[0], others.texts[1]), w->keys.log_pub.p, &paper, &err), PLI_INPUT);
	assert_non_null(strstr(err.text, "codes of different papers"));
	assert_int_equal(read_back(w, pool_fmt(w->pool, "%s\n%s", text, other), w->keys.log_pub.p, &paper, &err), PLI_INPUT);
	assert_int_equal(read_back(w, "https://example.org/verify", w->keys.log_pub.p, &paper, &err), PLI_INPUT);
	assert_non_null(strstr(err.text, "no code of a proof"));
	/* Twice the same is what a camera gives. */
	assert_int_equal(read_back(w, pool_fmt(w->pool, "%s%s", text, text), w->keys.log_pub.p, &paper, &err), PLI_OK);
}

static const unsigned block_digits[] = { 0, 3, 5, 8, 10, 13, 15, 17 };

static void whole_of(const struct paper_codes *codes, struct buf *whole)
{
	for (unsigned i = 0; i < codes->count; i++) {
		const char *p = strstr(codes->texts[i], "#p=") + 7;
		struct buf part = { 0 };

		for (size_t n = strlen(p); n;) {
			unsigned bytes = 7;
			uint64_t v = 0;

			while (n < 17 && block_digits[bytes] != n)
				bytes--;
			for (unsigned k = 0; k < block_digits[bytes]; k++)
				v = v * 10 + (uint64_t)(*p++ - '0');
			for (unsigned k = bytes; k-- > 0;)
				buf_u8(&part, (uint8_t)(v >> (8 * k)));
			n -= block_digits[bytes];
		}
		buf_add(whole, part.p + 4, part.n - 4);
		buf_free(&part);
	}
}

/* As one code, of any length, its mark made anew. */
static void code_of(const struct buf *whole, struct buf *out)
{
	struct buf part = { 0 };
	uint8_t digest[32];

	SHA256((const uint8_t *)whole->p, whole->n, digest);
	buf_add(&part, digest, 4);
	buf_add(&part, whole->p, whole->n);
	buf_str(out, "p=1.1.");
	for (size_t k = 0; k < part.n; k += 7) {
		size_t take = part.n - k < 7 ? part.n - k : 7;
		uint64_t v = 0;

		for (size_t b = 0; b < take; b++)
			v = v << 8 | (uint8_t)part.p[k + b];
		buf_fmt(out, "%0*" PRIu64, (int)block_digits[take], v);
	}
	buf_free(&part);
}

/* Whoever has no key but can count: the whole changed byte for byte. */
static void changes_are_refused(void **state)
{
	struct world *w = *state;
	struct paper_codes codes;
	struct paper_facts paper;
	struct err err;
	const char *text = codes_of(w, 0, "handover", &codes);
	struct buf whole = { 0 };

	(void)text;
	whole_of(&codes, &whole);
	for (size_t at = 0; at <= whole.n; at++) {
		struct buf out = { 0 };

		if (at < whole.n)
			whole.p[at] ^= 1;
		code_of(&whole, &out);
		assert_int_equal(read_back(w, out.p, w->keys.log_pub.p, &paper, &err) == PLI_OK, at == whole.n);
		if (at < whole.n)
			whole.p[at] ^= 1;
		buf_free(&out);
	}
	buf_free(&whole);
}

/* The pieces of a whole: its hashes, its entries with their paths, what stands behind them. */
struct pieces {
	struct buf whole;
	unsigned hash_count, entry_count;
	size_t entry_at[3];	/* one more than there are entries */
};
#define HEAD_BYTES (1 + 8 + 32 + 64)

static void pieces_of(struct world *w, int who, const char *event, struct pieces *p)
{
	struct paper_codes codes;
	const uint8_t *b;
	size_t at;

	memset(p, 0, sizeof(*p));
	codes_of(w, who, event, &codes);
	whole_of(&codes, &p->whole);
	b = (const uint8_t *)p->whole.p;
	p->hash_count = b[HEAD_BYTES];
	at = HEAD_BYTES + 1 + 32 * (size_t)p->hash_count;
	p->entry_count = b[at++];
	assert_in_range(p->entry_count, 1, 2);
	p->entry_at[0] = at;
	for (unsigned i = 0; i < p->entry_count; i++) {
		at += 2 + (size_t)(b[at] << 8 | b[at + 1]);
		at += 1 + (size_t)b[at];
		p->entry_at[i + 1] = at;
	}
}

enum { DEPOSIT, CONSIGNED, HANDOVER, SOURCES };

/* The last entries of these sources, in this order, below what is shown of the people of CONSIGNED. */
static enum pli_status mix_read(struct world *w, const struct pieces *sources, const int *order, unsigned n, struct err *err)
{
	const struct pieces *people = &sources[CONSIGNED];
	struct buf whole = { 0 }, code = { 0 };
	unsigned first[SOURCES], hashes = 0;
	struct paper_facts paper;
	enum pli_status st;

	for (int i = 0; i < SOURCES; hashes += sources[i++].hash_count)
		first[i] = hashes;
	buf_add(&whole, people->whole.p, HEAD_BYTES);
	buf_u8(&whole, (uint8_t)hashes);
	for (int i = 0; i < SOURCES; i++)
		buf_add(&whole, sources[i].whole.p + HEAD_BYTES + 1, 32 * (size_t)sources[i].hash_count);
	buf_u8(&whole, (uint8_t)n);
	for (unsigned i = 0; i < n; i++) {
		const struct pieces *p = &sources[order[i]];
		const uint8_t *b = (const uint8_t *)p->whole.p + p->entry_at[p->entry_count - 1];
		size_t text_n = 2 + (size_t)(b[0] << 8 | b[1]);

		buf_add(&whole, b, text_n + 1);
		for (unsigned k = 0; k < b[text_n]; k++)
			buf_u8(&whole, (uint8_t)(b[text_n + 1 + k] + first[order[i]]));
	}
	buf_add(&whole, people->whole.p + people->entry_at[people->entry_count], people->whole.n - people->entry_at[people->entry_count]);
	code_of(&whole, &code);
	st = read_back(w, code.p, w->keys.log_pub.p, &paper, err);
	buf_free(&whole);
	buf_free(&code);
	return st;
}

/* Everything that a sender's proof shows is true; put together otherwise it must not say of one what another has done. */
static void one_recipient_alone(void **state)
{
	struct world *w = *state;
	struct pieces sources[SOURCES];
	struct err err = { 0 };

	pieces_of(w, -1, "deposit.accepted", &sources[DEPOSIT]);
	pieces_of(w, 1, "consigned", &sources[CONSIGNED]);
	pieces_of(w, 0, "handover", &sources[HANDOVER]);
	if (mix_read(w, sources, (const int[]){ CONSIGNED, DEPOSIT }, 2, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_int_not_equal(mix_read(w, sources, (const int[]){ DEPOSIT, CONSIGNED, HANDOVER }, 3, &err), PLI_OK);
	assert_int_not_equal(mix_read(w, sources, (const int[]){ CONSIGNED, DEPOSIT, HANDOVER }, 3, &err), PLI_OK);
	assert_int_equal(mix_read(w, sources, (const int[]){ CONSIGNED, HANDOVER }, 2, &err), PLI_CONFLICT);
	assert_non_null(strstr(err.text, "not of one recipient"));
	assert_int_equal(mix_read(w, sources, (const int[]){ DEPOSIT, HANDOVER }, 2, &err), PLI_CONFLICT);
	assert_int_equal(mix_read(w, sources, (const int[]){ HANDOVER }, 1, &err), PLI_CONFLICT);
	for (int i = 0; i < SOURCES; i++)
		buf_free(&sources[i].whole);
}

static void short_forms(void **state)
{
	static const char *const texts[] = {
		"", "plain", "0123456789abcdef", "1e1e1e1e-1e1e-701e-801e-1e1e1e1e1e1e", "x1e1e1e1e-1e1e-701e-801e-1e1e1e1e1e1", "abc", "ABCDEF0123456789",
		"{\"act\":{\"lvl\":1,\"m\":\"link\"},\"ch\":\"web\",\"corr\":\"", "été \xf0\x9f\x98\x80 deadbeefdeadbee", "\",\"kind\":\"to",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buf packed = { 0 }, back = { 0 };
		struct err err = { 0 };

		paper_pack(texts[i], strlen(texts[i]), &packed);
		assert_true(packed.n <= strlen(texts[i]));
		assert_int_equal(paper_unpack(packed.p, packed.n, 200, &back, &err), PLI_OK);
		assert_string_equal(back.p ? back.p : "", texts[i]);
		buf_free(&packed);
		buf_free(&back);
	}
}

/* ---- PDF ---- */

static enum pli_status seal_pdf(void *arg, const void *text, size_t n, struct buf *out, struct err *err)
{
	struct testing_keys *k = arg;
	AUTO_POOL pool = pool_new();
	struct certify_text t;

	assert_int_equal(certify_parse(pool, text, n, &t, err), PLI_OK);
	assert_true(t.kind == CERTIFY_PDF && t.entry_count == 1);
	return pades_make(k->sealer, k->maker, t.digest, clock_now_us(), out, err);
}

static void document_of(struct world *w, struct testing_keys *by, struct buf *out)
{
	struct buf zip = { 0 };
	struct receipt_pdf what = { .kind = receipt_kind_find("receipt"), .lang = "fr", .timezone = "Europe/Paris", .base_url = BASE };
	struct err err = { 0 };

	testing_bundle_write(&w->j, 0, &zip);
	what.bundle = zip.p;
	what.bundle_n = zip.n;
	if (receipt_pdf_write(&what, seal_pdf, by, out, &err) != PLI_OK)
		fail_msg("%s", err.text);
	buf_free(&zip);
}

static void document_verifies(void **state)
{
	struct world *w = *state;
	struct bundle_verify_options options = { .root_pem = w->keys.root.p, .log_pub_pem = w->keys.log_pub.p };
	struct verify_report report;
	struct buf pdf = { 0 };
	struct err err = { 0 };

	document_of(w, &w->keys, &pdf);
	verify_examine(w->pool, pdf.p, pdf.n, &options, &report);
	if (!report.verified)
		fail_msg("%s", report.err.text);
	assert_string_equal(report.checks[report.count - 1].id, "document");
	/* One byte in forty places, all over the file; and every seventh of the seal. */
	for (size_t i = 0; i < 1040; i++) {
		size_t seal = (size_t)(strstr(memmem(pdf.p, pdf.n, "/ByteRange", 10), "/Contents <") - pdf.p);
		size_t at = i < 40 ? (2 * i + 1) * pdf.n / 80 : seal + 7 * (i - 40);

		pdf.p[at] ^= 1;
		if (bundle_verify(pdf.p, pdf.n, &options, &err) == PLI_OK)
			fail_msg("byte %zu of %zu changed and nobody noticed", at, pdf.n);
		pdf.p[at] ^= 1;
	}
	buf_ch(&pdf, '\n');
	assert_int_equal(bundle_verify(pdf.p, pdf.n, &options, &err), PLI_CONFLICT);
	assert_non_null(strstr(err.text, "does not cover the whole file"));
	assert_int_equal(bundle_verify(pdf.p, pdf.n / 2, &options, &err), PLI_CONFLICT);
	buf_reset(&pdf);
	/* Another service's seal around our proof. */
	document_of(w, &w->other, &pdf);
	assert_int_equal(bundle_verify(pdf.p, pdf.n, &options, &err), PLI_CONFLICT);
	assert_non_null(strstr(err.text, "document: "));
	buf_free(&pdf);
}

static void what_has_not_happened(void **state)
{
	struct world *w = *state;
	struct receipt_pdf what = { .kind = receipt_kind_find("refusal"), .lang = "en", .timezone = "UTC", .base_url = BASE };
	struct buf zip = { 0 }, out = { 0 };
	struct err err = { 0 };

	testing_bundle_write(&w->j, 0, &zip);
	what.bundle = zip.p;
	what.bundle_n = zip.n;
	assert_int_equal(receipt_pdf_write(&what, seal_pdf, &w->keys, &out, &err), PLI_ABSENT);
	assert_int_equal(out.n, 0);
	what.kind = receipt_kind_find("receipt");
	zip.p[zip.n / 2] ^= 1;		/* a damaged bundle gives no page */
	assert_int_not_equal(receipt_pdf_write(&what, seal_pdf, &w->keys, &out, &err), PLI_OK);
	buf_free(&zip);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back), cmocka_unit_test(digits_matter), cmocka_unit_test(others_are_refused),
		cmocka_unit_test(changes_are_refused), cmocka_unit_test(one_recipient_alone), cmocka_unit_test(short_forms), cmocka_unit_test(document_verifies),
		cmocka_unit_test(what_has_not_happened),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
