/* The instance's seals: detached CAdES-BES (ETSI EN 319 122-1: signing-certificate-v2), CMS SignedData in DER, P-256 and SHA-256,
 * signing certificates inside. */
#ifndef PLI_SEAL_H
#define PLI_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "status.h"

struct buf;

#define SEAL_MAX_BYTES 65536

struct sealer;		/* one thread at a time */
MUST enum pli_status sealer_new(const char *cert_pem, const char *key_pem, struct sealer **sealer_r, struct err *err);
/* The same with a key that is there already (or NULL: none could be read); a reference is taken. */
MUST enum pli_status sealer_new_key(const char *cert_pem, EVP_PKEY *key, struct sealer **sealer_r, struct err *err);
void sealer_free(struct sealer *sealer);
/* For signatures of another form (pades.h); borrowed. */
struct x509_st *sealer_cert(const struct sealer *sealer);
struct evp_pkey_st *sealer_key(const struct sealer *sealer);
MUST enum pli_status seal_make(struct sealer *sealer, const void *data, size_t n, struct buf *p7s_out, struct err *err);

/* One SignedData with two signers, each as above: what both the service and its certification operator answer for. */
MUST enum pli_status seal_make_two(struct sealer *a, struct sealer *b, const void *data, size_t n, struct buf *p7s_out, struct err *err);

/* Is this a certificate (PEM) for seals?  A key of the house made for something else (mail, time-stamping) must not seal. */
bool seal_usage(const char *cert_pem);

/* Is this certificate (PEM) among those inside the signature?  Nothing is verified. */
bool seal_holds_certificate(const void *p7s, size_t n, const char *cert_pem);

/* Exactly one signer, its certificate equal to seal_pem, CAdES attributes, chain to root_pem at at_us (0: now), signature over data.
 * PLI_INPUT (malformed), PLI_CONFLICT (does not hold). */
MUST enum pli_status seal_verify(const void *p7s, size_t p7s_n, const void *data, size_t n, const char *root_pem, const char *seal_pem,
				 int64_t at_us, struct err *err);
/* The same for seal_make_two: exactly these two signers; the text says so when one of them is missing. */
MUST enum pli_status seal_verify_two(const void *p7s, size_t p7s_n, const void *data, size_t n, const char *root_pem, const char *a_pem,
				     const char *b_pem, int64_t at_us, struct err *err);

#endif
