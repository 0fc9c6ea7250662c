/* Plain hashing; see digest.h. */
#define OPENSSL_SUPPRESS_DEPRECATED	/* the low-level SHA calls: their state is a plain struct */
#include <assert.h>
#include <string.h>

#include <openssl/sha.h>

#include "pool.h"

#include "digest.h"

_Static_assert(sizeof(SHA256_CTX) <= DIGEST_STATE_BYTES, "room for OpenSSL's state");

static SHA256_CTX *ctx_of(struct digest *digest)
{
	return (SHA256_CTX *)(void *)digest->state;
}

void digest_init(struct digest *digest)
{
	memset(digest, 0, sizeof(*digest));
	SHA256_Init(ctx_of(digest));
}

void digest_add(struct digest *digest, const void *p, size_t n)
{
	if (n)
		SHA256_Update(ctx_of(digest), p, n);
}

void digest_final(struct digest *digest, uint8_t out_r[32])
{
	SHA256_Final(out_r, ctx_of(digest));
	mem_wipe(digest, sizeof(*digest));
}

static void put_u32(uint8_t *out, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get_u32(const uint8_t *in)
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

void digest_store(const struct digest *digest, uint8_t out[DIGEST_STORED_BYTES])
{
	const SHA256_CTX *ctx = (const SHA256_CTX *)(const void *)digest->state;
	uint64_t bits = (uint64_t)ctx->Nh << 32 | ctx->Nl;
	uint64_t bytes = bits / 8;

	memset(out, 0, DIGEST_STORED_BYTES);
	for (int i = 0; i < 8; i++)
		put_u32(out + 4 * i, ctx->h[i]);
	put_u32(out + 32, (uint32_t)(bytes >> 32));
	put_u32(out + 36, (uint32_t)bytes);
	out[40] = (uint8_t)ctx->num;
	memcpy(out + 41, ctx->data, ctx->num);
}

int digest_restore(struct digest *digest, const uint8_t in[DIGEST_STORED_BYTES])
{
	SHA256_CTX *ctx = ctx_of(digest);
	uint64_t bytes = (uint64_t)get_u32(in + 32) << 32 | get_u32(in + 36);

	if (in[40] >= 64 || bytes % 64 != in[40] || bytes >> 61)
		return 0;
	digest_init(digest);
	for (int i = 0; i < 8; i++)
		ctx->h[i] = get_u32(in + 4 * i);
	ctx->Nh = (SHA_LONG)((bytes * 8) >> 32);
	ctx->Nl = (SHA_LONG)(bytes * 8);
	ctx->num = in[40];
	memcpy(ctx->data, in + 41, in[40]);
	return 1;
}

void digest_hmac_key(struct digest_hmac *hmac_r, const uint8_t key[32])
{
	uint8_t pad[64] = { 0 };

	memcpy(pad, key, 32);
	for (int i = 0; i < 64; i++)
		pad[i] ^= 0x36;
	digest_init(&hmac_r->inner);
	digest_add(&hmac_r->inner, pad, sizeof(pad));
	for (int i = 0; i < 64; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	digest_init(&hmac_r->outer);
	digest_add(&hmac_r->outer, pad, sizeof(pad));
	mem_wipe(pad, sizeof(pad));
}

void digest_hmac_of(const struct digest_hmac *hmac, const void *p, size_t n, uint8_t mac_r[32])
{
	struct digest digest = hmac->inner;

	digest_add(&digest, p, n);
	digest_final(&digest, mac_r);
	digest = hmac->outer;
	digest_add(&digest, mac_r, 32);
	digest_final(&digest, mac_r);
}

void digest_hmac_sha256(const uint8_t key[32], const void *p, size_t n, uint8_t mac_r[32])
{
	struct digest_hmac hmac;

	digest_hmac_key(&hmac, key);
	digest_hmac_of(&hmac, p, n, mac_r);
	mem_wipe(&hmac, sizeof(hmac));
}

/* The two keyed starting states of HMAC-SHA512. */
struct hmac512 {
	SHA512_CTX inner, outer;
};

static void hmac512_key(struct hmac512 *h, const void *key, size_t key_n)
{
	uint8_t pad[128] = { 0 };

	assert(key_n <= sizeof(pad));
	memcpy(pad, key, key_n);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	SHA512_Init(&h->inner);
	SHA512_Update(&h->inner, pad, sizeof(pad));
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	SHA512_Init(&h->outer);
	SHA512_Update(&h->outer, pad, sizeof(pad));
	mem_wipe(pad, sizeof(pad));
}

void digest_hkdf_expand_sha512(const void *prk, size_t prk_n, const void *info, size_t info_n, void *out, size_t n)
{
	struct hmac512 h;
	SHA512_CTX ctx;
	uint8_t t[64];
	uint8_t *at = out;
	size_t t_n = 0;

	assert(n <= 255 * sizeof(t));
	hmac512_key(&h, prk, prk_n);
	for (uint8_t i = 1; n; i++) {
		size_t take = n < sizeof(t) ? n : sizeof(t);

		ctx = h.inner;
		SHA512_Update(&ctx, t, t_n);
		SHA512_Update(&ctx, info, info_n);
		SHA512_Update(&ctx, &i, 1);
		SHA512_Final(t, &ctx);
		ctx = h.outer;
		SHA512_Update(&ctx, t, sizeof(t));
		SHA512_Final(t, &ctx);
		t_n = sizeof(t);
		memcpy(at, t, take);
		at += take;
		n -= take;
	}
	mem_wipe(&h, sizeof(h));
	mem_wipe(&ctx, sizeof(ctx));
	mem_wipe(t, sizeof(t));
}
