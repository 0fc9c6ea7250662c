/* What is being verified, and the checks that are made of it; verify.c says which rests on which.
 *
 * Each check answers PLI_OK, or PLI_CONFLICT with "ID: what is wrong" (PLI_INPUT: what was handed in cannot be one at all), and puts what the
 * later ones need into the struct.  They block for as long as hashing takes; no check writes anything. */
#ifndef PLI_VERIFY_CHECKS_H
#define PLI_VERIFY_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#include "bundle.h"
#include "bundle_facts.h"

struct pdf_seal;
struct pool;

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

/* A file's bytes as text, in v's pool; the file must be there. */
const char *verify_text_of(struct verify *v, const char *name);

MUST enum pli_status verify_files(struct verify *v, struct err *err);
MUST enum pli_status verify_manifest(struct verify *v, struct err *err);
MUST enum pli_status verify_certificates(struct verify *v, struct err *err);
MUST enum pli_status verify_renewal(struct verify *v, struct err *err);
MUST enum pli_status verify_timestamp(struct verify *v, struct err *err);
MUST enum pli_status verify_external(struct verify *v, struct err *err);
MUST enum pli_status verify_seal(struct verify *v, struct err *err);
MUST enum pli_status verify_certified(struct verify *v, struct err *err);
MUST enum pli_status verify_checkpoint(struct verify *v, struct err *err);
MUST enum pli_status verify_witness(struct verify *v, struct err *err);
MUST enum pli_status verify_content(struct verify *v, struct err *err);
MUST enum pli_status verify_entries(struct verify *v, struct err *err);
MUST enum pli_status verify_chains(struct verify *v, struct err *err);
MUST enum pli_status verify_bindings(struct verify *v, struct err *err);
MUST enum pli_status verify_receipt(struct verify *v, struct err *err);
MUST enum pli_status verify_evidence(struct verify *v, struct err *err);
MUST enum pli_status verify_document(struct verify *v, struct err *err);

#endif
