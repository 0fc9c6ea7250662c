/* Offline verification of a proof bundle: the checks of verify.sh, in the same order, on the bytes of the container. */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"
#include "pdf_read.h"
#include "zip.h"
#include "asic.h"
#include "bundle_facts.h"
#include "certificate.h"
#include "checkpoint.h"
#include "evidence.h"
#include "keygen.h"
#include "pades.h"
#include "pem_list.h"
#include "receipt.h"
#include "renewal.h"
#include "renewal_token.h"
#include "seal.h"
#include "token.h"
#include "verify_report.h"

#include "bundle.h"

#define UNPACKED_MAX_BYTES ((size_t)512 << 20)

struct verify {
	const struct bundle_verify_options *options;
	struct pool *pool;
	const uint8_t *zip;
	size_t zip_n;
	struct bundle_facts facts;
	int64_t signed_us;		/* time of receipt.tst: signers' certificates must be good then */
	const char *root_pem, *seal_pem, *operator_pem, *tsa_pem, *log_pub;
	bool head_read;			/* facts_checkpoint went well */
	struct pdf_seal *pdf;		/* of a proof in PDF, from which the bundle was taken; else NULL */
};

static const char *text_of(struct verify *v, const char *name)
{
	const struct zip_file *file = facts_file(&v->facts, name);

	return pool_strn(v->pool, (const char *)file->p, file->n);
}

/* ------------------------------------------------------------------------------- container and manifest */

/* ETSI EN 319 162-1 A.1: the media type stands, stored, at the beginning. */
static bool mimetype_first(const uint8_t *p, size_t n)
{
	static const char name[] = "mimetype" ASIC_MIMETYPE;

	return n > 30 + sizeof(name) && p[8] == 0 && p[9] == 0 && p[26] == 8 && p[27] == 0 && p[28] == 0 &&
	       p[29] == 0 && memcmp(p + 30, name, sizeof(name) - 1) == 0;
}

/* A proof in PDF: the bundle is what is attached to it. */
static enum pli_status document_open(struct verify *v, size_t most, struct err *err)
{
	AUTO_BUF bundle = { 0 };
	enum pli_status status;

	v->pdf = POOL_NEW(v->pool, struct pdf_seal);
	status = pdf_seal_read(v->zip, v->zip_n, v->pdf, err);
	if (status == PLI_OK)
		status = pdf_attached(v->zip, v->zip_n, most, &bundle, err);
	if (status != PLI_OK)
		return status;
	v->zip = pool_dup(v->pool, bundle.p, bundle.n);
	v->zip_n = bundle.n;
	return PLI_OK;
}

static enum pli_status check_document(struct verify *v, struct err *err)
{
	int64_t t_us;

	if (pades_verify(v->pdf, v->root_pem, v->tsa_pem, &t_us, err) != PLI_OK)
		return facts_failed(err, "document", NULL);
	if (t_us < v->signed_us - BUNDLE_CLOCK_SLACK_US)
		return err_set(err, PLI_CONFLICT, "document: its seal is older than the proof that is attached");
	return PLI_OK;
}

static enum pli_status check_files(struct verify *v, struct err *err)
{
	struct zip_file *files;
	const struct zip_file *mimetype;
	size_t count;
	size_t most = v->options->unpacked_max_bytes ? v->options->unpacked_max_bytes : UNPACKED_MAX_BYTES;
	enum pli_status status = pdf_is(v->zip, v->zip_n) ? document_open(v, most, err) : PLI_OK;

	if (status == PLI_OK)
		status = zip_read_open(v->pool, v->zip, v->zip_n, most, &files, &count, err);

	if (status != PLI_OK)
		return facts_failed(err, "files", NULL);
	status = facts_files(v->pool, files, count, &v->facts, err);
	if (status != PLI_OK)
		return status;
	mimetype = facts_file(&v->facts, "mimetype");
	if (!mimetype_first(v->zip, v->zip_n) || mimetype->n != strlen(ASIC_MIMETYPE))
		return err_set(err, PLI_CONFLICT, "files: mimetype is not the first file, stored, with the right content");
	v->root_pem = text_of(v, "root.pem");
	v->seal_pem = text_of(v, "seal.pem");
	v->operator_pem = text_of(v, "operator.pem");
	v->tsa_pem = text_of(v, "tsa.pem");
	v->log_pub = text_of(v, "log.pub");
	return PLI_OK;
}

/* Says which file makes the manifest differ from the one these files demand. */
static enum pli_status manifest_difference(struct verify *v, const struct zip_file *stated, const struct buf *wanted,
					   struct err *err)
{
	struct asic_manifest is, must;
	enum pli_status status = asic_manifest_parse(v->pool, stated->p, stated->n, &is, err);

	if (status != PLI_OK)
		return PLI_CONFLICT;
	if (asic_manifest_parse(v->pool, wanted->p, wanted->n, &must, err) != PLI_OK)
		return err_set(err, PLI_CONFLICT, "manifest: cannot be written for these files");
	for (size_t i = 0; i < is.count && i < must.count; i++) {
		if (strcmp(is.references[i].name, must.references[i].name) != 0)
			return err_set(err, PLI_CONFLICT, "manifest: lists %s where %s must be", is.references[i].name,
				       must.references[i].name);
		if (memcmp(is.references[i].sha256, must.references[i].sha256, 32) != 0)
			return err_set(err, PLI_CONFLICT, "manifest: %s is not the file that was sealed",
				       must.references[i].name);
	}
	if (is.count != must.count)
		return err_set(err, PLI_CONFLICT, "manifest: lists %zu files where %zu must be", is.count, must.count);
	return err_set(err, PLI_CONFLICT, "manifest: names another checkpoint");
}

static enum pli_status check_manifest(struct verify *v, struct err *err)
{
	const struct zip_file *stated = facts_file(&v->facts, ASIC_MANIFEST_NAME);
	enum pli_status status = facts_checkpoint(&v->facts, err);
	AUTO_BUF wanted;

	buf_init(&wanted);
	if (status != PLI_OK)
		return status;
	v->head_read = true;
	bundle_manifest_of(&v->facts, &wanted);
	if (stated->n == wanted.n && memcmp(stated->p, wanted.p, wanted.n) == 0)
		return PLI_OK;
	return manifest_difference(v, stated, &wanted, err);
}

/* --------------------------------------------------------------------------------------- certificates */

/* The file is exactly what openssl writes for the one thing in it: nothing before, behind or beside. */
static bool pem_exact(const struct zip_file *file, bool certificate)
{
	BIO *in = BIO_new_mem_buf(file->p, (int)file->n), *out = BIO_new(BIO_s_mem());
	X509 *cert = in && certificate ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	EVP_PKEY *key = in && !certificate ? PEM_read_bio_PUBKEY(in, NULL, NULL, NULL) : NULL;
	char *again = NULL;
	long n = 0;
	bool same = false;

	if (out && ((cert && PEM_write_bio_X509(out, cert)) || (key && PEM_write_bio_PUBKEY(out, key)))) {
		n = BIO_get_mem_data(out, &again);
		same = n > 0 && (size_t)n == file->n && memcmp(again, file->p, file->n) == 0;
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	BIO_free(in);
	BIO_free(out);
	return same;
}

static enum pli_status pinned_check(const char *what, const char *name, const char *own, const char *pinned,
				    struct err *err)
{
	uint8_t a[32], b[32];

	if (!pinned)
		return PLI_OK;
	if (keygen_fingerprint(pinned, b, err) != PLI_OK)
		return err_set(err, PLI_INPUT, "certificates: the %s given to compare cannot be read", what);
	if (keygen_fingerprint(own, a, err) != PLI_OK || memcmp(a, b, 32) != 0)
		return err_set(err, PLI_CONFLICT, "certificates: %s is not the %s given", name, what);
	return PLI_OK;
}

/* Of several keys given, as a service publishes them after a change, one is enough; so is one that signs beside the bundle's. */
static enum pli_status pinned_log(struct verify *v, struct err *err)
{
	const struct zip_file *text = facts_file(&v->facts, "checkpoint.txt");
	const char *given = v->options->log_pub_pem, *one;
	enum pli_status status = pinned_check("log key", "log.pub", v->log_pub, given, err);

	if (status != PLI_CONFLICT)
		return status;
	for (unsigned i = 0; (one = pem_list_get(v->pool, given, i)); i++)
		if (strcmp(one, v->log_pub) == 0)
			return PLI_OK;
	/* Beside it: the bundle's own must have signed as well. */
	return pem_list_of_checkpoint(v->pool, v->log_pub, (const char *)text->p, text->n) &&
	       pem_list_of_checkpoint(v->pool, given, (const char *)text->p, text->n) ? PLI_OK : status;
}

static enum pli_status check_certificates(struct verify *v, struct err *err)
{
	static const char *const names[] = { "root.pem", "seal.pem", "operator.pem", "tsa.pem", "log.pub" };
	enum pli_status status;

	for (int i = 0; i < 5; i++)
		if (!pem_exact(facts_file(&v->facts, names[i]), i < 4))
			return err_set(err, PLI_CONFLICT, "certificates: %s is not one plain PEM object", names[i]);
	if (!seal_usage(v->seal_pem))
		return err_set(err, PLI_CONFLICT, "certificates: seal.pem is not made for seals");
	if (!seal_usage(v->operator_pem) || strcmp(v->operator_pem, v->seal_pem) == 0)
		return err_set(err, PLI_CONFLICT, "certificates: operator.pem is not made for a second signer");
	status = pinned_check("root", "root.pem", v->root_pem, v->options->root_pem, err);
	if (status == PLI_OK)
		status = pinned_log(v, err);
	return status;
}

/* A certificate that has ended proves nothing of what was signed while it was good, unless somebody whose own is still good has seen it then. */
static enum pli_status check_renewal(struct verify *v, struct err *err)
{
	int64_t now_us = v->options->now_us ? v->options->now_us : clock_now_us(), good_us = 0;
	enum pli_status status = renewal_walk(&v->facts, now_us, v->options->tsa_root_pem, &good_us, err);

	if (status == PLI_OK)
		status = renewal_good("root.pem", v->root_pem, good_us, err);
	if (status == PLI_OK)
		status = renewal_good("tsa.pem", v->tsa_pem, good_us, err);
	return status;
}

/* ------------------------------------------------------------------------------ token, seal, checkpoint */

static enum pli_status token_check(struct verify *v, const char *token, const char *over, int64_t *t_us_r, struct err *err)
{
	const struct zip_file *der = facts_file(&v->facts, token), *text = facts_file(&v->facts, over);
	struct token_verifier *verifier = NULL;
	struct token_info info;
	enum pli_status status = token_verifier_new(v->root_pem, v->tsa_pem, &verifier, err);

	if (status == PLI_OK)
		status = token_verify(verifier, der->p, der->n, text->p, text->n, &info, err);
	token_verifier_free(verifier);
	if (status != PLI_OK)
		return facts_failed(err, "timestamp", token);
	*t_us_r = info.gen_time_us;
	return PLI_OK;
}

/* The receipt may be certified long after the checkpoint, and by newer keys: its signers are judged at the time of its own token. */
static enum pli_status check_timestamp(struct verify *v, struct err *err)
{
	enum pli_status status = token_check(v, "checkpoint.tst", "checkpoint.txt", &v->facts.token_us, err);

	if (status == PLI_OK)
		status = token_check(v, "receipt.tst", "receipt.p7s", &v->signed_us, err);
	if (status == PLI_OK && v->signed_us < v->facts.token_us - BUNDLE_CLOCK_SLACK_US)
		return err_set(err, PLI_CONFLICT, "timestamp: receipt.tst is older than the checkpoint that the receipt names");
	return status;
}

static enum pli_status check_seal(struct verify *v, struct err *err)
{
	const struct zip_file *p7s = facts_file(&v->facts, ASIC_SIGNATURE_NAME);
	const struct zip_file *manifest = facts_file(&v->facts, ASIC_MANIFEST_NAME);

	if (seal_verify(p7s->p, p7s->n, manifest->p, manifest->n, v->root_pem, v->seal_pem, v->signed_us, err) != PLI_OK)
		return facts_failed(err, "seal", NULL);
	return PLI_OK;
}

static enum pli_status check_certified(struct verify *v, struct err *err)
{
	const struct zip_file *p7s = facts_file(&v->facts, "receipt.p7s"), *text = facts_file(&v->facts, "receipt.txt");

	if (seal_verify_two(p7s->p, p7s->n, text->p, text->n, v->root_pem, v->seal_pem, v->operator_pem, v->signed_us, err) != PLI_OK)
		return facts_failed(err, "certified", "receipt.p7s");
	return PLI_OK;
}

static enum pli_status check_checkpoint(struct verify *v, struct err *err)
{
	const struct zip_file *text = facts_file(&v->facts, "checkpoint.txt");
	struct checkpoint c;
	uint8_t key[32];

	if (checkpoint_public_key(v->log_pub, strlen(v->log_pub), key, err) != PLI_OK ||
	    checkpoint_verify((const char *)text->p, text->n, v->facts.origin, key, &c, err) != PLI_OK)
		return facts_failed(err, "checkpoint", NULL);
	return PLI_OK;
}

/* Judged at its own time: what it shows beyond the service's own token is beside the proof, and the seal covers it. */
static enum pli_status check_external(struct verify *v, struct err *err)
{
	enum pli_status status = facts_external(&v->facts, err);

	if (status == PLI_OK && v->facts.external && v->facts.external_us < v->facts.token_us - BUNDLE_CLOCK_SLACK_US)
		return err_set(err, PLI_CONFLICT, "external: external.tst is older than the checkpoint that it is over");
	return status;
}

/* Those whose keys were given elsewhere: one of them at least. */
static enum pli_status check_witness(struct verify *v, struct err *err)
{
	const char *given = v->options->witness_keys;
	enum pli_status status = facts_witnesses(&v->facts, err);

	if (status != PLI_OK || !given)
		return status;
	for (unsigned i = 0; i < v->facts.witness_count; i++)
		if (facts_witness_given(&v->facts.witnesses[i], given))
			return PLI_OK;
	return err_set(err, PLI_CONFLICT, "witness: none of the witnesses given has signed the checkpoint");
}

/* --------------------------------------------------------------------------------------------- receipt */

static enum pli_status check_content(struct verify *v, struct err *err)
{
	enum pli_status status = facts_content(&v->facts, err);

	return status == PLI_OK ? facts_sheets(&v->facts, err) : status;
}

static enum pli_status check_entries(struct verify *v, struct err *err)
{
	return facts_entries(&v->facts, err);
}

static enum pli_status check_chains(struct verify *v, struct err *err)
{
	return facts_chains(&v->facts, err);
}

static enum pli_status check_bindings(struct verify *v, struct err *err)
{
	return facts_bindings(&v->facts, err);
}

static void line_at(const char *p, size_t n, unsigned number, char *out, size_t cap)
{
	const char *end = p + n, *eol;

	while (--number > 0 && p < end && (eol = memchr(p, '\n', (size_t)(end - p))))
		p = eol + 1;
	eol = p < end ? memchr(p, ':', (size_t)(end - p)) : NULL;
	snprintf(out, cap, "%.*s", eol ? (int)(eol - p) : 0, p < end ? p : "");
}

static enum pli_status check_receipt(struct verify *v, struct err *err)
{
	const struct zip_file *file = facts_file(&v->facts, "receipt.txt");
	enum pli_status status = receipt_stamps(&v->facts, (const char *)file->p, file->n, err);
	unsigned number = 1;
	char key[24];
	AUTO_BUF wanted;

	buf_init(&wanted);
	if (status == PLI_OK)
		status = facts_times(&v->facts, err);
	if (status != PLI_OK)
		return status;
	receipt_write(&v->facts, &wanted);
	if (file->n == wanted.n && memcmp(file->p, wanted.p, wanted.n) == 0)
		return PLI_OK;
	for (size_t i = 0; i < file->n && i < wanted.n && file->p[i] == (uint8_t)wanted.p[i]; i++)
		number += file->p[i] == '\n';
	line_at(wanted.p, wanted.n, number, key, sizeof(key));
	return err_set(err, PLI_CONFLICT, "receipt: line %u (%s) is not what follows from the other files", number, key);
}

static enum pli_status check_evidence(struct verify *v, struct err *err)
{
	const struct zip_file *file = facts_file(&v->facts, "receipt.xml");
	AUTO_BUF wanted = { 0 };

	evidence_write(&v->facts, &wanted);
	if (file->n == wanted.n && memcmp(file->p, wanted.p, wanted.n) == 0)
		return PLI_OK;
	return err_set(err, PLI_CONFLICT, "evidence: receipt.xml is not what follows from the other files");
}

/* ------------------------------------------------------------------------------------------------ order */

enum step_id {
	STEP_FILES, STEP_MANIFEST, STEP_CERTIFICATES, STEP_RENEWAL, STEP_TIMESTAMP, STEP_EXTERNAL, STEP_SEAL, STEP_CERTIFIED, STEP_CHECKPOINT, STEP_WITNESS,
	STEP_CONTENT, STEP_ENTRIES, STEP_CHAINS, STEP_BINDING, STEP_RECEIPT, STEP_EVIDENCE, STEP_DOCUMENT, STEPS
};
#define ON(step) (1u << STEP_##step)

/* In the order of verify.sh.  rests_on: checks without whose success this one cannot be made.  @T@ in a command: see command_of. */
static const struct step {
	const char *id, *said;
	enum pli_status (*check)(struct verify *v, struct err *err);
	unsigned rests_on;
	const char *command;
} steps[] = {
	[STEP_FILES] = { "files", "files: those of a proof bundle, none more", check_files, 0,
		"find . -type f | sort" },
	[STEP_MANIFEST] = { "manifest", "manifest: lists every file with its digest", check_manifest, ON(FILES),
		"for f in $(sed -n 's|.*DataObjectReference URI=\"\\([^\"]*\\)\".*|\\1|p' META-INF/ASiCManifest.xml); do "
		"grep -q \"\\\"$f\\\".*>$(openssl dgst -sha256 -binary \"$f\" | openssl base64)<\" META-INF/ASiCManifest.xml "
		"&& echo \"$f: ok\" || echo \"$f: CHANGED\"; done" },
	[STEP_CERTIFICATES] = { "certificates", "certificates: well formed, made for their purpose", check_certificates, ON(FILES),
		"openssl verify -CAfile root.pem -attime @S@ seal.pem operator.pem tsa.pem && openssl x509 -in root.pem -noout -fingerprint -sha256" },
	[STEP_RENEWAL] = { "renewal", "renewal: certificates good, or renewed while they were", check_renewal, ON(FILES),
		"for f in root.pem tsa.pem; do openssl x509 -in $f -noout -subject -enddate; done; "
		"for f in $(find . -name 'renewal-*.sha512'); do f=${f%.sha512}; sha512sum -c --quiet $f.sha512 && openssl ts -verify -in $f.tst -token_in "
		"-data $f.sha512 -CAfile $f.pem -untrusted $f.pem; done" },
	[STEP_TIMESTAMP] = { "timestamp", "timestamp: tokens over checkpoint and receipt by tsa.pem, under root.pem", check_timestamp, ON(FILES),
		"openssl ts -verify -in checkpoint.tst -token_in -data checkpoint.txt -CAfile root.pem -untrusted tsa.pem -attime @T@ && "
		"openssl ts -verify -in receipt.tst -token_in -data receipt.p7s -CAfile root.pem -untrusted tsa.pem -attime @S@" },
	[STEP_EXTERNAL] = { "external", "external: what an authority outside has stamped of the checkpoint holds", check_external, ON(TIMESTAMP),
		"[ ! -e external.tst ] || openssl ts -verify -in external.tst -token_in -data checkpoint.txt -CAfile external.pem -untrusted external.pem "
		"-attime @E@" },
	[STEP_SEAL] = { "seal", "seal: signature over the manifest by seal.pem, under root.pem", check_seal, ON(FILES),
		"openssl cms -verify -cades -binary -inform DER -in META-INF/signature.p7s -content META-INF/ASiCManifest.xml -CAfile root.pem "
		"-purpose any -attime @S@ -out /dev/null" },
	[STEP_CERTIFIED] = { "certified", "certified: receipt signed by seal.pem and operator.pem, under root.pem", check_certified,
		ON(FILES),
		"openssl cms -verify -cades -binary -inform DER -in receipt.p7s -content receipt.txt -CAfile root.pem -purpose any -attime @S@ "
		"-signer ../signers.pem -out /dev/null && grep -c BEGIN ../signers.pem" },
	[STEP_CHECKPOINT] = { "checkpoint", "checkpoint: signed by log.pub", check_checkpoint, ON(FILES),
		"head -n 3 checkpoint.txt > ../note && tail -n +5 checkpoint.txt | grep -F \" $(head -n 1 checkpoint.txt) \" | tail -n 1 | "
		"sed 's/.* //' | openssl base64 -d -A | tail -c 64 > ../note.sig && "
		"openssl pkeyutl -verify -pubin -inkey log.pub -rawin -in ../note -sigfile ../note.sig" },
	[STEP_WITNESS] = { "witness", "witness: what witnesses have signed of the checkpoint holds", check_witness, ON(CHECKPOINT),
		"cat checkpoint.txt witness.txt witness.pub 2>/dev/null; sh verify.sh ." },
	[STEP_CONTENT] = { "content", "content: list of parts and sheets", check_content, ON(FILES),
		"openssl dgst -sha256 manifest.json && grep -o '\"manifest\":\"[0-9a-f]*\"' sheet*.json" },
	[STEP_ENTRIES] = { "entries", "entries: each in the tree of the checkpoint at its number", check_entries, ON(FILES),
		"sh verify.sh ." },
	[STEP_CHAINS] = { "chains", "chains: complete from their first entry", check_chains, ON(ENTRIES),
		"for f in journal/*.json; do { printf '\\000'; cat \"$f\"; } | openssl dgst -sha256 -r | sed \"s|\\*.*|$f|\"; "
		"grep -o '\"prev\":\"[0-9a-f]*\"' \"$f\"; done" },
	[STEP_BINDING] = { "binding", "binding: deposit entries bind sheets and content", check_bindings, ON(CONTENT) | ON(CHAINS),
		"for f in sheet*.json; do cat \"${f%.json}.salt\" \"$f\" | openssl dgst -sha256; done; "
		"grep -o '\"sheet\":\"[0-9a-f]*\"' journal/*.json" },
	[STEP_RECEIPT] = { "receipt", "receipt: says what follows from the other files", check_receipt, ON(BINDING) | ON(EXTERNAL),
		"sh verify.sh ." },
	[STEP_EVIDENCE] = { "evidence", "evidence: receipt.xml says the same", check_evidence, ON(RECEIPT),
		"sh verify.sh . && cat receipt.xml" },
	/* Only of a proof in PDF. */
	[STEP_DOCUMENT] = { "document", "document: the whole PDF is sealed under root.pem, and stamped", check_document, ON(FILES) | ON(TIMESTAMP),
		"pdfsig ../proof.pdf && pdfdetach -save 1 -o ../proof.asice ../proof.pdf" },
};
_Static_assert(STEPS <= VERIFY_CHECKS_MAX, "a report holds every check");

/* @T@, @S@ and @E@ become the times of the tokens over checkpoint and receipt and of the one from outside, in seconds. */
static const char *command_of(struct verify *v, const char *text)
{
	AUTO_BUF out = { 0 };

	for (; *text; text++)
		if (text[0] == '@' && text[1] && strchr("TSE", text[1]) && text[2] == '@') {
			int64_t t_us = text[1] == 'T' ? v->facts.token_us : text[1] == 'S' ? v->signed_us : v->facts.external_us;

			buf_fmt(&out, "%lld", (long long)(t_us / SECOND_US));
			text += 2;
		} else {
			buf_ch(&out, *text);
		}
	return pool_strn(v->pool, out.p, out.n);
}

/* The check that keeps this one from being made; NULL: none. */
static const char *waits_for(const struct verify *v, const struct verify_report *r, enum step_id i)
{
	for (unsigned k = 0; k < i; k++)
		if ((steps[i].rests_on & 1u << k) && r->checks[k].result != VERIFY_HOLDS)
			return steps[k].id;
	return i == STEP_ENTRIES && !v->head_read ? "checkpoint" : i == STEP_CHECKPOINT && !v->head_read ? "manifest" : NULL;
}

static void fingerprint(const char *pem, char hex[65])
{
	uint8_t digest[32];
	struct err err;

	if (pem && keygen_fingerprint(pem, digest, &err) == PLI_OK)
		hex_encode(hex, digest, 32);
}

static void step_make(struct verify *v, struct verify_report *r, enum step_id i)
{
	struct verify_check *check = &r->checks[i];
	const char *before = waits_for(v, r, i);
	struct err err = { 0 };
	enum pli_status status;

	*check = (struct verify_check){ .id = steps[i].id, .result = VERIFY_UNREACHED, .text = before };
	if (before)
		return;
	status = steps[i].check(v, &err);
	check->result = status == PLI_OK ? VERIFY_HOLDS : VERIFY_FAILS;
	check->text = status == PLI_OK ? steps[i].said : pool_str(v->pool, err.text);
	if (status != PLI_OK && !r->failed++) {
		r->err = err;
		r->err.status = status;
	}
}

static void examine(struct pool *pool, const void *zip, size_t n, const struct bundle_verify_options *options, bool to_first_fault,
		    struct verify_report *r)
{
	struct verify *v = POOL_NEW(pool, struct verify);

	if (certificate_is(zip, n)) {
		certificate_examine(pool, zip, n, options, r);
		return;
	}
	*v = (struct verify){ .options = options, .pool = pool, .zip = zip, .zip_n = n };
	*r = (struct verify_report){ .root_given = options->root_pem != NULL,
				     .log_key_given = options->log_pub_pem != NULL };
	r->count = pdf_is(zip, n) ? STEPS : STEP_DOCUMENT;
	for (unsigned i = 0; i < r->count && !(to_first_fault && r->failed); i++)
		step_make(v, r, (enum step_id)i);
	for (unsigned i = 0; i < r->count; i++)
		r->checks[i].command = command_of(v, steps[i].command);
	fingerprint(v->root_pem, r->root);
	fingerprint(v->log_pub, r->log_key);
	r->token_us = v->facts.token_us;
	r->renewal_count = r->checks[STEP_FILES].result == VERIFY_HOLDS ? v->facts.renewal_count : 0;
	r->tsa_root_given = options->tsa_root_pem != NULL;
	r->external_given = r->tsa_root_given && r->checks[STEP_EXTERNAL].result == VERIFY_HOLDS && v->facts.external &&
			    renewal_token_root_given(text_of(v, "external.pem"), options->tsa_root_pem);
	for (unsigned i = 0; i < r->renewal_count; i++)
		renewal_root(&v->facts, i + 1, r->renewal_roots[i]);
	r->verified = !r->failed;
	r->facts = r->verified ? &v->facts : NULL;
}

void verify_examine(struct pool *pool, const void *zip, size_t n, const struct bundle_verify_options *options,
		    struct verify_report *report_r)
{
	examine(pool, zip, n, options, false, report_r);
}

static void say_key(struct pool *pool, const struct bundle_verify_options *o, const char *what, const char *hex, bool given)
{
	o->say(o->arg, true, pool_fmt(pool, given ? "%s: sha256 %s, the one given" :
						    "%s: sha256 %s, TO BE COMPARED with a copy from elsewhere", what, hex));
}

static void say_certificate(struct pool *pool, const struct bundle_verify_options *o, const struct certificate *c)
{
	char t[25];

	o->say(o->arg, true, pool_fmt(pool, "by %s: %u of %u made available, %u notified, %u opened", clock_rfc3339(t, c->by_us), c->available,
				      c->count, c->notified, c->opened));
	o->say(o->arg, true, pool_fmt(pool, "as of %s: %u of %u opened, %u not", clock_rfc3339(t, c->as_of_us), c->opened_as_of, c->count,
				      c->count - c->opened_as_of));
}

enum pli_status bundle_verify(const void *zip, size_t n, const struct bundle_verify_options *options, struct err *err)
{
	AUTO_POOL pool = pool_new();
	struct verify_report r;
	char t[25];

	examine(pool, zip, n, options, !options->say, &r);
	for (unsigned i = 0; options->say && i < r.count; i++)
		if (r.checks[i].result != VERIFY_UNREACHED)
			options->say(options->arg, r.checks[i].result == VERIFY_HOLDS, r.checks[i].text);
	if (!r.verified) {
		if (err)
			*err = r.err;
		return r.err.status;
	}
	for (unsigned i = 0; options->say && r.facts && i < r.facts->witness_count; i++) {
		const struct facts_witness *w = &r.facts->witnesses[i];
		const char *given = facts_witness_given(w, options->witness_keys) ? "the one given" : "TO BE COMPARED with a copy from elsewhere";

		options->say(options->arg, true, pool_fmt(pool, "witness: %s has seen this head on %s; key %s, %s", w->key.name,
							  clock_rfc3339(t, w->time_us), w->text, given));
	}
	if (options->say && r.certificate)
		say_certificate(pool, options, r.certificate);
	if (options->say) {
		say_key(pool, options, "root", r.root, r.root_given);
		say_key(pool, options, "log key", r.log_key, r.log_key_given);
		for (unsigned i = 0; i < r.renewal_count; i++)
			say_key(pool, options, pool_fmt(pool, "renewal %u: authority under root", i + 1), r.renewal_roots[i], r.tsa_root_given);
		if (r.facts->external) {
			options->say(options->arg, true, pool_fmt(pool, "external: the head was there on %s (token of an authority outside)",
								  clock_rfc3339(t, r.facts->external_us)));
			say_key(pool, options, "external: authority under root", r.facts->external_root, r.external_given);
		}
		options->say(options->arg, true, pool_fmt(pool, "time: all of this was there on %s (token of the service)",
							  clock_rfc3339(t, r.token_us)));
	}
	return PLI_OK;
}
