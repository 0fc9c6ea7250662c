/* Sealed bytes as they come from disk: chunked messages, sealed values, progress records, stored digest states.
 * The first byte chooses; whatever opens must be what was sealed. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "cipher.h"
#include "digest.h"
#include "object_private.h"
#include "pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void key_make(uint8_t key[32])
{
	for (int i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
}

/* A message under the fixed key and context, whose byte i is 7 i + 3 (the seeds). */
static void message(const uint8_t key[32], const uint8_t *p, size_t n)
{
	uint8_t context[48], *out = mem_alloc(CIPHER_CHUNK_BYTES);
	struct cipher_chunks *c;

	memcpy(context, "pli/object/1", 12);
	for (int i = 0; i < 36; i++)
		context[12 + i] = (uint8_t)i;
	if (n >= CIPHER_HEADER_BYTES && cipher_chunks_open(key, context, sizeof(context), p, &c, NULL) == PLI_OK) {
		for (uint64_t k = 0; n > CIPHER_HEADER_BYTES + k * CIPHER_CHUNK_SEALED_BYTES; k++) {
			const uint8_t *at = p + CIPHER_HEADER_BYTES + k * CIPHER_CHUNK_SEALED_BYTES;
			size_t left = n - (size_t)(at - p);
			size_t take = left < CIPHER_CHUNK_SEALED_BYTES ? left : CIPHER_CHUNK_SEALED_BYTES;

			if (cipher_chunk_unseal(c, k, at, take, out, NULL) != PLI_OK)
				break;
			for (size_t i = 0; i + 16 < take; i++)
				assert(out[i] == (uint8_t)((k * CIPHER_CHUNK_BYTES + i) * 7 + 3));
		}
		cipher_chunks_free(c);
	}
	mem_free(out);
}

static void sealed_value(const uint8_t key[32], const uint8_t *p, size_t n)
{
	AUTO_BUF out = { 0 };

	if (cipher_open(key, "place", 5, p, n, &out, NULL) == PLI_OK)
		assert(out.n == n - CIPHER_SEAL_BYTES);
	else
		assert(out.n == 0);
}

/* An authentic record with any content, and any bytes as a record. */
static void progress(const uint8_t key[32], const uint8_t *p, size_t n)
{
	static const struct uuid id;
	struct object_progress *got = mem_alloc(sizeof(*got));
	AUTO_BUF sealed = { 0 };
	uint8_t derived[32], aad[46] = "pli/progress/1";

	digest_hkdf_expand_sha512(key, 32, "pli/progress/1", 14, derived, 32);
	if (cipher_seal(derived, aad, sizeof(aad), p, n, &sealed, NULL) == PLI_OK &&
	    object_progress_open(sealed.p, sealed.n, key, &id, &id, got, NULL) == PLI_OK)
		assert(got->tail_n <= sizeof(got->tail));
	(void)!object_progress_open(p, n, key, &id, &id, got, NULL);
	mem_free(got);
}

static void digest_state(const uint8_t *p, size_t n)
{
	uint8_t stored[DIGEST_STORED_BYTES] = { 0 }, again[DIGEST_STORED_BYTES], out[32];
	struct digest digest;

	memcpy(stored, p, n < sizeof(stored) ? n : sizeof(stored));
	if (!digest_restore(&digest, stored))
		return;
	digest_store(&digest, again);
	assert(memcmp(again, stored, 41 + stored[40]) == 0);
	digest_add(&digest, p, n);
	digest_final(&digest, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t key[32];

	if (!size)
		return 0;
	key_make(key);
	switch (data[0] % 4) {
	case 0:
		message(key, data + 1, size - 1);
		break;
	case 1:
		sealed_value(key, data + 1, size - 1);
		break;
	case 2:
		progress(key, data + 1, size - 1);
		break;
	default:
		digest_state(data + 1, size - 1);
	}
	return 0;
}
