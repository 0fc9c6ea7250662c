/* RFC 3161 timestamp tokens: made in this process by the instance's own time-stamping key, read and verified.
 *
 * A token is a DER TimeStampToken (CMS SignedData): imprint SHA-256, ESSCertIDv2 (RFC 5816), no certificate inside, genTime with
 * milliseconds, random 63-bit serial, P-256 and SHA-256. */
#ifndef PLI_TOKEN_H
#define PLI_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "status.h"

struct buf;
struct tsa_query;

#define TOKEN_MAX_BYTES 16384
/* Policy under which the built-in authority stamps: the machine's own clock, no outside time source. */
#define TOKEN_POLICY "2.25.175171558180790079973882690044974969982"

struct token_maker;	/* one thread at a time */
/* PEM texts of the certificate (critical EKU timeStamping) and its key. */
MUST enum pli_status token_maker_new(const char *cert_pem, const char *key_pem, struct token_maker **maker_r, struct err *err);
/* The same with a key that is there already (or NULL: none could be read); a reference is taken. */
MUST enum pli_status token_maker_new_key(const char *cert_pem, EVP_PKEY *key, struct token_maker **maker_r, struct err *err);
void token_maker_free(struct token_maker *maker);
struct x509_st *token_maker_cert(const struct token_maker *maker);	/* borrowed */
/* Appends the DER token over SHA-256(data) at t_us (cut to milliseconds). */
MUST enum pli_status token_make(struct token_maker *maker, const void *data, size_t n, int64_t t_us, struct buf *out, struct err *err);
/* The same as a client asked for it: der is the request that query was read from.  A maker serves one shape of requests, those with or
 * without nonce and with or without certificate, and nothing else. */
MUST enum pli_status token_grant(struct token_maker *maker, const void *der, size_t der_n, const struct tsa_query *query, int64_t t_us,
				 struct buf *out, struct err *err);

struct token_info {
	int64_t gen_time_us;
	uint8_t imprint[32];
	uint8_t serial[20];
	size_t serial_n;
	char policy[80];
};
/* Reads without checking the signature.  Anything but SHA-256, DER and one signer is PLI_INPUT. */
MUST enum pli_status token_parse(const void *der, size_t n, struct token_info *info_r, struct err *err);

/* Does the token name this certificate (PEM) as its signer's, by its digest (ESSCertIDv2, RFC 5816)?  Nothing else of it is looked at: this
 * chooses among certificates, token_verify checks. */
bool token_is_by(const void *der, size_t n, const char *tsa_pem);

/* Root and authority certificates made ready once, for many tokens; tsa_pem may hold several (pem_list.h), a token is by one of them. */
struct token_verifier;
MUST enum pli_status token_verifier_new(const char *root_pem, const char *tsa_pem, struct token_verifier **verifier_r, struct err *err);
void token_verifier_free(struct token_verifier *verifier);
/* Signature, signer = one of those certificates, chain to the root at genTime, imprint = SHA-256(data).  PLI_INPUT (malformed), PLI_CONFLICT. */
MUST enum pli_status token_verify(struct token_verifier *verifier, const void *der, size_t n, const void *data, size_t data_n,
				  struct token_info *info_r, struct err *err);

#endif
