/* What the keeper seals, certifies and signs, and what it does not. */
#include "keeper_testing.h"

#include "text.h"
#include "asic.h"
#include "mail_sign.h"
#include "seal.h"
#include "token.h"

static void seals(void **state)
{
	struct fixture *f = *state;
	struct buf root_pem = testing_get(f->dir.public_dir, "root.pem"), seal_pem = testing_get(f->dir.public_dir, "seal.pem");
	struct asic_reference *refs = calloc(4000, sizeof(*refs));
	struct asic_manifest manifest = { .checkpoint_size = 30, .references = refs, .count = 4000 };
	AUTO_BUF text = { 0 }, p7s = { 0 };
	static char names[4000][16];
	struct err err;

	append_ok(f->keeper.client, 0, 30);
	append_ok(f->keeper.client, 30, 3);
	root_of(30, manifest.checkpoint_root);
	for (int i = 0; i < 4000; i++) {
		snprintf(names[i], sizeof(names[i]), "f/%d", i);
		refs[i].name = names[i];
	}
	asic_manifest_write(&manifest, &text);
	assert_true(text.n > 512u << 10);
	if (keeper_seal(f->keeper.client, text.p, text.n, &p7s, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_int_equal(seal_verify(p7s.p, p7s.n, text.p, text.n, root_pem.p, seal_pem.p, 0, &err), PLI_OK);
	/* Anything else than a manifest, another root, a head that is not there. */
	assert_int_equal(keeper_seal(f->keeper.client, "I owe you 1000", 14, &p7s, &err), PLI_INPUT);
	manifest.count = 1;
	manifest.checkpoint_root[0] ^= 1;
	buf_reset(&text);
	asic_manifest_write(&manifest, &text);
	assert_int_equal(keeper_seal(f->keeper.client, text.p, text.n, &p7s, &err), PLI_CONFLICT);
	manifest.checkpoint_root[0] ^= 1;
	manifest.checkpoint_size = 34;
	buf_reset(&text);
	asic_manifest_write(&manifest, &text);
	assert_int_equal(keeper_seal(f->keeper.client, text.p, text.n, &p7s, &err), PLI_CONFLICT);
	buf_free(&root_pem);
	buf_free(&seal_pem);
	free(refs);
}

/* A receipt as receipt.h has it, but for what stands in it. */
static void receipt_text(struct buf *out, uint64_t size, const uint64_t *entries, size_t count)
{
	static const char *const keys[] = {
		"Kind: sender", "Number: 1", "Letter: x", "Origin: o", "Date: d", "Horodatage: d", "Sender-Name:", "Sender-Address: a",
		"Sender-Entity: e", "Sender-SIREN:", "Sender-Method: password", "Sender-Level: 1", "Recipient: to, r@example.org",
		"Subject: Entry: 1", "Class: simple", "Mode: basic", "Password: none", "Message: 1 bytes", "Part: 1", "Part: 2",
	};
	uint8_t leaf[32], root[32];
	char hex[65];

	buf_reset(out);
	buf_str(out, "Pli-Receipt: 1\n");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		buf_fmt(out, "%s\n", keys[i]);
	for (size_t i = 0; i < count; i++) {
		leaf_of(entries[i], leaf);
		buf_fmt(out, "Entry: %d, sha256 %s, ev, d, stamped d\n", (int)entries[i] + 1, hex_encode(hex, leaf, 32));
	}
	root_of(size, root);
	buf_fmt(out, "Checkpoint-Size: %d\nCheckpoint-Root: %s\nCheckpoint-Time: d\nNot-Established: a\nNon-etabli: b\n", (int)size,
		hex_encode(hex, root, 32));
}

static void certifies(void **state)
{
	struct fixture *f = *state;
	struct buf root = testing_get(f->dir.public_dir, "root.pem"), seal = testing_get(f->dir.public_dir, "seal.pem");
	struct buf operator_pem = testing_get(f->dir.public_dir, "operator.pem"), tsa = testing_get(f->dir.public_dir, "tsa.pem");
	static const uint64_t entries[] = { 3, 7, 29 };
	static const struct {
		const char *was, *is;
		enum pli_status status;
	} changes[] = {
		{ "Entry: 4,", "Entry: 5,", PLI_CONFLICT },		/* that entry stands at another number */
		{ "Entry: 8,", "Entry: 4,", PLI_INPUT },
		{ "Entry: 30,", "Entry: 31,", PLI_INPUT },
		{ "Entry: 4, sha256 ", "Entry: 4, sha512 ", PLI_INPUT },
		{ "Size: 30", "Size: 29", PLI_INPUT },
		{ "Size: 30", "Size: 33", PLI_CONFLICT },
		{ "Size: 30", "Size: 99", PLI_CONFLICT },
		{ "Kind: sender\n", "", PLI_INPUT },
		{ "Class:", "I owe you:", PLI_INPUT },
		{ "Subject: Entry", "Subject: \x1b[2K", PLI_INPUT },
		{ "Non-etabli: b\n", "Non-etabli: b", PLI_INPUT },
		{ "Pli-Receipt: 1", "Pli-Receipt: 2", PLI_INPUT },
	};
	struct token_verifier *verifier;
	struct token_info info;
	AUTO_BUF text = { 0 }, p7s = { 0 }, token = { 0 }, changed = { 0 };
	struct err err = { 0 };

	append_ok(f->keeper.client, 0, 30);
	append_ok(f->keeper.client, 30, 3);
	receipt_text(&text, 30, entries, 3);
	if (keeper_certify(f->keeper.client, text.p, text.n, &p7s, &token, &err) != PLI_OK)
		fail_msg("%s", err.text);
	assert_int_equal(seal_verify_two(p7s.p, p7s.n, text.p, text.n, root.p, seal.p, operator_pem.p, 0, &err), PLI_OK);
	assert_int_equal(seal_verify_two(p7s.p, p7s.n, text.p, text.n, root.p, operator_pem.p, seal.p, 0, &err), PLI_OK);
	assert_int_equal(seal_verify(p7s.p, p7s.n, text.p, text.n, root.p, seal.p, 0, &err), PLI_CONFLICT);
	assert_int_equal(token_verifier_new(root.p, tsa.p, &verifier, &err), PLI_OK);
	assert_int_equal(token_verify(verifier, token.p, token.n, p7s.p, p7s.n, &info, &err), PLI_OK);
	token_verifier_free(verifier);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *at = strstr(text.p, changes[i].was);

		buf_reset(&changed);
		buf_add(&changed, text.p, (size_t)(at - text.p));
		buf_str(&changed, changes[i].is);
		buf_str(&changed, at + strlen(changes[i].was));
		if (keeper_certify(f->keeper.client, changed.p, changed.n, &p7s, &token, &err) != changes[i].status)
			fail_msg("%s: %d, %s", changes[i].is, (int)err.status, err.text);
	}
	receipt_text(&text, 30, entries, 0);
	assert_int_equal(keeper_certify(f->keeper.client, text.p, text.n, &p7s, &token, &err), PLI_INPUT);
	buf_free(&root);
	buf_free(&seal);
	buf_free(&operator_pem);
	buf_free(&tsa);
}

static enum pli_status sign_one(struct fixture *f, int kind, const char *text, struct buf *out, struct err *err)
{
	struct keeper_mail_item item = { kind, text, strlen(text), out };

	return keeper_mail_sign(f->keeper.client, &item, 1, err);
}

static void mails_are_signed_by_shape(void **state)
{
	static const char CONTENT[] = "Content-Type: text/plain; charset=utf-8\r\n\r\nx\r\n";
	static const char HEADERS[] = "from:a@b\r\nto:c@d\r\ndkim-signature:v=1; a=ed25519-sha256; b=";
	static const char *const not_mails[] = { "", "x", "Content-Type: application/pdf\r\n\r\n", "pli.example/j/1\n5\nroot\n",
						 "to:c@d\r\ndkim-signature:v=1; a=x", "from:a@b\r\n", "from:a@b\r\n folded\r\ndkim-signature:v=1; a=x",
						 "From: a@b\r\nDKIM-Signature: v=1; a=x", HEADERS, };
	static const char *const not_headers[] = { "", CONTENT, "to:c@d\r\ndkim-signature:v=1; a=x", "from:a@b\r\n", "from:a@b\r\nno colon\r\ndkim-signature:v=1; a=x",
						   "from:a@b\r\n folded:x\r\ndkim-signature:v=1; a=x" };
	struct fixture *f = *state;
	AUTO_BUF out = { 0 };
	struct err err = { 0 };

	assert_int_equal(sign_one(f, MAIL_SIGN_SMIME, CONTENT, &out, &err), PLI_OK);
	assert_true(out.n > 500 && (uint8_t)out.p[0] == 0x30);
	/* Keys for DKIM are made by themselves; without them that signature alone is refused. */
	buf_reset(&out);
	assert_int_equal(sign_one(f, MAIL_SIGN_DKIM_ED25519, HEADERS, &out, &err), PLI_ABSENT);
	assert_non_null(strstr(err.text, "dkim.key"));
	assert_int_equal(out.n, 0);
	for (size_t i = 0; i < sizeof(not_mails) / sizeof(not_mails[0]); i++)
		assert_int_equal(sign_one(f, MAIL_SIGN_SMIME, not_mails[i], &out, &err), PLI_INPUT);
	for (size_t i = 0; i < sizeof(not_headers) / sizeof(not_headers[0]); i++)
		assert_int_equal(sign_one(f, MAIL_SIGN_DKIM_ED25519, not_headers[i], &out, &err), PLI_INPUT);
	assert_int_equal(sign_one(f, 0, CONTENT, &out, &err), PLI_INPUT);
	assert_int_equal(sign_one(f, 9, CONTENT, &out, &err), PLI_INPUT);
	assert_int_equal(out.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_KEEPER(seals),
		WITH_KEEPER(certifies),
		WITH_KEEPER(mails_are_signed_by_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
