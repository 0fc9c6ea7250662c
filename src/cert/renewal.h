/* Renewals of a proof: what keeps it good after its certificates have ended (the idea of RFC 4998 with stock formats).
 *
 * Renewal N is three files beside the others, which the manifest does not list:
 *   renewal-N.sha512   "HEX  NAME" lines as sha512sum writes them, of every other file that was there: mimetype, those that the manifest
 *                      lists in its order, META-INF/ASiCManifest.xml, META-INF/signature.p7s, then renewal-1.sha512, renewal-1.tst,
 *                      renewal-1.pem … of earlier renewals
 *   renewal-N.tst      RFC 3161 token over renewal-N.sha512, by any authority; SHA-256 or longer
 *   renewal-N.pem      that authority's certificates, its own first, its root last
 * A verifier walks them newest first: the newest authority must be good now; each earlier one at the time of the one after it; and the
 * proof's own certificates at the time of the first. */
#ifndef PLI_RENEWAL_H
#define PLI_RENEWAL_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;
struct bundle_facts;
struct pool;

#define RENEWALS_MAX 99

/* Name of a file of renewal n: renewal_name(pool, 1, "sha512") is "renewal-1.sha512". */
const char *renewal_name(struct pool *pool, unsigned n, const char *ending);
/* What renewal-n.sha512 must say. */
void renewal_list(const struct bundle_facts *facts, unsigned n, struct buf *out);

/* Walks facts->renewal_count of them.  now_us: of the verifier's clock.  tsa_root_pem: one or more roots of which each authority's must
 * be one, or NULL.  *good_us_r: when the proof's own certificates must have been good (now, without a renewal).
 * PLI_CONFLICT, text "renewal: …"; PLI_INPUT: tsa_root_pem cannot be read. */
MUST enum pli_status renewal_walk(const struct bundle_facts *facts, int64_t now_us, const char *tsa_root_pem, int64_t *good_us_r,
				  struct err *err);
/* Whether a certificate of the proof is good at that time; else says when it ended, and what to do. */
MUST enum pli_status renewal_good(const char *name, const char *pem, int64_t at_us, struct err *err);
/* SHA-256 of the root that renewal n rests on, in hex. */
void renewal_root(const struct bundle_facts *facts, unsigned n, char hex_r[65]);

/* ---- making one ---- */

/* A request for a token over the list: SHA-512, certificates wanted, nonce_r to be found in the answer. */
MUST enum pli_status renewal_request(const void *list, size_t n, uint64_t *nonce_r, struct buf *der_out, struct err *err);
/* The authority's answer: granted, about this request, by an authority under one of the roots (PEM) at now_us.  Gives token and
 * certificates.  PLI_CONFLICT; PLI_INPUT: no answer in the sense of RFC 3161, or the roots cannot be read. */
MUST enum pli_status renewal_answer(const void *der, size_t der_n, uint64_t nonce, const void *list, size_t n, const char *roots_pem,
				    int64_t now_us, struct buf *token_out, struct buf *pem_out, int64_t *time_us_r, struct err *err);

#endif
