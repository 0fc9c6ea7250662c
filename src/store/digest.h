/* SHA-256 whose running state can be stored and continued, HMAC-SHA256 and HKDF-Expand-SHA512.
 *
 * They stand on the block functions of OpenSSL (SHA256_CTX, 112 plain bytes): the EVP digests hide their state, and cost
 * a look-up per use that small inputs feel. */
#ifndef PLI_DIGEST_H
#define PLI_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_STATE_BYTES 112

struct digest {
	uint64_t state[DIGEST_STATE_BYTES / 8];
};

void digest_init(struct digest *digest);
void digest_add(struct digest *digest, const void *p, size_t n);
/* The state is used up (and wiped); copy it before to go on. */
void digest_final(struct digest *digest, uint8_t out_r[32]);

/* The running state as stored: h0..h7 (u32), bytes taken (u64), bytes of the open block (u8), the 64 bytes of that block;
 * all big-endian, independent of the library's layout. */
#define DIGEST_STORED_BYTES (32 + 8 + 1 + 64)
void digest_store(const struct digest *digest, uint8_t out[DIGEST_STORED_BYTES]);
/* 0 when in is not a state that digest_store can give. */
int digest_restore(struct digest *digest, const uint8_t in[DIGEST_STORED_BYTES]);

void digest_hmac_sha256(const uint8_t key[32], const void *p, size_t n, uint8_t mac_r[32]);
/* The same for many short texts under one key: the key is taken in once. */
struct digest_hmac {
	struct digest inner, outer;
};
void digest_hmac_key(struct digest_hmac *hmac_r, const uint8_t key[32]);	/* the caller wipes it */
void digest_hmac_of(const struct digest_hmac *hmac, const void *p, size_t n, uint8_t mac_r[32]);
/* RFC 5869 section 2.3 over SHA-512; prk of at most 128 bytes; n at most 255 * 64. */
void digest_hkdf_expand_sha512(const void *prk, size_t prk_n, const void *info, size_t info_n, void *out, size_t n);

#endif
