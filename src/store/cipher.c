/* Encryption at rest over OpenSSL's AES-256-GCM; formats in cipher.h. */
#include <assert.h>
#include <pthread.h>
#include <string.h>

#include <openssl/evp.h>

#include "buf.h"
#include "pool.h"

#include "digest.h"

#include "cipher.h"

#define NONCE_BYTES 12
#define TAG_BYTES 16
#define SALT_BYTES 24
#define COMMITMENT_BYTES 32
#define CHUNKS_MAX (UINT64_C(1) << 38)
#define LABEL "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM"
#define CONTEXT_MAX_BYTES 256

/* Fetched once: the implicit fetch of every init takes locks. */
static pthread_once_t gcm_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *gcm;

static void gcm_fetch(void)
{
	gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	assert(gcm);
}

static EVP_CIPHER_CTX *gcm_ctx(const uint8_t key[32], int encrypt)
{
	EVP_CIPHER_CTX *ctx;

	pthread_once(&gcm_once, gcm_fetch);
	ctx = EVP_CIPHER_CTX_new();
	if (ctx && EVP_CipherInit_ex2(ctx, gcm, key, NULL, encrypt, NULL) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

/* One AEAD operation with the key already in ctx; the tag follows the ciphertext. */
static int gcm_seal(EVP_CIPHER_CTX *ctx, const uint8_t nonce[NONCE_BYTES], const void *aad, size_t aad_n,
		    const void *p, size_t n, uint8_t *out)
{
	int got = 0, end = 0;

	return EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
	       (!aad_n || EVP_EncryptUpdate(ctx, NULL, &got, aad, (int)aad_n) == 1) &&
	       (!n || EVP_EncryptUpdate(ctx, out, &got, p, (int)n) == 1) &&
	       EVP_EncryptFinal_ex(ctx, out + n, &end) == 1 && end == 0 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out + n) == 1;
}

/* n counts the tag; out gets n - 16 bytes and is wiped when the tag does not match. */
static int gcm_open(EVP_CIPHER_CTX *ctx, const uint8_t nonce[NONCE_BYTES], const void *aad, size_t aad_n,
		    const uint8_t *p, size_t n, uint8_t *out)
{
	uint8_t tag[TAG_BYTES], none[1];
	size_t plain_n = n - TAG_BYTES;
	int got = 0, end = 0;
	int ok;

	memcpy(tag, p + plain_n, TAG_BYTES);
	ok = EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
	     (!aad_n || EVP_DecryptUpdate(ctx, NULL, &got, aad, (int)aad_n) == 1) &&
	     (!plain_n || EVP_DecryptUpdate(ctx, out, &got, p, (int)plain_n) == 1) &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
	     EVP_DecryptFinal_ex(ctx, none, &end) == 1;
	if (!ok && plain_n)
		mem_wipe(out, plain_n);
	return ok;
}

enum pli_status cipher_seal(const uint8_t key[32], const void *aad, size_t aad_n, const void *p, size_t n,
			    struct buf *out, struct err *err)
{
	EVP_CIPHER_CTX *ctx = gcm_ctx(key, 1);
	uint8_t *at = buf_reserve(out, n + CIPHER_SEAL_BYTES);
	int ok;

	mem_random(at, NONCE_BYTES);
	ok = ctx && n <= INT32_MAX && aad_n <= INT32_MAX && gcm_seal(ctx, at, aad, aad_n, p, n, at + NONCE_BYTES);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		return err_set(err, PLI_BUG, "encryption failed");
	out->n += n + CIPHER_SEAL_BYTES;
	return PLI_OK;
}

enum pli_status cipher_open(const uint8_t key[32], const void *aad, size_t aad_n, const void *p, size_t n,
			    struct buf *out, struct err *err)
{
	const uint8_t *sealed = p;
	EVP_CIPHER_CTX *ctx;
	uint8_t *at;
	int ok;

	if (n < CIPHER_SEAL_BYTES || n > INT32_MAX || aad_n > INT32_MAX)
		return err_set(err, PLI_INPUT, "sealed value does not open");
	ctx = gcm_ctx(key, 0);
	if (!ctx)
		return err_set(err, PLI_BUG, "decryption failed");
	at = buf_reserve(out, n - CIPHER_SEAL_BYTES);
	ok = gcm_open(ctx, sealed, aad, aad_n, sealed + NONCE_BYTES, n - NONCE_BYTES, at);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		return err_set(err, PLI_INPUT, "sealed value does not open");
	out->n += n - CIPHER_SEAL_BYTES;
	if (out->p)
		out->p[out->n] = 0;
	return PLI_OK;
}

void cipher_hmac(const uint8_t key[32], const void *p, size_t n, uint8_t mac_r[32])
{
	digest_hmac_sha256(key, p, n, mac_r);
}

void cipher_sha256(const void *p, size_t n, uint8_t digest_r[32])
{
	struct digest digest;

	digest_init(&digest);
	digest_add(&digest, p, n);
	digest_final(&digest, digest_r);
}

/* The key is expanded into each context once; a chunk only sets its nonce. */
struct cipher_chunks {
	uint8_t key[CIPHER_KEY_BYTES];
	uint8_t nonce[NONCE_BYTES];
	EVP_CIPHER_CTX *seal, *unseal;	/* made at first use */
};

static struct cipher_chunks *chunks_derive(const uint8_t input_key[32], const void *context, size_t context_n,
					   const uint8_t salt[SALT_BYTES], uint8_t commitment_r[COMMITMENT_BYTES])
{
	struct cipher_chunks *c = mem_alloc(sizeof(*c));
	uint8_t info[sizeof(LABEL) + SALT_BYTES + CONTEXT_MAX_BYTES];
	uint8_t made[CIPHER_KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES];

	assert(context_n <= CONTEXT_MAX_BYTES);
	memcpy(info, LABEL, sizeof(LABEL));	/* with its NUL, the separator */
	memcpy(info + sizeof(LABEL), salt, SALT_BYTES);
	if (context_n)
		memcpy(info + sizeof(LABEL) + SALT_BYTES, context, context_n);
	digest_hkdf_expand_sha512(input_key, CIPHER_KEY_BYTES, info, sizeof(LABEL) + SALT_BYTES + context_n,
				  made, sizeof(made));
	memcpy(c->key, made, CIPHER_KEY_BYTES);
	memcpy(c->nonce, made + CIPHER_KEY_BYTES, NONCE_BYTES);
	memcpy(commitment_r, made + CIPHER_KEY_BYTES + NONCE_BYTES, COMMITMENT_BYTES);
	mem_wipe(made, sizeof(made));
	return c;
}

enum pli_status cipher_chunks_new(const uint8_t input_key[32], const void *context, size_t context_n,
				  struct buf *header_out, struct cipher_chunks **chunks_r, struct err *err)
{
	uint8_t header[CIPHER_HEADER_BYTES];

	(void)err;
	mem_random(header, SALT_BYTES);
	*chunks_r = chunks_derive(input_key, context, context_n, header, header + SALT_BYTES);
	buf_add(header_out, header, sizeof(header));
	return PLI_OK;
}

enum pli_status cipher_chunks_open(const uint8_t input_key[32], const void *context, size_t context_n,
				   const uint8_t header[CIPHER_HEADER_BYTES], struct cipher_chunks **chunks_r,
				   struct err *err)
{
	uint8_t commitment[COMMITMENT_BYTES];
	struct cipher_chunks *c = chunks_derive(input_key, context, context_n, header, commitment);

	if (!mem_same(commitment, header + SALT_BYTES, COMMITMENT_BYTES)) {
		cipher_chunks_free(c);
		return err_set(err, PLI_INPUT, "stored bytes are not of this key and place");
	}
	*chunks_r = c;
	return PLI_OK;
}

static void chunk_nonce(const struct cipher_chunks *c, uint64_t k, uint8_t nonce[NONCE_BYTES])
{
	memcpy(nonce, c->nonce, NONCE_BYTES);
	for (int i = 0; i < 8; i++)
		nonce[NONCE_BYTES - 1 - i] ^= (uint8_t)(k >> (8 * i));
}

enum pli_status cipher_chunk_seal(struct cipher_chunks *c, uint64_t k, const void *p, size_t n, uint8_t *out,
				  struct err *err)
{
	uint8_t nonce[NONCE_BYTES];

	assert(n <= CIPHER_CHUNK_BYTES);
	if (k >= CHUNKS_MAX)
		return err_set(err, PLI_LIMIT, "too large for one encrypted object");
	if (!c->seal)
		c->seal = gcm_ctx(c->key, 1);
	chunk_nonce(c, k, nonce);
	if (!c->seal || !gcm_seal(c->seal, nonce, NULL, 0, p, n, out))
		return err_set(err, PLI_BUG, "encryption failed");
	return PLI_OK;
}

enum pli_status cipher_chunk_unseal(struct cipher_chunks *c, uint64_t k, const void *p, size_t n, uint8_t *out,
				    struct err *err)
{
	uint8_t nonce[NONCE_BYTES];

	if (k >= CHUNKS_MAX || n < TAG_BYTES || n > CIPHER_CHUNK_SEALED_BYTES)
		return err_set(err, PLI_INPUT, "stored bytes do not open");
	if (!c->unseal)
		c->unseal = gcm_ctx(c->key, 0);
	if (!c->unseal)
		return err_set(err, PLI_BUG, "decryption failed");
	chunk_nonce(c, k, nonce);
	if (!gcm_open(c->unseal, nonce, NULL, 0, p, n, out))
		return err_set(err, PLI_INPUT, "stored bytes do not open");
	return PLI_OK;
}

void cipher_chunks_free(struct cipher_chunks *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->seal);
	EVP_CIPHER_CTX_free(c->unseal);
	mem_wipe(c, sizeof(*c));
	mem_free(c);
}
