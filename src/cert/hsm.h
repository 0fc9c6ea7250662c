/* Keys in a PKCS#11 token (a hardware module, SoftHSM): made there, used there, never read out.
 *
 * The token's library is loaded into the process and asked directly; OpenSSL's engines are not needed.  (libp11 of Debian 12 knows no
 * Ed25519, which signs the journal's heads.)  P-256 keys appear as OpenSSL keys whose signatures the token makes.
 * PKCS#11 v3.0: sections 6.3.8 (ECDSA: CKM_ECDSA over the digest), 6.3.13 (CKM_EDDSA), 6.13.3 (CKM_AES_GCM).
 * Threads: a key has a session of its own and is used by one thread at a time; different keys by different threads. */
#ifndef PLI_HSM_H
#define PLI_HSM_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "status.h"

struct buf;
struct hsm_uri;

struct hsm;
/* module: path of the library (dlopen: before the process is confined).  pin: borrowed for hsm's life.  PLI_ABSENT: no such library, or one of
 * another kind; PLI_IO: it does not start. */
MUST enum pli_status hsm_open(const char *module, const char *pin, struct hsm **hsm_r, struct err *err);
void hsm_close(struct hsm *hsm);		/* after its keys; NULL is allowed */

enum hsm_kind { HSM_P256, HSM_ED25519, HSM_AES256 };
#define HSM_ID_BYTES 16

struct hsm_key;
/* A new key, kept in the token, sensitive and never extractable, under the URI's label (else the given) and a random id.
 * Statuses as hsm_key_find. */
MUST enum pli_status hsm_key_make(struct hsm *hsm, const struct hsm_uri *uri, enum hsm_kind kind, const char *label,
				  uint8_t id_r[HSM_ID_BYTES], struct hsm_key **key_r, struct err *err);
/* The one key of that id.  PLI_ABSENT: no such token or key; PLI_DENIED: the PIN is wrong, or locked; PLI_IO: the token fails. */
MUST enum pli_status hsm_key_find(struct hsm *hsm, const struct hsm_uri *uri, enum hsm_kind kind, const uint8_t *id, size_t id_n,
				  struct hsm_key **key_r, struct err *err);
void hsm_key_free(struct hsm_key *key);		/* closes its session; NULL is allowed */
/* Out of the token, for good. */
MUST enum pli_status hsm_key_destroy(struct hsm_key *key, struct err *err);

/* HSM_P256: an OpenSSL key, a reference of key's that lives as long; up_ref to keep it (not longer than key). */
EVP_PKEY *hsm_key_pkey(struct hsm_key *key);
/* HSM_ED25519 */
const uint8_t *hsm_key_public(const struct hsm_key *key);
MUST enum pli_status hsm_key_sign(struct hsm_key *key, const void *p, size_t n, uint8_t signature_r[64], struct err *err);
/* HSM_AES256: as cipher_seal and cipher_open do it, byte for byte the same form. */
MUST enum pli_status hsm_key_seal(struct hsm_key *key, const void *aad, size_t aad_n, const void *p, size_t n, struct buf *out,
				  struct err *err);
MUST enum pli_status hsm_key_unseal(struct hsm_key *key, const void *aad, size_t aad_n, const void *p, size_t n, struct buf *out,
				    struct err *err);

#endif
