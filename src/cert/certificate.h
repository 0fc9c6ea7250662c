/* The certificate of time and silence: of many letters and recipients, who had what by when, and who had not opened anything at a certain
 * moment.  It is a container of proofs, one for each recipient of each letter, and says nothing that does not follow from them.
 *
 * A proof speaks of all that happened up to the last entry of its recipient's chain that it shows, since every entry names the one before.
 * So each chain gets an entry of its own, `state.certified`, before its proof is made: what does not stand before that entry had not
 * happened by its time.
 *
 * Files, in this order: mimetype (stored, first) · certificate.txt · proofs/0001.asice … (bundle.h, recipients', by rising number) · VERIFY.md
 * verify.sh proof.sh (of each proof) · META-INF/ASiCManifest.xml (asic.h, the newest checkpoint of the proofs) · META-INF/signature.p7s, by the
 * seal of that proof.
 *
 * certificate.txt, lines `Key: value` (an empty value ends at the colon), all of them, in this order:
 *   Pli-Certificate: 1
 *   Origin: name of the journal
 *   As-Of: the earliest of the proofs' state.certified: silence is shown up to here
 *   Deadline: a time, or empty; By: the same, or As-Of where there is none
 *   Proofs: N
 *   Available: n, Notified: n, Opened: n		so many of the N at By; Opened-As-Of: n, Not-Opened: n	at As-Of, each
 *   Proof: NNNN, NUMBER, LETTER, available DATE, notified DATE, opened DATE, DECISION DATE, as of DATE, KIND, ADDRESS[, NAME]
 *		one line each; `-` for a DATE that there is none of; DECISION: accepted refused unclaimed, or `undecided -`
 *   Checkpoint-Size, Checkpoint-Root (hex), Checkpoint-Time: of the newest
 *   Not-Established, Non-etabli			fixed sentences, one line each */
#ifndef PLI_CERTIFICATE_H
#define PLI_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct bundle_verify_options;
struct keeper;
struct pool;
struct verify_report;

#define CERTIFICATE_PROOFS_MAX 200
#define CERTIFICATE_EVENT "state.certified"

struct certificate_item {
	uint64_t number;		/* of the recipient's deposit entry */
	char letter[37];
	int64_t available_us, notified_us, opened_us, decided_us, as_of_us;	/* 0: not by as_of_us */
	const char *decision;		/* accepted refused unclaimed; NULL: none */
	const char *who;		/* KIND, ADDRESS[, NAME] */
};
struct certificate {
	const char *origin;
	int64_t as_of_us, deadline_us, by_us;	/* deadline_us 0: none */
	const struct certificate_item *items;
	unsigned count;
	unsigned available, notified, opened;	/* at by_us */
	unsigned opened_as_of;
	uint64_t tree_size;
	uint8_t tree_root[32];
	int64_t token_us;
};

/* proofs: recipients' bundles, each with a state.certified; put in order here.  PLI_CONFLICT: they do not hold, or do not go together. */
struct certificate_proof {
	const void *p;
	size_t n;
};
MUST enum pli_status certificate_write(struct pool *pool, struct certificate_proof *proofs, unsigned count, int64_t deadline_us, const char *lang,
				       struct keeper *keeper, struct buf *out, struct err *err);
/* Is this container one, by its first two files? */
bool certificate_is(const void *zip, size_t n);
/* How many proofs it says it holds, 1 … CERTIFICATE_PROOFS_MAX: what an examination costs, known before it. */
unsigned certificate_proof_count(const void *zip, size_t n);
/* options->unpacked_max_bytes, where it is given, is for the certificate and all its proofs together.
 * verify_examine of one: checks cert_files cert_manifest cert_proofs cert_seal cert_text. */
void certificate_examine(struct pool *pool, const void *zip, size_t n, const struct bundle_verify_options *options, struct verify_report *r);

#endif
