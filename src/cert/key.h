/* One of the keeper's five named keys, from its file or from the token:
 *
 *   seal  keys/seal.key | seal.token, certificate seal.pem     P-256, seals proofs
 *   operator  the same: operator.key …, seals receipts beside it
 *   tsa   keys/tsa.key  | tsa.token,  certificate tsa.pem      P-256, timestamps heads
 *   log   keys/log.key  | log.token                            Ed25519, signs heads
 *   wrap  keys/root.kek | root.token                           AES-256, seals the key-encrypting keys (kek_store.h)
 *
 * NAME.token holds the id of the key in the token, in hex, and on a second line the PKCS#11 URI of the token; where it stands the file
 * is not looked for.  A prefix names the same files
 * of another time: "next-" (made, not in use yet), "former-", "until-SECONDS-". */
#ifndef PLI_KEY_H
#define PLI_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "status.h"

struct buf;
struct keyring;

enum key_name { KEY_SEAL, KEY_OPERATOR, KEY_TSA, KEY_LOG, KEY_WRAP, KEY_NAMES };
#define KEY_FILE_MAX 64

/* "seal" "operator" "tsa" "log" "wrap" */
const char *key_name(enum key_name name);
bool key_name_parse(const char *text, enum key_name *name_r);
/* Names of its files below keys/; each returns file_r. */
char *key_file(char file_r[KEY_FILE_MAX], enum key_name name, const char *prefix);		/* seal.key */
char *key_token_file(char file_r[KEY_FILE_MAX], enum key_name name, const char *prefix);	/* seal.token */

struct key;	/* one thread at a time */
/* PLI_ABSENT: neither file is there.  ring is borrowed for the key's life when it lies in the token. */
MUST enum pli_status key_open(const struct keyring *ring, enum key_name name, const char *prefix, struct key **key_r, struct err *err);
/* A new one, durable: in the token when the settings say so, else in a file.  What lies there under the prefix is replaced. */
MUST enum pli_status key_make(const struct keyring *ring, enum key_name name, const char *prefix, struct key **key_r, struct err *err);
void key_close(struct key *key);		/* wipes; NULL is allowed */
/* Its files below keys/, and the key in the token: gone for good.  Absent ones are no fault. */
MUST enum pli_status key_destroy(const struct keyring *ring, enum key_name name, const char *prefix, struct err *err);
/* Do its files stand there? */
bool key_there(const struct keyring *ring, enum key_name name, const char *prefix);
/* Moves the files of one prefix to another, over what is there; in one step per file. */
MUST enum pli_status key_rename(const struct keyring *ring, enum key_name name, const char *from, const char *to, struct err *err);

/* seal, operator, tsa, log: the OpenSSL key (of a log key in the token: its public half alone); borrowed. */
EVP_PKEY *key_pkey(const struct key *key);
/* log */
const uint8_t *key_public(const struct key *key);
MUST enum pli_status key_sign_note(struct key *key, const void *p, size_t n, uint8_t signature_r[64], struct err *err);
/* wrap: in the form of cipher_seal.  PLI_INPUT: does not open. */
MUST enum pli_status key_seal(struct key *key, const void *aad, size_t aad_n, const void *p, size_t n, struct buf *out, struct err *err);
MUST enum pli_status key_unseal(struct key *key, const void *aad, size_t aad_n, const void *p, size_t n, struct buf *out, struct err *err);

/* Appends: seal, operator, tsa: ECDSA with SHA-256 over text, DER; log: Ed25519; wrap: SHA-256(text) sealed, AAD "pli/key-change/1". */
MUST enum pli_status key_testify(struct key *key, const void *text, size_t n, struct buf *out, struct err *err);
MUST enum pli_status key_testimony_check(struct key *key, const void *text, size_t n, const void *testimony, size_t testimony_n,
					 struct err *err);

#endif
