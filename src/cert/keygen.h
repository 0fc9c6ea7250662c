/* Making an instance's keys, once.
 *
 * keys/    root.key (evidence root, P-256) seal.pem seal.key operator.pem operator.key tsa.pem tsa.key mail.pem mail.key (P-256) log.key (Ed25519)
 *          dkim.key (Ed25519) dkim-rsa.key (RSA, 2048 bits)
 *          root.kek pepper (32 random bytes each) counter kek/ · tls-ca.key
 * public/  root.pem seal.pem operator.pem tsa.pem log.pub (PEM SubjectPublicKeyInfo)
 * journal/ heads (empty)
 * tls/     ca.pem cert.pem (server certificate, then the CA) key.pem
 * Keys are PEM PKCS#8, 0600; nothing that exists is ever overwritten. */
#ifndef PLI_KEYGEN_H
#define PLI_KEYGEN_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "status.h"

struct buf;

/* mail_from: address that the mail certificate names.  PLI_CONFLICT when a file exists, PLI_IO, PLI_FULL. */
MUST enum pli_status keygen_init(int keys_dir_fd, int public_dir_fd, int journal_dir_fd, const char *origin, const char *mail_from,
				 struct err *err);
/* The certification operator's key and certificate, for an instance that was made before there was one: nothing is done when they are
 * there.  Needs keys/root.key; PLI_ABSENT with a hint when that has been put elsewhere. */
MUST enum pli_status keygen_operator(int keys_dir_fd, int public_dir_fd, const char *origin, struct err *err);
/* Keys for DKIM, those of both algorithms that are not there yet. */
MUST enum pli_status keygen_dkim(int keys_dir_fd, struct err *err);
/* A private authority, constrained to host, localhost and 127.0.0.1, and a server certificate for these. host: DNS name or IP literal. */
MUST enum pli_status keygen_tls(int keys_dir_fd, int tls_dir_fd, const char *host, struct err *err);

/* A witness's key: keys/witness.key, public/witness.pub (its verifier key, one line). */
MUST enum pli_status keygen_witness(int keys_dir_fd, int public_dir_fd, const char *name, struct err *err);
/* Appends the PEM certificate for another key, name: "seal", "operator" or "tsa", by the evidence root.  PLI_CONFLICT: root_key_pem is not
 * the root's. */
MUST enum pli_status keygen_certificate(const char *root_pem, const char *root_key_pem, const char *name, const char *origin, EVP_PKEY *key,
					struct buf *pem_out, struct err *err);

/* SHA-256 of DER: of a PEM certificate, or of a PEM SubjectPublicKeyInfo. */
MUST enum pli_status keygen_fingerprint(const char *pem, uint8_t digest_r[32], struct err *err);

#endif
