/* Encryption at rest.
 *
 * Small things: AES-256-GCM, random 96-bit nonce; sealed = nonce(12) ‖ ciphertext ‖ tag(16).  aad binds a sealed value to its
 * place (purpose, kid, entity, letter, recipient or object), so that sealed values cannot change places.
 * Large things: C2SP chunked-encryption, AEAD_AES_256_GCM ("Cobblestone-256"): HKDF-Expand-SHA512(input key,
 * "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" ‖ 00 ‖ salt24 ‖ context) -> key32 ‖ nonce12 ‖ commitment32;
 * message = salt(24) ‖ commitment(32) ‖ chunks of 16 KiB, each ‖ tag(16); nonce XOR counter; the last chunk is shorter than
 * 16 KiB (possibly empty).  Offset of chunk k = 56 + 16400 k. */
#ifndef PLI_CIPHER_H
#define PLI_CIPHER_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct buf;

#define CIPHER_KEY_BYTES 32
#define CIPHER_SEAL_BYTES 28		/* what sealing adds */
#define CIPHER_CHUNK_BYTES 16384
#define CIPHER_CHUNK_SEALED_BYTES 16400
#define CIPHER_HEADER_BYTES 56

/* Appends sealed bytes to out. */
MUST enum pli_status cipher_seal(const uint8_t key[32], const void *aad, size_t aad_n, const void *p, size_t n,
				 struct buf *out, struct err *err);
/* Appends the plain bytes to out; PLI_INPUT on any change (nothing is appended) ("sealed value does not open"). */
MUST enum pli_status cipher_open(const uint8_t key[32], const void *aad, size_t aad_n, const void *p, size_t n,
				 struct buf *out, struct err *err);

/* HMAC-SHA256, for blind look-ups. */
void cipher_hmac(const uint8_t key[32], const void *p, size_t n, uint8_t mac_r[32]);
void cipher_sha256(const void *p, size_t n, uint8_t digest_r[32]);

/* Chunked form, one segment: a writer of whole chunks and a random-access reader. */
struct cipher_chunks;
/* New salt and keys; appends the 56-byte header to out. */
MUST enum pli_status cipher_chunks_new(const uint8_t input_key[32], const void *context, size_t context_n,
				       struct buf *header_out, struct cipher_chunks **chunks_r, struct err *err);
/* From an existing header; PLI_INPUT when the commitment does not match. */
MUST enum pli_status cipher_chunks_open(const uint8_t input_key[32], const void *context, size_t context_n,
					const uint8_t header[CIPHER_HEADER_BYTES], struct cipher_chunks **chunks_r, struct err *err);
/* Chunk number k (< 2^38) of n <= 16384 bytes (n < 16384 exactly for the last); out gets n+16 bytes.
 * The caller never seals the same k twice.  One thread at a time. */
MUST enum pli_status cipher_chunk_seal(struct cipher_chunks *c, uint64_t k, const void *p, size_t n, uint8_t *out, struct err *err);
MUST enum pli_status cipher_chunk_unseal(struct cipher_chunks *c, uint64_t k, const void *p, size_t n, uint8_t *out, struct err *err);
void cipher_chunks_free(struct cipher_chunks *c);	/* wipes */

#endif
