/* Forged proof bundles: each must be refused by bundle_verify and by verify.sh (dash, busybox), for its own reason.
 * The forger of most of them holds the service's keys, so that only the check meant can notice. */
#include "forge_testing.h"

struct world {
	struct testing_keys keys, other;	/* other: another service's */
	struct testing_journal j, next;		/* next: another letter of the same journal's keys */
	struct pool *pool;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->pool = pool_new();
	testing_keys_make(&w->keys);
	testing_keys_make(&w->other);
	testing_journal_make(&w->j, &w->keys, w->pool, true);
	testing_journal_make(&w->next, &w->keys, w->pool, false);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	testing_journal_drop(&w->j);
	testing_journal_drop(&w->next);
	testing_keys_drop(&w->keys);
	testing_keys_drop(&w->other);
	pool_free(w->pool);
	free(w);
	return 0;
}

/* ------------------------------------------------------------------------------- without the seal's key */

static void drop_entry(struct world *w, struct forge *f)
{
	(void)w;
	forge_drop(f, "journal/003.json");
}

static void drop_proof(struct world *w, struct forge *f)
{
	(void)w;
	forge_drop(f, "journal/002.tlog-proof");
}

static void drop_salt(struct world *w, struct forge *f)
{
	(void)w;
	forge_drop(f, "sheet-002.salt");
}

static void add_file(struct world *w, struct forge *f)
{
	(void)w;
	forge_add(f, "journal/099.json", "{}");
}

static void add_mark(struct world *w, struct forge *f)
{
	(void)w;
	forge_add(f, "META-INF/signature2.p7s", "x");
}

static void swap_entries(struct world *w, struct forge *f)
{
	(void)w;
	forge_swap(f, "journal/003.json", "journal/004.json");
}

static void swap_sheets(struct world *w, struct forge *f)
{
	(void)w;
	forge_swap(f, "sheet-001.json", "sheet-002.json");
}

static void cut_receipt(struct world *w, struct forge *f)
{
	(void)w;
	forge_file(f, "receipt.txt")->n -= 10;
}

static void cut_token(struct world *w, struct forge *f)
{
	(void)w;
	forge_file(f, "checkpoint.tst")->n -= 1;
}

static void empty_entry(struct world *w, struct forge *f)
{
	(void)w;
	forge_file(f, "journal/001.json")->n = 0;
}

static void other_token(struct world *w, struct forge *f)
{
	struct forge g;

	forge_open(&g, &w->next, -1);
	forge_set(f, "checkpoint.tst", forge_file(&g, "checkpoint.tst")->p, forge_file(&g, "checkpoint.tst")->n);
}

static void other_checkpoint(struct world *w, struct forge *f)
{
	struct forge g;

	forge_open(&g, &w->next, -1);
	forge_set_text(f, "checkpoint.txt", forge_text(&g, "checkpoint.txt"));
}

static void other_signature(struct world *w, struct forge *f)
{
	struct forge g;

	forge_open(&g, &w->next, -1);
	forge_set(f, ASIC_SIGNATURE_NAME, forge_file(&g, ASIC_SIGNATURE_NAME)->p, forge_file(&g, ASIC_SIGNATURE_NAME)->n);
}

static void cut_signature(struct world *w, struct forge *f)
{
	(void)w;
	forge_file(f, ASIC_SIGNATURE_NAME)->n -= 20;
}

static void manifest_space(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, ASIC_MANIFEST_NAME, "</ASiCManifest>\n", "</ASiCManifest>\n\n");
}

static void manifest_order(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, ASIC_MANIFEST_NAME, "URI=\"receipt.txt\"", "URI=\"receipt.txu\"");
}

static void wrong_mimetype(struct world *w, struct forge *f)
{
	(void)w;
	forge_set_text(f, "mimetype", "application/vnd.etsi.asic-s+zip");
}

/* --------------------------------------------------------------------------------- sealed by the service */

static void sealed_extra(struct world *w, struct forge *f)
{
	(void)w;
	forge_add(f, "journal/evil.json", "{}");
	forge_seal(f);
}

static void sealed_order(struct world *w, struct forge *f)
{
	struct zip_file *a = forge_file(f, "root.pem"), *b = forge_file(f, "seal.pem"), keep = *a;

	(void)w;
	*a = *b;
	*b = keep;
	forge_seal(f);
}

static void sealed_by_other(struct world *w, struct forge *f)
{
	f->sealer = &w->other;
	forge_seal_only(f);
}

/* A whole bundle of another service: right in itself, but not under the given root. */
static void other_root(struct world *w, struct forge *f)
{
	f->sealer = &w->other;
	forge_set_text(f, "root.pem", w->other.root.p);
	forge_set_text(f, "seal.pem", w->other.seal.p);
	forge_set_text(f, "tsa.pem", w->other.tsa.p);
	forge_head(f, w->j.t_us);
	forge_seal(f);
}

static void other_log_key(struct world *w, struct forge *f)
{
	forge_set_text(f, "log.pub", w->other.log_pub.p);
	forge_seal(f);
}

/* The journal's key of another, while log.pub stays. */
static void checkpoint_by_other(struct world *w, struct forge *f)
{
	struct testing_keys mixed = w->keys;

	memcpy(mixed.log_secret, w->other.log_secret, 64);
	f->sealer = &mixed;
	forge_head(f, w->j.t_us);
	f->sealer = &w->keys;
	forge_seal(f);
}

/* The size in the signed text changed, the old signature kept. */
static void checkpoint_size(struct world *w, struct forge *f)
{
	struct buf token;
	struct err err = { 0 };

	buf_init(&token);
	forge_edit(f, "checkpoint.txt", pool_fmt(w->pool, "\n%" PRIu64 "\n", w->j.size),
		   pool_fmt(w->pool, "\n%" PRIu64 "\n", w->j.size + 1));
	assert_int_equal(token_make(w->keys.maker, forge_file(f, "checkpoint.txt")->p, forge_file(f, "checkpoint.txt")->n,
				    w->j.t_us, &token, &err), PLI_OK);
	forge_set(f, "checkpoint.tst", token.p, token.n);
	forge_seal(f);
	buf_free(&token);
}

static void token_over_other(struct world *w, struct forge *f)
{
	other_token(w, f);
	forge_seal(f);
}

static void token_by_other(struct world *w, struct forge *f)
{
	struct buf token;
	struct err err = { 0 };

	buf_init(&token);
	assert_int_equal(token_make(w->other.maker, forge_file(f, "checkpoint.txt")->p,
				    forge_file(f, "checkpoint.txt")->n, w->j.t_us, &token, &err), PLI_OK);
	forge_set(f, "checkpoint.tst", token.p, token.n);
	forge_seal(f);
	buf_free(&token);
}

static struct sealer *sealer_of(struct world *w, const char *name, struct buf *cert)
{
	struct sealer *sealer;
	struct buf key = testing_get(w->keys.dir.keys, pool_fmt(w->pool, "%s.key", name));
	struct err err = { 0 };

	*cert = testing_get(strcmp(name, "mail") == 0 ? w->keys.dir.keys : w->keys.dir.public_dir,
			    pool_fmt(w->pool, "%s.pem", name));
	if (sealer_new(cert->p, key.p, &sealer, &err) != PLI_OK)
		fail_msg("%s", err.text);
	buf_free(&key);
	return sealer;
}

/* Another key of the house, made for another purpose, as seal. */
static void sealed_with(struct world *w, struct forge *f, const char *name)
{
	struct testing_keys mixed = w->keys;
	struct buf cert;

	mixed.sealer = sealer_of(w, name, &cert);
	forge_set_text(f, "seal.pem", cert.p);
	f->sealer = &mixed;
	forge_seal(f);
	f->sealer = &w->keys;
	sealer_free(mixed.sealer);
	buf_free(&cert);
}

static void sealed_with_tsa(struct world *w, struct forge *f)
{
	sealed_with(w, f, "tsa");
}

static void sealed_with_mail(struct world *w, struct forge *f)
{
	sealed_with(w, f, "mail");
}

/* The seal by the mail key while seal.pem is the right one. */
static void signed_with_mail(struct world *w, struct forge *f)
{
	sealed_with(w, f, "mail");
	forge_set_text(f, "seal.pem", w->keys.seal.p);
	{
		struct testing_keys mixed = w->keys;
		struct buf cert;

		mixed.sealer = sealer_of(w, "mail", &cert);
		f->sealer = &mixed;
		forge_seal(f);
		f->sealer = &w->keys;
		sealer_free(mixed.sealer);
		buf_free(&cert);
	}
}

/* ----------------------------------------------------------------- the receipt's two signers, its token, its XML */

static void certified_by_other(struct world *w, struct forge *f)
{
	f->sealer = &w->other;
	forge_certify(f);
	f->sealer = &w->keys;
	forge_seal_only(f);
}

/* receipt.p7s by these two (b NULL: by a alone), and a new token over it. */
static void certified_with(struct world *w, struct forge *f, struct sealer *a, struct sealer *b, int64_t t_us)
{
	struct zip_file *text = forge_file(f, "receipt.txt");
	struct buf p7s = { 0 }, token = { 0 };
	struct err err = { 0 };

	assert_int_equal(b ? seal_make_two(a, b, text->p, text->n, &p7s, &err) : seal_make(a, text->p, text->n, &p7s, &err), PLI_OK);
	assert_int_equal(token_make(w->keys.maker, p7s.p, p7s.n, t_us, &token, &err), PLI_OK);
	forge_set(f, "receipt.p7s", p7s.p, p7s.n);
	forge_set(f, "receipt.tst", token.p, token.n);
	forge_seal_only(f);
	buf_free(&p7s);
	buf_free(&token);
}

static void without_operator(struct world *w, struct forge *f)
{
	certified_with(w, f, w->keys.sealer, NULL, w->j.t_us);
}

static void without_seal(struct world *w, struct forge *f)
{
	certified_with(w, f, w->keys.certify, NULL, w->j.t_us);
}

static void certified_with_mail(struct world *w, struct forge *f)
{
	struct buf cert;
	struct sealer *mail = sealer_of(w, "mail", &cert);

	certified_with(w, f, w->keys.sealer, mail, w->j.t_us);
	sealer_free(mail);
	buf_free(&cert);
}

static void certified_before(struct world *w, struct forge *f)
{
	certified_with(w, f, w->keys.sealer, w->keys.certify, w->j.t_us - INT64_C(600) * SECOND_US);
}

/* Signatures and token of another letter's receipt. */
static void other_receipt(struct world *w, struct forge *f)
{
	struct forge g;

	forge_open(&g, &w->next, -1);
	forge_set(f, "receipt.p7s", forge_file(&g, "receipt.p7s")->p, forge_file(&g, "receipt.p7s")->n);
	forge_set(f, "receipt.tst", forge_file(&g, "receipt.tst")->p, forge_file(&g, "receipt.tst")->n);
	forge_seal_only(f);
}

static void other_receipt_token(struct world *w, struct forge *f)
{
	struct forge g;

	forge_open(&g, &w->next, -1);
	forge_set(f, "receipt.tst", forge_file(&g, "receipt.tst")->p, forge_file(&g, "receipt.tst")->n);
	forge_seal_only(f);
}

static void receipt_signatures_longer(struct world *w, struct forge *f)
{
	struct zip_file *p7s = forge_file(f, "receipt.p7s");
	struct buf longer = { 0 }, token = { 0 };
	struct err err = { 0 };

	buf_add(&longer, p7s->p, p7s->n);
	buf_ch(&longer, '\0');
	assert_int_equal(token_make(w->keys.maker, longer.p, longer.n, w->j.t_us, &token, &err), PLI_OK);
	forge_set(f, "receipt.p7s", longer.p, longer.n);
	forge_set(f, "receipt.tst", token.p, token.n);
	forge_seal_only(f);
	buf_free(&longer);
	buf_free(&token);
}

static void operator_is_seal(struct world *w, struct forge *f)
{
	forge_set_text(f, "operator.pem", w->keys.seal.p);
	forge_seal(f);
}

static void operator_is_mail(struct world *w, struct forge *f)
{
	struct buf cert;
	struct sealer *mail = sealer_of(w, "mail", &cert);

	forge_set_text(f, "operator.pem", cert.p);
	certified_with(w, f, w->keys.sealer, mail, w->j.t_us);
	sealer_free(mail);
	buf_free(&cert);
}

static void evidence_event(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.xml", "/Event/ContentHandover<", "/Event/ConsignmentAcceptance<");
	forge_seal(f);
}

static void evidence_recipient(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.xml", "<erds:RecipientDetails>", "<erds:RecipientDetails><!-- -->");
	forge_seal(f);
}

static void evidence_cut(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.xml", "</pli:EvidenceSet>\n", "");
	forge_seal(f);
}

static void two_roots(struct world *w, struct forge *f)
{
	forge_set_text(f, "root.pem", pool_fmt(w->pool, "%s%s", w->keys.root.p, w->other.root.p));
	forge_seal(f);
}

static void proof_hash_dropped(struct world *w, struct forge *f)
{
	const char *text = forge_text(f, "journal/002.tlog-proof");
	const char *first = strchr(strchr(text, '\n') + 1, '\n') + 1;

	forge_set_text(f, "journal/002.tlog-proof",
		       pool_fmt(w->pool, "%.*s%s", (int)(first - text), text, strchr(first, '\n') + 1));
	forge_seal(f);
}

static void proof_hash_more(struct world *w, struct forge *f)
{
	const char *text = forge_text(f, "journal/002.tlog-proof");
	const char *first = strchr(strchr(text, '\n') + 1, '\n') + 1;

	forge_set_text(f, "journal/002.tlog-proof",
		       pool_fmt(w->pool, "%.*s%.45s%s", (int)(first - text), text, first, first));
	forge_seal(f);
}

static void proof_hash_changed(struct world *w, struct forge *f)
{
	const char *text = forge_text(f, "journal/002.tlog-proof");
	const char *first = strchr(strchr(text, '\n') + 1, '\n') + 1;
	char *copy = pool_str(w->pool, text);

	copy[first - text] = *first == 'A' ? 'B' : 'A';
	forge_set_text(f, "journal/002.tlog-proof", copy);
	forge_seal(f);
}

static void proof_index(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "journal/001.tlog-proof", "index 2\n", "index 6\n");
	forge_seal(f);
}

static void proof_other_checkpoint(struct world *w, struct forge *f)
{
	struct forge g;

	forge_open(&g, &w->next, -1);
	forge_edit(f, "journal/001.tlog-proof", forge_text(f, "checkpoint.txt"), forge_text(&g, "checkpoint.txt"));
	forge_seal(f);
}

static void entry_not_in_tree(struct world *w, struct forge *f)
{
	const char *name = forge_entry(f, "\"ev\":\"handover\"", 0);

	(void)w;
	forge_edit(f, name, "\"lvl\":0", "\"lvl\":4");
	forge_seal(f);
}

/* ------------------------------------------------------------- a journal that the service wrote wrongly */

static void rebuilt(struct forge *f)
{
	forge_tree(f);
	forge_seal(f);
}

static void chain_without_prev(struct world *w, struct forge *f)
{
	const char *name = forge_entry(f, "\"ev\":\"handover\"", 0);
	const char *text = forge_text(f, name), *prev = strstr(text, "\"prev\"");

	forge_set_text(f, name, pool_fmt(w->pool, "%.*s%s", (int)(prev - text), text, prev + 74));
	rebuilt(f);
}

static void chain_other_prev(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"handover\"", 0), "\"prev\":\"", "\"prev\":\"00000000");
	{
		const char *name = forge_entry(f, "\"ev\":\"handover\"", 0);
		const char *text = forge_text(f, name), *prev = strstr(text, "\"prev\":\"");

		forge_set_text(f, name, pool_fmt(w->pool, "%.*s%s", (int)(prev + 72 - text), text, prev + 80));
	}
	rebuilt(f);
}

/* One entry taken out, the rest numbered anew. */
static void take_out(struct forge *f, const char *name)
{
	unsigned n = (unsigned)strtoul(name + 8, NULL, 10);

	forge_drop(f, forge_proof_name(f, name));
	forge_drop(f, name);
	for (size_t i = 0; i < f->count; i++) {
		const char *old = f->files[i].name;
		unsigned number = str_starts(old, "journal/") ? (unsigned)strtoul(old + 8, NULL, 10) : 0;

		if (number > n)
			f->files[i].name = pool_fmt(f->j->pool, "journal/%03u%s", number - 1, strchr(old, '.'));
	}
	forge_seal(f);
}

static void chain_gap(struct world *w, struct forge *f)
{
	(void)w;
	take_out(f, forge_entry(f, "\"ev\":\"notice.opened\"", 0));
}

static void chain_late(struct world *w, struct forge *f)
{
	(void)w;
	take_out(f, "journal/001.json");
}

/* The first entry of a chain is another. */
static void chain_beheaded(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"consigned\"", 2), "\"ev\":\"consigned\"", "\"ev\":\"handover\"");
	forge_edit(f, forge_entry(f, "\"ev\":\"handover\"", 0), "ContentConsignment", "ContentHandover");
	rebuilt(f);
}

static void entry_other_letter(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"handover\"", 0), "\"corr\":\"1e1e1e1e", "\"corr\":\"2e1e1e1e");
	rebuilt(f);
}

static void entry_other_log(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"handover\"", 0), "\"log\":\"pli", "\"log\":\"plj");
	rebuilt(f);
}

static void entry_other_number(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"access\"", 0), "\"seq\":21", "\"seq\":22");
	rebuilt(f);
}

static void entry_white_space(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, forge_entry(f, "\"ev\":\"handover\"", 0), "\"seq\":", "\"seq\": ");
	rebuilt(f);
}

static void entry_later_than_token(struct world *w, struct forge *f)
{
	(void)w;
	/* Both are the service's: the year says so plainly. */
	forge_edit(f, forge_entry(f, "\"ev\":\"access\"", 0), "\"t\":\"20", "\"t\":\"21");
	rebuilt(f);
}

static void sheet_changed(struct world *w, struct forge *f)
{
	(void)w;
	for (int i = 1; i <= 3; i++)
		forge_edit(f, pool_fmt(w->pool, "sheet-%03d.json", i), "bail", "Bail");
	forge_seal(f);
}

static void sheet_one_changed(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "sheet-002.json", "bail", "Bail");
	forge_seal(f);
}

static void sheet_twice(struct world *w, struct forge *f)
{
	(void)w;
	forge_set_text(f, "sheet-002.json", forge_text(f, "sheet-001.json"));
	forge_set_text(f, "sheet-002.salt", forge_text(f, "sheet-001.salt"));
	forge_seal(f);
}

static void sheet_salt_upper(struct world *w, struct forge *f)
{
	(void)w;
	forge_set_text(f, "sheet-001.salt", "ABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD");
	forge_seal(f);
}

static void sheet_order(struct world *w, struct forge *f)
{
	(void)w;
	forge_swap(f, "sheet-001.json", "sheet-003.json");
	forge_swap(f, "sheet-001.salt", "sheet-003.salt");
	forge_seal(f);
}

static void sheet_member(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "sheet-001.json", "\"v\":1}", "\"v\":1,\"x\":1}");
	forge_seal(f);
}

static void sheet_line_feed(struct world *w, struct forge *f)
{
	(void)w;
	for (int i = 1; i <= 3; i++)
		forge_edit(f, pool_fmt(w->pool, "sheet-%03d.json", i), "bail", "bail\\nMode: x");
	forge_seal(f);
}

static void content_changed(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "manifest.json", "\"size\":123456", "\"size\":123457");
	forge_seal(f);
}

/* The list of parts and the sheets agree, the entries speak of another. */
static void content_and_sheets_changed(struct world *w, struct forge *f)
{
	uint8_t digest[32];
	char was[65], now[65];

	forge_edit(f, "manifest.json", "\"size\":123456", "\"size\":123457");
	SHA256(forge_file(f, "manifest.json")->p, forge_file(f, "manifest.json")->n, digest);
	for (int i = 1; i <= 3; i++)
		forge_edit(f, pool_fmt(w->pool, "sheet-%03d.json", i), hex_encode(was, w->j.manifest, 32),
			   hex_encode(now, digest, 32));
	forge_seal(f);
}

static void content_part_number(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "manifest.json", "\"n\":2", "\"n\":3");
	forge_seal(f);
}

static void deposit_edit(struct forge *f, const char *old, const char *new_)
{
	forge_edit(f, forge_entry(f, "\"ev\":\"deposit.accepted\"", 0), old, new_);
	rebuilt(f);
}

/* Later entries of the document chain name the deposit entry: only what is checked before the chain, or the last
 * entry of a chain, can be changed alone.  So the chain is mended here. */
static void mend_document_chain(struct forge *f)
{
	char hex[65];
	uint8_t leaf[32];
	bool begun = false;

	for (unsigned i = 1; i < 99; i++) {
		const char *name = pool_fmt(f->j->pool, "journal/%03u.json", i), *text, *prev;
		size_t k = 0;

		while (k < f->count && strcmp(f->files[k].name, name) != 0)
			k++;
		if (k == f->count)
			break;
		text = forge_text(f, name);
		if (strstr(text, "\"r\":\""))
			continue;
		prev = strstr(text, "\"prev\":\"");
		if (begun && prev)
			forge_set_text(f, name, pool_fmt(f->j->pool, "%.*s%s%s", (int)(prev + 8 - text), text,
							 hex_encode(hex, leaf, 32), prev + 72));
		entry_leaf(forge_file(f, name)->p, forge_file(f, name)->n, leaf);
		begun = true;
	}
	rebuilt(f);
}

static void deposit_counts(struct world *w, struct forge *f)
{
	(void)w;
	deposit_edit(f, "\"to\":1", "\"to\":2");
	mend_document_chain(f);
}

static void deposit_content(struct world *w, struct forge *f)
{
	char hex[65];

	deposit_edit(f, hex_encode(hex, w->j.manifest, 32), "00000000000000000000000000000000000000000000000000000000000000ff");
	mend_document_chain(f);
}

static void deposit_class(struct world *w, struct forge *f)
{
	(void)w;
	deposit_edit(f, "\"class\":\"simple\"", "\"class\":\"registered\"");
	mend_document_chain(f);
}

static void deposit_password(struct world *w, struct forge *f)
{
	(void)w;
	deposit_edit(f, "\"pw\":\"none\"", "\"pw\":\"gate\"");
	mend_document_chain(f);
}

static void deposit_level(struct world *w, struct forge *f)
{
	(void)w;
	deposit_edit(f, "\"lvl\":1", "\"lvl\":3");
	mend_document_chain(f);
}

static void deposit_missing(struct world *w, struct forge *f)
{
	(void)w;
	deposit_edit(f, "\"etsi\":\"SubmissionAcceptance\",\"ev\":\"deposit.accepted\"", "\"ev\":\"document.sent\"");
	mend_document_chain(f);
}

static void receipt_number(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.txt", "Number: ", "Number: 1");
	forge_seal(f);
}

static void receipt_subject(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.txt", "Subject: ", "Subject: Re: ");
	forge_seal(f);
}

static void receipt_recipient(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.txt", "Recipient: cc, bruno@", "Recipient: cc, brunó@");
	forge_seal(f);
}

static void receipt_part(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.txt", "sha256 1111", "sha256 1112");
	forge_seal(f);
}

static void receipt_root(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.txt", "Checkpoint-Root: ", "Checkpoint-Root: 0");
	forge_seal(f);
}

static void receipt_limit(struct world *w, struct forge *f)
{
	const char *text = forge_text(f, "receipt.txt"), *limit = strstr(text, "Not-Established: that");

	forge_set_text(f, "receipt.txt", pool_fmt(w->pool, "%.*s%s", (int)(limit - text), text, strchr(limit, '\n') + 1));
	forge_seal(f);
}

static void receipt_line_more(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.txt", "Message: ", "Message: 1 bytes\nMessage: ");
	forge_seal(f);
}

static void receipt_entry_gone(struct world *w, struct forge *f)
{
	const char *text = forge_text(f, "receipt.txt"), *entry = strstr(text, "Entry: ");

	forge_set_text(f, "receipt.txt", pool_fmt(w->pool, "%.*s%s", (int)(entry - text), text, strchr(entry, '\n') + 1));
	forge_seal(f);
}

static void receipt_stamp_late(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.txt", "stamped 20", "stamped 21");
	forge_seal(f);
}

static void receipt_stamp_early(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.txt", "stamped 20", "stamped 19");
	forge_seal(f);
}

static void receipt_control(struct world *w, struct forge *f)
{
	(void)w;
	forge_edit(f, "receipt.txt", "Mode: ", "Mode: \r");
	forge_seal(f);
}

/* ---------------------------------------------------------------------------- what an authority outside says */

static void outside_open(struct world *w, struct forge *f)
{
	w->j.outside = &w->other;
	forge_open(f, &w->j, 0);
	w->j.outside = NULL;
}

/* Another token in its place, by `by` over `text` at t_us. */
static void outside_token(struct world *w, struct forge *f, struct testing_keys *by, const char *text, int64_t t_us)
{
	const void *token;
	const char *pem;
	size_t n;

	testing_outside(&w->j, by, text, strlen(text), t_us, &token, &n, &pem);
	forge_set(f, "external.tst", token, n);
}

static void outside_dropped(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_drop(f, "external.tst");
}

static void outside_gone(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_drop(f, "external.tst");
	forge_drop(f, "external.pem");
	forge_seal(f);
}

static void outside_other_text(struct world *w, struct forge *f)
{
	outside_open(w, f);
	outside_token(w, f, &w->other, "another text", w->j.t_us);
	forge_seal(f);
}

static void outside_other_signer(struct world *w, struct forge *f)
{
	outside_open(w, f);
	outside_token(w, f, &w->keys, forge_text(f, "checkpoint.txt"), w->j.t_us);
	forge_seal(f);
}

static void outside_older(struct world *w, struct forge *f)
{
	outside_open(w, f);
	outside_token(w, f, &w->other, forge_text(f, "checkpoint.txt"), w->j.t_us - INT64_C(3600000000));
	forge_seal(f);
}

static void outside_other_root(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_set_text(f, "external.pem", pool_fmt(w->pool, "%s%s", w->other.tsa.p, w->keys.root.p));
	forge_seal(f);
}

static void outside_no_root(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_set_text(f, "external.pem", w->other.tsa.p);
	forge_seal(f);
}

static void outside_words(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_set_text(f, "external.pem", pool_fmt(w->pool, "a word\n%s", forge_text(f, "external.pem")));
	forge_seal(f);
}

static void outside_longer(struct world *w, struct forge *f)
{
	struct buf longer = { 0 };

	outside_open(w, f);
	buf_add(&longer, forge_file(f, "external.tst")->p, forge_file(f, "external.tst")->n);
	buf_str(&longer, "xyz");
	forge_set(f, "external.tst", longer.p, longer.n);
	forge_seal(f);
	buf_free(&longer);
}

static void outside_other_time(struct world *w, struct forge *f)
{
	outside_open(w, f);
	forge_edit(f, "receipt.txt", "External-Time: 20", "External-Time: 19");
	forge_seal(f);
}

static void outside_untold(struct world *w, struct forge *f)
{
	const char *line;

	outside_open(w, f);
	line = strstr(forge_text(f, "receipt.txt"), "External-Time: ");
	forge_edit(f, "receipt.txt", pool_strn(w->pool, line, strcspn(line, "\n") + 1), "");
	forge_seal(f);
}

/* Words that both must say; `script` when verify.sh says it otherwise. */
static const struct forgery {
	const char *name;
	void (*make)(struct world *w, struct forge *f);
	const char *words, *script;
	int who;	/* -1 sender */
} forgeries[] = {
	{ "entry dropped", drop_entry, "files: journal/003.json is missing", "files: journal/003.json is missing", -1 },
	{ "proof dropped", drop_proof, "files: journal/002.tlog-proof is missing", NULL, -1 },
	{ "salt dropped", drop_salt, "files: sheet-002.salt is missing", NULL, -1 },
	{ "file added", add_file, "files: journal/099.json does not belong here", NULL, -1 },
	{ "signature added", add_mark, "files: META-INF/signature2.p7s does not belong here", NULL, -1 },
	{ "entries swapped", swap_entries, "manifest: journal/003.json is not the file that was sealed", NULL, -1 },
	{ "sheets swapped", swap_sheets, "manifest: sheet-001.json is not the file that was sealed", NULL, -1 },
	{ "receipt cut", cut_receipt, "manifest: receipt.txt is not the file that was sealed", NULL, 0 },
	{ "token cut", cut_token, "manifest: checkpoint.tst is not the file that was sealed", NULL, 0 },
	{ "entry emptied", empty_entry, "manifest: journal/001.json is not the file that was sealed", NULL, 0 },
	{ "another letter's token", other_token, "manifest: checkpoint.tst is not the file that was sealed", NULL, 0 },
	{ "another letter's checkpoint", other_checkpoint, "manifest: checkpoint.txt is not the file that was sealed",
	  "manifest: ", 0 },
	{ "another letter's seal", other_signature, "seal: ", NULL, 0 },
	{ "seal cut", cut_signature, "seal: ", NULL, 0 },
	{ "manifest with a line more", manifest_space, "manifest: ", NULL, 0 },
	{ "manifest names another file", manifest_order, "manifest: lists receipt.txu", "files: receipt.txu is missing", 0 },
	{ "mimetype", wrong_mimetype, "files: mimetype", NULL, 0 },
	{ "sealed file too many", sealed_extra, "files: journal/evil.json does not belong here",
	  "manifest: does not list the files of a bundle", 0 },
	{ "sealed in another order", sealed_order, "manifest: lists seal.pem where root.pem must be",
	  "manifest: does not list the files of a bundle", 0 },
	{ "sealed by another service", sealed_by_other, "seal: ", NULL, 0 },
	{ "another service's bundle", other_root, "certificates: root.pem is not the root given", NULL, 0 },
	{ "another log key", other_log_key, "certificates: log.pub is not the log key given", NULL, 0 },
	{ "receipt certified by another service", certified_by_other, "timestamp: receipt.tst", NULL, 0 },
	{ "receipt without the operator", without_operator, "certified: receipt.p7s: two signers expected, 1 found",
	  "certified: two signers expected, 1 found", 0 },
	{ "receipt without the seal", without_seal, "certified: receipt.p7s: two signers expected, 1 found",
	  "certified: two signers expected, 1 found", 0 },
	{ "receipt by seal and mail key", certified_with_mail, "not by seal and certification operator alone", NULL, 0 },
	{ "receipt certified before its checkpoint", certified_before, "timestamp: receipt.tst is older than the checkpoint", NULL, 0 },
	{ "another letter's receipt certified", other_receipt, "certified: ", NULL, 0 },
	{ "another receipt's token", other_receipt_token, "timestamp: receipt.tst", NULL, 0 },
	{ "bytes behind the receipt's signatures", receipt_signatures_longer, "certified: receipt.p7s",
	  "certified: receipt.p7s holds more than the signatures", 0 },
	{ "the seal as operator", operator_is_seal, "certificates: operator.pem is not made for a second signer", NULL, 0 },
	{ "the mail key as operator", operator_is_mail, "certificates: operator.pem is not made for a second signer", NULL, 0 },
	{ "evidence of another event", evidence_event, "evidence: receipt.xml", NULL, -1 },
	{ "evidence with a comment", evidence_recipient, "evidence: receipt.xml", NULL, 0 },
	{ "evidence cut", evidence_cut, "evidence: receipt.xml", NULL, 0 },
	{ "two roots", two_roots, "certificates: root.pem is not one plain PEM object", NULL, 0 },
	{ "sealed with the time-stamping key", sealed_with_tsa, "certificates: seal.pem is not made for seals", NULL, 0 },
	{ "sealed with the mail key", sealed_with_mail, "certificates: seal.pem is not made for seals", NULL, 0 },
	{ "signed with the mail key", signed_with_mail, "seal: ", NULL, 0 },
	{ "checkpoint by another key", checkpoint_by_other, "checkpoint: ", NULL, 0 },
	{ "checkpoint changed", checkpoint_size, "checkpoint: ", NULL, 0 },
	{ "token over another text", token_over_other, "timestamp: ", NULL, 0 },
	{ "token by another service", token_by_other, "timestamp: ", NULL, 0 },
	{ "hash of a proof dropped", proof_hash_dropped, "proof: journal/002", NULL, 0 },
	{ "hash of a proof twice", proof_hash_more, "proof: journal/002", NULL, 0 },
	{ "hash of a proof changed", proof_hash_changed, "proof: journal/002", NULL, 0 },
	{ "index of a proof changed", proof_index, "proof: journal/001", "proof: journal/001", -1 },
	{ "proof of another checkpoint", proof_other_checkpoint, "proof: journal/001.tlog-proof has another checkpoint",
	  "proof: journal/001.tlog-proof: another checkpoint", -1 },
	{ "entry changed", entry_not_in_tree, "proof: journal/", NULL, 0 },
	{ "entry without prev", chain_without_prev, "does not follow the entry before it", NULL, 0 },
	{ "chain without its beginning", chain_late, "chain: the entry before journal/001.json is missing", NULL, 0 },
	{ "entry with another prev", chain_other_prev, "does not follow the entry before it", NULL, 0 },
	{ "gap in a chain", chain_gap, "does not follow the entry before it", NULL, 0 },
	{ "chain without its first", chain_beheaded, "chain: ", NULL, -1 },
	{ "entry of another letter", entry_other_letter, "is of another letter", NULL, 0 },
	{ "entry of another journal", entry_other_log, "is of another journal", NULL, 0 },
	{ "entry with another number", entry_other_number, "proof: journal/", "has another number than its proof", -1 },
	{ "entry not canonical", entry_white_space, "canonical", NULL, 0 },
	{ "entry later than the token", entry_later_than_token, "time: ", NULL, 0 },
	{ "sheets changed", sheet_changed, "binds a sheet that is not here", NULL, -1 },
	{ "a sheet changed", sheet_one_changed, "binding: sheet-002.json contradicts the first", NULL, -1 },
	{ "a sheet twice", sheet_twice, "binds a sheet that is not here", NULL, -1 },
	{ "salt in another form", sheet_salt_upper, "is not 64 hexadecimal digits", NULL, -1 },
	{ "sheets in another order", sheet_order, "not in the order to, cc, bcc", NULL, -1 },
	{ "sheet with another member", sheet_member, "sheet", "sheet", -1 },
	{ "line feed in a subject", sheet_line_feed, "control characters", NULL, -1 },
	{ "content changed", content_changed, "speaks of another content than manifest.json", NULL, -1 },
	{ "content and sheets changed", content_and_sheets_changed, "binds another manifest.json", NULL, -1 },
	{ "part with another number", content_part_number, "content: ", NULL, -1 },
	{ "deposit with other counts", deposit_counts, "counts other to recipients", NULL, -1 },
	{ "deposit of another content", deposit_content, "the deposit entry binds another manifest.json", NULL, -1 },
	{ "deposit of another class", deposit_class, "another class or mode", NULL, -1 },
	{ "deposit with another grade", deposit_password, "another password grade", NULL, -1 },
	{ "deposit at another level", deposit_level, "another method or level", NULL, -1 },
	{ "no deposit", deposit_missing, "chain: 0 deposit", NULL, -1 },
	{ "receipt: number", receipt_number, "receipt: line 3 (Number)", NULL, -1 },
	{ "receipt: subject", receipt_subject, "(Subject)", NULL, 0 },
	{ "receipt: recipient", receipt_recipient, "(Recipient)", NULL, -1 },
	{ "receipt: part", receipt_part, "(Part)", NULL, 0 },
	{ "receipt: root", receipt_root, "(Checkpoint-Root)", NULL, 0 },
	{ "receipt: limit left out", receipt_limit, "(Not-Established)", NULL, 0 },
	{ "receipt: line added", receipt_line_more, "(Message)", NULL, 0 },
	{ "receipt: entry left out", receipt_entry_gone, "receipt: ", NULL, 0 },
	{ "receipt: stamp too late", receipt_stamp_late, "said to be stamped after the token", NULL, 0 },
	{ "receipt: stamp too early", receipt_stamp_early, "is stamped before it was written", NULL, 0 },
	{ "outside: token dropped", outside_dropped, "files: external.tst is missing", NULL, 0 },
	{ "outside: left out", outside_gone, "receipt: ", NULL, 0 },
	{ "outside: token over another text", outside_other_text, "external: external.tst is not", NULL, 0 },
	{ "outside: token by another authority", outside_other_signer, "external: external.tst is not", NULL, 0 },
	{ "outside: token from before", outside_older, "external: external.tst is older than the checkpoint", NULL, 0 },
	{ "outside: under another root", outside_other_root, "external: external.tst is not", NULL, 0 },
	{ "outside: without its root", outside_no_root, "external: external.tst is not", NULL, 0 },
	{ "outside: words among certificates", outside_words, "external: external.tst is not", NULL, 0 },
	{ "outside: bytes behind the token", outside_longer, "external: external.tst is not", NULL, 0 },
	{ "outside: receipt says another time", outside_other_time, "(External-Time)", NULL, 0 },
	{ "outside: receipt does not say it", outside_untold, "(External-Time)", NULL, 0 },
	{ "receipt: carriage return", receipt_control, "receipt: line", "manifest: a text file holds control characters", 0 },
};
#define FORGERIES (sizeof(forgeries) / sizeof(forgeries[0]))

/* Each in turn; every other one under busybox, so that both shells see both kinds. */
static void test_forgeries(void **state)
{
	struct world *w = *state;
	unsigned wrong = 0;

	for (size_t i = 0; i < FORGERIES; i++) {
		const struct forgery *y = &forgeries[i];
		const char *last, *words = y->script ? y->script : y->words;
		struct forge f;
		struct err err;
		int rc;

		forge_open(&f, &w->j, y->who);
		y->make(w, &f);
		if (forge_verify(&f, &err) != PLI_CONFLICT || !strstr(err.text, y->words)) {
			print_message("%s: bundle_verify said '%s'\n", y->name, err.text);
			wrong++;
		}
		close(forge_unpack(&f));
		rc = forge_script(&w->keys, i % 2 ? FORGE_BUSYBOX : FORGE_DASH, &last);
		if (rc != 1 || !str_starts(last, "FAIL ") || !strstr(last, words)) {
			print_message("%s: verify.sh (%d) said '%s'\n", y->name, rc, last);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forgeries),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
