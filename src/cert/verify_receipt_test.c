/* Forged proof bundles whose receipt says something else, or is certified by others; see verify_testing.h. */
#include "verify_testing.h"

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

static const struct forgery forgeries[] = {
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
	{ "receipt: carriage return", receipt_control, "receipt: line", "manifest: a text file holds control characters", 0 },
};

FORGERIES_MAIN(forgeries)
