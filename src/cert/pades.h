/* The signature of a PDF (ETSI EN 319 142-1, PAdES-B-T): CMS SignedData, DER, detached, one signer, P-256 and SHA-256; signed attributes
 * content-type, message-digest, signing-certificate-v2 and no signing-time, which PAdES forbids; a token over the signature as unsigned
 * attribute; the signer's and the time-stamping certificate inside. */
#ifndef PLI_PADES_H
#define PLI_PADES_H

#include <stdint.h>

#include "status.h"

struct buf;
struct pdf_seal;
struct sealer;
struct token_maker;

/* digest: SHA-256 over the ranges that the signature covers.  One thread at a time. */
MUST enum pli_status pades_make(const struct sealer *sealer, struct token_maker *tokens, const uint8_t digest[32], int64_t t_us,
				struct buf *der_out, struct err *err);

/* One signer, made for seals and issued by root, at the time of the token over its signature (by tsa_pem, under the same root), which is
 * given; over all bytes of the document.  PLI_INPUT, PLI_CONFLICT. */
MUST enum pli_status pades_verify(const struct pdf_seal *seal, const char *root_pem, const char *tsa_pem, int64_t *t_us_r, struct err *err);

#endif
