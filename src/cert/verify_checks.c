/* The checks of a proof bundle, each by itself, on the bytes of the container; their order is verify.c's. */
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "pdf_read.h"
#include "zip.h"
#include "asic.h"
#include "bundle_facts.h"
#include "checkpoint.h"
#include "evidence.h"
#include "keygen.h"
#include "pades.h"
#include "pem_list.h"
#include "receipt.h"
#include "renewal.h"
#include "seal.h"
#include "token.h"

#include "verify_checks.h"

#define UNPACKED_MAX_BYTES ((size_t)512 << 20)

const char *verify_text_of(struct verify *v, const char *name)
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

enum pli_status verify_document(struct verify *v, struct err *err)
{
	int64_t t_us;

	if (pades_verify(v->pdf, v->root_pem, v->tsa_pem, &t_us, err) != PLI_OK)
		return facts_failed(err, "document", NULL);
	if (t_us < v->signed_us - BUNDLE_CLOCK_SLACK_US)
		return err_set(err, PLI_CONFLICT, "document: its seal is older than the proof that is attached");
	return PLI_OK;
}

enum pli_status verify_files(struct verify *v, struct err *err)
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
	v->root_pem = verify_text_of(v, "root.pem");
	v->seal_pem = verify_text_of(v, "seal.pem");
	v->operator_pem = verify_text_of(v, "operator.pem");
	v->tsa_pem = verify_text_of(v, "tsa.pem");
	v->log_pub = verify_text_of(v, "log.pub");
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

enum pli_status verify_manifest(struct verify *v, struct err *err)
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

enum pli_status verify_certificates(struct verify *v, struct err *err)
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
enum pli_status verify_renewal(struct verify *v, struct err *err)
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
enum pli_status verify_timestamp(struct verify *v, struct err *err)
{
	enum pli_status status = token_check(v, "checkpoint.tst", "checkpoint.txt", &v->facts.token_us, err);

	if (status == PLI_OK)
		status = token_check(v, "receipt.tst", "receipt.p7s", &v->signed_us, err);
	if (status == PLI_OK && v->signed_us < v->facts.token_us - BUNDLE_CLOCK_SLACK_US)
		return err_set(err, PLI_CONFLICT, "timestamp: receipt.tst is older than the checkpoint that the receipt names");
	return status;
}

enum pli_status verify_seal(struct verify *v, struct err *err)
{
	const struct zip_file *p7s = facts_file(&v->facts, ASIC_SIGNATURE_NAME);
	const struct zip_file *manifest = facts_file(&v->facts, ASIC_MANIFEST_NAME);

	if (seal_verify(p7s->p, p7s->n, manifest->p, manifest->n, v->root_pem, v->seal_pem, v->signed_us, err) != PLI_OK)
		return facts_failed(err, "seal", NULL);
	return PLI_OK;
}

enum pli_status verify_certified(struct verify *v, struct err *err)
{
	const struct zip_file *p7s = facts_file(&v->facts, "receipt.p7s"), *text = facts_file(&v->facts, "receipt.txt");

	if (seal_verify_two(p7s->p, p7s->n, text->p, text->n, v->root_pem, v->seal_pem, v->operator_pem, v->signed_us, err) != PLI_OK)
		return facts_failed(err, "certified", "receipt.p7s");
	return PLI_OK;
}

enum pli_status verify_checkpoint(struct verify *v, struct err *err)
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
enum pli_status verify_external(struct verify *v, struct err *err)
{
	enum pli_status status = facts_external(&v->facts, err);

	if (status == PLI_OK && v->facts.external && v->facts.external_us < v->facts.token_us - BUNDLE_CLOCK_SLACK_US)
		return err_set(err, PLI_CONFLICT, "external: external.tst is older than the checkpoint that it is over");
	return status;
}

/* Those whose keys were given elsewhere: one of them at least. */
enum pli_status verify_witness(struct verify *v, struct err *err)
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

enum pli_status verify_content(struct verify *v, struct err *err)
{
	enum pli_status status = facts_content(&v->facts, err);

	return status == PLI_OK ? facts_sheets(&v->facts, err) : status;
}

enum pli_status verify_entries(struct verify *v, struct err *err)
{
	return facts_entries(&v->facts, err);
}

enum pli_status verify_chains(struct verify *v, struct err *err)
{
	return facts_chains(&v->facts, err);
}

enum pli_status verify_bindings(struct verify *v, struct err *err)
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

enum pli_status verify_receipt(struct verify *v, struct err *err)
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

enum pli_status verify_evidence(struct verify *v, struct err *err)
{
	const struct zip_file *file = facts_file(&v->facts, "receipt.xml");
	AUTO_BUF wanted = { 0 };

	evidence_write(&v->facts, &wanted);
	if (file->n == wanted.n && memcmp(file->p, wanted.p, wanted.n) == 0)
		return PLI_OK;
	return err_set(err, PLI_CONFLICT, "evidence: receipt.xml is not what follows from the other files");
}
