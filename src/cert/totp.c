/* Codes of a second factor, see totp.h. */
#include <assert.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "pool.h"

#include "totp.h"

uint32_t totp_code(const uint8_t *secret, size_t n, uint64_t step)
{
	uint8_t message[8], mac[EVP_MAX_MD_SIZE];
	unsigned mac_n = 0, at;
	uint32_t value;

	for (int i = 0; i < 8; i++)
		message[i] = (uint8_t)(step >> (8 * (7 - i)));
	if (!HMAC(EVP_sha1(), secret, (int)n, message, sizeof(message), mac, &mac_n) || mac_n != 20)
		assert(!"HMAC-SHA-1");
	at = mac[19] & 0x0f;
	value = ((uint32_t)(mac[at] & 0x7f) << 24) | ((uint32_t)mac[at + 1] << 16) | ((uint32_t)mac[at + 2] << 8) | mac[at + 3];
	mem_wipe(mac, sizeof(mac));
	return value % (TOTP_CODE_MAX + 1);
}

bool totp_check(const uint8_t *secret, size_t n, uint32_t code, int64_t now_s, uint64_t *step_r)
{
	uint64_t now = (uint64_t)now_s / TOTP_STEP_S, found = 0;
	bool right = false;

	for (uint64_t step = now ? now - 1 : 0; step <= now + 1; step++) {
		bool fits = totp_code(secret, n, step) == code;

		found = fits ? step : found;
		right |= fits;
	}
	*step_r = found;
	return right;
}
