/* Offline verification of a proof bundle: the checks (verify_checks.c) in the order of verify.sh, which rests on which, and what is said of them. */
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "pool.h"
#include "text.h"
#include "pdf_read.h"
#include "bundle_facts.h"
#include "certificate.h"
#include "keygen.h"
#include "renewal.h"
#include "renewal_token.h"
#include "verify_checks.h"
#include "verify_report.h"

#include "bundle.h"

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
	[STEP_FILES] = { "files", "files: those of a proof bundle, none more", verify_files, 0,
		"find . -type f | sort" },
	[STEP_MANIFEST] = { "manifest", "manifest: lists every file with its digest", verify_manifest, ON(FILES),
		"for f in $(sed -n 's|.*DataObjectReference URI=\"\\([^\"]*\\)\".*|\\1|p' META-INF/ASiCManifest.xml); do "
		"grep -q \"\\\"$f\\\".*>$(openssl dgst -sha256 -binary \"$f\" | openssl base64)<\" META-INF/ASiCManifest.xml "
		"&& echo \"$f: ok\" || echo \"$f: CHANGED\"; done" },
	[STEP_CERTIFICATES] = { "certificates", "certificates: well formed, made for their purpose", verify_certificates, ON(FILES),
		"openssl verify -CAfile root.pem -attime @S@ seal.pem operator.pem tsa.pem && openssl x509 -in root.pem -noout -fingerprint -sha256" },
	[STEP_RENEWAL] = { "renewal", "renewal: certificates good, or renewed while they were", verify_renewal, ON(FILES),
		"for f in root.pem tsa.pem; do openssl x509 -in $f -noout -subject -enddate; done; "
		"for f in $(find . -name 'renewal-*.sha512'); do f=${f%.sha512}; sha512sum -c --quiet $f.sha512 && openssl ts -verify -in $f.tst -token_in "
		"-data $f.sha512 -CAfile $f.pem -untrusted $f.pem; done" },
	[STEP_TIMESTAMP] = { "timestamp", "timestamp: tokens over checkpoint and receipt by tsa.pem, under root.pem", verify_timestamp, ON(FILES),
		"openssl ts -verify -in checkpoint.tst -token_in -data checkpoint.txt -CAfile root.pem -untrusted tsa.pem -attime @T@ && "
		"openssl ts -verify -in receipt.tst -token_in -data receipt.p7s -CAfile root.pem -untrusted tsa.pem -attime @S@" },
	[STEP_EXTERNAL] = { "external", "external: what an authority outside has stamped of the checkpoint holds", verify_external, ON(TIMESTAMP),
		"[ ! -e external.tst ] || openssl ts -verify -in external.tst -token_in -data checkpoint.txt -CAfile external.pem -untrusted external.pem "
		"-attime @E@" },
	[STEP_SEAL] = { "seal", "seal: signature over the manifest by seal.pem, under root.pem", verify_seal, ON(FILES),
		"openssl cms -verify -cades -binary -inform DER -in META-INF/signature.p7s -content META-INF/ASiCManifest.xml -CAfile root.pem "
		"-purpose any -attime @S@ -out /dev/null" },
	[STEP_CERTIFIED] = { "certified", "certified: receipt signed by seal.pem and operator.pem, under root.pem", verify_certified,
		ON(FILES),
		"openssl cms -verify -cades -binary -inform DER -in receipt.p7s -content receipt.txt -CAfile root.pem -purpose any -attime @S@ "
		"-signer ../signers.pem -out /dev/null && grep -c BEGIN ../signers.pem" },
	[STEP_CHECKPOINT] = { "checkpoint", "checkpoint: signed by log.pub", verify_checkpoint, ON(FILES),
		"head -n 3 checkpoint.txt > ../note && tail -n +5 checkpoint.txt | grep -F \" $(head -n 1 checkpoint.txt) \" | tail -n 1 | "
		"sed 's/.* //' | openssl base64 -d -A | tail -c 64 > ../note.sig && "
		"openssl pkeyutl -verify -pubin -inkey log.pub -rawin -in ../note -sigfile ../note.sig" },
	[STEP_WITNESS] = { "witness", "witness: what witnesses have signed of the checkpoint holds", verify_witness, ON(CHECKPOINT),
		"cat checkpoint.txt witness.txt witness.pub 2>/dev/null; sh verify.sh ." },
	[STEP_CONTENT] = { "content", "content: list of parts and sheets", verify_content, ON(FILES),
		"find . -name manifest.json -o -path './documents/*' | xargs -r openssl dgst -sha256; grep -o '\"manifest\":\"[0-9a-f]*\"' sheet*.json" },
	[STEP_ENTRIES] = { "entries", "entries: each in the tree of the checkpoint at its number", verify_entries, ON(FILES),
		"sh verify.sh ." },
	[STEP_CHAINS] = { "chains", "chains: complete from their first entry", verify_chains, ON(ENTRIES),
		"for f in journal/*.json; do { printf '\\000'; cat \"$f\"; } | openssl dgst -sha256 -r | sed \"s|\\*.*|$f|\"; "
		"grep -o '\"prev\":\"[0-9a-f]*\"' \"$f\"; done" },
	[STEP_BINDING] = { "binding", "binding: deposit entries bind sheets and content", verify_bindings, ON(CONTENT) | ON(CHAINS),
		"for f in sheet*.json; do cat \"${f%.json}.salt\" \"$f\" | openssl dgst -sha256; done; "
		"grep -o '\"sheet\":\"[0-9a-f]*\"' journal/*.json" },
	[STEP_RECEIPT] = { "receipt", "receipt: says what follows from the other files", verify_receipt, ON(BINDING) | ON(EXTERNAL),
		"sh verify.sh ." },
	[STEP_EVIDENCE] = { "evidence", "evidence: receipt.xml says the same", verify_evidence, ON(RECEIPT),
		"sh verify.sh . && cat receipt.xml" },
	/* Only of a proof in PDF. */
	[STEP_DOCUMENT] = { "document", "document: the whole PDF is sealed under root.pem, and stamped", verify_document, ON(FILES) | ON(TIMESTAMP),
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
			    renewal_token_root_given(verify_text_of(v, "external.pem"), options->tsa_root_pem);
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
