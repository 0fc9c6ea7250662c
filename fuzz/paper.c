/* Texts of paper codes.  First byte: 'T', the text as a reader of bar codes gives it; 'W', a whole behind its digits, made into one text; 'P', a
 * short form, which must come back from what is made of its long one. */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include <openssl/sha.h>

#include "buf.h"
#include "pool.h"
#include "paper.h"
#include "paper_pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any Ed25519 key: signatures are not what is tried here. */
static const char key[] = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

static void text(const char *p, size_t n)
{
	AUTO_POOL pool = pool_new();
	struct paper_facts facts;
	struct err err = { 0 };

	if (paper_verify(pool, p, n, key, &facts, &err) != PLI_OK && err.status == PLI_OK)
		__builtin_trap();
}

static void whole(const uint8_t *p, size_t n)
{
	static const int digits[] = { 0, 3, 5, 8, 10, 13, 15, 17 };
	AUTO_BUF out = { 0 }, part = { 0 };
	uint8_t digest[32];

	SHA256(p, n, digest);
	buf_add(&part, digest, 4);
	buf_add(&part, p, n);
	buf_str(&out, "p=1.1.");
	for (size_t at = 0; at < part.n; at += 7) {
		size_t take = part.n - at < 7 ? part.n - at : 7;
		uint64_t v = 0;

		for (size_t i = 0; i < take; i++)
			v = v << 8 | (uint8_t)part.p[at + i];
		buf_fmt(&out, "%0*" PRIu64, digits[take], v);
	}
	text(out.p, out.n);
}

static void packed(const uint8_t *p, size_t n)
{
	AUTO_BUF out = { 0 }, again = { 0 }, last = { 0 };
	struct err err;

	if (paper_unpack(p, n, 16384, &out, &err) != PLI_OK || !out.n)
		return;
	paper_pack(out.p, out.n, &again);
	if (paper_unpack(again.p, again.n, 20000, &last, &err) != PLI_OK || last.n != out.n || memcmp(last.p, out.p, out.n) != 0)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > 20000)
		return 0;
	if (data[0] == 'T')
		text((const char *)data + 1, size - 1);
	else if (data[0] == 'W')
		whole(data + 1, size - 1);
	else if (data[0] == 'P')
		packed(data + 1, size - 1);
	return 0;
}
