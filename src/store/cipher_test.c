/* Sealing and the chunked form: vectors made with another implementation (Python's hmac, hashlib and AESGCM), and every
 * way of changing sealed bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "digest.h"

#include "store_testing.h"

static uint8_t key[32], other_key[32];

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < 32; i++) {
		key[i] = (uint8_t)i;
		other_key[i] = (uint8_t)(i + 1);
	}
	return 0;
}

static void assert_hex(const void *p, size_t n, const char *hex)
{
	AUTO_BUF out;

	buf_init(&out);
	hex_encode(buf_reserve(&out, 2 * n + 1), p, n);
	assert_string_equal(out.p, hex);
}

static void hashes_match_vectors(void **state)
{
	uint8_t out[82];

	(void)state;
	cipher_hmac(key, "pli", 3, out);
	assert_hex(out, 32, "8f14b8c5baa347e3c4fc668c2200809af9e05510d3eedb50efcd7376dfecfef6");
	cipher_sha256("abc", 3, out);
	assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_hkdf_expand_sha512(key, 32, "info", 4, out, 82);
	assert_hex(out, 82, "d40d67a9d7c34ec3c2c3eca41e6f25e08441c93422575b091a5d9f9cb9bd6da3f7145c42fae0a63d0c"
		"73fedacaaa63edbdd80d92f11aeaa7d8deac5ccef5e4ae89eaeee743c853e23658c065534fb881ad89");
}

static void digest_state_can_be_stored_anywhere(void **state)
{
	uint8_t bytes[300], whole[32], got[32], stored[DIGEST_STORED_BYTES];

	(void)state;
	mem_random(bytes, sizeof(bytes));
	cipher_sha256(bytes, sizeof(bytes), whole);
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		struct digest digest;

		digest_init(&digest);
		digest_add(&digest, bytes, cut);
		digest_store(&digest, stored);
		memset(&digest, 0xee, sizeof(digest));
		assert_true(digest_restore(&digest, stored));
		digest_add(&digest, bytes + cut, sizeof(bytes) - cut);
		digest_final(&digest, got);
		assert_memory_equal(got, whole, 32);
	}
	stored[40] = 64;
	assert_false(digest_restore(&(struct digest) { 0 }, stored));
	stored[40] = (uint8_t)((300 % 64) ^ 1);
	assert_false(digest_restore(&(struct digest) { 0 }, stored));
}

static void sealed_values_open_only_in_place(void **state)
{
	uint8_t vector[33];
	AUTO_BUF sealed;
	AUTO_BUF plain;
	struct err err;

	(void)state;
	buf_init(&sealed);
	buf_init(&plain);
	assert_true(hex_decode(vector, 33, "000102030405060708090a0b346fb777a9f8554abd35c133e614f223ca1234ee36", 66));
	assert_int_equal(cipher_open(key, "place", 5, vector, 33, &plain, &err), PLI_OK);
	assert_int_equal(plain.n, 5);
	assert_string_equal(plain.p, "small");
	buf_reset(&plain);

	assert_int_equal(cipher_seal(key, "place", 5, "secret words", 12, &sealed, &err), PLI_OK);
	assert_int_equal(sealed.n, 12 + CIPHER_SEAL_BYTES);
	assert_int_equal(cipher_open(other_key, "place", 5, sealed.p, sealed.n, &plain, &err), PLI_INPUT);
	assert_int_equal(cipher_open(key, "Place", 5, sealed.p, sealed.n, &plain, &err), PLI_INPUT);
	assert_int_equal(cipher_open(key, "place", 4, sealed.p, sealed.n, &plain, &err), PLI_INPUT);
	for (size_t i = 0; i < sealed.n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			sealed.p[i] ^= (char)(1 << bit);
			assert_int_equal(cipher_open(key, "place", 5, sealed.p, sealed.n, &plain, &err), PLI_INPUT);
			sealed.p[i] ^= (char)(1 << bit);
		}
		assert_int_equal(cipher_open(key, "place", 5, sealed.p, i, &plain, &err), PLI_INPUT);
	}
	assert_int_equal(plain.n, 0);
	assert_int_equal(cipher_open(key, "place", 5, sealed.p, sealed.n, &plain, &err), PLI_OK);
	assert_string_equal(plain.p, "secret words");
	buf_reset(&sealed);
	buf_reset(&plain);
	assert_int_equal(cipher_seal(key, NULL, 0, NULL, 0, &sealed, &err), PLI_OK);
	assert_int_equal(cipher_open(key, NULL, 0, sealed.p, sealed.n, &plain, &err), PLI_OK);
	assert_int_equal(plain.n, 0);
}

static void chunks_match_the_vector(void **state)
{
	uint8_t header[CIPHER_HEADER_BYTES], context[12 + 36], digest[32];
	static uint8_t plain[16389], sealed[CIPHER_HEADER_BYTES + CIPHER_CHUNK_SEALED_BYTES + 21];
	struct cipher_chunks *c;
	struct err err;
	uint8_t far[19];

	(void)state;
	for (int i = 0; i < 24; i++)
		header[i] = (uint8_t)(100 + i);
	assert_true(hex_decode(header + 24, 32, "182662b442a686a0b097cab9cff9ee57a4cf561748605a725b66ce6f22d71615", 64));
	memcpy(context, "pli/object/1", 12);
	for (int i = 0; i < 36; i++)
		context[12 + i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7 + 3);
	assert_int_equal(cipher_chunks_open(key, context, sizeof(context), header, &c, &err), PLI_OK);
	memcpy(sealed, header, sizeof(header));
	assert_int_equal(cipher_chunk_seal(c, 0, plain, 16384, sealed + 56, &err), PLI_OK);
	assert_int_equal(cipher_chunk_seal(c, 1, plain + 16384, 5, sealed + 56 + 16400, &err), PLI_OK);
	cipher_sha256(sealed, sizeof(sealed), digest);
	assert_hex(digest, 32, "48ff679badfd7a666c6a89a88cb79cf740ec7667ded72e52e3d9e223c279b863");
	assert_int_equal(cipher_chunk_seal(c, UINT64_C(0x2345678901), "far", 3, far, &err), PLI_OK);
	assert_hex(far, 19, "3a2a3774be01ad534d1125b7aad00e5550274f");
	assert_int_equal(cipher_chunk_seal(c, UINT64_C(1) << 38, "far", 3, far, &err), PLI_LIMIT);
	cipher_chunks_free(c);
}

static void a_changed_header_or_context_is_refused(void **state)
{
	struct cipher_chunks *c;
	AUTO_BUF header;
	struct err err;

	(void)state;
	buf_init(&header);
	assert_int_equal(cipher_chunks_new(key, "here", 4, &header, &c, &err), PLI_OK);
	cipher_chunks_free(c);
	assert_int_equal(header.n, CIPHER_HEADER_BYTES);
	for (size_t i = 0; i < header.n; i++) {
		header.p[i] ^= 1;
		assert_int_equal(cipher_chunks_open(key, "here", 4, (uint8_t *)header.p, &c, &err), PLI_INPUT);
		header.p[i] ^= 1;
	}
	assert_int_equal(cipher_chunks_open(key, "here", 3, (uint8_t *)header.p, &c, &err), PLI_INPUT);
	assert_int_equal(cipher_chunks_open(key, "herf", 4, (uint8_t *)header.p, &c, &err), PLI_INPUT);
	assert_int_equal(cipher_chunks_open(other_key, "here", 4, (uint8_t *)header.p, &c, &err), PLI_INPUT);
	assert_int_equal(cipher_chunks_open(key, "here", 4, (uint8_t *)header.p, &c, &err), PLI_OK);
	cipher_chunks_free(c);
}

static void every_changed_byte_of_a_chunk_is_found(void **state)
{
	static uint8_t plain[CIPHER_CHUNK_BYTES], sealed[CIPHER_CHUNK_SEALED_BYTES], got[CIPHER_CHUNK_BYTES];
	const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, CIPHER_CHUNK_BYTES };
	struct cipher_chunks *c;
	AUTO_BUF header;
	struct err err;

	(void)state;
	buf_init(&header);
	mem_random(plain, sizeof(plain));
	assert_int_equal(cipher_chunks_new(key, NULL, 0, &header, &c, &err), PLI_OK);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		size_t n = sizes[s], step = n > 2000 ? 37 : 1;

		assert_int_equal(cipher_chunk_seal(c, s, plain, n, sealed, &err), PLI_OK);
		assert_int_equal(cipher_chunk_unseal(c, s, sealed, n + 16, got, &err), PLI_OK);
		assert_memory_equal(got, plain, n);
		for (size_t i = 0; i < n + 16; i += step) {
			sealed[i] ^= 0x80;
			assert_int_equal(cipher_chunk_unseal(c, s, sealed, n + 16, got, &err), PLI_INPUT);
			sealed[i] ^= 0x80;
		}
		/* In another place, shorter, longer, too short for a tag. */
		assert_int_equal(cipher_chunk_unseal(c, s + 1, sealed, n + 16, got, &err), PLI_INPUT);
		assert_int_equal(cipher_chunk_unseal(c, s, sealed, n + 15, got, &err), PLI_INPUT);
		assert_int_equal(cipher_chunk_unseal(c, s, sealed, 3, got, &err), PLI_INPUT);
		if (n)
			assert_int_equal(got[0], 0);	/* nothing unauthenticated is left behind */
	}
	cipher_chunks_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_match_vectors),
		cmocka_unit_test(digest_state_can_be_stored_anywhere),
		cmocka_unit_test(sealed_values_open_only_in_place),
		cmocka_unit_test(chunks_match_the_vector),
		cmocka_unit_test(a_changed_header_or_context_is_refused),
		cmocka_unit_test(every_changed_byte_of_a_chunk_is_found),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
