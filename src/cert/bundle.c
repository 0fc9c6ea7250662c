/* Writing a proof bundle: the files, the receipt that follows from them, the manifest, the seal, the container. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include <openssl/sha.h>

#include "asset.h"
#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"
#include "zip.h"
#include "asic.h"
#include "bundle_facts.h"
#include "checkpoint.h"
#include "evidence.h"
#include "keeper.h"
#include "keygen.h"
#include "receipt.h"
#include "seal.h"
#include "token.h"

#include "bundle.h"

/* Files in a container: below what a ZIP archive without ZIP64 can count. */
#define FILES_MAX 60000

/* A container under way.  Buffers live as long as the pool. */
struct work {
	const struct bundle *b;
	struct pool *pool;
	struct zip_file *files;
	size_t count;
	struct bundle_facts facts;
};

static void file_add(struct work *w, const char *name, const void *p, size_t n)
{
	w->files[w->count++] = (struct zip_file){ .name = name, .p = p, .n = n };
}

static void file_set(struct work *w, const char *name, const struct buf *content)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->files[i].name, name) == 0) {
			w->files[i].p = pool_dup(w->pool, content->p ? content->p : "", content->n);
			w->files[i].n = content->n;
			return;
		}
	assert(!"a file of that name");
}

static void file_text(struct work *w, const char *name, const char *text)
{
	file_add(w, name, text, strlen(text));
}

static void file_buf(struct work *w, const char *name, const struct buf *content)
{
	file_add(w, name, pool_dup(w->pool, content->p ? content->p : "", content->n), content->n);
}

/* ----------------------------------------------------------------------------------------------- files */

static void content_files(struct work *w)
{
	const struct bundle *b = w->b;
	AUTO_BUF text;
	uint8_t digest[32];
	char hex[65];

	buf_init(&text);
	if (b->withholds) {
		entry_sheet_digest(b->withheld_salt, b->withheld_json, strlen(b->withheld_json), digest);
		file_text(w, "withheld.sha256", pool_str(w->pool, hex_encode(hex, digest, 32)));
		return;
	}
	bundle_manifest_write(b->message_size, b->message_sha256, b->parts, b->part_count, &text);
	file_buf(w, "manifest.json", &text);
	if (b->withheld_json) {
		file_text(w, "withheld.json", b->withheld_json);
		file_text(w, "withheld.salt", pool_str(w->pool, hex_encode(hex, b->withheld_salt, 32)));
	}
}

static void sheet_files(struct work *w, bool sender)
{
	char hex[65];

	for (unsigned i = 0; i < w->b->recipient_count; i++) {
		const struct bundle_recipient *r = &w->b->recipients[i];
		const char *stem = sender ? pool_fmt(w->pool, "sheet-%03u", i + 1) : "sheet";

		file_text(w, pool_fmt(w->pool, "%s.json", stem), r->sheet_json);
		file_text(w, pool_fmt(w->pool, "%s.salt", stem), pool_str(w->pool, hex_encode(hex, r->sheet_salt, 32)));
	}
}

static void journal_files(struct work *w)
{
	const struct bundle *b = w->b;

	for (unsigned i = 0; i < b->entry_count; i++) {
		const struct bundle_entry *e = &b->entries[i];
		char hash[45];
		AUTO_BUF proof;

		buf_init(&proof);
		buf_fmt(&proof, "c2sp.org/tlog-proof@v1\nindex %" PRIu64 "\n", e->seq);
		for (unsigned k = 0; k < e->path_count; k++)
			buf_fmt(&proof, "%s\n", base64_encode(hash, e->path + 32 * (size_t)k, 32));
		buf_ch(&proof, '\n');
		buf_add(&proof, b->checkpoint, b->checkpoint_n);
		buf_str(&proof, b->witness_lines ? b->witness_lines : "");
		file_add(w, pool_fmt(w->pool, "journal/%03u.json", i + 1), e->json, e->json_n);
		file_buf(w, pool_fmt(w->pool, "journal/%03u.tlog-proof", i + 1), &proof);
	}
}

/* Copies text; @NAME@ becomes its value. */
static void fill_in(struct buf *out, const char *text, const char *const (*values)[2], size_t count)
{
	while (*text) {
		size_t i = 0, n = strcspn(text, "@");

		buf_add(out, text, n);
		text += n;
		if (!*text)
			break;

		while (i < count && !str_starts(text, values[i][0]))
			i++;
		if (i == count) {
			buf_ch(out, *text++);
		} else {
			buf_str(out, values[i][1]);
			text += strlen(values[i][0]);
		}
	}
}

static enum pli_status verify_files(struct work *w, struct err *err)
{
	const struct bundle *b = w->b;
	const struct asset *guide = asset_data(str_eq(b->lang, "en") ? "VERIFY.en.md" : "VERIFY.fr.md");
	const struct asset *script = asset_data("verify.sh");
	char root[65], key[65];
	uint8_t digest[32];
	AUTO_BUF text;

	buf_init(&text);
	if (!guide || !script)
		return err_set(err, PLI_BUG, "VERIFY.md or verify.sh is not in this program");
	if (keygen_fingerprint(b->root_pem, digest, err) != PLI_OK)
		return err->status;
	hex_encode(root, digest, 32);
	if (keygen_fingerprint(b->log_pub, digest, err) != PLI_OK)
		return err->status;
	hex_encode(key, digest, 32);
	{
		const char *host = pool_strn(w->pool, b->origin, strcspn(b->origin, "/"));
		const char *const values[][2] = {
			{ "@HOST@", host },
			{ "@URL@", b->base_url ? b->base_url : pool_fmt(w->pool, "https://%s", host) },
			{ "@ORIGIN@", b->origin },
			{ "@ROOT@", root },
			{ "@LOGKEY@", key },
		};

		fill_in(&text, (const char *)guide->bytes, values, sizeof(values) / sizeof(values[0]));
	}
	file_buf(w, "VERIFY.md", &text);
	file_add(w, "verify.sh", script->bytes, script->n);
	return PLI_OK;
}

static enum pli_status all_files(struct work *w, struct err *err)
{
	const struct bundle *b = w->b;
	bool sender = str_eq(b->kind, "sender");
	enum pli_status status;

	w->files = POOL_ARRAY(w->pool, struct zip_file,
			      2 * ((size_t)b->recipient_count + b->entry_count) + 26);
	file_text(w, "mimetype", ASIC_MIMETYPE);
	file_text(w, "receipt.txt", "");
	file_text(w, "receipt.xml", "");
	file_text(w, "receipt.p7s", "");
	file_text(w, "receipt.tst", "");
	content_files(w);
	sheet_files(w, sender);
	journal_files(w);
	file_add(w, "checkpoint.txt", b->checkpoint, b->checkpoint_n);
	file_add(w, "checkpoint.tst", b->token, b->token_n);
	if (b->external_token) {
		file_add(w, "external.tst", b->external_token, b->external_token_n);
		file_text(w, "external.pem", b->external_pem);
	}
	if (b->witness_lines && *b->witness_lines) {
		file_text(w, "witness.txt", b->witness_lines);
		file_text(w, "witness.pub", b->witness_keys);
	}
	file_text(w, "root.pem", b->root_pem);
	file_text(w, "seal.pem", b->seal_pem);
	file_text(w, "operator.pem", b->operator_pem);
	file_text(w, "tsa.pem", b->tsa_pem);
	file_text(w, "log.pub", b->log_pub);
	status = verify_files(w, err);
	file_text(w, ASIC_MANIFEST_NAME, "");
	file_text(w, ASIC_SIGNATURE_NAME, "");
	return status;
}

/* ------------------------------------------------------------------------------------------ agreement */

static enum pli_status input_check(const struct bundle *b, struct err *err)
{
	if (!str_eq(b->kind, "sender") && !str_eq(b->kind, "recipient"))
		return err_set(err, PLI_BUG, "bundle: unknown kind");
	if (!b->recipient_count || (str_eq(b->kind, "recipient") && b->recipient_count != 1))
		return err_set(err, PLI_BUG, "bundle: a recipient's bundle speaks of him alone, a sender's of at least one");
	if (b->withholds && (!b->withheld_json || str_eq(b->kind, "sender")))
		return err_set(err, PLI_BUG, "bundle: only a recipient's withholds, and what the sheets bind apart");
	if (2 * ((uint64_t)b->recipient_count + b->entry_count) > FILES_MAX)
		return err_set(err, PLI_LIMIT, "This letter has too many entries for one proof; each recipient's own can be had.");
	for (unsigned i = 0; i < b->part_count; i++)
		if (!utf8_valid(b->parts[i].name, strlen(b->parts[i].name)) ||
		    !utf8_valid(b->parts[i].type, strlen(b->parts[i].type)))
			return err_set(err, PLI_CONFLICT, "bundle: part %u has a name that is not UTF-8", b->parts[i].n);
	for (unsigned i = 0; i < b->entry_count; i++)
		if (!b->entries[i].stamp_us)
			return err_set(err, PLI_BUSY, "entry %" PRIu64 " is not stamped yet", b->entries[i].seq + 1);
	return PLI_OK;
}

static bool differs(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

static const char *sheet_difference(const struct bundle *b, const struct bundle_facts *f)
{
	const struct bundle_sheet *s = &f->sheets[0].s;
	bool named = f->naming != FACTS_WITHHELD;

	if (named && (differs(b->sender_name, s->sender_name) || differs(b->sender_address, s->sender_address) ||
		      differs(b->sender_method, s->sender_method) || b->sender_level != s->sender_level))
		return "sender";
	if (named && (differs(b->entity_name, s->entity_name) || differs(b->siren, s->siren)))
		return "entity";
	if (named && differs(b->subject, s->subject))
		return "subject";
	if (differs(b->class_, s->class_) || differs(b->mode, s->mode) || differs(b->password, s->password))
		return "class, mode or password grade";
	for (unsigned i = 0; i < b->recipient_count; i++) {
		s = &f->sheets[i].s;
		if (differs(b->recipients[i].address, s->recipient_address) ||
		    differs(b->recipients[i].kind, s->recipient_kind) ||
		    differs(b->recipients[i].name, s->recipient_name))
			return "recipient";
	}
	return NULL;
}

static const char *journal_difference(const struct bundle *b, const struct bundle_facts *f)
{
	const struct entry *e = &f->deposit->v.e;
	char id[37];

	if (differs(b->origin, f->origin))
		return "origin";
	if (differs(b->letter, uuid_format(id, e->letter)))
		return "letter";
	if (b->number != e->seq + 1)
		return "number";
	if (b->t_us / 1000 != e->t_us / 1000 || b->stamp_us / 1000 != f->deposit->stamp_us / 1000)
		return "date";
	if (b->tree_size != f->tree_size || memcmp(b->tree_root, f->tree_root, 32) != 0)
		return "checkpoint";
	for (unsigned i = 0; i < b->entry_count; i++)
		if (b->entries[i].seq != f->entries[i].v.e.seq)
			return "number of an entry";
	return NULL;
}

/* What a verifier would find in the files, and that it is what the caller says. */
static enum pli_status agree(struct work *w, struct err *err)
{
	struct bundle_facts *f = &w->facts;
	struct token_info token;
	const char *what;
	enum pli_status status = facts_files(w->pool, w->files, w->count, f, err);

	if (status == PLI_OK)
		status = facts_content(f, err);
	if (status == PLI_OK)
		status = facts_sheets(f, err);
	if (status == PLI_OK)
		status = facts_checkpoint(f, err);
	if (status == PLI_OK)
		status = facts_external(f, err);
	if (status == PLI_OK)
		status = facts_witnesses(f, err);
	if (status == PLI_OK)
		status = facts_entries(f, err);
	if (status == PLI_OK)
		status = facts_chains(f, err);
	if (status == PLI_OK)
		status = facts_bindings(f, err);
	if (status == PLI_OK)
		status = token_parse(w->b->token, w->b->token_n, &token, err);
	if (status != PLI_OK)
		return status;
	f->token_us = token.gen_time_us;
	for (unsigned i = 0; i < f->entry_count; i++)
		f->entries[i].stamp_us = w->b->entries[i].stamp_us;
	what = sheet_difference(w->b, f);
	if (!what)
		what = journal_difference(w->b, f);
	if (what)
		return err_set(err, PLI_CONFLICT, "bundle: the letter's %s is not what the journal binds", what);
	return facts_times(f, err);
}

/* -------------------------------------------------------------------------------------------- manifest */

void bundle_manifest_of(const struct bundle_facts *facts, struct buf *out)
{
	struct asic_manifest manifest = { .checkpoint_size = facts->tree_size };
	struct asic_reference *references = POOL_ARRAY(facts->pool, struct asic_reference, facts->file_count);
	const char *name;

	memcpy(manifest.checkpoint_root, facts->tree_root, 32);
	for (size_t i = 0; (name = facts_listed(facts, i)); i++) {
		const struct zip_file *file = facts_file(facts, name);

		references[i].name = name;
		SHA256(file->p, file->n, references[i].sha256);
		manifest.count++;
	}
	manifest.references = references;
	asic_manifest_write(&manifest, out);
}

/* The keeper took another key just now: what is sealed is not what the bundle names. */
static enum pli_status keys_changed(struct err *err)
{
	(void)err_set(err, PLI_BUSY, "the keys of the service are just being changed");
	err->retry_after_s = 1;
	return PLI_BUSY;
}

/* What a person and a machine read, signed by both, and the time of that. */
static enum pli_status receipt_files(struct work *w, const struct bundle_signer *signer, struct err *err)
{
	AUTO_BUF text = { 0 }, xml = { 0 }, p7s = { 0 }, token = { 0 };
	enum pli_status status;

	receipt_write(&w->facts, &text);
	evidence_write(&w->facts, &xml);
	status = signer->certify(signer->arg, text.p, text.n, &p7s, &token, err);
	if (status == PLI_OK && !(seal_holds_certificate(p7s.p, p7s.n, w->b->seal_pem) &&
				  seal_holds_certificate(p7s.p, p7s.n, w->b->operator_pem) && token_is_by(token.p, token.n, w->b->tsa_pem)))
		status = keys_changed(err);
	if (status != PLI_OK)
		return status;
	file_set(w, "receipt.txt", &text);
	file_set(w, "receipt.xml", &xml);
	file_set(w, "receipt.p7s", &p7s);
	file_set(w, "receipt.tst", &token);
	return PLI_OK;
}

enum pli_status bundle_write_with(const struct bundle *b, const struct bundle_signer *signer, struct buf *out, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct work w = { .b = b, .pool = pool };
	AUTO_BUF manifest = { 0 }, signature = { 0 };
	struct err own;
	enum pli_status status;

	err = err ? err : &own;
	status = input_check(b, err);
	if (status == PLI_OK)
		status = all_files(&w, err);
	if (status == PLI_OK)
		status = agree(&w, err);
	if (status == PLI_OK)
		status = receipt_files(&w, signer, err);
	if (status != PLI_OK)
		return status;
	bundle_manifest_of(&w.facts, &manifest);
	file_set(&w, ASIC_MANIFEST_NAME, &manifest);
	status = signer->seal(signer->arg, manifest.p, manifest.n, &signature, err);
	if (status == PLI_OK && !seal_holds_certificate(signature.p, signature.n, b->seal_pem))
		status = keys_changed(err);
	if (status != PLI_OK)
		return status;
	file_set(&w, ASIC_SIGNATURE_NAME, &signature);
	zip_write(out, w.files, w.count, w.facts.token_us);
	return PLI_OK;
}

static enum pli_status certify_by_keeper(void *arg, const void *receipt, size_t n, struct buf *p7s_out, struct buf *token_out, struct err *err)
{
	return keeper_certify(arg, receipt, n, p7s_out, token_out, err);
}

static enum pli_status seal_by_keeper(void *arg, const void *manifest, size_t n, struct buf *p7s_out, struct err *err)
{
	return keeper_seal(arg, manifest, n, p7s_out, err);
}

enum pli_status bundle_write(const struct bundle *b, struct keeper *keeper, struct buf *out, struct err *err)
{
	const struct bundle_signer signer = { certify_by_keeper, seal_by_keeper, keeper };

	return bundle_write_with(b, &signer, out, err);
}
