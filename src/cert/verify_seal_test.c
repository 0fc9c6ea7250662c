/* Forged proof bundles whose seal, certificates, checkpoint or token are not those that must be there; see verify_testing.h. */
#include "verify_testing.h"

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

static const struct forgery forgeries[] = {
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
	{ "sealed with the time-stamping key", sealed_with_tsa, "certificates: seal.pem is not made for seals", NULL, 0 },
	{ "sealed with the mail key", sealed_with_mail, "certificates: seal.pem is not made for seals", NULL, 0 },
	{ "signed with the mail key", signed_with_mail, "seal: ", NULL, 0 },
	{ "checkpoint by another key", checkpoint_by_other, "checkpoint: ", NULL, 0 },
	{ "checkpoint changed", checkpoint_size, "checkpoint: ", NULL, 0 },
	{ "token over another text", token_over_other, "timestamp: ", NULL, 0 },
	{ "token by another service", token_by_other, "timestamp: ", NULL, 0 },
};

FORGERIES_MAIN(forgeries)
